//! ISF, the symbol tables of Volatility 3 (Intermediate Symbol Format; its JSON schemas, 4.x and 6.x).
//!
//! - [`read`] converts a table into a profile: `structure`, `enumeration` and `symbol` lower the entries of the
//!   sections, `descriptor` their types (`bases` holds those that the table defines), `entry` reads an object key by
//!   key, `metadata` identifies the build, and `machine` the architecture, which ISF does not state.
//! - [`Table`] looks up single entries; `skeleton` finds them without reading the rest.
//! - [`write`] prints a profile as a table: `base_types` has the names of its natives in ISF, [`table_path`] the path
//!   where Volatility looks for it.
//!
//! ISF keeps base types, structs and enumerations apart and states for each use which of them it refers to; it
//! distinguishes structs from unions, and has types of symbols. It has no typedefs, no argument types, no distinction
//! between code and data, and no underscore before macOS's symbols. Types that are unnamed in the source get names
//! with numbers of the producer's.

mod base64;
mod base_types;
mod bases;
mod descriptor;
mod entry;
mod enumeration;
mod losses;
mod machine;
mod metadata;
mod names;
mod place;
mod reader;
mod skeleton;
mod structure;
mod symbol;
mod table;
mod writer;

pub use self::base64::{decode as from_base64, encode as to_base64};
pub use place::table_path;
pub(crate) use reader::read;
pub use table::Table;
pub(crate) use writer::write;
