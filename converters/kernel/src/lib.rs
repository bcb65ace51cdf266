//! Converts a Linux kernel to a profile from its own data: its types (BTF) and its symbols (kallsyms).
//!
//! Start here: [`convert`] takes the [`Carried`] data of a kernel, wherever it was found, and returns a
//! [`Converted`]; [`convert_file`] finds it in a kernel's boot file, and [`KernelFile`] is the front-end for that.
//!
//! This crate prints nothing and writes no JSON.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod carried;
mod file;
mod front_end;
mod scattered;

pub use btf_converter::Converted;
pub use carried::{Carried, Error, GENERATOR, MADE_FROM, Origin, convert, map_symbol};
pub use file::{Error as FileError, Form, UnpackError, convert_file};
pub use front_end::{KernelFile, is_kernel_package};
