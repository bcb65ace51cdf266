//! A Linux kernel to profile, from what it carries of itself: its types (BTF) and its symbols (kallsyms).
//!
//! Start here: [`convert`] takes what was [`Carried`] by a kernel, wherever that was found, and gives a [`Converted`];
//! [`convert_file`] finds that in a kernel's file as it is booted, and [`KernelFile`] does so as a front-end.
//!
//! This crate prints nothing and writes no JSON.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod carried;
mod file;
mod front_end;

pub use btf_converter::Converted;
pub use carried::{Carried, Error, GENERATOR, MADE_FROM, Origin, convert, map_symbol};
pub use file::{Error as FileError, Form, UnpackError, convert_file};
pub use front_end::{KernelFile, is_kernel_package};
