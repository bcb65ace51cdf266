//! How far types are followed, and what is counted where they go further.

/// How deep unnamed types nest before their path stops naming them.
pub(super) const MAX_NESTING: usize = 16;
/// How deep a descriptor may nest, and how many descriptors it may hold, before it is cut.
pub(super) const MAX_DEPTH: usize = 32;
pub(super) const MAX_DESCRIPTORS: usize = 1024;

/// No memory is larger: a size or an offset above it is damage.
pub(super) const MAX_SIZE: u64 = 1 << 40;

/// Counted for sizes and offsets beyond that.
pub(super) const OVERSIZED: &str = "sizes and offsets above 2^40";
/// Counted for uses of a name that several definitions fit alike.
pub(super) const AMBIGUOUS: &str = "uses that several definitions fit alike";
/// Counted for members that do not lie within their struct.
pub(super) const OUTSIDE: &str = "members outside their struct";
/// Counted for members and variables whose descriptor would have no end.
pub(super) const TOO_DEEP: &str = "types nested too deeply to describe";
