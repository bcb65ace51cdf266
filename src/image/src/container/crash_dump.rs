//! Windows crash dumps (`DUMP_HEADER32` and `DUMP_HEADER64` in the debugger's headers; the summary headers as the
//! kernel writes them): complete dumps with their list of runs, dumps with a bitmap of pages, live dumps with a list
//! of ranges, and triage dumps, which contain no memory.

use std::sync::Arc;

use zerocopy::{FromBytes, IntoBytes};

use crate::Error;
use crate::bitmap::Bitmap;
use crate::bytes::{Bytes, filled_up};
use crate::container::crash_header::{
    AUTOMATIC, BITMAP_COMPLETE, BITMAP_KERNEL, COMPLETE, DumpHeader, LIVE_COMPLETE, LIVE_KERNEL,
    LIVE_KERNEL_AND_USER, MAGIC_32, MAGIC_64, MemoryBlock, PAGE, SUMMARY, SUMMARY_MAGICS, SummaryHeader,
    TRIAGE,
};
use crate::container::crash_repair::{self, Summary};
use crate::container::{Container, Parts, live_dump, triage};
use crate::segments::Segment;

pub(crate) fn open(bytes: Arc<dyn Bytes>) -> Result<Parts, Error> {
    let container = Container::CrashDump;
    let malformed = |offset, expected, found| Error::Malformed { container, offset, expected, found };
    let reading = Error::reading(container);
    let start = bytes.up_to(0, 0x2000).map_err(&reading)?;
    let wide = crash_repair::recognise(&start).unwrap_or(true);
    let header = DumpHeader::read(&start, wide)
        .ok_or_else(|| malformed(0, "the header of a crash dump", format!("{} bytes", start.len())))?;
    let (size, stated) = (header.size, header.dump_type);

    let mut parts = Parts::new(container, bytes);
    let mark = start.get(..8).unwrap_or_default();
    if !mark.starts_with(MAGIC_32) && !mark.starts_with(MAGIC_64) {
        let expected = String::from_utf8_lossy(if wide { MAGIC_64 } else { MAGIC_32 });
        parts.report.warn(format!(
            "the header was changed: expected it to begin with {expected}, found {}",
            mark.escape_ascii()
        ));
    }
    let pages = complete(&header.memory, size, parts.bytes.len(), &malformed).ok();
    let pages =
        pages.map(|(runs, _)| runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.length / PAGE)));
    let kind = match crash_repair::kind(stated, &parts.bytes, size, pages) {
        Some((kind, why)) => {
            parts.report.warn(format!(
                "the header was changed: it states {stated} as the type of dump, but {why}: going on with type {kind}"
            ));
            kind
        }
        None => stated,
    };
    parts.hints.arch = header.arch();
    parts.hints.dtb = Some(header.directory_table_base);
    match kind {
        COMPLETE => {
            let (segments, warning) = complete(&header.memory, size, parts.bytes.len(), &malformed)?;
            parts.segments = segments;
            warning.into_iter().for_each(|warning| parts.report.warn(warning));
        }
        TRIAGE => {
            parts.container = Container::TriageDump;
            parts.hints.triage = Some(triage::read(&parts.bytes, size, wide, &mut parts.report));
        }
        SUMMARY | BITMAP_COMPLETE | BITMAP_KERNEL | AUTOMATIC => {
            let (segments, warning) = summary_pages(&parts.bytes, size, wide)?;
            parts.segments = segments;
            warning.into_iter().for_each(|warning| parts.report.warn(warning));
        }
        LIVE_KERNEL | LIVE_KERNEL_AND_USER | LIVE_COMPLETE => {
            let (segments, warning) = live_dump::pages(&parts.bytes, size, kind == LIVE_COMPLETE)?;
            parts.segments = segments;
            warning.into_iter().for_each(|warning| parts.report.warn(warning));
        }
        _ => return Err(malformed(header.dump_type_at, "a type of dump from 1 to 10", kind.to_string())),
    }
    parts.hints.crash_dump = Some(header.facts);
    Ok(parts)
}

