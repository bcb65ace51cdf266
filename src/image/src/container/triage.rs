//! What a triage dump holds (`TRIAGE_DUMP32` and `TRIAGE_DUMP64` of the debugger's headers): the list of modules and the
//! process that ran, but no physical memory.

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

/// Reads what stands behind the header, `at` being where that begins.
pub(crate) fn read(bytes: &Arc<dyn Bytes>, at: u64, wide: bool, report: &mut Report) -> Triage {
    let mut triage = Triage::default();
    let Ok(head) = bytes.up_to(at, 72) else { return triage };
    let field = |index: usize| Fields::little(&head).u32(index * 4).unwrap_or(0);
    let [process, thread, drivers, count, strings] = [8, 9, 12, 13, 14].map(field);

    // The entries lie one behind the other up to the names, so their size follows from their number.
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

/// `_EPROCESS.ImageFileName` in a process object. Its place is known for sure only by a profile; these are the places it
/// had in the releases from Windows XP to Windows 11 24H2 (the kernels' symbols), and a name has to look like one.
fn process_name(process: &[u8], wide: bool) -> Option<String> {
    const PLACES_64: [usize; 7] = [0x5a8, 0x450, 0x448, 0x438, 0x338, 0x2e0, 0x238];
    const PLACES_32: [usize; 6] = [0x174, 0x164, 0x154, 0x14c, 0x16c, 0x170];
    /// The field holds 15 characters, and is filled with zeros.
    const LENGTH: usize = 15;

    let places: &[usize] = if wide { &PLACES_64 } else { &PLACES_32 };
    places.iter().find_map(|at| {
        let field = process.get(*at..at + LENGTH)?;
        let end = memchr::memchr(0, field).unwrap_or(LENGTH);
        let (name, rest) = field.split_at_checked(end)?;
        let looks = name.len() >= 2
            && name.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
            && rest.iter().all(|byte| *byte == 0);
        looks.then(|| String::from_utf8_lossy(name).into_owned())
    })
}
