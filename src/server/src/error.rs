use std::io;
use std::path::PathBuf;

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot listen on an address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// The cause.
        source: io::Error,
    },
    /// A folder cannot be served.
    #[error("cannot serve {}", folder.display())]
    Mirror {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: io::Error,
    },
}
