use std::fmt;
use std::path::{Path, PathBuf};

use formats::{FileKind, WrongKind};

use crate::InflateError;

/// Why a file could not be read as a profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file could not be opened or read.
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
    /// The gzip form is damaged.
    #[error("gzip: {0}")]
    Gzip(#[from] InflateError),
    /// The xz or zstd form is damaged.
    #[error("{form}: damaged after {text} bytes of text: {message}")]
    Unpack {
        /// `xz` or `zstd`.
        form: &'static str,
        /// How many bytes of text came before the damage.
        text: usize,
        /// The decoder's message.
        message: String,
    },
    /// The text is longer than allowed.
    #[error("the text is longer than the limit of {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The compressed form expands to more than the process allows.
    #[error(transparent)]
    Limit(#[from] crate::UnpackLimitError),
    /// The text is not JSON, or not a profile's JSON.
    #[error("line {}, column {} (byte {}{}): {message}", place.line, place.column, place.offset, within(place))]
    Json {
        /// The place.
        place: JsonPlace,
        /// What was expected and what was found.
        message: String,
    },
    /// The text is a JSON object, but none of its keys names a section of a profile.
    #[error(
        "expected the sections of a profile ($METADATA, $STRUCTS, ...), found a JSON text with {}",
        keys(found)
    )]
    NoSections {
        /// The first of its keys.
        found: Vec<String>,
    },
    /// The text has sections of two formats, so that no reader would see all of it.
    #[error(
        "the text has the key {rekall} of a Rekall profile and the key {isf} of an ISF table, expected one of the two formats"
    )]
    Mixed {
        /// A key of one format.
        rekall: String,
        /// A key of the other.
        isf: String,
    },
    /// A section does not have the required form.
    #[error("section {section}: expected {expected}, found {found}")]
    Section {
        /// The section.
        section: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}

/// How many bytes identify a compression format.
const START: usize = 64;

impl ReadError {
    /// Completes the error for the content of this file. A file of another kind is named with its compression, and by
    /// its name if its content is not enough.
    pub fn in_file(self, path: &Path, bytes: &[u8]) -> Self {
        match self.in_packing_of(bytes) {
            Self::WrongKind(wrong) => Self::WrongKind(wrong.named(path)),
            error => error,
        }
    }

    /// Completes the error with the compression format of these bytes.
    pub(crate) fn in_packing_of(self, bytes: &[u8]) -> Self {
        match self {
            Self::WrongKind(mut wrong) => {
                let packing = FileKind::of_start(bytes.get(..START).unwrap_or(bytes));
                let unpacked = matches!(packing, FileKind::Gzip | FileKind::Xz | FileKind::Zstd);
                wrong.found.packing = Some(packing).filter(|_| unpacked);
                Self::WrongKind(wrong)
            }
            error => error,
        }
    }
}

/// A place in a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPlace {
    /// The line, counted from 1.
    pub line: usize,
    /// The byte in the line, counted from 1.
    pub column: usize,
    /// The byte in the text, counted from 0.
    pub offset: usize,
    /// What was being read (`$STRUCTS`, `_EPROCESS`), outermost first.
    pub within: Vec<String>,
}

fn within(place: &JsonPlace) -> impl fmt::Display {
    let path = place.within.join(", ");
    if path.is_empty() { path } else { format!(", in {path}") }
}

fn keys(found: &[String]) -> impl fmt::Display {
    if found.is_empty() {
        return "an empty object".to_owned();
    }
    format!("the keys {}", found.join(", "))
}
