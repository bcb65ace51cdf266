//! How the ranges of memory lie in a file of raw memory, by Windows' own list of them (`MmPhysicalMemoryBlock`).

use std::ops::Range;

use image::{Memory, Placed, ScanPlan, Window, scan};

use crate::Layout;
use crate::raw_layout::ranges::layouts_of;
use crate::raw_layout::steps::{self, stretches};

use super::self_map;

const PAGE: u64 = 4096;
/// No machine has more ranges of memory.
const MOST_RUNS: u64 = 64;
/// No physical address has more bits, less those within a page.
const FRAME_BITS: u32 = 40;
/// No more lists are looked at.
const MOST_LISTS: usize = 8;

/// The layouts that the memory in a file gives evidence of: every list of ranges, and tables that map themselves.
pub fn layouts(memory: &dyn Memory, layout: &Layout, plan: &ScanPlan<'_>) -> Vec<Vec<Placed>> {
    let size = memory.runs().iter().map(|run| run.end()).max().unwrap_or(0);
    let mut found: Vec<Vec<Placed>> =
        lists(memory, layout, size, plan).iter().flat_map(|ranges| layouts_of(ranges, size)).collect();
    let samples = self_map::samples(memory, layout.arch(), plan);
    found.extend(steps::layouts(&stretches(&samples, self_map::FEWEST), size));
    found
}

/// Whether the memory itself shows that the places in its file are not physical addresses: the reason in words.
pub fn doubt(memory: &dyn Memory, layout: &Layout, plan: &ScanPlan<'_>) -> Option<String> {
    let samples = self_map::samples(memory, layout.arch(), plan);
    let displaced = samples.iter().filter(|sample| sample.physical != sample.offset).count();
    if displaced > 0 {
        return Some(format!(
            "{displaced} of {} page tables that name their own place are elsewhere in the file",
            samples.len()
        ));
    }
    let size = memory.runs().iter().map(|run| run.end()).max().unwrap_or(0);
    let end = lists(memory, layout, size, plan)
        .iter()
        .filter_map(|ranges| ranges.last())
        .map(|range| range.end)
        .min()?;
    (end > size.saturating_add(1 << 20)).then(|| {
        format!(
            "Windows lists memory up to {end:#x}, and the file ends at {size:#x}: it was cut off, or holes between ranges \
             of memory were left out"
        )
    })
}

/// Every list of ranges in the memory.
///
/// `_PHYSICAL_MEMORY_DESCRIPTOR` holds the number of runs, the number of all pages, and for each run its first page and how
/// many it has. The sum proves a list, wherever it lies; it has been the same since Windows 2000.
fn lists(memory: &dyn Memory, layout: &Layout, size: u64, plan: &ScanPlan<'_>) -> Vec<Vec<Range<u64>>> {
    let wide = layout.address_size() == 8;
    let word = if wide { 8 } else { 4 };
    let plan = ScanPlan { overlap: (2 + 2 * MOST_RUNS as usize) * word, ..*plan };
    let look = |window: Window<'_>, found: &mut Vec<Vec<Range<u64>>>| {
        let before = found.len();
        for at in (0..window.own).step_by(word) {
            let bytes = window.bytes.get(at..).unwrap_or_default();
            // Nearly everything ends here.
            if matches!(bytes.first(), Some(1..=64))
                && let Some(ranges) = ranges(bytes, wide, size)
                && found.len() < before + MOST_LISTS
            {
                found.push(ranges);
            }
        }
    };
    let mut lists = scan(memory, &plan, look).found;
    lists.dedup();
    lists.truncate(MOST_LISTS);
    lists
}

/// The ranges of the list that `bytes` begins with, if it is one for a machine whose memory has about `size` bytes.
fn ranges(bytes: &[u8], wide: bool, size: u64) -> Option<Vec<Range<u64>>> {
    let word = if wide { 8 } else { 4 };
    let number = |index: usize| -> Option<u64> {
        let field = bytes.get(index * word..)?;
        match wide {
            true => field.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)),
            false => field.first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes))),
        }
    };
    // The number of runs has 32 bits; what follows it up to the next field is not set.
    let runs = number(0)? & 0xffff_ffff;
    let pages = number(1)?;
    if !(1..=MOST_RUNS).contains(&runs) || pages == 0 || pages >> FRAME_BITS != 0 {
        return None;
    }
    // Firmware keeps a part of the memory for itself.
    let all = pages * PAGE;
    if all > size.saturating_add(1 << 20) || all < size / 4 * 3 {
        return None;
    }
    let (mut ranges, mut sum, mut end) = (Vec::new(), 0u64, 0u64);
    for run in 0..runs as usize {
        let (base, count) = (number(2 + 2 * run)?, number(3 + 2 * run)?);
        if base < end || count == 0 || count > pages || base >> FRAME_BITS != 0 {
            return None;
        }
        end = base + count;
        sum += count;
        ranges.push(base * PAGE..end * PAGE);
    }
    (sum == pages).then_some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(runs: &[(u64, u64)], wide: bool) -> Vec<u8> {
        let mut numbers = vec![runs.len() as u64, runs.iter().map(|run| run.1).sum()];
        numbers.extend(runs.iter().flat_map(|run| [run.0, run.1]));
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
        match wide {
            true => bytes.collect(),
            false => numbers.iter().flat_map(|number| (*number as u32).to_le_bytes()).collect(),
        }
    }

    #[test]
    fn a_list_is_proved_by_its_sum() {
        let runs = [(1, 0x9e), (0x100, 0xbfdd0), (0x10_0000, 0x4_0000)];
        let size = (0x9e + 0xbfdd0 + 0x4_0000) * PAGE;
        for wide in [true, false] {
            let content = list(&runs, wide);
            let found = ranges(&content, wide, size).unwrap();
            assert_eq!(found, [0x1000..0x9_f000, 0x10_0000..0xbfed_0000, 0x1_0000_0000..0x1_4000_0000]);
            assert!(ranges(&content[..content.len() - 1], wide, size).is_none());
            assert!(ranges(&content, wide, size / 2).is_none());
            assert!(ranges(&content, wide, size * 2).is_none());
            let mut damaged = content.clone();
            damaged[if wide { 24 } else { 12 }] ^= 1;
            assert!(ranges(&damaged, wide, size).is_none());
        }
        assert!(ranges(&list(&[(0x100, 16), (1, 16)], true), true, 32 * PAGE).is_none());
    }
}
