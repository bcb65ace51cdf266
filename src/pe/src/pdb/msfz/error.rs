use std::io;

use formats::WrongKind;
use profile::UnpackLimitError;

/// Why a compact PDB cannot be converted into a plain one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MsfzError {
    /// The file is not a compact PDB.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// A number in the file is not plausible, or points beyond the file.
    #[error("the compact PDB is damaged: {place} is {found}, expected at most {limit}")]
    TooLarge {
        /// Which number.
        place: &'static str,
        /// Its value.
        found: u64,
        /// The highest value that is allowed.
        limit: u64,
    },
    /// The file violates its format.
    #[error("the compact PDB is damaged: {reason}")]
    Damaged {
        /// The problem.
        reason: String,
    },
    /// The compact PDB unpacks to more than the process allows.
    #[error(transparent)]
    Limit(#[from] UnpackLimitError),
    /// The file could not be read.
    #[error("the compact PDB cannot be read")]
    Read(#[source] io::Error),
    /// The plain file could not be written.
    #[error("cannot write the plain PDB")]
    Write(#[source] io::Error),
}

impl MsfzError {
    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged { reason: reason.into() }
    }

    pub(super) fn write(error: impl std::fmt::Display) -> Self {
        Self::Write(io::Error::other(format!("{error:#}")))
    }
}
