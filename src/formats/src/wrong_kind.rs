use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use crate::{FileKind, Identified};

/// A file is of another kind than the one that is read. Displayed, it says what was expected, what was found, and what
/// to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongKind {
    /// What is read, with its article: "a PDB".
    pub expected: Cow<'static, str>,
    /// What the file is.
    pub found: Identified,
}

impl WrongKind {
    /// A file that is of another kind than `expected`.
    pub fn new(expected: impl Into<Cow<'static, str>>, found: impl Into<Identified>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }

    /// The same for a file of this name ([`Identified::named`]).
    pub fn named(self, name: &Path) -> Self {
        Self { found: self.found.named(name), ..self }
    }

    /// What was expected and what was found, without the next step.
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
