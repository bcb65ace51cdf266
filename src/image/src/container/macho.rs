//! Mach-O cores whose segments are physical memory, as the Mac memory readers write them (Mach-O, `loader.h`): a
//! segment's address is the physical one.

use std::sync::Arc;

use profile::Arch;

use crate::Error;
use crate::bytes::Bytes;
use crate::container::{Container, Parts};
use crate::fields::Fields;
use crate::segments::Segment;

const MAGIC_32: u32 = 0xfeed_face;
const MAGIC_64: u32 = 0xfeed_facf;
const MH_CORE: u32 = 4;
const LC_SEGMENT: u32 = 1;
const LC_SEGMENT_64: u32 = 0x19;
/// Commands beyond are not read: half a million segments have room in it.
const LONGEST_COMMANDS: u32 = 64 << 20;
/// No machine has physical memory beyond 52 bits; what lies there is virtual.
const PHYSICAL: u64 = 1 << 52;

/// Whether `start` begins a Mach-O file, and with which width and order of bytes.
pub(crate) fn recognise(start: &[u8]) -> Option<(bool, bool)> {
    for big_endian in [false, true] {
        match Fields::of_endian(start, big_endian).u32(0)? {
            MAGIC_32 => return Some((false, big_endian)),
            MAGIC_64 => return Some((true, big_endian)),
            _ => {}
        }
    }
    None
}

pub(crate) fn open(
    bytes: Arc<dyn Bytes>,
    start: &[u8],
    wide: bool,
    big_endian: bool,
) -> Result<Parts, Error> {
    let container = Container::MachCore;
    let malformed = |offset, expected, found| Error::Malformed { container, offset, expected, found };
    let fields = Fields::of_endian(start, big_endian);
    let (Some(cpu), Some(kind), Some(count), Some(size)) =
        (fields.u32(4), fields.u32(12), fields.u32(16), fields.u32(20))
    else {
        return Err(malformed(0, "a Mach-O header", format!("{} bytes", start.len())));
    };
    if kind != MH_CORE {
        return Err(Error::Foreign {
            found: "a Mach-O file that is no core".to_owned(),
            advice: "parse_dwarf makes a profile of a kernel's debug file",
        });
    }
    let first = if wide { 32 } else { 28 };
    let commands =
        bytes.up_to(first, size.min(LONGEST_COMMANDS) as usize).map_err(Error::reading(container))?;
    let mut parts = Parts::new(container, bytes);
    parts.hints.arch = match cpu {
        7 => Some(Arch::I386),
        0x0100_0007 => Some(Arch::Amd64),
        0x0100_000c => Some(Arch::Arm64),
        18 => Some(Arch::Ppc),
        _ => None,
    };
    let mut at = 0;
    for done in 0..count {
        let command = commands.get(at..).map(|rest| Fields::of_endian(rest, big_endian));
        let head = command.and_then(|command| Some((command, command.u32(0)?, command.u32(4)?)));
        let Some((command, kind, length)) = head.filter(|(.., length)| *length >= 8) else {
            parts.report.lose_many("missing load command", (count - done).into(), || {
                format!("the commands end after {done} of {count}")
            });
            break;
        };
        let segment = match kind {
            LC_SEGMENT_64 => segment(command, 24, true),
            LC_SEGMENT => segment(command, 24, false),
            _ => None,
        };
        parts.segments.extend(segment.filter(|segment| segment.length > 0));
        at = at.saturating_add(length as usize);
    }
    if parts.segments.is_empty() {
        return Err(malformed(
            first,
            "segments that hold memory",
            format!("none among {count} load commands"),
        ));
    }
    if parts.segments.iter().any(|segment| segment.start >= PHYSICAL) {
        return Err(Error::Foreign {
            found: "a core of virtual memory, as a kernel debugger writes it".to_owned(),
            advice: "physical memory is needed: a raw image, or what a memory reader writes",
        });
    }
    Ok(parts)
}

/// Address, size in memory, offset and size in the file, from `at` on.
fn segment(command: Fields, at: usize, wide: bool) -> Option<Segment> {
    let width = if wide { 8 } else { 4 };
    let word = |index: usize| command.word(at + index * width, wide);
    Some(Segment { start: word(0)?, offset: word(2)?, length: word(3)?.min(word(1)?) })
}
