use std::io;
use std::path::PathBuf;

/// Why a folder is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No requests can be taken at an address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A folder cannot be served.
    #[error("cannot serve {}", folder.display())]
    Mirror {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}
