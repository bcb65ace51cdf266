//! Indexes recognise which of thousands of profiles a kernel matches, by a few bytes of it.
//!
//! A [`Specification`] says what is recorded about every profile below a path; [`build_below`] reads the profiles and
//! prints the index in Rekall's form; the readers ([`DataIndex`], [`ExportIndex`], [`StructIndex`], [`SymbolIndex`])
//! order the profiles by their similarity to an image ([`Likeness`]). An index only proposes profiles: each is proved
//! before it becomes the answer.
//!
//! - **Data**: bytes at symbols' addresses (`nt/index`, `OSX/index`).
//! - **Exports**: the addresses of the kernel's exported symbols (`nt/export_index`; our extension).
//! - **Struct**: the offsets of struct members (`nt/eprocess_index`).
//! - **Symbols**: properties of a kernel's own symbol table that no other kernel shares (`Linux/index`).

mod ambiguity;
mod build;
mod data;
mod exports;
mod kept;
mod likeness;
mod outline;
mod parts;
mod pieces;
mod sources;
mod specification;
mod structs;
mod symbols;
mod target;
mod traits;

pub use build::{Built, build_below};
pub(crate) use build::{GENERATOR, build};
pub use data::DataIndex;
pub use exports::ExportIndex;
pub use likeness::Likeness;
pub(crate) use outline::outline;
pub(crate) use sources::{Source, Sources};
pub use specification::{IndexKind, Place, Specification};
pub use structs::{Offsets, StructIndex};
pub use symbols::SymbolIndex;
pub use target::{check_file, check_name};

use serde_json::{Map, Value};

use crate::Error;
use crate::packed::unpack;

/// The section with the index.
const INDEX: &str = "$INDEX";
/// Our extension: what each profile's part of the index was made from, so that only changed profiles are read again.
const SOURCES: &str = "$SOURCES";
/// Our extension: the names of the symbols in an export index, in the order of its rows.
const EXPORTS: &str = "$EXPORTS";

/// A JSON object.
type Section = Map<String, Value>;

/// The entries of the index in `bytes`, compressed or not, and the other sections; `place` is its name in errors.
fn sections(bytes: &[u8], place: &str) -> Result<(Section, Section), Error> {
    let no_index = |found: &str| Error::Storage {
        place: place.to_owned(),
        problem: format!("not an index: expected a JSON object with the key {INDEX}, found {found}"),
    };
    let Value::Object(mut sections) = unpack(bytes, place)? else { return Err(no_index("another value")) };
    match sections.remove(INDEX) {
        Some(Value::Object(entries)) => Ok((entries, sections)),
        // Rekall's printer omits empty mappings.
        None if sections.contains_key("$METADATA") => Ok((Map::new(), sections)),
        _ => Err(no_index("none")),
    }
}

/// The error for an invalid entry of an index.
fn wrong(place: &str, profile: &str, expected: &str, found: &Value) -> Error {
    let mut found = found.to_string();
    if let Some((end, _)) = found.char_indices().nth(60) {
        found.truncate(end);
        found.push_str("...");
    }
    Error::Storage {
        place: place.to_owned(),
        problem: format!("{INDEX}, {profile}: expected {expected}, found {found}"),
    }
}

/// A number in an index: a value above the signed range stands for the same 64 bits.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_u64().map(|value| value as i64))
}
