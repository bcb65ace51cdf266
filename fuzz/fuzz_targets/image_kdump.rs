//! A kdump-compressed dump.
#![no_main]

#[path = "support/image.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| support::check(b"KDUMP   \x06\0\0\0", bytes));
