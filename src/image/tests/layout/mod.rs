//! Containers built by hand from the descriptions of their formats.

/// The fields of a header, in one byte order.
#[derive(Clone, Default)]
pub struct Header {
    pub bytes: Vec<u8>,
    pub big_endian: bool,
}

impl Header {
    pub fn little() -> Self {
        Self::default()
    }

    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    /// Zeros up to a length.
    pub fn pad_to(&mut self, length: usize) -> &mut Self {
        assert!(self.bytes.len() <= length);
        self.bytes.resize(length, 0);
        self
    }
}

/// An ELF core of a machine.
pub struct Elf {
    pub wide: bool,
    pub big_endian: bool,
    pub ranges: Vec<(u64, Vec<u8>)>,
    pub notes: Vec<(&'static str, u32, Vec<u8>)>,
}

impl Default for Elf {
    fn default() -> Self {
        Self { wide: true, big_endian: false, ranges: Vec::new(), notes: Vec::new() }
    }
}

impl Elf {
    pub fn build(&self) -> Vec<u8> {
        let empty = || Header { bytes: Vec::new(), big_endian: self.big_endian };
        let word = |header: &mut Header, value: u64| {
            if self.wide {
                header.u64(value)
            } else {
                header.u32(value.try_into().unwrap())
            };
        };
        let (header_size, entry_size) = if self.wide { (64, 56) } else { (52, 32) };
        let count = self.ranges.len() + 1;
        let mut notes = empty();
        for (name, kind, body) in &self.notes {
            notes.u32(name.len() as u32 + 1).u32(body.len() as u32).u32(*kind).raw(name.as_bytes()).raw(&[0]);
            let named = notes.bytes.len().next_multiple_of(4);
            notes.pad_to(named).raw(body);
            let whole = notes.bytes.len().next_multiple_of(4);
            notes.pad_to(whole);
        }

        let mut elf = empty();
        let order = if self.big_endian { 2 } else { 1 };
        elf.raw(&[0x7f, b'E', b'L', b'F', if self.wide { 2 } else { 1 }, order, 1]).pad_to(16);
        elf.u16(4).u16(if self.wide { 62 } else { 3 }).u32(1);
        word(&mut elf, 0);
        word(&mut elf, header_size);
        word(&mut elf, 0);
        elf.u32(0).u16(header_size as u16).u16(entry_size).u16(count as u16).u16(0).u16(0).u16(0);
        let mut at = header_size + count as u64 * u64::from(entry_size);
        let notes_at = at;
        at += notes.bytes.len() as u64;
        let mut entry = |kind: u32, offset: u64, address: u64, length: u64| {
            elf.u32(kind);
            if self.wide {
                elf.u32(0);
            }
            for value in [offset, 0, address, length, length] {
                word(&mut elf, value);
            }
            if self.wide {
                elf.u64(0)
            } else {
                elf.u32(0).u32(0)
            };
        };
        entry(4, notes_at, 0, notes.bytes.len() as u64);
        for (address, content) in &self.ranges {
            entry(1, at, *address, content.len() as u64);
            at += content.len() as u64;
        }
        elf.raw(&notes.bytes);
        for (_, content) in &self.ranges {
            elf.raw(content);
        }
        elf.bytes
    }
}

/// A LiME image.
pub fn lime(ranges: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut lime = Header::little();
    for (start, content) in ranges {
        lime.raw(b"EMiL").u32(1).u64(*start).u64(start + content.len() as u64 - 1).u64(0).raw(content);
    }
    lime.bytes
}

/// The test pages: they differ, each compresses to something else, and one does not compress.
pub fn page(number: u64) -> Vec<u8> {
    if number == 3 {
        // Without a pattern that a compressor could use.
        let mut state = 1u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        return std::iter::repeat_with(next).take(4096).collect();
    }
    (0..4096u64).map(|at| (number * 31 + at / 16 * (at % 3)) as u8).collect()
}

/// How a page is compressed.
pub type Pack = fn(&[u8]) -> Vec<u8>;

/// The four compressions of a kdump, with their flags.
pub const PACKS: [(u32, Pack); 4] = [
    (1, |page| {
        use std::io::Write;
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(page).unwrap();
        encoder.finish().unwrap()
    }),
    (2, |page| lzokay::compress::compress(page).unwrap()),
    (4, |page| snap::raw::Encoder::new().compress_vec(page).unwrap()),
    (32, |page| ruzstd::encoding::compress_to_vec(page, ruzstd::encoding::CompressionLevel::Fastest)),
];

/// A kdump of `pages` (by number, ascending) among `count`, with one compression.
pub fn kdump(pages: &[u64], count: u64, (flag, pack): (u32, Pack), wide: bool) -> Vec<u8> {
    let mut kdump = Header::little();
    kdump.raw(b"KDUMP   ").u32(6);
    for text in ["Linux", "host", "6.1.0", "#1 SMP", if wide { "x86_64" } else { "i686" }, ""] {
        let end = kdump.bytes.len() + 65;
        kdump.raw(text.as_bytes()).pad_to(end);
    }
    let bitmap_blocks = 2;
    kdump.pad_to(if wide { 424 } else { 412 }).u32(0).u32(4096).u32(1).u32(bitmap_blocks).u32(count as u32);
    kdump.pad_to(4096);
    let info = b"OSRELEASE=6.1.0\n";
    let info_at = 4096 + 512;
    if wide {
        kdump
            .u64(0x100_0000u64.wrapping_neg())
            .u32(31)
            .u32(0)
            .u64(0)
            .u64(0)
            .u64(info_at)
            .u64(info.len() as u64);
        kdump.pad_to(4096 + 96).u64(count);
    } else {
        kdump
            .u32(0x100_0000u32.wrapping_neg())
            .u32(31)
            .u32(0)
            .u32(0)
            .u32(0)
            .u64(info_at)
            .u32(info.len() as u32);
        kdump.pad_to(4096 + 72).u64(count);
    }
    kdump.pad_to(info_at as usize).raw(info).pad_to(2 * 4096);
    let mut bits = vec![0u8; 4096];
    for page in pages {
        bits[*page as usize / 8] |= 1 << (page % 8);
    }
    kdump.raw(&bits).raw(&bits);
    let descriptors = kdump.bytes.len();
    let mut content = Header::little();
    let first = (descriptors + 24 * pages.len()) as u64;
    for number in pages {
        let plain = page(*number);
        let packed = pack(&plain);
        let (flag, packed) = if packed.len() < plain.len() { (flag, packed) } else { (0, plain) };
        kdump.u64(first + content.bytes.len() as u64).u32(packed.len() as u32).u32(flag).u64(0);
        content.raw(&packed);
    }
    kdump.raw(&content.bytes);
    kdump.bytes
}

/// A file in the flattened format: in pieces, the first of which is written a second time.
pub fn flattened(file: &[u8]) -> Vec<u8> {
    let mut flat = Header { bytes: Vec::new(), big_endian: true };
    flat.raw(b"makedumpfile\0\0\0\0").u64(1).u64(1).pad_to(4096);
    flat.u64(0).u64(100).raw(&[0xee; 100]);
    for (index, piece) in file.chunks(3000).enumerate().rev() {
        flat.u64(index as u64 * 3000).u64(piece.len() as u64).raw(piece);
    }
    flat.u64(u64::MAX).u64(u64::MAX);
    flat.bytes
}

/// An AVML image, version 2.
pub fn avml(ranges: &[(u64, Vec<u8>)]) -> Vec<u8> {
    use std::io::Write;
    let mut avml = Header::little();
    for (start, content) in ranges {
        avml.raw(b"AVML").u32(2).u64(*start).u64(start + content.len() as u64 - 1).u64(0);
        let mut encoder = snap::write::FrameEncoder::new(Vec::new());
        encoder.write_all(content).unwrap();
        let stream = encoder.into_inner().unwrap();
        avml.raw(&stream).u64(stream.len() as u64);
    }
    avml.bytes
}

/// The header of a Windows crash dump, up to where its pages begin.
pub fn crash_dump(wide: bool, kind: u32, runs: &[(u64, u64)]) -> Header {
    let mut dump = Header::little();
    let pages = runs.iter().map(|run| run.1).sum::<u64>();
    if wide {
        dump.raw(b"PAGEDU64").u32(15).u32(7601).u64(0x18_7000).u64(0xffff_fa80_0000_0000);
        dump.u64(0xffff_f800_02a4_5e90).u64(0xffff_f800_02a2_8b90).u32(0x8664).u32(2).u32(0x7e).u32(0);
        dump.u64(1).u64(2).u64(3).u64(4).pad_to(0x80).u64(0xffff_f800_0280_00a0);
        dump.u32(runs.len() as u32).u32(0).u64(pages);
        for (page, count) in runs {
            dump.u64(*page).u64(*count);
        }
        dump.pad_to(0xf98).u32(kind).pad_to(0xfa8).u64(0x01d0_0000_0000_0000).pad_to(0x2000);
    } else {
        dump.raw(b"PAGEDUMP").u32(15).u32(2600).u32(0x39000).u32(0x8100_0000);
        dump.u32(0x8055_a620).u32(0x8055_a158).u32(0x14c).u32(1).u32(0xe2).u32(1).u32(2).u32(3).u32(4);
        dump.pad_to(0x5c).raw(&[1]).pad_to(0x60).u32(0x8054_4ce0).u32(runs.len() as u32).u32(pages as u32);
        for (page, count) in runs {
            dump.u32(*page as u32).u32(*count as u32);
        }
        dump.pad_to(0xf88).u32(kind).pad_to(0x1000);
    }
    dump
}

/// A bitmap's bytes for pages among `count`.
pub fn bits(pages: &[u64], count: u64) -> Vec<u8> {
    let mut bits = vec![0u8; count.div_ceil(8) as usize];
    for page in pages {
        bits[*page as usize / 8] |= 1 << (page % 8);
    }
    bits
}

/// A Mach-O core of physical memory.
pub fn macho(wide: bool, ranges: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut core = Header::little();
    let (first, size) = if wide { (32, 72) } else { (28, 56) };
    core.u32(if wide { 0xfeed_facf } else { 0xfeed_face })
        .u32(if wide { 0x0100_0007 } else { 7 })
        .u32(3)
        .u32(4);
    core.u32(ranges.len() as u32 + 1).u32(16 + ranges.len() as u32 * size).u32(0).pad_to(first);
    // A thread's state, which is skipped.
    core.u32(4).u32(16).u64(0);
    let mut at = first as u64 + 16 + ranges.len() as u64 * u64::from(size);
    for (address, content) in ranges {
        let end = core.bytes.len() + size as usize;
        core.u32(if wide { 0x19 } else { 1 }).u32(size).raw(b"__DATA\0\0\0\0\0\0\0\0\0\0");
        for value in [*address, content.len() as u64, at, content.len() as u64] {
            if wide {
                core.u64(value)
            } else {
                core.u32(value as u32)
            };
        }
        core.pad_to(end);
        at += content.len() as u64;
    }
    for (_, content) in ranges {
        core.raw(content);
    }
    core.bytes
}

/// A VMware state file: its regions (page in memory, page in the file, pages), and memory if it is inside.
pub fn vmware_state(regions: &[(u32, u32, u32)], memory: Option<&[u8]>) -> Vec<u8> {
    let mut state = Header::little();
    let tag = |state: &mut Header, name: &str, indices: &[u32], value: &[u8]| {
        state.raw(&[(indices.len() as u8) << 6 | value.len() as u8, name.len() as u8]).raw(name.as_bytes());
        indices.iter().for_each(|index| {
            state.u32(*index);
        });
        state.raw(value);
    };
    state.raw(&[0xd2, 0xbe, 0xd2, 0xbe]).u32(8).u32(2);
    for (name, at) in [("memory", 0x400u64), ("cpu", 0x200)] {
        let end = state.bytes.len() + 64;
        state.raw(name.as_bytes()).pad_to(end).u64(at).u64(0);
    }
    state.pad_to(0x200);
    for (register, value) in [(0, 0x8005_0031u32), (3, 0x18_7000), (4, 0x6f8)] {
        tag(&mut state, "CR", &[0, register], &value.to_le_bytes());
    }
    // Of the second processor as one block.
    state.raw(&[1 << 6 | 63, 4]).raw(b"CR64").u32(1).u64(40).u64(40).u16(0);
    state.u64(0x8005_0033).u64(0).u64(0).u64(0x18_8000).u64(0x6f0);
    tag(&mut state, "rip", &[0], &0xffff_f800_0000_1000u64.to_le_bytes());
    tag(&mut state, "EFER", &[0], &0xd01u64.to_le_bytes());
    state.raw(&[0, 0]).pad_to(0x400);
    tag(&mut state, "regionsCount", &[], &(regions.len() as u32).to_le_bytes());
    for (index, (page, at, pages)) in regions.iter().enumerate() {
        let index = [index as u32];
        tag(&mut state, "regionPPN", &index, &page.to_le_bytes());
        tag(&mut state, "regionPageNum", &index, &at.to_le_bytes());
        tag(&mut state, "regionSize", &index, &pages.to_le_bytes());
    }
    if let Some(memory) = memory {
        state.raw(&[2 << 6 | 63, 6]).raw(b"Memory").u32(0).u32(0);
        state.u64(memory.len() as u64).u64(memory.len() as u64).u16(5).raw(&[0; 5]).raw(memory);
    }
    state.raw(&[0, 0]);
    state.bytes
}

/// An image in the SMART format, in one file: the chunks follow the entries of their table.
pub fn ewf_smart(content: &[u8]) -> Vec<u8> {
    let chunks: Vec<Vec<u8>> = content.chunks(4096).map(PACKS[0].1).collect();
    let mut file = Header::little();
    file.raw(b"EVF\x09\x0d\x0a\xff\0\x01").u16(1).u16(0);
    let length: usize = chunks.iter().map(Vec::len).sum();
    let table = 24 + 4 * chunks.len() as u64 + 4;
    for (kind, body) in [("volume", 94), ("table", table + length as u64), ("done", 0)] {
        let at = file.bytes.len();
        let next = if kind == "done" { at as u64 } else { at as u64 + 76 + body };
        file.raw(kind.as_bytes()).pad_to(at + 16).u64(next).u64(76 + body).pad_to(at + 76);
        match kind {
            "volume" => {
                file.u32(1)
                    .u32(chunks.len() as u32)
                    .u32(8)
                    .u32(512)
                    .u64(content.len() as u64 / 512)
                    .pad_to(at + 170);
            }
            "table" => {
                file.u32(chunks.len() as u32).u32(0).u64(0).u64(0);
                let mut place = file.bytes.len() as u32 + 4 * chunks.len() as u32 + 4;
                for chunk in &chunks {
                    file.u32(place | 1 << 31);
                    place += chunk.len() as u32;
                }
                file.u32(0).raw(&chunks.concat());
            }
            _ => {}
        }
    }
    file.bytes
}

/// An E01 image in files of one table each: chunks of one page, compressed if that makes them smaller.
pub fn ewf(content: &[u8], chunks_per_file: usize) -> Vec<Vec<u8>> {
    let chunks: Vec<&[u8]> = content.chunks(4096).collect();
    let parts: Vec<&[&[u8]]> = chunks.chunks(chunks_per_file).collect();
    let section = |file: &mut Header, kind: &str, body: u64, last: bool| {
        let at = file.bytes.len() as u64;
        let end = file.bytes.len() + 76;
        let next = if last { at } else { at + 76 + body };
        file.raw(kind.as_bytes()).pad_to(at as usize + 16).u64(next).u64(76 + body).pad_to(end);
    };
    let build = |(index, part): (usize, &&[&[u8]])| {
        let mut file = Header::little();
        file.raw(b"EVF\x09\x0d\x0a\xff\0\x01").u16(index as u16 + 1).u16(0);
        if index == 0 {
            section(&mut file, "volume", 94, false);
            let end = file.bytes.len() + 94;
            file.u32(1).u32(chunks.len() as u32).u32(8).u32(512).u64(content.len() as u64 / 512).pad_to(end);
        }
        let mut data = Vec::new();
        let mut entries = Vec::new();
        let base = file.bytes.len() + 76;
        for chunk in *part {
            let packed = PACKS[0].1(chunk);
            let offset = data.len() as u32;
            if packed.len() < chunk.len() {
                entries.push(offset | 1 << 31);
                data.extend(packed);
            } else {
                entries.push(offset);
                data.extend(*chunk);
                data.extend(simd_adler32::adler32(chunk).to_le_bytes());
            }
        }
        section(&mut file, "sectors", data.len() as u64, false);
        file.raw(&data);
        for kind in ["table", "table2"] {
            section(&mut file, kind, 24 + 4 * entries.len() as u64, false);
            file.u32(entries.len() as u32).u32(0).u64(base as u64).u64(0);
            entries.iter().for_each(|entry| {
                file.u32(*entry);
            });
        }
        let last = index + 1 == parts.len();
        section(&mut file, if last { "done" } else { "next" }, 0, true);
        file.bytes
    };
    parts.iter().enumerate().map(build).collect()
}
