use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::keys::{Keys, Map, Place};
use super::plain::PlainTypes;
use crate::model::Definition;
use crate::{EnumId, Name, RecordId, StorageUnit, TypeId, Types};

/// The names under which a profile's records and enumerations are written, and everything that had to be settled for
/// that: unnamed types, duplicates, conflicts, members that no reader could follow.
///
/// This is the only place where those are decided, for every front-end (docs/format.md, invariants 4 to 6):
///
/// - a definition keeps its own name; an unnamed one is named by the typedef through which it is reached, otherwise
///   `__unnamed_<owner>_<member>`, otherwise `__unnamed_` and its layout hash;
/// - of several different definitions under one name, one with pointers of the architecture's width precedes one that
///   has only other pointers; then the one that the source uses most often keeps the name, then the larger, then the
///   one with more members, then the one with the smaller layout hash; the others are `<name>__` and their layout
///   hash;
/// - a use that several definitions fit equally refers to the one that ranks first, and is counted and listed
///   ([`crate::Choice`]);
/// - a second member of one name in a struct is `<name>_1`;
/// - a struct may not have a name that means something else to readers (`Pointer`, `unsigned long`): it becomes
///   `<name>__` and its layout hash;
/// - members that begin outside their struct are left out; members that reach beyond its end, or whose layout by
///   value is unknown, become bytes; both are counted.
#[derive(Debug, Default)]
pub struct Resolution {
    pub(super) structs: Vec<(Name, RecordId)>,
    pub(super) enums: Vec<(Name, EnumId)>,
    pub(super) record_keys: Keys,
    pub(super) enum_keys: Keys,
    pub(super) plain: PlainTypes,
    pub(super) flaws: Map<(RecordId, u32), Flaw>,
    /// Variables whose type cannot be described.
    pub(super) untyped: HashSet<TypeId, RandomState>,
    pub(super) conflicts: Vec<Conflict>,
    pub(super) ambiguities: Vec<Ambiguity>,
    pub(super) oversized: u64,
}

/// Several different definitions under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The name they share.
    pub name: String,
    /// The size in bytes of the definition that keeps it.
    pub kept: u64,
    /// The other definitions: the new name of each, and its size in bytes.
    pub renamed: Vec<(String, u64)>,
}

/// A use of a name that several definitions fit equally.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ambiguity {
    /// The place of the use: `owner.member`, or the name of a variable.
    pub place: String,
    /// The name under which the chosen definition is written.
    pub taken: String,
    /// The names under which the others are written, sorted.
    pub others: Vec<String>,
}

/// How a member is written differently from the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is left out.
    Dropped,
    /// It is written as this many bytes.
    Bytes(u64),
    /// It is written as a pointer to an unknown target.
    Pointer,
    /// The bit-field is written in this unit.
    Unit(StorageUnit),
}

impl Resolution {
    /// The records to write with their keys, sorted by key.
    pub fn structs(&self) -> &[(Name, RecordId)] {
        &self.structs
    }

    /// The enumerations to write with their keys, sorted by key.
    pub fn enumerations(&self) -> &[(Name, EnumId)] {
        &self.enums
    }

    /// Names that had several different definitions, sorted.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// Uses that several definitions fit equally, sorted by place.
    pub fn ambiguities(&self) -> &[Ambiguity] {
        &self.ambiguities
    }

    /// The number of sizes and offsets that are larger than any memory (2^40).
    pub fn oversized(&self) -> u64 {
        self.oversized
    }

    /// The record with the name `name`, or the one that was renamed because of it.
    pub fn record(&self, name: Name) -> Option<RecordId> {
        match self.record_keys.taken.get(&self.key_of(name)) {
            Some(Definition::Record(id)) => Some(*id),
            _ => None,
        }
    }

    /// The key of the struct with the name `name` in the source, if it is defined.
    pub(crate) fn key_of(&self, name: Name) -> Name {
        self.record_keys.moved.get(&name).copied().unwrap_or(name)
    }

    /// Whether a variable's type can be described.
    pub(crate) fn describes(&self, variable: TypeId) -> bool {
        !self.untyped.contains(&variable)
    }

    /// Whether a type's descriptor is small and the same everywhere ([`PlainTypes`]).
    pub(crate) fn is_plain(&self, ty: TypeId) -> bool {
        self.plain.contains(ty)
    }

    pub(crate) fn flaw(&self, record: RecordId, member: usize) -> Option<Flaw> {
        self.flaws.get(&(record, u32::try_from(member).ok()?)).copied()
    }

    pub(crate) fn record_key(
        &self,
        types: &Types,
        place: Option<Place>,
        alias: Option<Name>,
        id: RecordId,
    ) -> Option<Name> {
        let own = types.record(id).and_then(|record| record.name);
        self.record_keys.key(own, place, alias, Definition::Record(id))
    }

    pub(crate) fn enum_key(
        &self,
        types: &Types,
        place: Option<Place>,
        alias: Option<Name>,
        id: EnumId,
    ) -> Option<Name> {
        let own = types.enumeration(id).and_then(|item| item.name);
        self.enum_keys.key(own, place, alias, Definition::Enumeration(id))
    }
}
