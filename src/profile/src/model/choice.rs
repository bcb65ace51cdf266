use crate::{Type, TypeId};

/// A use of a name that several definitions fit alike (docs/format.md, invariant 6).
///
/// A front-end that cannot tell which definition the source means reserves a type for the use
/// ([`crate::Types::reserve`]), gives it a meaning that holds in any case (`Type::Named`), and notes the
/// possibilities with [`crate::Types::add_choice`]. [`crate::Resolution`] then takes one of them, by default
/// the one whose definition ranks first for the name, and counts and lists the use as ambiguous where the
/// possibilities differ in layout.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The reserved type that stands for the use.
    pub slot: TypeId,
    /// What the use may mean; at least one.
    pub options: Vec<ChoiceOption>,
    /// Whether the options are in order of likelihood: the first is taken then, whatever the ranks are.
    pub ordered: bool,
    /// Where the use is, for the report: `owner.member`, or a variable's name.
    pub place: String,
}

/// One of the definitions that a use may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChoiceOption {
    /// The definition: `Type::Record` or `Type::Enumeration`.
    pub definition: Type,
    /// What the use is in this case: the definition itself, or for example an array of so many of it.
    pub whole: Type,
}
