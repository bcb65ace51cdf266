//! Mach-O files.

use dwarf_converter::{Alone, Error, Options, convert};
use image::Image;
use profile::Silent;

use crate::elf::{abbreviations, unit};
use crate::measure::{alone, proportional};

const SEGMENT: u32 = 0x19;
const SYMTAB: u32 = 2;

/// A little-endian file of 64 bits for x86-64 of this kind, whose commands are told where the content begins.
fn macho(kind: u32, commands: impl Fn(u32) -> Vec<Vec<u8>>, content: &[u8]) -> Vec<u8> {
    let size: usize = commands(0).iter().map(Vec::len).sum();
    let commands = commands(32 + size as u32);
    let head =
        [0xfeed_facf, 0x0100_0007, 3, kind, commands.len() as u32, size as u32, 0, 0].map(u32::to_le_bytes);
    [head.concat(), commands.concat(), content.to_vec()].concat()
}

fn section(name: &str, at: u32, size: usize) -> Vec<u8> {
    let mut section = name.as_bytes().to_vec();
    section.resize(16, 0);
    section.extend(b"__DWARF\0\0\0\0\0\0\0\0\0");
    section.extend([0, size as u64].map(u64::to_le_bytes).concat());
    section.extend([at, 0, 0, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat());
    section
}

fn segment(sections: &[Vec<u8>]) -> Vec<u8> {
    let mut command = [SEGMENT, 72 + 80 * sections.len() as u32].map(u32::to_le_bytes).concat();
    command.extend(b"__DWARF\0\0\0\0\0\0\0\0\0");
    command.extend([0u64; 4].map(u64::to_le_bytes).concat());
    command.extend([7, 7, sections.len() as u32, 0].map(u32::to_le_bytes).concat());
    command.extend(sections.concat());
    command
}

/// A debug file of `n` structs, with more commands that are told where its `.debug_info` and what follows it lie.
fn debug_file(n: usize, more: impl Fn(u32, usize, u32) -> Vec<Vec<u8>>, behind: &[u8]) -> Vec<u8> {
    let table = abbreviations();
    let structs: Vec<u8> = (0..n).flat_map(|number| format!("\x03s{number}\0\x08").into_bytes()).collect();
    let info = unit(0x0c, 0, &structs);
    let commands = |at: u32| {
        let info_at = at + table.len() as u32;
        let own = [section("__debug_abbrev", at, table.len()), section("__debug_info", info_at, info.len())];
        let mut commands = vec![segment(&own)];
        commands.extend(more(info_at, info.len(), info_at + info.len() as u32));
        commands
    };
    macho(10, commands, &[table.clone(), info.clone(), behind.to_vec()].concat())
}

fn repeated(bytes: Vec<u8>) {
    let options = Options { threads: 2, ..Options::default() };
    let error = convert(&bytes, &options, &Alone, &Silent).unwrap_err();
    assert!(matches!(error, Error::Repeated { .. }), "{error}");
}

#[test]
fn a_valid_file_is_read() {
    let _alone = alone();
    let file = debug_file(1000, |_, _, _| Vec::new(), &[]);
    let converted = convert(&file, &Options::default(), &Alone, &Silent).unwrap();
    assert_eq!(converted.profile.types.records().len(), 1000);
}

#[test]
fn sections_over_the_same_bytes() {
    let input = |n: usize| {
        debug_file(n, |at, size, _| vec![segment(&vec![section("__debug_info", at, size); n])], &[])
    };
    proportional(4000, 20, input, repeated);
}

#[test]
fn segments_over_the_same_bytes() {
    let input =
        |n: usize| debug_file(n, |at, size, _| vec![segment(&[section("__debug_str", at, size)]); n], &[]);
    proportional(4000, 20, input, repeated);
}

#[test]
fn symbols_whose_names_overlap_in_tables_over_the_same_bytes() {
    let input = |n: usize| {
        let symbol = |number: usize| {
            let name = (number as u32 + 1).to_le_bytes();
            [&name[..], &[0x0f, 1, 0, 0], &(8 * number as u64).to_le_bytes()].concat()
        };
        let symbols: Vec<u8> = (0..n).flat_map(symbol).collect();
        let names = [vec![0], vec![b'a'; 2 * n], vec![0]].concat();
        let table = |at: u32| {
            let names_at = at + symbols.len() as u32;
            let fields = [SYMTAB, 24, at, n as u32, names_at, names.len() as u32];
            fields.map(u32::to_le_bytes).concat()
        };
        debug_file(n, |_, _, at| vec![table(at); n], &[symbols.clone(), names.clone()].concat())
    };
    proportional(4000, 40, input, repeated);
}

#[test]
fn segments_of_a_core_over_the_same_bytes() {
    let input = |n: usize| {
        let length = 16 * n as u64;
        let commands = |at: u32| {
            let command = |number: u64| {
                let mut command = [SEGMENT, 72, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
                let place = [number * length, length, at.into(), length];
                command.extend(place.map(u64::to_le_bytes).concat());
                command.extend([0; 16]);
                command
            };
            (0..n as u64).map(command).collect()
        };
        macho(4, commands, &vec![7; length as usize])
    };
    proportional(4000, 20, input, |bytes| {
        let error = Image::from_content(bytes).unwrap_err().to_string();
        assert!(error.contains("bytes of their own"), "{error}");
    });
}
