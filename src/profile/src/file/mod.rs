//! How files are read and written: [`MappedFile`] for inputs, [`OutputFile`] for files that the user named,
//! [`AtomicFile`] for the files of stores and repositories.

mod atomic;
mod companion;
mod destination;
mod identity;
mod output;
mod shrunk;
mod stream;
mod temporary;

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

pub use atomic::AtomicFile;
pub use companion::{
    CompanionFolders, LARGEST_COMPANION, companion_target, is_refusal, open_companion, open_regular,
};
#[cfg(unix)]
pub use identity::remember_input;
pub use identity::{FileId, open_input};
pub use output::OutputFile;
pub use shrunk::report_shrunken_files;
pub use temporary::{abandon_temporaries, remove_leftovers};

/// The bytes of a file, mapped, so that they are read on access and never copied as a whole.
///
/// A regular file must not shrink while it is mapped; [`crate::report_shrunken_files`] describes what happens if it
/// does. A file that cannot be mapped (a pipe) is read, as much as the largest file of its kind has. A device is refused. Clones
/// share the bytes.
#[derive(Clone, Debug)]
pub struct MappedFile {
    bytes: Arc<Bytes>,
}

#[derive(Debug)]
enum Bytes {
    Mapped {
        map: memmap2::Mmap,
        // After the map, so that the map stays registered as long as it exists.
        _entry: shrunk::Entry,
    },
    Read(Vec<u8>),
}

impl MappedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// Any error from opening, mapping or (if it is not a regular file) reading it.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::named(open_input(path)?, path)
    }

    /// Maps an open file that is named `path` in messages.
    ///
    /// # Errors
    /// As [`MappedFile::from_file`].
    pub fn named(file: File, path: &Path) -> io::Result<Self> {
        Self::map(file, Some(path))
    }

    /// Maps an open file, which need not have a name.
    ///
    /// # Errors
    /// Any error from mapping or (if it is not a regular file) reading it.
    pub fn from_file(file: File) -> io::Result<Self> {
        Self::map(file, None)
    }

    fn map(file: File, path: Option<&Path>) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, expected a file"));
        }
        // Kernel files (`/sys/kernel/btf/vmlinux`) are regular and have a size, but some of them cannot be mapped.
        let map = (metadata.is_file() && metadata.len() > 0).then(|| {
            // SAFETY: `map` needs a file that nobody changes as long as the map lives, which no program can
            // promise. This is what keeps it sound here. The map is private, read-only and only ever seen as
            // `&[u8]`, in which any value is valid, and no code takes a decision on bytes that it reads a second
            // time without checking them again: every length and index is checked where it is used. Bytes that
            // another process changes can therefore only give wrong results, which evidence that changes gives
            // anyway. A page that is gone because the file was truncated raises SIGBUS, which ends the process
            // (`crate::file::shrunk`).
            #[allow(unsafe_code)]
            let map = unsafe { memmap2::Mmap::map(&file) };
            map
        });
        let bytes = if let Some(Ok(map)) = map {
            let range = map.as_ptr_range();
            let entry = shrunk::register(range.start as usize..range.end as usize, path);
            Bytes::Mapped { map, _entry: entry }
        } else {
            Bytes::Read(stream::read(file)?)
        };
        Ok(Self { bytes: Arc::new(bytes) })
    }
}

impl From<Vec<u8>> for MappedFile {
    /// Wraps the bytes of a file in memory: unpacked from an archive, or made by a test.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_regular_file_that_cannot_be_mapped_is_read() {
        let path = Path::new("/sys/kernel/notes");
        let Ok(content) = std::fs::read(path) else { return };
        assert_eq!(&*MappedFile::open(path).unwrap(), content);
    }

    #[test]
    fn an_empty_file_maps() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(MappedFile::open(file.path()).unwrap().is_empty());
    }
}
