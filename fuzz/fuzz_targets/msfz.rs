//! A compact PDB becomes a plain one or an error, within the limit; a reader that panics is caught.
#![no_main]

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek, Write};

use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 1 << 22;
const MAGIC: &[u8] = b"Microsoft MSFZ Container\r\n\x1aALD\0\0";

thread_local! {
    static FILES: RefCell<(File, File)> =
        RefCell::new((tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap()));
}

fuzz_target!(
    init: {
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !profile::is_guarded() {
                abort(info);
            }
        }));
    },
    |bytes: &[u8]| {
        let mut stamped = bytes.to_vec();
        if let Some(start) = stamped.get_mut(..MAGIC.len()) {
            start.copy_from_slice(MAGIC);
        }
        FILES.with_borrow_mut(|(source, plain)| {
            for file in [&mut *source, &mut *plain] {
                file.set_len(0).unwrap();
                file.rewind().unwrap();
            }
            source.write_all(&stamped).unwrap();
            if pe::unpack_msfz(source, plain, LIMIT, &|_| ()).is_ok() {
                assert!(plain.metadata().unwrap().len() <= 2 * LIMIT + (1 << 20));
            }
        });
    }
);
