use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::writer::guid_age;
use crate::{Profile, System};

/// The path below a symbol folder where Volatility 3 looks for a profile's table. For Windows it consists of the
/// PDB's name, GUID and age. For Linux and macOS the table can be anywhere in the system's folder, where Volatility
/// reads the banners, so the name is made of release and banner. `None` for a profile that it could not find.
pub fn table_path(profile: &Profile) -> Option<PathBuf> {
    match profile.system {
        System::Windows => {
            let guid_age = guid_age(profile)?;
            let database = profile.metadata_text("PDBFile").filter(|name| is_file_name(name))?;
            let file = format!("{}-{}.json.xz", guid_age.guid_text(), guid_age.age());
            Some(["windows", database, &file].iter().collect())
        }
        System::Linux | System::Mac => {
            let banner = profile.metadata_text("Banner")?;
            let digest: String =
                Sha256::digest(banner).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
            let release = profile.metadata_text("Release").filter(|name| is_file_name(name));
            let folder = if profile.system == System::Linux { "linux" } else { "mac" };
            let file = format!("{}-{digest}.json.xz", release.unwrap_or("kernel"));
            Some([folder, &file].iter().collect())
        }
        System::Other => None,
    }
}

/// Whether a text from a file can be used as a file name: not a path, and not a way out of a folder.
fn is_file_name(text: &str) -> bool {
    let allowed =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+' | '~');
    !text.is_empty() && text.len() < 128 && !text.starts_with('.') && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Arch;

    #[test]
    fn where_volatility_looks() {
        let mut profile = Profile::new(System::Windows, Arch::Amd64);
        profile.set_metadata("GUID_AGE", "F8E2A8B5C9B74BF4A6E4A48F180099941A");
        assert_eq!(table_path(&profile), None);
        profile.set_metadata("PDBFile", "ntkrnlmp.pdb");
        let expected = "windows/ntkrnlmp.pdb/F8E2A8B5C9B74BF4A6E4A48F18009994-26.json.xz";
        assert_eq!(table_path(&profile), Some(PathBuf::from(expected)));
        for name in ["../../x.pdb", "", ".hidden", "a/b", "a\\b"] {
            profile.set_metadata("PDBFile", name);
            assert_eq!(table_path(&profile), None, "{name}");
        }
        profile.system = System::Linux;
        assert_eq!(table_path(&profile), None);
        profile.set_metadata("Banner", "Linux version 6.1.0-13-amd64 (me)");
        profile.set_metadata("Release", "6.1.0-13-amd64");
        let path = table_path(&profile).unwrap();
        assert!(path.to_str().unwrap().starts_with("linux/6.1.0-13-amd64-"), "{path:?}");
    }
}
