//! The content of a triage dump (`TRIAGE_DUMP32` and `TRIAGE_DUMP64` in the debugger's headers): the list of modules
//! and the running process, but no physical memory.

use std::sync::Arc;

use profile::Report;

use crate::VirtualAddress;
use crate::bytes::Bytes;
use crate::fields::Fields;
use crate::hints::{Triage, TriageModule};

/// A system has some hundreds of modules.
const MOST_MODULES: u32 = 16 << 10;
/// The longest name that is read, in 16-bit units.
const LONGEST_NAME: u32 = 1024;
/// A process object has about three thousand bytes.
const LARGEST_PROCESS: u32 = 64 << 10;

/// Reads the data after the header, which begins at `at`.
pub(crate) fn read(bytes: &Arc<dyn Bytes>, at: u64, wide: bool, report: &mut Report) -> Triage {
    let mut triage = Triage::default();
    let Ok(head) = bytes.up_to(at, 72) else { return triage };
    let field = |index: usize| Fields::little(&head).u32(index * 4).unwrap_or(0);
    let [process, thread, drivers, count, strings] = [8, 9, 12, 13, 14].map(field);

    // The entries precede the names without gaps, so their size follows from their number.
    let room = strings.saturating_sub(drivers);
    let size = room.checked_div(count).unwrap_or(0);
    let (base_at, size_at, stamp_at) = if wide { (0x38, 0x48, 0x88) } else { (0x1c, 0x24, 0x48) };
    if count > MOST_MODULES || size < if wide { 0x90 } else { 0x4c } || size > 0x1000 {
        if count > 0 {
            report.lose("unreadable module list", || format!("{count} modules in {room} bytes"));
        }
    } else {
        for index in 0..count {
            let entry_at = u64::from(drivers) + u64::from(index) * u64::from(size);
            let module = bytes.up_to(entry_at, size as usize).ok().and_then(|entry| {
                let entry = Fields::little(&entry);
                Some(TriageModule {
                    name: name(bytes, entry.u32(0)?.into())?,
                    base: VirtualAddress(entry.word(base_at, wide)?),
                    size: entry.u32(size_at)?,
                    timestamp: entry.u32(stamp_at)?,
                })
            });
            match module {
                Some(module) => triage.modules.push(module),
                None => report.lose("unreadable module", || format!("{entry_at:#x}")),
            }
        }
    }
    if let Some(length) = thread.checked_sub(process).filter(|length| *length <= LARGEST_PROCESS)
        && let Ok(content) = bytes.up_to(process.into(), length as usize)
    {
        triage.process = process_name(&content, wide);
        triage.process_object = content;
    }
    triage
}

/// A counted name in 16-bit units.
fn name(bytes: &Arc<dyn Bytes>, at: u64) -> Option<String> {
    let head = bytes.up_to(at, 4).ok()?;
    let length = Fields::little(&head).u32(0)?;
    if length > LONGEST_NAME {
        return None;
    }
    let content = bytes.up_to(at + 4, length as usize * 2).ok()?;
    let units: Vec<u16> =
        content.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(*pair.first_chunk()?))).collect();
    (units.len() == length as usize).then(|| String::from_utf16_lossy(&units))
}

/// The offsets of `_EPROCESS.ImageFileName` in the kernels from Windows XP to Windows 11 24H2, on AMD64 and ARM64,
/// the newest layouts first.
const PLACES_64: [usize; 14] =
    [0x338, 0x328, 0x5a8, 0x560, 0x450, 0x448, 0x438, 0x408, 0x400, 0x3f8, 0x2e0, 0x2d8, 0x268, 0x238];
/// The same on I386.
const PLACES_32: [usize; 8] = [0x1ac, 0x17c, 0x174, 0x170, 0x16c, 0x164, 0x154, 0x14c];
/// The field has 15 characters and is padded with zeros.
const NAME: usize = 15;
/// The maximum of `_EPROCESS.PriorityClass`, the byte after the name (`PROCESS_PRIORITY_CLASS_ABOVE_NORMAL`).
const HIGHEST_PRIORITY: u8 = 6;
/// Names of processes are not before this offset: a process object begins with its `_KPROCESS`.
const FIRST: usize = 0x80;

/// `_EPROCESS.ImageFileName` in a process object. Only a profile gives its offset for certain. So the known offsets
/// are tried first, and the bytes there have to look like a name. If none of them has one, the object is searched: an
/// object contains no other text, so the only name in it is that of the process.
fn process_name(process: &[u8], wide: bool) -> Option<String> {
    let places: &[usize] = if wide { &PLACES_64 } else { &PLACES_32 };
    if let Some(name) = places.iter().find_map(|at| name_at(process, *at, 2)) {
        return Some(name);
    }
    let mut found = (FIRST..process.len()).step_by(4).filter_map(|at| name_at(process, at, 4));
    let name = found.next()?;
    found.next().is_none().then_some(name)
}

/// The text at an offset of a process object, if it looks like a name of at least `shortest` characters.
fn name_at(process: &[u8], at: usize, shortest: usize) -> Option<String> {
    let field = process.get(at..at.checked_add(NAME)?)?;
    let behind = process.get(at.checked_add(NAME)?).copied().unwrap_or(0);
    let end = memchr::memchr(0, field).unwrap_or(NAME);
    let (name, rest) = field.split_at_checked(end)?;
    let looks = name.len() >= shortest
        && name.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        && rest.iter().all(|byte| *byte == 0)
        && behind <= HIGHEST_PRIORITY;
    looks.then(|| String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process object of this size with a name in it, among pointers of a kernel, numbers and zeros.
    fn process(length: usize, at: usize, name: &[u8]) -> Vec<u8> {
        let mut object: Vec<u8> = [0xffff_fa80_0123_4560_u64, 0, 4, 0xffff_f800_0000_1000]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .cycle()
            .take(length)
            .collect();
        object[at..at + 16].fill(0);
        object[at..at + name.len()].copy_from_slice(name);
        object[at + NAME] = 2;
        object
    }

    #[test]
    fn the_name_is_found_at_each_kernels_offset() {
        for (places, wide) in [(&PLACES_64[..], true), (&PLACES_32[..], false)] {
            for at in places {
                for name in ["System", "averylongnamed", "a.exe", "with space.exe"] {
                    let found = process_name(&process(0xb80, *at, name.as_bytes()), wide);
                    assert_eq!(found.as_deref(), Some(name), "{at:#x}");
                }
            }
        }
    }

    #[test]
    fn a_name_at_an_unknown_offset_is_found_if_it_is_the_only_one() {
        assert_eq!(
            process_name(&process(0xb80, 0x694, b"explorer.exe"), true).as_deref(),
            Some("explorer.exe")
        );
        let mut two = process(0xb80, 0x694, b"explorer.exe");
        two[0x7c0..0x7d0].copy_from_slice(b"svchost.exe\0\0\0\0\0");
        assert_eq!(process_name(&two, true), None);
        assert_eq!(process_name(&process(0xb80, 0x694, b"\x01ystem"), true), None);
        assert_eq!(process_name(&[], true), None);
        assert_eq!(process_name(&process(0x240, 0x200, b"cmd.exe"), true).as_deref(), Some("cmd.exe"));
    }
}
