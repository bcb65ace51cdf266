//! Work and memory proportional to the input: tables that describe the same bytes many times, and decompression
//! bombs. Every fixture is built here, in sizes n, 2n and 4n.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "the tests of the front-end use the rest")]
#[path = "../../../../converters/pdb/tests/support/build.rs"]
mod build;

mod archives;
mod bundles;
mod commands;
mod debug_files;
mod documentation;
mod elf;
mod executables;
mod images;
mod macho;
mod measure;
mod packed;
mod pdb;
mod repositories;
