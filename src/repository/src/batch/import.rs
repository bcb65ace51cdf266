use converters::Identity;
use profile::{MAX_TEXT, Report, read_text};

use super::state::{NewPart, describe};
use crate::packed::pack;
use crate::{Condition, Error, ProfileName, Storage};

/// A profile that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its name in the repository.
    pub name: ProfileName,
    /// Its size, in bytes.
    pub size: u64,
    /// The verdict on it.
    pub health: String,
}

/// Imports a profile from another source unchanged (compressed, if it was not). Without a name it gets the one from
/// its metadata: `nt/GUID/...` for a Windows kernel, `<pdb>/GUID/...` for another module, `Linux/<build-id>` for
/// Linux, `OSX/<UUID>` for macOS.
///
/// # Errors
/// [`Error::Profile`] if it is not a profile; [`Error::Storage`] if its name is unknown.
pub fn import(
    storage: &dyn Storage,
    place: &str,
    bytes: &[u8],
    name: Option<ProfileName>,
) -> Result<Imported, Error> {
    let failed = |source| Error::Profile { place: place.to_owned(), source };
    let text = profile::unpack(bytes, MAX_TEXT).map_err(failed)?;
    let profile = read_text(&text, &mut Report::default()).map_err(failed)?;
    let name = match name {
        Some(name) => name,
        None => {
            let identity = Identity::of(&profile).ok_or_else(|| Error::Storage {
                place: place.to_owned(),
                problem: "it does not say which build it is of: give it a name with --as".to_owned(),
            })?;
            ProfileName::of_build(&identity)?
        }
    };
    // A gzip file is kept byte for byte.
    let packed = if bytes.starts_with(&[0x1f, 0x8b]) { bytes.to_vec() } else { pack(&text)? };
    let mut content = describe(&packed);
    content.generator = super::IMPORTED.to_owned();
    let (size, health) = (content.size, content.health.clone());
    // Written before the profile, so that no profile exists without it.
    let mark = format!("{{\"sha256\": \"{}\"}}\n", content.sha256);
    storage.write(&super::state::mark(&name.key())?, mark.as_bytes(), &Condition::Always)?;
    storage.write(&name.key(), &packed, &Condition::Always)?;
    let mut part = NewPart::default();
    part.made(name.as_str(), &content);
    part.finish().write(storage)?;
    Ok(Imported { name, size, health })
}
