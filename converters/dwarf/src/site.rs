//! The place of an entry, and the target of an attribute.

/// An entry: its unit's number, and its offset from that unit's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Site {
    pub(crate) unit: u32,
    pub(crate) at: u32,
}

/// The target of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// Nowhere.
    Nothing,
    /// An entry of the same unit, by its offset from the unit's header.
    Here(u32),
    /// An entry of the same file's `.debug_info`, by its offset there.
    Section(u64),
    /// A type unit, by its signature.
    Signature(u64),
    /// An entry of the supplementary file.
    Supplement(u64),
}
