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
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another kind of file than is read here.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// A file or folder that is of the right kind and cannot be used.
    #[error("expected {expected}, found {found}")]
    Unusable {
        /// What is needed.
        expected: String,
        /// What is there.
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
    /// The front-end gave up.
    #[error(transparent)]
    Failed(Box<dyn StdError + Send + Sync>),
    /// The front-end gave up, and an option may help.
    #[error("{reason}; {advice}")]
    Advised {
        /// What to do next.
        advice: &'static str,
        /// Why it gave up.
        reason: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// A front-end's own error.
    pub fn failed(error: impl StdError + Send + Sync + 'static) -> Self {
        Self::Failed(Box::new(error))
    }

    /// An option that a front-end which reads `kind` does not use for `source`.
    pub fn unused(option: OptionName, source: &Source, kind: &'static str) -> Self {
        Self::UnusedOption { option, place: source.place().to_owned(), kind }
    }

    /// The reason on one line, with its causes and without advice.
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
