use std::collections::HashMap;
use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use profile::{CompanionFolders, MappedFile, open_regular};

/// Opens the files that a source names. A front-end opens no other files, and opens them only through this trait.
pub trait Opener: Debug + Send + Sync {
    /// Opens the regular file at `path`. If `below` is given, the file must be inside that folder.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such file; a refusal ([`profile::is_refusal`]) if it must not be
    /// opened.
    fn open(&self, path: &Path, below: Option<&Path>) -> io::Result<MappedFile>;
}

/// Opens files on the disk, without blocking, up to 16 GiB. A file that is opened twice is mapped once.
#[derive(Debug, Default)]
pub struct Files {
    /// The files opened so far, by device and inode.
    opened: Mutex<HashMap<(u64, u64), MappedFile>>,
}

/// The largest file that is opened, in bytes. The largest packages of split units known have about 4 GiB.
const LARGEST: u64 = 16 << 30;

impl Files {
    fn map(&self, file: File, path: &Path) -> io::Result<MappedFile> {
        #[cfg(unix)]
        let id = {
            use std::os::unix::fs::MetadataExt;
            let metadata = file.metadata()?;
            Some((metadata.dev(), metadata.ino()))
        };
        #[cfg(not(unix))]
        let id = None;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = id.and_then(|id| opened.get(&id)) {
            return Ok(known.clone());
        }
        let file = MappedFile::named(file, path)?;
        opened.extend(id.map(|id| (id, file.clone())));
        Ok(file)
    }
}

impl Opener for Files {
    fn open(&self, path: &Path, below: Option<&Path>) -> io::Result<MappedFile> {
        let file = match below {
            Some(folder) => CompanionFolders::new([folder.to_owned()]).open(path, LARGEST),
            None => open_regular(path, LARGEST),
        };
        self.map(file?, path)
    }
}

/// Opens no files, for a source that stands alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Opener for Nothing {
    fn open(&self, _: &Path, _: Option<&Path>) -> io::Result<MappedFile> {
        Err(io::ErrorKind::NotFound.into())
    }
}
