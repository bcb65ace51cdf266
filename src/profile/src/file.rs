use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::shrunk;

/// A file's bytes, mapped, so that they are read when they are looked at and never copied whole.
///
/// A regular file is expected not to shrink while it is mapped; [`crate::report_shrunken_files`] says what happens if it
/// does. Whatever cannot be mapped (a pipe) is read, up to 4 GiB. Clones share the bytes.
#[derive(Clone, Debug)]
pub struct MappedFile {
    bytes: Arc<Bytes>,
}

#[derive(Debug)]
enum Bytes {
    Mapped {
        map: memmap2::Mmap,
        // After the map, so that the map is known as long as it is there.
        _entry: shrunk::Entry,
    },
    Read(Vec<u8>),
}

/// The most that is read of a pipe or device: 4 GiB, which no debug file, PDB or profile in one piece exceeds.
const LARGEST_STREAM: u64 = 4 << 30;

impl MappedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// Whatever opening, mapping or (for what is no regular file) reading it gives.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::named(File::open(path)?, path)
    }

    /// Maps an open file that is called `path` in messages.
    ///
    /// # Errors
    /// As [`MappedFile::from_file`].
    pub fn named(file: File, path: &Path) -> io::Result<Self> {
        Self::map(file, Some(path))
    }

    /// Maps an open file, which need not have a name.
    ///
    /// # Errors
    /// Whatever mapping or (for what is no regular file) reading it gives.
    pub fn from_file(file: File) -> io::Result<Self> {
        Self::map(file, None)
    }

    fn map(file: File, path: Option<&Path>) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, expected a file"));
        }
        let bytes = if metadata.is_file() && metadata.len() > 0 {
            // SAFETY: `map` needs a file that nobody changes as long as the map lives, which no program can
            // promise. This is what keeps it sound here. The map is private, read-only and only ever seen as
            // `&[u8]`, in which any value is valid, and no code takes a decision on bytes that it reads a second
            // time without checking them again: every length and index is checked where it is used. Bytes that
            // another process changes can therefore only give wrong results, which evidence that changes gives
            // anyway. A page that is gone because the file was truncated raises SIGBUS, which ends the process
            // (`crate::shrunk`).
            #[allow(unsafe_code)]
            let map = unsafe { memmap2::Mmap::map(&file)? };
            let range = map.as_ptr_range();
            let entry = shrunk::register(range.start as usize..range.end as usize, path);
            Bytes::Mapped { map, _entry: entry }
        } else {
            let mut content = Vec::new();
            file.take(LARGEST_STREAM + 1).read_to_end(&mut content)?;
            if content.len() as u64 > LARGEST_STREAM {
                let message = format!(
                    "more than {LARGEST_STREAM} bytes came from it and it has no end; save it as a file first"
                );
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
            }
            Bytes::Read(content)
        };
        Ok(Self { bytes: Arc::new(bytes) })
    }
}

impl From<Vec<u8>> for MappedFile {
    /// A file that is in memory already: unpacked from an archive, or made by a test.
    fn from(content: Vec<u8>) -> Self {
        Self { bytes: Arc::new(Bytes::Read(content)) }
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.bytes {
            Bytes::Mapped { map, .. } => map,
            Bytes::Read(content) => content,
        }
    }
}

/// A file that appears whole or not at all: written beside its place under a temporary name, flushed to
/// the disk, then renamed. Dropped before [`AtomicFile::commit`], it leaves nothing behind, and a file that
/// stood in its place stays as it was. A process that is told to stop calls [`abandon_temporaries`].
#[derive(Debug)]
pub struct AtomicFile {
    temporary: tempfile::NamedTempFile,
    path: PathBuf,
    // Last, so that the temporary file is gone before it is forgotten.
    _known: Known,
}

