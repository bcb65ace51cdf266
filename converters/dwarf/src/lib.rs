//! Converts ELF and Mach-O debug information (DWARF 2 to 5) to profiles: the layout of the types and the addresses of
//! the symbols of a kernel, a module or a kext.
//!
//! Start here: [`Dwarf`] is the front-end; [`convert`] takes a mapped file and returns a [`Converted`].
//!
//! - **Container.** `object` opens the file; sections are unpacked, and relocated where the file is not linked yet. A
//!   file of another kind gives [`Error::WrongKind`].
//! - **Packages.** [`Package`] streams the debug file out of a `.deb`, `.ddeb` or `.rpm`.
//! - **Companions.** [`Companions`] finds split units (`.dwo`, `.dwp`) and the files into which `dwz` moved data;
//!   [`Beside`] searches the usual places.
//! - **First pass.** Every unit is walked once, on several threads. Abbreviations are compiled into plans that skip
//!   unneeded attributes. Definitions get fingerprints, and the first of equal definitions is kept.
//! - **Second pass.** Only the kept definitions are read in full into the model. [`profile::Resolution`] settles
//!   names, duplicates and conflicts.
//! - **Symbols.** The symbols of the file's table, or of a separate map, with the types of the variables that they
//!   stand for.
//! - **Losses.** A unit or record that cannot be read is skipped and counted by kind in the [`profile::Report`]. An
//!   [`Error`] means that no profile could be made.
//!
//! This crate prints nothing and writes no JSON.
//!
//! ```
//! use std::path::Path;
//!
//! use dwarf_converter::{Alone, Options, convert};
//!
//! let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf/elf");
//! let bytes = std::fs::read(folder.join("gcc-x64"))?;
//! let converted = convert(&bytes, &Options::default(), &Alone, &profile::Silent)?;
//! assert_eq!(converted.profile.arch.name(), "AMD64");
//! assert!(converted.profile.types.records().len() > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod bytes;
mod companions;
mod container;
mod convert;
mod entry;
mod error;
mod fold;
mod front_end;
mod identity;
mod language;
mod lower;
mod mix;
mod native;
mod package;
mod plan;
mod print;
mod relocate;
mod scan;
mod scope;
mod separate;
mod site;
mod split;
mod symbols;
mod units;
mod value;
mod variants;

pub use companions::{Alone, Beside, Companion, Companions};
pub use convert::{GENERATOR, Options, convert};
pub use error::Error;
pub use front_end::Dwarf;
pub use frontend::{Converted, Language, LanguageError};
pub use identity::{build_id, check_debug_file};
pub use language::Languages;
pub use package::{Package, PackageError, Unpacked};
pub use separate::{DEBUG_FOLDER, Separate, find_by_build_id, find_separate};
