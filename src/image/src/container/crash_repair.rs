//! What a crash dump's header still says if one byte of it was changed: its numbers depend on each other, so one that is
//! wrong follows from the rest.

use std::sync::Arc;

use super::crash_header::{
    BITMAP_KERNEL, COMPLETE, FILLER, LIVE_KERNEL, LIVE_MAGIC, MAGIC_32, MAGIC_64, PAGE, SUMMARIES,
    SUMMARY_MAGICS, TRIAGE, is_plausible,
};
use crate::bitmap::Bitmap;
use crate::bytes::Bytes;

/// Whether `found` is `expected`, but for one byte at most.
pub(super) fn is_nearly(found: &[u8], expected: &[u8]) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).filter(|(one, other)| one != other).count() <= 1
}

/// Whether the file begins with the header of a crash dump, and if so whether that is one of 64 bits. If one letter of
/// the mark was changed, the processor and the kind of the kernel have to be those of such a header.
pub(super) fn recognise(start: &[u8]) -> Option<bool> {
    if start.starts_with(MAGIC_64) || start.starts_with(MAGIC_32) {
        return Some(start.starts_with(MAGIC_64));
    }
    let mark = start.get(..8)?;
    if is_nearly(mark, MAGIC_64) && is_plausible(start, true) {
        return Some(true);
    }
    (is_nearly(mark, MAGIC_32) && is_plausible(start, false)).then_some(false)
}

/// The kind of dump that its content shows, if the header states another one: `(kind, why)`. `pages` is how many pages the
/// header's list of runs has, if that makes sense.
pub(super) fn kind(
    stated: u32,
    bytes: &Arc<dyn Bytes>,
    size: u64,
    pages: Option<u64>,
) -> Option<(u32, &'static str)> {
    let behind = bytes.up_to(size, 12).ok()?;
    let (summary, live) = (behind.get(..8)?, behind.get(4..12)?);
    let exact = SUMMARY_MAGICS.iter().any(|magic| summary == *magic);
    let nearly = SUMMARY_MAGICS.iter().any(|magic| is_nearly(summary, *magic));
    let is_summary = SUMMARIES.contains(&stated);
    let is_live = (LIVE_KERNEL..LIVE_KERNEL + 3).contains(&stated);
    if exact && !is_summary || nearly && !(is_summary || is_live || [COMPLETE, TRIAGE].contains(&stated)) {
        return Some((BITMAP_KERNEL, "a bitmap of pages follows the header"));
    }
    if live == LIVE_MAGIC && !is_live {
        return Some((LIVE_KERNEL, "a list of ranges follows the header"));
    }
    let whole = pages.and_then(|pages| pages.checked_mul(PAGE)?.checked_add(size)) == Some(bytes.len());
    let other = !(nearly && is_summary || live == LIVE_MAGIC && is_live || stated == COMPLETE);
    (whole && other).then_some((COMPLETE, "the file is as long as the runs of memory in the header"))
}

/// Whether the bytes of two numbers are the same, but for one at most.
pub(super) fn is_one_byte(one: u64, other: u64) -> bool {
    is_nearly(&one.to_le_bytes(), &other.to_le_bytes())
}

/// How many runs a complete dump has, whose numbers of pages are `runs`, if the header states `count` of them and `pages`
/// pages in all, and the file has room for `room` pages; and a run that has another number of pages than it states, with that
/// number.
pub(super) fn runs(runs: &[u64], count: usize, pages: u64, room: u64) -> (usize, Option<(usize, u64)>) {
    let mut sums = vec![0_u64];
    for run in runs {
        sums.push(sums.last().copied().unwrap_or_default().saturating_add(*run));
    }
    let sum = |count: usize| sums.get(count).copied();
    // If the runs fill the file, it is the number of all pages that is wrong.
    if [Some(pages), Some(room)].contains(&sum(count)) {
        return (count, None);
    }
    // Of the number of runs one byte can be wrong, or of the number of pages of one run.
    let is_used = |index: usize| runs.get(index).is_some_and(|run| *run != 0 && *run as u32 != FILLER);
    // What follows the last run is filled up, so the number of runs is right if it ends there.
    let ends = |count: usize| count.checked_sub(1).is_some_and(is_used) && !is_used(count);
    let mut others = (1..=runs.len()).filter(|other| {
        ends(*other) && sum(*other) == Some(pages) && is_one_byte(count as u64, *other as u64)
    });
    if let Some(other) = others.next().filter(|_| others.next().is_none()) {
        return (other, None);
    }
    let Some(stated) = sum(count) else { return (count, None) };
    let right = |run: &u64| pages.checked_sub(stated.saturating_sub(*run)).filter(|pages| *pages > 0);
    let wrong: Vec<(usize, u64)> = runs
        .iter()
        .take(count)
        .enumerate()
        .filter_map(|(index, run)| Some((index, right(run)?)).filter(|(_, right)| is_one_byte(*run, *right)))
        .collect();
    // A run of no pages is wrong for sure.
    let empty = wrong.iter().find(|(index, _)| !is_used(*index));
    let only = wrong.first().filter(|_| wrong.len() == 1);
    let found = empty.or(only).copied();
    (count, found)
}

