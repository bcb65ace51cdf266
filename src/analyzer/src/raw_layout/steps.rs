//! Fits a layout to samples: places in the file whose physical addresses are known.
//!
//! Holes that are left out bring everything behind them nearer to the beginning of the file, so the distance between a
//! physical address and its place never falls from the beginning of a file to its end.

use std::collections::BTreeMap;
use std::ops::Range;

use image::{Memory, PhysicalAddress, Placed};

/// No machine leaves more room between ranges of its memory.
pub(crate) const FARTHEST: u64 = 1 << 42;
const PAGE: u64 = 4096;

/// A place in the file and the physical address of what is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) offset: u64,
    pub(crate) physical: u64,
    /// How many others it outweighs.
    pub(crate) weight: usize,
}

impl Sample {
    fn distance(&self) -> Option<u64> {
        self.physical.checked_sub(self.offset).filter(|distance| *distance < FARTHEST)
    }
}

/// How virtual addresses are related to physical ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maps {
    /// The addresses of the kernel's own image.
    pub(crate) own: Range<u64>,
    /// Added to one of these, it gives the physical address, modulo 2^64.
    pub(crate) own_delta: u64,
    /// The same for addresses in the map of all memory.
    pub(crate) linear_delta: u64,
    /// The lowest address of the kernel's half of the address space.
    pub(crate) lowest: u64,
}

impl Maps {
    /// The physical address of a pointer's target, as far as these maps reach.
    pub(crate) fn physical(&self, address: u64) -> u64 {
        let delta = if self.own.contains(&address) { self.own_delta } else { self.linear_delta };
        address.wrapping_add(delta)
    }
}

/// A part of the file at one distance from its place in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) distance: u64,
    pub(crate) offsets: Range<u64>,
}

/// No more steps are looked for.
const MOST_STEPS: usize = 64;

/// The stretches that the samples agree on: of all sequences in which the distance rises, the one with the most samples.
/// `fewest` have to agree on a distance.
pub(crate) fn stretches(samples: &[Sample], fewest: usize) -> Vec<Stretch> {
    let mut by_distance: BTreeMap<u64, (usize, Vec<u64>)> = BTreeMap::new();
    for sample in samples {
        if let Some(distance) = sample.distance() {
            let (weight, offsets) = by_distance.entry(distance).or_default();
            *weight += sample.weight;
            offsets.push(sample.offset);
        }
    }
    let mut known: Vec<(u64, usize, Vec<u64>)> = by_distance
        .into_iter()
        .filter(|(_, (weight, _))| *weight >= fewest)
        .map(|(distance, (weight, offsets))| (distance, weight, offsets))
        .collect();
    known.sort_by_key(|(_, weight, _)| std::cmp::Reverse(*weight));
    // Ranges of memory are whole pages, so distances differ by whole pages. A list of one entry points there and back, as an
    // empty one does to itself, at another distance; so do tables of such lists. Only the first megabyte may end elsewhere.
    let chief = known.first().map_or(0, |(distance, ..)| *distance);
    let most = known.first().map_or(0, |(_, weight, _)| *weight);
    known.retain(|(distance, weight, _)| {
        distance.abs_diff(chief).is_multiple_of(PAGE)
            || *weight >= most / 2 && distance.abs_diff(chief) >= PAGE
    });
    known.truncate(MOST_STEPS);
    for (_, _, offsets) in &mut known {
        offsets.sort_unstable();
    }
    let middle = |offsets: &[u64]| offsets.get(offsets.len() / 2).copied().unwrap_or(0);
    known.sort_by_key(|(distance, _, offsets)| (middle(offsets), *distance));
    let chain =
        heaviest_rise(&known.iter().map(|(distance, weight, _)| (*distance, *weight)).collect::<Vec<_>>());
    let chosen: Vec<&(u64, usize, Vec<u64>)> = chain.iter().filter_map(|index| known.get(*index)).collect();
    let mut found: Vec<Stretch> = Vec::new();
    let mut from = 0;
    for (index, (distance, _, offsets)) in chosen.iter().enumerate() {
        let border = chosen.get(index + 1).map_or(u64::MAX, |(_, _, next)| border(offsets, next));
        let here = from..border;
        let mut own = offsets.iter().copied().filter(|at| here.contains(at));
        from = border;
        if let Some(first) = own.next() {
            let last = own.next_back().unwrap_or(first);
            // Whole pages of memory, which may lie anywhere in the file.
            let within = |offset: u64| offset.wrapping_add(*distance) & (PAGE - 1);
            let offsets = first.saturating_sub(within(first))..last + PAGE - within(last);
            found.push(Stretch { distance: *distance, offsets });
        }
    }
    found
}

