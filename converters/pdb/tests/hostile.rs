//! Truncated and damaged files, files with false sizes, and files of other kinds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod support;

use formats::FileKind;
use pdb_converter::{Error, Options};
use profile::{Arch, MappedFile};
use support::build::{
    Bytes, Module, Pdb, container, data, enumeration, fields, label, member, pointer, public, record,
    structure,
};
use support::{built, print};

/// A small PDB with records of all kinds.
fn sample() -> Pdb {
    Pdb {
        types: vec![
            fields(&[member("Flink", 0, 0x1002), member("Blink", 8, 0x1002)]),
            structure("_LIST_ENTRY", 16, 0x1000),
            pointer(0x1001),
            fields(&[label("one", &[1, 0])]),
            enumeration("e", 0x74, 0x1003),
            record(0x1205).u32(0x75).u8(3).u8(2),
            fields(&[member("list", 0, 0x1001), member("bits", 16, 0x1005), member("e", 20, 0x1004)]),
            structure("s", 24, 0x1006),
        ],
        symbols: vec![public("_f@4", true, 1, 0x10), data("d", true, 0x1007, 2, 0)],
        modules: vec![Module { name: "a.obj", symbols: vec![data("l", false, 0x1002, 2, 8)] }],
        omap: vec![(0, 0), (0x1000, 0x1800), (0x3000, 0x3000)],
        original_sections: vec![0x1000, 0x3000],
        ..Pdb::default()
    }
}

fn converted(bytes: Vec<u8>) -> Result<support::Printed, Error> {
    // The rest has to be tested even if the machine field is damaged.
    let options = Options { arch: Some(Arch::Amd64), ..Options::default() };
    print(&MappedFile::from(bytes), &options)
}

#[test]
fn every_page_size_gives_the_same_profile() {
    let expected = built(&sample());
    assert_eq!(expected.report.total(), 0, "{:?}", expected.report);
    let sections = |json: &serde_json::Value| {
        let mut json = json.clone();
        json["$METADATA"]["SourceSHA256"] = serde_json::Value::Null;
        json
    };
    for page_size in [512, 1024, 2048, 4096, 8192, 16384, 32768] {
        for scattered in [false, true] {
            let printed = built(&Pdb { page_size, scattered, ..sample() });
            assert_eq!(sections(&printed.json), sections(&expected.json), "{page_size} {scattered}");
        }
    }
}

#[test]
fn a_pdb_cut_anywhere_is_refused() {
    let bytes = sample().bytes();
    for length in 0..bytes.len() {
        let error = converted(bytes[..length].to_vec()).err();
        let right = match length {
            0 => matches!(&error, Some(Error::WrongKind(wrong)) if wrong.kind() == FileKind::Empty),
            // Shorter files are texts of any kind.
            1..4 => matches!(&error, Some(Error::WrongKind(wrong)) if wrong.kind() == FileKind::Text),
            4..32 => matches!(&error, Some(Error::WrongKind(wrong)) if wrong.kind() == FileKind::PdbCut),
            _ => matches!(error, Some(Error::Cut { found, .. }) if found == length as u64),
        };
        assert!(right, "{length} of {} bytes: {error:?}", bytes.len());
    }
}

#[test]
fn no_damaged_byte_panics_or_balloons() {
    let bytes = sample().bytes();
    for position in 32..bytes.len() {
        for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[position] = value;
            if let Ok(printed) = converted(damaged) {
                assert!(printed.text.len() < 1 << 20, "byte {position} as {value:#x}");
            }
        }
    }
}

#[test]
fn no_damaged_word_panics_or_balloons() {
    // Our own generator, so that a failure can be reproduced.
    let mut state = 1u32;
    let mut random = |limit: usize| {
        state = state.wrapping_mul(69069).wrapping_add(12345);
        (state >> 8) as usize % limit
    };
    let bytes = Pdb { scattered: true, ..sample() }.bytes();
    for round in 0..4000 {
        let mut damaged = bytes.clone();
        for _ in 0..=random(8) {
            let position = random(bytes.len() - 4);
            let word = match random(4) {
                0 => u32::MAX,
                1 => 1 << random(32),
                2 => random(0x2000) as u32,
                _ => random(usize::MAX >> 1) as u32,
            };
            damaged[position..position + 4].copy_from_slice(&word.to_le_bytes());
        }
        if let Ok(printed) = converted(damaged) {
            assert!(printed.text.len() < 1 << 20, "round {round}");
        }
    }
}

#[test]
fn an_impossible_number_of_types_is_only_counted() {
    let printed = built(&Pdb { claimed_types: 799_487_116, ..sample() });
    assert_eq!(printed.report.count("type records beyond the end of their stream"), 799_487_116);
    assert_eq!(printed.json["$STRUCTS"].as_object().unwrap().len(), 2);
}

#[test]
fn a_stream_that_claims_more_than_the_file_is_refused() {
    let sizes = |size: u32| {
        let mut bytes = container(&sample().streams(), 512, false);
        // The directory's page: the list that the header's last field points to holds its number.
        let number =
            |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let directory = number(&bytes, number(&bytes, 52) * 512) * 512;
        // The size of the third stream, the types.
        bytes[directory + 12..directory + 16].copy_from_slice(&size.to_le_bytes());
        bytes
    };
    for size in [0x7fff_ffff, 0xffff_fffe, 0x10_0000] {
        let error = converted(sizes(size)).err();
        assert!(matches!(error, Some(Error::Stream { number: 2, .. })), "{size:#x}: {error:?}");
    }
}

#[test]
fn a_pdb_without_types_or_symbols_is_converted() {
    let printed = built(&Pdb::default());
    assert_eq!(printed.json["$STRUCTS"], serde_json::Value::Null);
    assert_eq!(printed.report.total(), 0);
    // Streams with fixed numbers may be missing, except the one that identifies the build.
    let streams = sample().streams();
    let printed = converted(container(&streams[..2], 512, false)).unwrap();
    assert_eq!(printed.report.total(), 0);
    let error = converted(container(&streams[..1], 512, false)).err();
    assert!(matches!(error, Some(Error::Stream { number: 1, .. })), "{error:?}");
}

#[test]
fn a_stream_that_is_named_but_missing_is_counted() {
    let mut streams = sample().streams();
    streams.truncate(6);
    let printed = converted(container(&streams, 512, false)).unwrap();
    // The module's symbols, OMAP, section headers.
    assert_eq!(printed.report.count("streams that cannot be read"), 3, "{:?}", printed.report);
}

#[test]
fn damaged_headers_are_named_by_their_place() {
    let error = |at: usize, value: u32| {
        let mut bytes = sample().bytes();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        converted(bytes).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(error(32, 511), "MSF header at byte 32: expected a page size of 512 to 65536, found 511");
    assert!(error(44, u32::MAX).starts_with("MSF header at byte 44: expected a directory"));
    assert!(error(40, 9999).contains("its header gives 9999 pages of 512 bytes"));
    assert!(error(52, 9999).starts_with("stream 0 (stream directory) cannot be read"));
}

#[test]
fn a_type_stream_without_a_header_is_refused() {
    let mut streams = sample().streams();
    streams[2] = Bytes::default().u32(20_040_203).0;
    let error = converted(container(&streams, 512, false)).err();
    assert!(matches!(error, Some(Error::Stream { number: 2, .. })), "{error:?}");
}
