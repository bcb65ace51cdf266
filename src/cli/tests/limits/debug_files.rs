//! ELF and DWARF.

use dwarf_converter::{Alone, Beside, Converted, Error, Options, convert};
use profile::{Resolution, Silent, write_text};

use crate::elf::{NOTE, PROGBITS, RELA, STRTAB, SYMTAB, Section, abbreviations, elf, unit};
use crate::measure::{alone, proportional};

const C99: u8 = 0x0c;
const CPP: u8 = 0x04;

fn converted(bytes: Vec<u8>) -> Result<Converted, Error> {
    convert(&bytes, &Options { threads: 2, ..Options::default() }, &Alone, &Silent)
}

fn repeated(bytes: Vec<u8>) {
    let error = converted(bytes).unwrap_err();
    assert!(matches!(error, Error::Repeated { .. }), "{error}");
}

/// `count` structs named in place.
fn structs(count: usize) -> Vec<u8> {
    (0..count).flat_map(|number| format!("\x03s{number}\0\x08").into_bytes()).collect()
}

fn debug_file(kind: u16, sections: Vec<Section>) -> Vec<u8> {
    let mut all = vec![
        Section::new(".debug_abbrev", PROGBITS, abbreviations()),
        Section::new(".debug_info", PROGBITS, unit(C99, 0, &structs(1000))),
    ];
    all.extend(sections);
    elf(kind, all)
}

#[test]
fn a_valid_file_is_read() {
    let _alone = alone();
    let file = converted(debug_file(2, Vec::new())).unwrap();
    assert_eq!(file.profile.types.records().len(), 1000);
}

#[test]
fn sections_of_one_name_over_the_same_bytes() {
    let input = |n| debug_file(1, (0..n).map(|_| Section::same(".debug_info", PROGBITS, 1)).collect());
    proportional(4000, 20, input, repeated);
}

#[test]
fn relocation_sections_over_the_same_bytes() {
    let input = |n: usize| {
        let entries: Vec<u8> =
            (0..n).flat_map(|_| [[0u8; 8], 1u64.to_le_bytes(), [0u8; 8]].concat()).collect();
        let table = |mut section: Section| {
            (section.link, section.info, section.entry) = (3, 2, 24);
            section
        };
        let mut sections = vec![
            Section { entry: 24, link: 4, ..Section::new(".symtab", SYMTAB, vec![0; 24]) },
            Section::new(".strtab", STRTAB, vec![0]),
            table(Section::new(".rela.debug_info", RELA, entries)),
        ];
        sections.extend((0..n).map(|_| table(Section::same(".rela.debug_info", RELA, 4))));
        debug_file(1, sections)
    };
    proportional(4000, 20, input, repeated);
}

#[test]
fn note_sections_over_the_same_bytes() {
    let input = |n: usize| {
        let notes = [4u32, 0, 9, u32::from_le_bytes(*b"AAA\0")].map(u32::to_le_bytes).concat().repeat(n);
        let mut sections = vec![Section::new(".note.a", NOTE, notes)];
        sections.extend((0..n).map(|_| Section::same(".note.a", NOTE, 2)));
        debug_file(2, sections)
    };
    proportional(4000, 20, input, repeated);
}

#[test]
fn symbols_whose_names_overlap() {
    let input = |n: usize| {
        let symbol = |number: usize| {
            let mut symbol = [0u8; 24];
            symbol[..4].copy_from_slice(&(number as u32 + 1).to_le_bytes());
            symbol[4] = 0x12;
            symbol[6] = 1;
            symbol[8] = 1;
            symbol
        };
        let symbols: Vec<u8> = std::iter::once([0; 24]).chain((0..n).map(symbol)).flatten().collect();
        let names = [&[0][..], &vec![b'a'; 2 * n], &[0]].concat();
        debug_file(
            2,
            vec![
                Section { entry: 24, link: 4, info: 1, ..Section::new(".symtab", SYMTAB, symbols) },
                Section::new(".strtab", STRTAB, names),
            ],
        )
    };
    proportional(4000, 40, input, repeated);
}

/// A file of `info` and `abbreviations`, with `texts` as `.debug_str`.
fn dwarf(info: Vec<u8>, abbreviations: Vec<u8>, texts: Vec<u8>) -> Vec<u8> {
    elf(
        2,
        vec![
            Section::new(".debug_abbrev", PROGBITS, abbreviations),
            Section::new(".debug_info", PROGBITS, info),
            Section::new(".debug_str", PROGBITS, texts),
        ],
    )
}

