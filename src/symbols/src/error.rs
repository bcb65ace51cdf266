use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use crate::build_id::BuildId;
use crate::download::Tried;
use crate::manifest::Wanted;

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Every place was checked, and none has the file.
    #[error("{wanted} was not found.{}", listed(tried))]
    Missing {
        /// The file.
        wanted: Wanted,
        /// The places that were tried, and the results.
        tried: Vec<Tried>,
    },
    /// Some place could not be checked or has a different file, so the file may exist.
    #[error("{wanted} could not be fetched.{}", listed(tried))]
    Unavailable {
        /// The file.
        wanted: Wanted,
        /// The places that were tried, and the results.
        tried: Vec<Tried>,
    },
    /// No place has the file, and some server refused to say whether it does (403).
    #[error("{wanted} was refused by a server, and no other place has it.{}", listed(tried))]
    Refused {
        /// The file.
        wanted: Wanted,
        /// The places that were tried, and the results.
        tried: Vec<Tried>,
    },
    /// No folder accepts the file.
    #[error("{wanted} cannot be stored: {}", folder.display())]
    Store {
        /// The file.
        wanted: Wanted,
        /// The last folder that was tried.
        folder: PathBuf,
        /// Why the file cannot be written there.
        source: io::Error,
    },
    /// No server has the debug file.
    #[error("no debug file with the build-id {build_id} was found.{}", asked(tried))]
    NoDebugFile {
        /// The build-id.
        build_id: BuildId,
        /// The servers that were tried, and the results.
        tried: Vec<Tried>,
    },
    /// Some server could not be reached or sent something else, so the debug file may exist.
    #[error("the debug file with the build-id {build_id} could not be fetched.{}", asked(tried))]
    DebugFileUnavailable {
        /// The build-id.
        build_id: BuildId,
        /// The servers that were tried, and the results.
        tried: Vec<Tried>,
    },
    /// No server has the debug file, and some server refused to say whether it does (403).
    #[error(
        "the debug file with the build-id {build_id} was refused by a server, and no other has it.{}",
        asked(tried)
    )]
    DebugFileRefused {
        /// The build-id.
        build_id: BuildId,
        /// The servers that were tried, and the results.
        tried: Vec<Tried>,
    },
    /// The debug file cannot be written.
    #[error("the debug file cannot be stored: {}", path.display())]
    DebugFile {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The socket layer cannot be set up.
    #[error("no connection can be made: {reason}")]
    Client {
        /// The cause.
        reason: String,
    },
}

impl Error {
    /// The error with its causes, for reports without a chain of causes.
    pub fn with_causes(&self) -> String {
        in_words(self)
    }
}

/// An error with its causes, on one line.
pub(crate) fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn listed(tried: &[Tried]) -> String {
    places(tried, " The symbol path names no place to look at.")
}

fn asked(tried: &[Tried]) -> String {
    places(tried, " No server was named.")
}

fn places(tried: &[Tried], none: &str) -> String {
    let mut text = String::new();
    if tried.is_empty() {
        text.push_str(none);
    }
    for Tried { place, answer } in tried {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {place}: {answer}");
    }
    text
}
