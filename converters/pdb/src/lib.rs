//! Converts PDBs to profiles: the layout of a build's types and the addresses of its symbols.
//!
//! Start here: [`Pdb`] is the front-end; [`convert`] takes a mapped PDB and returns a [`Converted`].
//!
//! - **Container.** The streams of an MSF 7.00 file, read through the `pdb` library. A file of another kind gives
//!   [`Error::WrongKind`].
//! - **Types.** Records of the type stream are decoded one by one and lowered into the model. [`profile::Resolution`]
//!   settles names, duplicates and conflicts.
//! - **Symbols.** Publics and, if a PDB has them, data and procedures with their types. Addresses are RVAs, with OMAP
//!   applied.
//! - **Losses.** A record that cannot be read is skipped and counted by kind in the [`profile::Report`]. An [`Error`]
//!   means that no profile could be made.
//!
//! This crate prints nothing and writes no JSON.
//!
//! ```
//! use std::path::Path;
//!
//! use pdb_converter::{Options, convert};
//! use profile::MappedFile;
//!
//! let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/pdb");
//! let file = MappedFile::open(&folder.join("types-x64/input.pdb"))?;
//! let converted = convert(file, &Options::default(), &profile::Silent)?;
//! assert_eq!(converted.profile.arch.name(), "AMD64");
//! assert!(converted.profile.types.records().len() > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod address;
mod architecture;
mod codeview;
mod container;
mod contributions;
mod convert;
mod cursor;
mod dbi;
mod error;
mod fields;
mod front_end;
mod identity;
mod item_stream;
mod leaf;
mod name;
mod placement;
mod primitive;
mod symbol;
mod symbols;
mod text;
mod type_map;
mod type_stream;
mod types;
mod uses;

pub use convert::{GENERATOR, Options, convert};
pub use error::Error;
pub use front_end::Pdb;
pub use frontend::Converted;
