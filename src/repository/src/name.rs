use std::fmt;
use std::str::FromStr;

use converters::Identity;
use profile::GuidAge;

use crate::{Error, Key};

/// The name of a profile in a repository: its object's address without `.gz` (`nt/GUID/F8E2...2`, `OSX/10.7.4_AMD`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(Key);

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

    /// The name for the object `key`; `None` if it does not belong to a profile (it does not end in `.gz`, or is a
    /// source).
    pub fn of_key(key: &Key) -> Option<Self> {
        let name = key.as_str().strip_suffix(".gz")?;
        // An object that was compressed twice is not a profile: names never end like this.
        if name.starts_with("src/") || name.ends_with(".gz") { None } else { name.parse().ok() }
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
    /// `None` for the inventory too.
    pub fn of_any_key(key: &Key) -> Option<Self> {
        let text = key.as_str();
        if text == crate::INVENTORY {
            return None;
        }
        let name = text.strip_suffix(".json.gz").or_else(|| text.strip_suffix(".json"));
        match name.filter(|_| !text.starts_with("src/")) {
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

    /// A name with or without `.gz`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let name: Key = text.trim_end_matches(".gz").parse()?;
        // The object's address has to be one too.
        let _: Key = format!("{name}.gz").parse()?;
        Ok(Self(name))
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
