//! How the ranges of memory lie in a file of raw memory, by what a Linux kernel says of itself.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;
use image::{Memory, Placed, Plan, Window, find, scan};
use profile::Arch;

use super::locate::{Place, Sighting, of_vmcoreinfo, search};
use crate::displaced::layouts_of;
use crate::view::View;
use crate::{Layout, Physical};

/// Flags of `struct resource` (include/linux/ioport.h): memory, and memory that the system uses.
const IORESOURCE_MEM: u64 = 0x200;
const IORESOURCE_SYSRAM: u64 = 0x0100_0000;
/// No machine has more ranges of memory.
const MOST_RANGES: usize = 1 << 12;
/// No more layouts are proposed by one kind of evidence.
const MOST_LAYOUTS: usize = 8;
/// Where the memory begins that no PC leaves to its firmware.
const LOW_MEMORY: u64 = 1 << 20;
const PAGE: u64 = 4096;

/// The layouts that the memory in a file gives evidence of, the best evidence first.
///
/// - The kernel's resources (`iomem_resource`) list the ranges of memory. Each names its parent, by which they are found
///   wherever they lie.
/// - The head of an empty list points to itself. Its address less its place in the file is the same for all of one range.
/// - VMCOREINFO says where the banner is in physical memory; if it is elsewhere in the file, everything from 1 MiB on is
///   displaced by that distance. Below 1 MiB, which holds nothing of the kernel, the place of the bytes is not known then.
pub fn layouts(memory: &dyn Memory, layout: &Layout, plan: &Plan<'_>) -> Vec<Vec<Placed>> {
    let Some(linked) = layout.symbol("linux_banner") else { return Vec::new() };
    let size = memory.runs().iter().map(|run| run.end()).max().unwrap_or(0);
    let kernels = kernels(memory, layout, linked, plan);
    let mut found = Vec::new();
    let ranges = system_memory(memory, layout, &kernels, plan);
    found.extend(layouts_of(&ranges, size));
    found.extend(by_self_pointers(memory, layout, &kernels, size, plan));
    let mut single: Vec<Placed> = kernels.iter().filter_map(|kernel| displaced_by(kernel, size)).collect();
    single.sort_by_key(|placed| placed.start - placed.offset);
    single.dedup();
    single.truncate(MOST_LAYOUTS);
    found.extend(single.into_iter().map(|placed| vec![placed]));
    found
}

/// A copy of the banner in the file, and what VMCOREINFO says of the kernel that it is of.
struct Sighted {
    /// Where in the file the banner is.
    offset: u64,
    /// Where it should be in physical memory.
    address: u64,
    /// How far the kernel was moved in virtual memory.
    shift: u64,
}

fn kernels(memory: &dyn Memory, layout: &Layout, linked: u64, plan: &Plan<'_>) -> Vec<Sighted> {
    let found = search(memory, plan);
    let mut kernels: Vec<Sighted> = Vec::new();
    for (_, sighting) in &found {
        let Sighting::Info(info) = sighting else { continue };
        let Some(Place { delta, shift: Some(shift), .. }) = of_vmcoreinfo(layout, info, "VMCOREINFO") else {
            continue;
        };
        let Some(release) = info.release() else { continue };
        let begins = format!("Linux version {release} ");
        let address = linked.wrapping_add(delta);
        for (offset, sighting) in &found {
            let Sighting::Banner(text) = sighting else { continue };
            let known = kernels.iter().any(|kernel| (kernel.offset, kernel.address) == (*offset, address));
            // Holes that are left out bring everything nearer to the beginning of the file.
            if text.starts_with(&begins) && *offset <= address && !known {
                kernels.push(Sighted { offset: *offset, address, shift });
            }
        }
    }
    // Where the banner is where it should be, other copies of it are copies.
    if kernels.iter().any(|kernel| kernel.offset == kernel.address) {
        kernels.retain(|kernel| kernel.offset == kernel.address);
    }
    kernels.sort_by_key(|kernel| kernel.address - kernel.offset);
    kernels.truncate(MOST_LAYOUTS);
    kernels
}

/// Everything from 1 MiB on at one distance from where it should be.
fn displaced_by(kernel: &Sighted, size: u64) -> Option<Placed> {
    let distance = kernel.address.checked_sub(kernel.offset).filter(|distance| *distance > 0)?;
    let start = distance.max(LOW_MEMORY);
    let offset = start - distance;
    let length = size.checked_sub(offset).filter(|length| *length > 0)?;
    Some(Placed { start, length, offset })
}

