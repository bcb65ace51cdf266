//! Text of Darwin's own `dwarfdump` becomes a profile or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/pack.rs"]
mod pack;

fuzz_target!(|bytes: &[u8]| {
    // The first entry tells the dialect.
    let mut stamped = b"0x0000000b: TAG_compile_unit [1] *\n".to_vec();
    stamped.extend_from_slice(bytes);
    pack::check("module.dwarf", &stamped);
});
