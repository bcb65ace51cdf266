use std::io;

use profile::ReadError;

use crate::KeyError;

/// Why a repository cannot do what is asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that names no object of a repository.
    #[error("{text:?} names nothing in a repository: {source}")]
    Key {
        /// The text.
        text: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// Reading or writing failed.
    #[error("{place}: {source}")]
    Io {
        /// The file, folder or address, without secrets.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// A store answered, but not with what was asked for.
    #[error("{place}: {problem}")]
    Storage {
        /// The object's address, without secrets.
        place: String,
        /// What came instead.
        problem: String,
    },
    /// A store that refuses an object (403): it may be there, and it may not.
    #[error("{place}: refused by the server ({answer})")]
    Refused {
        /// The object's address, without secrets.
        place: String,
        /// What the server answered.
        answer: String,
    },
    /// A store that can only be read.
    #[error("{place}: this repository cannot be written to")]
    ReadOnly {
        /// The store.
        place: String,
    },
    /// An object larger than any of its kind.
    #[error("{place}: larger than {limit} bytes")]
    TooLarge {
        /// The object.
        place: String,
        /// How many bytes are read.
        limit: u64,
    },
    /// A configuration, or another text of the repository, that is not as it should be.
    #[error("{place}:{line}:{} expected {expected}, found {found}", key_part(.key))]
    Text {
        /// The file.
        place: String,
        /// The line, from 1.
        line: usize,
        /// The key at which it stands, as a path (`nt/GUID.guids`); empty where it is the whole.
        key: String,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A key that a configuration, or another text of the repository, does not have.
    #[error("{place}:{line}: {key}: unknown key{}; expected {known}", nearest_part(.nearest.as_deref()))]
    UnknownKey {
        /// The file.
        place: String,
        /// The line, from 1.
        line: usize,
        /// The key as a path (`nt/GUID.has_struct`).
        key: String,
        /// The known key that is most like it, where one is.
        nearest: Option<String>,
        /// The known keys, in words.
        known: String,
    },
    /// No repository has the profile.
    #[error("unable to load profile {name} from any repository{}", listed(.tried))]
    NotFound {
        /// Its name.
        name: String,
        /// The repositories, and what each answered.
        tried: Vec<(String, String)>,
    },
    /// No place has the debug information that a profile is to be made from.
    #[error(transparent)]
    Fetch(#[from] symbols::Error),
    /// Debug information that gives no profile.
    #[error("{place}: {problem}")]
    Convert {
        /// The file.
        place: String,
        /// Why.
        problem: String,
    },
    /// Symlink profiles that lead in a circle, or too far.
    #[error("symlink profiles lead in a circle: {}", .names.join(" -> "))]
    Links {
        /// The names on the way.
        names: Vec<String>,
    },
    /// An object that work cannot begin without.
    #[error("{place} is not there: expected {expected}")]
    Absent {
        /// The object.
        place: String,
        /// What it should be.
        expected: String,
    },
    /// A profile, index or inventory that cannot be read.
    #[error("{place}: {source}")]
    Profile {
        /// The object.
        place: String,
        /// Why.
        source: ReadError,
    },
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
    /// A failure to read or write `place`.
    pub(crate) fn io(place: impl ToString, source: io::Error) -> Self {
        Self::Io { place: place.to_string(), source }
    }
}
