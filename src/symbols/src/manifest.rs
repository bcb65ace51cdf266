use std::io::{self, Read, Write};
use std::path::Path;

use profile::{GuidAge, open_input};
use serde::{Deserialize, Serialize};

use pe::PdbName;

/// A PDB to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its file name.
    pub name: PdbName,
    /// Its GUID and age.
    pub guid_age: GuidAge,
    /// Where it was referred to (an image and an offset, a module), for readers of a manifest.
    pub seen: Vec<String>,
}

impl Wanted {
    /// A PDB by name, GUID and age.
    pub fn new(name: PdbName, guid_age: GuidAge) -> Self {
        Self { name, guid_age, seen: Vec::new() }
    }

    /// Whether both are the same file; stores ignore the case of names.
    pub fn same_file(&self, other: &Self) -> bool {
        self.guid_age == other.guid_age && self.name.as_str().eq_ignore_ascii_case(other.name.as_str())
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.guid_age)
    }
}

/// A list of PDBs to be fetched, for a machine with network access.
///
/// As text: `{"schema": 1, "wanted": [{"name": ..., "guid_age": ..., "seen": [...]}]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The PDBs, each once.
    pub wanted: Vec<Wanted>,
}

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The text is not JSON, or not JSON of this form.
    #[error("line {line}, column {column}: {reason}")]
    Form {
        /// The line, counted from 1; 0 if the error concerns the whole text.
        line: usize,
        /// The column, counted from 1.
        column: usize,
        /// The parser's message.
        reason: String,
    },
    /// A newer version of the format.
    #[error("schema {found}, expected 1: it was written by a newer version")]
    Schema {
        /// The version in the manifest.
        found: u64,
    },
    /// An entry that does not name a PDB.
    #[error("entry {position}: {reason}")]
    Entry {
        /// The number of the entry, counted from 1.
        position: usize,
        /// The problem.
        reason: String,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Serialize, Deserialize)]
struct Text {
    schema: u64,
    wanted: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    guid_age: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<String>,
}

impl Manifest {
    const SCHEMA: u64 = 1;

    /// Adds a file or, if the manifest has it already, its `seen` places to the existing entry.
    pub fn add(&mut self, wanted: Wanted) {
        match self.wanted.iter_mut().find(|entry| entry.same_file(&wanted)) {
            Some(entry) => entry.seen.extend(wanted.seen),
            None => self.wanted.push(wanted),
        }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`], with the place in the text or the entry.
    pub fn read(source: impl Read) -> Result<Self, ManifestError> {
        let text: Text = serde_json::from_reader(io::BufReader::new(source)).map_err(|error| {
            if error.is_io() {
                return ManifestError::Io(error.into());
            }
            ManifestError::Form { line: error.line(), column: error.column(), reason: error.to_string() }
        })?;
        if text.schema != Self::SCHEMA {
            return Err(ManifestError::Schema { found: text.schema });
        }
        let mut manifest = Self::default();
        for (index, entry) in text.wanted.into_iter().enumerate() {
            let refuse = |reason: String| ManifestError::Entry { position: index + 1, reason };
            let name = PdbName::from_user(&entry.name).map_err(|error| refuse(error.to_string()))?;
            let guid_age = entry.guid_age.parse().map_err(|error| refuse(format!("{error}")))?;
            manifest.add(Wanted { name, guid_age, seen: entry.seen });
        }
        Ok(manifest)
    }

    /// Reads the manifest in a file.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read_file(path: &Path) -> Result<Self, ManifestError> {
        Self::read(open_input(path)?)
    }

    /// Writes the manifest as text.
    ///
    /// # Errors
    /// Any error from writing.
    pub fn write(&self, mut sink: impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut sink, self)?;
        sink.write_all(b"\n")
    }
}

impl Serialize for Manifest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = |wanted: &Wanted| Entry {
            name: wanted.name.to_string(),
            guid_age: wanted.guid_age.to_string(),
            seen: wanted.seen.clone(),
        };
        let text = Text { schema: Self::SCHEMA, wanted: self.wanted.iter().map(entry).collect() };
        text.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID_AGE: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";

    #[test]
    fn reads_what_it_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wanted.json");
        let mut manifest = Manifest::default();
        let mut wanted = Wanted::new("ntkrnlmp.pdb".parse().unwrap(), GUID_AGE.parse().unwrap());
        wanted.seen.push("win7.elf at 0x27bb5fc".into());
        manifest.add(wanted.clone());
        manifest.add(wanted);
        assert_eq!(manifest.wanted.len(), 1);
        manifest.write(std::fs::File::create(&path).unwrap()).unwrap();
        assert_eq!(Manifest::read_file(&path).unwrap(), manifest);
    }

    #[test]
    fn names_the_entry_that_is_wrong() {
        let text = format!(
            r#"{{"schema": 1, "wanted": [{{"name": "a", "guid_age": "{GUID_AGE}"}}, {{"name": "b", "guid_age": "12"}}]}}"#
        );
        let error = Manifest::read(text.as_bytes()).unwrap_err();
        assert!(matches!(error, ManifestError::Entry { position: 2, .. }), "{error}");
    }

    #[test]
    fn refuses_newer_versions_and_other_texts() {
        let later = Manifest::read(&br#"{"schema": 2, "wanted": []}"#[..]).unwrap_err();
        assert!(matches!(later, ManifestError::Schema { found: 2 }), "{later}");
        let html = Manifest::read(&b"<html>"[..]).unwrap_err();
        assert!(matches!(html, ManifestError::Form { line: 1, .. }), "{html}");
    }
}
