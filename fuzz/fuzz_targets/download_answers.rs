//! Answers of a hostile server: the search ends, no two versions of a file are joined, credentials go nowhere else.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| symbols::fuzzing::play(bytes));
