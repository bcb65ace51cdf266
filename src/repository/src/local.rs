//! Makes and stores a profile that no repository has, from debug information that it fetches.

use std::fs::File;

use pe::PdbName;
use profile::{GuidAge, Health, MappedFile, Progress, Report, Text};
use symbols::{BuildId, DebugOptions, Fetcher, Wanted, fetch_debug};

use crate::printed::Printed;
use crate::{Condition, Error, Loaded, ProfileName, Storage};

/// A profile that was made here and stored.
pub struct Built {
    /// The profile as it was stored, ready to use.
    pub loaded: Loaded,
    /// Where its debug information was found.
    pub from: String,
    /// What it lacks.
    pub health: Health,
    /// The losses.
    pub report: Report,
}

/// The folder of a module's profiles: `nt` for every kernel, otherwise the module's own name in lower case without
/// its ending (`tcpip`).
pub fn folder_of(pdb: &str) -> String {
    let stem = pdb.rsplit_once('.').map_or(pdb, |(stem, _)| stem).to_ascii_lowercase();
    let kernel = analyzer::windows::KERNELS.iter().any(|kernel| kernel.eq_ignore_ascii_case(pdb));
    if kernel { "nt".to_owned() } else { stem }
}

/// Fetches the PDB of a module, makes its profile and stores it as `<folder>/GUID/<build>`.
///
/// # Errors
/// [`Error::Fetch`] if no place has the PDB, [`Error::Convert`] if it cannot be read, and errors of the storage.
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
    let Printed { bytes, health, report, .. } =
        Printed::of_pdb(file, pdb, None, &[], progress).map_err(failed)?;
    let name = ProfileName::of_guid(&folder_of(pdb.as_str()), guid_age)?;
    let printed = Printed { bytes, health, report, banner: String::new() };
    stored(name, printed, found.from, &Condition::Always, storage, progress)
}

/// Fetches the debug file of a Linux kernel from debuginfod servers, makes its profile and stores it as
/// `Linux/<build-id>`. An existing profile of that name stays, and the new one serves this run.
///
/// # Errors
/// [`Error::Fetch`] if no server has the debug file, [`Error::Convert`] if it cannot be read; those of the storage.
pub fn build_linux(
    build_id: &BuildId,
    options: &DebugOptions,
    storage: &dyn Storage,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let folder = tempfile::tempdir().map_err(|error| Error::io("the folder for temporary files", error))?;
    let path = folder.path().join(format!("{build_id}.debug"));
    let judge = |file: &File| {
        let file = file.try_clone().and_then(MappedFile::from_file).map_err(|error| error.to_string())?;
        converters::check_debug_file(&file, build_id.as_bytes())
    };
    let found = fetch_debug(build_id, &path, options, &judge, progress)?;
    let failed = |problem: String| Error::Convert { place: found.from.clone(), problem };
    let file = MappedFile::open(&path).map_err(|error| Error::io(path.display(), error))?;
    let printed = Printed::of_debug_file(file, &format!("{build_id}.debug"), progress).map_err(failed)?;
    let name: ProfileName = format!("Linux/{build_id}").parse()?;
    stored(name, printed, found.from, &Condition::Absent, storage, progress)
}

/// Stores what was made, and reads it as it was stored.
fn stored(
    name: ProfileName,
    printed: Printed,
    from: String,
    condition: &Condition,
    storage: &dyn Storage,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let Printed { bytes, health, report, .. } = printed;
    let place = storage.place_of(&name.key());
    match storage.write(&name.key(), &bytes, condition)? {
        Some(_) => progress.debug(&format!("Stored {place}")),
        None => progress.debug(&format!("{place} exists already and is not replaced")),
    }
    let damaged = |source| Error::Profile { place: place.clone(), source };
    let unpacked = profile::unpack(&bytes, profile::MAX_TEXT).map_err(damaged)?;
    let text = Text::new(unpacked.into_owned()).map_err(damaged)?;
    let loaded = Loaded { name, place, text, way: Vec::new() };
    Ok(Built { loaded, from, health, report })
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
