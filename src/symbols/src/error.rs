use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use crate::debuginfod::BuildId;
use crate::download::Tried;
use crate::manifest::Wanted;

/// Why a file could not be brought.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Every place was looked at, and none has the file.
    #[error("{wanted} is not there.{}", listed(tried))]
    Missing {
        /// What was wanted.
        wanted: Wanted,
        /// Where it was looked for, and what was found.
        tried: Vec<Tried>,
    },
    /// Some place could not be looked at, or holds something else, so that the file may exist.
    #[error("{wanted} could not be fetched.{}", listed(tried))]
    Unavailable {
        /// What was wanted.
        wanted: Wanted,
        /// Where it was looked for, and what was found.
        tried: Vec<Tried>,
    },
    /// No place has the file, and some server refused to say whether it does (403).
    #[error("{wanted} was refused by a server, and no other place has it.{}", listed(tried))]
    Refused {
        /// What was wanted.
        wanted: Wanted,
        /// Where it was looked for, and what was found.
        tried: Vec<Tried>,
    },
    /// No folder takes the file.
    #[error("{wanted} has no place to be put: {}", folder.display())]
    Store {
        /// What was wanted.
        wanted: Wanted,
        /// The last folder that was tried.
        folder: PathBuf,
        /// Why it does not take the file.
        source: io::Error,
    },
    /// No server has the debug file.
    #[error("no debug file with the build-id {build_id} is there.{}", asked(tried))]
    NoDebugFile {
        /// What was wanted.
        build_id: BuildId,
        /// Who was asked, and what the answer was.
        tried: Vec<Tried>,
    },
    /// Some server could not be asked, or sent something else, so that the debug file may exist.
    #[error("the debug file with the build-id {build_id} could not be fetched.{}", asked(tried))]
    DebugFileUnavailable {
        /// What was wanted.
        build_id: BuildId,
        /// Who was asked, and what the answer was.
        tried: Vec<Tried>,
    },
    /// No server has the debug file, and some server refused to say whether it does (403).
    #[error(
        "the debug file with the build-id {build_id} was refused by a server, and no other has it.{}",
        asked(tried)
    )]
    DebugFileRefused {
        /// What was wanted.
        build_id: BuildId,
        /// Who was asked, and what the answer was.
        tried: Vec<Tried>,
    },
    /// The debug file cannot be written.
    #[error("the debug file has no place to be put: {}", path.display())]
    DebugFile {
        /// Where it was to stand.
        path: PathBuf,
        /// Why it cannot.
        source: io::Error,
    },
    /// The socket layer cannot be set up.
    #[error("no connection can be made: {reason}")]
    Client {
        /// Why.
        reason: String,
    },
}

impl Error {
    /// The error with its causes, for a report that has no chain of them.
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
