//! Reads the small texts that accompany a kernel's debug information: symbols, configuration and release.
//!
//! Start here: [`SystemMap::parse`] and [`SymbolTable::parse_all`] read symbols; [`add_symbols`] puts them into a
//! profile.
//!
//! - **Symbols.** [`SystemMap`] reads `System.map` and `/proc/kallsyms`; [`SymbolTable`] reads the tables that
//!   macOS's `dsymutil -s` prints. Both borrow from the text and count the lines that they cannot read.
//! - **Identity.** [`Banner`] is the line with which a kernel identifies itself, and [`KernelConfig`] is its
//!   configuration. [`release_in_path`] finds the release in names like `System.map-6.1.0-13-amd64`.
//!   [`arch_of_release`], [`arch_of_symbols`] and [`arch_of_flags`] find the architecture.
//!
//! - **Link addresses.** [`SystemMap::link`] is the one rule for symbol maps in every front-end. It removes the shift
//!   of a kernel that KASLR moved, and returns a [`MapError`] for a map whose addresses are hidden or those of no
//!   kernel, that belongs to another build, or whose link address is unknown.
//! - **Tables in memory.** [`kallsyms`] decodes the compressed symbol table that a running kernel holds.
//!
//! Parsing does not fail: a text that is not a map gives no symbols, and [`SystemMap::link`] reports that.
//!
//! Texts are read in one pass and borrowed where possible, so memory is proportional to the text.
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
mod contradiction;
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
pub use linked::{Linked, MapError, MappedKernel, section_bounds};
pub use release::release_in_path;
pub use symbols::{MapSymbol, add_symbols};
pub use system_map::SystemMap;
