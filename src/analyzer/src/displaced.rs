//! Files of raw memory whose offsets are not physical addresses, because holes between ranges of memory were left out:
//! LiME's `raw` format, a `.vmem` without its state file, ranges that a tool stored one after the other.
//!
//! What the memory says of itself (the kernel's list of ranges, pointers that point to themselves, VMCOREINFO) gives
//! layouts; the profile proves one of them. A layout that is not proved is not used.

use std::ops::Range;

use image::{Image, Memory as _, Placed, ScanPlan};
use profile::System;

use crate::table::Group;
use crate::{
    Check, CheckOutcome, Error, Guest, Layout, Scope, Validation, Verdict, linux, validate, windows,
};

/// An image whose bytes were put where they belong.
#[derive(Debug)]
pub struct Relocated {
    /// The image, by physical addresses.
    pub image: Image,
    /// Where its parts lie in the file.
    pub parts: Vec<Placed>,
}

/// No more layouts are tried: each costs a search for the kernel.
const MOST_LAYOUTS: usize = 16;
/// Where PCs begin to keep addresses below 4 GiB for devices, if they have more memory: VMware, QEMU's older and newer
/// machine, and others.
const DEVICE_HOLES: [u64; 6] = [0xc000_0000, 0xe000_0000, 0x8000_0000, 0xb000_0000, 0xd000_0000, 0xa000_0000];
/// Where memory goes on behind that hole.
const FOUR_GIB: u64 = 1 << 32;

/// Finds out where the bytes of a raw image belong, or of one whose headers contradict each other. Returns `None` if the image fits the profile as it is, and if no other
/// layout is proved to be right by the profile.
pub fn relocate(image: &Image, layout: &Layout, plan: &ScanPlan<'_>) -> Option<Relocated> {
    if !is_in_doubt(image) {
        return None;
    }
    let layouts = match image.is_flat() {
        true => layouts(image, layout, plan)?,
        false => image.other_layouts().to_vec(),
    };
    let mut tried: Vec<Vec<Placed>> = Vec::new();
    let mut best = None;
    let mut most = proof(image, layout, plan).unwrap_or(0);
    for parts in layouts {
        if tried.len() == MOST_LAYOUTS {
            break;
        }
        if tried.contains(&parts) || image.is_flat() && is_flat(&parts) {
            continue;
        }
        tried.push(parts.clone());
        let Ok(image) = image.laid_out_by_evidence(&parts) else { continue };
        if let Some(passed) = proof(&image, layout, plan)
            && passed > most
        {
            most = passed;
            best = Some(Relocated { image, parts });
        }
    }
    best.map(|best| if image.is_flat() { fill(image, best, layout, most, plan) } else { best })
}

/// Whether the bytes of a file may belong elsewhere than where they are: nothing says where, or headers contradict each other.
fn is_in_doubt(image: &Image) -> bool {
    image.is_flat() || !image.other_layouts().is_empty()
}

/// The layouts that the memory in a file gives evidence of.
fn layouts(image: &Image, layout: &Layout, plan: &ScanPlan<'_>) -> Option<Vec<Vec<Placed>>> {
    let size = image.runs().iter().map(|run| run.end()).max()?;
    let mut layouts = match layout.system() {
        System::Linux => linux::layouts(image, layout, plan),
        System::Windows => windows::layouts(image, layout, plan),
        _ => Vec::new(),
    };
    layouts.extend(DEVICE_HOLES.iter().filter_map(|low| behind_hole(*low, size)));
    Some(layouts)
}

/// No more gaps are filled.
const MOST_GAPS: usize = 16;

/// Gives what lies between two parts, whose place is not known, to one of them, where more of the profile is proved so.
fn fill(
    image: &Image,
    mut best: Relocated,
    layout: &Layout,
    mut most: usize,
    plan: &ScanPlan<'_>,
) -> Relocated {
    for index in 1..best.parts.len().min(MOST_GAPS) {
        for early in [true, false] {
            let mut parts = best.parts.clone();
            let Some([one, next]) = parts.get_mut(index - 1..=index) else { continue };
            let Some(gap) = next.offset.checked_sub(one.offset + one.length).filter(|gap| *gap > 0) else {
                continue;
            };
            if early {
                let Some(start) = next.start.checked_sub(gap) else { continue };
                (next.start, next.length, next.offset) = (start, next.length + gap, next.offset - gap);
            } else {
                one.length += gap;
            }
            let Ok(image) = image.laid_out_by_evidence(&parts) else { continue };
            if let Some(passed) = proof(&image, layout, plan)
                && passed > most
            {
                most = passed;
                best = Relocated { image, parts };
            }
        }
    }
    best
}

