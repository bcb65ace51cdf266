//! Converts Volatility 2 packs to profiles. A pack holds a dump of DWARF as text, or vtypes, and the map of the
//! kernel's symbols.
//!
//! Start here: [`Volatility`] is the front-end. [`Pack::open`] opens a zip archive, its unpacked folder or a single
//! file, and [`convert`] makes the profile.
//!
//! - **Packs.** [`Pack`] chooses the needed members by name and reads them within limits. Nothing in a pack is ever
//!   executed, and no name in it becomes a path. [`find_packs`] lists the packs below a folder.
//! - **Dumps.** [`Dialect`] is the tool that printed the text. Entries are read in place, one after the other, and
//!   lowered into the profile's model.
//! - **Vtypes.** Our own parser reads the Python literals in `.vtypes` files and refuses everything else, with line
//!   and column.
//! - **Legacy.** [`write_legacy`] reproduces Rekall's own text of a pack byte for byte, in separate code.
//!
//! Information that the text lacks or has wrong is reconstructed where the result is certain, and otherwise counted
//! in the report (docs/volatility-packs.md).
//!
//! ```
//! use std::path::Path;
//!
//! use volatility_converter::{Options, Pack, convert};
//!
//! let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/volatility");
//! let pack = Pack::open(&folder.join("dense-dw4.dwarf"))?;
//! let converted = convert(&pack, &Options::default(), &profile::Silent)?;
//! assert!(converted.profile.types.records().len() > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod convert;
mod detect;
mod dump;
mod error;
mod front_end;
mod legacy;
mod lower;
mod pack;
mod vtypes;

pub use convert::{GENERATOR, Options, convert};
pub use dump::{Dialect, entries};
pub use error::Error;
pub use front_end::Volatility;
pub use frontend::Converted;
pub use legacy::write_legacy;
pub use pack::{Pack, find_packs, is_pack_member};
pub use vtypes::Found;
