//! Shared by the tests: a conversion with its printed text, and a second reader for comparisons.

#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

pub mod build;
pub mod meaning;
pub mod second;
pub mod shown;
pub mod third;

use std::path::PathBuf;

use pdb_converter::{Error, Options, convert};
use profile::{MappedFile, Profile, Report, Resolution, Silent, write_text};

/// A converted PDB, printed and read back.
pub struct Printed {
    pub json: serde_json::Value,
    pub text: Vec<u8>,
    pub profile: Profile,
    pub report: Report,
}

/// Converts and prints, with the options given.
pub fn print(file: &MappedFile, options: &Options) -> Result<Printed, Error> {
    let mut converted = convert(file.clone(), options, &Silent)?;
    let resolution = Resolution::new(&mut converted.profile, &mut converted.report);
    let text = write_text(&converted.profile, &resolution, Vec::new()).expect("the profile prints");
    let json = serde_json::from_slice(&text).expect("the text is JSON");
    Ok(Printed { json, text, profile: converted.profile, report: converted.report })
}

/// Converts and prints with no options but the file's name.
pub fn print_as(file: &MappedFile, file_name: &str) -> Result<Printed, Error> {
    print(file, &Options { file_name: file_name.to_owned(), ..Options::default() })
}

/// A file of the corpus; the test fails where it is missing.
pub fn corpus(path: &str) -> PathBuf {
    let corpus = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the corpus");
    let path = PathBuf::from(corpus).join(path);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// A fixture of the project.
pub fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/pdb").join(path)
}

/// A PDB made by a test, converted and printed.
pub fn built(pdb: &build::Pdb) -> Printed {
    built_with(pdb, &Options { file_name: "made.pdb".to_owned(), ..Options::default() })
}

/// Likewise, with options.
pub fn built_with(pdb: &build::Pdb, options: &Options) -> Printed {
    print(&MappedFile::from(pdb.bytes()), options).expect("the PDB converts")
}

/// Every kind of loss with its count.
pub fn losses(printed: &Printed) -> Vec<(&str, u64)> {
    printed.report.losses().map(|(kind, tally)| (kind, tally.count)).collect()
}
