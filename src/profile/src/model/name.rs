use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::num::NonZeroU32;
use std::ops::Range;
use std::str::Utf8Error;

use hashbrown::HashTable;

/// A name in a profile's table of [`Names`]: equal names have equal values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(NonZeroU32);

impl Name {
    /// Its place among the names of its table, which are numbered from 0 in the order in which they were added.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.0)
    }
}

/// Every name of a profile, each stored once: struct, member, enumeration, label, symbol.
///
/// The order of [`Name`] values is the order of interning and has no meaning; sort by text.
#[derive(Clone, Default)]
pub struct Names {
    text: String,
    ends: Vec<usize>,
    table: HashTable<Slot>,
    hasher: foldhash::fast::RandomState,
}

/// A name in the hash table, with the half of its hash that lets the table grow without reading texts.
#[derive(Clone, Copy)]
struct Slot {
    name: Name,
    hash: u32,
}

impl Slot {
    /// The hash for lookups: the table uses both ends of it.
    fn spread(hash: u32) -> u64 {
        u64::from(hash) << 32 | u64::from(hash)
    }
}

impl Names {
    /// The name with this text; it is added if it is new.
    pub fn intern(&mut self, text: &str) -> Name {
        let hash = self.hash(text.as_bytes());
        self.find_hashed(text.as_bytes(), hash).unwrap_or_else(|| self.add(text, hash))
    }

    /// The name with these bytes as its text. Most texts occur repeatedly, and are checked for errors only the first
    /// time.
    ///
    /// # Errors
    /// If the bytes are not UTF-8.
    pub fn intern_utf8(&mut self, bytes: &[u8]) -> Result<Name, Utf8Error> {
        let hash = self.hash(bytes);
        match self.find_hashed(bytes, hash) {
            Some(name) => Ok(name),
            None => Ok(self.add(str::from_utf8(bytes)?, hash)),
        }
    }

    fn hash(&self, text: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text);
        hasher.finish() as u32
    }

    fn find_hashed(&self, text: &[u8], hash: u32) -> Option<Name> {
        let equal = |slot: &Slot| slot.hash == hash && self.bytes(slot.name) == text;
        self.table.find(Slot::spread(hash), equal).map(|slot| slot.name)
    }

    fn add(&mut self, text: &str, hash: u32) -> Name {
        self.text.push_str(text);
        self.ends.push(self.text.len());
        // Four billion distinct names need more input than any front-end accepts; the last name stands for all
        // further ones.
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        let name = Name(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN));
        self.table.insert_unique(Slot::spread(hash), Slot { name, hash }, |slot| Slot::spread(slot.hash));
        name
    }

    /// The name with this text, if it is known.
    pub fn find(&self, text: &str) -> Option<Name> {
        self.find_hashed(text.as_bytes(), self.hash(text.as_bytes()))
    }

    /// The text of a name. A name of another table gives some text of this one, or an empty one.
    pub fn get(&self, name: Name) -> &str {
        self.text.get(self.range(name)).unwrap_or_default()
    }

    fn bytes(&self, name: Name) -> &[u8] {
        self.text.as_bytes().get(self.range(name)).unwrap_or_default()
    }

    fn range(&self, name: Name) -> Range<usize> {
        let index = name.index();
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        start..self.ends.get(index).copied().unwrap_or(start)
    }

    /// The size of all texts in bytes.
    pub fn length(&self) -> usize {
        self.text.len()
    }

    /// All texts, one after the other.
    pub(crate) fn texts(&self) -> &str {
        &self.text
    }

    /// Reserves space for `count` more names.
    pub fn reserve(&mut self, count: usize) {
        self.ends.reserve(count);
        self.table.reserve(count, |slot| Slot::spread(slot.hash));
    }

    /// Sorts `items` by the text of each one's name; fastest if they are in the order of their names.
    pub(crate) fn sort_by_text<T>(&self, items: &mut Vec<T>, name: impl Fn(&T) -> Name) {
        // Most texts differ in their first bytes, which are compared without reading the text.
        let mut keyed: Vec<(u128, T)> =
            items.drain(..).map(|item| (self.prefix(name(&item)), item)).collect();
        keyed.sort_unstable_by(|(prefix, item), (other_prefix, other)| {
            let texts = || self.bytes(name(item)).cmp(self.bytes(name(other)));
            prefix.cmp(other_prefix).then_with(texts)
        });
        items.extend(keyed.into_iter().map(|(_, item)| item));
    }

    /// The first 16 bytes of a name's text, as a number with the same order.
    fn prefix(&self, name: Name) -> u128 {
        let text = self.bytes(name);
        match text.first_chunk() {
            Some(bytes) => u128::from_be_bytes(*bytes),
            None => text.iter().rev().fold(0, |prefix, byte| prefix >> 8 | u128::from(*byte) << 120),
        }
    }

    /// The rank of every name in the order of texts, for those that `used` returns; 0 for others.
    pub(crate) fn ranks(&self, used: impl Iterator<Item = Name>) -> Ranks {
        let mut ranks = vec![0; self.len()];
        let mut names = Vec::new();
        for name in used {
            if let Some(rank) = ranks.get_mut(name.index()).filter(|rank| **rank == 0) {
                *rank = 1;
                names.push(name);
            }
        }
        self.sort_by_text(&mut names, |name| *name);
        for (place, name) in names.iter().enumerate() {
            if let Some(rank) = ranks.get_mut(name.index()) {
                *rank = u32::try_from(place).unwrap_or(u32::MAX);
            }
        }
        Ranks { ranks }
    }

    /// The number of names.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// The ranks of names in the order of their texts, so that many short lists can be sorted without reading texts
