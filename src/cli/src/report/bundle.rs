use serde::Serialize;

/// `bundle create`, `append`, `drop` and `merge`: the bundle that was written.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WrittenBundle {
    /// The file.
    pub bundle: String,
    /// How many builds it has.
    pub builds: usize,
    /// How long it is.
    pub bytes: u64,
}

/// `bundle extract`: the profiles that were written.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Extracted {
    pub bundle: String,
    pub files: Vec<String>,
}

/// `bundle verify`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VerifiedBundle {
    pub bundle: String,
    /// How many builds it has.
    pub builds: usize,
    /// The parts that cannot be used.
    pub damaged: Vec<Damage>,
}

/// A part of a bundle that cannot be used.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Damage {
    /// A build, or a section and the keys from which on it is damaged.
    pub part: String,
    pub problem: String,
}

/// `bundle list`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BundleList {
    pub bundle: String,
    /// How long the file is.
    pub bytes: u64,
    /// Sorted by system, architecture, flavour and version.
    pub builds: Vec<Build>,
}

/// A build of a bundle.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Build {
    pub name: String,
    /// The class of the profile: `Linux`, `Nt`.
    pub class: String,
    pub arch: String,
    /// The release of Linux, or another version; empty if the profile has none.
    pub version: String,
    pub pdb: Option<String>,
    pub build_id: Option<String>,
    pub guid_age: Option<String>,
    pub uuid: Option<String>,
    pub banner: Option<String>,
    /// Of the canonical text.
    pub sha256: String,
    /// How long the canonical text is.
    pub text_bytes: u64,
    /// Bytes of the bundle that no other build shares.
    pub own_bytes: u64,
}