/// The ranges of memory that the kernel lists, in order and without overlap.
fn system_memory(
    memory: &dyn Memory,
    layout: &Layout,
    kernels: &[Sighted],
    plan: &Plan<'_>,
) -> Vec<Range<u64>> {
    let (Some(root), Ok(parent)) = (layout.symbol("iomem_resource"), layout.field("resource.parent")) else {
        return Vec::new();
    };
    let width = layout.address_size() as usize;
    let mut shifts: Vec<u64> = kernels.iter().map(|kernel| kernel.shift).collect();
    shifts.sort_unstable();
    shifts.dedup();
    let physical = Physical(memory);
    let view = View { layout, space: &physical };
    for shift in shifts {
        let pointer = root.wrapping_add(shift).to_le_bytes();
        let needle = pointer.get(..width).unwrap_or(&pointer);
        let mut ranges = Vec::new();
        for hit in find(memory, &[needle], MOST_RANGES, plan).found {
            let Some(at) = hit.at.0.checked_sub(parent.offset) else { continue };
            let get = |member: &str| view.get(at, member).ok();
            let (Some(start), Some(last)) = (get("resource.start"), get("resource.end")) else { continue };
            let kinds = IORESOURCE_MEM | IORESOURCE_SYSRAM;
            let is_memory = get("resource.flags").is_some_and(|flags| flags & kinds == kinds);
            if is_memory && start < last && last < 1 << 52 && ranges.len() < MOST_RANGES {
                ranges.push(start..last + 1);
            }
        }
        let ranges = joined(ranges);
        if !ranges.is_empty() {
            return ranges;
        }
    }
    Vec::new()
}

/// Ranges in order; those that touch become one. A copy of one that overlaps another is left out.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start < last.end => {}
            Some(last) if range.start == last.end => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

/// The head of an empty list: where it is in the file, and its address less that.
#[derive(Clone, Copy)]
struct Head {
    offset: u64,
    base: u64,
}

/// No more heads are kept of half a megabyte of memory, nor more of one range than one in so many bytes.
const MOST_HEADS: usize = 128;
const HEADS_APART: u64 = 8 << 10;
/// So many heads have to agree: addresses of the kernel's `vmalloc` space agree within a page only.
const FEWEST_HEADS: usize = 8;
/// No machine leaves more room between ranges of its memory.
const FARTHEST: u64 = 1 << 42;
/// No more steps are looked for.
const MOST_STEPS: usize = 32;

/// Layouts in steps, as the heads of empty lists give them. Where a step is exactly is not known better than by the last
/// head before it and the first one behind it; the pages between them are left out.
fn by_self_pointers(
    memory: &dyn Memory,
    layout: &Layout,
    kernels: &[Sighted],
    size: u64,
    plan: &Plan<'_>,
) -> Vec<Vec<Placed>> {
    if !matches!(layout.arch(), Arch::Amd64 | Arch::Arm64) {
        return Vec::new();
    }
    let Some(first) = kernels.first() else { return Vec::new() };
    let heads = heads(memory, layout, first.shift, plan);
    let stretches = stretches(&heads);
    let mut layouts = Vec::new();
    for kernel in kernels {
        // The stretch that the kernel lies in says how far addresses are from physical ones.
        let near = stretches.iter().min_by_key(|stretch| {
            let (from, to) = (stretch.offsets.start, stretch.offsets.end);
            kernel.offset.checked_sub(to).or(from.checked_sub(kernel.offset)).unwrap_or(0)
        });
        let Some(near) = near else { break };
        let map = near.base.wrapping_sub(kernel.address - kernel.offset);
        let mut parts: Vec<Placed> = Vec::new();
        for stretch in &stretches {
            let distance = stretch.base.wrapping_sub(map);
            let before = parts.last().map_or(0, |last| last.start - last.offset);
            // Holes that are left out make the distance larger and larger.
            if distance < before || distance >= 1 << 46 {
                continue;
            }
            let Range { start, end } = stretch.offsets;
            if parts.last().is_some_and(|last| last.start - last.offset == distance) {
                if let Some(last) = parts.last_mut() {
                    last.length = end - last.offset;
                }
                continue;
            }
            parts.push(Placed { start: start + distance, length: end - start, offset: start });
        }
        // The file begins and ends somewhere in the outer ones.
        if let Some(first) = parts.first_mut() {
            let more = first.offset.min(first.start);
            (first.start, first.length, first.offset) =
                (first.start - more, first.length + more, first.offset - more);
        }
        if let Some(last) = parts.last_mut() {
            last.length = size.saturating_sub(last.offset);
        }
        layouts.push(parts);
    }
    layouts.truncate(MOST_LAYOUTS);
    layouts
}

