//! Mach-O cores whose segments are physical memory, as memory readers for Macs write them (Mach-O, `loader.h`): the
//! address of a segment is the physical one.

use std::sync::Arc;

use formats::{FileKind, identify};
use object::macho::{self, LoadCommand, MachHeader32, MachHeader64, SegmentCommand32, SegmentCommand64};
use object::read::macho::MachHeader;
use object::{Endianness, pod};
use profile::Arch;

use crate::Error;
use crate::bytes::Bytes;
use crate::container::{Container, Looked, Parts};
use crate::segments::Segment;

/// Further commands are not read; half a million segments fit.
const LONGEST_COMMANDS: u32 = 64 << 20;
/// Machines have no physical memory beyond 52 bits; higher addresses are virtual.
const PHYSICAL: u64 = 1 << 52;
/// The smallest valid size of a load command: that of its own two fields.
const SMALLEST_COMMAND: u32 = size_of::<LoadCommand<Endianness>>() as u32;

/// Whether `start` begins a Mach-O file, with its width and byte order.
pub(crate) fn recognise(start: &[u8]) -> Option<(bool, Endianness)> {
    let magic = *start.first_chunk()?;
    [(u32::from_le_bytes(magic), Endianness::Little), (u32::from_be_bytes(magic), Endianness::Big)]
        .into_iter()
        .find_map(|(magic, endian)| match magic {
            macho::MH_MAGIC => Some((false, endian)),
            macho::MH_MAGIC_64 => Some((true, endian)),
            _ => None,
        })
}

pub(crate) fn open(
    bytes: Arc<dyn Bytes>,
    start: &[u8],
    wide: bool,
    endian: Endianness,
) -> Result<Parts, Error> {
    match wide {
        true => open_as::<MachHeader64<Endianness>>(bytes, start, endian),
        false => open_as::<MachHeader32<Endianness>>(bytes, start, endian),
    }
}

fn open_as<Mach: MachHeader<Endian = Endianness>>(
    bytes: Arc<dyn Bytes>,
    start: &[u8],
    endian: Endianness,
) -> Result<Parts, Error> {
    let container = Container::MachCore;
    let malformed = |offset, expected, found| Error::Malformed { container, offset, expected, found };
    let Ok((header, _)) = pod::from_bytes::<Mach>(start) else {
        return Err(malformed(0, "a Mach-O header", format!("{} bytes", start.len())));
    };
    if header.filetype(endian) != macho::MH_CORE {
        return Err(Error::wrong_kind(identify(&Looked(&bytes), None)));
    }
    let first = size_of::<Mach>() as u64;
    let length = header.sizeofcmds(endian).min(LONGEST_COMMANDS) as usize;
    let commands = bytes.up_to(first, length).map_err(Error::reading(container))?;
    let mut parts = Parts::new(container, bytes);
    parts.hints.arch = arch(header.cputype(endian));
    let count = header.ncmds(endian);
    let mut rest = commands.as_slice();
    for done in 0..count {
        let command = pod::from_bytes::<LoadCommand<Endianness>>(rest).ok();
        let command = command.map(|(command, _)| (command.cmd.get(endian), command.cmdsize.get(endian)));
        let Some((kind, length)) = command.filter(|(_, length)| *length >= SMALLEST_COMMAND) else {
            parts.report.lose_many("missing load command", (count - done).into(), || {
                format!("the commands end after {done} of {count}")
            });
            break;
        };
        let segment = match kind {
            macho::LC_SEGMENT_64 => segment::<SegmentCommand64<Endianness>>(rest, endian),
            macho::LC_SEGMENT => segment::<SegmentCommand32<Endianness>>(rest, endian),
            _ => None,
        };
        parts.segments.extend(segment.filter(|segment| segment.length > 0));
        rest = rest.get(length as usize..).unwrap_or_default();
    }
    if parts.segments.is_empty() {
        return Err(malformed(
            first,
            "segments that hold memory",
            format!("none among {count} load commands"),
        ));
    }
    if parts.segments.iter().any(|segment| segment.start >= PHYSICAL) {
        return Err(Error::wrong_kind(FileKind::VirtualCore));
    }
    Ok(parts)
}

/// The memory of the segment command at the start of `bytes`, as far as the file contains it.
fn segment<S: object::read::macho::Segment<Endian = Endianness>>(
    bytes: &[u8],
    endian: Endianness,
) -> Option<Segment> {
    let (command, _) = pod::from_bytes::<S>(bytes).ok()?;
    let (offset, length) = command.file_range(endian);
    Some(Segment {
        start: command.vmaddr(endian).into(),
        offset,
        length: length.min(command.vmsize(endian).into()),
    })
}

/// `cputype`, for the supported processors.
fn arch(cpu: macho::CpuType) -> Option<Arch> {
    Some(match cpu {
        macho::CPU_TYPE_X86 => Arch::I386,
        macho::CPU_TYPE_X86_64 => Arch::Amd64,
        macho::CPU_TYPE_ARM64 => Arch::Arm64,
        macho::CPU_TYPE_POWERPC => Arch::Ppc,
        _ => return None,
    })
}