/// The indexes of the rising sequence with the greatest sum of weights.
fn heaviest_rise(items: &[(u64, usize)]) -> Vec<usize> {
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(items.len());
    for (index, (distance, weight)) in items.iter().enumerate() {
        let before = items.iter().zip(&best).enumerate().take(index);
        let before = before.filter(|(_, ((other, _), _))| other < distance);
        let before = before.max_by_key(|(_, (_, (sum, _)))| *sum).map(|(at, (_, (sum, _)))| (at, *sum));
        best.push((weight + before.map_or(0, |(_, sum)| sum), before.map(|(at, _)| at)));
    }
    let mut at = best.iter().enumerate().max_by_key(|(_, (sum, _))| *sum).map(|(at, _)| at);
    let mut chain = Vec::new();
    while let Some(index) = at {
        chain.push(index);
        at = best.get(index).and_then(|(_, before)| *before);
    }
    chain.reverse();
    chain
}

/// Where one stretch ends and the next begins: the place that has the fewest samples on the wrong side. Both are in order.
fn border(one: &[u64], next: &[u64]) -> u64 {
    let mut best = (usize::MAX, 0);
    for (index, at) in next.iter().enumerate() {
        let behind = one.len() - one.partition_point(|other| other < at);
        // Those of the next stretch that lie before it are `index`.
        best = best.min((behind + index, *at));
    }
    best.1
}

/// No more of the file is looked at between two stretches.
const WIDEST_GAP: u64 = 64 << 20;

/// Narrows the gaps between stretches, page by page: structs are full of pointers into their own page, which tell on which
/// side of a hole the page lies.
pub(crate) fn refine(memory: &dyn Memory, stretches: &mut [Stretch], maps: &Maps, width: usize) {
    let known = stretches.to_vec();
    for index in 1..stretches.len() {
        let Some([one, next]) = stretches.get_mut(index - 1..=index) else { continue };
        let gap = one.offsets.end..next.offsets.start;
        let aligned = next.distance.wrapping_sub(one.distance).is_multiple_of(PAGE);
        if !aligned || gap.start >= gap.end || gap.end - gap.start > WIDEST_GAP {
            continue;
        }
        // For each page, how many pointers place it before the hole, and how many behind it.
        let mut votes: Vec<(u64, usize, usize)> = Vec::new();
        let mut page = vec![0; PAGE as usize];
        for at in gap.clone().step_by(PAGE as usize) {
            if memory.read(PhysicalAddress(at), &mut page).is_err() {
                continue;
            }
            let (mut before, mut behind) = (0, 0);
            for (index, word) in page.chunks_exact(width).enumerate() {
                let word = word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
                if word < maps.lowest {
                    continue;
                }
                let (place, target) = (at + (index * width) as u64, maps.physical(word));
                let agrees = |distance: u64| {
                    let own = at + distance;
                    let within = (own..own + PAGE).contains(&target);
                    within || is_linked(memory, &known, maps, width, place + distance, target)
                };
                before += usize::from(agrees(one.distance));
                behind += usize::from(agrees(next.distance));
            }
            if before + behind > 0 {
                votes.push((at, before, behind));
            }
        }
        // The hole is where the fewest pointers are on the wrong side.
        let mut wrong: usize = votes.iter().map(|(_, before, _)| before).sum();
        let mut best = (wrong, 0);
        for (index, (_, before, behind)) in votes.iter().enumerate() {
            wrong = wrong - before + behind;
            best = best.min((wrong, index + 1));
        }
        let (before, behind) = votes.split_at(best.1);
        if let Some((at, ..)) = before.iter().rev().find(|(_, before, _)| *before > 0) {
            one.offsets.end = at + PAGE;
        }
        if let Some((at, ..)) = behind.iter().find(|(_, _, behind)| *behind > 0) {
            next.offsets.start = *at;
        }
    }
}

/// Whether a pointer at physical `place` to `target` is a link of a doubly linked list: the other one points back.
fn is_linked(
    memory: &dyn Memory,
    known: &[Stretch],
    maps: &Maps,
    width: usize,
    place: u64,
    target: u64,
) -> bool {
    let holds = |stretch: &&Stretch| {
        let Range { start, end } = stretch.offsets;
        (start + stretch.distance..end + stretch.distance).contains(&target)
    };
    let Some(stretch) = known.iter().find(holds) else { return false };
    let mut bytes = [0; 16];
    let Some(bytes) = bytes.get_mut(..2 * width) else { return false };
    if memory.read(PhysicalAddress(target - stretch.distance), bytes).is_err() {
        return false;
    }
    let mut words = bytes
        .chunks_exact(width)
        .map(|word| maps.physical(word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))));
    // The first link of an entry points to the next one, whose second link points back; or the other way round.
    let (next, back) = (words.next(), words.next());
    back == Some(place) || next == place.checked_sub(width as u64)
}

/// The layouts of a file of `size` bytes with these stretches. Where what lies between two of them belongs is not known: it is
/// left out, or all of it belongs to the second one, or to the first.
pub(crate) fn layouts(stretches: &[Stretch], size: u64) -> Vec<Vec<Placed>> {
    let (mut early, mut late) = (stretches.to_vec(), stretches.to_vec());
    for index in 1..stretches.len() {
        let (Some(one), Some(next)) = (stretches.get(index - 1), stretches.get(index)) else { continue };
        if let Some(early) = early.get_mut(index) {
            early.offsets.start = one.offsets.end;
        }
        if let Some(late) = late.get_mut(index - 1) {
            late.offsets.end = next.offsets.start;
        }
    }
    let mut layouts = Vec::new();
    for stretches in [stretches, &early, &late] {
        let parts = parts(stretches, size);
        if !parts.is_empty() && !layouts.contains(&parts) {
            layouts.push(parts);
        }
    }
    layouts
}

