use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use zerocopy::{FromBytes, IntoBytes};

/// A sequence of bytes for random access: a file, or the unpacked content of one.
pub(crate) trait Bytes: fmt::Debug + Send + Sync {
    /// The number of bytes.
    fn len(&self) -> u64;

    /// Fills `into` with the bytes from `offset` on.
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BytesError>;

    /// The first part of `range` that may contain non-zero bytes.
    fn next_data(&self, range: Range<u64>) -> Option<Range<u64>> {
        if range.is_empty() { None } else { Some(range) }
    }

    /// The `length` bytes at `offset`, or as many as exist.
    fn up_to(&self, offset: u64, length: usize) -> Result<Vec<u8>, BytesError> {
        let there = self.len().saturating_sub(offset).min(length as u64) as usize;
        let mut bytes = vec![0; there];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }
}

/// Why bytes could not be read.
#[derive(Clone, Debug)]
pub(crate) struct BytesError {
    /// The place in the file of the request, or of the damage.
    pub(crate) offset: u64,
    pub(crate) problem: Problem,
}

#[derive(Clone, Debug)]
pub(crate) enum Problem {
    /// The bytes end earlier.
    End,
    /// The bytes cannot be unpacked.
    Damaged(Arc<str>),
    /// The system could not read it.
    Io(Arc<std::io::Error>),
}

impl BytesError {
    pub(crate) fn end(offset: u64) -> Self {
        Self { offset, problem: Problem::End }
    }

    pub(crate) fn damaged(offset: u64, reason: impl Into<Arc<str>>) -> Self {
        Self { offset, problem: Problem::Damaged(reason.into()) }
    }
}

/// The structure at the start of `bytes`; what is after their end is zero.
pub(crate) fn filled_up<T: FromBytes + IntoBytes>(bytes: &[u8]) -> T {
    let mut structure = T::new_zeroed();
    structure.as_mut_bytes().iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    structure
}

/// Bytes in memory.
impl Bytes for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BytesError> {
        let start = usize::try_from(offset).map_err(|_| BytesError::end(offset))?;
        let part = start.checked_add(into.len()).and_then(|end| self.get(start..end));
        into.copy_from_slice(part.ok_or_else(|| BytesError::end(offset))?);
        Ok(())
    }
}
