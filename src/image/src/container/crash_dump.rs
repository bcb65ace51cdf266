//! Windows crash dumps (`DUMP_HEADER32` and `DUMP_HEADER64` of the debugger's headers; the summary headers as the kernel
//! writes them): complete ones with their list of runs, those with a bitmap of pages, live dumps with a list of ranges,
//! and triage dumps, which hold no memory.

use std::sync::Arc;

use profile::Arch;

use crate::bitmap::Bitmap;
use crate::bytes::Bytes;
use crate::container::{Container, Parts, triage};
use crate::fields::Fields;
use crate::hints::CrashDump;
use crate::segments::Segment;
use crate::{Error, PhysicalAddress, VirtualAddress};

pub(crate) const MAGIC_32: &[u8] = b"PAGEDUMP";
pub(crate) const MAGIC_64: &[u8] = b"PAGEDU64";

const PAGE: u64 = 4096;
/// What fields without content are filled with.
const FILLER: u32 = u32::from_le_bytes(*b"PAGE");
/// The header has room for no more.
const MOST_RUNS_32: u32 = (700 - 8) / 8;
const MOST_RUNS_64: u32 = (700 - 16) / 16;
/// A live dump lists its ranges behind the header; real ones have thousands.
const MOST_RANGES: u64 = 4 << 20;

/// `DumpType`.
const COMPLETE: u32 = 1;
const SUMMARY: u32 = 2;
const TRIAGE: u32 = 4;
const BITMAP_COMPLETE: u32 = 5;
const BITMAP_KERNEL: u32 = 6;
const AUTOMATIC: u32 = 7;
const LIVE_KERNEL: u32 = 8;
const LIVE_KERNEL_AND_USER: u32 = 9;
const LIVE_COMPLETE: u32 = 10;

pub(crate) fn open(bytes: Arc<dyn Bytes>) -> Result<Parts, Error> {
    let container = Container::CrashDump;
    let malformed = |offset, expected, found| Error::Malformed { container, offset, expected, found };
    let reading = Error::reading(container);
    let start = bytes.up_to(0, 0x2000).map_err(&reading)?;
    let wide = start.starts_with(MAGIC_64);
    let size = if wide { 2 * PAGE } else { PAGE };
    let fields = Fields::little(&start);
    let (kind, header, dtb) = header(fields, wide)
        .filter(|_| start.len() as u64 >= size)
        .ok_or_else(|| malformed(0, "the header of a crash dump", format!("{} bytes", start.len())))?;

    let mut parts = Parts::new(container, bytes);
    parts.hints.arch = match header.machine {
        0x14c => Some(Arch::I386),
        0x8664 => Some(Arch::Amd64),
        0xaa64 => Some(Arch::Arm64),
        _ => None,
    };
    parts.hints.dtb = Some(dtb);
    match kind {
        COMPLETE => parts.segments = complete(fields, wide, size, &malformed)?,
        TRIAGE => {
            parts.container = Container::TriageDump;
            parts.hints.triage = Some(triage::read(&parts.bytes, size, wide, &mut parts.report));
        }
        SUMMARY | BITMAP_COMPLETE | BITMAP_KERNEL | AUTOMATIC => {
            let summary = parts.bytes.up_to(size, 56).map_err(&reading)?;
            parts.segments = summary_pages(&parts.bytes, Fields::little(&summary), size, wide)?;
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

/// Where `DumpType` stands.
fn dump_type(wide: bool) -> usize {
    if wide { 0xf98 } else { 0xf88 }
}

fn header(fields: Fields, wide: bool) -> Option<(u32, CrashDump, PhysicalAddress)> {
    let word = |at| fields.word(at, wide);
    // Kernel addresses of 32-bit systems are kept as they are printed.
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

/// The runs of a complete dump (`PHYSICAL_MEMORY_DESCRIPTOR`), whose pages follow the header in their order.
fn complete(fields: Fields, wide: bool, size: u64, malformed: Malformed) -> Result<Vec<Segment>, Error> {
    let (block, first, most) = if wide { (0x88, 0x98, MOST_RUNS_64) } else { (0x64, 0x6c, MOST_RUNS_32) };
    let count = fields.u32(block).unwrap_or(FILLER);
    if count == 0 || count > most {
        return Err(malformed(
            block as u64,
            "a list of runs of memory that fits the header",
            count.to_string(),
        ));
    }
    let width = if wide { 8 } else { 4 };
    let mut offset = size;
    let mut segments = Vec::new();
    for index in 0..count as usize {
        let at = first + index * 2 * width;
        let (Some(page), Some(pages)) = (fields.word(at, wide), fields.word(at + width, wide)) else { break };
        let (Some(start), Some(length)) = (page.checked_mul(PAGE), pages.checked_mul(PAGE)) else {
            return Err(malformed(
                at as u64,
                "a run of pages",
                format!("{pages:#x} pages from {page:#x} on"),
            ));
        };
        segments.push(Segment { start, length, offset });
        offset = offset.saturating_add(length);
    }
    Ok(segments)
}

/// The pages of a dump with a bitmap. Since Windows 8 the header (`SDMP` or `FDMP`) says where the first page stands,
/// how many pages and how many bits there are; before, the size of everything before the pages stands at 12, and the
/// bitmap behind its `RTL_BITMAP`.
fn summary_pages(bytes: &Arc<dyn Bytes>, fields: Fields, at: u64, wide: bool) -> Result<Vec<Segment>, Error> {
    let container = Container::CrashDump;
    let magic = fields.bytes(0, 8).unwrap_or_default();
    if !matches!(magic, b"SDMPDUMP" | b"FDMPDUMP") {
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
    let (first, bits, bitmap) = if newer {
        (first, bits, at + 56)
    } else {
        // DumpOptions, HeaderSize, BitmapSize and Pages of 32 bits, then the bitmap's own head.
        let [header_size, bits] = [12, 16].map(|at| u64::from(fields.u32(at).unwrap_or(0)));
        (header_size, bits, at + if wide { 40 } else { 32 })
    };
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
    Ok(segments)
}

/// The pages of a live dump (`RDMP`): pairs of a first page and a count; those of a kernel's dump end with a zero, a
/// complete one says how many there are.
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
