//! Mach-O files (`mach-o/loader.h`), kernelcaches, and the containers that Apple packs them in.

use crate::look::{Fields, Look, text};
use crate::{FileKind, Identified};

/// The most bytes of load commands that are read.
const LONGEST_COMMANDS: usize = 256 << 10;

const MH_CORE: u32 = 4;
const MH_DSYM: u32 = 10;
const MH_FILESET: u32 = 12;
const LC_SEGMENT: u32 = 1;
const LC_SEGMENT_64: u32 = 0x19;

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    macho(look).or_else(|| fat(look)).or_else(|| packed(look)).map(Into::into)
}

fn macho(look: &Look<'_>) -> Option<FileKind> {
    let magic = Fields::little(look.head()).u32(0)?;
    let (wide, big_endian) = match magic {
        0xfeed_face => (false, false),
        0xfeed_facf => (true, false),
        0xcefa_edfe => (false, true),
        0xcffa_edfe => (true, true),
        _ => return None,
    };
    let fields = Fields { bytes: look.head(), big_endian };
    let (Some(kind), Some(size)) = (fields.u32(12), fields.u32(20)) else { return Some(FileKind::MachO) };
    match kind {
        MH_CORE => return Some(FileKind::MachCore),
        MH_FILESET => return Some(FileKind::KernelCache),
        _ if !look.is_whole() => return Some(FileKind::MachO),
        MH_DSYM => return Some(FileKind::MachODebug),
        _ => {}
    }
    let commands = look.read(if wide { 32 } else { 28 }, (size as usize).min(LONGEST_COMMANDS));
    let names = segments(Fields { bytes: &commands, big_endian }, wide);
    let has = |name: &[u8]| names.iter().any(|found| found == name);
    Some(if has(b"__DWARF") {
        FileKind::MachODebug
    } else if has(b"__PRELINK_INFO") && has(b"__PRELINK_TEXT") {
        FileKind::KernelCache
    } else {
        FileKind::MachOStripped
    })
}

/// The names of the segments; in an object file, the segments that its sections will be placed in.
fn segments(mut commands: Fields<'_>, wide: bool) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    while let (Some(kind), Some(size)) = (commands.u32(0), commands.u32(4)) {
        if matches!(kind, LC_SEGMENT | LC_SEGMENT_64) {
            let name = |at: usize| commands.bytes.get(at..at + 16).map(|name| text(name).to_owned());
            names.extend(name(8));
            let (sections, first, length) = if wide { (64, 72, 80) } else { (48, 56, 68) };
            let inside = (size as usize).saturating_sub(first) / length;
            let count = commands.u32(sections).map_or(0, |count| count as usize).min(inside);
            names.extend((0..count).filter_map(|index| name(first + index * length + 16)));
        }
        if size < 8 {
            break;
        }
        commands = commands.from(size as usize);
    }
    names
}

/// A file with one Mach-O file for each of several architectures. Compiled Java files begin with the same magic
/// number and have a version in the place of the number of architectures.
fn fat(look: &Look<'_>) -> Option<FileKind> {
    let fields = Fields::big(look.head());
    let is_fat = matches!(fields.u32(0)?, 0xcafe_babe | 0xcafe_babf)
        && fields.u32(4).is_none_or(|count| (1..=32).contains(&count));
    is_fat.then_some(FileKind::MachOFat)
}

/// DER: a sequence whose first element is a text, IM4P or IMG4; or the older form, packed with lzss or lzvn.
fn packed(look: &Look<'_>) -> Option<FileKind> {
    if look.begins(b"complzss") || look.begins(b"complzvn") {
        return Some(FileKind::PackedKernelCache);
    }
    let (0x30, length) = (look.little().u8(0)?, look.little().u8(1)?) else { return None };
    let first = 2 + if length & 0x80 == 0 { 0 } else { usize::from(length & 0x7f).min(8) };
    let is_packed = look.has(first, b"\x16\x04IM4P") || look.has(first, b"\x16\x04IMG4");
    is_packed.then_some(FileKind::PackedKernelCache)
}
