//! The compressed format of kdump, as `makedumpfile` and QEMU write it (makedumpfile, `diskdump_mod.h` and
//! `IMPLEMENTATION`): a header, a sub-header, two bitmaps of pages, a descriptor for each stored page, and the pages,
//! compressed separately.

use std::sync::Arc;

use object::Endianness;
use object::elf::FileHeader64;

use crate::Error;
use crate::bitmap::Bitmap;
use crate::bytes::{Bytes, BytesError};
use crate::cache::BlockCache;
use crate::container::{Container, Parts, notes};
use crate::fields::Fields;
use crate::unpack;

pub(crate) const MAGIC: &[u8] = b"KDUMP   ";

/// Longer notes and VMCOREINFO are not read.
const LONGEST_NOTES: u64 = 64 << 20;

/// The fields of the header that are used. Their places depend on the width of the machine that wrote them.
struct Header {
    wide: bool,
    version: u32,
    uname: [String; 5],
    block_size: u64,
    sub_header_blocks: u64,
    bitmap_blocks: u64,
    pages: u64,
}

pub(crate) fn open(bytes: Arc<dyn Bytes>, start: &[u8]) -> Result<Parts, Error> {
    let malformed =
        |offset, expected, found| Error::Malformed { container: Container::Kdump, offset, expected, found };
    let reading = Error::reading(Container::Kdump);
    let fields = Fields::little(start);
    let header = header(fields, true).or_else(|| header(fields, false)).ok_or_else(|| {
        malformed(424, "a page size of 4 to 64 KiB in the header", format!("{:?}", fields.u32(428)))
    })?;
    let block = header.block_size;
    let sub = bytes.up_to(block, 104).map_err(&reading)?;
    let sub = sub_header(Fields::little(&sub), &header);

    let bitmaps = block.saturating_mul(1 + header.sub_header_blocks);
    let half = header.bitmap_blocks.saturating_mul(block) / 2;
    let descriptors_at = block.saturating_mul(1 + header.sub_header_blocks + header.bitmap_blocks);
    let most = half.saturating_mul(8);
    let pages = sub.pages.unwrap_or(header.pages);
    if pages > most {
        return Err(malformed(
            bitmaps,
            "bitmaps that cover every page",
            format!("{pages} pages, {most} bits"),
        ));
    }
    let range = sub.part.unwrap_or(0..pages);
    let part = range.start.min(pages)..range.end.min(pages);
    let split = part != (0..pages);
    let bitmap = Bitmap { offset: bitmaps.saturating_add(half), pages: part, page_size: block };
    // Pages without a descriptor were truncated with the file.
    let room = bytes.len().saturating_sub(descriptors_at) / DESCRIPTOR;
    let (segments, count) = bitmap.segments(&bytes, 0, room).map_err(&reading)?;
    let count = count.min(room);
    let file = Arc::clone(&bytes);
    let pages =
        Pages { file, descriptors_at, count, page_size: block, cache: BlockCache::new(block as usize) };
    let mut parts = Parts::new(Container::Kdump, Arc::new(pages));
    parts.segments = segments;
    if split {
        parts.report.warn("one part of a dump that was split; what the other parts hold is missing: join them with makedumpfile --reassemble");
    }
    parts.hints.arch = arch(&header.uname[4]);
    parts.hints.uname = Some(header.uname);
    parts.hints.phys_base = sub.phys_base;
    for (what, (offset, size)) in [("VMCOREINFO", sub.vmcoreinfo), ("notes", sub.notes)] {
        match bytes.up_to(offset, size.min(LONGEST_NOTES) as usize) {
            Ok(content) if what == "VMCOREINFO" => notes::vmcoreinfo(&mut parts.hints, &content),
            Ok(content) => {
                notes::read::<FileHeader64<Endianness>>(&content, Endianness::Little, &mut parts.hints);
            }
            Err(error) => {
                let error = reading(error);
                parts.report.lose("unreadable note", || format!("{what}: {error}"));
            }
        }
    }
    Ok(parts)
}

/// `struct disk_dump_header`; `None` if its page size is invalid.
fn header(fields: Fields, wide: bool) -> Option<Header> {
    let at = if wide { 424 } else { 412 };
    let block_size = u64::from(fields.u32(at + 4)?);
    if !block_size.is_power_of_two() || !(4096..=65536).contains(&block_size) {
        return None;
    }
    let mut uname = [const { String::new() }; 5];
    for (index, text) in uname.iter_mut().enumerate() {
        *text = fields.text(12 + 65 * index, 65)?;
    }
    Some(Header {
        wide,
        version: fields.u32(8)?,
        uname,
        block_size,
        sub_header_blocks: fields.u32(at + 8)?.into(),
        bitmap_blocks: fields.u32(at + 12)?.into(),
        pages: fields.u32(at + 16)?.into(),
    })
}

