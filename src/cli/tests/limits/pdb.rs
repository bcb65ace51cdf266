//! PDBs.

use pdb_converter::{Converted, Options, convert};
use profile::{MappedFile, Resolution, Silent, write_text};

use crate::build::{
    Bytes, Module, Pdb, container, data, enumeration, fields, label, member, record, structure,
};
use crate::measure::proportional;

/// Converts a PDB and settles its names; the length of its text is returned separately, since the text goes to the
/// disk.
fn converted(bytes: Vec<u8>) -> Converted {
    let mut converted = convert(MappedFile::from(bytes), &Options::default(), &Silent).unwrap();
    let resolution = Resolution::new(&mut converted.profile, &mut converted.report);
    write_text(&converted.profile, &resolution, std::io::sink()).unwrap();
    converted
}

const INT: u32 = 0x74;

/// `of` in lists of at most some hundreds of entries each, chained; the types, and the index of the first list.
fn chain(of: &[Bytes]) -> (Vec<Bytes>, u32) {
    let mut types = Vec::new();
    let mut next = None;
    for entries in of.chunks(500).rev() {
        let list = fields(entries);
        types.push(match next {
            Some(next) => list.u16(0x1404).u16(0).u32(next),
            None => list,
        });
        next = Some(0x1000 + types.len() as u32 - 1);
    }
    (types, next.unwrap())
}

#[test]
fn structs_of_one_field_list() {
    let input = |n: usize| {
        let members: Vec<Bytes> = (0..n).map(|number| member(&format!("m{number}"), 0, INT)).collect();
        let (mut types, list) = chain(&members);
        types.extend((0..n).map(|number| structure(&format!("s{number}"), 8, list)));
        Pdb::of_types(types).bytes()
    };
    // Up to 16 MiB of field lists are read whatever the size of the file.
    proportional(1500, 1200, input, |bytes| {
        let report = converted(bytes).report;
        assert!(report.count("field lists that serve too many types") > 500, "{report:?}");
    });
}

#[test]
fn enumerations_of_one_field_list() {
    let input = |n: usize| {
        let labels: Vec<Bytes> = (0..n).map(|number| label(&format!("l{number}"), &[1, 0])).collect();
        let (mut types, list) = chain(&labels);
        types.extend((0..n).map(|number| enumeration(&format!("e{number}"), INT, list)));
        Pdb::of_types(types).bytes()
    };
    proportional(2000, 800, input, |bytes| {
        let report = converted(bytes).report;
        assert!(report.count("field lists that serve too many types") > 500, "{report:?}");
    });
}

#[test]
fn one_name_many_times() {
    let input = |n: usize| {
        let mut types = Vec::new();
        for number in 0..n {
            types.push(fields(&[member(&format!("m{number}"), 0, INT)]));
            types.push(structure("same", 8 + number as u64, 0x1000 + types.len() as u32 - 1));
        }
        // Each definition is used once, by value and through a pointer.
        for number in 0..n as u32 {
            let used = 0x1001 + 2 * number;
            types.push(fields(&[member("x", 0, used)]));
            types.push(structure(&format!("u{number}"), 1 << 20, 0x1000 + types.len() as u32 - 1));
        }
        Pdb::of_types(types).bytes()
    };
    proportional(1000, 80, input, |bytes| {
        assert!(converted(bytes).profile.types.records().len() >= 2000);
    });
}

#[test]
fn unnamed_structs_that_hold_the_next_one_twice() {
    let input = |n: usize| {
        let mut types = vec![fields(&[member("v", 0, INT)]), structure("<unnamed-tag>", 8, 0x1000)];
        for number in 0..=n {
            let last = 0x1000 + types.len() as u32 - 1;
            types.push(fields(&[member("a", 0, last), member("b", 0, last)]));
            let name = if number == n { "top" } else { "<unnamed-tag>" };
            types.push(structure(name, 8, last + 1));
        }
        Pdb::of_types(types).bytes()
    };
    proportional(200, 800, input, converted);
}

