//! Windows crash dumps (`DUMP_HEADER32` and `DUMP_HEADER64` in the debugger's headers; the summary headers as the
//! kernel writes them): complete dumps with their list of runs, dumps with a bitmap of pages, live dumps with a list
//! of ranges, and triage dumps, which contain no memory.

use std::sync::Arc;

use profile::Arch;

use crate::bitmap::Bitmap;
use crate::bytes::Bytes;
use crate::container::crash_repair::{self, SUMMARY_MAGICS, Summary};
use crate::container::{Container, Parts, triage};
use crate::fields::Fields;
use crate::hints::CrashDump;
use crate::segments::Segment;
use crate::{Error, PhysicalAddress, VirtualAddress};

pub(crate) const MAGIC_32: &[u8] = b"PAGEDUMP";
pub(crate) const MAGIC_64: &[u8] = b"PAGEDU64";

pub(super) const PAGE: u64 = 4096;
/// What fields without content are filled with.
pub(super) const FILLER: u32 = u32::from_le_bytes(*b"PAGE");
/// The header has room for no more.
const MOST_RUNS_32: u32 = (700 - 8) / 8;
const MOST_RUNS_64: u32 = (700 - 16) / 16;
/// A live dump lists its ranges after the header; real ones have thousands.
const MOST_RANGES: u64 = 4 << 20;

/// `DumpType`.
pub(super) const COMPLETE: u32 = 1;
const SUMMARY: u32 = 2;
pub(super) const TRIAGE: u32 = 4;
const BITMAP_COMPLETE: u32 = 5;
pub(super) const BITMAP_KERNEL: u32 = 6;
const AUTOMATIC: u32 = 7;
pub(super) const LIVE_KERNEL: u32 = 8;
const LIVE_KERNEL_AND_USER: u32 = 9;
const LIVE_COMPLETE: u32 = 10;
/// The kinds whose pages a bitmap lists.
pub(super) const SUMMARIES: [u32; 4] = [SUMMARY, BITMAP_COMPLETE, BITMAP_KERNEL, AUTOMATIC];

pub(crate) fn open(bytes: Arc<dyn Bytes>) -> Result<Parts, Error> {
    let container = Container::CrashDump;
    let malformed = |offset, expected, found| Error::Malformed { container, offset, expected, found };
    let reading = Error::reading(container);
    let start = bytes.up_to(0, 0x2000).map_err(&reading)?;
    let wide = crash_repair::recognise(&start).unwrap_or(true);
    let size = if wide { 2 * PAGE } else { PAGE };
    let fields = Fields::little(&start);
    let (stated, header, dtb) = header(fields, wide)
        .filter(|_| start.len() as u64 >= size)
        .ok_or_else(|| malformed(0, "the header of a crash dump", format!("{} bytes", start.len())))?;

    let mut parts = Parts::new(container, bytes);
    let mark = start.get(..8).unwrap_or_default();
    if !mark.starts_with(MAGIC_32) && !mark.starts_with(MAGIC_64) {
        let expected = String::from_utf8_lossy(if wide { MAGIC_64 } else { MAGIC_32 });
        parts.report.warn(format!(
            "the header was changed: expected it to begin with {expected}, found {}",
            mark.escape_ascii()
        ));
    }
    let pages = complete(fields, wide, size, parts.bytes.len(), &malformed).ok();
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
    parts.hints.arch = match header.machine {
        0x14c => Some(Arch::I386),
        0x8664 => Some(Arch::Amd64),
        0xaa64 => Some(Arch::Arm64),
        _ => None,
    };
    parts.hints.dtb = Some(dtb);
    match kind {
        COMPLETE => {
            let (segments, warning) = complete(fields, wide, size, parts.bytes.len(), &malformed)?;
            parts.segments = segments;
            warning.into_iter().for_each(|warning| parts.report.warn(warning));
        }
        TRIAGE => {
            parts.container = Container::TriageDump;
            parts.hints.triage = Some(triage::read(&parts.bytes, size, wide, &mut parts.report));
        }
        SUMMARY | BITMAP_COMPLETE | BITMAP_KERNEL | AUTOMATIC => {
            let summary = parts.bytes.up_to(size, 56).map_err(&reading)?;
            let (segments, warning) = summary_pages(&parts.bytes, Fields::little(&summary), size, wide)?;
            parts.segments = segments;
            warning.into_iter().for_each(|warning| parts.report.warn(warning));
        }
        LIVE_KERNEL | LIVE_KERNEL_AND_USER | LIVE_COMPLETE => {
            let all = kind == LIVE_COMPLETE;
            parts.segments = live(&parts.bytes, size, all)?;
        }
        _ => return Err(malformed(dump_type(wide) as u64, "a type of dump from 1 to 10", kind.to_string())),
    }
    parts.hints.crash_dump = Some(header);
    Ok(parts)
}

