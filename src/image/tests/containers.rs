//! Each container, built by this test from the description of its format, returns the memory that was put in; damaged
//! ones give errors with their place.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod layout;

use image::{Container, Error, Image, Memory, PhysicalAddress, ReadError};
use layout::{
    Elf, PACKS, avml, bits, crash_dump, ewf, ewf_smart, flattened, kdump, lime, macho, page, vmware_state,
};

/// The ranges of an image as text.
fn runs(image: &Image) -> String {
    image.runs().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn read(image: &Image, at: u64, length: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![0; length];
    image.read(PhysicalAddress(at), &mut bytes).map(|()| bytes)
}

/// Every prefix of an image either opens or gives an error, and its memory equals that of the whole image.
fn every_cut(whole: &[u8], step: usize) {
    let image = Image::from_content(whole.to_vec()).unwrap();
    for length in (0..whole.len()).step_by(step) {
        let Ok(cut) = Image::from_content(whole[..length].to_vec()) else { continue };
        if cut.container() != image.container() {
            continue;
        }
        assert!(cut.size() <= image.size(), "cut to {length}");
        for run in cut.runs() {
            let bytes = run.length.min(64) as usize;
            match read(&cut, run.start.0, bytes) {
                Ok(bytes) => assert_eq!(bytes, read(&image, run.start.0, bytes.len()).unwrap()),
                Err(error) => assert_eq!(error.at(), run.start, "cut to {length}"),
            }
        }
    }
}

#[test]
fn raw_memory_begins_at_zero() {
    let image = Image::from_content(vec![7; 10_000]).unwrap();
    assert_eq!((image.container(), runs(&image).as_str()), (Container::Raw, "0x0..0x2710"));
    assert_eq!(read(&image, 9_999, 1).unwrap(), [7]);
    let error = read(&image, 9_990, 20).unwrap_err();
    assert!(matches!(error, ReadError::Missing { at: PhysicalAddress(10_000) }), "{error}");
    assert!(matches!(Image::from_content(Vec::new()), Err(Error::WrongKind(_))));
}

#[test]
fn elf_cores_of_both_widths_and_orders() {
    for wide in [false, true] {
        for big_endian in [false, true] {
            let elf = Elf {
                wide,
                big_endian,
                ranges: vec![(0x10_0000, vec![1; 0x2000]), (0, vec![2; 0x1000]), (0x1000, vec![3; 0x1000])],
                ..Elf::default()
            };
            let content = elf.build();
            let image = Image::from_content(content.clone()).unwrap();
            assert_eq!(image.container(), Container::ElfCore);
            assert_eq!(runs(&image), "0x0..0x2000 0x100000..0x102000");
            assert_eq!(read(&image, 0xfff, 2).unwrap(), [2, 3]);
            assert_eq!(read(&image, 0x10_1fff, 1).unwrap(), [1]);
            assert_eq!(read(&image, 0x10_1fff, 2).unwrap_err().at(), PhysicalAddress(0x10_2000));
            every_cut(&content, 13);
        }
    }
}

#[test]
fn notes_of_an_elf_core_are_hints() {
    let mut qemu = vec![0; 440];
    qemu[0] = 1;
    qemu[136..144].copy_from_slice(&0xffff_ffff_8100_0000u64.to_le_bytes());
    for (index, value) in [0x8005_0033u64, 0, 0, 0x0123_4801, 0x16f0].into_iter().enumerate() {
        let at = 392 + 8 * index;
        qemu[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    let elf = Elf {
        ranges: vec![(0, vec![0; 0x1000])],
        notes: vec![
            ("CORE", 1, vec![9; 336]),
            ("QEMU", 0, qemu),
            ("VMCOREINFO", 0, b"OSRELEASE=6.1.0\nPAGESIZE=4096\n\0".to_vec()),
        ],
        ..Elf::default()
    };
    let content = elf.build();
    let image = Image::from_content(content.clone()).unwrap();
    let hints = image.hints();
    assert_eq!(hints.arch, Some(profile::Arch::Amd64));
    assert_eq!(hints.dtb, Some(PhysicalAddress(0x0123_4000)));
    assert_eq!(hints.vmcoreinfo.as_deref(), Some("OSRELEASE=6.1.0\nPAGESIZE=4096\n"));
    let [cpu] = &hints.cpus[..] else { panic!("{:?}", hints.cpus) };
    assert_eq!((cpu.cr0, cpu.cr3, cpu.cr4), (0x8005_0033, 0x0123_4801, 0x16f0));
    assert_eq!(cpu.instruction.to_string(), "0xffffffff81000000");
    every_cut(&content, 7);
}

#[test]
fn virtualbox_notes_are_hints() {
    let mut cpu = vec![0; 18 * 8 + 6 * 24 + 200];
    cpu[14 * 8] = 0x10;
    cpu[304..312].copy_from_slice(&0x18_7000u64.to_le_bytes());
    cpu[312..320].copy_from_slice(&0x6f8u64.to_le_bytes());
    let notes = vec![
        ("VBCORE", 0xb00, vec![0xde, 0xc0, 0x1a, 0xc0]),
        ("VBCPU", 0xb01, cpu.clone()),
        ("VBCPU", 0xb01, cpu),
    ];
    let elf = Elf { ranges: vec![(0, vec![0; 0x1000])], notes, ..Elf::default() };
    let image = Image::from_content(elf.build()).unwrap();
    assert_eq!(image.hints().dtb, Some(PhysicalAddress(0x18_7000)));
    assert_eq!(image.hints().cpus.len(), 2);
    assert!(image.hints().cpus.iter().all(|cpu| (cpu.cr4, cpu.instruction.0) == (0x6f8, 0x10)));
}

#[test]
fn an_elf_file_that_is_not_a_core_is_named() {
    let mut content = Elf { ranges: vec![(0, vec![0; 0x1000])], ..Elf::default() }.build();
    content[16] = 2;
    let error = Image::from_content(content).unwrap_err();
    assert!(error.to_string().contains("found an ELF file without debug information"), "{error}");
}

#[test]
fn a_hostile_count_of_program_headers_costs_nothing() {
    let mut content = Elf { ranges: vec![(0, vec![5; 0x1000])], ..Elf::default() }.build();
    content[56..58].copy_from_slice(&0xfffeu16.to_le_bytes());
    let image = Image::from_content(content).unwrap();
    assert!(image.report().count("missing program header") > 60_000);
}

#[test]
fn lime_ranges() {
    let content = lime(&[(0x1000, vec![1; 0x9f000]), (0x10_0000, vec![2; 0x1000])]);
    let image = Image::from_content(content.clone()).unwrap();
    assert_eq!(
        (image.container(), runs(&image).as_str()),
        (Container::Lime, "0x1000..0xa0000 0x100000..0x101000")
    );
    assert_eq!(read(&image, 0x10_0000, 2).unwrap(), [2, 2]);
    assert_eq!(read(&image, 0, 1).unwrap_err().at(), PhysicalAddress(0));
    every_cut(&content, 1009);

    let cut = Image::from_content(content[..0x9f000 + 64 + 0x800].to_vec()).unwrap();
    assert_eq!(runs(&cut), "0x1000..0xa0000 0x100000..0x100800");
    assert_eq!(cut.report().count("truncated"), 1);
}

#[test]
fn damaged_lime_headers_are_reported() {
    let mut content = lime(&[(0, vec![1; 0x1000]), (0x1000, vec![2; 0x1000])]);
    // One wrong letter would be put right.
    content[0x1000 + 32..0x1000 + 34].fill(b'X');
    let image = Image::from_content(content.clone()).unwrap();
    assert_eq!((runs(&image).as_str(), image.report().count("damaged LiME header")), ("0x0..0x1000", 1));
    content[4] = 9;
    let error = Image::from_content(content.clone()).unwrap_err().to_string();
    assert_eq!(error, "LiME image, byte 0x0: expected version 1, found version 9");
    content[4] = 1;
    content[8] = 0xff;
    content[9] = 0xff;
    let error = Image::from_content(content).unwrap_err().to_string();
    assert!(error.contains("expected a range of addresses, found 0xffff to 0xfff"), "{error}");
}

/// The pages of an image that equal those that the tests put in, each with its number.
fn holds_pages(image: &Image, pages: &[u64]) {
    let held: Vec<u64> = image
        .runs()
        .iter()
        .flat_map(|run| (run.start.0..run.end()).step_by(4096).map(|at| at / 4096))
        .collect();
    assert_eq!(held, pages);
    for number in pages {
        assert_eq!(read(image, number * 4096, 4096).unwrap(), page(*number), "page {number}");
    }
}

fn content(pages: impl IntoIterator<Item = u64>) -> Vec<u8> {
    pages.into_iter().flat_map(page).collect()
}

const PAGES: [u64; 6] = [0, 2, 3, 4, 17, 40];

#[test]
fn kdumps_of_every_compression() {
    for pack in PACKS {
        for wide in [true, false] {
            let content = kdump(&PAGES, 64, pack, wide);
            let image = Image::from_content(content.clone()).unwrap();
            assert_eq!((image.container(), image.report().total()), (Container::Kdump, 0));
            holds_pages(&image, &PAGES);
            assert_eq!(read(&image, 4096, 1).unwrap_err().at(), PhysicalAddress(4096));
            let hints = image.hints();
            assert_eq!(hints.vmcoreinfo.as_deref(), Some("OSRELEASE=6.1.0\n"));
            assert_eq!(hints.phys_base, Some(-0x100_0000));
            assert_eq!(hints.uname.as_ref().map(|uname| uname[2].as_str()), Some("6.1.0"));
            assert_eq!(hints.arch, Some(if wide { profile::Arch::Amd64 } else { profile::Arch::I386 }));
            every_cut(&content, 61);
        }
    }
}

#[test]
fn a_damaged_page_of_a_kdump_affects_only_itself() {
    let whole = kdump(&PAGES, 64, PACKS[0], true);
    let mut damaged = whole.clone();
    let descriptor = 4 * 4096 + 24;
    let at = u64::from_le_bytes(whole[descriptor..descriptor + 8].try_into().unwrap()) as usize;
    damaged[at + 2..at + 10].fill(0xff);
    let image = Image::from_content(damaged).unwrap();
    let error = read(&image, 0x2010, 16).unwrap_err();
    assert!(error.to_string().starts_with("physical address 0x2010: damaged at byte 0x"), "{error}");
    assert_eq!(read(&image, 0, 4096).unwrap(), page(0));
    assert_eq!(read(&image, 0x3000, 4096).unwrap(), page(3));

    let mut large = whole;
    large[descriptor + 8..descriptor + 12].fill(0xff);
    let error = read(&Image::from_content(large).unwrap(), 0x2000, 1).unwrap_err();
    assert!(error.to_string().contains("4294967295 bytes, expected at most 4096"), "{error}");
}

#[test]
fn flattened_files_are_reassembled() {
    let whole = kdump(&PAGES, 64, PACKS[0], true);
    let flat = flattened(&whole);
    let image = Image::from_content(flat.clone()).unwrap();
    assert_eq!((image.container(), image.packing()), (Container::Kdump, Some(Container::Flattened)));
    holds_pages(&image, &PAGES);
    let cut = flat.len() - 16;
    assert_eq!(Image::from_content(flat[..cut].to_vec()).unwrap().report().count("truncated"), 1);
    every_cut(&flat, 61);
    let elf = Elf { ranges: vec![(0, content(0..2))], ..Elf::default() }.build();
    holds_pages(&Image::from_content(flattened(&elf)).unwrap(), &[0, 1]);
}

#[test]
fn avml_images() {
    let whole = avml(&[(0, content(0..40)), (0x10_0000, content(256..258))]);
    let image = Image::from_content(whole.clone()).unwrap();
    assert_eq!((image.container(), image.report().total()), (Container::Avml, 0));
    holds_pages(&image, &(0..40).chain(256..258).collect::<Vec<_>>());
    // Across chunks, which hold 64 KiB.
    assert_eq!(read(&image, 0xf_ff0 + 0x10 - 8, 16).unwrap(), content(15..17)[4096 - 8..4096 + 8]);
    every_cut(&whole, 97);

    let mut damaged = whole.clone();
    damaged[32 + 10 + 4 + 4 + 100] ^= 0x55;
    let error = read(&Image::from_content(damaged).unwrap(), 0x10, 1).unwrap_err();
    assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
    let mut cut = whole.clone();
    cut.truncate(whole.len() - 3);
    let cut = Image::from_content(cut).unwrap();
    assert_eq!(cut.report().count("damaged AVML block"), 1);
    assert_eq!(cut.size(), image.size());
    let mut version = whole;
    version[4..6].copy_from_slice(&[3, 1]);
    let error = Image::from_content(version).unwrap_err().to_string();
    assert!(error.contains("version 259"), "{error}");
}

#[test]
fn complete_crash_dumps() {
    for wide in [false, true] {
        let mut dump = crash_dump(wide, 1, &[(1, 2), (16, 1)]);
        dump.raw(&content([1, 2, 16]));
        let image = Image::from_content(dump.bytes.clone()).unwrap();
        assert_eq!((image.container(), image.report().total()), (Container::CrashDump, 0));
        holds_pages(&image, &[1, 2, 16]);
        let dump_header = image.hints().crash_dump.as_ref().unwrap();
        if wide {
            assert_eq!(image.hints().dtb, Some(PhysicalAddress(0x18_7000)));
            assert_eq!(dump_header.ps_active_process_head.to_string(), "0xfffff80002a28b90");
            assert_eq!(dump_header.bug_check_parameters, [1, 2, 3, 4]);
            assert_eq!((dump_header.minor_version, dump_header.system_time), (7601, 0x01d0_0000_0000_0000));
        } else {
            assert_eq!(image.hints().arch, Some(profile::Arch::I386));
            assert_eq!(dump_header.kd_debugger_data_block.to_string(), "0x80544ce0");
            assert!(dump_header.pae);
        }
        every_cut(&dump.bytes, 511);
        let mut wrong = dump.bytes.clone();
        let at = if wide { 0x88 } else { 0x64 };
        wrong[at..at + 4].copy_from_slice(b"PAGE");
        let error = Image::from_content(wrong).unwrap_err().to_string();
        assert!(error.contains("a list of runs of memory that fits the header"), "{error}");
    }
}

#[test]
fn crash_dumps_with_a_bitmap() {
    // Since Windows 8: the places follow the two marks.
    for (mark, kind) in [(b"SDMPDUMP", 6), (b"FDMPDUMP", 5)] {
        let mut dump = crash_dump(true, kind, &[]);
        let first = 0x3000u64;
        dump.raw(mark).pad_to(0x2020).u64(first).u64(PAGES.len() as u64).u64(64).raw(&bits(&PAGES, 64));
        dump.pad_to(first as usize).raw(&content(PAGES));
        let image = Image::from_content(dump.bytes.clone()).unwrap();
        holds_pages(&image, &PAGES);
        every_cut(&dump.bytes, 509);
        // A bit more is set than there are pages: then nothing tells what is right.
        dump.bytes[0x2030..0x2038].fill(0xff);
        dump.bytes[0x2038] ^= 0x80;
        assert!(
            Image::from_content(dump.bytes).unwrap_err().to_string().contains("a bitmap that ends before")
        );
    }
    // Before: 32-bit sizes, and the bitmap's own header before it.
    for wide in [false, true] {
        let mut dump = crash_dump(wide, 2, &[]);
        let at = dump.bytes.len();
        let first = at as u32 + 0x1000;
        dump.raw(b"SDMPDUMP").u32(0).u32(first).u32(64).u32(PAGES.len() as u32);
        dump.pad_to(at + if wide { 40 } else { 32 }).raw(&bits(&PAGES, 64));
        dump.pad_to(first as usize).raw(&content(PAGES));
        holds_pages(&Image::from_content(dump.bytes).unwrap(), &PAGES);
    }
}

/// One changed byte of a header, but for where a run of memory begins: nothing else in the header depends on that.
#[test]
fn no_byte_of_the_header_of_a_crash_dump_hides_its_pages() {
    let first = 0x3000u64;
    let mut bitmap = crash_dump(true, 6, &[]);
    bitmap.raw(b"SDMPDUMP").pad_to(0x2020).u64(first).u64(PAGES.len() as u64).u64(64).raw(&bits(&PAGES, 64));
    bitmap.pad_to(first as usize).raw(&content(PAGES));
    let [mut wide, mut narrow] = [true, false].map(|wide| crash_dump(wide, 1, &[(1, 2), (16, 1)]));
    for dump in [&mut wide, &mut narrow] {
        dump.raw(&content([1, 2, 16]));
    }
    let [complete, kernel] = [10, 8].map(|kind| live_dump(kind, &[(5, 2), (8, 2), (40, 1)]));
    let live = [5, 6, 8, 9, 40];
    // But for the letters, the size of the list and its place, only a complete dump has numbers that the list is held against.
    // The lowest byte of a range's pages may have another explanation.
    let places = [0..0x98, 0xf98..0xf9c, 0x2000..0x200c, 0x2010..0x2020];
    let numbers = [0x2020..0x2024, 0x2028..0x2030, 0x2038..0x2040, 0x2049..0x2050, 0x2059..0x2060];
    let cases = [
        ("live, complete", complete, live.to_vec(), [&places[..], &numbers].concat()),
        ("live, kernel", kernel, live.to_vec(), [&places[..], &[0x2020..0x2028, 0x2028..0x2030]].concat()),
        ("bitmap", bitmap.bytes, PAGES.to_vec(), vec![0..0x98, 0xf98..0xf9c, 0x2000..0x2008, 0x2020..0x2038]),
        ("64 bits", wide.bytes, vec![1, 2, 16], vec![0..0x98, 0xa0..0xa8, 0xb0..0xb8, 0xf98..0xf9c]),
        ("32 bits", narrow.bytes, vec![1, 2, 16], vec![0..0x6c, 0x70..0x74, 0x78..0x7c, 0xf88..0xf8c]),
    ];
    for (name, bytes, pages, places) in cases {
        for at in places.into_iter().flatten() {
            for change in [0x01, 0x05, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                let image = Image::from_content(changed);
                let image = image.unwrap_or_else(|error| panic!("{name}, {at:#x} ^ {change:#x}: {error}"));
                assert_eq!(image.container(), Container::CrashDump, "{name}, {at:#x} ^ {change:#x}");
                holds_pages(&image, &pages);
            }
        }
    }
    let mut changed = crash_dump(true, 1, &[(1, 2), (16, 1)]);
    changed.raw(&content([1, 2, 16]));
    changed.bytes[0] = b'Q';
    let image = Image::from_content(changed.bytes).unwrap();
    let warning = image.report().warnings().first().cloned().unwrap_or_default();
    assert_eq!(warning, "the header was changed: expected it to begin with PAGEDU64, found QAGEDU64");
}

/// One changed byte in the header of an ELF core.
#[test]
fn no_byte_of_the_header_of_an_elf_core_hides_its_pages() {
    for (wide, big_endian) in [(true, false), (true, true), (false, false)] {
        let ranges = vec![(0x1000, content([1, 2])), (0x10_000, content([16]))];
        let notes = vec![("VMCOREINFO", 0, b"OSRELEASE=6.1.0\n".to_vec())];
        let whole = Elf { wide, big_endian, ranges, notes }.build();
        for at in 0..if wide { 64 } else { 52 } {
            for change in [0x01, 0x80] {
                let mut changed = whole.clone();
                changed[at] ^= change;
                let image = Image::from_content(changed);
                let image = image.unwrap_or_else(|error| panic!("{wide} {big_endian} {at:#x}: {error}"));
                assert_eq!(
                    image.container(),
                    Container::ElfCore,
                    "{wide} {big_endian} {at:#x} ^ {change:#x}"
                );
                holds_pages(&image, &[1, 2, 16]);
            }
        }
    }
    // A program is not a core of which one byte was changed.
    let mut program = Elf { ranges: vec![(0x1000, vec![7; 0x1234])], ..Elf::default() }.build();
    program[16] = 2;
    assert!(matches!(Image::from_content(program), Err(Error::WrongKind(_))));
}

/// Whether the pages are where they belong, as the image was read or in a layout that it offers.
fn some_layout_holds(image: &Image, pages: &[u64]) -> bool {
    let holds = |image: &Image| {
        pages.iter().all(|number| read(image, number * 4096, 4096).ok() == Some(content([*number])))
    };
    let offered = image.other_layouts().iter().filter_map(|parts| image.laid_out_by_evidence(parts).ok());
    holds(image) || offered.into_iter().any(|image| holds(&image))
}

/// One changed byte in a program header: the type is put right, and for numbers that contradict each other the right layout is
/// among those that are offered.
#[test]
fn no_byte_of_a_program_header_hides_where_its_pages_belong() {
    const PAGES: [u64; 3] = [1, 2, 16];
    let ranges = vec![(0x1000, content([1, 2])), (0x10_000, content([16]))];
    let mut whole = Elf { ranges, ..Elf::default() }.build();
    let table = u64::from_le_bytes(whole[32..40].try_into().unwrap()) as usize;
    let headers: Vec<usize> = (0..3).map(|index| table + index * 56).filter(|at| whole[*at] == 1).collect();
    let [first, second] = headers[..] else { panic!("{headers:x?}") };
    for header in [first, second] {
        // As QEMU writes them, virtual addresses are physical ones.
        whole.copy_within(header + 24..header + 32, header + 16);
    }
    for header in [first, second] {
        for at in (header..header + 4).chain(header + 8..header + 16).chain(header + 24..header + 40) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            let image = Image::from_content(changed).unwrap();
            assert!(some_layout_holds(&image, &PAGES), "{at:#x}");
        }
    }
    assert!(Image::from_content(whole).unwrap().other_layouts().is_empty());
}

/// One changed byte in the header of a LiME range.
#[test]
fn no_byte_of_a_lime_header_hides_where_its_pages_belong() {
    const PAGES: [u64; 4] = [1, 2, 16, 40];
    let whole = lime(&[(0x1000, content([1, 2])), (0x10_000, content([16])), (0x28_000, content([40]))]);
    assert!(Image::from_content(whole.clone()).unwrap().other_layouts().is_empty());
    for header in [0, 32 + 2 * 4096, 64 + 3 * 4096] {
        for (at, change) in (header..header + 32).flat_map(|at| [(at, 0x01), (at, 0x40)]) {
            let mut changed = whole.clone();
            changed[at] ^= change;
            let image = Image::from_content(changed).unwrap();
            assert_eq!(image.container(), Container::Lime, "{at:#x} ^ {change:#x}");
            assert!(some_layout_holds(&image, &PAGES), "{at:#x} ^ {change:#x}");
        }
    }
}

/// One changed byte in the header of a block of AVML, or in the length behind it.
#[test]
fn no_byte_of_an_avml_header_hides_where_its_pages_belong() {
    const PAGES: [u64; 4] = [1, 2, 16, 40];
    let first = avml(&[(0x1000, content([1, 2]))]).len();
    let second = first + avml(&[(0x10_000, content([16]))]).len();
    let whole = avml(&[(0x1000, content([1, 2])), (0x10_000, content([16])), (0x28_000, content([40]))]);
    assert!(Image::from_content(whole.clone()).unwrap().other_layouts().is_empty());
    let headers = [0, first, second].into_iter().flat_map(|header| header..header + 32);
    let lengths = [first, second, whole.len()].into_iter().flat_map(|end| end - 8..end);
    for at in headers.chain(lengths) {
        for change in [0x01, 0x40] {
            let mut changed = whole.clone();
            changed[at] ^= change;
            let image = Image::from_content(changed).unwrap();
            assert_eq!(image.container(), Container::Avml, "{at:#x} ^ {change:#x}");
            assert!(some_layout_holds(&image, &PAGES), "{at:#x} ^ {change:#x}");
        }
    }
}

/// A live dump with the pages of these ranges; the list ends with zeros.
fn live_dump(kind: u32, ranges: &[(u64, u64)]) -> Vec<u8> {
    let mut dump = crash_dump(true, kind, &[]);
    let first = 0x3000;
    let all: u64 = ranges.iter().map(|(_, pages)| pages).sum();
    dump.u32(0x40).raw(b"RDMPDUMP").u32(0).u64(first - 0x2040 + 0x20).u64(first);
    // A kernel's dump does not state how many there are.
    let counts = if kind == 10 { (ranges.len() as u32, all) } else { (0, 0) };
    dump.u32(counts.0).u32(0).u64(counts.1);
    for (page, pages) in ranges {
        dump.u64(*page).u64(*pages);
    }
    let pages: Vec<u64> = ranges.iter().flat_map(|(page, pages)| *page..page + pages).collect();
    dump.pad_to(first as usize).raw(&content(pages));
    dump.bytes
}

#[test]
fn live_crash_dumps() {
    for kind in [8, 9, 10] {
        let dump = live_dump(kind, &[(5, 2), (40, 1)]);
        let image = Image::from_content(dump.clone()).unwrap();
        holds_pages(&image, &[5, 6, 40]);
        assert_eq!((image.report().warnings().len(), image.size()), (0, 3 * 4096));
        every_cut(&dump, 509);
    }
}

/// A kernel's live dump says how many pages a range has only once; what shows that a number was changed is the next range, and
/// the length of the file.
#[test]
fn a_changed_range_of_a_live_dump_follows_from_the_rest() {
    let ranges = [(5, 2), (8, 2), (40, 1)];
    let pages = [5, 6, 8, 9, 40];
    let dump = live_dump(8, &ranges);
    // (offset, byte, what is said of it)
    let cases = [
        (0x2038, 0x82, "0x82 pages from 0x5 on, but by the others it is 0x2"),
        (0x203a, 0x01, "0x10002 pages from 0x5 on, but by the others it is 0x2"),
        (0x2048, 0xff, "0xff pages from 0x8 on, but by the others it is 0x2"),
        (0x2058, 0x00, "0x0 pages from 0x28 on, but by the others it is 0x1"),
    ];
    for (at, byte, said) in cases {
        let mut changed = dump.clone();
        changed[at] = byte;
        let image = Image::from_content(changed).unwrap();
        holds_pages(&image, &pages);
        let warnings = image.report().warnings().join("\n");
        assert_eq!(warnings, format!("the list of ranges was changed: it states {said}"));
    }
    // Where the first page of a range is lost, the pages of the others are still where they belong.
    let mut lost = dump.clone();
    lost[0x2040] = 0;
    let image = Image::from_content(lost).unwrap();
    holds_pages(&image, &[5, 6, 40]);
    assert_eq!(image.size(), 3 * 4096);
    // Any of the ranges may have lost a page: nothing is changed where nothing says which.
    let short = live_dump(8, &[(5, 1), (8, 2), (40, 1)]);
    let more = [&short[..], &[0; 4096]].concat();
    let image = Image::from_content(more).unwrap();
    assert_eq!((image.size(), image.report().warnings().len()), (4 * 4096, 0));
}

#[test]
fn an_unknown_type_of_dump_is_reported() {
    let error = Image::from_content(crash_dump(true, 77, &[(0, 1)]).bytes).unwrap_err().to_string();
    assert_eq!(error, "Windows crash dump, byte 0xf98: expected a type of dump from 1 to 10, found 77");
}

#[test]
fn mach_o_cores() {
    for wide in [false, true] {
        let whole = macho(wide, &[(0x1000, content(1..3)), (0x10_0000, content([256]))]);
        let image = Image::from_content(whole.clone()).unwrap();
        assert_eq!((image.container(), image.report().total()), (Container::MachCore, 0));
        holds_pages(&image, &[1, 2, 256]);
        every_cut(&whole, 509);
    }
    let error = Image::from_content(macho(true, &[(0xffff_ff80_0000_0000, content([1]))])).unwrap_err();
    assert!(error.to_string().contains("a core of virtual memory"), "{error}");
}

#[test]
fn vmware_memory_with_its_state_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, state) = (folder.path().join("guest.vmem"), folder.path().join("guest.vmss"));
    // The part after the hole below 4 GiB.
    let regions = [(0, 0, 3), (0x10_0000, 3, 2)];
    std::fs::write(&memory, content([0, 1, 2, 0x10_0000, 0x10_0001])).unwrap();
    let alone = Image::open(&memory).unwrap();
    assert_eq!((alone.container(), alone.size()), (Container::Raw, 5 * 4096));
    std::fs::write(&state, vmware_state(&regions, None)).unwrap();
    for path in [&memory, &state] {
        let image = Image::open(path).unwrap();
        assert_eq!(image.container(), Container::Vmware);
        holds_pages(&image, &[0, 1, 2, 0x10_0000, 0x10_0001]);
        assert_eq!(image.hints().dtb, Some(PhysicalAddress(0x18_7000)));
        assert_eq!(image.hints().arch, Some(profile::Arch::Amd64));
        let [first, second] = &image.hints().cpus[..] else { panic!("two processors") };
        assert_eq!((first.instruction.0, first.cr3), (0xffff_f800_0000_1000, 0x18_7000));
        assert_eq!((second.cr0, second.cr3, second.cr4), (0x8005_0033, 0x18_8000, 0x6f0));
    }
    let error = Image::from_content(vmware_state(&regions, None)).unwrap_err().to_string();
    assert!(error.contains("a .vmem file beside it"), "{error}");
}

