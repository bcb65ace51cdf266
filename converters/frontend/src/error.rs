use std::error::Error as StdError;
use std::io;

use formats::WrongKind;

use crate::{OptionName, Source};

/// Why a source gives no profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file or folder cannot be opened.
    #[error("cannot open {place}")]
    Open {
        /// The source, as the user named it.
        place: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file is not of a kind that this front-end reads.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// The file or folder is of the right kind but cannot be used.
    #[error("expected {expected}, found {found}")]
    Unusable {
        /// What is needed.
        expected: String,
        /// What was found.
        found: String,
    },
    /// An option that the front-end does not use.
    #[error("{option}: {place} is read as {kind}, for which this option has no meaning; leave it out")]
    UnusedOption {
        /// The option.
        option: OptionName,
        /// The source.
        place: String,
        /// What the front-end reads.
        kind: &'static str,
    },
    /// The front-end failed.
    #[error(transparent)]
    Failed(Box<dyn StdError + Send + Sync>),
    /// The front-end failed, and an option may help.
    #[error("{reason}; {advice}")]
    Advised {
        /// The next step.
        advice: &'static str,
        /// The cause.
        reason: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// Wraps a front-end's own error.
    pub fn failed(error: impl StdError + Send + Sync + 'static) -> Self {
        Self::Failed(Box::new(error))
    }

    /// Makes the error for an option that a front-end which reads `kind` does not use for `source`.
    pub fn unused(option: OptionName, source: &Source, kind: &'static str) -> Self {
        Self::UnusedOption { option, place: source.place().to_owned(), kind }
    }

    /// The error and its causes on one line, without advice.
    pub fn reason(&self) -> String {
        let (mut text, mut cause) = match self {
            Self::Advised { reason, .. } => (reason.to_string(), reason.source()),
            Self::WrongKind(wrong) => (wrong.reason(), None),
            error => (error.to_string(), error.source()),
        };
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}
