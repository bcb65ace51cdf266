//! How the ranges of memory lie in a file of raw memory, by what a Linux kernel says of itself.

mod heads;

use std::ops::Range;

use image::{Memory, PhysicalAddress, Placed, ScanPlan, find};
use profile::Arch;

use super::carried::delta_of;
use super::locate::{Place, Sighting, is_in_place, of_vmcoreinfo, search};
use super::{START_KERNEL_MAP, UPPER_HALF, VmCoreInfo};
use crate::raw_layout::ranges::layouts_of;
use crate::raw_layout::steps::{self, FARTHEST, Maps, Sample, refine, stretches};
use crate::typed_memory::TypedMemory;
use crate::{Layout, Physical};
use heads::{FEWEST_HEADS, Heads, Wanted, bases, heads};

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
/// - The head of an empty list points to itself. Its address less its place in the file is the same for all of one range,
///   in the map of all memory and in the kernel's own image.
/// - VMCOREINFO says where the banner is in physical memory; if it is elsewhere in the file, everything from 1 MiB on is
///   displaced by that distance. The first MiB has no part of the kernel, so the place of its bytes is then unknown.
pub fn layouts(memory: &dyn Memory, layout: &Layout, plan: &ScanPlan<'_>) -> Vec<Vec<Placed>> {
    let Some(linked) = layout.symbol("linux_banner") else { return Vec::new() };
    let size = memory.runs().iter().map(|run| run.end()).max().unwrap_or(0);
    let kernels = kernels(memory, layout, linked, plan);
    let mut found = Vec::new();
    let ranges = system_memory(memory, layout, &kernels, plan);
    found.extend(layouts_of(&ranges, size));
    found.extend(by_heads(memory, layout, &kernels, size, plan));
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
    /// What it says of itself.
    info: VmCoreInfo,
}