/// `struct kdump_sub_header`, as far as its version has it.
#[derive(Default)]
struct SubHeader {
    phys_base: Option<i64>,
    /// The pages in one part of a split dump.
    part: Option<std::ops::Range<u64>>,
    vmcoreinfo: (u64, u64),
    notes: (u64, u64),
    /// The number of pages if it is too large for the header.
    pages: Option<u64>,
}

fn sub_header(fields: Fields, header: &Header) -> SubHeader {
    let wide = header.wide;
    let word = |at| fields.word(at, wide).unwrap_or(0);
    let long = |at| fields.u64(at).unwrap_or(0);
    let mut sub = SubHeader::default();
    if header.version >= 1 {
        let base = word(0);
        sub.phys_base = Some(if wide { base.cast_signed() } else { (base as u32).cast_signed().into() });
    }
    let (split_at, part, info, note, last) = if wide { (12, 16, 32, 48, 80) } else { (8, 12, 20, 32, 56) };
    let width = if wide { 8 } else { 4 };
    if header.version >= 2 && fields.u32(split_at) == Some(1) {
        sub.part = Some(word(part)..word(part + width));
    }
    if header.version >= 3 {
        sub.vmcoreinfo = (long(info), word(info + 8));
    }
    if header.version >= 4 {
        sub.notes = (long(note), word(note + 8));
    }
    if header.version >= 6 {
        if sub.part.is_some() {
            sub.part = Some(long(last)..long(last + 8));
        }
        sub.pages = fields.u64(last + 16).filter(|pages| *pages != 0);
    }
    sub
}

fn arch(machine: &str) -> Option<profile::Arch> {
    Some(match machine {
        "x86_64" => profile::Arch::Amd64,
        "i386" | "i486" | "i586" | "i686" => profile::Arch::I386,
        "aarch64" => profile::Arch::Arm64,
        "ppc64" | "ppc64le" => profile::Arch::Ppc64,
        "s390x" => profile::Arch::S390x,
        "riscv64" => profile::Arch::Riscv64,
        _ => return None,
    })
}

/// The size of `struct page_desc`: an offset of eight bytes, a size and flags of four, flags of eight.
const DESCRIPTOR: u64 = 24;

const ZLIB: u32 = 0x1;
const LZO: u32 = 0x2;
const SNAPPY: u32 = 0x4;
const ZSTD: u32 = 0x20;

/// The pages, unpacked, one after the other.
#[derive(Debug)]
struct Pages {
    file: Arc<dyn Bytes>,
    descriptors_at: u64,
    count: u64,
    page_size: u64,
    cache: BlockCache,
}

impl Pages {
    fn unpack(&self, index: u64, into: &mut Vec<u8>) -> Result<(), BytesError> {
        let at = self.descriptors_at.saturating_add(index.saturating_mul(DESCRIPTOR));
        let mut descriptor = [0; DESCRIPTOR as usize];
        self.file.read(at, &mut descriptor)?;
        let fields = Fields::little(&descriptor);
        let (Some(offset), Some(size), Some(flags)) = (fields.u64(0), fields.u32(8), fields.u32(12)) else {
            return Err(BytesError::end(at));
        };
        // A page that compression would not make smaller is stored as it is.
        if u64::from(size) > self.page_size {
            let reason = format!("the page has {size} bytes, expected at most {}", self.page_size);
            return Err(BytesError::damaged(at, reason));
        }
        into.resize(self.page_size as usize, 0);
        let packing = flags & (ZLIB | LZO | SNAPPY | ZSTD);
        if packing == 0 && u64::from(size) == self.page_size {
            return self.file.read(offset, into);
        }
        let mut packed = vec![0; size as usize];
        self.file.read(offset, &mut packed)?;
        let unpacked = match packing {
            0 => Err("the page is stored and shorter than a page"),
            ZLIB => unpack::zlib(&packed, into),
            LZO => unpack::lzo(&packed, into),
            SNAPPY => unpack::snappy(&packed, into),
            ZSTD => unpack::zstd(&packed, into),
            _ => Err("the page is marked with several compressions"),
        };
        unpacked.map_err(|reason| BytesError::damaged(offset, reason))
    }
}

impl Bytes for Pages {
    fn len(&self) -> u64 {
        self.count.saturating_mul(self.page_size)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BytesError> {
        self.cache
            .read_blocks(self.page_size, self.len(), offset, into, |index, block| self.unpack(index, block))
    }
}
