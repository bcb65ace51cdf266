//! A LiME image.
#![no_main]

#[path = "support/image.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| support::check(b"EMiL\x01\0\0\0", bytes));
