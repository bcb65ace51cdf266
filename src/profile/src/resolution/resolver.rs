use std::collections::HashSet;

use super::keys::Keys;
use super::result::Resolution;
use super::standing::Standing;
use crate::model::layout::Layouts;
use crate::{Name, Names, RecordId, TypeId, Types};

/// What the steps of a resolution share, while it is made.
pub(super) struct Resolver<'a> {
    pub(super) names: &'a mut Names,
    pub(super) types: &'a Types,
    /// Every record that has a key, sorted by key, once all have theirs.
    pub(super) structs: Vec<(Name, RecordId)>,
    /// Names that no struct may bear.
    pub(super) reserved: HashSet<Name>,
    pub(super) little_endian: bool,
    /// The size of an address in bytes.
    pub(super) address: u8,
    pub(super) layouts: Layouts,
    pub(super) standing: Standing,
    pub(super) variables: &'a [(Name, TypeId)],
    pub(super) result: Resolution,
}

/// Which of the two name spaces is meant.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Space {
    Structs,
    Enums,
}

impl Resolver<'_> {
    /// The keys of a name space.
    pub(super) fn keys(&mut self, space: Space) -> &mut Keys {
        match space {
            Space::Structs => &mut self.result.record_keys,
            Space::Enums => &mut self.result.enum_keys,
        }
    }
}
