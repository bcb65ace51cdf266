//! Files that the server makes on demand and keeps in a folder of its own.

use std::io::{self, Write};
use std::path::Path;

use profile::AtomicFile;

/// Stores a file with the folders above it; it appears whole or not at all.
pub(crate) fn store(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}