#[test]
fn types_of_types_of_types() {
    let input = |n: usize| {
        // An array of arrays, and structs that each hold the outermost one.
        let mut types = vec![record(0x1503).u32s(&[INT, INT]).number(8).text("")];
        for number in 0..n as u32 {
            types.push(record(0x1503).u32s(&[0x1000 + number, INT]).number(8).text(""));
        }
        let outermost = 0x1000 + n as u32;
        for number in 0..n {
            types.push(fields(&[member("x", 0, outermost)]));
            types.push(structure(&format!("s{number}"), 8, 0x1000 + types.len() as u32 - 1));
        }
        Pdb::of_types(types).bytes()
    };
    proportional(2000, 40, input, |bytes| {
        assert!(converted(bytes).report.count("types nested too deeply to describe") > 1000);
    });
}

/// The streams of a PDB with one module of `count` variables, whose record is in the DBI stream `modules` times.
fn streams(count: usize, modules: usize) -> Vec<Vec<u8>> {
    let symbols = (0..count).map(|number| data(&format!("v{number}"), true, INT, 1, 4 * number as u32));
    let pdb = Pdb {
        modules: vec![Module { name: "m", symbols: symbols.collect() }],
        ..Pdb::of_types(vec![structure("s", 8, 0)])
    };
    let mut streams = pdb.streams();
    let dbi = &mut streams[3];
    let size = u32::from_le_bytes(dbi[24..28].try_into().unwrap()) as usize;
    let list = dbi[64..64 + size].repeat(modules);
    dbi[24..28].copy_from_slice(&(list.len() as u32).to_le_bytes());
    dbi.splice(64..64 + size, list);
    streams
}

/// The PDB is read repeatedly through its first module; nothing else in it is lost.
fn lost_modules(bytes: Vec<u8>) {
    let converted = converted(bytes);
    assert!(converted.report.total() > 100, "{:?}", converted.report);
    assert!(converted.profile.constants.len() + converted.profile.functions.len() >= 1000);
}

#[test]
fn modules_that_name_one_stream() {
    proportional(1000, 80, |n| container(&streams(n, n), 4096, false), lost_modules);
}

#[test]
fn streams_that_name_the_same_pages() {
    let input = |n: usize| {
        // Module i names stream 6 + i, and all of these streams lie in the pages of the first.
        let mut streams = streams(2000, n);
        let first = u16::from_le_bytes(streams[3][64 + 34..64 + 36].try_into().unwrap());
        let record = (u32::from_le_bytes(streams[3][24..28].try_into().unwrap()) as usize) / n;
        let count = streams.len() as u16;
        for number in 1..n {
            let stream = count + number as u16 - 1;
            let at = 64 + number * record + 34;
            streams[3][at..at + 2].copy_from_slice(&stream.to_le_bytes());
        }
        container_with_copies(&streams, usize::from(first), n - 1)
    };
    proportional(2000, 80, input, lost_modules);
}

/// An MSF file of these streams and `copies` more, which name the pages of stream `of` in reverse order, so that none of
/// them can be read in place.
fn container_with_copies(streams: &[Vec<u8>], of: usize, copies: usize) -> Vec<u8> {
    const PAGE: usize = 4096;
    let mut pages: Vec<Vec<u8>> = vec![Vec::new(); 3];
    let mut place = |bytes: &[u8]| -> Vec<u32> {
        let first = pages.len() as u32;
        pages.extend(bytes.chunks(PAGE).map(<[u8]>::to_vec));
        (first..pages.len() as u32).collect()
    };
    let mut numbers: Vec<Vec<u32>> = streams.iter().map(|stream| place(stream)).collect();
    let mut sizes: Vec<u32> = streams.iter().map(|stream| stream.len() as u32).collect();
    for _ in 0..copies {
        numbers.push(numbers[of].iter().rev().copied().collect());
        sizes.push(sizes[of]);
    }
    let directory = Bytes::default().u32(sizes.len() as u32).u32s(&sizes).u32s(&numbers.concat()).0;
    let list = Bytes::default().u32s(&place(&directory)).0;
    let root = place(&list);
    let count = pages.len() as u32;
    pages[0] = Bytes::default()
        .raw(b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0")
        .u32s(&[PAGE as u32, 1, count, directory.len() as u32, 0])
        .u32s(&root)
        .0;
    pages.iter_mut().for_each(|page| page.resize(PAGE, 0));
    pages.concat()
}
