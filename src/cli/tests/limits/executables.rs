//! PE files.

use pe::{Pe, PeError};

use crate::measure::{alone, proportional};

const RVA: u32 = 0x1000;
const OPTIONAL: usize = 240;
const IMPORTS: usize = 1;
const EXPORTS: usize = 0;
const RESOURCES: usize = 2;
const DEBUG: usize = 6;

/// A PE32+ file of `sections` sections, of which the first one is `body` at [`RVA`] and all bear the long name `name`. The
/// data directory with the number `directory` begins with the body and has `size` bytes.
fn executable(sections: usize, name: &[u8], body: &[u8], (directory, size): (usize, usize)) -> Vec<u8> {
    let mut file = b"MZ".to_vec();
    file.resize(0x3c, 0);
    file.extend(0x40u32.to_le_bytes());
    file.extend(b"PE\0\0");
    let table = file.len() + 20 + OPTIONAL;
    let raw = table + 40 * sections;
    let strings = raw + body.len();
    file.extend([0x8664u16, sections as u16].map(u16::to_le_bytes).concat());
    file.extend([0, strings as u32, 0].map(u32::to_le_bytes).concat());
    file.extend([OPTIONAL as u16, 0x22].map(u16::to_le_bytes).concat());
    let mut optional = vec![0; OPTIONAL];
    let field = |optional: &mut Vec<u8>, at: usize, value: u32| {
        optional[at..at + 4].copy_from_slice(&value.to_le_bytes());
    };
    for (at, value) in [
        (0, 0x20b),
        (32, 0x1000),
        (36, 1),
        (56, 0x7fff_0000),
        (60, raw as u32),
        (108, 16),
        (112 + 8 * directory, RVA),
        (116 + 8 * directory, size as u32),
    ] {
        field(&mut optional, at, value);
    }
    file.extend(optional);
    for number in 0..sections {
        let length = if number == 0 { body.len() as u32 } else { 0 };
        file.extend(b"/4\0\0\0\0\0\0");
        file.extend([length, RVA, length, raw as u32, 0, 0, 0, 0x4000_0040].map(u32::to_le_bytes).concat());
    }
    file.extend(body);
    file.extend((name.len() as u32 + 5).to_le_bytes());
    file.extend(name);
    file.push(0);
    file
}

#[test]
fn sections_of_one_long_name() {
    let input = |n: usize| executable(n, &vec![b'a'; 1000 * n], &[], (DEBUG, 0));
    proportional(250, 30, input, |bytes| {
        let pe = Pe::parse(&bytes).unwrap();
        assert!(pe.sections().iter().all(|section| section.name == "/4" || section.name.len() <= 4096));
        assert!(pe.sections().len() >= 250);
    });
}

#[test]
fn a_long_name_of_a_section_is_read() {
    let _alone = alone();
    let file = executable(2, b".debug_info", b"x", (DEBUG, 0));
    let names: Vec<String> =
        Pe::parse(&file).unwrap().sections().into_iter().map(|section| section.name).collect();
    assert_eq!(names, [".debug_info", ".debug_info"]);
}

#[test]
fn more_sections_than_windows_loads() {
    let input = |n: usize| executable(n, &vec![b'a'; 40 * n], &[], (DEBUG, 0));
    proportional(4000, 2, input, |bytes| {
        let error = Pe::parse(&bytes).err().unwrap();
        assert!(error.to_string().contains("expected at most 1024 sections"), "{error}");
    });
}

