//! A profile from a file or text in any form: Rekall's, or a table of Volatility 3 (ISF).

use std::path::Path;

use crate::read::{check_kind, is_isf, utf8};
use crate::{MappedFile, Profile, ReadError, Report, isf, read, unpack};

/// The longest text of a profile, in bytes. A C++ program's PDB of 100 MB gives 300 MB; a kernel gives 10 to 40.
pub const MAX_TEXT: usize = 1 << 30;

/// Reads the profile in the file at `path`: text, gzip, xz or zstd, recognised by content.
///
/// # Errors
/// [`ReadError`] as for [`read_profile`], and if the file cannot be read.
pub fn read_file(path: &Path, report: &mut Report) -> Result<Profile, ReadError> {
    read_file_on(path, 1, report)
}

/// Like [`read_file`], on up to `threads` threads (at most two). The result does not depend on their number.
///
/// # Errors
/// As for [`read_file`].
pub fn read_file_on(path: &Path, threads: usize, report: &mut Report) -> Result<Profile, ReadError> {
    let bytes = MappedFile::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    let read = unpack(&bytes, MAX_TEXT)
        .and_then(|text| read_text_on(&text, threads, report).map_err(|error| error.in_packing_of(&bytes)));
    read.map_err(|error| error.in_file(path, &bytes))
}

/// Reads a profile from a file's bytes: text, gzip, xz or zstd, recognised by content.
///
/// Profiles of every age are read: modern and legacy descriptors, every spelling of the class, files without an
/// architecture. Writing the result ([`crate::write_text`]) gives the canonical form; a canonical text is reproduced
/// unchanged. Symbol tables of Volatility 3 (ISF) are recognised by their keys and read too. Losses are counted in
/// `report`.
///
/// # Errors
/// [`ReadError`] says what was expected, what was found and where.
pub fn read_profile(bytes: &[u8], report: &mut Report) -> Result<Profile, ReadError> {
    read_text(&unpack(bytes, MAX_TEXT)?, report).map_err(|error| error.in_packing_of(bytes))
}

/// Reads a profile from its text.
///
/// # Errors
/// As for [`read_profile`].
pub fn read_text(text: &[u8], report: &mut Report) -> Result<Profile, ReadError> {
    read_text_on(text, 1, report)
}

fn read_text_on(text: &[u8], threads: usize, report: &mut Report) -> Result<Profile, ReadError> {
    check_kind(text)?;
    let text = utf8(text, report);
    if is_isf(text.as_bytes()) {
        return isf::read(&text, threads, report);
    }
    read::read(&text, report)
}
