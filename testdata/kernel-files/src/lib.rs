//! Tables of symbols as kernels of every age carry them ([`encode`]), small kernels with such a table ([`Kernel`]), and the
//! files in which kernels are booted ([`packed`], [`bzimage`], [`zboot`]).
//!
//! No kernel of the ages before 4.6 and of 6.2 and 6.3 is to be had any more: their tables are known from the sources alone
//! (`scripts/kallsyms.c`), and proved by this encoder alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a wrong fixture has to stop the test"
)]

mod boot;
mod kallsyms;
mod kernel;

pub use boot::{Compression, bzimage, packed, zboot};
pub use kallsyms::{AGES, Age, Choice, Encoded, Format, encode};
pub use kernel::Kernel;
