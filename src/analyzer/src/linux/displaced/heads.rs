//! The heads of empty lists: each points to itself, which tells its address wherever it lies in the file.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;
use image::{Memory, ScanPlan, Window, scan};

use crate::raw_layout::steps::FARTHEST;

const PAGE: u64 = 4096;

/// The head of an empty list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Where it is in the file.
    pub(super) offset: u64,
    /// Its virtual address.
    pub(super) address: u64,
}

impl Head {
    /// Its address less its place: the same for all of one range of memory.
    fn base(self) -> u64 {
        self.address.wrapping_sub(self.offset)
    }
}

/// What the heads are looked for in.
#[derive(Clone)]
pub(super) struct Wanted {
    /// The size of a pointer in bytes.
    pub(super) width: usize,
    /// The addresses of the kernel's own image.
    pub(super) own: Range<u64>,
    /// The lowest address of the kernel's half of the address space.
    pub(super) lowest: u64,
}

/// All heads: those in the map of all memory, and those in the kernel's own image.
#[derive(Default)]
pub(super) struct Heads {
    pub(super) linear: Vec<Head>,
    pub(super) own: Vec<Head>,
}

/// No more heads are kept of half a megabyte of memory, nor more of one range than one in so many bytes.
const MOST_HEADS: usize = 128;
const HEADS_APART: u64 = 8 << 10;
/// So many heads have to agree: addresses of the kernel's `vmalloc` space agree within a page only.
pub(super) const FEWEST_HEADS: usize = 8;

pub(super) fn heads(memory: &dyn Memory, wanted: &Wanted, plan: &ScanPlan<'_>) -> Heads {
    let width = wanted.width as u64;
    let look = |window: Window<'_>, found: &mut Vec<(bool, Head)>| {
        let before = found.len();
        let mut last = [Head { offset: 0, address: 0 }; 2];
        let words = window.bytes.get(..window.own).unwrap_or(window.bytes);
        let skew = (window.start.0.wrapping_neg() % width) as usize;
        let words = words.get(skew..).unwrap_or_default().chunks_exact(wanted.width);
        let mut previous = 0;
        for (index, word) in words.enumerate() {
            let word = word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            let pair = word == previous && word >= wanted.lowest && word.is_multiple_of(width);
            previous = word;
            if !pair {
                continue;
            }
            let offset = window.start.0 + skew as u64 + width * index as u64 - width;
            let head = Head { offset, address: word };
            let is_own = wanted.own.contains(&word);
            let Some(last) = last.get_mut(usize::from(is_own)) else { continue };
            let dense = last.base() == head.base() && offset - last.offset < HEADS_APART;
            if !dense && found.len() < before + MOST_HEADS {
                *last = head;
                found.push((is_own, head));
            }
        }
    };
    let mut heads = Heads::default();
    for (is_own, head) in scan(memory, plan, look).found {
        if is_own { heads.own.push(head) } else { heads.linear.push(head) }
    }
    heads
}

/// The distances between addresses and places that many heads agree on, without those of other maps than that of all
/// memory; the most frequent first.
pub(super) fn bases(heads: &[Head]) -> Vec<u64> {
    let mut counts: HashMap<u64, usize, RandomState> = HashMap::default();
    for head in heads {
        *counts.entry(head.base()).or_default() += 1;
    }
    let mut bases: Vec<(usize, u64)> = counts.into_iter().map(|(base, count)| (count, base)).collect();
    bases.retain(|(count, _)| *count >= FEWEST_HEADS);
    // The map of all memory lies below those of the kernel's other areas, such as its array of pages, whose lists are of
    // many pages in a row as well.
    let most = bases.iter().map(|(count, _)| *count).max().unwrap_or(0);
    let chief =
        bases.iter().filter(|(count, _)| *count >= most / 8).map(|(_, base)| *base).min().unwrap_or(0);
    // A list of one entry points there and back, as an empty one does to itself; many of one kind agree as well, but far
    // fewer than there are empty lists, and not by whole pages.
    let whole = |base: u64| base.abs_diff(chief).is_multiple_of(PAGE);
    bases.retain(|(count, base)| base.abs_diff(chief) < FARTHEST && (whole(*base) || *count >= most / 16));
    bases.sort_unstable_by(|one, other| other.cmp(one));
    bases.into_iter().map(|(_, base)| base).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_of_other_maps_and_of_lists_of_one_entry_are_left_out() {
        let heads = |base: u64, offsets: Range<u64>, step: usize| {
            offsets.step_by(step).map(move |offset| Head { offset, address: base + offset })
        };
        let mut all: Vec<Head> = heads(0x1000, 0..0x10_0000, 0x4000).collect();
        all.extend(heads(0x20_0000, 0x10_4000..0x40_0000, 0x4000));
        // Lists of one entry, at one distance from their heads.
        all.extend(heads(0x20_0020, 0x11_0000..0x13_8000, 0x4000));
        // The array of pages, which is mapped elsewhere.
        all.extend(heads(0x5d00_0000_0000_0000, 0x24_0000..0x28_0000, 0x4000));
        assert_eq!(bases(&all), [0x20_0000, 0x1000]);
    }
}
