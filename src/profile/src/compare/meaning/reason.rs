//! Why two sources of one build may differ and both be right.

use std::fmt;

/// A kind of difference that is not a contradiction: it follows from what each source can express.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// `int a[2][3]` is an array of six in BTF.
    Dimensions,
    /// A bit-field is a whole integer, or bytes.
    BitFields,
    /// A pointer has a target in one source, and an unknown one in the other.
    VoidPointers,
    /// Integers of the same size, one signed and one unsigned.
    Signs,
    /// An enumeration is the integer that it is stored in.
    Enumerations,
    /// The value of a label is cut to 32 bits, or its sign is lost: BTF before Linux 6.0 has no other values.
    Labels,
    /// An unnamed type got different names.
    Unnamed,
    /// A name has several layouts, and a different one keeps the name in each source.
    Layouts,
    /// A type is written as bytes.
    Bytes,
    /// A base type of the same size under another name.
    Natives,
    /// One source knows the type of a symbol, the other does not.
    Untyped,
    /// Another type of the same size.
    Types,
}

impl Reason {
    /// A short name for machines.
    pub fn key(self) -> &'static str {
        match self {
            Self::Dimensions => "dimensions",
            Self::BitFields => "bit_fields",
            Self::VoidPointers => "void_pointers",
            Self::Signs => "signs",
            Self::Enumerations => "enumerations",
            Self::Labels => "labels",
            Self::Unnamed => "unnamed",
            Self::Layouts => "layouts",
            Self::Bytes => "bytes",
            Self::Natives => "natives",
            Self::Untyped => "untyped",
            Self::Types => "types",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dimensions => "arrays of several dimensions that one source writes as one",
            Self::BitFields => "bit-fields that one source writes as whole integers or bytes",
            Self::VoidPointers => "pointers whose target one source does not know",
            Self::Signs => "integers that have a sign in one source only",
            Self::Enumerations => "enumerations that one source writes as integers",
            Self::Labels => "values of enumerations of which one source keeps 32 bits without a sign",
            Self::Unnamed => "unnamed types that got different names",
            Self::Layouts => {
                "names with several layouts, of which each source lets another one keep the name"
            }
            Self::Bytes => "types that one source writes as bytes",
            Self::Natives => "base types of the same size under different names",
            Self::Untyped => "symbols whose type one source alone knows",
            Self::Types => "other types of the same size",
        })
    }
}