#[test]
fn vmware_memory_inside_its_state() {
    for (regions, pages) in [(&[][..], [0, 1, 2]), (&[(0, 0, 2), (0x10_0000, 2, 1)][..], [0, 1, 0x10_0000])] {
        let whole = vmware_state(regions, Some(&content(pages)));
        let image = Image::from_content(whole.clone()).unwrap();
        holds_pages(&image, &pages);
        every_cut(&whole, 211);
        // Marked as compressed.
        let mut compressed = whole;
        let at = compressed.windows(6).position(|name| name == b"Memory").unwrap() - 2;
        compressed[at] = 2 << 6 | 62;
        let error = Image::from_content(compressed).unwrap_err().to_string();
        assert!(error.contains("a VMware state file with compressed memory"), "{error}");
    }
}

#[test]
fn e01_images_of_several_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |number: usize| folder.path().join(format!("memory.E{number:02}"));
    let files = ewf(&content(0..10), 4);
    for (index, file) in files.iter().enumerate() {
        std::fs::write(path(index + 1), file).unwrap();
    }
    let image = Image::open(&path(1)).unwrap();
    assert_eq!((image.container(), image.packing()), (Container::Raw, Some(Container::Ewf)));
    assert_eq!(image.report().total(), 0, "{:?}", image.report());
    holds_pages(&image, &(0..10).collect::<Vec<_>>());

    let error = Image::open(&path(2)).unwrap_err().to_string();
    assert!(error.contains("found a later file of an E01 image; "), "{error}");
    std::fs::remove_file(path(2)).unwrap();
    let part = Image::open(&path(1)).unwrap();
    assert_eq!(part.report().count("missing part"), 1);
    assert_eq!(read(&part, 0x3000, 4096).unwrap(), page(3));
    assert_eq!((part.size(), read(&part, 0x4000, 1).unwrap_err().at()), (0x4000, PhysicalAddress(0x4000)));
}

