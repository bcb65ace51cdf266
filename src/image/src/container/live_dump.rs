//! The pages of a live dump (`RDMP`): a header, then a list of ranges of pages, then the pages in that order. The list of a
//! complete dump has as many ranges and pages as the header states; a kernel's ends with a range of zeros.
//!
//! The header and the list say most things twice, so that one changed byte of them follows from the rest: the size of the
//! list and the place of the first page, the sum of the ranges and the number of pages, or the length of the file.

use std::sync::Arc;

use zerocopy::FromBytes;

use super::crash_dump::{Found, structure};
use super::crash_header::{LIVE_MAGIC, LiveHeader, LiveRange, PAGE};
use super::crash_repair::{is_nearly, is_one_byte, runs};
use crate::Error;
use crate::bytes::Bytes;
use crate::container::Container;
use crate::segments::Segment;

/// Real dumps have thousands of ranges.
const MOST_RANGES: u64 = 4 << 20;
/// What the size of the list counts from: behind the place of the first page.
const SIZE_FROM: u64 = 0x20;

/// The pages of the dump whose live header is at `at`. `complete`: the type of dump says that all memory is in it.
pub(super) fn pages(bytes: &Arc<dyn Bytes>, at: u64, complete: bool) -> Result<Found, Error> {
    let malformed = |offset, expected, found| Error::Malformed {
        container: Container::CrashDump,
        offset,
        expected,
        found,
    };
    let header: LiveHeader = structure(bytes, at)?;
    let letters = header.signature.escape_ascii();
    if !is_nearly(&header.signature, LIVE_MAGIC) {
        return Err(malformed(at + 4, "the letters RDMPDUMP", letters.to_string()));
    }
    let mut warning = (header.signature != *LIVE_MAGIC).then(|| {
        format!("the header of the ranges was changed: expected the letters RDMPDUMP, found {letters}")
    });
    let stated = header.first_page.get();
    let mut list = List::read(bytes, &header, at, stated, complete)?;
    let by_size = header.metadata_size.get().saturating_add(at + SIZE_FROM);
    if by_size != stated
        && !list.as_ref().is_some_and(|list| list.fills_file)
        && let Some(other) = List::read(bytes, &header, at, by_size, complete)?
        && (other.fills_file || list.is_none())
    {
        warning = Some(format!(
            "the header of the ranges was changed: it states the first page at {stated:#x}, but the list ends at \
             {by_size:#x}"
        ));
        list = Some(other);
    }
    let Some(list) = list else {
        return Err(malformed(
            at + 32,
            "a list of ranges that ends before the first page",
            format!("{} ranges, the first page at {stated:#x}", header.range_count),
        ));
    };
    let mut offset = list.first_page;
    let mut segments = Vec::new();
    for (page, pages) in list.ranges {
        let (Some(start), Some(length)) = (page.checked_mul(PAGE), pages.checked_mul(PAGE)) else {
            let found = format!("{pages:#x} pages from {page:#x} on");
            return Err(malformed(at + size_of::<LiveHeader>() as u64, "ranges of pages", found));
        };
        if page != 0 || list.has_page_zero {
            segments.push(Segment { start, length, offset });
        }
        offset = offset.saturating_add(length);
    }
    Ok((segments, list.warning.or(warning)))
}

/// A list of ranges, with one of its numbers put right if that one was changed.
struct List {
    first_page: u64,
    /// A first page and a number of pages each.
    ranges: Vec<(u64, u64)>,
    /// Whether a range from page 0 on is one. In a kernel's list it is one whose first page was lost.
    has_page_zero: bool,
    /// Whether the pages end where the file does.
    fills_file: bool,
    warning: Option<String>,
}

impl List {
    /// Reads the list of a dump whose pages begin at `first_page`; nothing if that is not possible.
    fn read(
        bytes: &Arc<dyn Bytes>,
        header: &LiveHeader,
        at: u64,
        first_page: u64,
        complete: bool,
    ) -> Result<Option<Self>, Error> {
        let from = at + size_of::<LiveHeader>() as u64;
        let room = first_page.min(bytes.len()).saturating_sub(from) / size_of::<LiveRange>() as u64;
        let size = room.min(MOST_RANGES) as usize * size_of::<LiveRange>();
        let content = bytes.up_to(from, size).map_err(Error::reading(Container::CrashDump))?;
        let ranges: Vec<(u64, u64)> = content
            .chunks_exact(size_of::<LiveRange>())
            .filter_map(|range| LiveRange::read_from_bytes(range).ok())
            .map(|range| (range.first_page.get(), range.page_count.get()))
            .collect();
        let behind = bytes.len().saturating_sub(first_page);
        let stated = header.range_count.get() as usize;
        let all = Self::of_complete(&ranges, stated, header.page_count.get(), behind / PAGE);
        let kernel = Self::of_kernel(&ranges, behind);
        // Only one of the two fits, whatever the type of dump says.
        let mut list = match (complete, all) {
            (_, Ok(all)) => all,
            (true, Err(_)) if kernel.sum().checked_mul(PAGE) == Some(behind) => kernel,
            (true, Err(Some(all))) => all,
            (true, Err(None)) => return Ok(None),
            (false, Err(_)) => kernel,
        };
        list.first_page = first_page;
        list.fills_file = list.sum().checked_mul(PAGE) == Some(behind);
        Ok((first_page >= from).then_some(list))
    }

