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
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Sample {
    fn new(name: &str, kind: FileKind, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), kind, bytes: bytes.into() }
    }
}

/// At least one file of every kind that a file can have. A kind that its signature alone identifies needs no row in this
/// crate: its file is the signature.
pub fn samples() -> Vec<Sample> {
    let groups = [
        executables::samples(),
        pdbs::samples(),
        memory::samples(),
        disks::samples(),
        archives::samples(),
        texts::samples(),
    ];
    let mut samples: Vec<Sample> = groups.into_iter().flatten().collect();
    let without = |kind: FileKind| !samples.iter().any(|sample| sample.kind == kind);
    let by_signature: Vec<Sample> = FileKind::SIGNATURES
        .iter()
        .enumerate()
        .filter(|(_, (_, kind))| without(*kind))
        .map(|(row, (signature, kind))| Sample::new(&format!("{kind:?}-{row}"), *kind, *signature))
        .collect();
    samples.extend(by_signature);
    samples
}
