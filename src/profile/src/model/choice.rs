use crate::{Type, TypeId};

/// A use of a name that several definitions fit equally (docs/format.md, invariant 6).
///
/// A front-end that cannot determine the definition reserves a type for the use ([`crate::Types::reserve`]), sets it
/// to one that is right in any case (`Type::Named`), and records the possibilities with [`crate::Types::add_choice`].
/// [`crate::Resolution`] then chooses one of them, by default the one whose definition ranks first for the name, and
/// counts and lists the use as ambiguous if the possibilities differ in layout.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The reserved type that stands for the use.
    pub slot: TypeId,
    /// The possible types of the use; at least one.
    pub options: Vec<ChoiceOption>,
    /// Whether the options are in order of likelihood. Then the first is chosen, whatever the ranks are.
    pub ordered: bool,
    /// The place of the use, for the report: `owner.member`, or a variable's name.
    pub place: String,
}

/// One of the definitions to which a use may refer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChoiceOption {
    /// The definition: `Type::Record` or `Type::Enumeration`.
    pub definition: Type,
    /// The type of the use with this definition: the definition itself or, for example, an array of a certain number
    /// of it.
    pub whole: Type,
}