fn heads(memory: &dyn Memory, layout: &Layout, shift: u64, plan: &Plan<'_>) -> Vec<Head> {
    let symbol = |name: &str| layout.symbol(name).map(|linked| linked.wrapping_add(shift));
    // The kernel's own map is at another distance.
    let own =
        symbol("_text").or_else(|| symbol("_stext")).unwrap_or(u64::MAX)..symbol("_end").unwrap_or(u64::MAX);
    let look = |window: Window<'_>, found: &mut Vec<Head>| {
        let before = found.len();
        let mut last = Head { offset: 0, base: 0 };
        let words = window.bytes.get(..window.own).unwrap_or(window.bytes);
        let skew = (window.start.0.wrapping_neg() % 8) as usize;
        let words = words.get(skew..).unwrap_or_default().chunks_exact(8);
        let mut previous = 0;
        for (index, word) in words.enumerate() {
            let Some(word) = word.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)) else { break };
            let pair = word == previous && word >> 56 == 0xff && word.is_multiple_of(8);
            previous = word;
            if !pair || own.contains(&word) {
                continue;
            }
            let offset = window.start.0 + (skew + 8 * index) as u64 - 8;
            let base = word.wrapping_sub(offset);
            let dense = last.base == base && offset - last.offset < HEADS_APART;
            if !dense && found.len() < before + MOST_HEADS {
                last = Head { offset, base };
                found.push(last);
            }
        }
    };
    scan(memory, plan, look).found
}

/// A stretch of the file in which addresses are at one distance from their places.
struct Stretch {
    base: u64,
    offsets: Range<u64>,
}

/// The stretches that many heads agree on, in the order of the file.
fn stretches(heads: &[Head]) -> Vec<Stretch> {
    let mut counts: HashMap<u64, usize, RandomState> = HashMap::default();
    for head in heads {
        *counts.entry(head.base).or_default() += 1;
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
    bases.truncate(MOST_STEPS);
    // In the order of the places in the middle of each.
    let mut stretches: Vec<(u64, Vec<u64>)> = Vec::new();
    for (_, base) in bases {
        let offsets: Vec<u64> =
            heads.iter().filter(|head| head.base == base).map(|head| head.offset).collect();
        stretches.push((base, offsets));
    }
    stretches.sort_by_key(|(_, offsets)| offsets.get(offsets.len() / 2).copied().unwrap_or(0));
    let mut found: Vec<Stretch> = Vec::new();
    let mut from = 0;
    for (index, (base, offsets)) in stretches.iter().enumerate() {
        let border = match stretches.get(index + 1) {
            Some((_, next)) => border(offsets, next),
            None => u64::MAX,
        };
        let own: Vec<u64> = offsets.iter().copied().filter(|at| (from..border).contains(at)).collect();
        from = border;
        if let (Some(first), Some(last)) = (own.first(), own.last()) {
            // Whole pages of memory, which may lie anywhere in the file.
            let page = |offset: u64| offset.wrapping_add(*base) & (PAGE - 1);
            let offsets = first.saturating_sub(page(*first))..last + PAGE - page(*last);
            found.push(Stretch { base: *base, offsets });
        }
    }
    found
}

/// Where one stretch ends and the next begins: the place that has the fewest heads on the wrong side. Both are in order.
fn border(one: &[u64], next: &[u64]) -> u64 {
    let mut best = (usize::MAX, 0);
    for (index, at) in next.iter().enumerate() {
        let behind = one.len() - one.partition_point(|other| other < at);
        // Those of the next stretch that lie before it are `index`.
        best = best.min((behind + index, *at));
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_told_apart_in_spite_of_stray_heads() {
        let heads =
            |base: u64, offsets: Range<u64>| offsets.step_by(0x4000).map(move |offset| Head { offset, base });
        let mut all: Vec<Head> = heads(0x1000, 0..0x10_0000).collect();
        all.extend(heads(0x20_0000, 0x10_4000..0x40_0000));
        // A copy of a page, and an address of another map.
        all.push(Head { offset: 0x20_0008, base: 0x1000 });
        all.push(Head { offset: 0x8_0008, base: 0x777_0000 });
        // Lists of one entry, at one distance from their heads.
        all.extend(heads(0x20_0020, 0x11_0000..0x13_8000));
        // The array of pages, which is mapped elsewhere.
        all.extend(heads(0x5d00_0000_0000_0000, 0x24_0000..0x28_0000));
        all.sort_by_key(|head| head.offset);
        let found: Vec<(u64, Range<u64>)> =
            stretches(&all).into_iter().map(|stretch| (stretch.base, stretch.offsets)).collect();
        assert_eq!(found, [(0x1000, 0..0xf_d000), (0x20_0000, 0x10_4000..0x3f_d000)]);
    }

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(joined(vec![5..9, 1..3, 3..4, 6..7]), [1..4, 5..9]);
    }
}
