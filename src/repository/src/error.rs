use std::io;

use profile::ReadError;

/// Why a repository cannot fulfil a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that does not name an object of a repository.
    #[error("{text:?} is not the name of an object in a repository: {source}")]
    Key {
        /// The text.
        text: String,
        /// The problem.
        source: KeyError,
    },
    /// A name under which the repository keeps something of its own.
    #[error("{name:?} cannot be the name of a profile or index: the repository keeps {what} there")]
    Reserved {
        /// The name.
        name: String,
        /// What is kept there, in words.
        what: &'static str,
    },
    /// Reading or writing failed.
    #[error("{place}: {source}")]
    Io {
        /// The file, folder or address, without secrets.
        place: String,
        /// The cause.
        source: io::Error,
    },
    /// A store answered with something else than the requested object.
    #[error("{place}: {problem}")]
    Storage {
        /// The object's address, without secrets.
        place: String,
        /// What it sent instead.
        problem: String,
    },
    /// A store refuses access to an object (403), which may or may not exist.
    #[error("{place}: refused by the server ({answer})")]
    Refused {
        /// The object's address, without secrets.
        place: String,
        /// The server's answer.
        answer: String,
    },
    /// A read-only store.
    #[error("{place}: this repository cannot be written to")]
    ReadOnly {
        /// The store.
        place: String,
    },
    /// The object is larger than any of its kind.
    #[error("{place}: larger than {limit} bytes")]
    TooLarge {
        /// The object.
        place: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A configuration, or another text of the repository, is invalid.
    #[error("{place}:{line}:{} expected {expected}, found {found}", key_part(.key))]
    Text {
        /// The file.
        place: String,
        /// The line, from 1.
        line: usize,
        /// The key of the value, as a path (`nt/GUID.guids`); empty for the whole text.
        key: String,
        /// What is expected there.
        expected: String,
        /// What was found.
        found: String,
    },
    /// An unknown key in a configuration or another text of the repository.
    #[error("{place}:{line}: {key}: unknown key{}; expected {known}", nearest_part(.nearest.as_deref()))]
    UnknownKey {
        /// The file.
        place: String,
        /// The line, from 1.
        line: usize,
        /// The key as a path (`nt/GUID.has_struct`).
        key: String,
        /// The most similar known key, if there is one.
        nearest: Option<String>,
        /// The known keys, in words.
        known: String,
    },
    /// No repository has the profile.
    #[error("unable to load profile {name} from any repository{}", listed(.tried))]
    NotFound {
        /// Its name.
        name: String,
        /// The repositories, and the answer of each.
        tried: Vec<(String, String)>,
    },
    /// No place has the debug information for a profile.
    #[error(transparent)]
    Fetch(#[from] symbols::Error),
    /// The debug information does not give a profile.
    #[error("{place}: {problem}")]
    Convert {
        /// The file.
        place: String,
        /// The cause.
        problem: String,
    },
    /// Symlink profiles form a circle or too long a chain.
    #[error("symlink profiles lead in a circle: {}", .names.join(" -> "))]
    Links {
        /// The names on the path.
        names: Vec<String>,
    },
    /// A required object is missing.
    #[error("{place} is missing: expected {expected}")]
    Absent {
        /// The object.
        place: String,
        /// What it should contain.
        expected: String,
    },
    /// A profile, index or inventory that cannot be read.
    #[error("{place}: {source}")]
    Profile {
        /// The object.
        place: String,
        /// The cause.
        source: ReadError,
    },
}

/// Why a text is not a [`crate::Key`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text, or the part between two slashes, is empty.
    #[error("a part of it is empty")]
    Empty,
    /// `.` or `..`.
    #[error("'{0}' would lead out of its folder")]
    Dots(String),
    /// A character that is not allowed in a name.
    #[error("character {character:?} at position {position}")]
    Character {
        /// The character.
        character: char,
        /// Its position, in characters from 0.
        position: usize,
    },
    /// Longer than file systems allow.
    #[error("{0} bytes long, expected at most 1024")]
    Length(usize),
}

fn key_part(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" {key}:") }
}

fn nearest_part(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!(" (did you mean '{nearest}'?)")).unwrap_or_default()
}

fn listed(tried: &[(String, String)]) -> String {
    if tried.is_empty() {
        return ": none is configured".to_owned();
    }
    tried.iter().map(|(place, answer)| format!("\n  {place}: {answer}")).collect()
}

impl Error {
    /// Makes the error for a failure to read or write `place`.
    pub(crate) fn io(place: impl ToString, source: io::Error) -> Self {
        Self::Io { place: place.to_string(), source }
    }
}
