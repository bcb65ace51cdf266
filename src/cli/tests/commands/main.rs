//! The program as users run it, one module per command.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod harness;
mod parse_pdb;
