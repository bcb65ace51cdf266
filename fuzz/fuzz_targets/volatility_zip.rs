//! Archives: whatever they state, members stay within their bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use profile::Silent;
use volatility_converter::{Options, Pack, convert};

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = folder.path().join("pack.zip");
    std::fs::write(&path, bytes).expect("a temporary file");
    if let Ok(pack) = Pack::open(&path) {
        let _ = convert(&pack, &Options::default(), &Silent);
    }
});