#[test]
fn imports_that_share_functions_and_names() {
    let input = |n: usize| {
        // Each library names the same table of functions, and each function the same name.
        let thunks = RVA + 20 * (n as u32 + 1);
        let name = thunks + 8 * (n as u32 + 1);
        let library = [thunks, 0, 0, name, thunks].map(u32::to_le_bytes).concat();
        let function = u64::from(name - 2).to_le_bytes();
        let body = [
            library.repeat(n),
            vec![0; 20],
            function.repeat(n),
            vec![0; 8],
            vec![b'a'; n.min(4000)],
            vec![0],
        ];
        executable(1, b"", &body.concat(), (IMPORTS, 20 * n))
    };
    proportional(2000, 40, input, |bytes| {
        let error = Pe::parse(&bytes).unwrap().imports().unwrap_err();
        assert!(matches!(error, PeError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("more than fits into the file"), "{error}");
    });
}

#[test]
fn exports_that_share_a_name() {
    let input = |n: usize| {
        let count = n as u32;
        let addresses = RVA + 40;
        let names = addresses + 4 * count;
        let ordinals = names + 4 * count;
        let name = ordinals + 2 * count;
        let head = [0, 0, 0, 0, 1, count, count, addresses, names, ordinals].map(u32::to_le_bytes).concat();
        let body = [
            head,
            0x9000_0000u32.to_le_bytes().repeat(n),
            name.to_le_bytes().repeat(n),
            (0..n).flat_map(|number| (number as u16).to_le_bytes()).collect(),
            vec![b'a'; n.min(4000)],
            vec![0],
        ];
        executable(1, b"", &body.concat(), (EXPORTS, 40))
    };
    proportional(4000, 40, input, |bytes| {
        let error = Pe::parse(&bytes).unwrap().exports().unwrap_err();
        assert!(error.to_string().contains("more than fits into the file"), "{error}");
    });
}

#[test]
fn debug_entries_that_share_a_record() {
    let input = |n: usize| {
        // Records that begin within each other's paths, each named by its entry.
        let record = [b"RSDS".as_slice(), &[b'a'; 20]].concat();
        let records = RVA + 28 * n as u32;
        let entry = |number: usize| {
            let at = records + 24 * (number % (n / 2)) as u32;
            [0, 0, 0, 2, 1000, at, 0].map(u32::to_le_bytes).concat()
        };
        let body = [(0..n).flat_map(entry).collect(), record.repeat(n), b"k.pdb\0".to_vec()];
        executable(1, b"", &body.concat(), (DEBUG, 28 * n))
    };
    proportional(4000, 40, input, |bytes| {
        let _ = Pe::parse(&bytes).unwrap().rsds();
    });
    let input = |n: usize| {
        let entry = [0, 0, 0, 2, 1000, RVA + 28 * n as u32, 0].map(u32::to_le_bytes).concat();
        let path = [vec![b'a'; 1000], b".pdb\0".to_vec()].concat();
        let body = [entry.repeat(n), b"RSDS".to_vec(), vec![7; 20], path];
        executable(1, b"", &body.concat(), (DEBUG, 28 * n))
    };
    proportional(4000, 2, input, |bytes| {
        assert_eq!(Pe::parse(&bytes).unwrap().rsds().unwrap().len(), 1);
    });
}

#[test]
fn a_version_of_many_strings() {
    let input = |n: usize| {
        // A directory within a directory within a directory, an entry, and the strings.
        let directory = |id: u32, to: u32| {
            [vec![0; 12], vec![0, 0, 1, 0], [id, to].map(u32::to_le_bytes).concat()].concat()
        };
        let string = |key: &str, value: &[u8]| {
            let key: Vec<u8> = key.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            let mut bytes =
                [6 + (key.len() + value.len()) as u16, value.len() as u16, 0].map(u16::to_le_bytes).concat();
            bytes.extend(key);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let strings = string("Comments", b"a\0b\0").repeat(n);
        let data = 3 * 24 + 16;
        let body = [
            directory(16, 1 << 31 | 24),
            directory(1, 1 << 31 | 48),
            directory(1033, 72),
            [RVA + data, strings.len() as u32, 0, 0].map(u32::to_le_bytes).concat(),
            strings,
        ];
        let body = body.concat();
        let size = body.len();
        executable(1, b"", &body, (RESOURCES, size))
    };
    proportional(4000, 40, input, |bytes| {
        let _ = Pe::parse(&bytes).unwrap().version();
    });
}
