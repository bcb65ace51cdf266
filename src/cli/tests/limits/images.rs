//! Memory images.

use image::{Error, Image, Memory, PhysicalAddress};

use crate::elf::core;
use crate::measure::{alone, proportional};

const LOAD: u32 = 1;
const NOTE: u32 = 4;

#[test]
fn ranges_of_memory_over_the_same_bytes() {
    let input = |n: usize| {
        let length = 16 * n as u64;
        let headers: Vec<_> = (0..n as u64).map(|number| (LOAD, 0, number * length, length)).collect();
        core(&headers, &vec![7; length as usize])
    };
    proportional(2000, 20, input, |bytes| {
        let error = Image::from_content(bytes).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Malformed { .. }) && text.contains("bytes of their own"), "{text}");
        assert!(text.contains("--unpack-limit"), "{text}");
    });
}

/// A core of `n` headers whose virtual addresses are zero, each of one page that another one has too.
fn pages_in_a_row(n: usize, physical: impl Fn(u64) -> u64) -> Vec<u8> {
    let headers: Vec<_> = (0..n as u64).map(|number| (LOAD, 0, physical(number), 4096)).collect();
    core(&headers, &[7; 4096])
}

#[test]
fn program_headers_that_repeat_a_range() {
    // The place, the length and the address of each may be taken for a changed byte, and all are at one distance.
    let input = |n: usize| pages_in_a_row(n, |_| 0x1000);
    proportional(16_000, 20, input, |bytes| {
        assert_eq!(Image::from_content(bytes).unwrap().size(), 4096);
    });
}

#[test]
fn program_headers_that_descend() {
    let input = |n: usize| pages_in_a_row(n, |number| (n as u64 - number) * 4096);
    proportional(16_000, 40, input, |bytes| {
        let error = Image::from_content(bytes).unwrap_err().to_string();
        assert!(error.contains("bytes of their own"), "{error}");
    });
}

#[test]
fn a_range_that_is_listed_twice_is_harmless() {
    let _alone = alone();
    let image = Image::from_content(core(&[(LOAD, 0, 0, 4096), (LOAD, 0, 8192, 4096)], &[7; 4096])).unwrap();
    assert_eq!(image.size(), 8192);
    let mut byte = [0];
    image.read(PhysicalAddress(8192 + 4095), &mut byte).unwrap();
    assert_eq!(byte, [7]);
}

#[test]
fn note_headers_over_the_same_bytes() {
    let input = |n: usize| {
        let note = [[5, 440, 0].map(u32::to_le_bytes).concat(), b"QEMU\0\0\0\0\x01".to_vec(), vec![0; 439]];
        let notes = note.concat().repeat(n / 8);
        let length = notes.len() as u64;
        let mut headers = vec![(LOAD, 0, 0, 4096)];
        headers.extend((0..n).map(|_| (NOTE, 0, 0, length)));
        core(&headers, &notes)
    };
    proportional(2000, 20, input, |bytes| {
        let image = Image::from_content(bytes).unwrap();
        assert!(image.hints().cpus.len() >= 200);
        assert!(image.report().count("unreadable note") > 1000);
    });
}

/// A kdump of `pages` pages that all share one descriptor's worth of zeros, as makedumpfile writes them.
fn zeros(pages: u64) -> Vec<u8> {
    let mut file = b"KDUMP   ".to_vec();
    file.extend_from_slice(&6u32.to_le_bytes());
    file.resize(424, 0);
    let bitmap_blocks = 2 * pages.div_ceil(8 * 4096);
    for value in [0u32, 4096, 1, bitmap_blocks as u32, pages as u32] {
        file.extend_from_slice(&value.to_le_bytes());
    }
    file.resize(4096 + 96, 0);
    file.extend_from_slice(&pages.to_le_bytes());
    file.resize(2 * 4096, 0);
    for _ in 0..2 {
        let end = file.len() + bitmap_blocks as usize / 2 * 4096;
        file.resize(file.len() + pages as usize / 8, 0xff);
        file.resize(end, 0);
    }
    let page = file.len() as u64 + 24 * pages;
    for _ in 0..pages {
        file.extend_from_slice(&page.to_le_bytes());
        file.extend_from_slice(&4096u32.to_le_bytes());
        file.extend_from_slice(&[0; 12]);
    }
    file.resize(file.len() + 4096, 0);
    file
}

#[test]
fn memory_that_is_all_zero_opens_and_takes_little_to_read() {
    proportional(
        1 << 14,
        2,
        |n| zeros(n as u64),
        |bytes| {
            let image = Image::from_content(bytes).unwrap();
            assert!(image.size() >= 64 << 20);
            let mut page = [1; 4096];
            image.read(PhysicalAddress(image.size() - 4096), &mut page).unwrap();
            assert_eq!(page, [0; 4096]);
        },
    );
}