/// Where the bitmap of a dump is and where its pages begin, as its header states or as follows from the rest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// Where the first page is.
    pub(super) first: u64,
    /// How many bits there are.
    pub(super) bits: u64,
}

/// Checks what the header of a dump with a bitmap states against the bitmap at `bitmap`: the pages follow it at the next
/// boundary of a page, and there are as many as bits are set. Returns what is right, if that is known, and whether it is
/// what was stated.
pub(super) fn summary(
    bytes: &Arc<dyn Bytes>,
    bitmap: u64,
    stated: Summary,
    pages: u64,
) -> Option<(Summary, bool)> {
    let Summary { first, bits } = stated;
    let behind = |bits: u64| {
        bits.div_ceil(8)
            .checked_add(bitmap)?
            .checked_next_multiple_of(PAGE)
            .filter(|first| *first < bytes.len())
    };
    let set = |bits: u64| {
        let all = Bitmap { offset: bitmap, pages: 0..bits, page_size: PAGE };
        all.segments(bytes, 0, u64::MAX / PAGE).ok().map(|(_, set)| set)
    };
    let room = first.checked_sub(bitmap).filter(|_| first < bytes.len()).and_then(|room| room.checked_mul(8));
    let follows = behind(bits) == Some(first);
    if follows && set(bits) == Some(pages) {
        return Some((stated, true));
    }
    // The number of bits is wrong: all up to the first page count, for those behind the last one are zero.
    if let Some(room) = room.filter(|room| *room != bits && first.is_multiple_of(PAGE))
        && set(room) == Some(pages)
    {
        return Some((Summary { first, bits: room }, bits < room && set(bits) == Some(pages)));
    }
    // The place of the first page is wrong.
    if let Some(right) = behind(bits).filter(|right| *right != first)
        && set(bits) == Some(pages)
        && pages.checked_mul(PAGE).and_then(|length| length.checked_add(right)) == Some(bytes.len())
    {
        return Some((Summary { first: right, bits }, false));
    }
    // The number of pages is wrong, which nothing else needs.
    follows.then_some((stated, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_of_a_list_of_runs_follows_from_the_rest() {
        let found = [0x9e, 0x100, 0x3000, 0x4547_4150, 0x4547_4150];
        assert_eq!(runs(&found, 3, 0x319e, 0x319e), (3, None));
        assert_eq!(runs(&found, 2, 0x319e, 0x319e), (3, None), "the count was changed");
        assert_eq!(
            runs(&found, 0x103, 0x319e, 0x200),
            (3, None),
            "the count was changed, and the file was cut"
        );
        assert_eq!(runs(&[0x9e, 0x100, 0x8500], 3, 0x319e, 0x319e), (3, Some((2, 0x3000))));
        assert_eq!(runs(&[3, 1, 0, 0], 2, 3, 3), (2, Some((0, 2))), "not one run of three pages");
        assert_eq!(runs(&[2, 0, 0, 0], 2, 3, 3), (2, Some((1, 1))), "a run of no pages is the wrong one");
        assert_eq!(runs(&found, 3, 0x9999_9999, 0x319e), (3, None), "the sum was changed");
        assert_eq!(runs(&found, 3, 0x19e, 0x319e), (3, None), "the sum was changed to that of fewer runs");
    }

    #[test]
    fn marks_with_one_other_letter_are_known_by_the_rest_of_the_header() {
        let header = |mark: &[u8; 8], wide: bool| {
            let mut start = b"PAGE".repeat(0x400);
            start[..8].copy_from_slice(mark);
            start[8..12].copy_from_slice(&15_u32.to_le_bytes());
            let (at, machine): (usize, u16) = if wide { (0x30, 0x8664) } else { (0x20, 0x14c) };
            start[at..at + 2].copy_from_slice(&machine.to_le_bytes());
            start
        };
        assert_eq!(recognise(&header(b"PAGEDU64", true)), Some(true));
        assert_eq!(recognise(&header(b"PAGEDU6P", true)), Some(true));
        assert_eq!(recognise(&header(b"QAGEDU64", true)), Some(true));
        assert_eq!(recognise(&header(b"PAGEDU6P", false)), Some(false));
        assert_eq!(recognise(&header(b"QQGEDU64", true)), None);
        assert_eq!(recognise(b"PAGEDU6"), None);
        let mut other = header(b"QAGEDU64", true);
        other[0x30] = 0;
        assert_eq!(recognise(&other), None);
    }
}
