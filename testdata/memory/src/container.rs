//! The files that memory is dumped into.

use crate::Image;
use crate::memory::PAGE;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Every byte at its address; zeroes where there is no RAM.
    Raw,
    /// An ELF core: one program header for each range of RAM.
    Elf,
    /// A Windows crash dump: header, then the ranges of RAM one after the other.
    CrashDump,
    /// A Windows crash dump with a bitmap of the pages that follow.
    CrashBitmap,
    /// A Mach-O core: one segment for each range of RAM.
    MachO,
}

/// What the header of a crash dump says, beside the ranges of RAM.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Whether addresses have 64 bits.
    pub wide: bool,
    /// Whether page tables are those of PAE.
    pub pae: bool,
    /// Build number of the system.
    pub build: u32,
    /// Virtual addresses: PFN database, list of modules, list of processes, debugger block.
    pub places: [u64; 4],
    /// 100 ns since 1601.
    pub time: u64,
}

/// Writes an image into a file of this kind.
pub fn write(image: &Image, container: Container) -> Vec<u8> {
    match container {
        Container::Raw => raw(image),
        Container::Elf => elf(image),
        Container::CrashDump => crash(image, false),
        Container::CrashBitmap => crash(image, true),
        Container::MachO => macho(image),
    }
}

fn raw(image: &Image) -> Vec<u8> {
    let end = image.memory.ranges().last().map_or(0, |range| range.end);
    assert!(end <= 1 << 30, "memory up to {end:#x} is too much for a raw file: take a container with ranges");
    let mut bytes = vec![0; end as usize];
    for (page, content) in image.memory.pages() {
        bytes[page as usize..][..content.len()].copy_from_slice(content);
    }
    bytes
}

/// Appends every range of RAM.
fn append_ranges(image: &Image, bytes: &mut Vec<u8>) {
    let mut start = bytes.len();
    let mut starts = Vec::new();
    for range in image.memory.ranges() {
        starts.push((range.clone(), start));
        start += (range.end - range.start) as usize;
    }
    bytes.resize(start, 0);
    for (page, content) in image.memory.pages() {
        let (range, start) = starts.iter().find(|(range, _)| range.contains(&page)).expect("a page in RAM");
        bytes[start + (page - range.start) as usize..][..content.len()].copy_from_slice(content);
    }
}

fn elf(image: &Image) -> Vec<u8> {
    let ranges = image.memory.ranges();
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    // ET_CORE, x86-64, version 1, no entry, program headers at 64, no section headers.
    put(&mut bytes, &[(2, 4), (2, 62), (4, 1), (8, 0), (8, 64), (8, 0), (4, 0), (2, 64), (2, 56)]);
    put(&mut bytes, &[(2, ranges.len() as u64), (2, 0), (2, 0), (2, 0)]);
    let mut offset = (64 + 56 * ranges.len() as u64).next_multiple_of(PAGE);
    for range in ranges {
        let size = range.end - range.start;
        put(
            &mut bytes,
            &[(4, 1), (4, 7), (8, offset), (8, 0), (8, range.start), (8, size), (8, size), (8, 0)],
        );
        offset += size;
    }
    bytes.resize(bytes.len().next_multiple_of(PAGE as usize), 0);
    append_ranges(image, &mut bytes);
    bytes
}

