//! The identity of a PDB is read without a panic, and a PDB that is accepted is not longer than its file.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use pe::Identity;

const MAGIC: &[u8] = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";

fuzz_target!(|bytes: &[u8]| {
    let mut stamped = bytes.to_vec();
    if let Some(start) = stamped.get_mut(..MAGIC.len()) {
        start.copy_from_slice(MAGIC);
    }
    if let Ok(identity) = Identity::read(&mut Cursor::new(&stamped)) {
        assert!(identity.size <= stamped.len() as u64);
    }
});
