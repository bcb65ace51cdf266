//! A cabinet gives its PDB, whole and no longer than allowed, or an error; a reader that panics is caught.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use pe::PdbCabinet;

const LIMIT: u64 = 1 << 22;

fuzz_target!(
    init: {
        // Panics of the readers underneath are part of the bargain, those of ours are not.
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !profile::is_guarded() {
                abort(info);
            }
        }));
    },
    |bytes: &[u8]| {
        let mut stamped = bytes.to_vec();
        if let Some(start) = stamped.get_mut(..4) {
            start.copy_from_slice(b"MSCF");
        }
        let Ok(mut cabinet) = PdbCabinet::open(Cursor::new(stamped), Some("k.pdb"), LIMIT) else { return };
        assert!(cabinet.member().size <= LIMIT);
        let mut sink = Vec::new();
        if cabinet.extract(&mut sink, &|_| ()).is_ok() {
            assert_eq!(sink.len() as u64, cabinet.member().size);
        }
        assert!(sink.len() as u64 <= LIMIT);
    }
);
