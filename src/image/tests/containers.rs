//! Each container, laid out by this test from the format's description, gives back the memory that was put in; damaged
//! ones give errors that say where.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod layout;

use image::{Container, Error, Image, Memory, PhysicalAddress, ReadError};
use layout::{Elf, lime};

/// The ranges of an image as text.
fn runs(image: &Image) -> String {
    image.runs().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn read(image: &Image, at: u64, length: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![0; length];
    image.read(PhysicalAddress(at), &mut bytes).map(|()| bytes)
}

/// Every prefix of an image opens or says why not, and what it holds is what the whole one holds there.
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
    assert!(matches!(Image::from_content(Vec::new()), Err(Error::Empty)));
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
        ("VBCORE", 0xb01, cpu),
    ];
    let elf = Elf { ranges: vec![(0, vec![0; 0x1000])], notes, ..Elf::default() };
    let image = Image::from_content(elf.build()).unwrap();
    assert_eq!(image.hints().dtb, Some(PhysicalAddress(0x18_7000)));
    assert!(image.hints().cpus.iter().all(|cpu| (cpu.cr4, cpu.instruction.0) == (0x6f8, 0x10)));
}

#[test]
fn an_elf_file_that_is_no_core_is_named() {
    let mut content = Elf { ranges: vec![(0, vec![0; 0x1000])], ..Elf::default() }.build();
    content[16] = 2;
    let error = Image::from_content(content).unwrap_err();
    assert!(error.to_string().contains("an ELF file that is no core"), "{error}");
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
fn damaged_lime_headers_are_told() {
    let mut content = lime(&[(0, vec![1; 0x1000]), (0x1000, vec![2; 0x1000])]);
    content[0x1000 + 32] = b'X';
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
