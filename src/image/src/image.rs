use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use profile::{Progress, Report, Silent};

use crate::bytes::{Bytes, BytesError, Problem};
use crate::container::{self, Container};
use crate::file::FileBytes;
use crate::hints::Hints;
use crate::memory::{Memory, ReadError, Run};
use crate::segments::Segments;
use crate::{Error, PhysicalAddress, Placed};

/// A memory image: the physical memory of a machine, stored in a file.
///
/// Only the needed parts of the file are read; unpacked data is kept in a cache of bounded size. Reads from several
/// threads do not wait for each other. A file that shrinks in the meantime gives errors.
#[derive(Debug)]
pub struct Image {
    pub(crate) container: Container,
    pub(crate) packing: Option<Container>,
    pub(crate) bytes: Arc<dyn Bytes>,
    pub(crate) segments: Segments,
    pub(crate) other_layouts: Vec<Vec<Placed>>,
    pub(crate) hints: Hints,
    pub(crate) report: Report,
}

impl Image {
    /// Opens the image at `path`; its container is recognised by its content. Other files that belong to it (the
    /// segments of an E01, the state file of a VMware image) are searched for next to it.
    ///
    /// # Errors
    /// An error for a file that cannot be read, is not a memory image, or is too damaged to be opened. Smaller damage
    /// is in the [report](Image::report).
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_watched(path, &Silent)
    }

    /// As [`Image::open`]; `progress` is told how far the unpacking of a packed image has come, in bytes. Such an image (a
    /// gzip, xz or zstd file, or a zip archive of one file) is unpacked into a temporary file.
    ///
    /// # Errors
    /// As [`Image::open`].
    pub fn open_watched(path: &Path, progress: &dyn Progress) -> Result<Self, Error> {
        let bytes = FileBytes::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        container::open(Arc::new(bytes), Some(path), progress)
    }

    /// Opens an image in memory, which has no other files.
    ///
    /// # Errors
    /// As [`Image::open`].
    pub fn from_content(content: Vec<u8>) -> Result<Self, Error> {
        container::open(Arc::new(content), None, &Silent)
    }

    /// Its format.
    pub fn container(&self) -> Container {
        self.container
    }

    /// What that file is packed in, if it is: [`Container::Ewf`], [`Container::Flattened`], [`Container::Pieces`] or
    /// [`Container::Packed`].
    pub fn packing(&self) -> Option<Container> {
        self.packing
    }

    /// What the container says about the machine.
    pub fn hints(&self) -> &Hints {
        &self.hints
    }

    /// The losses: parts that the file declares but does not contain, and damaged records.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Whether it is a file of raw memory in which every offset is taken for the physical address of the byte there. That is an
    /// assumption: nothing in such a file says so.
    pub fn is_flat(&self) -> bool {
        self.container == Container::Raw && self.segments.are_flat()
    }

    /// Where the memory lies in the file if one byte of the file's headers was changed: they contradict each other, and do not
    /// say which of them is right. Empty if they agree.
    pub fn other_layouts(&self) -> &[Vec<Placed>] {
        &self.other_layouts
    }

    /// The size of the physical memory in bytes.
    pub fn size(&self) -> u64 {
        self.runs().iter().map(|run| run.length).sum()
    }
}

impl Memory for Image {
    fn runs(&self) -> &[Run] {
        self.segments.runs()
    }

    fn read(&self, at: PhysicalAddress, into: &mut [u8]) -> Result<(), ReadError> {
        let mut address = at.0;
        let mut rest = into;
        while !rest.is_empty() {
            let at = PhysicalAddress(address);
            let segment = self.segments.at(address).ok_or(ReadError::Missing { at })?;
            let within = address - segment.start;
            let room = usize::try_from(segment.length - within).unwrap_or(usize::MAX);
            let (part, after) = rest.split_at_mut(rest.len().min(room));
            self.bytes.read(segment.offset + within, part).map_err(|error| failed(at, error))?;
            address += part.len() as u64;
            rest = after;
        }
        Ok(())
    }

    fn next_data(&self, range: Range<u64>) -> Option<Range<u64>> {
        let mut start = range.start;
        while start < range.end {
            let Some(segment) = self.segments.at(start) else { return Some(start..range.end) };
            let from = segment.offset + (start - segment.start);
            let to = segment.offset + (range.end.min(segment.end()) - segment.start);
            if let Some(data) = self.bytes.next_data(from..to) {
                let first = segment.start + (data.start - segment.offset);
                return Some(first..first + (data.end - data.start));
            }
            start = segment.end();
        }
        None
    }
}

fn failed(at: PhysicalAddress, error: BytesError) -> ReadError {
    let offset = error.offset;
    match error.problem {
        Problem::End => ReadError::Truncated { at, offset },
        Problem::Damaged(reason) => ReadError::Damaged { at, offset, reason },
        Problem::Io(source) => ReadError::Io { at, offset, source },
    }
}
