use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use crate::{FileKind, Identified};

/// The error for a file that is not of the expected kind. `Display` prints what was expected, what was found, and the
/// next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongKind {
    /// What the reader expects, with its article: "a PDB".
    pub expected: Cow<'static, str>,
    /// What the file turned out to be.
    pub found: Identified,
}

impl WrongKind {
    /// Makes the error for a file that is not `expected`.
    pub fn new(expected: impl Into<Cow<'static, str>>, found: impl Into<Identified>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }

    /// Refines the error by the file's name ([`Identified::named`]).
    pub fn named(self, name: &Path) -> Self {
        Self { found: self.found.named(name), ..self }
    }

    /// The expected and the found kind, without the next step.
    pub fn reason(&self) -> String {
        format!("expected {}, found {}", self.expected, self.found)
    }

    /// What the file is.
    pub fn kind(&self) -> FileKind {
        self.found.kind
    }
}

impl fmt::Display for WrongKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.reason(), self.found.advice())
    }
}

impl std::error::Error for WrongKind {}
