//! Text of llvm-dwarfdump.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/pack.rs"]
mod pack;

fuzz_target!(|bytes: &[u8]| {
    // The first entry tells the dialect; inputs that bring their own are left alone.
    let mut stamped = b"0x0000000b: DW_TAG_compile_unit\n".to_vec();
    stamped.extend_from_slice(bytes);
    pack::check("module.dwarf", bytes);
    pack::check("module.dwarf", &stamped);
});
