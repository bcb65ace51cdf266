use std::io;

use profile::UnpackLimitError;

/// Why nothing could be taken out of a package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The package's own tables are damaged.
    #[error("the package is damaged: {0}")]
    Damaged(&'static str),
    /// A compression that is not read here.
    #[error(
        "the package's content is packed with {0}, which is not read here; unpack it with the system's own tools"
    )]
    Compression(&'static str),
    /// Nothing in it is wanted.
    #[error("the package holds no {wanted}{}", list(.found))]
    NotFound {
        /// What was looked for.
        wanted: String,
        /// The first debug files and modules that are in it.
        found: Vec<String>,
    },
    /// The content, with what is skipped of it, grows beyond what the process allows.
    #[error(transparent)]
    Limit(#[from] UnpackLimitError),
    /// Reading or writing failed.
    #[error("the package cannot be unpacked")]
    Io(#[source] io::Error),
}

impl From<io::Error> for PackageError {
    fn from(error: io::Error) -> Self {
        match UnpackLimitError::of(&error) {
            Some(limit) => Self::Limit(limit.clone()),
            None => Self::Io(error),
        }
    }
}

fn list(found: &[String]) -> String {
    if found.is_empty() {
        return String::new();
    }
    format!("; it holds {}, ...: name one with --member", found.join(", "))
}