#[test]
fn the_form_of_smart_has_its_chunks_in_the_table() {
    let whole = ewf_smart(&content([0, 1, 2, 4]));
    let image = Image::from_content(whole.clone()).unwrap();
    assert_eq!(image.packing(), Some(Container::Ewf));
    for (place, number) in [0, 1, 2, 4].into_iter().enumerate() {
        assert_eq!(read(&image, place as u64 * 4096, 4096).unwrap(), page(number));
    }
    every_cut(&whole, 37);
}

#[test]
fn damaged_e01_images() {
    let [whole] = &ewf(&content(0..6), 100)[..] else { panic!("one file") };
    every_cut(whole, 37);
    holds_pages(&Image::from_content(whole.clone()).unwrap(), &(0..6).collect::<Vec<_>>());
    // The stored chunk (page 3), whose checksum is checked here; the others have their own.
    let stored = page(3);
    let at = whole.windows(64).position(|bytes| bytes == &stored[..64]).unwrap();
    let mut damaged = whole.clone();
    damaged[at] ^= 1;
    let error = read(&Image::from_content(damaged).unwrap(), 0x3000, 1).unwrap_err();
    assert!(error.to_string().contains("the checksum of a chunk does not agree"), "{error}");
    // A section that points back to itself.
    let mut looping = whole.clone();
    looping[13 + 16..13 + 24].copy_from_slice(&13u64.to_le_bytes());
    let error = Image::from_content(looping).unwrap_err().to_string();
    assert!(error.contains("expected a later section"), "{error}");
}