/// <https://learn.microsoft.com/windows-hardware/drivers/debugger/> names the two kinds; the fields are those that
/// debuggers and Volatility 3 (`crash.json`, `crash64.json`, `crash_common.json`) read.
fn crash(image: &Image, bitmap: bool) -> Vec<u8> {
    let (header, ranges) = (&image.header, image.memory.ranges());
    // Whatever nobody sets says so.
    let filler = b"PAGE".repeat(if header.wide { 0x800 } else { 0x400 });
    let mut bytes = filler;
    let mut set = |at: usize, width: usize, value: u64| {
        bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    };
    let pages: u64 = ranges.iter().map(|range| (range.end - range.start) / PAGE).sum();
    let kind = if bitmap { 5 } else { 1 };
    set(8, 4, 15);
    set(12, 4, header.build.into());
    if header.wide {
        set(4, 4, u64::from(u32::from_le_bytes(*b"DU64")));
        set(0x10, 8, image.truth.dtb);
        for (index, place) in header.places[..3].iter().enumerate() {
            set(0x18 + index * 8, 8, *place);
        }
        set(0x30, 4, 0x8664);
        set(0x34, 4, 1);
        set(0x38, 4, 0xe2);
        for index in 0..4 {
            set(0x40 + index * 8, 8, 0);
        }
        set(0x80, 8, header.places[3]);
        set(0x88, 4, ranges.len() as u64);
        set(0x90, 8, pages);
        for (index, range) in ranges.iter().enumerate() {
            set(0x98 + index * 16, 8, range.start / PAGE);
            set(0xa0 + index * 16, 8, (range.end - range.start) / PAGE);
        }
        set(0xf98, 4, kind);
        set(0xfa0, 8, 0x2000 + pages * PAGE);
        set(0xfa8, 8, header.time);
    } else {
        set(4, 4, u64::from(u32::from_le_bytes(*b"DUMP")));
        set(0x10, 4, image.truth.dtb);
        for (index, place) in header.places[..3].iter().enumerate() {
            set(0x14 + index * 4, 4, *place);
        }
        set(0x20, 4, 0x14c);
        set(0x24, 4, 1);
        set(0x28, 4, 0xe2);
        for index in 0..4 {
            set(0x2c + index * 4, 4, 0);
        }
        set(0x5c, 1, header.pae.into());
        set(0x60, 4, header.places[3]);
        set(0x64, 4, ranges.len() as u64);
        set(0x68, 4, pages);
        for (index, range) in ranges.iter().enumerate() {
            set(0x6c + index * 8, 4, range.start / PAGE);
            set(0x70 + index * 8, 4, (range.end - range.start) / PAGE);
        }
        set(0xf88, 4, kind);
        set(0xfa0, 8, 0x1000 + pages * PAGE);
        set(0xfc0, 8, header.time);
    }
    if !bitmap {
        append_ranges(image, &mut bytes);
        return bytes;
    }
    // The pages in use; Windows leaves out the rest.
    let end = ranges.last().map_or(0, |range| range.end) / PAGE;
    let bits = end.next_multiple_of(64);
    let mut map = vec![0_u8; bits as usize / 8];
    let mut present = 0_u64;
    for page in image.memory.in_use() {
        let page = page / PAGE;
        map[page as usize / 8] |= 1 << (page % 8);
        present += 1;
    }
    let summary = bytes.len();
    let first = (summary as u64 + 0x38 + map.len() as u64).next_multiple_of(PAGE);
    bytes.extend_from_slice(b"SDMPDUMP");
    bytes.resize(summary + 0x20, 0);
    put(&mut bytes, &[(8, first), (8, present), (8, bits)]);
    bytes.extend_from_slice(&map);
    bytes.resize(first as usize, 0);
    for page in image.memory.in_use() {
        bytes.extend_from_slice(&image.memory.read(page, PAGE as usize));
    }
    bytes
}

/// `MH_CORE` with `LC_SEGMENT_64` commands whose addresses are physical, as `OSXPMem` writes them, and an `LC_THREAD` of a
/// processor at rest, without which lldb takes no core.
fn macho(image: &Image) -> Vec<u8> {
    /// `x86_THREAD_STATE64` with its 42 words.
    const THREAD: u64 = 8 + 8 + 42 * 4;
    let ranges = image.memory.ranges();
    let segments = ranges.len() as u64;
    let sizes = segments * 72 + THREAD;
    let mut bytes = Vec::new();
    put(
        &mut bytes,
        &[(4, 0xfeed_facf), (4, 0x0100_0007), (4, 3), (4, 4), (4, segments + 1), (4, sizes), (4, 0), (4, 0)],
    );
    let mut offset = (32 + sizes).next_multiple_of(PAGE);
    for range in ranges {
        let size = range.end - range.start;
        put(
            &mut bytes,
            &[(4, 0x19), (4, 72), (8, 0), (8, 0), (8, range.start), (8, size), (8, offset), (8, size)],
        );
        put(&mut bytes, &[(4, 7), (4, 7), (4, 0), (4, 0)]);
        offset += size;
    }
    put(&mut bytes, &[(4, 4), (4, THREAD), (4, 4), (4, 42)]);
    bytes.resize(bytes.len().next_multiple_of(PAGE as usize), 0);
    append_ranges(image, &mut bytes);
    bytes
}

/// Appends little-endian numbers: bytes and value.
fn put(bytes: &mut Vec<u8>, fields: &[(usize, u64)]) {
    for (width, value) in fields {
        bytes.extend_from_slice(&value.to_le_bytes()[..*width]);
    }
}
