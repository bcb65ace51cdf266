use std::ops::Range;

use super::id::{EnumId, RecordId, TypeId};
use crate::{BitRange, Name};

/// Something that has a name of its own in a profile: a record or an enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Definition {
    Record(RecordId),
    Enumeration(EnumId),
}

impl Definition {
    /// Its index among the records or among the enumerations.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Record(id) => id.index(),
            Self::Enumeration(id) => id.index(),
        }
    }
}

/// What kind of aggregate a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// A struct.
    Struct,
    /// A union.
    Union,
    /// A C++ class or interface.
    Class,
}

/// A struct, union or class.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Its own name (a tag), if it has one.
    pub name: Option<Name>,
    /// Struct, union or class.
    pub kind: RecordKind,
    /// Its size in bytes.
    pub size: u64,
    pub(super) members: Span,
}

/// A member of a record.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name; `u1`, `u2`, ... for members without one.
    pub name: Name,
    /// Whether it is unnamed in the source.
    pub anonymous: bool,
    /// Its offset in bytes; for a bit-field, that of its storage unit.
    pub offset: u64,
    /// Its type; for a bit-field, that of its storage unit, or an enumeration.
    pub ty: TypeId,
    /// For a bit-field, its bits in the storage unit.
    pub bits: Option<BitRange>,
}

/// A member, as a front-end passes it in.
#[derive(Clone, Copy, Debug)]
pub struct NewMember {
    /// Its name, if it has one.
    pub name: Option<Name>,
    /// Its offset in bytes; for a bit-field, that of its storage unit (see [`crate::StorageUnit`]).
    pub offset: u64,
    /// Its type.
    pub ty: TypeId,
    /// For a bit-field, its bits in the storage unit.
    pub bits: Option<BitRange>,
}

/// An enumeration.
#[derive(Clone, Copy, Debug)]
pub struct Enumeration {
    /// Its own name (a tag), if it has one.
    pub name: Option<Name>,
    /// The native type in which its values are stored.
    pub underlying: TypeId,
    /// Whether that type, and so the values, are signed.
    pub signed: bool,
    pub(super) labels: Span,
}

/// One label of an enumeration, in the order declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The label.
    pub name: Name,
    /// The value's 64 bits; see [`Enumeration::signed`] for their meaning.
    pub bits: u64,
}

impl Label {
    /// The value, signed if the enumeration's type is.
    pub fn value(&self, signed: bool) -> i128 {
        if signed { i128::from(self.bits as i64) } else { i128::from(self.bits) }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Span {
    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}