/// The place of `DumpType`.
fn dump_type(wide: bool) -> usize {
    if wide { 0xf98 } else { 0xf88 }
}

fn header(fields: Fields, wide: bool) -> Option<(u32, CrashDump, PhysicalAddress)> {
    let word = |at| fields.word(at, wide);
    // Kernel addresses of 32-bit systems are kept in the form in which they are printed.
    let address = |at| word(at).map(VirtualAddress);
    let kind = fields.u32(dump_type(wide))?;
    let known = |value: u64| if value as u32 == FILLER { 0 } else { value };
    let mut header =
        CrashDump { major_version: fields.u32(8)?, minor_version: fields.u32(12)?, ..CrashDump::default() };
    let parameters = if wide {
        header.pfn_database = address(0x18)?;
        header.ps_loaded_module_list = address(0x20)?;
        header.ps_active_process_head = address(0x28)?;
        header.machine = fields.u16(0x30)?;
        header.processors = fields.u32(0x34)?;
        header.bug_check = fields.u32(0x38)?;
        header.kd_debugger_data_block = VirtualAddress(known(word(0x80)?));
        header.system_time = known(fields.u64(0xfa8)?);
        0x40
    } else {
        header.pfn_database = address(0x14)?;
        header.ps_loaded_module_list = address(0x18)?;
        header.ps_active_process_head = address(0x1c)?;
        header.machine = fields.u16(0x20)?;
        header.processors = fields.u32(0x24)?;
        header.bug_check = fields.u32(0x28)?;
        header.pae = fields.bytes(0x5c, 1)? == [1];
        header.kd_debugger_data_block = VirtualAddress(known(word(0x60)?));
        header.system_time = known(fields.u64(0xfc0)?);
        0x2c
    };
    let width = if wide { 8 } else { 4 };
    for (index, parameter) in header.bug_check_parameters.iter_mut().enumerate() {
        *parameter = word(parameters + index * width)?;
    }
    Some((kind, header, PhysicalAddress(word(0x10)?)))
}

