use std::fmt;
use std::str::FromStr;

use converters::Identity;
use profile::GuidAge;

use crate::storage::LAYOUT;
use crate::{CONFIG, Error, INVENTORY, Key};

/// The name of a profile in a repository: its object's address without `.gz` (`nt/GUID/F8E2...2`, `OSX/10.7.4_AMD`).
///
/// It is never the name of a file that the repository itself uses (`inventory`, `config.yaml`, what is below `src`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(Key);

/// The folder of the sources from which profiles are made, and of the batch's own records.
const SOURCES: &str = "src";

/// What the repository itself keeps at this address; `None` if a profile can be there.
///
/// A folder in the place of one of these files would be as harmful as a file, so it is the first part that counts. Case
/// does not: file systems of Windows and macOS ignore it, and Windows drops dots and spaces at the end of a name.
pub(crate) fn own_file(address: &str) -> Option<&'static str> {
    let first = address.split('/').next().unwrap_or(address).trim_end_matches(['.', ' ']);
    let is = |name: &str| first.eq_ignore_ascii_case(name);
    if is(CONFIG) {
        Some("the configuration of the repository")
    } else if is(INVENTORY) {
        Some("the inventory of the repository")
    } else if is(SOURCES) {
        Some("the sources of profiles, their lists and the records of the batch")
    } else if is(LAYOUT) {
        Some("all objects of the repository")
    } else if [".rejects", ".rejects.gz"].iter().any(|ending| address.ends_with(ending)) {
        Some("the builds of a list that could not be made")
    } else if address.split('/').any(|part| part.starts_with('.')) {
        Some("locks and temporary files")
    } else {
        None
    }
}

/// The PDB names of Windows kernels, without their ending.
const KERNELS: [&str; 4] = ["ntkrnlmp", "ntkrnlpa", "ntkrpamp", "ntoskrnl"];

impl ProfileName {
    /// The name of a Windows profile by its build, below a prefix such as `nt`.
    ///
    /// # Errors
    /// [`Error::Key`] if the prefix is not a name.
    pub fn of_guid(prefix: &str, guid_age: GuidAge) -> Result<Self, Error> {
        format!("{prefix}/GUID/{guid_age}").parse()
    }

    /// The name for the object `key`; `None` if it does not belong to a profile (it does not end in `.gz`, or is one of
    /// the repository's own files).
    pub fn of_key(key: &Key) -> Option<Self> {
        let name = key.as_str().strip_suffix(".gz")?;
        // An object that was compressed twice is not a profile: names never end like this.
        if name.ends_with(".gz") { None } else { name.parse().ok() }
    }

    /// The name of a profile whose final name is not known before its source has been read: that of the source.
    pub(crate) fn by_source(source: &Key) -> Self {
        Self(source.clone())
    }

    /// The name for the profile of a build: `nt/GUID/...` for a Windows kernel, `<pdb>/GUID/...` for another module,
    /// `Linux/<build-id>` for Linux, which detection tries first, and `OSX/<UUID>` for macOS.
    ///
    /// # Errors
    /// [`Error::Key`] if the PDB's name cannot be a part of it.
    pub fn of_build(identity: &Identity) -> Result<Self, Error> {
        match identity {
            Identity::BuildId(id) => format!("Linux/{id}").parse(),
            Identity::Uuid(uuid) => format!("OSX/{uuid}").parse(),
            Identity::Pdb { name, guid_age } => {
                let pdb = if name.is_empty() { KERNELS[0].to_owned() } else { name.to_ascii_lowercase() };
                let stem = pdb.strip_suffix(".pdb").unwrap_or(&pdb);
                let family = if KERNELS.contains(&stem) { "nt" } else { stem };
                Self::of_guid(family, *guid_age)
            }
            _ => Err(Error::Storage {
                place: identity.to_string(),
                problem: "profiles of such builds have no name; give it one with --as".to_owned(),
            }),
        }
    }

    /// The name as a text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The object's address: the name with `.gz`.
    pub fn key(&self) -> Key {
        // A key with more plain characters at its end remains a key; its length is checked when it is made.
        format!("{}.gz", self.0).parse().unwrap_or_else(|_| self.0.clone())
    }

    /// The address of the same profile uncompressed, as in hand-made repositories.
    pub fn plain_key(&self) -> Key {
        self.0.clone()
    }

    /// Every possible address of its object, in the order in which they are tried: compressed, as manage_repo writes
    /// it; plain, as in hand-made repositories; and both under the names that `parse_pdb --output` is given.
    pub fn keys(&self) -> Vec<Key> {
        let endings = [".gz", "", ".json.gz", ".json"];
        endings.iter().filter_map(|ending| format!("{}{ending}", self.0).parse().ok()).collect()
    }

