//! Typed access: a profile applied to an address space.

use std::collections::HashSet;

use crate::layout::{Field, FieldKind, Layout};
use crate::{Error, Space};

/// A profile and an address space. Every read can fail, and reports where.
#[derive(Clone, Copy)]
pub struct TypedMemory<'a> {
    /// The profile.
    pub layout: &'a Layout,
    /// The address space.
    pub space: &'a dyn Space,
}

/// A doubly linked list that was walked.
#[derive(Debug)]
pub struct List {
    /// The entries' addresses, in the list's order.
    pub entries: Vec<u64>,
    /// How many entries' back pointers do not lead to the previous entry.
    pub disagreeing: usize,
    /// How it ended: at its head, or with this problem.
    pub end: Result<(), Error>,
    /// Whether it may continue in memory that the image lacks.
    pub partial: bool,
}

/// The links of a list.
#[derive(Clone, Copy, Debug)]
pub struct Links {
    /// The member of the link with the next entry.
    pub next: &'static str,
    /// The member with the previous entry.
    pub back: &'static str,
}

/// The longest list that is followed: four million entries are more than in any kernel.
const MAX_ENTRIES: usize = 1 << 22;

/// The longest text that is read, in bytes.
const MAX_TEXT: usize = 64 << 10;

impl<'a> TypedMemory<'a> {
    /// Bytes at an address.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    pub fn bytes<const N: usize>(&self, address: u64) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.space.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// A little-endian unsigned integer of 1 to 8 bytes.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    pub fn number(&self, address: u64, size: u64) -> Result<u64, Error> {
        let mut bytes = [0; 8];
        let size = size.clamp(1, 8) as usize;
        self.space.read(address, bytes.get_mut(..size).unwrap_or_default())?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// A pointer with the profile's address size, sign-extended if the architecture does so.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    pub fn pointer(&self, address: u64) -> Result<u64, Error> {
        self.number(address, self.layout.address_size())
    }

    /// The address of a member of the struct at `base`.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile has no such member.
    pub fn at(&self, base: u64, paths: &str) -> Result<u64, Error> {
        Ok(base.wrapping_add(self.layout.field(paths)?.offset))
    }

    /// A member's value: an integer (sign-extended if its type is signed), a bit-field or a pointer in the struct at
    /// `base`. For an array its first element, for a struct its first bytes as a number of its size.
    ///
    /// # Errors
    /// [`Error`] if the profile has no such member, or the image lacks its bytes.
    pub fn get(&self, base: u64, paths: &str) -> Result<u64, Error> {
        let field = self.layout.field(paths)?;
        self.value(base.wrapping_add(field.offset), &field, paths)
    }

    fn value(&self, address: u64, field: &Field, what: &str) -> Result<u64, Error> {
        let mut kind = &field.kind;
        while let FieldKind::Array { element, .. } = kind {
            kind = element;
        }
        let (size, signed) = match kind {
            FieldKind::Number { size, signed } => (*size, *signed),
            FieldKind::Pointer { size } => (*size, false),
            other => (self.layout.size_of(other).unwrap_or(0), false),
        };
        if !(1..=8).contains(&size) {
            let found = format!("{kind:?}");
            return Err(Error::Kind { what: what.to_owned(), expected: "a number or a pointer", found });
        }
        let mut value = self.number(address, size)?;
        if let Some(bits) = field.bits {
            let width = u32::from(bits.end.saturating_sub(bits.start));
            value = value.checked_shr(u32::from(bits.start)).unwrap_or(0);
            if width < 64 {
                value &= (1 << width) - 1;
            }
        } else if signed && size < 8 {
            let unused = 64 - 8 * size as u32;
            value = ((value << unused) as i64 >> unused) as u64;
        }
        Ok(value)
    }

    /// A zero-terminated text of at most `limit` bytes; bytes that are not UTF-8 become U+FFFD. If the mapped memory
    /// ends before the text does, the existing part.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if the image lacks a part of it, or not even its first byte is mapped.
    pub fn text(&self, address: u64, limit: usize) -> Result<String, Error> {
        let mut text = Vec::new();
        let limit = limit.min(MAX_TEXT);
        let mut at = address;
        while text.len() < limit {
            // Up to the next multiple of 64 bytes: a text near the end of a page is read without the next page.
            let step = (64 - (at % 64) as usize).min(limit - text.len());
            let mut piece = [0; 64];
            let piece = piece.get_mut(..step).unwrap_or_default();
            match self.space.read(at, piece) {
                Ok(()) => {}
                Err(error) if text.is_empty() || error.is_absence() => return Err(error),
                Err(_) => break,
            }
            if let Some(end) = memchr::memchr(0, piece) {
                text.extend_from_slice(piece.get(..end).unwrap_or_default());
                break;
            }
            text.extend_from_slice(piece);
            at = at.wrapping_add(step as u64);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// A member's value in each of many structs, as far as it can be read, and how often the image lacks it.
    pub(crate) fn get_all(&self, bases: &[u64], paths: &str) -> (Vec<u64>, usize) {
        let (mut values, mut absent) = (Vec::new(), 0);
        for base in bases {
            match self.get(*base, paths) {
                Ok(value) => values.push(value),
                Err(error) => absent += usize::from(error.is_absence()),
            }
        }
        (values, absent)
    }

    /// The text in a member that is an array of characters.
    ///
    /// # Errors
    /// [`Error`] if the profile has no such member, or the image lacks its bytes.
    pub fn text_in(&self, base: u64, paths: &str) -> Result<String, Error> {
        let field = self.layout.field(paths)?;
        let limit = match &field.kind {
            FieldKind::Array { count, .. } => usize::try_from(*count).unwrap_or(MAX_TEXT),
            _ => MAX_TEXT,
        };
        self.text(base.wrapping_add(field.offset), limit)
    }

    /// The text to which a member points; empty if the pointer is null.
    ///
    /// # Errors
    /// [`Error`] if the profile has no such member, or the image lacks its bytes.
    pub fn text_behind(&self, base: u64, paths: &str, limit: usize) -> Result<String, Error> {
        match self.get(base, paths)? {
            0 => Ok(String::new()),
            pointer => self.text(pointer, limit),
        }
    }

    /// Walks the circular list with its head at `head`; `link` is the member of the entries that links them. The walk
    /// ends if the list leaves the image, reaches an entry twice, or has more entries than any kernel's.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not describe the list.
    pub fn list(&self, head: u64, link: &str, links: Links) -> Result<List, Error> {
        self.list_up_to(MAX_ENTRIES, head, link, links)
    }

    /// The same with a maximum number of entries.
    ///
    /// # Errors
    /// As [`TypedMemory::list`].
    pub fn list_up_to(&self, most: usize, head: u64, link: &str, links: Links) -> Result<List, Error> {
        let offset = self.layout.field(link)?.offset;
        let (next, back) = (self.layout.field(links.next)?, self.layout.field(links.back)?);
        let mut list = List { entries: Vec::new(), disagreeing: 0, end: Ok(()), partial: false };
        let mut seen = HashSet::with_hasher(foldhash::fast::RandomState::default());
        let mut at = head;
        loop {
            let ended = |problem: String, entries: usize, address: u64, absent: bool| {
                Err(Error::List { list: link.to_owned(), problem, address, entries, absent })
            };
            let broken = |problem, entries, address| ended(problem, entries, address, false);
            let following = match self.pointer(at.wrapping_add(next.offset)) {
                Ok(following) => following,
                Err(error) => {
                    let problem = format!("the next entry cannot be read ({error})");
                    list.partial = error.is_absence();
                    list.end = ended(problem, list.entries.len(), at, list.partial);
                    return Ok(list);
                }
            };
            match self.pointer(following.wrapping_add(back.offset)) {
                Ok(before) if before == at => {}
                Ok(_) => list.disagreeing += 1,
                Err(error) => {
                    let problem = format!("it leads to {following:#x}, which is not in the image");
                    list.partial = error.is_absence();
                    list.end = ended(problem, list.entries.len(), at, list.partial);
                    return Ok(list);
                }
            }
            if following == head {
                return Ok(list);
            }
            if !seen.insert(following) {
                list.end =
                    broken("it comes back to an entry, not to its head".to_owned(), list.entries.len(), at);
                return Ok(list);
            }
            if list.entries.len() == most {
                list.end = broken("it does not end".to_owned(), list.entries.len(), at);
                return Ok(list);
            }
            list.entries.push(following.wrapping_sub(offset));
            at = following;
        }
    }
}
