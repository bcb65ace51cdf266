use pe::PdbName;
use pe::Pe;
use profile::{Arch, GuidAge, Profile, Report, Resolution, System, write_text};

use super::item::text;
use super::state::{NewPart, describe};
use crate::packed::pack;
use crate::{CONFIG, Condition, Config, Error, Guids, Handler, Key, ProfileName, Storage};

/// The builds that were added to a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addition {
    /// The builds that were not in the list.
    pub added: Vec<(PdbName, GuidAge)>,
    /// The builds that it already had.
    pub known: Vec<(PdbName, GuidAge)>,
    /// The list.
    pub list: String,
}

const ATTEMPTS: usize = 16;

/// Adds builds to the list of the entry `target` (`nt/GUID`).
///
/// # Errors
/// [`Error::Absent`] without a configuration; [`Error::Storage`] if it has no such entry, or one without a list.
pub fn add_guids(
    storage: &dyn Storage,
    target: &str,
    builds: &[(PdbName, GuidAge)],
) -> Result<Addition, Error> {
    let key: Key = CONFIG.parse()?;
    let place = storage.place_of(&key);
    let config = Config::parse(&text(storage, &key, "the repository's configuration")?, &place)?;
    let lists: Vec<&str> = config
        .entries
        .iter()
        .filter(|entry| matches!(entry.handler, Handler::Windows { .. }))
        .map(|entry| entry.name.as_str())
        .collect();
    let entry = config.entry(target);
    let Some(Handler::Windows { guids, .. }) = entry.map(|entry| &entry.handler) else {
        let problem =
            format!("no entry '{target}' of type WindowsGUIDProfile; there are: {}", lists.join(", "));
        return Err(Error::Storage { place, problem });
    };
    for _ in 0..ATTEMPTS {
        let object = storage.read(guids, 64 << 20)?;
        let place = storage.place_of(guids);
        let mut list = match &object {
            Some(object) => Guids::parse(&String::from_utf8_lossy(&object.bytes), &place)?,
            None => Guids::default(),
        };
        let mut addition = Addition { list: place, ..Addition::default() };
        for (name, guid_age) in builds {
            let new = list.add(name.clone(), *guid_age);
            let side = if new { &mut addition.added } else { &mut addition.known };
            side.push((name.clone(), *guid_age));
        }
        if addition.added.is_empty() {
            return Ok(addition);
        }
        let condition = object.map_or(Condition::Absent, |object| Condition::Unchanged(object.version));
        if storage.write(guids, list.to_text().as_bytes(), &condition)?.is_some() {
            return Ok(addition);
        }
    }
    let problem = "somebody else writes it all the time".to_owned();
    Err(Error::Storage { place: storage.place_of(guids), problem })
}

/// The identity of a binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Its PDB.
    pub pdb: PdbName,
    /// Its build.
    pub guid_age: GuidAge,
    /// The names of its profile in the older hierarchy: `GUID/<GUID>` and, if it has a version resource,
    /// `ntoskrnl.exe/AMD64/6.1.7601.17514/<GUID>`.
    pub names: Vec<ProfileName>,
}

impl Binary {
    /// Reads a binary; `file_name` is its name in errors, and the last part of that is used in the older hierarchy.
    ///
    /// # Errors
    /// [`Error::Storage`] if it is not a PE file, or does not name a PDB.
    pub fn read(file_name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let failed = |problem: String| Error::Storage { place: file_name.to_owned(), problem };
        let pe = Pe::parse(bytes).map_err(|error| failed(error.to_string()))?;
        let records = pe.rsds().map_err(|error| failed(error.to_string()))?;
        let record = records.first().ok_or_else(|| failed("it names no PDB (no RSDS record)".to_owned()))?;
        let pdb: PdbName =
            record.file_name().parse().map_err(|error: pe::NameError| failed(error.to_string()))?;
        let guid_age = record.guid_age;
        let mut names: Vec<ProfileName> = vec![format!("GUID/{guid_age}").parse()?];
        let version = pe.version().ok().flatten().and_then(|version| version.file);
        let arch = arch(pe.headers().machine);
        if let (Some([major, minor, build, revision]), Some(arch)) = (version, arch) {
            let last = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name).to_lowercase();
            let folder = format!("{last}/{arch}/{major}.{minor}.{build}.{revision}");
            names.push(format!("{folder}/{guid_age}").parse()?);
        }
        Ok(Self { pdb, guid_age, names })
    }
}

/// Writes profiles with these names as symlinks to `target`, and records them for sealing. Returns false without
/// writing anything if the target does not exist.
///
/// # Errors
/// If the repository cannot be read or written.
pub fn link(storage: &dyn Storage, target: &ProfileName, names: &[ProfileName]) -> Result<bool, Error> {
    let mut present = false;
    for key in target.keys() {
        present = present || storage.stat(&key)?.is_some();
    }
    if !present {
        return Ok(false);
    }
    let bytes = symlink(target.as_str())?;
    let mut part = NewPart::default();
    for name in names.iter().filter(|name| *name != target) {
        part.made(name.as_str(), &describe(&bytes));
        let known = storage.read(&name.key(), bytes.len() as u64);
        if !matches!(known, Ok(Some(known)) if known.bytes == bytes) {
            storage.write(&name.key(), &bytes, &Condition::Always)?;
        }
    }
    part.finish().write(storage)?;
    Ok(true)
}

fn arch(machine: u16) -> Option<Arch> {
    match machine {
        0x8664 => Some(Arch::Amd64),
        0x14c => Some(Arch::I386),
        0x1c0 | 0x1c4 => Some(Arch::Arm),
        0xaa64 => Some(Arch::Arm64),
        _ => None,
    }
}

/// The object of a profile that refers to another.
fn symlink(target: &str) -> Result<Vec<u8>, Error> {
    let mut profile = Profile::symlink(target);
    profile.system = System::Other;
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    let text = write_text(&profile, &resolution, Vec::new()).map_err(|error| Error::io(target, error))?;
    pack(&text)
}
