//! What several checks need: short lists, and comparisons of values that may be missing.

use crate::Error;
use crate::linux::LIST_HEAD;
use crate::typed_memory::TypedMemory;

/// The longest list of one of many objects that is followed.
const LONG: usize = 4096;

/// A list of one of many objects. A longer one than any useful list is cut, and counts as complete.
pub(super) fn short_list(view: &TypedMemory<'_>, head: u64, link: &str) -> Result<Option<Vec<u64>>, Error> {
    let list = view.list_up_to(LONG, head, link, LIST_HEAD)?;
    if list.entries.len() >= LONG {
        return Ok(None);
    }
    list.end?;
    Ok(Some(list.entries))
}

/// Whether a list contains `one`, as far as its entries are known. If the list is only partly known (`partial`), an
/// entry that is not found counts as missing memory.
pub(super) fn listed(is_among: bool, partial: bool, one: u64) -> Result<bool, Error> {
    match is_among {
        false if partial => Err(Error::Unreadable { address: one, length: 1, mapped: true }),
        is_among => Ok(is_among),
    }
}

/// Whether two values that can fail are the same.
pub(super) fn same(one: Result<u64, Error>, other: Result<u64, Error>) -> Result<bool, Error> {
    Ok(one? == other?)
}

/// Whether a text could be a name: not empty, with only printable characters.
pub(super) fn printable(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character == ' ' || character.is_ascii_graphic())
}

/// Looks up a pointer and follows it: the member `then` of the target of the member `first`.
pub(super) fn through(view: &TypedMemory<'_>, base: u64, first: &str, then: &str) -> Result<u64, Error> {
    view.get(view.get(base, first)?, then)
}
