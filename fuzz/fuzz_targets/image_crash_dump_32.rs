//! A Windows crash dump of 32 bits.
#![no_main]

#[path = "support/image.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| support::check(b"PAGEDUMP", bytes));
