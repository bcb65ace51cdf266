use std::path::PathBuf;

use formats::{Identified, WrongKind};

use crate::Container;
use crate::bytes::{BytesError, Problem};

/// Why a file could not be opened as a memory image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layout was given for a file that says itself where its bytes belong.
    #[error("a {container} says itself where its memory belongs; a layout is for raw memory")]
    Layout {
        /// What the file is.
        container: Container,
    },
    /// The file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is of another kind.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// The container is not as its format says.
    #[error("{container}, byte {offset:#x}: expected {expected}, found {found}")]
    Malformed {
        /// The container.
        container: Container,
        /// Where in the file.
        offset: u64,
        /// What should stand there.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// The memory it says it holds is beyond what the process allows for a file of its size.
    #[error(transparent)]
    Limit(#[from] profile::UnpackLimitError),
    /// A part of the container cannot be read.
    #[error("{container}, byte {offset:#x}: {reason}")]
    Unreadable {
        /// The container.
        container: Container,
        /// Where in the file.
        offset: u64,
        /// What happened there.
        reason: String,
    },
}

impl Error {
    /// What is no memory image.
    pub(crate) fn wrong_kind(found: impl Into<Identified>) -> Self {
        WrongKind::new("a memory image", found).into()
    }

    /// What [`Bytes`](crate::bytes::Bytes) say, as the opening of `container` met it.
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
