//! The headers of a kdump file (makedumpfile, `diskdump_mod.h`). Their layout depends on the width of the machine that
//! wrote them.

use std::ops::Range;

use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::filled_up;

/// `struct disk_dump_header` of a 64-bit machine.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Wide {
    start: Start,
    _padding: [u8; 6],
    _timestamp: [U64; 2],
    pub(super) fields: Fields,
}

/// `struct disk_dump_header` of a 32-bit machine.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Narrow {
    start: Start,
    _padding: [u8; 2],
    _timestamp: [U32; 2],
    fields: Fields,
}

/// The fields before the time.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Start {
    _signature: [u8; 8],
    version: U32,
    /// `struct new_utsname`: system, node, release, version, machine, domain.
    uname: [[u8; 65]; 6],
}

/// The fields after the time.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Fields {
    _status: U32,
    pub(super) block_size: U32,
    /// The size of the sub-header, in blocks.
    sub_hdr_size: U32,
    /// The size of both bitmaps, in blocks.
    bitmap_blocks: U32,
    /// The number of pages.
    max_mapnr: U32,
}

/// What is needed of the header, whatever its layout.
pub(super) struct Header {
    wide: bool,
    version: u32,
    pub(super) uname: [String; 5],
    pub(super) block_size: u64,
    pub(super) sub_header_blocks: u64,
    pub(super) bitmap_blocks: u64,
    pub(super) pages: u64,
}

impl Header {
    /// The header at the start of a file; `None` if its page size is invalid in both layouts.
    pub(super) fn read(start: &[u8]) -> Option<Self> {
        let wide = Wide::read_from_prefix(start)
            .ok()
            .and_then(|(header, _)| Self::of(&header.start, &header.fields, true));
        let narrow = || Self::of_narrow(start);
        wide.or_else(narrow)
    }

    fn of_narrow(start: &[u8]) -> Option<Self> {
        let (header, _) = Narrow::read_from_prefix(start).ok()?;
        Self::of(&header.start, &header.fields, false)
    }

    fn of(start: &Start, fields: &Fields, wide: bool) -> Option<Self> {
        let block_size = u64::from(fields.block_size);
        if !block_size.is_power_of_two() || !(4096..=65536).contains(&block_size) {
            return None;
        }
        let mut uname = [const { String::new() }; 5];
        for (text, field) in uname.iter_mut().zip(&start.uname) {
            let text_end = memchr::memchr(0, field).unwrap_or(field.len());
            *text = String::from_utf8_lossy(field.get(..text_end)?).into_owned();
        }
        Some(Self {
            wide,
            version: start.version.get(),
            uname,
            block_size,
            sub_header_blocks: fields.sub_hdr_size.into(),
            bitmap_blocks: fields.bitmap_blocks.into(),
            pages: fields.max_mapnr.into(),
        })
    }
}

/// `struct kdump_sub_header` of a 64-bit machine.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct WideSubHeader {
    phys_base: I64,
    dump_level: U32,
    split: U32,
    start_pfn: U64,
    end_pfn: U64,
    offset_vmcoreinfo: U64,
    size_vmcoreinfo: U64,
    offset_note: U64,
    size_note: U64,
    offset_eraseinfo: U64,
    size_eraseinfo: U64,
    start_pfn_64: U64,
    end_pfn_64: U64,
    max_mapnr_64: U64,
}

/// `struct kdump_sub_header` of a 32-bit machine.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct NarrowSubHeader {
    phys_base: U32,
    dump_level: U32,
    split: U32,
    start_pfn: U32,
    end_pfn: U32,
    offset_vmcoreinfo: U64,
    size_vmcoreinfo: U32,
    offset_note: U64,
    size_note: U32,
    offset_eraseinfo: U64,
    size_eraseinfo: U32,
    start_pfn_64: U64,
    end_pfn_64: U64,
    max_mapnr_64: U64,
}

impl From<NarrowSubHeader> for WideSubHeader {
    fn from(narrow: NarrowSubHeader) -> Self {
        let wide = |word: U32| U64::new(word.into());
        Self {
            phys_base: I64::new(narrow.phys_base.get().cast_signed().into()),
            dump_level: narrow.dump_level,
            split: narrow.split,
            start_pfn: wide(narrow.start_pfn),
            end_pfn: wide(narrow.end_pfn),
            offset_vmcoreinfo: narrow.offset_vmcoreinfo,
            size_vmcoreinfo: wide(narrow.size_vmcoreinfo),
            offset_note: narrow.offset_note,
            size_note: wide(narrow.size_note),
            offset_eraseinfo: narrow.offset_eraseinfo,
            size_eraseinfo: wide(narrow.size_eraseinfo),
            start_pfn_64: narrow.start_pfn_64,
            end_pfn_64: narrow.end_pfn_64,
            max_mapnr_64: narrow.max_mapnr_64,
        }
    }
}

/// What is needed of the sub-header, as far as its version has it.
#[derive(Default)]
pub(super) struct SubHeader {
    pub(super) phys_base: Option<i64>,
    /// The pages in one part of a split dump.
    pub(super) part: Option<Range<u64>>,
    /// Offset and size.
    pub(super) vmcoreinfo: (u64, u64),
    /// Offset and size.
    pub(super) notes: (u64, u64),
    /// The number of pages if it is too large for the header.
    pub(super) pages: Option<u64>,
}

impl SubHeader {
    /// Reads what the bytes have; fields after their end are zero.
    pub(super) fn read(bytes: &[u8], header: &Header) -> Self {
        let stored: WideSubHeader = match header.wide {
            true => filled_up(bytes),
            false => filled_up::<NarrowSubHeader>(bytes).into(),
        };
        let mut sub = Self::default();
        if header.version >= 1 {
            sub.phys_base = Some(stored.phys_base.get());
        }
        if header.version >= 2 && stored.split == 1 {
            sub.part = Some(stored.start_pfn.get()..stored.end_pfn.get());
        }
        if header.version >= 3 {
            sub.vmcoreinfo = (stored.offset_vmcoreinfo.get(), stored.size_vmcoreinfo.get());
        }
        if header.version >= 4 {
            sub.notes = (stored.offset_note.get(), stored.size_note.get());
        }
        if header.version >= 6 {
            if sub.part.is_some() {
                sub.part = Some(stored.start_pfn_64.get()..stored.end_pfn_64.get());
            }
            sub.pages = Some(stored.max_mapnr_64.get()).filter(|pages| *pages != 0);
        }
        sub
    }
}

/// `struct page_desc`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct PageDescriptor {
    /// Where the stored page is in the file.
    pub(super) offset: U64,
    /// The size of the stored page, in bytes.
    pub(super) size: U32,
    /// How it is compressed: one of the following, or none.
    pub(super) flags: U32,
    page_flags: U64,
}

/// `DUMP_DH_COMPRESSED_ZLIB`.
pub(super) const ZLIB: u32 = 0x1;
/// `DUMP_DH_COMPRESSED_LZO`.
pub(super) const LZO: u32 = 0x2;
/// `DUMP_DH_COMPRESSED_SNAPPY`.
pub(super) const SNAPPY: u32 = 0x4;
/// `DUMP_DH_COMPRESSED_ZSTD`.
pub(super) const ZSTD: u32 = 0x20;
