use kernel_files::{AGES, Age, Choice, Encoded};

use super::*;

fn encode(
    age: Age,
    choice: Choice,
    format: Format,
    symbols: &[(String, u64)],
    at: u64,
    virtual_at: u64,
) -> Encoded {
    let format = kernel_files::Format { big_endian: format.big_endian, pointer: format.pointer };
    kernel_files::encode(age, choice, format, symbols, at, virtual_at)
}

/// The address of the tables in these tests.
const AT: u64 = 0x10_0000;
const COUNT: u64 = 3000;

/// Memory that holds a table with other bytes around it.
struct Memory(Vec<u8>);

impl Memory {
    fn of(table: &[u8]) -> Self {
        let mut bytes = vec![0x5a; AT as usize];
        bytes.extend(table);
        bytes.resize(bytes.len() + (1 << 16), 0xa5);
        Self(bytes)
    }
}

impl Source for Memory {
    fn read(&self, at: u64, into: &mut [u8]) -> bool {
        let found = usize::try_from(at).ok().and_then(|at| self.0.get(at..at.checked_add(into.len())?));
        found.is_some_and(|found| {
            into.copy_from_slice(found);
            true
        })
    }
}

/// The base of the kernel of each format: x86-64, s390x since 6.10, 32 bits, PA-RISC.
fn base(format: Format) -> u64 {
    match (format.pointer, format.big_endian) {
        (8, false) => 0xffff_ffff_9100_0000,
        (8, true) => 0x3ff_e000_0000,
        (_, false) => 0xc100_0000,
        (_, true) => 0x1010_0000,
    }
}

fn symbols(format: Format, age: Age, choice: Choice) -> Vec<(String, u64)> {
    let absolute = choice == Choice::AbsolutePerCpu;
    let mut symbols: Vec<(String, u64)> = (0..COUNT)
        .map(|number| {
            let kind = if number % 2 == 0 { 'T' } else { 't' };
            (format!("{kind}function_{number}"), base(format) + number * 48)
        })
        .collect();
    if absolute {
        symbols.insert(0, ("Aper_cpu_thing".to_owned(), 0x1c00));
    }
    if age >= Age::V6_1 {
        let place = symbols.len() / 2;
        let address = symbols[place].1;
        symbols.insert(place, (format!("t{}", "long".repeat(100)), address));
    }
    symbols
}

/// Runs `check` on every layout.
fn every(mut check: impl FnMut(Age, Choice, Format, &[(String, u64)], &Encoded)) {
    for age in AGES {
        for pointer in [8, 4] {
            for big_endian in [false, true] {
                let format = Format { big_endian, pointer };
                let choices: &[Choice] = match age {
                    Age::V2_6_10 => &[Choice::Pointers],
                    Age::V7_0 if pointer == 4 => &[Choice::Words, Choice::Relative],
                    Age::V7_0 => &[Choice::Relative],
                    _ => &[Choice::Pointers, Choice::Relative, Choice::AbsolutePerCpu],
                };
                for choice in choices {
                    let symbols = symbols(format, age, *choice);
                    let virtual_at = if age == Age::V7_0 { base(format) + 0x20_0000 } else { 0 };
                    let encoded = encode(age, *choice, format, &symbols, AT, virtual_at);
                    check(age, *choice, format, &symbols, &encoded);
                }
            }
        }
    }
}

fn mark(encoded: &Encoded) -> u64 {
    let place = memchr::memmem::find(&encoded.bytes, DIGITS).expect("the digits are tokens");
    AT + place as u64
}

#[test]
fn every_layout_is_decoded_from_its_parts() {
    every(|age, choice, format, symbols, encoded| {
        let memory = Memory::of(&encoded.bytes);
        let (at, base) = (encoded.addresses, base(format));
        let virtual_address = base + 0x20_0000 + (at - AT);
        let encoding = match choice {
            Choice::Pointers => Encoding::Pointers { at },
            Choice::Words => Encoding::Words { at },
            Choice::Relative if age == Age::V7_0 => Encoding::FromPlace { at, virtual_address },
            Choice::Relative => Encoding::FromBase { at, base },
            Choice::AbsolutePerCpu => Encoding::AbsoluteOrFromBase { at, base },
        };
        let parts = Parts {
            format,
            count: symbols.len() as u32,
            names: encoded.names,
            tokens: encoded.tokens,
            index: encoded.index,
            encoding,
            placed: true,
        };
        let found = read(&memory, &parts).expect("a table");
        let expected = symbols.iter().map(|(name, address)| Symbol {
            kind: name.as_bytes()[0],
            name: name[1..].to_owned(),
            address: *address,
        });
        assert!(found.into_iter().eq(expected), "{age:?} {choice:?} {format:?}");
    });
}

