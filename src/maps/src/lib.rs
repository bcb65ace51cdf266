//! The small texts that stand beside a kernel's debug information: what its symbols, its configuration and
//! its release are.
//!
//! Start here: [`SystemMap::parse`] and [`SymbolTable::parse_all`] read symbols, [`add_symbols`] puts them
//! into a profile.
//!
//! - **Symbols.** [`SystemMap`] reads `System.map` and `/proc/kallsyms`, [`SymbolTable`] the tables that
//!   macOS's `dsymutil -s` prints. Both borrow from the text and count the lines they do not understand.
//! - **Identity.** [`Banner`] is the kernel's own first line, [`KernelConfig`] its configuration,
//!   [`release_in_path`] the release in names like `System.map-6.1.0-13-amd64`, [`arch_of_release`],
//!   [`arch_of_symbols`] and [`arch_of_flags`] the processor architecture each of them tells.
//!
//! - **Link addresses.** [`SystemMap::link`] is the rule for every map, through whichever front-end it came:
//!   the shift of a kernel that KASLR moved is taken back, and a map that is hidden, foreign or of an unknown
//!   place is refused with a [`MapError`].
//! - **Tables in memory.** [`kallsyms`] decodes the packed table of symbols that a running kernel keeps of itself.
//!
//! Parsing a text does not fail: a text that is not a map gives no symbols, and [`SystemMap::link`] says so.
//!
//! Texts are read in one pass and borrowed where that is possible, so memory is in proportion to the text. A table of
//! kallsyms has at most a million symbols with names of at most 512 bytes.
//!
//! ```
//! use maps::SystemMap;
//!
//! let map = SystemMap::parse(b"ffffffff81000000 T _text\nffffffff82413440 D init_task\n");
//! assert_eq!(map.address("init_task"), Some(0xffff_ffff_8241_3440));
//! assert!(!map.is_hidden());
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod arch;
mod banner;
mod config;
mod debug_package;
mod dsymutil;
pub mod kallsyms;
mod link_address;
mod linked;
mod release;
mod suffix;
mod symbols;
mod system_map;

pub use arch::{arch_of_flags, arch_of_release, arch_of_symbols, is_big_endian};
pub use banner::Banner;
pub use config::KernelConfig;
pub use debug_package::DebugPackage;
pub use dsymutil::SymbolTable;
pub use link_address::link_addresses_of_arm64;
pub use linked::{Kernel, Linked, MapError, section_bounds};
pub use release::release_in_path;
pub use symbols::{MapSymbol, add_symbols};
pub use system_map::SystemMap;
