//! A profile from its text, whoever wrote it.
//!
//! - [`read_file`] and [`read_profile`] take a file's bytes in any form; [`unpack`] gives the text of gzip,
//!   xz and zstd files, told by content (`unpack`).
//! - `stream` walks the JSON text once, section by section, and hands each entry on; no tree of the whole
//!   is built. Texts are borrowed where they have no escapes.
//! - `descriptor` turns `["Pointer", {"target": ...}]` and its older forms into the model's types. Equal
//!   descriptors are read once: a profile has some hundred thousand of them and a few thousand different.
//! - `builder` collects what comes, in any order of sections, and settles the rest at the end, when the
//!   system, the sizes and all names are known.
//! - `identity` decides what system and architecture a profile is of, from old and new metadata.
//!
//! What cannot be carried over is counted in the [`Report`]; what no profile can be is a [`ReadError`].

mod builder;
mod descriptor;
mod error;
mod foreign;
pub(crate) mod identity;
pub(crate) mod keyed;
pub(crate) mod stream;
mod unpack;

use std::borrow::Cow;
use std::path::Path;

pub(crate) use builder::{Builder, address};
pub(crate) use descriptor::value_bits;
pub use error::{JsonPlace, ReadError};
pub use foreign::Foreign;
pub use identity::pdb_class;
pub use unpack::unpack;

use crate::{MappedFile, Profile, Report, isf};

/// How long a profile's text may be, in bytes. That of a whole C++ program's PDB of 100 MB has 300 MB; a
/// kernel's has 10 to 40.
pub const MAX_TEXT: usize = 1 << 30;

/// Reads the profile in the file at `path`: text, gzip, xz or zstd, told by content.
///
/// # Errors
/// [`ReadError`] as for [`read_profile`], and where the file cannot be read.
pub fn read_file(path: &Path, report: &mut Report) -> Result<Profile, ReadError> {
    let bytes = MappedFile::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    read_profile(&bytes, report)
}

/// Reads a profile from a file's bytes: text, gzip, xz or zstd, told by content.
///
/// Profiles of every age are read: modern and legacy descriptors, every spelling of the class, files
/// without an architecture. What is written from the result ([`crate::write_text`]) is the canonical form;
/// a canonical text is read and written without a change. Symbol tables of Volatility 3 (ISF) are told by their
/// keys and read too. Losses are counted in `report`.
///
/// # Errors
/// [`ReadError`] says what was expected, what was found and where.
pub fn read_profile(bytes: &[u8], report: &mut Report) -> Result<Profile, ReadError> {
    read_text(&unpack(bytes, MAX_TEXT)?, report)
}

/// Reads a profile from its text.
///
/// # Errors
/// As for [`read_profile`].
pub fn read_text(text: &[u8], report: &mut Report) -> Result<Profile, ReadError> {
    if let Some(found) = Foreign::of(text) {
        return Err(ReadError::Foreign { found });
    }
    let text = utf8(text, report);
    if text.trim_ascii().is_empty() {
        return Err(ReadError::Empty);
    }
    if isf::is_isf(text.as_bytes()) {
        return isf::read(&text, report);
    }
    let mut builder = Builder::new(report);
    stream::document(&text, &mut builder)?;
    Ok(builder.finish())
}

/// The text as UTF-8 without a byte order mark; what is no UTF-8 becomes U+FFFD and is counted.
pub(crate) fn utf8<'a>(text: &'a [u8], report: &mut Report) -> Cow<'a, str> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => {
            let count = text.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
            report.lose_many(INVALID_TEXT, count as u64, || format!("byte {}", error.valid_up_to()));
            String::from_utf8_lossy(text)
        }
    }
}

/// The loss counted for names and texts that are no UTF-8.
pub(crate) const INVALID_TEXT: &str = "texts that are not UTF-8";
