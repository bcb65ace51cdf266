//! Volatility 2 packs to profiles: a dump of DWARF as text or vtypes, beside the map of the kernel's symbols.
//!
//! Start here: [`Volatility`] is the front-end. [`Pack::open`] looks into a zip archive, its unpacked folder or a single file, [`convert`] makes
//! the profile.
//!
//! - **Packs.** [`Pack`] chooses the members that matter, by name, and reads them within bounds; nothing of a
//!   pack is ever executed, and no name in it becomes a path. [`find_packs`] lists those below a folder.
//! - **Dumps.** [`Dialect`] tells whose text it is; one entry after the other is taken where it stands in the
//!   text, and lowered into the profile's model.
//! - **Vtypes.** A parser of its own reads the literals of Python that `.vtypes` files consist of, and refuses
//!   all else with line and column.
//! - **Legacy.** [`write_legacy`] reproduces Rekall's own text of a pack byte for byte, on a path of its own.
//!
//! What the text does not tell, and what it tells wrongly, is worked out where that is certain and counted in
//! the report where it is not (docs/volatility-packs.md).
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