#[test]
fn every_layout_is_found_by_its_form() {
    every(|age, choice, format, symbols, encoded| {
        let memory = Memory::of(&encoded.bytes);
        let parts =
            find_near(&memory, mark(encoded)).unwrap_or_else(|| panic!("{age:?} {choice:?} {format:?}"));
        let found = read(&memory, &parts).expect("a table");
        assert_eq!(found.len(), symbols.len(), "{age:?} {choice:?} {format:?}");
        // A place-relative table does not give the address at which its kernel runs.
        let shift = match parts.encoding {
            Encoding::FromPlace { .. } => found[0].address.wrapping_sub(symbols[0].1),
            _ => 0,
        };
        let mask = if format.pointer == 8 { u64::MAX } else { u64::from(u32::MAX) };
        for (found, (name, address)) in found.iter().zip(symbols) {
            assert_eq!(found.name, name[1..], "{age:?} {choice:?} {format:?}");
            let same = found.address.wrapping_sub(shift) & mask == address & mask;
            assert!(same, "{age:?} {choice:?} {format:?} {found:x?} {address:#x}");
        }
    });
}

#[test]
fn a_table_whose_base_is_filled_in_at_boot_is_marked_as_not_placed() {
    let format = Format { big_endian: false, pointer: 8 };
    for age in [Age::V4_6, Age::V4_20, Age::V6_2, Age::V6_4] {
        let symbols = symbols(format, age, Choice::Relative);
        let mut encoded = encode(age, Choice::Relative, format, &symbols, AT, 0);
        let place = memchr::memmem::find(&encoded.bytes, &base(format).to_le_bytes()).expect("the base");
        encoded.bytes[place..place + 8].fill(0);
        let memory = Memory::of(&encoded.bytes);
        let parts = find_near(&memory, mark(&encoded)).unwrap_or_else(|| panic!("{age:?}"));
        assert!(!parts.placed, "{age:?}");
        let found = read(&memory, &parts).expect("a table");
        let moved = symbols[0].1.wrapping_sub(found[0].address);
        let parts = Parts { encoding: parts.encoding.moved(moved), ..parts };
        let found = read(&memory, &parts).expect("a table");
        let same = found.iter().zip(&symbols).all(|(found, (_, address))| found.address == *address);
        assert!(same, "{age:?}");
    }
}

#[test]
fn only_place_relative_tables_are_not_placed() {
    every(|age, choice, format, _, encoded| {
        let memory = Memory::of(&encoded.bytes);
        let parts = find_near(&memory, mark(encoded)).expect("a table");
        let from_place = age == Age::V7_0 && choice == Choice::Relative;
        assert_eq!(parts.placed, !from_place, "{age:?} {choice:?} {format:?}");
    });
}

#[test]
fn digits_outside_a_token_table_cost_little() {
    let read = std::cell::Cell::new(0);
    let mut content = vec![0x5a; 1 << 20];
    for place in (0..content.len() - DIGITS.len()).step_by(64) {
        content[place..place + DIGITS.len()].copy_from_slice(DIGITS);
    }
    let memory = Memory(content);
    let source = |at: u64, into: &mut [u8]| {
        read.set(read.get() + into.len());
        memory.read(at, into)
    };
    let mut places = 0;
    for place in (0..(1 << 20) - DIGITS.len()).step_by(64) {
        places += 1;
        assert!(!is_token_table(&source, place as u64));
    }
    assert!(read.get() < places * 100_000, "{} bytes for {places} places", read.get());
}

#[test]
fn damage_never_changes_the_symbols_that_are_read() {
    every(|age, choice, format, symbols, encoded| {
        for at in (0..encoded.bytes.len()).step_by(1999) {
            let mut changed = encoded.bytes.clone();
            changed[at] ^= 0x10;
            let memory = Memory::of(&changed);
            if let Some(parts) = find_near(&memory, mark(encoded)) {
                assert_eq!(parts.count as usize, symbols.len(), "{age:?} {choice:?} {format:?} {at}");
            }
        }
    });
}

#[test]
fn a_truncated_table_is_not_found() {
    let format = Format { big_endian: false, pointer: 8 };
    let symbols = symbols(format, Age::V7_0, Choice::Relative);
    let encoded = encode(Age::V7_0, Choice::Relative, format, &symbols, AT, base(format));
    let mark = mark(&encoded);
    for length in (0..encoded.bytes.len()).step_by(997) {
        let mut memory = Memory(vec![0x5a; AT as usize]);
        memory.0.extend(&encoded.bytes[..length]);
        let end = encoded.addresses + 4 * symbols.len() as u64;
        if AT + (length as u64) < end {
            assert_eq!(find_near(&memory, mark), None, "{length}");
        }
    }
}

#[test]
fn an_impossible_count_is_refused() {
    let parts = Parts {
        format: Format { big_endian: false, pointer: 8 },
        count: u32::MAX,
        names: 0,
        tokens: 0,
        index: 0,
        encoding: Encoding::Words { at: 0 },
        placed: true,
    };
    let nothing = |_: u64, _: &mut [u8]| false;
    assert_eq!(read(&nothing, &parts), Err(Error::Count { count: u32::MAX }));
    assert_eq!(read(&nothing, &Parts { count: 1, ..parts }), Err(Error::Missing { at: 0, length: 4 }));
}
