//! The kinds of records, and how many bytes each takes.

/// How many bytes follow a record's first twelve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Once.
    pub(crate) fixed: u8,
    /// For each of its elements.
    pub(crate) each: u8,
}

macro_rules! kinds {
    ($($(#[$documentation:meta])* $name:ident = $number:literal, $fixed:literal + $each:literal;)*) => {
        /// The kind of a record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum BtfKind {
            $($(#[$documentation])* $name,)*
            /// An unknown, newer kind, by its number.
            Unknown(u8),
        }

        impl BtfKind {
            /// Every known kind, in the order of their numbers.
            pub(crate) const KNOWN: &[Self] = &[$(Self::$name),*];

            pub(crate) fn of(number: u8) -> Self {
                match number {
                    $($number => Self::$name,)*
                    other => Self::Unknown(other),
                }
            }

            /// The number of the kind.
            pub(crate) fn number(self) -> u8 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Unknown(number) => number,
                }
            }

            /// How many bytes follow a record's head; `None` for an unknown kind.
            pub(crate) fn extent(self) -> Option<Extent> {
                match self {
                    $(Self::$name => Some(Extent { fixed: $fixed, each: $each }),)*
                    Self::Unknown(_) => None,
                }
            }
        }
    };
}

kinds! {
    /// An integer.
    Int = 1, 4 + 0;
    /// A pointer.
    Pointer = 2, 0 + 0;
    /// An array.
    Array = 3, 12 + 0;
    /// A struct.
    Struct = 4, 0 + 12;
    /// A union.
    Union = 5, 0 + 12;
    /// An enumeration of up to 32 bits.
    Enum = 6, 0 + 8;
    /// A struct or union that is only declared.
    Forward = 7, 0 + 0;
    /// A typedef.
    Typedef = 8, 0 + 0;
    /// A volatile type.
    Volatile = 9, 0 + 0;
    /// A constant type.
    Const = 10, 0 + 0;
    /// A restricted pointer.
    Restrict = 11, 0 + 0;
    /// A function; its number of elements is its linkage.
    Function = 12, 0 + 0;
    /// The type of a function.
    Signature = 13, 0 + 8;
    /// A variable.
    Variable = 14, 4 + 0;
    /// A section with variables.
    Section = 15, 0 + 12;
    /// A floating-point number.
    Float = 16, 0 + 0;
    /// A note on a declaration.
    DeclarationTag = 17, 4 + 0;
    /// A note on a type.
    TypeTag = 18, 0 + 0;
    /// An enumeration of 64 bits.
    Enum64 = 19, 0 + 12;
}
