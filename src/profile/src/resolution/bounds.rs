//! Limits on how far types are followed, and the losses that are counted beyond them.

/// How deep unnamed types may be nested before their path no longer names them.
pub(super) const MAX_NESTING: usize = 16;
/// How many lines unnamed definitions may take under the names of all typedefs and members that lead to them, in lines of
/// all definitions; but always so many. Beyond that their hash names them, once.
pub(super) const MAX_COPIES: usize = 4;
pub(super) const LEAST_COPIES: usize = 1 << 16;
/// How deep a descriptor may be nested, and how many descriptors it may contain, before it is cut.
pub(super) const MAX_DEPTH: usize = 32;
pub(super) const MAX_DESCRIPTORS: usize = 1024;

/// No memory is larger: a size or offset above it is damage.
pub(super) const MAX_SIZE: u64 = 1 << 40;

/// Counted for sizes and offsets beyond that.
pub(super) const OVERSIZED: &str = "sizes and offsets above 2^40";
/// Counted for uses of a name that several definitions fit equally.
pub(super) const AMBIGUOUS: &str = "uses that several definitions fit alike";
/// Counted for members that are not inside their struct.
pub(super) const OUTSIDE: &str = "members outside their struct";
/// Counted for members and variables whose descriptor would be endless.
pub(super) const TOO_DEEP: &str = "types nested too deeply to describe";