#[test]
fn units_that_name_one_table_of_abbreviations_in_turn() {
    let input = |n: usize| {
        // Two long tables, so that keeping the last one does not help.
        let mut tables = Vec::new();
        let mut starts = Vec::new();
        for _ in 0..2 {
            starts.push(tables.len() as u32);
            let mut table = abbreviations();
            table.pop();
            for code in 9..n as u32 {
                let low = 0x80 | (code & 0x7f) as u8;
                let middle = 0x80 | (code >> 7 & 0x7f) as u8;
                table.extend_from_slice(&[low, middle, (code >> 14) as u8, 0x24, 0, 0x03, 0x08, 0, 0]);
            }
            table.push(0);
            tables.extend(table);
        }
        let info = (0..n)
            .flat_map(|number| unit(C99, starts[number % 2], format!("\x03s{number}\0\x08").as_bytes()));
        dwarf(info.collect(), tables, vec![0])
    };
    proportional(4000, 60, input, |bytes| match converted(bytes) {
        // The threads decide which units they process, so each may have one table.
        Ok(converted) => assert!(converted.profile.types.records().len() > 1000),
        Err(error) => assert!(matches!(error, Error::Unreadable { .. }), "{error}"),
    });
}

#[test]
fn skeletons_that_name_one_split_file() {
    let folder = tempfile::tempdir().unwrap();
    let input = |n: usize| {
        let split = vec![
            Section::new(".debug_abbrev.dwo", PROGBITS, abbreviations()),
            Section::new(".debug_info.dwo", PROGBITS, unit(C99, 0, &structs(n))),
        ];
        std::fs::write(folder.path().join("a.dwo"), elf(1, split)).unwrap();
        let skeleton = |number: usize| {
            // Different spellings of the same name, so that comparing names does not help.
            let name = format!("{}a.dwo", "./".repeat(number % 16));
            let root = [&[8][..], name.as_bytes(), b"\0.\0"].concat();
            let length = (7 + root.len() as u32).to_le_bytes();
            [&length[..], &[4, 0, 0, 0, 0, 0, 8], &root].concat()
        };
        dwarf((0..n).flat_map(skeleton).collect(), abbreviations(), vec![0])
    };
    proportional(1000, 100, input, |bytes| {
        let options = Options { threads: 2, ..Options::default() };
        let companions = Beside::new(&folder.path().join("vmlinux"));
        let converted = convert(&bytes, &options, &companions, &Silent).unwrap();
        assert!(converted.profile.types.records().len() >= 1000, "{:?}", converted.report);
    });
}

/// The index of a package of split units (DWARF 4 with GNU's extension): `n` units with the identifiers 1 to `n`, all
/// with the same bytes of `.debug_info.dwo` and `.debug_abbrev.dwo`.
fn index(n: usize, info: usize, abbreviations: usize) -> Vec<u8> {
    const INFO: u32 = 1;
    const ABBREVIATIONS: u32 = 3;
    let slots = (2 * n).next_power_of_two();
    let mut index = [2, 2, n as u32, slots as u32].map(u32::to_le_bytes).concat();
    // Unit i is in slot i; the others are free.
    let taken = |slot: usize| if (1..=n).contains(&slot) { slot } else { 0 };
    index.extend((0..slots).flat_map(|slot| (taken(slot) as u64).to_le_bytes()));
    index.extend((0..slots).flat_map(|slot| (taken(slot) as u32).to_le_bytes()));
    index.extend([INFO, ABBREVIATIONS].map(u32::to_le_bytes).concat());
    index.extend([0; 8].repeat(n));
    index.extend([info as u32, abbreviations as u32].map(u32::to_le_bytes).concat().repeat(n));
    index
}

