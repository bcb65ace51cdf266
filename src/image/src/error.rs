use std::path::PathBuf;

use formats::{Identified, WrongKind};

use crate::Container;
use crate::bytes::{BytesError, Problem};

/// Why a file could not be opened as a memory image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layout was given for a file that itself describes the places of its bytes.
    #[error("a {container} says itself where its memory belongs; a layout is for raw memory")]
    Layout {
        /// The format of the file.
        container: Container,
    },
    /// The file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is of another kind.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// The container violates its format.
    #[error("{container}, byte {offset:#x}: expected {expected}, found {found}")]
    Malformed {
        /// The container.
        container: Container,
        /// The place in the file.
        offset: u64,
        /// What is expected there.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// The declared memory is more than the process allows for a file of this size.
    #[error(transparent)]
    Limit(#[from] profile::UnpackLimitError),
    /// A part of the container cannot be read.
    #[error("{container}, byte {offset:#x}: {reason}")]
    Unreadable {
        /// The container.
        container: Container,
        /// The place in the file.
        offset: u64,
        /// The problem.
        reason: String,
    },
}

impl Error {
    /// Makes the error for a file that is not a memory image.
    pub(crate) fn wrong_kind(found: impl Into<Identified>) -> Self {
        WrongKind::new("a memory image", found).into()
    }

    /// Converts an error of [`Bytes`](crate::bytes::Bytes) that occurred while `container` was opened.
    pub(crate) fn reading(container: Container) -> impl Fn(BytesError) -> Self {
        move |error| Self::Unreadable {
            container,
            offset: error.offset,
            reason: match error.problem {
                Problem::End => "the file ends before".to_owned(),
                Problem::Damaged(reason) => reason.as_ref().to_owned(),
                Problem::Io(error) => error.to_string(),
            },
        }
    }
}
