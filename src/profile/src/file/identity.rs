//! Whether two names lead to the same file, and which files this process has read.

use std::collections::BTreeSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The identity of a file, whatever its names: links of both kinds lead to the same one. On Unix it is the device and
/// inode with the creation time, if the file system keeps that (an inode is reused after its file is gone). On other
/// systems it is the full path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(Key);

#[cfg(unix)]
type Key = (u64, u64, Option<std::time::SystemTime>);
#[cfg(not(unix))]
type Key = std::path::PathBuf;

impl FileId {
    /// The file to which a name leads, through any links.
    ///
    /// # Errors
    /// Any error from reading the file's metadata.
    pub fn of_path(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        let id = Self::of(&std::fs::metadata(path)?);
        #[cfg(not(unix))]
        let id = Self(std::fs::canonicalize(path)?);
        Ok(id)
    }

    /// An open file.
    ///
    /// # Errors
    /// Any error from reading its metadata. An open file cannot be identified on systems other than Unix.
    pub fn of_file(file: &File) -> io::Result<Self> {
        #[cfg(unix)]
        return Ok(Self::of(&file.metadata()?));
        #[cfg(not(unix))]
        {
            let _ = file;
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// The file that has this metadata. A disk can have several device files, which all count as the same file.
    #[cfg(unix)]
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let disk = metadata.file_type().is_block_device();
        Self(match disk {
            true => (u64::MAX, metadata.rdev(), None),
            false => (metadata.dev(), metadata.ino(), metadata.created().ok()),
        })
    }

    /// Whether this process has opened the file as an input.
    pub fn was_read(&self) -> bool {
        inputs().contains(&self.digest())
    }

    /// Some 64 bits for the identity. Two files of one process that have the same ones do not occur in practice.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// Opens a file for reading, and records it as an input of this process: [`OutputFile`](super::OutputFile) never
/// replaces an input.
///
/// # Errors
/// Any error from opening the file.
pub fn open_input(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    #[cfg(unix)]
    remember_input(&file.metadata()?);
    #[cfg(not(unix))]
    if let Ok(id) = FileId::of_path(path) {
        inputs().insert(id.digest());
    }
    Ok(file)
}

/// Records a file that was opened in another way as an input: [`OutputFile`](super::OutputFile) never replaces an
/// input.
#[cfg(unix)]
pub fn remember_input(metadata: &std::fs::Metadata) {
    inputs().insert(FileId::of(metadata).digest());
}

/// The digests of the files that this process has opened as inputs: a batch opens tens of thousands.
fn inputs() -> std::sync::MutexGuard<'static, BTreeSet<u64>> {
    static INPUTS: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());
    INPUTS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_known_under_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, "1").unwrap();
        std::fs::write(&other, "1").unwrap();
        assert!(!FileId::of_path(&path).unwrap().was_read());
        open_input(&path).unwrap();
        assert!(FileId::of_path(&path).unwrap().was_read());
        assert!(!FileId::of_path(&other).unwrap().was_read());
        #[cfg(unix)]
        {
            let (hard, soft) = (folder.path().join("hard"), folder.path().join("soft"));
            std::fs::hard_link(&path, &hard).unwrap();
            std::os::unix::fs::symlink("hard", &soft).unwrap();
            assert!(FileId::of_path(&hard).unwrap().was_read());
            assert!(FileId::of_path(&soft).unwrap().was_read());
        }
    }
}
