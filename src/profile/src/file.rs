use std::fs::File;
use std::io::{self, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file's bytes, mapped, so that they are read when they are looked at and never copied whole.
///
/// A regular file is expected not to shrink while it is mapped. Whatever cannot be mapped (a pipe) is read.
/// Clones share the bytes.
#[derive(Clone, Debug)]
pub struct MappedFile {
    bytes: Arc<Bytes>,
}

#[derive(Debug)]
enum Bytes {
    Mapped(memmap2::Mmap),
    Read(Vec<u8>),
}

impl MappedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// Whatever opening, mapping or (for what is no regular file) reading it gives.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, expected a file"));
        }
        let bytes = if metadata.is_file() && metadata.len() > 0 {
            // SAFETY: the map is private and read-only, and only ever seen as bytes, any value of which is
            // valid. A file that another process truncates meanwhile stops this process with SIGBUS; it
            // cannot make it read anything it should not.
            #[allow(unsafe_code)]
            Bytes::Mapped(unsafe { memmap2::Mmap::map(&file)? })
        } else {
            let mut content = Vec::new();
            io::Read::read_to_end(&mut file, &mut content)?;
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
            Bytes::Mapped(map) => map,
            Bytes::Read(content) => content,
        }
    }
}

/// A file that appears whole or not at all: written beside its place under a temporary name, flushed to
/// the disk, then renamed. Dropped before [`AtomicFile::commit`], it leaves nothing behind, and a file that
/// stood in its place stays as it was.
#[derive(Debug)]
pub struct AtomicFile {
    temporary: tempfile::NamedTempFile,
    path: PathBuf,
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
        let mut builder = tempfile::Builder::new();
        builder.prefix(".").suffix(".partial");
        #[cfg(unix)]
        {
            // What `File::create` gives, the umask applied: a profile is for others to read as well.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        Ok(Self { temporary: builder.tempfile_in(folder)?, path: path.to_owned() })
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
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
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
    fn an_empty_file_maps() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(MappedFile::open(file.path()).unwrap().is_empty());
    }
}
