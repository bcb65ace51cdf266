use crate::{Profile, RecordId};

/// A struct that was looked up: a profile of that struct alone, with the metadata of the whole.
///
/// Other structs that it holds or points to are known by name only ([`crate::Type::Named`]);
/// [`crate::Text::structure`] finds each in turn.
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
    /// Whether it stands among the functions, which only Windows profiles keep apart.
    pub function: bool,
}
