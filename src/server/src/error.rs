use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot listen on any of its addresses.
    #[error("cannot listen on {}", in_words(addresses))]
    Listen {
        /// The addresses.
        addresses: Vec<SocketAddr>,
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

fn in_words(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
