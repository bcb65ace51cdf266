//! The compressed format of kdump, as `makedumpfile` and QEMU write it (makedumpfile, `diskdump_mod.h` and
//! `IMPLEMENTATION`): a header, a sub-header, two bitmaps of pages, a descriptor for each stored page, and the pages,
//! compressed separately.

mod header;

use std::sync::Arc;

use object::Endianness;
use object::elf::FileHeader64;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use self::header::{Header, LZO, PageDescriptor, SNAPPY, SubHeader, Wide, WideSubHeader, ZLIB, ZSTD};
use crate::Error;
use crate::bitmap::Bitmap;
use crate::bytes::{Bytes, BytesError};
use crate::cache::BlockCache;
use crate::container::{Container, Parts, notes};
use crate::unpack;

pub(crate) const MAGIC: &[u8] = b"KDUMP   ";

/// Longer notes and VMCOREINFO are not read.
const LONGEST_NOTES: u64 = 64 << 20;

pub(crate) fn open(bytes: Arc<dyn Bytes>, start: &[u8]) -> Result<Parts, Error> {
    let malformed =
        |offset, expected, found| Error::Malformed { container: Container::Kdump, offset, expected, found };
    let reading = Error::reading(Container::Kdump);
    let header = Header::read(start).ok_or_else(|| {
        let found = Wide::read_from_prefix(start).ok().map(|(header, _)| header.fields.block_size.get());
        malformed(424, "a page size of 4 to 64 KiB in the header", format!("{found:?}"))
    })?;
    let block = header.block_size;
    let sub = bytes.up_to(block, size_of::<WideSubHeader>()).map_err(&reading)?;
    let sub = SubHeader::read(&sub, &header);

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

/// The size of a page's descriptor.
const DESCRIPTOR: u64 = size_of::<PageDescriptor>() as u64;

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
        let mut descriptor = PageDescriptor::new_zeroed();
        self.file.read(at, descriptor.as_mut_bytes())?;
        let (offset, size, flags) = (descriptor.offset.get(), descriptor.size.get(), descriptor.flags.get());
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
