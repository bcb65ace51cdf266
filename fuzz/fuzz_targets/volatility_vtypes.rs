//! Python literals, on the modern path and on Rekall's own.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/pack.rs"]
mod pack;

fuzz_target!(|bytes: &[u8]| {
    pack::check("kernel.vtypes", bytes);
    let symbols = b"Symbol table for: 'k' (x86_64)\n[ 0] 0 0f (SECT EXT) 01 0000 00000010 '_a'\n";
    pack::check_legacy("kernel.vtypes", bytes, ("kernel.symbol.dsymutil", symbols));
});