/// The layout in which what lies between two stretches is left out; the first begins with the file, and the last ends with it.
fn parts(stretches: &[Stretch], size: u64) -> Vec<Placed> {
    let mut parts: Vec<Placed> = Vec::new();
    for Stretch { distance, offsets } in stretches {
        let Range { start, end } = *offsets;
        match parts.last_mut() {
            Some(last) if last.start - last.offset == *distance => last.length = end - last.offset,
            _ => parts.push(Placed { start: start + distance, length: end - start, offset: start }),
        }
    }
    if let Some(first) = parts.first_mut() {
        let more = first.offset.min(first.start);
        (first.start, first.length, first.offset) =
            (first.start - more, first.length + more, first.offset - more);
    }
    if let Some(last) = parts.last_mut() {
        last.length = size.saturating_sub(last.offset);
    }
    parts.retain(|part| part.length > 0);
    parts
}

#[cfg(test)]
mod tests {
    use image::Pages;

    use super::*;

    fn samples(distance: u64, offsets: Range<u64>) -> impl Iterator<Item = Sample> {
        offsets.step_by(0x4000).map(move |offset| Sample { offset, physical: offset + distance, weight: 1 })
    }

    #[test]
    fn stretches_are_told_apart_in_spite_of_stray_samples() {
        let mut all: Vec<Sample> = samples(0x1000, 0..0x10_0000).collect();
        all.extend(samples(0x20_0000, 0x10_4000..0x40_0000));
        // A copy of a page, and pages that agree on a distance that no order of ranges gives.
        all.extend(samples(0x1000, 0x20_0008..0x20_0009));
        all.extend(samples(0x777_0000, 0x8000..0x2_c000));
        let found: Vec<(u64, Range<u64>)> =
            stretches(&all, 8).into_iter().map(|stretch| (stretch.distance, stretch.offsets)).collect();
        assert_eq!(found, [(0x1000, 0..0xf_d000), (0x20_0000, 0x10_4000..0x3f_d000)]);
    }

    #[test]
    fn one_heavy_sample_is_a_stretch_of_its_own() {
        let mut all: Vec<Sample> = samples(0, 0..0x10_0000).collect();
        all.push(Sample { offset: 0x14_0010, physical: 0x24_0010, weight: 8 });
        all.extend(samples(0x20_0000, 0x20_0000..0x40_0000));
        let parts = parts(&stretches(&all, 8), 0x50_0000);
        let starts: Vec<(u64, u64, u64)> =
            parts.iter().map(|part| (part.start, part.length, part.offset)).collect();
        assert_eq!(
            starts,
            [(0, 0xf_d000, 0), (0x24_0000, 0x1000, 0x14_0000), (0x40_0000, 0x30_0000, 0x20_0000)]
        );
    }

    #[test]
    fn pointers_into_their_own_page_narrow_a_gap() {
        let maps = Maps {
            own: 0..0,
            own_delta: 0,
            linear_delta: 0xffff_8880_0000_0000_u64.wrapping_neg(),
            lowest: 1 << 63,
        };
        let mut pages = Pages::default();
        // The hole of one megabyte is at 0x5000.
        for page in 0..10u64 {
            let physical = if page < 5 { page * PAGE } else { page * PAGE + 0x10_0000 };
            let pointer = 0xffff_8880_0000_0000 + physical + 0x40;
            let pointer = if page == 6 { 0 } else { pointer };
            pages.write(PhysicalAddress(page * PAGE + 8), &pointer.to_le_bytes());
        }
        let mut found = [
            Stretch { distance: 0, offsets: 0..0x1000 },
            Stretch { distance: 0x10_0000, offsets: 0x9000..0xa000 },
        ];
        refine(&pages, &mut found, &maps, 8);
        assert_eq!((found[0].offsets.end, found[1].offsets.start), (0x5000, 0x5000));
        // A list of two entries, one of which is in the gap, in a page without other pointers.
        let link = |physical: u64| (0xffff_8880_0000_0000 + physical).to_le_bytes();
        for page in 2..9 {
            pages.write(PhysicalAddress(page * PAGE), &[0; PAGE as usize]);
        }
        let (one, other) = (0x10_7100, 0x10_9200);
        for at in [0x7100, 0x7108] {
            pages.write(PhysicalAddress(at), &link(other));
        }
        for at in [0x9200, 0x9208] {
            pages.write(PhysicalAddress(at), &link(one));
        }
        let mut found = [
            Stretch { distance: 0, offsets: 0..0x1000 },
            Stretch { distance: 0x10_0000, offsets: 0x9000..0xa000 },
        ];
        refine(&pages, &mut found, &maps, 8);
        assert_eq!((found[0].offsets.end, found[1].offsets.start), (0x2000, 0x7000));
        assert_eq!(layouts(&found, 0xb000).len(), 3);
    }
}
