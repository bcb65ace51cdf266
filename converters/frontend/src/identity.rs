use std::fmt;

use profile::{GuidAge, Profile, System};

/// The build that a profile belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// A Windows module, by its PDB.
    Pdb {
        /// The PDB's file name (`ntkrnlmp.pdb`); empty if the profile does not name it.
        name: String,
        /// Its GUID and age.
        guid_age: GuidAge,
    },
    /// An ELF file, by its build-id in lower-case hexadecimal digits.
    BuildId(String),
    /// A Mach-O file, by its UUID as Apple's tools print it.
    Uuid(String),
}

/// The shortest text that is accepted as a build-id, in hexadecimal digits. Linkers write 16, 32 or 40; a user may
/// give any number.
const SHORTEST_BUILD_ID: usize = 8;

impl Identity {
    /// Reads the identity from the profile's metadata. `None` if it names no build.
    pub fn of(profile: &Profile) -> Option<Self> {
        let hexadecimal = |text: &str| text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if profile.system == System::Linux
            && let Some(id) = profile.metadata_text("BuildID")
            && id.len() >= SHORTEST_BUILD_ID
            && hexadecimal(id)
        {
            return Some(Self::BuildId(id.to_ascii_lowercase()));
        }
        if let Some(guid_age) = profile.metadata_text("GUID_AGE").and_then(|text| text.parse().ok()) {
            let name = profile.metadata_text("PDBFile").unwrap_or_default().to_owned();
            return Some(Self::Pdb { name, guid_age });
        }
        let uuid = profile.metadata_text("UUID").filter(|_| profile.system == System::Mac)?;
        let plain: String = uuid.chars().filter(|character| *character != '-').collect();
        (plain.len() == 32 && hexadecimal(&plain)).then(|| Self::Uuid(uuid.to_ascii_uppercase()))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pdb { name, guid_age } => write!(f, "{name}/{guid_age}"),
            Self::BuildId(id) => write!(f, "build-id {id}"),
            Self::Uuid(uuid) => write!(f, "UUID {uuid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use profile::Arch;

    use super::*;

    fn of(system: System, metadata: &[(&str, &str)]) -> Option<String> {
        let mut profile = Profile::new(system, Arch::Amd64);
        for (key, value) in metadata {
            profile.set_metadata(key, *value);
        }
        Identity::of(&profile).map(|identity| identity.to_string())
    }

    #[test]
    fn each_system_names_its_build_in_its_own_way() {
        let guid = ("GUID_AGE", "F8E2A8B5C9B74BF4A6E4A48F180099942");
        let pdb = of(System::Windows, &[guid, ("PDBFile", "nt.pdb")]);
        assert_eq!(pdb.as_deref(), Some("nt.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942"));
        let linux = of(System::Linux, &[("BuildID", "3B43FAD503")]);
        assert_eq!(linux.as_deref(), Some("build-id 3b43fad503"));
        let uuid = "00010203-0405-0607-0809-0A0B0C0D0E0F";
        assert_eq!(of(System::Mac, &[("UUID", uuid)]), Some(format!("UUID {uuid}")));
    }

    #[test]
    fn texts_that_cannot_be_file_names_are_not_identities() {
        for (system, metadata) in [
            (System::Linux, [("BuildID", "../../etc")]),
            (System::Linux, [("BuildID", "3b43")]),
            (System::Windows, [("GUID_AGE", "none")]),
            (System::Mac, [("UUID", "00010203-0405/0607-0809-0A0B0C0D0E0F")]),
            (System::Mac, [("BuildID", "3b43fad503")]),
        ] {
            assert_eq!(of(system, &metadata), None, "{metadata:?}");
        }
    }
}
