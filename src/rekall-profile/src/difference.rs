use profile::{Report, Resolution, Settled};

use crate::{Error, Profile};

/// One way in which two profiles differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// A struct, a member (`task_struct.pid`) or a symbol.
    pub name: String,
    /// What the old profile says; `None` if it does not have the struct.
    pub old: Option<String>,
    /// What the new profile says; `None` if it does not have the struct.
    pub new: Option<String>,
}

/// What changed from one profile to another: structs of other sizes, members at other offsets, symbols at other addresses,
/// and structs that only one of them has. By name. Members and symbols that only one of them has are not listed.
///
/// # Errors
/// [`Error::Profile`] if one of them is damaged.
pub fn diff(old: &Profile, new: &Profile) -> Result<Vec<Difference>, Error> {
    let (old, new) = (Whole::of(old)?, Whole::of(new)?);
    let found = profile::compare(old.settled(), new.settled());
    let present = || Some("present".to_owned());
    let mut all: Vec<Difference> = found
        .differences
        .into_iter()
        .map(|item| Difference { name: item.name, old: Some(item.first), new: Some(item.second) })
        .chain(found.only_first.into_iter().map(|name| Difference { name, old: present(), new: None }))
        .chain(found.only_second.into_iter().map(|name| Difference { name, old: None, new: present() }))
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// A profile that was read in full.
struct Whole {
    profile: profile::Profile,
    resolution: Resolution,
}

impl Whole {
    fn of(profile: &Profile) -> Result<Self, Error> {
        let mut report = Report::default();
        let mut profile = profile.whole(&mut report)?;
        let resolution = Resolution::new(&mut profile, &mut report);
        Ok(Self { profile, resolution })
    }

    fn settled(&self) -> Settled<'_> {
        Settled { profile: &self.profile, resolution: &self.resolution }
    }
}
