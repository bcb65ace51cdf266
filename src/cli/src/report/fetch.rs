use std::path::Path;

use serde::Serialize;

use super::profile::Health;

/// `fetch_pdb`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pdbs {
    pub results: Vec<Pdb>,
}

/// A requested PDB.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pdb {
    pub name: String,
    pub guid_age: String,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// `fetch_debug`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DebugFile {
    pub build_id: String,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The result for a requested file.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Outcome {
    pub status: Status,
    /// The file, if it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The store or server from which it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The places that were tried, if it was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    tried: Option<Vec<Tried>>,
    /// The reason for another failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The result for a file, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Found,
    /// No place has it.
    Missing,
    /// A place has a different file with its name.
    Refused,
    /// A place did not answer.
    Unavailable,
    Failed,
}

impl Outcome {
    fn of(status: Status) -> Self {
        Self { status, path: None, from: None, bytes: None, tried: None, reason: None }
    }

    /// It was found.
    pub fn found(path: &Path, from: &str, bytes: u64) -> Self {
        Self {
            path: Some(path.to_string_lossy().into_owned()),
            from: Some(from.to_owned()),
            bytes: Some(bytes),
            ..Self::of(Status::Found)
        }
    }

    /// It was not found in any place.
    pub fn not_found(status: Status, tried: &[symbols::Tried]) -> Self {
        Self { tried: Some(tried.iter().map(Tried::from).collect()), ..Self::of(status) }
    }

    /// Something else is wrong.
    pub fn failed(reason: String) -> Self {
        Self { reason: Some(reason), ..Self::of(Status::Failed) }
    }
}

/// A place that was tried.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tried {
    pub place: String,
    pub answer: String,
}

impl From<&symbols::Tried> for Tried {
    fn from(tried: &symbols::Tried) -> Self {
        Self { place: tried.place.clone(), answer: tried.answer.clone() }
    }
}

/// `build_local_profile`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum LocalProfile {
    Stored {
        profile: String,
        /// Its place.
        place: String,
        /// Its source.
        from: String,
        health: Health,
        /// The result of proving it on the image; null without an image.
        on_image: Option<String>,
    },
    /// For the Linux kernel in an image.
    OfImage {
        profile: String,
        /// Its place; null if a profile from another source has its name.
        place: Option<String>,
        /// How the kernel and its types were found.
        from: String,
        health: Health,
        /// The result of proving it on the image.
        on_image: String,
        /// The other candidates in the image.
        passed_over: Vec<String>,
        /// The profile with the loaded modules; null if it was not requested.
        with_modules: Option<String>,
        /// The modules that are in it.
        modules: Vec<String>,
        /// The parts of the modules that could not be added.
        problems: Vec<String>,
    },
    Failed {
        /// `null`.
        profile: (),
        problems: Vec<String>,
    },
}

/// `serve`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Served {
    pub folder: String,
    /// The address.
    pub url: String,
    /// The address of the list of tables for Volatility 3, as it is now; null without --isf.
    pub isf: Option<String>,
}
