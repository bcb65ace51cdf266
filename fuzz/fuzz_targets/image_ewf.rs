//! An E01 image in one file.
#![no_main]

#[path = "support/image.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| support::check(b"EVF\x09\x0d\x0a\xff\0\x01\x01\0", bytes));