    /// The name for the object `key` in a repository of any origin: as [`ProfileName::of_key`], and without `.json`.
    pub fn of_any_key(key: &Key) -> Option<Self> {
        let text = key.as_str();
        match text.strip_suffix(".json.gz").or_else(|| text.strip_suffix(".json")) {
            Some(name) => name.parse().ok(),
            None => Self::of_key(key),
        }
    }

    /// The GUID and age in its last part, if it is one.
    pub fn guid_age(&self) -> Option<GuidAge> {
        self.0.file_name().parse().ok()
    }
}

impl FromStr for ProfileName {
    type Err = Error;

    /// A name with or without `.gz`. Gives [`Error::Key`] if it cannot be an address, and [`Error::Reserved`] for the
    /// name of a file that the repository itself uses.
    fn from_str(text: &str) -> Result<Self, Error> {
        let name: Key = text.trim_end_matches(".gz").parse()?;
        // The object's address has to be one too.
        let key: Key = format!("{name}.gz").parse()?;
        match own_file(name.as_str()).or_else(|| own_file(key.as_str())) {
            Some(what) => Err(Error::Reserved { name: name.to_string(), what }),
            None => Ok(Self(name)),
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_object() {
        let name: ProfileName = "OSX/10.7.4_AMD.gz".parse().unwrap();
        assert_eq!(name.as_str(), "OSX/10.7.4_AMD");
        assert_eq!(name.key().as_str(), "OSX/10.7.4_AMD.gz");
        assert_eq!(ProfileName::of_key(&name.key()), Some(name));
        assert_eq!(ProfileName::of_key(&"src/nt/guids.yaml.rejects.gz".parse().unwrap()), None);
        assert_eq!(ProfileName::of_key(&"OSX/10.7.4_AMD.gz.gz".parse().unwrap()), None);
        assert!(".gz.gz".parse::<ProfileName>().is_err());
    }

    #[test]
    fn files_of_the_repository_are_not_profiles() {
        for name in [
            "inventory",
            "Inventory.gz",
            "inventory.gz/GUID/1",
            "config.yaml",
            "config.yaml/GUID/1",
            "src",
            "src/nt/guids.yaml",
            "SRC. /GUID/1",
            "v1.0/nt/index",
            "lists/guids.yaml.rejects",
            ".lock",
            ".lock/GUID/1",
            "nt/.x/y",
        ] {
            let refused = name.parse::<ProfileName>();
            assert!(matches!(refused, Err(Error::Reserved { .. })), "{name}: {refused:?}");
        }
        for name in
            ["inventory/GUID/1", "config/GUID/1", "src2/GUID/1", "nt/src/1", "nt/inventory", "OSX/v1.0"]
        {
            assert_eq!(name.parse::<ProfileName>().unwrap().as_str(), name);
        }
        let guid_age: GuidAge = "F8E2A8B5C9B74BF4A6E4A48F180099942".parse().unwrap();
        let build = Identity::Pdb { name: "src.pdb".to_owned(), guid_age };
        let refused = ProfileName::of_build(&build).unwrap_err().to_string();
        assert!(refused.contains("the repository keeps the sources of profiles"), "{refused}");
    }

    #[test]
    fn an_object_may_have_four_addresses() {
        let name: ProfileName = "GUID/A".parse().unwrap();
        let keys: Vec<String> = name.keys().iter().map(ToString::to_string).collect();
        assert_eq!(keys, ["GUID/A.gz", "GUID/A", "GUID/A.json.gz", "GUID/A.json"]);
        for (key, expected) in [
            ("GUID/A.gz", Some("GUID/A")),
            ("GUID/A.json.gz", Some("GUID/A")),
            ("GUID/A.json", Some("GUID/A")),
            ("src/a.json", None),
            ("GUID/A.txt", None),
            ("inventory.gz", None),
        ] {
            let found = ProfileName::of_any_key(&key.parse().unwrap());
            assert_eq!(found.as_ref().map(ProfileName::as_str), expected, "{key}");
        }
    }

    #[test]
    fn guids_of_any_spelling_are_read() {
        let name: ProfileName = "nt/GUID/{f8e2a8b5-c9b7-4bf4-a6e4-a48f18009994}2".parse().unwrap();
        let guid_age = name.guid_age().unwrap();
        assert_eq!(guid_age.to_string(), "F8E2A8B5C9B74BF4A6E4A48F180099942");
        assert_eq!(
            ProfileName::of_guid("nt", guid_age).unwrap().as_str(),
            "nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942"
        );
    }
}
