use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::temporary::Temporary;

/// A file that appears complete or not at all. It is written next to its final place under a temporary name, flushed
/// to the disk, and renamed. If it is dropped before [`AtomicFile::commit`], it leaves nothing behind, and an
/// existing file stays unchanged.
///
/// It is for the files of stores and repositories, whose names the program chooses. A file that the user named is an
/// [`OutputFile`](super::OutputFile), since it may be a link, a pipe or a device. A process that is told to stop
/// calls [`abandon_temporaries`](super::abandon_temporaries).
#[derive(Debug)]
pub struct AtomicFile {
    temporary: Temporary,
    path: PathBuf,
}

impl AtomicFile {
    /// Creates the temporary file for `path`, whose folder has to exist.
    ///
    /// # Errors
    /// Any error from creating the temporary file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Self::create_in(folder, path)
    }

    /// Like [`AtomicFile::create`], but the temporary file is in `folder`, which has to be on the same file system as
    /// `path`. The folder of `path` need not exist before the commit.
    ///
    /// # Errors
    /// Any error from creating the temporary file.
    pub fn create_in(folder: &Path, path: &Path) -> io::Result<Self> {
        Ok(Self { temporary: Temporary::create_in(folder)?, path: path.to_owned() })
    }

    /// Flushes the content to the disk and gives it its name, replacing an existing file.
    ///
    /// # Errors
    /// Any error from flushing or renaming; nothing is left behind then.
    pub fn commit(self) -> io::Result<()> {
        self.as_file().sync_all()?;
        self.temporary.file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Like [`AtomicFile::commit`], but keeps a file that already exists; returns true if the new file was put in
    /// place.
    ///
    /// # Errors
    /// Any error from flushing or renaming; nothing is left behind then.
    pub fn commit_new(self) -> io::Result<bool> {
        self.as_file().sync_all()?;
        match self.temporary.file.persist_noclobber(&self.path) {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.error),
        }
    }

    /// The file under its temporary name, for reading it back before the commit.
    pub fn as_file(&self) -> &File {
        self.temporary.file.as_file()
    }

    /// The final path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.file.flush()
    }
}

impl Read for AtomicFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.temporary.file.read(bytes)
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.temporary.file.seek(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_file_leaves_the_existing_file() {
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
    fn a_committed_file_replaces_the_existing_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        std::fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn commit_new_keeps_an_existing_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        std::fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert!(!file.commit_new().unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    }

    #[test]
    fn a_folder_may_be_created_after_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/p.json");
        let mut file = AtomicFile::create_in(folder.path(), &path).unwrap();
        file.write_all(b"new").unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        file.commit().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    }
}
