//! Memory images that need more than a signature.

use crate::look::Look;
use crate::{FileKind, Identified};

/// Blocks of a hibernation file begin with this (Windows 2000 to 7).
const XPRESS: &[u8] = b"\x81\x81xpress";

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    crash_dump(look)
        .or_else(|| ewf(look))
        .or_else(|| hibernation(look))
        .or_else(|| vmware(look))
        .map(Into::into)
}

fn crash_dump(look: &Look<'_>) -> Option<FileKind> {
    /// The value of the header's dump type for a dump without memory.
    const TRIAGE: u32 = 4;
    let (whole, kind) = if look.begins(b"PAGEDU64") {
        (FileKind::CrashDump64, 0xf98)
    } else if look.begins(b"PAGEDUMP") {
        (FileKind::CrashDump32, 0xf88)
    } else {
        return None;
    };
    Some(if look.little().u32(kind) == Some(TRIAGE) { FileKind::TriageDump } else { whole })
}

/// The first file of an image is number one.
fn ewf(look: &Look<'_>) -> Option<FileKind> {
    let first = look.little().u16(9).is_none_or(|number| number == 1);
    look.begins(b"EVF\x09\x0d\x0a\xff\0").then_some(if first { FileKind::Ewf } else { FileKind::EwfPart })
}

/// The header `PO_MEMORY_IMAGE` begins with the state of the image. The state or the whole header may be zeroed after
/// the machine has resumed.
fn hibernation(look: &Look<'_>) -> Option<FileKind> {
    // The rest of the header excludes texts and memory that begin with the same bytes: the upper half of the version
    // is zero.
    let header = look.has(6, &[0, 0]) || look.head().len() < 8;
    if header && (look.begins(b"hibr") || look.begins(b"HIBR")) {
        return Some(FileKind::Hibernation);
    }
    if header && [&b"wake"[..], b"WAKE", b"rstr", b"RSTR"].iter().any(|state| look.begins(state)) {
        return Some(FileKind::HibernationResumed);
    }
    let head = look.head();
    let zeroed = head.len() >= 4096 && head.iter().take(4096).all(|byte| *byte == 0);
    let packed = || (1..16).any(|page| look.has(page * 4096, XPRESS));
    (zeroed && packed()).then_some(FileKind::HibernationZeroed)
}

/// A state file begins with one of a few magic numbers, whose lowest four bits are the version.
fn vmware(look: &Look<'_>) -> Option<FileKind> {
    let fields = look.little();
    let magic = matches!(
        fields.u32(0)?,
        0xbed0_bed0 | 0xbed2_bed2 | 0xbed3_bed3 | 0xbad1_bad1 | 0xbad2_bad2 | 0xbed2_bed0
    );
    magic.then_some(FileKind::VmwareState)
}
