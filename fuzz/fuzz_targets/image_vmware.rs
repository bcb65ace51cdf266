//! A VMware state file with memory in it.
#![no_main]

#[path = "support/image.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| support::check(b"\xd2\xbe\xd2\xbe", bytes));
