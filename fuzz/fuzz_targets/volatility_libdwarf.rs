//! Text of libdwarf's dwarfdump, in both forms, on the modern path and on Rekall's own.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/pack.rs"]
mod pack;

fuzz_target!(|bytes: &[u8]| {
    pack::check("module.dwarf", bytes);
    pack::check_legacy("module.dwarf", bytes, ("System.map", b"c0000000 T _text\n"));
});
