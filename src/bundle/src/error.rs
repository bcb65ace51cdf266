use std::io;

use profile::ReadError;

/// Why a bundle cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes of the bundle, or of a profile for it, could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is not a bundle.
    #[error("expected a bundle, which begins with the bytes 89 'RPBUNDL', found {found}")]
    NotABundle {
        /// The first bytes of the file.
        found: String,
    },
    /// The bundle is of a version that this program does not know.
    #[error(
        "expected a bundle of version {expected}, found version {found}; a newer rekall-profile reads it"
    )]
    Version {
        /// The version that this program reads.
        expected: u32,
        /// The version of the file.
        found: u32,
    },
    /// A part of the bundle is damaged. Other parts may still be readable.
    #[error(
        "the bundle is damaged in its {part}, at offset {offset}: {problem}; run 'bundle verify' to see what is still \
         readable, and take the file from its source again"
    )]
    Damaged {
        /// The part: `directory`, `list of builds`, `$STRUCTS`, `symbols of NAME`.
        part: String,
        /// The offset of the part, or of its damaged block, in the file.
        offset: u64,
        /// What was expected and what was found.
        problem: String,
    },
    /// The bundle has no such build.
    #[error("the bundle has no build '{wanted}'{}; 'bundle list' names those it has", nearest.as_ref().map_or_else(String::new, |nearest| format!("; the nearest name is '{nearest}'")))]
    NoBuild {
        /// The name that was looked for.
        wanted: String,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// Several builds have this version or identity.
    #[error("several builds are called '{wanted}', for example '{}' and '{}'; name one of them", builds[0], builds[1])]
    Ambiguous {
        /// What was looked for.
        wanted: String,
        /// The names of two of them.
        builds: [String; 2],
    },
    /// Two different profiles have one name.
    #[error(
        "two different profiles are called '{name}'; rename one of the files, or take one of the two out of its bundle (bundle drop)"
    )]
    SameName {
        /// The name.
        name: String,
    },
    /// A name that is not a relative path below a folder.
    #[error(
        "'{name}' cannot be the name of a build: expected a relative path without '..', colons, backslashes, control characters \
         or empty parts; rename the file"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A text that is not a canonical profile.
    #[error("'{name}' is not the canonical text of a profile: {problem}")]
    NotCanonical {
        /// The name of the profile.
        name: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// A profile for the bundle could not be made; the text gives the reason.
    #[error("{0}")]
    Load(String),
    /// A profile could not be read.
    #[error(transparent)]
    Profile(#[from] ReadError),
    /// A part would unpack to more than the limit for this run allows.
    #[error("{what} has {size} bytes, expected at most {allowed}; --unpack-limit SIZE allows more")]
    TooLarge {
        /// The part that is too large.
        what: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        allowed: u64,
    },
}
