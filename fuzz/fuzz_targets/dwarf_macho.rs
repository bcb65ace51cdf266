//! A Mach-O file with DWARF, fat ones among them: as for ELF.
#![no_main]

#[path = "support/dwarf.rs"]
mod dwarf;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if bytes.first() != Some(&0xca) {
        let mut stamped = bytes.to_vec();
        for (place, byte) in stamped.iter_mut().zip([0xcf, 0xfa, 0xed, 0xfe]) {
            *place = byte;
        }
        dwarf::check(&stamped);
    }
    dwarf::check(bytes);
});
