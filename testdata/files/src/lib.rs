//! Small files of every kind that [`formats`] names, each with the kind that it has to be recognised as.
//!
//! Start here: [`samples`]. The files are made in memory, by the descriptions of their formats, as small as their fields
//! allow.

mod archives;
mod builders;
mod disks;
mod executables;
mod memory;
mod pdbs;
mod texts;

use formats::FileKind;

/// A file.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its name, with the ending that users give such files.
    pub name: &'static str,
    /// What it is.
    pub kind: FileKind,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Sample {
    fn new(name: &'static str, kind: FileKind, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name, kind, bytes: bytes.into() }
    }
}

/// At least one file of every kind that a file can have.
pub fn samples() -> Vec<Sample> {
    let groups = [
        executables::samples(),
        pdbs::samples(),
        memory::samples(),
        disks::samples(),
        archives::samples(),
        texts::samples(),
    ];
    groups.into_iter().flatten().collect()
}