fn kernels(memory: &dyn Memory, layout: &Layout, linked: u64, plan: &ScanPlan<'_>) -> Vec<Sighted> {
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
                let info = (**info).clone();
                kernels.push(Sighted { offset: *offset, address, shift, info });
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
    plan: &ScanPlan<'_>,
) -> Vec<Range<u64>> {
    let (Some(root), Ok(parent)) = (layout.symbol("iomem_resource"), layout.field("resource.parent")) else {
        return Vec::new();
    };
    let width = layout.address_size() as usize;
    let mut shifts: Vec<u64> = kernels.iter().map(|kernel| kernel.shift).collect();
    shifts.sort_unstable();
    shifts.dedup();
    let physical = Physical(memory);
    let view = TypedMemory { layout, space: &physical };
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

/// Layouts in steps, as the heads of empty lists give them, and the kernel's banner and types. Where a step is exactly is
/// not known better than by the last pointer before it and the first one behind it; the pages between them are left out.
fn by_heads(
    memory: &dyn Memory,
    layout: &Layout,
    kernels: &[Sighted],
    size: u64,
    plan: &ScanPlan<'_>,
) -> Vec<Vec<Placed>> {
    let mut layouts: Vec<Vec<Placed>> = Vec::new();
    let mut known: Option<(u64, Heads)> = None;
    for kernel in kernels {
        let symbol = |name: &str| Some(layout.symbol(name)?.wrapping_add(kernel.shift));
        let (Some(banner), Some(start), Some(end)) =
            (symbol("linux_banner"), symbol("_text").or_else(|| symbol("_stext")), symbol("_end"))
        else {
            continue;
        };
        let Some(wanted) = wanted(layout.arch(), start..end) else { continue };
        let (width, lowest) = (wanted.width, wanted.lowest);
        if known.as_ref().is_none_or(|(shift, _)| *shift != kernel.shift) {
            known = Some((kernel.shift, heads(memory, &wanted, plan)));
        }
        let Some((_, heads)) = &known else { continue };
        let own_delta = kernel.address.wrapping_sub(banner);
        let types = symbol("__start_BTF").zip(symbol("__stop_BTF"));
        let marks = marks(memory, kernel, types.map(|(from, to)| from..to), own_delta, plan);
        for linear_delta in linear_deltas(memory, layout, kernel, heads, own_delta) {
            let maps = Maps { own: start..end, own_delta, linear_delta, lowest };
            let all = heads.linear.iter().chain(&heads.own);
            let samples = all.map(|head| Sample {
                offset: head.offset,
                physical: maps.physical(head.address),
                weight: 1,
            });
            let samples: Vec<Sample> = samples.chain(marks.iter().copied()).collect();
            let mut stretches = stretches(&samples, FEWEST_HEADS);
            refine(memory, &mut stretches, &maps, width);
            for parts in steps::layouts(&stretches, size) {
                if !layouts.contains(&parts) {
                    layouts.push(parts);
                }
            }
        }
    }
    layouts.truncate(MOST_LAYOUTS);
    layouts
}

/// What heads are looked for in the memory of a processor. `own` is the kernel's image.
fn wanted(arch: Arch, own: Range<u64>) -> Option<Wanted> {
    match arch {
        Arch::Amd64 | Arch::Arm64 => Some(Wanted { width: 8, own, lowest: UPPER_HALF }),
        // Below this, programs have their addresses, however the space is split.
        Arch::I386 => Some(Wanted { width: 4, own, lowest: 0x4000_0000 }),
        _ => None,
    }
}

/// Places whose physical addresses are known for certain: of the banner and, if all of it is there in one piece, of the
/// description of types.
fn marks(
    memory: &dyn Memory,
    kernel: &Sighted,
    types: Option<Range<u64>>,
    own_delta: u64,
    plan: &ScanPlan<'_>,
) -> Vec<Sample> {
    let weight = FEWEST_HEADS;
    let mut marks = vec![Sample { offset: kernel.offset, physical: kernel.address, weight }];
    let Some(types) = types.filter(|types| types.start < types.end) else { return marks };
    let length = types.end - types.start;
    for hit in find(memory, &[BTF], MOST_LAYOUTS, plan).found {
        if is_whole(memory, hit.at.0, length) {
            let physical = types.start.wrapping_add(own_delta);
            let all = (0..length).step_by(STEP_IN_TYPES).chain([length - 1]);
            marks.extend(all.map(|at| Sample { offset: hit.at.0 + at, physical: physical + at, weight: 1 }));
            break;
        }
    }
    marks
}

/// The beginning of BTF: its magic number, its version, no flags.
const BTF: &[u8] = &[0x9f, 0xeb, 1, 0];
const STEP_IN_TYPES: usize = 16 << 10;

/// Whether the BTF at this place has this length, and its strings begin and end as they have to.
fn is_whole(memory: &dyn Memory, at: u64, length: u64) -> bool {
    let mut header = [0; 24];
    if memory.read(PhysicalAddress(at), &mut header).is_err() {
        return false;
    }
    let [_, before, _, _, strings, string_length] = *header.as_chunks::<4>().0 else { return false };
    let number = |bytes: [u8; 4]| u64::from(u32::from_le_bytes(bytes));
    let strings = number(before) + number(strings);
    let end = strings + number(string_length);
    let is_zero = |offset: u64| {
        let mut byte = [1];
        memory.read(PhysicalAddress(at + offset), &mut byte).is_ok() && byte == [0]
    };
    end <= length && length < end + PAGE && strings < end && is_zero(strings) && is_zero(end - 1)
}

/// The alignment of the map of all memory on x86-64, with and without KASLR.
const MAP_ALIGNMENT: u64 = 1 << 30;

/// What has to be added to addresses in the map of all memory to give physical ones, likely ones first.
fn linear_deltas(
    memory: &dyn Memory,
    layout: &Layout,
    kernel: &Sighted,
    heads: &Heads,
    own_delta: u64,
) -> Vec<u64> {
    let bases = bases(&heads.linear);
    let mut found: Vec<u64> = Vec::new();
    let mut add = |delta: u64| {
        if !found.contains(&delta) {
            found.push(delta);
        }
    };
    match layout.arch() {
        Arch::Amd64 => {
            // The kernel stores the beginning of the map, if that was chosen at random.
            if let Some(linked) = layout.symbol("page_offset_base") {
                let physical = linked.wrapping_add(kernel.shift).wrapping_add(own_delta);
                let own = heads
                    .own
                    .iter()
                    .map(|head| head.address.wrapping_add(own_delta).wrapping_sub(head.offset));
                let mut distances: Vec<u64> = own.filter(|distance| *distance < FARTHEST).collect();
                distances.sort_unstable();
                distances.dedup();
                for distance in distances {
                    let mut bytes = [0; 8];
                    let at = PhysicalAddress(physical.wrapping_sub(distance));
                    let start = memory.read(at, &mut bytes).map(|()| u64::from_le_bytes(bytes));
                    if let Ok(start) = start
                        && (UPPER_HALF..START_KERNEL_MAP).contains(&start)
                        && start.is_multiple_of(MAP_ALIGNMENT)
                    {
                        add(start.wrapping_neg());
                    }
                }
            }
            // The file begins with low memory, which is less displaced than the alignment.
            if let Some(lowest) = bases.iter().min() {
                add((lowest & !(MAP_ALIGNMENT - 1)).wrapping_neg());
            }
        }
        Arch::Arm64 => {
            let number = |name: &str| kernel.info.number(name);
            if let (Some(memory_start), Some(bits)) = (number("PHYS_OFFSET"), number("VA_BITS")) {
                // Since 5.4 the map is in the lower half of the kernel's space, before in the upper one.
                for bits in [bits.clamp(1, 63), bits.clamp(2, 64) - 1] {
                    add(memory_start.wrapping_sub((1_u64 << bits).wrapping_neg()));
                }
            }
        }
        // The kernel's image is in that map.
        _ => add(own_delta),
    }
    // The part of the file that the banner is in is as far displaced as the banner.
    let near = heads.linear.iter().filter(|head| bases.contains(&head.address.wrapping_sub(head.offset)));
    let near = near.min_by_key(|head| head.offset.abs_diff(kernel.offset));
    if let Some(near) = near {
        let distance = kernel.address - kernel.offset;
        add((near.offset + distance).wrapping_sub(near.address));
    }
    found.truncate(MOST_DELTAS);
    found
}

/// No more relations between virtual and physical addresses are tried for one kernel.
const MOST_DELTAS: usize = 4;

/// Whether the memory itself shows that the places in its file are not physical addresses: the reason in words. Nothing of
/// the profile decides this but the processor and the symbol of the list of ranges.
pub fn doubt(memory: &dyn Memory, layout: &Layout, plan: &ScanPlan<'_>) -> Option<String> {
    let size = memory.runs().iter().map(|run| run.end()).max().unwrap_or(0);
    // On x86-64 the kernel's image is the first thing in its half gigabyte or gigabyte; modules follow.
    let own = if layout.arch() == Arch::Amd64 { START_KERNEL_MAP..0xffff_ffff_c000_0000 } else { 0..0 };
    let heads = heads(memory, &wanted(layout.arch(), own)?, plan);
    for (heads, what) in [(&heads.linear, "its map of all memory"), (&heads.own, "its own image")] {
        let bases = bases(heads);
        let first = bases.first().copied().unwrap_or(0);
        let steps = bases.iter().filter(|base| base.abs_diff(first).is_multiple_of(PAGE)).count();
        if steps > 1 {
            return Some(format!(
                "the kernel's addresses in {what} are at {steps} different distances from their places in the file"
            ));
        }
    }
    for (at, sighting) in search(memory, plan) {
        let Sighting::Info(info) = sighting else { continue };
        let misplaced = delta_of(&info).and_then(|delta| is_in_place(memory, &info, delta)) == Some(false);
        if misplaced {
            return Some(format!(
                "VMCOREINFO at {at:#x} of the file says where the kernel's name is, and it is not at that place of the file"
            ));
        }
    }
    let kernels = layout.symbol("linux_banner").map(|linked| kernels(memory, layout, linked, plan));
    let ranges = system_memory(memory, layout, &kernels.unwrap_or_default(), plan);
    let end = ranges.last().map_or(0, |range| range.end);
    (end > size.saturating_add(MOST_LEFT_OUT)).then(|| {
        format!(
            "the kernel lists memory up to {end:#x}, and the file ends at {size:#x}: it was cut off, or holes between \
             ranges of memory were left out"
        )
    })
}

/// How much of the end of memory a tool may leave out without a word.
const MOST_LEFT_OUT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(joined(vec![5..9, 1..3, 3..4, 6..7]), [1..4, 5..9]);
    }
}
