//! What the headers of an ELF core still say if one byte of them was changed: cores hold their ranges of memory one behind the
//! other, up to the end of the file, and writers state most numbers twice.

use std::sync::Arc;

use object::Endianness;
use object::read::elf::FileHeader as _;
use object::{elf, pod};

use super::{MAGIC, NO_ADDRESS, ProgramHeader, open_stated};
use crate::Placed;
use crate::bytes::Bytes;
use crate::container::Parts;
use crate::segments::Segment;

const PAGE: u64 = 4096;
/// The table of program headers is looked for in so many bytes.
const TABLE_WITHIN: usize = 64 << 10;
/// No more layouts are offered: each costs a search for the kernel.
const MOST_LAYOUTS: usize = 16;
/// No more places of the table are tried: with each of them the notes are read. In a sound core hardly any other place looks
/// like a program header.
const MOST_PLACES: usize = 32;
/// The name of a note is shorter.
const LONGEST_NAME: u32 = 64;

/// Whether the file begins like an ELF core, but for one byte of the mark.
pub(crate) fn is_nearly_core(start: &[u8]) -> bool {
    let Some((header, _)) = pod::from_bytes::<elf::FileHeader64<Endianness>>(start).ok() else {
        return false;
    };
    let endian = match start.get(5) {
        Some(1) => Endianness::Little,
        Some(2) => Endianness::Big,
        _ => return false,
    };
    let differing = start.iter().zip(MAGIC).filter(|(one, other)| one != other).count();
    // Both widths have these at the same places.
    differing == 1
        && matches!(start.get(4), Some(1 | 2))
        && start.get(6) == Some(&1)
        && header.e_type(endian) == elf::ET_CORE
        && header.e_version.get(endian) == 1
}

/// Whether the ranges of memory are all in the file, up to its end. QEMU writes the name of a section behind them.
pub(super) fn fills_file(parts: &Parts) -> bool {
    let length = parts.bytes.len();
    let end = parts.segments.iter().map(|segment| segment.offset.saturating_add(segment.length)).max();
    end.is_some_and(|end| end <= length && length - end < PAGE)
}

/// Whether the ranges are whole pages, one behind the other, and notes tell of a machine. A program has none of these.
fn is_of_a_machine(parts: &Parts) -> bool {
    let follows = |pair: &[Segment]| match pair {
        [one, next] => one.offset.checked_add(one.length) == Some(next.offset),
        _ => true,
    };
    let hints = &parts.hints;
    (!hints.cpus.is_empty() || hints.vmcoreinfo.is_some())
        && parts.segments.iter().all(|segment| segment.length.is_multiple_of(PAGE))
        && parts.segments.windows(2).all(follows)
}

/// Whether what was read are ranges of memory: whole pages, none of which another field hides. A table that is read from the
/// wrong place has others.
pub(super) fn is_sound(parts: &Parts) -> bool {
    parts.report.warnings().is_empty()
        && parts.segments.iter().all(|segment| segment.length.is_multiple_of(PAGE))
}

/// The core with the one byte of its header put right that makes the ranges of memory fill the file. `is_sound`: it can be read
/// as it is, so only program headers may be missing.
pub(super) fn mended(bytes: &Arc<dyn Bytes>, start: &[u8], is_sound: bool) -> Option<Parts> {
    for (at, right, what) in patches(bytes, start) {
        let mut mended = start.to_vec();
        let found = mended.get_mut(at..at.checked_add(right.len())?)?;
        let differing = found.iter().zip(&right).filter(|(one, other)| one != other).count();
        if differing != 1 || is_sound && what != COUNT {
            continue;
        }
        let words =
            format!("the header was changed: expected {what} to be {:02x?}, found {:02x?}", right, found);
        found.copy_from_slice(&right);
        if let Ok(mut parts) = open_stated(Arc::clone(bytes), &mended)
            && (fills_file(&parts) || what == MARK)
            && (is_of_a_machine(&parts) || what != TYPE)
        {
            parts.report.warn(words);
            return Some(parts);
        }
    }
    None
}

const MARK: &str = "the mark";
const COUNT: &str = "the number of program headers";
const TYPE: &str = "the type of file";

/// What a core has at which offset of its header, with the name of that field.
fn patches(bytes: &Arc<dyn Bytes>, start: &[u8]) -> Vec<(usize, Vec<u8>, &'static str)> {
    let mut patches = vec![(0, MAGIC.to_vec(), MARK)];
    patches.extend([1, 2].map(|class| (4, vec![class], "the class")));
    patches.extend([1, 2].map(|order| (5, vec![order], "the order of bytes")));
    let little = start.get(5) != Some(&2);
    let word = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() }.to_vec();
    patches.push((16, word(elf::ET_CORE.0), TYPE));
    let wide = start.get(4) != Some(&1);
    // (place of the table, its width, place of the size of a header, that size)
    let (table_at, width, size_at, size) = if wide { (32, 8, 54, 56_u16) } else { (28, 4, 42, 32) };
    patches.push((size_at, word(size), "the size of a program header"));
    let content = bytes.up_to(0, TABLE_WITHIN).unwrap_or_default();
    let kind = |at: usize| -> Option<u32> {
        let kind = content.get(at..)?.first_chunk()?;
        Some(if little { u32::from_le_bytes(*kind) } else { u32::from_be_bytes(*kind) })
    };
    let is_header = |at: usize| matches!(kind(at), Some(1 | 4));
    let Some(stated) = start.get(table_at..table_at + width) else { return patches };
    let number = |field: &[u8]| -> usize {
        let ordered: Vec<u8> = if little { field.iter().rev().copied().collect() } else { field.to_vec() };
        ordered
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
            .try_into()
            .unwrap_or(usize::MAX)
    };
    let table = number(stated);
    let mut places = 0;
    for index in 0..width {
        for byte in 0..=u8::MAX {
            let mut other = stated.to_vec();
            if let Some(place) = other.get_mut(index) {
                *place = byte;
            }
            let at = number(&other);
            if at != table && at >= size.into() && is_header(at) && places < MOST_PLACES {
                places += 1;
                patches.push((table_at, other, "the place of the program headers"));
            }
        }
    }
    let count = (0..u16::MAX).take_while(|index| {
        table.checked_add(usize::from(*index) * usize::from(size)).is_some_and(is_header)
    });
    patches.push((size_at + 2, word(count.count() as u16), COUNT));
    patches
}

