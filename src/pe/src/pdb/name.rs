use std::fmt;
use std::str::FromStr;

/// The file name of a PDB in a store: one path component that ends in `.pdb`.
///
/// An RSDS record, a manifest or a user may give a whole path with either kind of slash; only the last component is
/// used. A name that could lead out of its folder is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PdbName(String);

/// Why a text is not the name of a PDB.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("PDB name '{text}': {reason}")]
#[non_exhaustive]
pub struct NameError {
    /// The text as given.
    pub text: String,
    /// The problem.
    pub reason: &'static str,
}

impl PdbName {
    /// The longest allowed name, in bytes: the limit of common file systems.
    pub const LONGEST: usize = 255;

    /// Reads a name that a user typed: `.pdb` is added if it is missing, and `.pd_` (the name of the compressed form)
    /// is accepted.
    ///
    /// # Errors
    /// [`NameError`] if the text is not a file name.
    pub fn from_user(text: &str) -> Result<Self, NameError> {
        let lower = text.to_ascii_lowercase();
        if lower.ends_with(".pd_") {
            format!("{}b", &text[..text.len() - 1]).parse()
        } else if lower.ends_with(".pdb") {
            text.parse()
        } else {
            format!("{text}.pdb").parse()
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name under which a store keeps the file in a cabinet: the last character is an underscore.
    pub fn compressed(&self) -> String {
        let mut name = self.0.clone();
        name.pop();
        name.push('_');
        name
    }

    /// The name in lower case, if that is a different name.
    pub fn lower(&self) -> Option<Self> {
        let lower = self.0.to_lowercase();
        (lower != self.0).then_some(Self(lower))
    }
}

impl FromStr for PdbName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = |reason| Err(NameError { text: text.to_owned(), reason });
        // A name that begins with spaces would not be the same when it is read again.
        let name = text.trim().rsplit(['/', '\\']).next().unwrap_or_default().trim_start();
        if name.len() <= ".pdb".len() || !name.to_ascii_lowercase().ends_with(".pdb") {
            return refuse("expected a file name that ends in .pdb");
        }
        if name.len() > Self::LONGEST {
            return refuse("it is longer than 255 bytes");
        }
        if name.chars().any(char::is_control) {
            return refuse("it holds a control character");
        }
        if name.contains([':', '*', '?', '"', '<', '>', '|']) {
            return refuse("it holds a character that no file name has on Windows");
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for PdbName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_last_component_of_either_kind_of_path() {
        assert_eq!(r"d:\build\obj\ntkrnlmp.pdb".parse::<PdbName>().unwrap().as_str(), "ntkrnlmp.pdb");
        assert_eq!("/home/u/k.PDB".parse::<PdbName>().unwrap().as_str(), "k.PDB");
        assert_eq!("  build / k.pdb ".parse::<PdbName>().unwrap().as_str(), "k.pdb");
    }

    #[test]
    fn users_may_leave_the_ending_out_or_give_the_compressed_one() {
        assert_eq!(PdbName::from_user("ntkrnlmp").unwrap().as_str(), "ntkrnlmp.pdb");
        assert_eq!(PdbName::from_user("ntkrnlmp.pd_").unwrap().as_str(), "ntkrnlmp.pdb");
        assert_eq!(PdbName::from_user("ntkrnlmp.PDB").unwrap().as_str(), "ntkrnlmp.PDB");
        assert_eq!(PdbName::from_user("win32k.sys").unwrap().as_str(), "win32k.sys.pdb");
    }

    #[test]
    fn refuses_what_could_leave_its_folder() {
        for text in ["", "..", "a/..", ".pdb", "k.sys", "a:b.pdb", "a\nb.pdb", "x\0.pdb"] {
            assert!(text.parse::<PdbName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn compressed_and_lower_names() {
        let name: PdbName = "NtKrnlMp.pdb".parse().unwrap();
        assert_eq!(name.compressed(), "NtKrnlMp.pd_");
        assert_eq!(name.lower().unwrap().as_str(), "ntkrnlmp.pdb");
        assert_eq!(name.lower().unwrap().lower(), None);
    }
}
