//! Converts a Linux kernel to a profile from its own data: its types (BTF) and its symbols (kallsyms).
//!
//! Start here: [`convert`] takes the [`Carried`] data of a kernel, wherever it was found, and returns a
//! [`Converted`]; [`convert_file`] finds it in a kernel's boot file, and [`KernelFile`] is the front-end for that.
//!
//! This crate prints nothing and writes no JSON.
//!
//! ```
//! use kernel_converter::convert_file;
//! use kernel_files::{AGES, Choice, Compression, Kernel, bzimage, packed};
//!
//! // A small kernel with its types, as the tests make them, packed as it is booted.
//! let types = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/btf/gcc-x64.btf"));
//! let age = *AGES.last().expect("there are ages");
//! let kernel = Kernel::new(age, Choice::Relative, 0xffff_ffff_8100_0000, types, false);
//! let file = bzimage(&packed(Compression::ALL[0], &kernel.elf(62)));
//!
//! let profile = convert_file(&file, &profile::Silent)?.profile;
//! assert_eq!(profile.metadata_text("Release"), Some("6.6.7-test"));
//! # Ok::<(), kernel_converter::FileError>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod carried;
mod file;
mod front_end;
mod scattered;

pub use btf_converter::Converted;
pub use carried::{Carried, Error, GENERATOR, MADE_FROM, Origin, convert, map_symbol};
pub use file::{Error as FileError, Form, UnpackError, convert_file};
pub use front_end::{KernelFile, is_kernel_package};
