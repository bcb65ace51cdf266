//! The record that names a PDB, read out of a few parts of a PE file that lies elsewhere.

use std::ops::Range;

use super::{DEBUG_CODEVIEW, DEBUG_ENTRY, Pe, PeError, damaged, number};
use crate::rsds::Rsds;

/// Why the record was not read.
#[derive(Debug, thiserror::Error)]
pub enum PartsError<E> {
    /// A part could not be read.
    #[error(transparent)]
    Read(E),
    /// The file is not a PE file with such a record.
    #[error(transparent)]
    Pe(#[from] PeError),
}

/// The largest file that is read in parts, in bytes.
const LARGEST: u64 = 1 << 30;
/// The headers and the section table are within this many bytes, except in hostile files.
const HEADERS: u64 = 4 << 10;
/// The most that is read of a debug directory, and of a record, in bytes.
const LARGEST_PART: u64 = 4 << 10;
/// How many records are read.
const MOST_RECORDS: usize = 16;

impl Pe<'_> {
    /// The records that name PDBs by GUID and age, of a file of `length` bytes of which `read` gives parts: the headers,
    /// the debug directory and the records, usually three parts of 4 KiB and less.
    ///
    /// Memory is that of a file of `length` bytes whose other pages are never touched; at most 1 GiB.
    ///
    /// # Errors
    /// [`PartsError`], with the error of `read` or why the file has no such record.
    pub fn rsds_in_parts<E>(
        length: u64,
        mut read: impl FnMut(Range<u64>) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<Rsds>, PartsError<E>> {
        if length > LARGEST {
            return Err(damaged("file", format!("it has {length} bytes, expected at most {LARGEST}")).into());
        }
        // The file as far as it is known: zeros where it was not read.
        let mut known = vec![0; length as usize];
        let mut fetch = |known: &mut Vec<u8>, part: Range<u64>| {
            let part = part.start.min(length)..part.end.min(length);
            let bytes = read(part.clone()).map_err(PartsError::Read)?;
            let target = known.get_mut(part.start as usize..).unwrap_or_default();
            for (to, byte) in target.iter_mut().zip(bytes) {
                *to = byte;
            }
            Ok::<(), PartsError<E>>(())
        };
        fetch(&mut known, 0..HEADERS)?;
        let directory = Pe::parse(&known)?.debug_directory();
        let Some(directory) = directory else {
            return Ok(Pe::parse(&known)?.rsds()?);
        };
        fetch(&mut known, directory.clone())?;
        for record in codeview_parts(&known, &directory) {
            fetch(&mut known, record)?;
        }
        Ok(Pe::parse(&known)?.rsds()?)
    }

    /// Where the debug directory is in the file.
    fn debug_directory(&self) -> Option<Range<u64>> {
        let directory = self.optional.data_directories.get_debug_table()?;
        let start = (self.bytes.len() - self.at_rva(directory.virtual_address)?.len()) as u64;
        Some(start..start + u64::from(directory.size).min(LARGEST_PART))
    }
}

/// Where the entries of a debug directory say that CodeView records are.
fn codeview_parts(file: &[u8], directory: &Range<u64>) -> Vec<Range<u64>> {
    let entries = file.get(directory.start as usize..directory.end as usize).unwrap_or_default();
    let entries = entries.chunks_exact(DEBUG_ENTRY).filter_map(|entry| {
        let field = |at| number::<4>(entry, at).map(u32::from_le_bytes).map(u64::from);
        let start = field(24)?;
        let is_codeview = field(12)? == u64::from(DEBUG_CODEVIEW) && start > 0;
        is_codeview.then_some(start..start + field(16)?.min(LARGEST_PART))
    });
    entries.take(MOST_RECORDS).collect()
}
