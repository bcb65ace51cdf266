use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use crate::download::Tried;
use crate::manifest::Wanted;

/// Why a PDB could not be brought.
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
    let mut text = String::new();
    if tried.is_empty() {
        text.push_str(" The symbol path names no place to look at.");
    }
    for Tried { place, answer } in tried {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {place}: {answer}");
    }
    text
}