    fn new(ranges: &[(u64, u64)], has_page_zero: bool, warning: Option<String>) -> Self {
        Self { first_page: 0, ranges: ranges.to_vec(), has_page_zero, fills_file: false, warning }
    }

    fn sum(&self) -> u64 {
        sum(&self.ranges)
    }

    /// The list of a complete dump, if it has as many pages as the header states; otherwise what the header states, if the
    /// list is as long as that. `room`: how many pages there are in the file.
    fn of_complete(listed: &[(u64, u64)], stated: usize, all: u64, room: u64) -> Result<Self, Option<Self>> {
        let pages: Vec<u64> = listed.iter().map(|(_, pages)| *pages).collect();
        let (count, wrong) = runs(&pages, stated, all, room);
        let Some(ranges) = listed.get(..count).filter(|_| count > 0) else { return Err(None) };
        let mut list = Self::new(ranges, true, None);
        if count != stated {
            list.warning = Some(format!(
                "the header of the ranges was changed: it states {stated} ranges, but the first {count} have all {all} pages"
            ));
        }
        // If the ranges fill the file, it is the number of all pages that is wrong.
        let fits = sum(ranges) == room;
        if let Some((index, right)) = wrong.or_else(|| wrong_range(ranges, all, false).filter(|_| !fits)) {
            list.put_right(index, right);
        }
        if fits || list.sum() == all { Ok(list) } else { Err(Some(list)) }
    }

    /// The list of a kernel's dump, which ends with zeros. `behind`: how many bytes there are from the first page on.
    fn of_kernel(listed: &[(u64, u64)], behind: u64) -> Self {
        let until = |end: &dyn Fn(&(u64, u64)) -> bool| {
            let count = listed.iter().position(end).unwrap_or(listed.len());
            listed.get(..count).unwrap_or_default()
        };
        let stated = until(&|(page, _)| *page == 0);
        let fills = |ranges: &[(u64, u64)]| sum(ranges).checked_mul(PAGE) == Some(behind);
        if !fills(stated) {
            let longer = until(&|(page, pages)| (*page, *pages) == (0, 0));
            if fills(longer) {
                let warning = "the list of ranges was changed: a range begins at page 0, and is left out";
                return Self::new(longer, false, Some(warning.to_owned()));
            }
        }
        let mut list = Self::new(stated, false, None);
        let wrong = behind.is_multiple_of(PAGE).then(|| wrong_range(stated, behind / PAGE, true));
        if let Some((index, right)) = wrong.flatten() {
            list.put_right(index, right);
        }
        list
    }

    fn put_right(&mut self, index: usize, right: u64) {
        if let Some((page, pages)) = self.ranges.get_mut(index) {
            self.warning = Some(format!(
                "the list of ranges was changed: it states {pages:#x} pages from {page:#x} on, but by the others it is {right:#x}"
            ));
            *pages = right;
        }
    }
}

fn sum(ranges: &[(u64, u64)]) -> u64 {
    ranges.iter().fold(0, |sum, (_, pages)| sum.saturating_add(*pages))
}

/// The one range whose number of pages was changed, with the right number: all of them have `all` pages. `may_be_cut`: that is
/// what the file has, which may have been cut off.
fn wrong_range(ranges: &[(u64, u64)], all: u64, may_be_cut: bool) -> Option<(usize, u64)> {
    let stated = sum(ranges);
    if stated == all {
        return None;
    }
    // The pages of a range end before those of the next one begin; if they met, it would be one range.
    let meets = |index: usize, pages: u64| {
        let page = ranges.get(index).map_or(0, |range| range.0);
        let next = ranges.get(index + 1).map_or(0, |range| range.0);
        next > page && page.saturating_add(pages) >= next
    };
    let candidate = |(index, (_, pages)): (usize, &(u64, u64))| {
        let right = all.checked_sub(stated.saturating_sub(*pages)).filter(|right| *right > 0)?;
        (is_one_byte(*pages, right) && !meets(index, right)).then_some((index, *pages, right))
    };
    let candidates: Vec<(usize, u64, u64)> = ranges.iter().enumerate().filter_map(candidate).collect();
    // A range without pages, or one that meets the next, is wrong for sure.
    let mut sure = candidates.iter().filter(|(index, pages, _)| *pages == 0 || meets(*index, *pages));
    let only = match (sure.next(), sure.next()) {
        (Some(one), None) => Some(one),
        (None, None) if candidates.len() == 1 && !(may_be_cut && stated > all) => candidates.first(),
        _ => None,
    };
    only.map(|(index, _, right)| (*index, *right))
}
