//! Indexes: which of thousands of profiles a kernel is of, told by a few bytes of it.
//!
//! A [`Specification`] says what is put down of every profile below a path; [`build`] reads the profiles and prints the
//! index in Rekall's form; the readers ([`DataIndex`], [`ExportIndex`], [`StructIndex`], [`SymbolIndex`]) order the
//! profiles by how like they are to what an image shows ([`Likeness`]). An index only proposes: what it proposes is
//! proved before it is an answer.
//!
//! - **Data**: bytes at symbols' addresses (`nt/index`, `OSX/index`).
//! - **Exports**: where the kernel's exported symbols are (`nt/export_index`; ours).
//! - **Struct**: where members of structs are (`nt/eprocess_index`).
//! - **Symbols**: what a kernel's own table of symbols has that no other's has (`Linux/index`).

mod ambiguity;
mod build;
mod data;
mod exports;
mod likeness;
mod pieces;
mod specification;
mod structs;
mod symbols;
mod traits;

pub(crate) use build::GENERATOR;
pub use build::{Built, Source, build, build_below};
pub use data::DataIndex;
pub use exports::ExportIndex;
pub use likeness::Likeness;
pub use specification::{Kind, Place, Specification};
pub use structs::{Offsets, StructIndex};
pub use symbols::SymbolIndex;

use serde_json::{Map, Value};

use crate::Error;
use crate::packed::unpack;

/// The section that holds an index.
const INDEX: &str = "$INDEX";
/// Ours: what each profile's part of the index was made of, so that only what changed is read again.
const SOURCES: &str = "$SOURCES";
/// Ours: the names that an export index is about, in the order of its rows.
const EXPORTS: &str = "$EXPORTS";

/// A JSON object.
type Section = Map<String, Value>;

/// The entries of the index in `bytes`, packed or not, and the sections around them; `place` is named in errors.
fn sections(bytes: &[u8], place: &str) -> Result<(Section, Section), Error> {
    let no_index = |found: &str| Error::Storage {
        place: place.to_owned(),
        problem: format!("no index: expected a JSON object with the key {INDEX}, found {found}"),
    };
    let Value::Object(mut sections) = unpack(bytes, place)? else { return Err(no_index("another value")) };
    match sections.remove(INDEX) {
        Some(Value::Object(entries)) => Ok((entries, sections)),
        // The printer of Rekall leaves empty mappings out.
        None if sections.contains_key("$METADATA") => Ok((Map::new(), sections)),
        _ => Err(no_index("none")),
    }
}

/// What is wrong with an entry of an index.
fn wrong(place: &str, profile: &str, expected: &str, found: &Value) -> Error {
    let mut found = found.to_string();
    if found.len() > 60 {
        found.truncate(found.floor_char_boundary(60));
        found.push_str("...");
    }
    Error::Storage {
        place: place.to_owned(),
        problem: format!("{INDEX}, {profile}: expected {expected}, found {found}"),
    }
}

/// A number as indexes hold it: what is above a signed one's range counts as 64 bits.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_u64().map(|value| value as i64))
}
