//! The profile that no repository has, made from its PDB and stored.

use pe::PdbName;
use profile::{GuidAge, Health, MappedFile, Progress, Report, Text};
use symbols::{Fetcher, Wanted};

use crate::printed::Printed;
use crate::{Condition, Error, Loaded, ProfileName, Storage};

/// A profile that was made here and stored.
pub struct Built {
    /// As it was stored, ready to be used.
    pub loaded: Loaded,
    /// Where its PDB was found.
    pub from: String,
    /// What it lacks.
    pub health: Health,
    /// What could not be carried over.
    pub report: Report,
}

/// The folder of a module's profiles: `nt` for every kernel, else the module's own name in lower case without what
/// follows its dot (`tcpip`).
pub fn folder_of(pdb: &str) -> String {
    let stem = pdb.rsplit_once('.').map_or(pdb, |(stem, _)| stem).to_ascii_lowercase();
    let kernel = analyzer::windows::KERNELS.iter().any(|kernel| kernel.eq_ignore_ascii_case(pdb));
    if kernel { "nt".to_owned() } else { stem }
}

/// Fetches the PDB of a module, makes its profile and stores it as `<folder>/GUID/<build>`.
///
/// # Errors
/// [`Error::Fetch`] where no place has the PDB, [`Error::Convert`] where it is no readable one; those of the storage.
pub fn build(
    pdb: &PdbName,
    guid_age: GuidAge,
    fetcher: &Fetcher,
    storage: &dyn Storage,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let wanted = Wanted::new(pdb.clone(), guid_age);
    let found = fetcher.fetch(&wanted, progress)?;
    let failed = |problem: String| Error::Convert { place: found.path.display().to_string(), problem };
    let file = MappedFile::open(&found.path).map_err(|error| Error::io(found.path.display(), error))?;
    let Printed { bytes, health, report } =
        Printed::of_pdb(file, pdb, None, &[], progress).map_err(failed)?;
    let name = ProfileName::of_guid(&folder_of(pdb.as_str()), guid_age)?;
    let place = storage.place_of(&name.key());
    storage.write(&name.key(), &bytes, &Condition::Always)?;
    progress.tell(&format!("Stored {place}"));
    let damaged = |source| Error::Profile { place: place.clone(), source };
    let unpacked = profile::unpack(&bytes, profile::MAX_TEXT).map_err(damaged)?;
    let text = Text::new(unpacked.into_owned()).map_err(damaged)?;
    let loaded = Loaded { name, place, text, way: Vec::new() };
    Ok(Built { loaded, from: found.from, health, report })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_share_a_folder() {
        assert_eq!(folder_of("ntkrnlmp.pdb"), "nt");
        assert_eq!(folder_of("NTKRPAMP.PDB"), "nt");
        assert_eq!(folder_of("TcpIp.pdb"), "tcpip");
    }
}
