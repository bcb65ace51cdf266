//! A profile from its text in one of Rekall's forms, whoever wrote it, and what every reader of texts needs.
//!
//! - [`unpack`] gives the text of gzip, xz and zstd files, told by content; `text` makes it UTF-8, and `keys` tells a
//!   profile from a table of Volatility 3 (`crate::isf`).
//! - `document` walks the JSON text once, section by section, and hands each entry on; no tree of the whole
//!   is built. Texts are borrowed where they have no escapes.
//! - `descriptor` turns `["Pointer", {"target": ...}]` and its older forms into the model's types. Equal
//!   descriptors are read once: a profile has some hundred thousand of them and a few thousand different.
//! - `builder` collects what comes, in any order of sections, and settles the rest at the end, when the
//!   system, the sizes and all names are known.
//! - `identity` decides what system and architecture a profile is of, from old and new metadata.
//!
//! What cannot be carried over is counted in the [`Report`]; what no profile can be is a [`ReadError`].
//!
//! Memory is in proportion to the text, which may have 1 GiB; what unpacks to it is bounded by [`crate::UnpackLimits`] while it
//! unpacks.

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
