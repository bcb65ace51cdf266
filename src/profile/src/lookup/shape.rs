/// Whether bytes begin like an entry of a section.
pub(super) type Shape = fn(&[u8]) -> bool;
