use std::collections::BTreeMap;

use serde::Serialize;

use super::profile::Losses;

/// `peinfo`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Executable {
    pub source: String,
    pub machine: String,
    pub machine_number: u16,
    /// The link time, in seconds since 1970.
    pub timestamp: u32,
    pub characteristics: u16,
    pub characteristic_names: Vec<String>,
    pub size_of_image: u32,
    pub image_base: u64,
    pub entry: u32,
    pub is_64: bool,
    pub subsystem: u16,
    pub os_version: Numbers,
    pub image_version: Numbers,
    pub subsystem_version: Numbers,
    /// The records that name its PDB. The path is empty if a record does not give one.
    pub pdbs: Vec<Pdb>,
    pub sections: Vec<Section>,
    pub directories: Vec<Directory>,
    /// Parts that are damaged.
    pub problems: Vec<String>,
    pub imports: Vec<Library>,
    pub exports: Vec<Export>,
    pub version: Option<Version>,
}

/// A version of two numbers.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Numbers {
    pub major: u16,
    pub minor: u16,
}

/// A PDB that a PE file names.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pdb {
    /// GUID and age; for an NB10 record, signature and age.
    pub guid_age: String,
    pub name: String,
    /// The whole path, as the linker wrote it.
    pub path: String,
}

/// A section.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Section {
    pub name: String,
    pub permissions: String,
    pub raw_offset: u32,
    pub raw_size: u32,
    pub rva: u32,
    pub size: u32,
}

/// A data directory.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Directory {
    pub name: String,
    pub rva: u32,
    pub size: u32,
}

/// The imports from one library.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Library {
    pub library: String,
    pub functions: Vec<String>,
}

/// An exported function or variable.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Export {
    pub ordinal: u32,
    pub name: Option<String>,
    pub rva: u32,
    /// The function of another library to which it is forwarded.
    pub forwarded: Option<String>,
}

/// The version resource.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Version {
    pub file: Option<String>,
    pub product: Option<String>,
    pub strings: BTreeMap<String, String>,
}

/// `version_scan`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Records {
    pub source: String,
    pub records: Vec<Record>,
    /// For a memory image: its format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// For a memory image: the parts that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub losses: Option<Losses>,
}

/// A record that names a PDB.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Record {
    pub offset: u64,
    /// GUID and age; for an NB10 record, signature and age.
    pub guid_age: String,
    /// Empty if the record does not name a PDB.
    pub name: String,
    pub path: String,
}
