//! Packages: what is taken out of one has the size that is said of it.
#![no_main]

use dwarf_converter::Package;
use libfuzzer_sys::fuzz_target;

/// Takes what is written until it is too much: an input may unpack to gigabytes.
struct Bounded(u64);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        if self.0 > 1 << 22 { Err(std::io::Error::other("enough")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some(package) = Package::recognise(bytes) else { return };
    for member in [None, Some("fuse.ko")] {
        let mut sink = Bounded(0);
        if let Ok(unpacked) = package.unpack(member, &mut sink) {
            assert_eq!(unpacked.size, sink.0);
        }
    }
});