type Malformed<'a> = &'a dyn Fn(u64, &'static str, String) -> Error;

/// Segments of memory, and a word about what had to be mended to find them.
pub(super) type Found = (Vec<Segment>, Option<String>);

/// The runs of a complete dump (`PHYSICAL_MEMORY_DESCRIPTOR`), whose pages follow the header in their order.
fn complete(block: &MemoryBlock, size: u64, file: u64, malformed: Malformed) -> Result<Found, Error> {
    let (stated, listed, all) = (block.number_of_runs, &block.runs, block.number_of_pages);
    let pages: Vec<u64> = listed.iter().map(|(_, pages)| *pages).collect();
    let (count, wrong) = crash_repair::runs(&pages, stated as usize, all, file.saturating_sub(size) / PAGE);
    if count == 0 || count > listed.len() {
        return Err(malformed(block.at, "a list of runs of memory that fits the header", stated.to_string()));
    }
    let mut warning = (count != stated as usize).then(|| {
        format!("the header was changed: it states {stated} runs of memory, but the first {count} have all {all} pages")
    });
    let mut offset = size;
    let mut segments = Vec::new();
    for (index, (page, mut pages)) in listed.iter().copied().take(count).enumerate() {
        if let Some((_, right)) = wrong.filter(|(run, _)| *run == index) {
            warning = Some(format!(
                "the header was changed: it states {pages:#x} pages from {page:#x} on, but {right:#x} make all {all:#x}"
            ));
            pages = right;
        }
        let (Some(start), Some(length)) = (page.checked_mul(PAGE), pages.checked_mul(PAGE)) else {
            return Err(malformed(
                block.runs_at + index as u64 * block.run_size,
                "a run of pages",
                format!("{pages:#x} pages from {page:#x} on"),
            ));
        };
        segments.push(Segment { start, length, offset });
        offset = offset.saturating_add(length);
    }
    Ok((segments, warning))
}

/// The pages of a dump with a bitmap, whose header is at `at`. The bitmap follows the header; before Windows 8 it follows
/// its own head (`RTL_BITMAP`).
fn summary_pages(bytes: &Arc<dyn Bytes>, at: u64, wide: bool) -> Result<Found, Error> {
    let container = Container::CrashDump;
    let header: SummaryHeader = structure(bytes, at)?;
    let magic = header.signature.as_slice();
    let mut warning = None;
    if SUMMARY_MAGICS.iter().all(|known| magic != *known) {
        warning = Some(format!(
            "the header of the bitmap was changed: expected the letters SDMPDUMP or FDMPDUMP, found {}",
            magic.escape_ascii()
        ));
    }
    if !SUMMARY_MAGICS.iter().any(|known| crash_repair::is_nearly(magic, *known)) {
        return Err(Error::Malformed {
            container,
            offset: at,
            expected: "the letters SDMPDUMP or FDMPDUMP",
            found: format!("{}", magic.escape_ascii()),
        });
    }
    let (first, present, bits) =
        (header.first_page.get(), header.total_present_pages.get(), header.pages.get());
    let newer = (1..=bits).contains(&present) && first > at && first < bytes.len();
    let [older_first, older_bits, older_pages] =
        [header.header_size, header.bitmap_size, header.page_count].map(u64::from);
    let older_bitmap = at + if wide { 40 } else { 32 };
    let older_room = older_first.checked_sub(older_bitmap).filter(|_| older_first < bytes.len());
    let older = older_bits > 0 && older_room.is_some_and(|room| older_bits.div_ceil(8) <= room);
    let (stated, pages, bitmap) = if newer || !older {
        (Summary { first, bits }, present, at + size_of::<SummaryHeader>() as u64)
    } else {
        (Summary { first: older_first, bits: older_bits }, older_pages, older_bitmap)
    };
    let known = crash_repair::summary(bytes, bitmap, stated, pages);
    let (Summary { first, bits }, as_stated) = known.unwrap_or((stated, true));
    if !as_stated {
        warning = Some(format!(
            "the header of the bitmap was changed: it states {} bits and the first page at {:#x}; by the bitmap and the \
             {pages} pages it is {bits} bits and {first:#x}",
            stated.bits, stated.first
        ));
    }
    let room = first.checked_sub(bitmap);
    if room.is_none_or(|room| bits.div_ceil(8) > room) {
        return Err(Error::Malformed {
            container,
            offset: at,
            expected: "a bitmap that ends before the first page",
            found: format!("{bits} bits from {bitmap:#x} on, the first page at {first:#x}"),
        });
    }
    let bitmap = Bitmap { offset: bitmap, pages: 0..bits, page_size: PAGE };
    let room = bytes.len().saturating_sub(first) / PAGE;
    let (segments, _) = bitmap.segments(bytes, first, room).map_err(Error::reading(container))?;
    Ok((segments, warning))
}

/// The structure at `at`; what is beyond the end of the file is zero.
pub(super) fn structure<T: FromBytes + IntoBytes>(bytes: &Arc<dyn Bytes>, at: u64) -> Result<T, Error> {
    let content = bytes.up_to(at, size_of::<T>()).map_err(Error::reading(Container::CrashDump))?;
    Ok(filled_up(&content))
}
