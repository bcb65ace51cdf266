use crate::{Profile, RecordId};

/// A struct that was looked up: a profile of only that struct, with the metadata of the whole.
///
/// Other structs that it holds or points to are only named ([`crate::Type::Named`]); [`crate::Text::structure`] finds
/// each of them.
#[derive(Debug)]
pub struct Structure {
    /// The profile.
    pub profile: Profile,
    /// The struct in it.
    pub record: RecordId,
}

/// A symbol that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Its RVA (Windows) or address.
    pub address: u64,
    /// Whether it is a function, which only Windows profiles keep apart.
    pub function: bool,
}