type Malformed<'a> = &'a dyn Fn(u64, &'static str, String) -> Error;

/// Segments of memory, and a word about what had to be mended to find them.
type Found = (Vec<Segment>, Option<String>);

/// The runs of a complete dump (`PHYSICAL_MEMORY_DESCRIPTOR`), whose pages follow the header in their order.
fn complete(fields: Fields, wide: bool, size: u64, file: u64, malformed: Malformed) -> Result<Found, Error> {
    let (block, first, most) = if wide { (0x88, 0x98, MOST_RUNS_64) } else { (0x64, 0x6c, MOST_RUNS_32) };
    let width = if wide { 8 } else { 4 };
    let stated = fields.u32(block).unwrap_or(FILLER);
    let number = |at: usize| fields.word(at, wide);
    let listed: Vec<(u64, u64)> = (0..most as usize)
        .map_while(|index| {
            let at = first + index * 2 * width;
            Some((number(at)?, number(at + width)?))
        })
        .collect();
    let pages: Vec<u64> = listed.iter().map(|(_, pages)| *pages).collect();
    let all = number(block + width).unwrap_or(0);
    let (count, wrong) = crash_repair::runs(&pages, stated as usize, all, file.saturating_sub(size) / PAGE);
    if count == 0 || count > listed.len() {
        return Err(malformed(
            block as u64,
            "a list of runs of memory that fits the header",
            stated.to_string(),
        ));
    }
    let mut warning = (count != stated as usize).then(|| {
        format!("the header was changed: it states {stated} runs of memory, but the first {count} have all {all} pages")
    });
    let mut offset = size;
    let mut segments = Vec::new();
    for (index, (page, mut pages)) in listed.into_iter().take(count).enumerate() {
        if let Some((_, right)) = wrong.filter(|(run, _)| *run == index) {
            warning = Some(format!(
                "the header was changed: it states {pages:#x} pages from {page:#x} on, but {right:#x} make all {all:#x}"
            ));
            pages = right;
        }
        let (Some(start), Some(length)) = (page.checked_mul(PAGE), pages.checked_mul(PAGE)) else {
            let at = first + index * 2 * width;
            return Err(malformed(
                at as u64,
                "a run of pages",
                format!("{pages:#x} pages from {page:#x} on"),
            ));
        };
        segments.push(Segment { start, length, offset });
        offset = offset.saturating_add(length);
    }
    Ok((segments, warning))
}

/// The pages of a dump with a bitmap. Since Windows 8 the header (`SDMP` or `FDMP`) says where the first page stands,
/// how many pages and how many bits there are; before, the size of everything before the pages stands at 12, and the
/// bitmap behind its `RTL_BITMAP`.
fn summary_pages(bytes: &Arc<dyn Bytes>, fields: Fields, at: u64, wide: bool) -> Result<Found, Error> {
    let container = Container::CrashDump;
    let magic = fields.bytes(0, 8).unwrap_or_default();
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
        (fields.u64(32).unwrap_or(0), fields.u64(40).unwrap_or(0), fields.u64(48).unwrap_or(0));
    let newer = (1..=bits).contains(&present) && first > at && first < bytes.len();
    // Older ones have DumpOptions, HeaderSize, BitmapSize and Pages of 32 bits, then the bitmap's own head.
    let [older_first, older_bits, older_pages] =
        [12, 16, 20].map(|at| u64::from(fields.u32(at).unwrap_or(0)));
    let older_bitmap = at + if wide { 40 } else { 32 };
    let older_room = older_first.checked_sub(older_bitmap).filter(|_| older_first < bytes.len());
    let older = older_bits > 0 && older_room.is_some_and(|room| older_bits.div_ceil(8) <= room);
    let (stated, pages, bitmap) = if newer || !older {
        (Summary { first, bits }, present, at + 56)
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

/// The pages of a live dump (`RDMP`): pairs of a first page and a count. The list in a kernel's dump ends with a
/// zero; a complete dump gives the number of pairs.
fn live(bytes: &Arc<dyn Bytes>, at: u64, all: bool) -> Result<Vec<Segment>, Error> {
    let container = Container::CrashDump;
    let malformed = |offset, expected, found| Error::Malformed { container, offset, expected, found };
    let head = bytes.up_to(at, 0x30).map_err(Error::reading(container))?;
    let fields = Fields::little(&head);
    let magic = fields.bytes(4, 8).unwrap_or_default();
    if magic != b"RDMPDUMP" {
        return Err(malformed(at + 4, "the letters RDMPDUMP", format!("{}", magic.escape_ascii())));
    }
    let first = fields.u64(24).unwrap_or(0);
    let list = at + 0x30;
    let room = first.min(bytes.len()).saturating_sub(list) / 16;
    let count = if all { u64::from(fields.u32(32).unwrap_or(0)) } else { room };
    if count > room || count > MOST_RANGES {
        return Err(malformed(
            at + 32,
            "a list of ranges that ends before the first page",
            count.to_string(),
        ));
    }
    let content = bytes.up_to(list, (count * 16) as usize).map_err(Error::reading(container))?;
    let mut offset = first;
    let mut segments = Vec::new();
    for range in content.chunks_exact(16) {
        let range = Fields::little(range);
        let (Some(page), Some(pages)) = (range.u64(0), range.u64(8)) else { break };
        if page == 0 && !all {
            break;
        }
        let (Some(start), Some(length)) = (page.checked_mul(PAGE), pages.checked_mul(PAGE)) else {
            return Err(malformed(list, "ranges of pages", format!("{pages:#x} pages from {page:#x} on")));
        };
        segments.push(Segment { start, length, offset });
        offset = offset.saturating_add(length);
    }
    Ok(segments)
}
