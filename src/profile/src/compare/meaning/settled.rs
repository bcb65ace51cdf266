//! One side of a comparison.

use crate::{Profile, Resolution};

/// A profile with its names settled.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// Its names.
    pub resolution: &'a Resolution,
}
