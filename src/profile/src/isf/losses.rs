//! Kinds of loss that more than one part of the reader counts.

/// Counted for keys of an object that appear more than once.
pub(super) const REPEATED: &str = "keys that appear twice";

/// Counted for descriptors of which something was not understood.
pub(super) const NOT_UNDERSTOOD: &str = "type descriptors that are not as the schema has them";
/// Counted for base types and enumerations that are used and defined nowhere.
pub(super) const DANGLING: &str = "names of base types or enumerations that nothing defines";
