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
/// How many entries of the debug directory are followed.
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
        for record in Pe::parse(&known)?.codeview_places(&directory) {
            fetch(&mut known, record)?;
        }
        Ok(Pe::parse(&known)?.rsds()?)
    }

    /// Where the debug directory is in the file.
    fn debug_directory(&self) -> Option<Range<u64>> {
        let directory = self.optional.data_directories.get_debug_table()?;
        let start = self.offset_of(directory.virtual_address)?;
        let end = start.saturating_add(u64::from(directory.size).min(LARGEST_PART));
        Some(start..end.min(self.bytes.len() as u64))
    }

    /// Where the entries of the debug directory say that CodeView records are, by offset and by RVA as
    /// [`Pe::code_view`] looks for them.
    fn codeview_places(&self, directory: &Range<u64>) -> Vec<Range<u64>> {
        let entries = self.bytes.get(directory.start as usize..directory.end as usize).unwrap_or_default();
        let mut places = Vec::new();
        for entry in entries.chunks_exact(DEBUG_ENTRY).take(MOST_RECORDS) {
            let field = |at| number::<4>(entry, at).map(u32::from_le_bytes).unwrap_or_default();
            if field(12) != DEBUG_CODEVIEW {
                continue;
            }
            let length = u64::from(field(16)).min(LARGEST_PART);
            let offset = Some(u64::from(field(24))).filter(|offset| *offset > 0);
            let by_rva = self.offset_of(field(20)).filter(|by_rva| Some(*by_rva) != offset);
            places.extend(offset.into_iter().chain(by_rva).map(|start| start..start.saturating_add(length)));
        }
        places
    }

    /// The offset in the file of what is at an RVA.
    fn offset_of(&self, rva: u32) -> Option<u64> {
        Some((self.bytes.len() - self.at_rva(rva)?.len()) as u64)
    }
}
