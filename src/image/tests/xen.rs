//! ELF cores that tell by sections what they hold: Xen's `dump-core` files, laid out from `misc/dump-core-format` of Xen's
//! documentation, and others without program headers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use image::{Container, Error, Image, Memory, PhysicalAddress};

const PAGE: usize = 4096;

/// A section: name, type, address, content, size of an entry.
type Section<'a> = (&'a str, u32, u64, Vec<u8>, u64);

const PROGBITS: u32 = 1;
const NOTE: u32 = 7;

fn note(kind: u32, body: &[u64]) -> Vec<u8> {
    let mut note = Vec::new();
    for word in [4, 8 * body.len() as u32, kind] {
        note.extend(word.to_le_bytes());
    }
    note.extend(b"Xen\0");
    note.extend(body.iter().flat_map(|number| number.to_le_bytes()));
    note
}

/// An ELF core of 64 bits with these sections and no program headers.
fn core(sections: &[Section<'_>]) -> Vec<u8> {
    let mut names = b"\0.shstrtab\0".to_vec();
    let mut headers = vec![[0u64; 6]];
    let mut body: Vec<u8> = Vec::new();
    let count = sections.len() + 2;
    let start = 64 + 64 * count as u64;
    for (name, kind, address, content, entry) in sections {
        headers.push([
            names.len() as u64,
            u64::from(*kind),
            *address,
            start + body.len() as u64,
            content.len() as u64,
            *entry,
        ]);
        names.extend(name.as_bytes());
        names.push(0);
        body.extend(content);
    }
    headers.push([1, 3, 0, start + body.len() as u64, names.len() as u64, 0]);
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    for half in [4u16, 62] {
        elf.extend(half.to_le_bytes());
    }
    elf.extend(1u32.to_le_bytes());
    for word in [0u64, 0, 64] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(0u32.to_le_bytes());
    for half in [64, 0, 0, 64, count as u16, count as u16 - 1] {
        elf.extend(half.to_le_bytes());
    }
    for [name, kind, address, offset, length, entry] in headers {
        elf.extend((name as u32).to_le_bytes());
        elf.extend((kind as u32).to_le_bytes());
        for word in [0, address, offset, length] {
            elf.extend(word.to_le_bytes());
        }
        elf.extend([0; 8]);
        elf.extend(1u64.to_le_bytes());
        elf.extend(entry.to_le_bytes());
    }
    elf.extend(body);
    elf.extend(names);
    elf
}

fn pages(numbers: &[u8]) -> Vec<u8> {
    numbers.iter().flat_map(|number| vec![*number; PAGE]).collect()
}

fn words(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn byte(image: &Image, at: u64) -> Option<u8> {
    let mut byte = [0];
    image.read(PhysicalAddress(at), &mut byte).ok().map(|()| byte[0])
}

fn runs(image: &Image) -> String {
    image.runs().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn header(magic: u64, pages: u64, size: u64) -> Vec<u8> {
    [note(0x200_0000, &[]), note(0x200_0001, &[magic, 1, pages, size])].concat()
}

#[test]
fn pages_of_a_fully_virtualised_guest_are_where_their_numbers_say() {
    let content = core(&[
        (".note.Xen", NOTE, 0, header(0xf00f_ebee, 4, 4096), 0),
        (".xen_pages", PROGBITS, 0, pages(&[7, 8, 9, 10]), 4096),
        (".xen_pfn", PROGBITS, 0, words(&[0, 1, u64::MAX, 0x100]), 8),
    ]);
    let image = Image::from_content(content.clone()).unwrap();
    assert_eq!(image.container(), Container::ElfCore);
    assert_eq!(runs(&image), "0x0..0x2000 0x100000..0x101000");
    assert_eq!(
        [byte(&image, 0), byte(&image, 0x1000), byte(&image, 0x10_0000)],
        [Some(7), Some(8), Some(10)]
    );
    // Cut anywhere, it opens with what is there, or says why not.
    for length in (0..content.len()).step_by(61) {
        if let Ok(cut) = Image::from_content(content[..length].to_vec()) {
            assert!(cut.size() <= image.size());
        }
    }
}

#[test]
fn pages_of_a_paravirtualised_guest_have_two_numbers() {
    let content = core(&[
        (".note.Xen", NOTE, 0, header(0xf00f_ebed, 2, 4096), 0),
        (".xen_p2m", PROGBITS, 0, words(&[5, 0x7777, 3, 0x8888]), 16),
        (".xen_pages", PROGBITS, 0, pages(&[1, 2]), 4096),
    ]);
    let image = Image::from_content(content).unwrap();
    assert_eq!(runs(&image), "0x3000..0x4000 0x5000..0x6000");
    assert_eq!([byte(&image, 0x5000), byte(&image, 0x3000)], [Some(1), Some(2)]);
}

#[test]
fn what_is_wrong_with_a_xen_core_is_told() {
    let table = |numbers: &[u64]| (".xen_pfn", PROGBITS, 0, words(numbers), 8);
    let memory = |count: usize| (".xen_pages", PROGBITS, 0, pages(&vec![1; count]), 4096);
    let open = |sections: &[Section<'_>]| Image::from_content(core(sections));
    let error = open(&[memory(2)]).unwrap_err();
    assert!(error.to_string().contains("a section .xen_pfn or .xen_p2m"), "{error}");
    let size = (".note.Xen", NOTE, 0, header(0xf00f_ebee, 1, 5000), 0);
    let error = open(&[size, memory(1), table(&[0])]).unwrap_err();
    assert!(error.to_string().contains("a size of pages") && error.to_string().contains("5000"), "{error}");
    let magic = (".note.Xen", NOTE, 0, header(0x1234, 1, 4096), 0);
    let error = open(&[magic, memory(1), table(&[0])]).unwrap_err();
    assert!(error.to_string().contains("found 0x1234"), "{error}");
    assert!(matches!(open(&[memory(1), table(&[u64::MAX])]), Err(Error::Malformed { .. })));
    // Less is lost, and counted.
    let image = open(&[memory(3), table(&[0, 1])]).unwrap();
    assert_eq!((image.size(), image.report().count("page without a number")), (0x2000, 1));
    let image = open(&[memory(3), table(&[4, 0, 4])]).unwrap();
    assert_eq!((image.size(), image.report().count("page that is there twice")), (0x2000, 1));
    // Addresses beyond the last one are not read.
    let image = open(&[memory(2), table(&[u64::MAX >> 4, 1])]).unwrap();
    assert_eq!(runs(&image), "0x1000..0x2000");
}

#[test]
fn sections_with_addresses_are_memory_where_there_are_no_program_headers() {
    let content = core(&[
        (".data", PROGBITS, 0x10_0000, pages(&[3]), 0),
        (".text", PROGBITS, 0x1000, pages(&[4, 5]), 0),
        (".comment", PROGBITS, 0, b"made by hand".to_vec(), 0),
    ]);
    let image = Image::from_content(content).unwrap();
    assert_eq!(runs(&image), "0x1000..0x3000 0x100000..0x101000");
    assert_eq!([byte(&image, 0x2000), byte(&image, 0x10_0000)], [Some(5), Some(3)]);
    let error = Image::from_content(core(&[(".note", NOTE, 0, note(1, &[1]), 0)])).unwrap_err();
    assert!(error.to_string().contains("sections without memory"), "{error}");
}

/// Headers that name sections and pages by the thousand cost no more than the file is large.
#[test]
fn hostile_numbers_of_sections_cost_nothing() {
    let mut content =
        core(&[(".xen_pages", PROGBITS, 0, pages(&[1]), 4096), (".xen_pfn", PROGBITS, 0, words(&[0]), 8)]);
    // The pages and the table reach far beyond the file.
    for section in [1, 2] {
        let at = 64 + 64 * section + 32;
        content[at..at + 8].copy_from_slice(&(1u64 << 62).to_le_bytes());
    }
    let image = Image::from_content(content.clone()).map(|image| image.size());
    assert!(image.is_ok_and(|size| size <= content.len() as u64));
    content[60..62].copy_from_slice(&0xffffu16.to_le_bytes());
    let _ = Image::from_content(content);
}
