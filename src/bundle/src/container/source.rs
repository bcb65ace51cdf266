use std::borrow::Cow;
use std::io;

use profile::MappedFile;

/// Supplies the bytes of a bundle: a mapped file, or a file of which a server sends ranges.
pub trait Source: Send + Sync {
    /// The length of the whole file in bytes.
    fn length(&self) -> u64;

    /// Reads `length` bytes at `offset`. The caller asks only for bytes within [`Source::length`].
    ///
    /// # Errors
    /// Any error from reading, and `UnexpectedEof` if the bytes end early.
    fn read(&self, offset: u64, length: usize) -> io::Result<Cow<'_, [u8]>>;
}

impl Source for [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Cow<'_, [u8]>> {
        let start = usize::try_from(offset).ok();
        let bytes = start.and_then(|start| self.get(start..start.checked_add(length)?));
        bytes.map(Cow::Borrowed).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Source for Vec<u8> {
    fn length(&self) -> u64 {
        self.as_slice().length()
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Cow<'_, [u8]>> {
        self.as_slice().read(offset, length)
    }
}

impl Source for MappedFile {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Cow<'_, [u8]>> {
        (**self).read(offset, length)
    }
}