#[test]
fn a_bitmap_without_pages() {
    let input = |n: usize| {
        let mut file = zeros(8 * 4096 * n as u64);
        file.truncate(2 * 4096 + 2 * n * 4096);
        file[2 * 4096..].fill(0x55);
        file
    };
    proportional(16, 2, input, |bytes| {
        // Nothing of the memory is there.
        assert_eq!(Image::from_content(bytes).unwrap().size(), 0);
    });
}

/// A file of an E01 image: its sections, each a kind and a body, behind the mark.
fn ewf(sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"EVF\x09\x0d\x0a\xff\0\x01\x01\0\0\0".to_vec();
    for (number, (kind, body)) in sections.iter().enumerate() {
        let (at, size) = (file.len() as u64, 76 + body.len() as u64);
        let next = if number + 1 == sections.len() { at } else { at + size };
        let start = file.len();
        file.extend(kind.as_bytes());
        file.resize(start + 16, 0);
        file.extend([next, size].map(u64::to_le_bytes).concat());
        file.resize(start + 76, 0);
        file.extend(body);
    }
    file
}

/// The geometry of an image of this many chunks of 32 KiB.
fn volume(chunks: u64) -> Vec<u8> {
    let mut body = [0, chunks as u32, 64, 512].map(u32::to_le_bytes).concat();
    body.extend((64 * chunks).to_le_bytes());
    body.resize(94, 0);
    body
}

/// A table that says it has `count` entries.
fn table(count: u32, entries: &[u8]) -> Vec<u8> {
    let mut body = [count, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
    body.extend(entries);
    body
}

#[test]
fn chunks_of_an_e01_image_over_the_same_bytes() {
    let input = |n: usize| {
        // Every entry names the first bytes, packed.
        let entries = (1u32 << 31 | 13).to_le_bytes().repeat(n);
        ewf(&[("volume", volume(n as u64)), ("table", table(n as u32, &entries)), ("done", Vec::new())])
    };
    proportional(1 << 14, 4, input, |bytes| {
        let error = Image::from_content(bytes).unwrap_err().to_string();
        assert!(error.contains("packed bytes say that they hold"), "{error}");
    });
}

#[test]
fn tables_of_an_e01_image_over_the_same_bytes() {
    let input = |n: usize| {
        // Each table says that it has entries up to the end of the file.
        let mut sections = vec![("volume", volume(n as u64))];
        sections.extend((0..n).map(|_| ("table", table(u32::MAX, &[]))));
        sections.push(("done", Vec::new()));
        ewf(&sections)
    };
    proportional(4000, 4, input, |bytes| {
        let error = Image::from_content(bytes).unwrap_err().to_string();
        assert!(error.contains("tables that do not overlap"), "{error}");
    });
}

/// A VMware state file whose groups, `count` of them, all name the same tags.
fn state(count: usize, tags: &[u8]) -> Vec<u8> {
    let mut file = [0xbed2_bed2, 8, count as u32].map(u32::to_le_bytes).concat();
    let at = 12 + 80 * count as u64;
    for _ in 0..count {
        let start = file.len();
        file.extend(b"memory");
        file.resize(start + 64, 0);
        file.extend([at, 0].map(u64::to_le_bytes).concat());
    }
    file.extend(tags);
    file.extend([0, 0]);
    file
}

#[test]
fn groups_of_a_vmware_state_file_over_the_same_tags() {
    let input = |n: usize| state(n, &[4, 1, b'x', 1, 2, 3, 4].repeat(80 * n / 7));
    proportional(500, 40, input, |bytes| {
        let error = Image::from_content(bytes).unwrap_err().to_string();
        assert!(error.contains("memory in the state file"), "{error}");
    });
}

#[test]
fn regions_of_a_vmware_state_file_over_the_same_memory() {
    let input = |n: usize| {
        let tag = |name: &str, indices: &[u32], value: u32| {
            let mut tag = vec![(indices.len() as u8) << 6 | 4, name.len() as u8];
            tag.extend(name.as_bytes());
            tag.extend(indices.iter().flat_map(|index| index.to_le_bytes()));
            tag.extend(value.to_le_bytes());
            tag
        };
        let mut tags = tag("regionsCount", &[], n as u32);
        let pages = n as u32 / 16;
        for region in 0..n as u32 {
            tags.extend(tag("regionPPN", &[region], region * pages));
            tags.extend(tag("regionPageNum", &[region], 0));
            tags.extend(tag("regionSize", &[region], pages));
        }
        let length = u64::from(pages) * 4096;
        tags.extend([2 << 6 | 63, 6]);
        tags.extend(b"Memory");
        tags.extend([0; 8]);
        tags.extend([length, length].map(u64::to_le_bytes).concat());
        tags.extend([0, 0]);
        tags.resize(tags.len() + length as usize, 7);
        state(1, &tags)
    };
    proportional(1000, 40, input, |bytes| {
        let error = Image::from_content(bytes).unwrap_err().to_string();
        assert!(error.contains("bytes of their own"), "{error}");
    });
}
