use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::bounds::{LEAST_COPIES, MAX_COPIES};
use crate::Name;
use crate::model::Definition;

pub(super) type Map<K, V> = HashMap<K, V, RandomState>;

/// The place of a type: in the member with this index of the struct with this key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) owner: Name,
    pub(crate) member: u32,
}

/// The keys of one name space, in both directions.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The owner of a key.
    pub(super) taken: Map<Name, Definition>,
    /// Whether a definition or its equal has a key, by the definition's index.
    pub(super) reached: Vec<bool>,
    /// By the definition's index: its key if that differs from its own name, or comes from its hash.
    pub(super) given: Vec<Option<Name>>,
    pub(super) by_alias: Map<(Name, Definition), Name>,
    pub(super) by_path: Map<(Name, u32), Name>,
    /// The keys of structs whose names mean something else to readers.
    pub(super) moved: Map<Name, Name>,
    /// How many members or labels of unnamed definitions may still be listed under further names.
    room: usize,
}

impl Keys {
    /// An empty name space with this many definitions, which have this many members or labels.
    pub(super) fn new(definitions: usize, parts: usize) -> Self {
        Self {
            reached: vec![false; definitions],
            given: vec![None; definitions],
            room: MAX_COPIES.saturating_mul(definitions.saturating_add(parts)).saturating_add(LEAST_COPIES),
            ..Self::default()
        }
    }

    /// Whether an unnamed definition with so many members or labels may be listed under one name more, which is counted.
    /// Each name of it has its own list: a definition of a thousand members that a thousand typedefs or members name
    /// would be a million lines.
    pub(super) fn has_room(&mut self, parts: usize) -> bool {
        let left = self.room.checked_sub(parts.saturating_add(1));
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }

    pub(super) fn is_reached(&self, definition: Definition) -> bool {
        self.reached.get(definition.index()).copied().unwrap_or_default()
    }

    pub(super) fn reach(&mut self, definition: Definition) {
        if let Some(reached) = self.reached.get_mut(definition.index()) {
            *reached = true;
        }
    }

    pub(super) fn given(&self, definition: Definition) -> Option<Name> {
        self.given.get(definition.index()).copied().flatten()
    }

    pub(super) fn give(&mut self, definition: Definition, key: Name) {
        if let Some(given) = self.given.get_mut(definition.index()) {
            *given = Some(key);
        }
    }

    pub(super) fn key(
        &self,
        own: Option<Name>,
        place: Option<Place>,
        alias: Option<Name>,
        it: Definition,
    ) -> Option<Name> {
        if own.is_some() {
            return self.given(it).or(own);
        }
        let by_alias = alias.and_then(|alias| self.by_alias.get(&(alias, it)));
        let by_path = || {
            alias.is_none().then(|| place.and_then(|place| self.by_path.get(&(place.owner, place.member))))
        };
        by_alias.or_else(|| by_path().flatten()).copied().or_else(|| self.given(it))
    }
}