/// The result of [`prove`].
#[derive(Debug)]
pub struct Proof {
    /// The checks and the verdict.
    pub validation: Validation,
    /// The image by other addresses, if only so the profile was proved: the file leaves out holes.
    pub relocated: Option<Relocated>,
}

/// Proves a profile on an image as [`validate`] does. If a file of raw memory does not prove it, looks for a layout of the
/// file that does. A mismatch in a file whose layout is in doubt is inconclusive: symbols are not to be blamed for what the
/// file leaves out.
///
/// # Errors
/// As [`validate`].
pub fn prove(image: &Image, layout: &Layout, scope: Scope, plan: &ScanPlan<'_>) -> Result<Proof, Error> {
    let validation = validate(image, layout, scope, plan)?;
    if image.hints().worked_out_layout {
        return Ok(Proof { validation: unless_worked_out(validation), relocated: None });
    }
    // Without a kernel that was found, only records name the build.
    let proved = validation.verdict == Verdict::Match && !validation.facts.is_empty();
    if proved || !is_in_doubt(image) || names_another(&validation) {
        return Ok(Proof { validation, relocated: None });
    }
    if let Some(found) = relocate(image, layout, plan) {
        let validation = validate(&found.image, layout, scope, plan)?;
        return Ok(Proof { validation: unless_worked_out(validation), relocated: Some(found) });
    }
    if !image.is_flat() {
        let validation = match validation.verdict {
            Verdict::Mismatch => inconclusive(validation, "the headers of the file contradict each other"),
            _ => validation,
        };
        return Ok(Proof { validation, relocated: None });
    }
    let doubt = if validation.verdict == Verdict::Mismatch { doubt(image, layout, plan) } else { None };
    let validation = match doubt {
        Some(doubt) => inconclusive(
            validation,
            &format!(
                "file offsets are not physical addresses: {doubt}; no layout was found that fits: name one with --layout"
            ),
        ),
        None => validation,
    };
    Ok(Proof { validation, relocated: None })
}

/// Whether a record in the image names another build than the profile.
fn names_another(validation: &Validation) -> bool {
    let named = |check: &Check| check.group == Group::Identity && check.outcome == CheckOutcome::Failed;
    validation.verdict == Verdict::Mismatch && validation.checks.iter().any(named)
}

/// What is judged by a layout that was worked out: what lies at the borders of its parts may belong elsewhere.
fn unless_worked_out(validation: Validation) -> Validation {
    if validation.verdict != Verdict::Mismatch || names_another(&validation) {
        return validation;
    }
    inconclusive(
        validation,
        "file offsets are not physical addresses, and what lies at the borders of the parts of the layout that was found may \
         belong elsewhere: name the layout with --layout",
    )
}

fn inconclusive(mut validation: Validation, reason: &str) -> Validation {
    validation.verdict = Verdict::Inconclusive;
    validation.suspects.clear();
    validation.reason = format!("{}; but {reason}", validation.reason);
    validation
}

/// What shows that the places in a file of raw memory are not physical addresses, in words.
fn doubt(image: &Image, layout: &Layout, plan: &ScanPlan<'_>) -> Option<String> {
    if image.hints().unknown_layout {
        return Some(
            "this is a .vmem of more than 3 GiB without its .vmss or .vmsn file, which says where its parts belong".to_owned(),
        );
    }
    match layout.system() {
        System::Linux => linux::doubt(image, layout, plan),
        System::Windows => windows::doubt(image, layout, plan),
        _ => None,
    }
}

/// How many checks passed, if the profile is a match for the image.
fn proof(image: &Image, layout: &Layout, plan: &ScanPlan<'_>) -> Option<usize> {
    // This is cheaper than all checks.
    Guest::find(image, layout, plan).ok()?;
    let validation = validate(image, layout, Scope::Quick, plan).ok()?;
    let passed = validation.checks.iter().filter(|check| check.outcome == CheckOutcome::Passed).count();
    (validation.verdict == Verdict::Match).then_some(passed)
}

