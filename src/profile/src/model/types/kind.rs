use super::id::{EnumId, NativeId, RecordId, TypeId};
use crate::Name;

/// A type as the source has it: what names it and what stands behind it are found through the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Nothing, only meaningful behind a pointer.
    Void,
    /// A base type.
    Native(NativeId),
    /// A pointer of `size` bytes.
    Pointer {
        /// What it points to.
        target: TypeId,
        /// Its size in bytes.
        size: u8,
    },
    /// `count` elements; 0 where the array has no bound.
    Array {
        /// The element's type.
        target: TypeId,
        /// How many elements.
        count: u64,
    },
    /// A function, with the list of its arguments' types.
    Function(Arguments),
    /// A struct, union or class defined here.
    Record(RecordId),
    /// An enumeration defined here.
    Enumeration(EnumId),
    /// Another type under this name (a typedef), or under none (const, volatile).
    Alias {
        /// The typedef's name.
        name: Option<Name>,
        /// The type meant.
        target: TypeId,
    },
    /// A struct, union or class known by name only: whichever definition bears the name, if any does.
    Named(Name),
    /// An array of wide characters, `bytes` long where that is known.
    WideString {
        /// Its length in bytes.
        bytes: Option<u64>,
    },
    /// A descriptor of a profile that was read, kept as it stood: its arguments are meant for one reader.
    Verbatim(u32),
}

/// The list of a function's argument types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arguments {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// What a native type's bytes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NativeKind {
    /// An integer with a sign.
    Signed,
    /// An integer without.
    Unsigned,
    /// A character.
    Char,
    /// A truth value.
    Bool,
    /// A floating-point number.
    Float,
    /// Anything else (complex numbers, vectors, decimal floats).
    Other,
}

/// A native type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Native {
    /// Its name, in Rekall's spelling.
    pub name: Name,
    /// Its size in bytes; 0 where it is not known.
    pub size: u32,
    /// What its bytes mean.
    pub kind: NativeKind,
}
