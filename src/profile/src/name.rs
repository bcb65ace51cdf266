use std::fmt;
use std::hash::BuildHasher;
use std::num::NonZeroU32;

use hashbrown::HashTable;

/// A name in a profile's table of [`Names`]: equal names have equal values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(NonZeroU32);

impl Name {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.0)
    }
}

/// Every name of a profile, each kept once: struct, member, enumeration, label, symbol.
///
/// The order of [`Name`] values is the order of interning and means nothing; sort by text.
#[derive(Clone, Default)]
pub struct Names {
    text: String,
    ends: Vec<usize>,
    table: HashTable<Name>,
    hasher: foldhash::fast::RandomState,
}

impl Names {
    /// The name with this text, which is kept from now on.
    pub fn intern(&mut self, text: &str) -> Name {
        let hash = self.hasher.hash_one(text);
        let (arena, ends) = (&self.text, &self.ends);
        if let Some(name) = self.table.find(hash, |name| slice(arena, ends, *name) == text) {
            return *name;
        }
        self.text.push_str(text);
        self.ends.push(self.text.len());
        // Four billion distinct names need more input than any front-end accepts; the last name stands
        // for all beyond.
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        let name = Name(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN));
        let (arena, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        self.table.insert_unique(hash, name, |name| hasher.hash_one(slice(arena, ends, *name)));
        name
    }

    /// The name with this text, where it is known.
    pub fn find(&self, text: &str) -> Option<Name> {
        let hash = self.hasher.hash_one(text);
        self.table.find(hash, |name| self.get(*name) == text).copied()
    }

    /// A name's text. Names of another table give some text of this one, or none.
    pub fn get(&self, name: Name) -> &str {
        slice(&self.text, &self.ends, name)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

fn slice<'a>(text: &'a str, ends: &[usize], name: Name) -> &'a str {
    let index = name.index();
    let start = match index.checked_sub(1) {
        Some(before) => ends.get(before).copied().unwrap_or(0),
        None => 0,
    };
    let end = ends.get(index).copied().unwrap_or(start);
    text.get(start..end).unwrap_or_default()
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
}
