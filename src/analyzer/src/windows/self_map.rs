//! Page tables that name their own place. Windows maps its page tables through an entry of the top table that points to
//! this table itself, at one index in all processes; so every such table tells its physical address, wherever it lies in a
//! file.

use std::collections::{BTreeMap, BTreeSet};

use image::{Memory, ScanPlan, Window, scan};
use profile::Arch;

use crate::raw_layout::steps::{FARTHEST, Sample};

const PAGE: u64 = 4096;
/// So many tables have to name their place at the same index and distance. By chance an entry does not do that twice.
pub(crate) const FEWEST: usize = 2;
/// No more entries are kept of half a megabyte of memory.
const MOST_IN_A_WINDOW: usize = 1 << 14;

/// An entry that could point to its own table.
struct Entry {
    offset: u64,
    index: u16,
    physical: u64,
}

/// The tables that name their own place, in the order of the file.
pub(crate) fn samples(memory: &dyn Memory, arch: Arch, plan: &ScanPlan<'_>) -> Vec<Sample> {
    let width = if arch == Arch::Amd64 { 8 } else { 4 };
    let mut found = of_width(memory, width, plan);
    if found.is_empty() && arch == Arch::I386 {
        // With PAE entries have eight bytes.
        found = of_width(memory, 8, plan);
    }
    found
}

fn of_width(memory: &dyn Memory, width: usize, plan: &ScanPlan<'_>) -> Vec<Sample> {
    let look = |window: Window<'_>, found: &mut Vec<Entry>| {
        let before = found.len();
        let own = window.bytes.get(..window.own).unwrap_or(window.bytes);
        for (number, page) in own.chunks_exact(PAGE as usize).enumerate() {
            let offset = window.start.0 + number as u64 * PAGE;
            for (index, word) in page.chunks_exact(width).enumerate() {
                let word = word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
                // Present, writable, for the kernel only, not a large page; used as a table, so accessed.
                if word & 0xa7 != 0x23 || width == 8 && word & 0x7ff0_0000_0000_0000 != 0 {
                    continue;
                }
                let physical = word & 0x000f_ffff_ffff_f000;
                let near = physical.checked_sub(offset).is_some_and(|distance| distance < FARTHEST);
                if near && found.len() < before + MOST_IN_A_WINDOW {
                    found.push(Entry { offset, index: index as u16, physical });
                }
            }
        }
    };
    let entries = scan(memory, plan, look).found;
    // What the kernel's other entries point to is the same in all tables, so at another distance from each; tables that point
    // to themselves are at one distance in all of one range.
    let mut counts: BTreeMap<(u16, u64), BTreeSet<u64>> = BTreeMap::new();
    for entry in &entries {
        counts.entry((entry.index, entry.physical - entry.offset)).or_default().insert(entry.offset);
    }
    let mut by_index: BTreeMap<u16, usize> = BTreeMap::new();
    for ((index, _), offsets) in &counts {
        if offsets.len() >= FEWEST {
            *by_index.entry(*index).or_default() += offsets.len();
        }
    }
    let most = by_index.iter().max_by_key(|(_, count)| **count).map(|(index, _)| *index);
    let own =
        counts.into_iter().filter(|((index, _), offsets)| Some(*index) == most && offsets.len() >= FEWEST);
    let mut samples: Vec<Sample> = own
        .flat_map(|((_, distance), offsets)| {
            offsets.into_iter().map(move |offset| Sample { offset, physical: offset + distance, weight: 1 })
        })
        .collect();
    samples.sort_by_key(|sample| sample.offset);
    samples
}

#[cfg(test)]
mod tests {
    use image::{Pages, PhysicalAddress};

    use super::*;

    #[test]
    fn tables_tell_where_they_belong() {
        let mut pages = Pages::default();
        for number in 0..40u64 {
            pages.write(PhysicalAddress(number * PAGE), &[0; PAGE as usize]);
        }
        // The hole of 0x30000 bytes is at 0x14000.
        for offset in [0x3000, 0x9000, 0x1_0000, 0x1_8000, 0x2_2000] {
            let physical = if offset < 0x1_4000 { offset } else { offset + 0x3_0000 };
            let mut entry = |index: u64, physical: u64| {
                pages.write(PhysicalAddress(offset + 8 * index), &(physical | 0x63).to_le_bytes());
            };
            entry(0x1ed, physical);
            entry(0x1ff, 0x9_1000);
            entry(0x1f0, 0x9_2000);
        }
        let found: Vec<(u64, u64)> = samples(&pages, Arch::Amd64, &ScanPlan::default())
            .iter()
            .map(|sample| (sample.offset, sample.physical))
            .collect();
        assert_eq!(
            found,
            [
                (0x3000, 0x3000),
                (0x9000, 0x9000),
                (0x1_0000, 0x1_0000),
                (0x1_8000, 0x4_8000),
                (0x2_2000, 0x5_2000)
            ]
        );
    }
}
