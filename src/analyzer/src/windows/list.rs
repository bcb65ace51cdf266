use std::collections::HashSet;

use crate::Error;
use crate::typed_memory::{Links, List, TypedMemory};

/// How the kernel's lists are linked.
const FORWARDS: Links = Links { next: "_LIST_ENTRY.Flink", back: "_LIST_ENTRY.Blink" };
const BACKWARDS: Links = Links { next: "_LIST_ENTRY.Blink", back: "_LIST_ENTRY.Flink" };

/// The members of a loaded module, whose struct has had two names.
pub(super) const MODULE_LINKS: &str =
    "_KLDR_DATA_TABLE_ENTRY.InLoadOrderLinks|_LDR_DATA_TABLE_ENTRY.InLoadOrderLinks";
pub(super) const MODULE_BASE: &str = "_KLDR_DATA_TABLE_ENTRY.DllBase|_LDR_DATA_TABLE_ENTRY.DllBase";
pub(super) const MODULE_SIZE: &str = "_KLDR_DATA_TABLE_ENTRY.SizeOfImage|_LDR_DATA_TABLE_ENTRY.SizeOfImage";
pub(super) const MODULE_NAME: &str = "_KLDR_DATA_TABLE_ENTRY.BaseDllName|_LDR_DATA_TABLE_ENTRY.BaseDllName";
pub(super) const MODULE_PATH: &str = "_KLDR_DATA_TABLE_ENTRY.FullDllName|_LDR_DATA_TABLE_ENTRY.FullDllName";

/// A list walked forwards.
pub(super) fn forwards(view: &TypedMemory<'_>, head: u64, link: &str) -> Result<List, Error> {
    view.list(head, link, FORWARDS)
}

/// A list of one of many objects, walked forwards up to a useful length.
pub(super) fn short(view: &TypedMemory<'_>, head: u64, link: &str) -> Result<List, Error> {
    view.list_up_to(4096, head, link, FORWARDS)
}

/// A list walked forwards and, if that ends early, backwards. Entries that only the second walk reaches come after
/// the others, in the order of the list.
pub(super) fn both_ways(view: &TypedMemory<'_>, head: u64, link: &str) -> Result<List, Error> {
    let mut list = forwards(view, head, link)?;
    if list.end.is_err() {
        leave_torn(view, head, link, BACKWARDS.next, &mut list.entries)?;
        let seen: HashSet<u64> = list.entries.iter().copied().collect();
        let back = view.list(head, link, BACKWARDS)?;
        list.partial |= back.partial;
        let mut back = back.entries;
        leave_torn(view, head, link, FORWARDS.next, &mut back)?;
        list.entries.extend(back.into_iter().rev().filter(|entry| !seen.contains(entry)));
    }
    Ok(list)
}

/// Whether one of the two entries next to a list's head leads back to it, or may: a single one can be torn.
pub(super) fn leads_back(view: &TypedMemory<'_>, head: u64) -> bool {
    [FORWARDS, BACKWARDS].into_iter().any(|Links { next, back }| {
        match view.get(head, next).and_then(|beside| view.get(beside, back)) {
            Ok(found) => found == head,
            Err(error) => error.is_absence(),
        }
    })
}

/// Where a list breaks, its last entry may be a page from another moment: one that does not lead back is not an
/// entry.
fn leave_torn(
    view: &TypedMemory<'_>,
    head: u64,
    link: &str,
    lead_back: &str,
    entries: &mut Vec<u64>,
) -> Result<(), Error> {
    if let Some((last, before)) = entries.split_last() {
        let before = match before.last() {
            Some(before) => view.at(*before, link)?,
            None => head,
        };
        if view.get(view.at(*last, link)?, lead_back).is_ok_and(|back| back != before) {
            entries.pop();
        }
    }
    Ok(())
}

/// The text of a `_UNICODE_STRING`.
pub(super) fn text(view: &TypedMemory<'_>, base: u64, paths: &str) -> Result<String, Error> {
    let at = view.at(base, paths)?;
    let length = (view.get(at, "_UNICODE_STRING.Length")? & 0xffff) as usize;
    let mut bytes = vec![0; length & !1];
    view.space.read(view.get(at, "_UNICODE_STRING.Buffer")?, &mut bytes)?;
    let (units, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    Ok(String::from_utf16_lossy(&units))
}
