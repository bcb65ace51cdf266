//! The container (MSF 7.00): numbered streams, each scattered over the file's pages.

use std::fmt;
use std::io;
use std::ops::{Deref, Range};

use formats::{WrongKind, identify};
use pdb::{Source, SourceSlice, SourceView, StreamIndex};
use profile::{MappedFile, guarded};

use crate::Error;

/// The first bytes of an MSF 7.00 file.
const MAGIC: &[u8; 32] = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";

/// The PDB's streams.
///
/// A stream is never larger than the file, and all reads together may cover at most [`MAX_READ`] times the size of
/// the file. The work for each byte is then proportional to the file, however often its tables name the same pages or
/// the same stream. A stream whose pages are not contiguous is copied; others are read in place.
pub(crate) struct PdbFile {
    pdb: pdb::PDB<'static, Bytes>,
}

impl PdbFile {
    /// Opens the container, after checking that it is one and that it is complete.
    pub(crate) fn open(file: &MappedFile) -> Result<Self, Error> {
        if !file.starts_with(MAGIC) {
            return Err(WrongKind::new("a PDB", identify(&&file[..], None)).into());
        }
        check_header(file)?;
        let broken = |reason: String| Error::Stream { number: 0, name: "stream directory", reason };
        let left = (file.len() as u64).saturating_mul(MAX_READ);
        match guarded(|| pdb::PDB::open(Bytes { file: file.clone(), left })) {
            Some(Ok(pdb)) => Ok(Self { pdb }),
            Some(Err(error)) => Err(broken(error.to_string())),
            None => Err(broken("the container library failed on it".to_owned())),
        }
    }

    /// The bytes of a stream that another stream names: a part of the file if its pages are contiguous, otherwise a
    /// copy. Returns `None` if it is empty, and an error if it cannot be read.
    pub(crate) fn stream(&mut self, number: u16) -> Result<Option<impl Stream + use<>>, String> {
        self.find(number).unwrap_or_else(|| Err("the file has no such stream".to_owned()))
    }

    /// Like [`PdbFile::stream`], for a stream with a fixed number that a PDB may lack.
    pub(crate) fn optional_stream(&mut self, number: u16) -> Result<Option<impl Stream + use<>>, String> {
        self.find(number).unwrap_or(Ok(None))
    }

    fn find(&mut self, number: u16) -> Option<Result<Option<impl Stream + use<>>, String>> {
        match guarded(|| self.pdb.raw_stream(StreamIndex(number))) {
            Some(Ok(stream)) => Some(Ok(stream.filter(|stream| !stream.is_empty()))),
            Some(Err(pdb::Error::StreamNotFound(_))) => None,
            Some(Err(error)) => Some(Err(error.to_string())),
            None => Some(Err("the container library failed on it".to_owned())),
        }
    }
}

/// A stream's bytes.
pub(crate) trait Stream: Deref<Target = [u8]> {}

impl<T: Deref<Target = [u8]>> Stream for T {}

/// The header after the magic number: page size, free page map, number of pages, directory size.
fn check_header(bytes: &[u8]) -> Result<(), Error> {
    let field = |offset: usize| {
        let raw = bytes.get(offset..)?.first_chunk()?;
        Some(u32::from_le_bytes(*raw))
    };
    let place = "MSF header";
    let cut = |pages: u32, page_size: u32| Error::Cut {
        pages,
        page_size,
        expected: u64::from(pages) * u64::from(page_size),
        found: bytes.len() as u64,
    };
    let Some(page_size) = field(32) else { return Err(cut(1, 512)) };
    if !page_size.is_power_of_two() || !(256..=65536).contains(&page_size) {
        let found = page_size.to_string();
        return Err(Error::Header { place, offset: 32, expected: "a page size of 512 to 65536", found });
    }
    let Some(pages) = field(40) else { return Err(cut(1, page_size)) };
    if u64::from(pages) * u64::from(page_size) > bytes.len() as u64 {
        return Err(cut(pages, page_size));
    }
    match field(44) {
        None => Err(cut(1, page_size)),
        Some(directory) if u64::from(directory) > bytes.len() as u64 => {
            let found = directory.to_string();
            Err(Error::Header { place, offset: 44, expected: "a directory no larger than the file", found })
        }
        Some(_) => Ok(()),
    }
}

/// How many times the size of a file may be read from it. Every stream is read once or twice, and no page belongs to
/// two streams.
const MAX_READ: u64 = 8;

/// The file's bytes, behind the interface of the container library.
pub(crate) struct Bytes {
    file: MappedFile,
    /// How many bytes may still be read. The directory of a hostile file may name the same pages in many streams, and
    /// its list of modules the same stream many times.
    left: u64,
}

impl Source<'static> for Bytes {
    fn view(
        &mut self,
        slices: &[SourceSlice],
    ) -> Result<Box<dyn SourceView<'static> + Send + Sync>, io::Error> {
        if let [SourceSlice { offset: 0, size }] = slices
            && self.file.len() < *size
        {
            // The library reads a header of 4096 bytes; the smallest files are shorter.
            let mut header = self.file.to_vec();
            header.resize(*size, 0);
            return Ok(Box::new(StreamView::Gathered(header)));
        }
        // No page belongs to two streams, so no stream is larger than the file.
        let total = slices.iter().fold(0usize, |total, slice| total.saturating_add(slice.size));
        if total > self.file.len() {
            let message = format!("it claims {total} bytes, the whole file has {}", self.file.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.left = self.left.checked_sub(total as u64).ok_or_else(|| {
            let message = "the streams share their pages too often".to_owned();
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        if let [slice] = slices {
            let range = self.range(slice)?;
            return Ok(Box::new(StreamView::Part { file: self.file.clone(), range }));
        }
        let mut gathered = Vec::with_capacity(total);
        for slice in slices {
            let range = self.range(slice)?;
            gathered.extend_from_slice(self.file.get(range).unwrap_or_default());
        }
        Ok(Box::new(StreamView::Gathered(gathered)))
    }
}

impl Bytes {
    /// The range of a slice, if it lies inside the file.
    fn range(&self, slice: &SourceSlice) -> Result<Range<usize>, io::Error> {
        let start = usize::try_from(slice.offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(slice.size)?));
        range.filter(|range| range.end <= self.file.len()).ok_or_else(|| {
            let message = format!("{} bytes at {:#x} lie outside the file", slice.size, slice.offset);
            io::Error::new(io::ErrorKind::UnexpectedEof, message)
        })
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.file.len())
    }
}

enum StreamView {
    Part { file: MappedFile, range: Range<usize> },
    Gathered(Vec<u8>),
}

impl SourceView<'static> for StreamView {
    fn as_slice(&self) -> &[u8] {
        match self {
            StreamView::Part { file, range } => file.get(range.clone()).unwrap_or_default(),
            StreamView::Gathered(bytes) => bytes,
        }
    }
}

impl fmt::Debug for StreamView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({})", self.as_slice().len())
    }
}