/// The seeds of the fuzz targets are small images that open completely; `UPDATE=1` rewrites them.
#[test]
fn the_seeds_of_the_fuzz_targets_open() {
    let small = |byte| vec![byte; 200];
    let ranges = [(0x1000, small(1)), (0x8000, small(2))];
    let mut complete = crash_dump(true, 1, &[(1, 1), (3, 1)]);
    complete.raw(&[1; 8192]);
    let mut bitmap = crash_dump(true, 5, &[]);
    bitmap
        .raw(b"FDMPDUMP")
        .pad_to(0x2020)
        .u64(0x2040)
        .u64(2)
        .u64(16)
        .raw(&[0x21, 0])
        .pad_to(0x2040)
        .raw(&[3; 8192]);
    let mut live = crash_dump(true, 10, &[]);
    live.u32(0x40).raw(b"RDMPDUMP").u32(0).u64(0x30).u64(0x2050);
    live.u32(2).u32(0).u64(2).u64(5).u64(1).u64(9).u64(1).raw(&[4; 8192]);
    let mut short = crash_dump(false, 1, &[(1, 1)]);
    short.raw(&[5; 4096]);
    let elf = Elf {
        ranges: ranges.to_vec(),
        notes: vec![("VMCOREINFO", 0, b"OSRELEASE=6.1.0\n".to_vec())],
        ..Elf::default()
    };
    let seeds = [
        ("image_avml", "made", avml(&ranges), Container::Avml),
        ("image_crash_dump", "complete", complete.bytes, Container::CrashDump),
        ("image_crash_dump", "bitmap", bitmap.bytes, Container::CrashDump),
        ("image_crash_dump", "live", live.bytes, Container::CrashDump),
        ("image_crash_dump_32", "complete", short.bytes, Container::CrashDump),
        ("image_elf", "made", elf.build(), Container::ElfCore),
        ("image_ewf", "made", ewf(&content([0, 3]), 9).remove(0), Container::Raw),
        ("image_flattened", "made", flattened(&elf.build()), Container::ElfCore),
        ("image_kdump", "zlib", kdump(&[0, 2], 8, PACKS[0], true), Container::Kdump),
        ("image_kdump", "lzo", kdump(&[0, 2], 8, PACKS[1], true), Container::Kdump),
        ("image_kdump", "snappy", kdump(&[0, 2], 8, PACKS[2], false), Container::Kdump),
        ("image_kdump", "zstd", kdump(&[0, 2], 8, PACKS[3], true), Container::Kdump),
        ("image_lime", "made", lime(&ranges), Container::Lime),
        ("image_macho", "made", macho(true, &ranges), Container::MachCore),
        ("image_vmware", "made", vmware_state(&[(0, 0, 1)], Some(&[7; 4096])), Container::Vmware),
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (target, name, made, container) in seeds {
        let path = folder.join(target).join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(folder.join(target)).unwrap();
            std::fs::write(&path, made).unwrap();
        }
        let image = Image::open(&path).unwrap();
        assert_eq!((image.container(), image.report().total()), (container, 0), "{}", path.display());
        assert!(image.size() > 0);
    }
}

