//! Text from outside: whatever it holds, what is printed of it can only be read, and JSON means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/text.rs"]
mod text;

fuzz_target!(|bytes: &[u8]| text::check(&String::from_utf8_lossy(bytes)));
