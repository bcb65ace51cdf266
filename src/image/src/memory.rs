use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::PhysicalAddress;

/// Physical memory that can be read: an [`Image`](crate::Image), or pages built by hand ([`Pages`]).
pub trait Memory: Send + Sync {
    /// The existing ranges, sorted, without overlap; adjacent ranges are merged.
    fn runs(&self) -> &[Run];

    /// Fills `into` with the bytes from `at` on.
    ///
    /// # Errors
    /// The first address that cannot be read, and the reason. The contents of `into` are then unspecified.
    fn read(&self, at: PhysicalAddress, into: &mut [u8]) -> Result<(), ReadError>;

    /// The first part of `range` that may contain non-zero bytes; `None` if all of it is known to be zero, like the
    /// holes of a sparse file. The whole `range` has to be in one run.
    fn next_data(&self, range: Range<u64>) -> Option<Range<u64>> {
        if range.is_empty() { None } else { Some(range) }
    }
}

/// An existing range of physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// Its start.
    pub start: PhysicalAddress,
    /// Its length in bytes; never zero.
    pub length: u64,
}

impl Run {
    /// The address after the last byte. A run never reaches beyond the last address, so this is exact.
    pub fn end(self) -> u64 {
        self.start.0.saturating_add(self.length)
    }

    /// Whether `address` is in it.
    pub fn contains(self, address: PhysicalAddress) -> bool {
        (self.start.0..self.end()).contains(&address.0)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start.0, self.end())
    }
}

/// Why physical memory could not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The image does not contain this address.
    #[error("physical address {at} is not in the image")]
    Missing {
        /// The first missing address.
        at: PhysicalAddress,
    },
    /// The file ends before the place of this address.
    #[error("physical address {at}: the file ends before byte {offset:#x}, where the image says it is")]
    Truncated {
        /// The first address of the part that could not be read.
        at: PhysicalAddress,
        /// Its place in the file.
        offset: u64,
    },
    /// The part of the image with this address cannot be unpacked.
    #[error("physical address {at}: damaged at byte {offset:#x} of the image: {reason}")]
    Damaged {
        /// The first address of the part that could not be read.
        at: PhysicalAddress,
        /// The place of the damage in the image.
        offset: u64,
        /// The problem.
        reason: Arc<str>,
    },
    /// The system could not read the file.
    #[error("physical address {at}: cannot read the file at byte {offset:#x}: {source}")]
    Io {
        /// The first address of the part that could not be read.
        at: PhysicalAddress,
        /// Its place in the file.
        offset: u64,
        /// The system's error.
        source: Arc<std::io::Error>,
    },
}

impl ReadError {
    /// The first address that could not be read.
    pub fn at(&self) -> PhysicalAddress {
        match self {
            Self::Missing { at }
            | Self::Truncated { at, .. }
            | Self::Damaged { at, .. }
            | Self::Io { at, .. } => *at,
        }
    }
}

/// Physical memory built page by page, for tests and for code that makes images.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    pages: BTreeMap<u64, Box<[u8; Pages::SIZE]>>,
    runs: Vec<Run>,
}

impl Pages {
    /// The size of a page in bytes.
    pub const SIZE: usize = 4096;

    /// Writes `content` at `at`; missing pages are created, filled with zeros around it. Nothing is written beyond
    /// the last page of the address space.
    pub fn write(&mut self, at: PhysicalAddress, content: &[u8]) {
        let mut known = true;
        for (address, part) in pieces(at.0, content.len()) {
            let Some(source) = content.get(part) else { break };
            let page = self.pages.entry(address / Self::SIZE as u64).or_insert_with(|| {
                known = false;
                Box::new([0; Self::SIZE])
            });
            let within = (address % Self::SIZE as u64) as usize;
            if let Some(target) = page.get_mut(within..within + source.len()) {
                target.copy_from_slice(source);
            }
        }
        if !known {
            self.runs = join(self.pages.keys().map(|page| Run {
                start: PhysicalAddress(page * Self::SIZE as u64),
                length: Self::SIZE as u64,
            }));
        }
    }
}

impl Memory for Pages {
    fn runs(&self) -> &[Run] {
        &self.runs
    }

    fn read(&self, at: PhysicalAddress, into: &mut [u8]) -> Result<(), ReadError> {
        if at.0.checked_add(into.len() as u64).is_none() {
            return Err(ReadError::Missing { at });
        }
        for (address, part) in pieces(at.0, into.len()) {
            let within = (address % Self::SIZE as u64) as usize;
            let page = self.pages.get(&(address / Self::SIZE as u64));
            let source = page.and_then(|page| page.get(within..within + part.len()));
            match (into.get_mut(part), source) {
                (Some(target), Some(source)) => target.copy_from_slice(source),
                _ => return Err(ReadError::Missing { at: PhysicalAddress(address) }),
            }
        }
        Ok(())
    }
}

/// Splits `length` bytes from `start` on at page boundaries: the address of each part, and its range of bytes.
fn pieces(start: u64, length: usize) -> impl Iterator<Item = (u64, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let address = start.checked_add(done as u64)?;
        let room = Pages::SIZE - (address % Pages::SIZE as u64) as usize;
        let end = length.min(done + room);
        let part = (done < end).then_some((address, done..end))?;
        done = end;
        Some(part)
    })
}

/// Merges adjacent runs. `runs` are sorted and do not overlap.
pub(crate) fn join(runs: impl Iterator<Item = Run>) -> Vec<Run> {
    let mut joined: Vec<Run> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if last.end() == run.start.0 => last.length += run.length,
            _ => joined.push(run),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_give_back_what_was_written() {
        let mut pages = Pages::default();
        pages.write(PhysicalAddress(0xffe), b"abcd");
        pages.write(PhysicalAddress(0x5000), b"e");
        let [first, second] = pages.runs() else { panic!("{:?}", pages.runs()) };
        assert_eq!((first.to_string(), second.to_string()), ("0x0..0x2000".into(), "0x5000..0x6000".into()));
        let mut read = [0; 6];
        pages.read(PhysicalAddress(0xffd), &mut read).unwrap();
        assert_eq!(&read, b"\0abcd\0");
    }

    #[test]
    fn a_read_reports_where_it_failed() {
        let mut pages = Pages::default();
        pages.write(PhysicalAddress(0x1000), b"x");
        let failed = |at, length| pages.read(PhysicalAddress(at), &mut vec![0; length]).unwrap_err().at();
        assert_eq!(failed(0x1fff, 2), PhysicalAddress(0x2000));
        assert_eq!(failed(0x10, 2), PhysicalAddress(0x10));
        assert_eq!(failed(u64::MAX, 2), PhysicalAddress(u64::MAX));
    }
}