/// Memory up to `low`, and the rest from 4 GiB on.
fn behind_hole(low: u64, size: u64) -> Option<Vec<Placed>> {
    let rest = size.checked_sub(low).filter(|rest| *rest > 0 && (1..FOUR_GIB).contains(&low))?;
    Some(vec![
        Placed { start: 0, length: low, offset: 0 },
        Placed { start: FOUR_GIB, length: rest, offset: low },
    ])
}

fn is_flat(parts: &[Placed]) -> bool {
    parts.iter().all(|part| part.start == part.offset)
}

/// How `size` bytes of memory may lie in a file, if the machine has memory in these ranges, which rise and do not overlap:
/// the ranges one behind the other; the same with everything below 1 MiB; or everything but the hole below 4 GiB. The layout
/// whose size is nearest to that of the file comes first.
pub(crate) fn layouts_of(ranges: &[Range<u64>], size: u64) -> Vec<Vec<Placed>> {
    let mut layouts = Vec::new();
    let mut add = |ranges: &[Range<u64>]| {
        let sum = ranges.iter().fold(0u64, |sum, range| sum.saturating_add(range.end - range.start));
        let (missing, more) = (sum.saturating_sub(size), size.saturating_sub(sum));
        if missing > MOST_MISSING || more > MOST_MORE || ranges.is_empty() {
            return;
        }
        let mut parts: Vec<Placed> = Vec::new();
        let mut offset = 0;
        for range in ranges {
            let length = (range.end - range.start).min(size - offset);
            if length == 0 {
                break;
            }
            parts.push(Placed { start: range.start, length, offset });
            offset += length;
        }
        if let Some(last) = parts.last_mut() {
            last.length += size - offset;
        }
        layouts.push((missing + more, parts));
    };
    add(ranges);
    let high = ranges.iter().filter(|range| range.start >= LOW_MEMORY).cloned();
    let with_low: Vec<Range<u64>> = std::iter::once(0..LOW_MEMORY).chain(high).collect();
    add(&with_low);
    // Which size of the lower part makes the whole as large as it is.
    let top = ranges.last().map_or(0, |range| range.end);
    if let Some(above) = top.checked_sub(FOUR_GIB).filter(|above| *above > 0)
        && let Some(low) = size.checked_sub(above)
        && ranges.iter().all(|range| range.start >= FOUR_GIB || range.end <= low)
    {
        layouts.extend(behind_hole(low, size).map(|parts| (0, parts)));
    }
    layouts.sort_by_key(|(difference, _)| *difference);
    layouts.into_iter().map(|(_, parts)| parts).collect()
}

/// How much of the memory may not be in the file: a tool may leave out pages that it cannot read.
const MOST_MISSING: u64 = 64 << 10;
/// How much more the file may hold: firmware keeps the end of the memory for itself, and a tool may store it as well.
const MOST_MORE: u64 = 64 << 20;
/// Where the memory begins that no PC leaves to its firmware.
const LOW_MEMORY: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn placed(parts: &[Placed]) -> Vec<(u64, u64, u64)> {
        parts.iter().map(|part| (part.start, part.length, part.offset)).collect()
    }

    #[test]
    fn ranges_lie_one_behind_the_other() {
        let ranges = [0x1000..0x9_fc00, MIB..64 * MIB, 4096 * MIB..4100 * MIB];
        let size = 0x9_ec00 + 63 * MIB + 4 * MIB;
        let layouts = layouts_of(&ranges, size);
        assert_eq!(
            placed(&layouts[0]),
            [(0x1000, 0x9_ec00, 0), (MIB, 63 * MIB, 0x9_ec00), (4096 * MIB, 4 * MIB, 0x9_ec00 + 63 * MIB)]
        );
        // With all of the first megabyte.
        let layouts = layouts_of(&ranges, 68 * MIB);
        assert_eq!(placed(&layouts[0])[0], (0, MIB, 0));
    }

    #[test]
    fn the_size_tells_where_the_hole_for_devices_begins() {
        // VMware with 4 GiB; tables of the firmware lie at the end of the lower part.
        let ranges = [0x1000..0x9_fc00, MIB..0xbfed_0000, FOUR_GIB..5 * 1024 * MIB];
        let layouts = layouts_of(&ranges, 4096 * MIB);
        let whole = [(0, 0xc000_0000, 0), (FOUR_GIB, 1024 * MIB, 0xc000_0000)];
        assert_eq!(placed(&layouts[0]), whole);
        // A file that is as long as the memory reaches has no hole that was left out.
        assert!(layouts_of(&ranges, 5 * 1024 * MIB).iter().all(|parts| is_flat(parts)));
    }
}
