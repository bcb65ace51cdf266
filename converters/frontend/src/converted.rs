use profile::{Profile, Report};

use crate::Identity;

/// The result of a conversion.
#[derive(Debug)]
pub struct Converted {
    /// The profile. Its name conflicts have not been settled yet ([`profile::Resolution`] does that). It may also hold data
    /// that Rekall's form has no place for and only the export to Volatility 3 writes, such as the typedef names of structs.
    pub profile: Profile,
    /// What could not be converted, and what the user should know.
    pub report: Report,
}

impl Converted {
    /// The build that the source belongs to, if the source identifies it.
    pub fn identity(&self) -> Option<Identity> {
        Identity::of(&self.profile)
    }
}