impl AtomicFile {
    /// Begins the file that will stand at `path`; its folder has to exist.
    ///
    /// # Errors
    /// Whatever creating the temporary file gives.
    pub fn create(path: &Path) -> io::Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Self::create_in(folder, path)
    }

    /// Like [`AtomicFile::create`], but the temporary file lies in `folder`, which has to be on the same file
    /// system as `path`; the folder of `path` need not exist before the commit.
    ///
    /// # Errors
    /// Whatever creating the temporary file gives.
    pub fn create_in(folder: &Path, path: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".").suffix(".partial");
        #[cfg(unix)]
        {
            // What `File::create` gives, the umask applied: a profile is for others to read as well.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let (temporary, known) = Known::create(|| builder.tempfile_in(folder))?;
        Ok(Self { temporary, path: path.to_owned(), _known: known })
    }

    /// Flushes the content to the disk and gives it its name, replacing what stood there.
    ///
    /// # Errors
    /// Whatever flushing or renaming gives; nothing is left behind then.
    pub fn commit(self) -> io::Result<()> {
        self.temporary.as_file().sync_all()?;
        self.temporary.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Like [`AtomicFile::commit`], but gives way to a file that already stands there; true where ours won.
    ///
    /// # Errors
    /// Whatever flushing or renaming gives; nothing is left behind then.
    pub fn commit_new(self) -> io::Result<bool> {
        self.temporary.as_file().sync_all()?;
        match self.temporary.persist_noclobber(&self.path) {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.error),
        }
    }

    /// The file under its temporary name, to be read back before it is committed.
    pub fn as_file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Where the file will stand.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}

impl Read for AtomicFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.temporary.read(bytes)
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.temporary.seek(place)
    }
}

/// Removes the temporary file of every [`AtomicFile`] that is not committed yet, and lets no new one begin:
/// for a process that is about to end because it was told to (Ctrl-C), when nothing is dropped any more.
pub fn abandon_temporaries() {
    let mut temporaries = temporaries();
    temporaries.closed = true;
    for path in std::mem::take(&mut temporaries.paths) {
        // Whoever waits for the process to end can do nothing about a file that stays.
        let _ = std::fs::remove_file(path);
    }
}

/// The temporary files of this process.
struct Temporaries {
    paths: BTreeSet<PathBuf>,
    closed: bool,
}

fn temporaries() -> MutexGuard<'static, Temporaries> {
    static ALL: Mutex<Temporaries> = Mutex::new(Temporaries { paths: BTreeSet::new(), closed: false });
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One entry among the temporary files, for as long as the file is not committed or dropped.
#[derive(Debug)]
struct Known {
    path: PathBuf,
}

impl Known {
    /// Creates and registers in one step, so that no file can slip between the two.
    fn create(
        create: impl FnOnce() -> io::Result<tempfile::NamedTempFile>,
    ) -> io::Result<(tempfile::NamedTempFile, Self)> {
        let mut all = temporaries();
        if all.closed {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the program is stopping"));
        }
        let temporary = create()?;
        let path = temporary.path().to_owned();
        all.paths.insert(path.clone());
        Ok((temporary, Self { path }))
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        temporaries().paths.remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_file_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        std::fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_committed_file_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        std::fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(&*MappedFile::open(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn commit_new_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        std::fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert!(!file.commit_new().unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    }

    #[test]
    fn a_folder_may_come_later_than_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/p.json");
        let mut file = AtomicFile::create_in(folder.path(), &path).unwrap();
        file.write_all(b"new").unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        file.commit().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn only_uncommitted_files_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let known = |file: &AtomicFile| temporaries().paths.contains(file.temporary.path());
        let file = AtomicFile::create(&folder.path().join("p.json")).unwrap();
        let temporary = file.temporary.path().to_owned();
        assert!(known(&file));
        file.commit().unwrap();
        assert!(!temporaries().paths.contains(&temporary));
    }

    #[test]
    fn an_empty_file_maps() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(MappedFile::open(file.path()).unwrap().is_empty());
    }
}
