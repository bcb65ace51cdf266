use std::fmt;
use std::path::Path;

use crate::FileKind;
use crate::look::file_name;
use crate::recognise::by_name;

/// What kind of file a file is. `Display` prints it in words; [`Identified::advice`] is the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The kind.
    pub kind: FileKind,
    /// What the file's content says about itself, where the next step depends on it.
    pub detail: Option<Detail>,
    /// The compression format, if `kind` describes the content of a compressed file.
    pub packing: Option<FileKind>,
}

/// A detail that a file's content gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// The PDB of an executable.
    Pdb {
        /// Its file name, without folders. It is text from the file: escape it before it is printed.
        name: String,
        /// Its GUID and age, as symbol stores write them.
        guid_age: String,
    },
    /// A CodeView record in an executable that does not name a PDB.
    Unnamed {
        /// Its GUID and age.
        guid_age: String,
    },
    /// A build-id, in lower-case hexadecimal digits.
    BuildId(String),
    /// The first bytes of a file about which nothing else is known.
    Start(Vec<u8>),
}

impl Identified {
    /// Refines the result by the file's name, for kinds that content alone does not tell apart.
    pub fn named(self, name: &Path) -> Self {
        match by_name(&file_name(name), self.kind) {
            Some(kind) => Self { packing: self.packing, ..kind.into() },
            None => self,
        }
    }

    /// The next step that works: sentences in which command lines are in backticks. `FILE` stands for the file
    /// itself; the reader chooses the other words in capitals.
    pub fn advice(&self) -> String {
        if let Some(packing) = self.packing {
            return packing.advice().to_owned();
        }
        match (&self.detail, self.kind) {
            (Some(Detail::Pdb { name, guid_age }), _) if is_plain(name) => {
                format!("`rekall-profile fetch_pdb {name} {guid_age}` fetches the PDB that it names")
            }
            (Some(Detail::Unnamed { .. }), _) => FileKind::PeWithoutPdb.advice().to_owned(),
            (Some(Detail::BuildId(id)), FileKind::ElfBtf) => {
                format!("{}; `rekall-profile fetch_debug {id}` fetches its debug file", self.kind.advice())
            }
            (Some(Detail::BuildId(id)), FileKind::ElfStripped) => {
                format!(
                    "`rekall-profile fetch_debug {id}` fetches its debug file; \
                     the distribution's debug package has it too"
                )
            }
            _ => self.kind.advice().to_owned(),
        }
    }
}

/// Whether a name from a file can be put into a command line without quoting. Users copy such a line into a shell.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
    !name.is_empty() && !name.starts_with('-') && name.bytes().all(plain)
}

impl From<FileKind> for Identified {
    fn from(kind: FileKind) -> Self {
        Self { kind, detail: None, packing: None }
    }
}

impl fmt::Display for Identified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(packing) = self.packing {
            write!(f, "{packing} with ")?;
        }
        self.kind.fmt(f)?;
        match &self.detail {
            None => Ok(()),
            Some(Detail::Pdb { name, guid_age }) => write!(f, " that names {name} {guid_age}"),
            Some(Detail::Unnamed { guid_age }) => write!(f, ", whose debug record has the GUID {guid_age}"),
            Some(Detail::BuildId(id)) => write!(f, " with the build-id {id}"),
            Some(Detail::Start(bytes)) => {
                f.write_str(" that begins with")?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_shell_characters_stay_out_of_command_lines() {
        let of = |name: &str| {
            let detail = Detail::Pdb { name: name.to_owned(), guid_age: "0A1".to_owned() };
            Identified { detail: Some(detail), ..FileKind::Pe.into() }.advice()
        };
        assert!(of("ntkrnlmp.pdb").contains("`rekall-profile fetch_pdb ntkrnlmp.pdb 0A1`"));
        for name in ["$(reboot).pdb", "a b.pdb", "-D.pdb", "a;b", "", "a`b", "a\nb"] {
            assert_eq!(of(name), FileKind::Pe.advice(), "{name:?}");
        }
    }
}
