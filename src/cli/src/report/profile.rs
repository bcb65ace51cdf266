use std::collections::BTreeMap;

use profile::Health as Judged;
use serde::Serialize;
use serde_json::Value;

/// A profile that was made, exported or checked.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Made {
    /// The source of the profile, as the user named it.
    pub source: String,
    /// The profile's metadata.
    pub metadata: BTreeMap<String, Value>,
    /// The architecture, in Rekall's spelling.
    pub arch: String,
    pub counts: Counts,
    pub losses: Losses,
    /// Names with several layouts.
    pub conflicts: Vec<Conflict>,
    /// Uses of a name that may refer to one of several layouts.
    pub ambiguities: Vec<Ambiguity>,
    pub warnings: Vec<String>,
    pub health: Health,
    /// The programs that cannot use the file; only for `check`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacles: Option<Vec<Obstacle>>,
    /// The image's section for LibVMI's configuration; only for `export` with an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub libvmi_configuration: Option<String>,
}

/// The numbers of entries in a profile.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Counts {
    pub structs: usize,
    pub enumerations: usize,
    pub constants: usize,
    pub functions: usize,
    pub constant_types: usize,
}

/// The losses, by kind.
pub type Losses = BTreeMap<String, Loss>;

/// Losses of one kind.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Loss {
    pub count: u64,
    /// Some of them, by name.
    pub examples: Vec<String>,
}

/// The losses in a report.
pub fn losses(report: &profile::Report) -> Losses {
    let loss = |(kind, tally): (&str, &profile::Tally)| {
        (kind.to_owned(), Loss { count: tally.count, examples: tally.examples.clone() })
    };
    report.losses().map(loss).collect()
}

/// A name with several layouts.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Conflict {
    pub name: String,
    /// The size in bytes of the layout that keeps the name.
    pub kept_bytes: u64,
    /// The new names of the others, with their sizes in bytes.
    pub renamed: Vec<(String, u64)>,
}

/// A use of a name that may refer to one of several layouts.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ambiguity {
    pub place: String,
    pub taken: String,
    pub others: Vec<String>,
}

/// How complete a profile is.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Health {
    /// `complete`, `symbols only`, `types only`, `failed`, ...
    pub verdict: String,
    pub reasons: Vec<String>,
    /// Whether it is judged as the profile of a kernel.
    pub kernel: bool,
    /// What programs would miss.
    pub missing: Vec<Missing>,
    /// How many names are used as types but not defined.
    pub opaque_types: usize,
    /// Names held by value that are neither a struct in the profile nor a known native type.
    pub unresolved_types: Vec<String>,
}

/// What one program would miss.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Missing {
    /// The program.
    pub consumer: String,
    /// Its versions.
    pub versions: String,
    pub what: String,
    /// Whether the program cannot work without it.
    pub required: bool,
}

impl From<&Judged> for Health {
    fn from(health: &Judged) -> Self {
        let missing = health.missing.iter().map(|missing| Missing {
            consumer: missing.consumer.name().to_owned(),
            versions: missing.consumer.versions().to_owned(),
            what: missing.what.clone(),
            required: missing.required,
        });
        Self {
            verdict: health.verdict.name().to_owned(),
            reasons: health.reasons.clone(),
            kernel: health.kernel,
            missing: missing.collect(),
            opaque_types: health.opaque,
            unresolved_types: health.unresolved.clone(),
        }
    }
}

/// A program that cannot use a file.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Obstacle {
    pub consumer: String,
    pub versions: String,
    pub what: String,
}

/// Two profiles of the same build.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Comparison {
    /// The verdict on the first.
    pub health: Health,
    pub compared: Compared,
    /// The contradictions between them.
    pub differences: Vec<Difference>,
    /// What differs without being a contradiction, because the two sources cannot say the same things; by a short name of
    /// the reason (`dimensions`).
    pub explained: BTreeMap<String, Explained>,
    /// Names that only the first has.
    pub only_first: Vec<String>,
    /// Names that only the second has.
    pub only_second: Vec<String>,
}

/// The common entries of two profiles.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Compared {
    pub structs: usize,
    pub members: usize,
    pub enumerations: usize,
    pub symbols: usize,
}

/// How often two profiles differ for one reason.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Explained {
    /// The reason in words.
    pub what: String,
    pub count: u64,
    /// Names of some of them.
    pub examples: Vec<String>,
}

/// A contradiction.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Difference {
    pub name: String,
    pub first: String,
    pub second: String,
}

/// The results for the packs in a folder.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Packs {
    pub packs: Vec<Pack>,
}

/// Rekall's own text of a pack.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Compatible {
    pub source: String,
    /// `rekall`.
    pub compat: String,
    pub text_bytes: usize,
}

/// One pack of many.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Pack {
    Failed {
        pack: String,
        /// Why it could not be converted.
        error: String,
    },
    Written {
        pack: String,
        /// The file that was written.
        profile: String,
        arch: String,
        structs: usize,
        symbols: usize,
        /// How many losses were counted.
        losses: u64,
        warnings: Vec<String>,
        verdict: String,
        pack_bytes: u64,
        profile_bytes: u64,
    },
}
