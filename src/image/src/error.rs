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
    /// Parts of a layout name the same physical addresses.
    #[error("two parts of the layout hold physical address {at:#x}")]
    Overlap {
        /// The first address that both hold.
        at: u64,
    },
    /// A file of a set of pieces was named whose first piece is missing.
    #[error("it is a piece of a raw image, and the first piece, {}, is missing; copy it beside this one", first.display())]
    FirstPiece {
        /// The file that is missing.
        first: PathBuf,
    },
    /// A file that a layout names is not raw memory.
    #[error("{}: {reason}", path.display())]
    InPart {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: Box<Error>,
    },
    /// A packed file holds something else than a memory image, or a damaged one.
    #[error("in {kind}: {reason}")]
    Inside {
        /// How it is packed.
        kind: formats::FileKind,
        /// What is wrong with its content.
        reason: Box<Error>,
    },
    /// The container is not as its format says.
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