#[test]
fn units_of_a_package_that_are_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let input = |n: usize| {
        let (info, table) = (unit(C99, 0, &structs(n)), abbreviations());
        let package = vec![
            Section::new(".debug_cu_index", PROGBITS, index(n, info.len(), table.len())),
            Section::new(".debug_abbrev.dwo", PROGBITS, table),
            Section::new(".debug_info.dwo", PROGBITS, info),
        ];
        std::fs::write(folder.path().join("vmlinux.dwp"), elf(1, package)).unwrap();
        let mut table = abbreviations();
        table.pop();
        // A skeleton with the name of its split file and its identifier.
        table.extend_from_slice(&[9, 0x11, 0, 0xb0, 0x42, 0x08, 0xb1, 0x42, 0x07, 0, 0, 0]);
        let skeleton = |number: usize| {
            let root = [&b"\x09a.dwo\0"[..], &(number as u64).to_le_bytes()].concat();
            let length = (7 + root.len() as u32).to_le_bytes();
            [&length[..], &[4, 0, 0, 0, 0, 0, 8], &root].concat()
        };
        dwarf((1..=n).flat_map(skeleton).collect(), table, vec![0])
    };
    proportional(1000, 200, input, |bytes| {
        let options = Options { threads: 2, ..Options::default() };
        let companions = Beside::new(&folder.path().join("vmlinux"));
        let converted = convert(&bytes, &options, &companions, &Silent).unwrap();
        assert!(converted.profile.types.records().len() >= 1000, "{:?}", converted.report);
        let repeated = converted.report.count("split units that name the same bytes as others");
        assert!(repeated >= 998, "{:?}", converted.report);
    });
}

#[test]
fn an_abbreviation_of_many_attributes() {
    let input = |n: usize| {
        let mut table = vec![1, 0x11, 1, 0x13, 0x0b, 0, 0, 3, 0x13, 0, 0x03, 0x08, 0x0b, 0x0b];
        table.extend([0x8b, 0x40, 0x08].repeat(n));
        table.extend([0, 0, 0]);
        let entry = [b"\x03s\0\x08".to_vec(), vec![0; n]].concat();
        dwarf(unit(C99, 0, &entry), table, vec![0])
    };
    proportional(50_000, 40, input, |bytes| {
        assert_eq!(converted(bytes).unwrap().profile.types.records().len(), 1);
    });
}

#[test]
fn definitions_whose_names_overlap() {
    let input = |n: usize| {
        let entries = (0..n as u32).flat_map(|number| {
            let mut entry = vec![2];
            entry.extend_from_slice(&number.to_le_bytes());
            entry.push(8);
            entry
        });
        dwarf(
            unit(C99, 0, &entries.collect::<Vec<u8>>()),
            abbreviations(),
            [vec![b'a'; 2 * n], vec![0]].concat(),
        )
    };
    proportional(4000, 60, input, |bytes| converted(bytes).unwrap());
}

#[test]
fn unnamed_records_that_hold_the_next_one_twice() {
    // Followed member by member, the first one alone would hold 2 to the power of n others.
    let input = |n: usize| {
        // The unit's header and root take 13 bytes, each unnamed record 19; the last one holds the named one behind it.
        let at = |number: usize| (13 + 19 * number as u32).to_le_bytes();
        let member = |name: u8, ty: [u8; 4]| [&[6, name, 0][..], &ty, &[0]].concat();
        let mut entries = Vec::new();
        for number in 0..n {
            entries.extend_from_slice(&[5, 8]);
            entries.extend(member(b'a', at(number + 1)));
            entries.extend(member(b'b', at(number + 1)));
            entries.push(0);
        }
        entries.extend_from_slice(b"\x03s\0\x08\x07top\0\x08");
        entries.extend(member(b'a', at(0)));
        entries.push(0);
        dwarf(unit(C99, 0, &entries), abbreviations(), vec![0])
    };
    proportional(100, 400, input, |bytes| {
        let mut converted = converted(bytes).unwrap();
        let resolution = Resolution::new(&mut converted.profile, &mut converted.report);
        write_text(&converted.profile, &resolution, Vec::new()).unwrap().len()
    });
}

#[test]
fn definitions_within_definitions() {
    // The members of each one are found by skipping everything in it.
    let input = |n: usize| {
        let mut entries = Vec::new();
        for number in 0..n {
            entries.extend(format!("\x07s{number}\0\x08").into_bytes());
        }
        entries.extend(vec![0; n]);
        dwarf(unit(C99, 0, &entries), abbreviations(), vec![0])
    };
    proportional(4000, 200, input, |bytes| {
        let converted = converted(bytes).unwrap();
        assert!(converted.profile.types.records().len() >= 4000);
        assert!(converted.report.count("definitions that break off") > 1000);
    });
}

#[test]
fn scopes_within_scopes() {
    let input = |n: usize| {
        let mut entries = Vec::new();
        for number in 0..n {
            entries.extend_from_slice(b"\x04aaaaaaaa\0");
            entries.extend(format!("\x03s{number}\0\x08").into_bytes());
        }
        entries.extend(vec![0; n]);
        dwarf(unit(CPP, 0, &entries), abbreviations(), vec![0])
    };
    proportional(4000, 100, input, |bytes| converted(bytes).unwrap());
}
