use std::io;

use profile::UnpackLimitError;

/// Why nothing could be unpacked from a package.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The package's own tables are damaged.
    #[error("the package is damaged: {0}")]
    Damaged(&'static str),
    /// A compression that is not supported.
    #[error(
        "the package's content is compressed with {0}, which is not supported; unpack it with the system's own tools"
    )]
    Compression(&'static str),
    /// The package does not hold the requested file.
    #[error("the package holds no {wanted}{}", list(.found))]
    NotFound {
        /// The requested file, in words.
        wanted: String,
        /// The first debug files and modules in it.
        found: Vec<String>,
    },
    /// The content, including skipped files, unpacks to more than the process allows.
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
