//! A compressed AVML image.
#![no_main]

#[path = "support/image.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| support::check(b"AVML\x02\0\0\0", bytes));