#[test]
fn one_part_of_a_split_kdump_has_its_own_pages_and_is_marked() {
    let pages = [20, 21, 23];
    let mut part = kdump(&pages, 64, PACKS[0], true);
    // Split, from page 20 to before page 30; the bitmaps are those of the whole dump.
    part[4096 + 12] = 1;
    part[4096 + 80] = 20;
    part[4096 + 88] = 30;
    for bitmap in [2 * 4096, 3 * 4096] {
        part[bitmap] |= 0b110;
        part[bitmap + 5] |= 0b1;
    }
    let image = Image::from_content(part).unwrap();
    assert_eq!(runs(&image), "0x14000..0x16000 0x17000..0x18000");
    for number in pages {
        assert_eq!(read(&image, number * 4096, 4096).unwrap(), page(number));
    }
    assert!(matches!(read(&image, 4096, 1), Err(ReadError::Missing { .. })));
    let warnings = image.report().warnings();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("makedumpfile --reassemble"), "{warnings:?}");
    assert!(Image::from_content(kdump(&pages, 64, PACKS[0], true)).unwrap().report().warnings().is_empty());
}

/// A file of `content` that is truncated to half when its search has begun.
#[track_caller]
fn shrinking(what: &str, content: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let image = Image::open(file.path()).unwrap();
    let half = content.len() as u64 / 2;
    let end = image.runs().last().unwrap().end();
    for threads in [1, 2] {
        file.as_file().set_len(content.len() as u64).unwrap();
        let cut = std::sync::Once::new();
        let scanned =
            image::scan(&image, &image::ScanPlan { threads, ..Default::default() }, |window, seen| {
                cut.call_once(|| file.as_file().set_len(half).unwrap());
                seen.push(window.start);
            });
        assert!(!scanned.found.is_empty(), "{what}");
        assert!(scanned.report.count("unreadable memory") > 0, "{what}: {:?}", scanned.report);
    }
    let error = read(&image, end - 64, 64).unwrap_err();
    assert!(matches!(error, ReadError::Truncated { .. }), "{what}: {error}");
    assert!((end - 4096..end).contains(&error.at().0), "{what}: {error}");
    assert!(error.to_string().contains("the file ends before byte 0x"), "{what}: {error}");
    // The remaining part can still be read.
    read(&image, image.runs()[0].start.0, 16).unwrap();
}

