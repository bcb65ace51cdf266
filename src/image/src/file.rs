use std::fmt;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
#[cfg(unix)]
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use sync_file::{RandomAccessFile, ReadAt};

use crate::bytes::{Bytes, BytesError, Problem};
use crate::cache::BlockCache;

/// A file or device for random access. It is read and not mapped: accessing a map of a file that shrinks kills the
/// process, while a read gives an error.
pub(crate) struct FileBytes {
    file: RandomAccessFile,
    /// A second handle of the file, for queries about its holes.
    #[cfg(unix)]
    holes: Option<File>,
    length: u64,
    cache: BlockCache,
}

impl FileBytes {
    /// Smaller reads go through the cache.
    const BLOCK: usize = 16 << 10;

    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::of(profile::open_input(path)?)
    }

    /// Opens a companion of the file that the user named, by its name: it has to be a regular file, or a link to
    /// one of the same name, and opening it never blocks.
    pub(crate) fn open_beside(path: &Path) -> io::Result<Self> {
        Self::of(profile::open_companion(path, profile::LARGEST_COMPANION)?)
    }

    /// Reads a file that is open.
    pub(crate) fn from_file(file: File) -> io::Result<Self> {
        Self::of(file)
    }

    fn of(mut file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "it is a folder, expected a memory image",
            ));
        }
        let length = if metadata.is_file() {
            metadata.len()
        } else {
            // Devices have a length; pipes do not, and have no random access.
            file.seek(SeekFrom::End(0)).map_err(|error| match error.kind() {
                io::ErrorKind::NotSeekable => {
                    io::Error::new(error.kind(), "it is a pipe, expected a file that can be read in places")
                }
                _ => error,
            })?
        };
        #[cfg(unix)]
        let holes = sparse(&metadata).then(|| file.try_clone()).transpose()?;
        Ok(Self {
            file: RandomAccessFile::from(file),
            #[cfg(unix)]
            holes,
            length,
            cache: BlockCache::new(Self::BLOCK),
        })
    }

    /// Whether the file has become shorter since it was opened, or its size cannot be read.
    #[cfg(unix)]
    fn has_shrunk(&self) -> bool {
        self.holes.as_ref().is_some_and(|file| file.metadata().map_or(true, |now| now.len() < self.length))
    }

    fn read_file(&self, offset: u64, into: &mut [u8]) -> Result<(), BytesError> {
        self.file.read_exact_at(into, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BytesError::end(offset),
            _ => BytesError { offset, problem: Problem::Io(Arc::new(error)) },
        })
    }
}

/// Whether fewer blocks are stored than the length of the file needs.
#[cfg(unix)]
fn sparse(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.is_file() && metadata.blocks().saturating_mul(512) < metadata.len()
}

impl Bytes for FileBytes {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BytesError> {
        if into.len() >= Self::BLOCK || into.is_empty() {
            return self.read_file(offset, into);
        }
        let size = Self::BLOCK as u64;
        self.cache.read_blocks(size, self.length, offset, into, |number, block| {
            let start = number * size;
            block.resize((self.length - start).min(size) as usize, 0);
            self.read_file(start, block)
        })
    }

    #[cfg(unix)]
    fn next_data(&self, range: Range<u64>) -> Option<Range<u64>> {
        use rustix::fs::{SeekFrom, seek};

        if range.is_empty() {
            return None;
        }
        let Some(file) = &self.holes else { return Some(range) };
        let start = match seek(file, SeekFrom::Data(range.start)) {
            Ok(start) => start,
            // The file has no data after this place; or it has lost this place, which is not a hole: reading it shows
            // that.
            Err(rustix::io::Errno::NXIO) => return self.has_shrunk().then_some(range),
            // The file system does not support the query.
            Err(_) => return Some(range),
        };
        if start >= range.end {
            return None;
        }
        let end = seek(file, SeekFrom::Hole(start)).unwrap_or(range.end);
        Some(start.max(range.start)..end.clamp(start + 1, range.end))
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileBytes").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn reads_across_blocks_and_reports_the_end_of_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let content: Vec<u8> = (0..40_000u32).map(|index| (index % 251) as u8).collect();
        file.write_all(&content).unwrap();
        let bytes = FileBytes::open(file.path()).unwrap();
        assert_eq!(bytes.len(), 40_000);
        for (offset, length) in
            [(0, 5), (16_380, 10), (30_000, 10_000), (100, 39_900), (39_999, 1), (40_000, 0)]
        {
            let mut read = vec![0; length];
            bytes.read(offset as u64, &mut read).unwrap();
            assert_eq!(read, content[offset..offset + length]);
        }
        for (offset, length) in [(39_999, 2), (40_001, 1), (0, 40_001), (u64::MAX, 1)] {
            let error = bytes.read(offset, &mut vec![0; length]).unwrap_err();
            assert!(matches!(error.problem, Problem::End), "{error:?}");
        }
    }

    #[test]
    fn a_file_that_shrinks_gives_an_error() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[1; 100_000]).unwrap();
        let bytes = FileBytes::open(file.path()).unwrap();
        file.as_file().set_len(50_000).unwrap();
        for length in [10, 40_000] {
            let error = bytes.read(60_000, &mut vec![0; length]).unwrap_err();
            assert!(matches!(error.problem, Problem::End), "{error:?}");
        }
        bytes.read(10, &mut [0; 10]).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn holes_are_known() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(64 << 20).unwrap();
        file.seek(SeekFrom::Start(32 << 20)).unwrap();
        file.write_all(&[1; 4096]).unwrap();
        let bytes = FileBytes::open(file.path()).unwrap();
        let data = bytes.next_data(0..64 << 20).unwrap();
        assert!(data.contains(&(32 << 20)), "{data:?}");
        assert!(data.end - data.start <= 1 << 20, "{data:?}");
        assert_eq!(bytes.next_data(data.end..64 << 20), None);
        assert_eq!(bytes.next_data(0..1 << 20), None);
        assert_eq!(bytes.next_data((32 << 20) + 1..(32 << 20) + 2), Some((32 << 20) + 1..(32 << 20) + 2));
        // The removed part is not a hole.
        file.as_file().set_len(40 << 20).unwrap();
        assert_eq!(bytes.next_data(36 << 20..64 << 20), Some(36 << 20..64 << 20));
        assert!(bytes.read(48 << 20, &mut [0; 8]).is_err());
    }
}
