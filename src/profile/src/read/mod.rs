//! Reads a profile from its text in one of Rekall's forms, from any writer; and the parts that all readers of texts
//! share.
//!
//! - [`unpack`] returns the text of gzip, xz and zstd files, recognised by content; `text` makes it UTF-8, and `keys`
//!   distinguishes a profile from a table of Volatility 3 (`crate::isf`).
//! - `document` walks the JSON text once, section by section, and passes each entry on; no tree of the whole is
//!   built. Texts without escapes are borrowed.
//! - `descriptor` converts `["Pointer", {"target": ...}]` and its older forms into the model's types. Equal
//!   descriptors are read once: a profile has a few hundred thousand of them and a few thousand different ones.
//! - `builder` collects the entries, in any order of sections, and resolves the rest at the end, when the system, the
//!   sizes and all names are known.
//! - `identity` decides the system and architecture of a profile, from old and new metadata.
//!
//! Data that cannot be represented is counted in the [`Report`]; a text that cannot be a profile gives a
//! [`ReadError`].
//!
//! Memory is proportional to the text, which may have 1 GiB; compressed input is limited by [`crate::UnpackLimits`]
//! while it is unpacked.

mod builder;
mod descriptor;
pub(crate) mod document;
mod error;
pub(crate) mod identity;
pub(crate) mod keyed;
mod keys;
mod kind;
mod text;
mod unpack;

pub(crate) use builder::{Builder, address};
pub(crate) use descriptor::value_bits;
pub use error::{JsonPlace, ReadError};
pub use identity::pdb_class;
pub(crate) use keys::{ISF_SECTIONS, is_isf, judge_keys};
pub(crate) use kind::check_kind;
pub(crate) use text::{INVALID_TEXT, utf8};
pub use unpack::unpack;

use crate::{Profile, Report};

/// Reads a profile from a text in one of Rekall's forms.
pub(crate) fn read(text: &str, report: &mut Report) -> Result<Profile, ReadError> {
    let mut builder = Builder::new(report);
    document::document(text, &mut builder)?;
    Ok(builder.finish())
}