#[test]
fn a_file_that_shrinks_while_it_is_searched_is_reported() {
    // Different on every page, and longer than several windows of a search.
    let memory: Vec<u8> =
        (0..4u32 << 20).map(|at| (at ^ at >> 9).wrapping_mul(0x9e37_79b1).to_be_bytes()[0]).collect();
    shrinking("raw", &memory);
    let ranges = vec![(0x10_0000, memory.clone())];
    shrinking("LiME", &lime(&ranges));
    shrinking("Mach-O", &macho(true, &ranges));
    shrinking("ELF", &Elf { ranges, ..Elf::default() }.build());
}

#[cfg(unix)]
#[test]
fn a_lost_part_of_a_sparse_file_is_not_a_hole() {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for start in [0, 48 << 20] {
        file.seek(SeekFrom::Start(start)).unwrap();
        file.write_all(&[7; 4096]).unwrap();
    }
    file.as_file().set_len(64 << 20).unwrap();
    let image = Image::open(file.path()).unwrap();
    let search = || image::find(&image, &[b"\x07\x07"], usize::MAX, &image::ScanPlan::default()).report;
    assert_eq!(search().total(), 0);
    file.as_file().set_len(32 << 20).unwrap();
    let report = search();
    assert_eq!(report.count("unreadable memory"), (32 << 20) / 4096, "{report:?}");
}