/// again.
pub(crate) struct Ranks {
    ranks: Vec<u32>,
}

impl Ranks {
    pub(crate) fn of(&self, name: Name) -> u32 {
        self.ranks.get(name.index()).copied().unwrap_or_default()
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_name() {
        let mut names = Names::default();
        let (a, b, empty) = (names.intern("a"), names.intern("b"), names.intern(""));
        assert_eq!(names.intern("a"), a);
        assert_ne!(a, b);
        assert_eq!((names.get(a), names.get(b), names.get(empty)), ("a", "b", ""));
        assert_eq!(names.find("b"), Some(b));
        assert_eq!(names.find("c"), None);
    }

    #[test]
    fn bytes_are_interned_where_they_are_text() {
        let mut names = Names::default();
        let name = names.intern("\u{e9}");
        assert_eq!(names.intern_utf8("\u{e9}".as_bytes()), Ok(name));
        assert_eq!(names.intern_utf8(b"new").map(|name| names.get(name)), Ok("new"));
        assert!(names.intern_utf8(b"\xe9").is_err());
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn texts_sort_by_code_point() {
        let mut names = Names::default();
        let texts = [
            "",
            "a",
            "a\0",
            "ab",
            "abcdefghijklmnop",
            "abcdefghijklmnop\0",
            "abcdefghijklmnopq",
            "abcdefghijklmnoq",
            "b",
            "\u{e9}",
        ];
        let sorted: Vec<Name> = texts.iter().map(|text| names.intern(text)).collect();
        let mut shuffled = sorted.clone();
        shuffled.reverse();
        shuffled.swap(1, 6);
        names.sort_by_text(&mut shuffled, |name| *name);
        assert_eq!(shuffled, sorted);
        let ranks = names.ranks(sorted.iter().rev().chain(&sorted).copied());
        assert!(sorted.is_sorted_by_key(|name| ranks.of(*name)));
    }

    #[test]
    fn many_names_are_told_apart() {
        let mut names = Names::default();
        let all: Vec<Name> = (0..10_000).map(|number| names.intern(&number.to_string())).collect();
        assert!(all.iter().enumerate().all(|(number, name)| names.get(*name) == number.to_string()));
        assert!((0..10_000).all(|number| names.find(&number.to_string()) == Some(all[number])));
        assert_eq!(names.len(), 10_000);
    }
}
