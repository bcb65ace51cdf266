//! Files of raw memory whose offsets are not physical addresses, because holes between ranges of memory were left out:
//! LiME's `raw` format, a `.vmem` without its state file, ranges that a tool stored one after the other.
//!
//! What the memory says of itself (the kernel's list of ranges, pointers that point to themselves, VMCOREINFO) gives
//! layouts; the profile proves one of them. A layout that is not proved is not used.

use image::{Image, Memory as _, Placed, ScanPlan};
use profile::System;

use crate::raw_layout::ranges::{behind_hole, is_flat};
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
