use profile::{Profile, Report};

use crate::Identity;

/// What a conversion gives.
#[derive(Debug)]
pub struct Converted {
    /// The profile. Its names and conflicts are not settled yet ([`profile::Resolution`] does that). It holds what the
    /// export to Volatility 3 needs beyond Rekall's form, such as the typedef names of structs.
    pub profile: Profile,
    /// What could not be carried over, and what a user should know.
    pub report: Report,
}

impl Converted {
    /// The build that the source is of, if the source says so.
    pub fn identity(&self) -> Option<Identity> {
        Identity::of(&self.profile)
    }
}
