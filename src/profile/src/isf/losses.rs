//! Kinds of loss that several parts of the reader count.

/// Counted for keys of an object that appear more than once.
pub(super) const REPEATED: &str = "keys that appear twice";

/// Counted for descriptors that could not be read completely.
pub(super) const NOT_UNDERSTOOD: &str = "type descriptors that are not as the schema has them";
/// Counted for base types and enumerations that are used but not defined.
pub(super) const DANGLING: &str = "names of base types or enumerations that nothing defines";
