//! A section while it is read: names may be repeated, and the last entry counts.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::Name;

/// Entries by name in the order of arrival; the last of several under one name.
pub(crate) struct Keyed<T> {
    pub(crate) entries: Vec<(Name, T)>,
    places: HashMap<Name, usize, RandomState>,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), places: HashMap::default() }
    }
}

impl<T> Keyed<T> {
    /// Adds an entry, in the place of an earlier one with this name. Returns whether there was one.
    pub(crate) fn insert(&mut self, name: Name, value: T) -> bool {
        match self.places.get(&name).and_then(|place| self.entries.get_mut(*place)) {
            Some(entry) => {
                entry.1 = value;
                true
            }
            None => {
                self.places.insert(name, self.entries.len());
                self.entries.push((name, value));
                false
            }
        }
    }

    pub(crate) fn get(&self, name: Name) -> Option<&T> {
        self.entries.get(*self.places.get(&name)?).map(|(_, value)| value)
    }
}
