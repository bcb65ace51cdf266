//! ELF and Mach-O debug information (DWARF 2 to 5) to profile: from the bytes of a kernel's debug file, a
//! module or a kext to what its structs look like and where its symbols are.
//!
//! Start here: [`Dwarf`] is the front-end; [`convert`] takes a mapped file and gives a [`Converted`].
//!
//! - **Container.** `object` opens the file; sections are unpacked, and relocated where the file is not
//!   linked yet. Another kind of file is named ([`Error::WrongKind`]).
//! - **Packages.** [`Package`] streams the debug file out of a `.deb`, `.ddeb` or `.rpm`.
//! - **Companions.** Split units (`.dwo`, `.dwp`) and what `dwz` moved elsewhere are asked for through
//!   [`Companions`]; [`Beside`] looks where they usually are.
//! - **First pass.** Every unit is walked once, on several threads. Abbreviations are compiled into plans
//!   that pass over what nobody needs; definitions get fingerprints, and of equal ones the first is kept.
//! - **Second pass.** Only those are read in full into the model; names, duplicates and conflicts are left
//!   to [`profile::Resolution`].
//! - **Symbols.** Those of the file's table, or of a map beside it, with the types of the variables they are.
//! - **Losses.** A unit or record that is not understood costs itself and is counted by kind in the
//!   [`profile::Report`]; an [`Error`] means that no profile could be made.
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
