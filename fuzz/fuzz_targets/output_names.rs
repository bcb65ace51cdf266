//! Names of outputs: a file appears under the name that was told, whole or not at all, and no other file changes.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/outputs.rs"]
mod outputs;

fuzz_target!(|bytes: &[u8]| {
    let Some((how, name)) = bytes.split_first() else { return };
    outputs::check(name, how & 1 == 1);
});
