//! A bundle, as it is or with right hashes put around its parts: what is read agrees with itself, and no text comes out
//! that was not put in.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/bundle.rs"]
mod support;

fuzz_target!(|bytes: &[u8]| {
    support::read(bytes);
});
