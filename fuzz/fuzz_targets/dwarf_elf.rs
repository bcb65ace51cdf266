//! An ELF file with DWARF: whatever comes of it prints, and what was printed is JSON that no reader trips over.
#![no_main]

#[path = "support/dwarf.rs"]
mod dwarf;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The magic number lets more inputs in, as 64-bit and little-endian.
    let mut stamped = bytes.to_vec();
    for (place, byte) in stamped.iter_mut().zip([0x7f, b'E', b'L', b'F']) {
        *place = byte;
    }
    dwarf::check(&stamped);
});