/// Takes a header of another type for one of memory if only one byte of its type says that it is not: it has whole pages.
pub(super) fn types(headers: &mut [ProgramHeader], endian: Endianness, parts: &mut Parts) {
    for header in headers {
        let bytes = (header.kind.0 ^ elf::PT_LOAD.0).to_le_bytes();
        let pages = header.length >= PAGE && header.length.is_multiple_of(PAGE);
        if bytes.iter().filter(|byte| **byte != 0).count() != 1
            || !pages
            || header.length != header.memory_length
        {
            continue;
        }
        // What begins with the length of a name is a note.
        let first = parts.bytes.up_to(header.offset, 4).ok();
        let first = first.as_deref().and_then(<[u8]>::first_chunk).map_or(0, |first| match endian {
            Endianness::Little => u32::from_le_bytes(*first),
            Endianness::Big => u32::from_be_bytes(*first),
        });
        if header.kind == elf::PT_NOTE && (1..=LONGEST_NAME).contains(&first) {
            continue;
        }
        parts.report.warn(format!(
            "a program header was changed: it has the type {:#x}, but describes {:#x} bytes of memory: going on with them",
            header.kind.0, header.length
        ));
        header.kind = elf::PT_LOAD;
    }
}

/// Where the memory lies in the file if one byte of one program header was changed; nothing if all of them agree. `file` is the
/// length of the file.
pub(super) fn layouts(headers: &[ProgramHeader], file: u64) -> Vec<Vec<Placed>> {
    let loads: Vec<&ProgramHeader> = headers
        .iter()
        .filter(|header| header.kind == elf::PT_LOAD && header.physical != NO_ADDRESS)
        .collect();
    let notes = headers.iter().filter(|header| header.kind == elf::PT_NOTE);
    let notes_end = notes.map(|header| header.offset.saturating_add(header.length)).max();
    let stated: Vec<Placed> = loads
        .iter()
        .map(|header| Placed { start: header.physical, length: header.length, offset: header.offset })
        .collect();
    let distances = Distances::new(&loads);
    let mut layouts = Vec::new();
    let is_one_byte =
        |one: u64, other: u64| (one ^ other).to_le_bytes().iter().filter(|byte| **byte != 0).count() == 1;
    for (index, load) in loads.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| loads.get(before));
        let before = before.map(|before| before.offset.saturating_add(before.length)).or(notes_end);
        let next = loads.get(index + 1).map(|next| next.offset);
        let mut offer = |start: u64, length: u64, offset: u64| {
            // Each of a million headers may have an offer, and a layout copies them all: none is copied in vain.
            if layouts.len() < MOST_LAYOUTS {
                let mut other = stated.clone();
                if let Some(place) = other.get_mut(index) {
                    *place = Placed { start, length, offset };
                }
                layouts.push(other);
            }
        };
        // The pages are between those of the ranges before and behind it.
        let by_next = next.or(Some(file)).and_then(|end| end.checked_sub(load.length));
        for offset in [before, by_next].into_iter().flatten() {
            if is_one_byte(offset, load.offset) {
                offer(load.physical, load.length, offset);
            }
        }
        let by_next = next.or(Some(file)).and_then(|next| next.checked_sub(load.offset));
        for length in [by_next, Some(load.memory_length)].into_iter().flatten() {
            if is_one_byte(length, load.length) && length > 0 {
                offer(load.physical, length, load.offset);
            }
        }
        let physical = distances.usual(index).map(|usual| load.virtual_address.wrapping_sub(usual));
        if let Some(physical) = physical.filter(|physical| is_one_byte(*physical, load.physical)) {
            offer(physical, load.length, load.offset);
        }
    }
    layouts
}

/// The distances between the virtual and the physical addresses of ranges. Most writers put all memory at one distance.
struct Distances {
    all: Vec<u64>,
    /// The distances of the first two ranges, with how many ranges have each: all but one range can have no other. They are
    /// counted once, because a core may have a million ranges.
    first: [(u64, usize); 2],
}

impl Distances {
    fn new(loads: &[&ProgramHeader]) -> Self {
        let distance = |header: &&ProgramHeader| header.virtual_address.wrapping_sub(header.physical);
        let all: Vec<u64> = loads.iter().map(distance).collect();
        let counted = |index: usize| {
            let distance = all.get(index).copied().unwrap_or(0);
            (distance, all.iter().filter(|other| **other == distance).count())
        };
        Self { first: [counted(0), counted(1)], all }
    }

    /// The distance that every range except the one at `index` has; `None` if they differ, 0 if there is no other range.
    fn usual(&self, index: usize) -> Option<u64> {
        let [first, second] = self.first;
        let (usual, count) = if index == 0 { second } else { first };
        let own = usize::from(self.all.get(index) == Some(&usual));
        let others = self.all.len().saturating_sub(1);
        (others == 0 || count.saturating_sub(own) == others).then_some(if others == 0 { 0 } else { usual })
    }
}
