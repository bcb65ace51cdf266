//! Converts BTF, the kernel's own compact description of its types, to profiles.
//!
//! Start here: [`Btf`] is the front-end; [`convert`] takes a mapped file and returns a [`Converted`].
//!
//! - **Blob.** `blob` reads the header, `layout` the table of record sizes that blobs have since 2026, `record` the
//!   records; `elf` finds the blob in a kernel's or a module's file.
//! - **Table.** [`Table`] numbers the types of a kernel and those of a module, whose numbers continue the kernel's. A module
//!   may instead carry a small base (`.BTF.base`), a copy of the kernel's types that it uses; `relocate` finds these types in
//!   the kernel's own BTF.
//! - **Lowering.** `lower` reads the types into the model by the rules that the DWARF front-end follows; names,
//!   duplicates and conflicts are left to [`profile::Resolution`].
//! - **Symbols.** A blob has none: they come from the ELF file or from a map. `variables` gives them the types of the
//!   variables that the blob describes, and refuses a map of another build, whose addresses differ from theirs.
//! - **Losses.** A type that is not understood costs itself and is counted by kind in the [`profile::Report`]; an
//!   [`Error`] means that no profile could be made.
//!
//! This crate prints nothing and writes no JSON.
//!
//! ```
//! use std::path::Path;
//!
//! use btf_converter::{Options, convert};
//!
//! let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/btf");
//! let bytes = std::fs::read(folder.join("gcc-x64.btf"))?;
//! let options = Options { arch: Some(profile::Arch::Amd64), ..Options::default() };
//! let converted = convert(&bytes, &options, &profile::Silent)?;
//! assert!(converted.profile.types.records().len() > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod blob;
mod convert;
mod elf;
mod error;
mod front_end;
mod kind;
mod layout;
mod lower;
mod machine;
mod record;
mod relocate;
mod symbols;
mod table;
mod variables;

pub use blob::is_blob;
pub use convert::{GENERATOR, Options, convert};
pub use error::Error;
pub use front_end::Btf;
pub use frontend::Converted;
pub use kind::BtfKind;
pub use table::{Member, Table, TypeView};
