use super::id::{EnumId, NativeId, RecordId, TypeId};
use crate::Name;

/// A type in the source. Names and targets are found through the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Void, only meaningful behind a pointer.
    Void,
    /// A base type.
    Native(NativeId),
    /// A pointer of `size` bytes.
    Pointer {
        /// Its target.
        target: TypeId,
        /// Its size in bytes.
        size: u8,
    },
    /// `count` elements; 0 if the array has no bound.
    Array {
        /// The element's type.
        target: TypeId,
        /// The number of elements.
        count: u64,
    },
    /// A function, with the list of its arguments' types.
    Function(Arguments),
    /// A struct, union or class defined here.
    Record(RecordId),
    /// An enumeration defined here.
    Enumeration(EnumId),
    /// Another type with this name (a typedef), or without one (const, volatile).
    Alias {
        /// The typedef's name.
        name: Option<Name>,
        /// The target.
        target: TypeId,
    },
    /// A struct, union or class that is only named: whichever definition has the name, if there is one.
    Named(Name),
    /// An array of wide characters of `bytes` bytes, if that is known.
    WideString {
        /// Its length in bytes.
        bytes: Option<u64>,
    },
    /// A descriptor of a profile that was read, kept unchanged: only one reader understands its arguments.
    Verbatim(u32),
}

/// The list of a function's argument types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arguments {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// The meaning of a native type's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NativeKind {
    /// A signed integer.
    Signed,
    /// An unsigned integer.
    Unsigned,
    /// A character.
    Char,
    /// A Boolean value.
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
    /// Its size in bytes; 0 if unknown.
    pub size: u32,
    /// The meaning of its bytes.
    pub kind: NativeKind,
}
