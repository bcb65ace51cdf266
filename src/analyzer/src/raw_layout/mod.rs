//! Where the bytes of a raw file may belong in memory, by whatever is known of ranges and of single places.

pub(crate) mod ranges;
pub(crate) mod steps;
