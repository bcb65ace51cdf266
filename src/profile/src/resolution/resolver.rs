use std::collections::HashSet;

use super::keys::Keys;
use super::result::Resolution;
use super::standing::Standing;
use crate::model::layout::Layouts;
use crate::{Name, Names, RecordId, TypeId, Types};

/// The state that the steps of a resolution share.
pub(super) struct Resolver<'a> {
    pub(super) names: &'a mut Names,
    pub(super) types: &'a Types,
    /// Every record with a key, sorted by key, after all have theirs.
    pub(super) structs: Vec<(Name, RecordId)>,
    /// Names that no struct may have.
    pub(super) reserved: HashSet<Name>,
    pub(super) little_endian: bool,
    /// The size of an address in bytes.
    pub(super) address: u8,
    pub(super) layouts: Layouts,
    pub(super) standing: Standing,
    pub(super) variables: &'a [(Name, TypeId)],
    pub(super) result: Resolution,
}

/// Selects one of the two name spaces.
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
