//! Archives of every kind that the program opens, told apart by their content as the program does: packages, zip archives
//! and cabinets. Whatever they state, what comes out stays within its limit and has the size that is said of it.
#![no_main]

use std::io::{self, Cursor, Write};

use dwarf_converter::Package;
use libfuzzer_sys::fuzz_target;
use profile::Silent;
use pe::PdbCabinet;
use volatility_converter::{Options, Pack, convert};

/// No more is taken out of one member.
const LIMIT: u64 = 1 << 22;

/// Counts what is written, and stops what writes too much.
struct Bounded(u64);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        if self.0 > LIMIT { Err(io::Error::other("enough")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fuzz_target!(
    init: {
        // Panics of the readers underneath are caught and reported as damage; those of ours are not.
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !profile::is_guarded() {
                abort(info);
            }
        }));
    },
    |bytes: &[u8]| {
        if let Some(package) = Package::recognise(bytes) {
            for member in [None, Some("k.debug")] {
                let mut sink = Bounded(0);
                if let Ok(unpacked) = package.unpack(member, &mut sink) {
                    assert_eq!(unpacked.size, sink.0);
                }
            }
        }
        if let Ok(mut cabinet) = PdbCabinet::open(Cursor::new(bytes), None, LIMIT) {
            let size = cabinet.member().size;
            let mut sink = Bounded(0);
            if cabinet.extract(&mut sink, &|_| ()).is_ok() {
                assert_eq!(sink.0, size);
            }
        }
        if bytes.starts_with(b"PK") {
            let folder = tempfile::tempdir().expect("a folder for temporary files");
            let path = folder.path().join("pack.zip");
            std::fs::write(&path, bytes).expect("a temporary file");
            if let Ok(pack) = Pack::open(&path) {
                for name in pack.member_names() {
                    assert!(name.len() <= bytes.len());
                }
                let _ = convert(&pack, &Options::default(), &Silent);
            }
        }
    }
);
