//! ISF, the symbol tables of Volatility 3 (Intermediate Symbol Format; its JSON schemas, 4.x and 6.x).
//!
//! - [`read`] makes a profile of one: `structure`, `enumeration` and `symbol` lower the entries of the sections,
//!   `descriptor` their types (`bases` knows those that the table defines), `entry` reads an object key by key; `metadata` says what the table is of, and
//!   `machine` the architecture, which ISF does not name.
//! - [`Table`] looks up single entries, which `skeleton` finds without reading the rest.
//! - [`write`] prints a profile as one: `base_types` says what its natives are called there, [`table_path`] where
//!   Volatility looks for it.
//!
//! ISF keeps base types, structs and enumerations apart and says of each use which of them is meant; it knows
//! structs from unions, and the types of symbols. It knows no typedefs, no argument types, no difference
//! between code and data, no underscore before macOS's symbols, and names what the source leaves unnamed by
//! numbers of its producer's.

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

pub use place::table_path;
pub(crate) use reader::read;
pub use table::Table;
pub(crate) use writer::write;
