//! The text of a file.ptr is a path, an address, a message or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbols::Pointer;

fuzz_target!(|bytes: &[u8]| {
    match Pointer::parse(bytes) {
        Ok(Pointer::Url(url)) => assert!(matches!(url.scheme(), "http" | "https")),
        Ok(Pointer::Path(path)) => assert!(!path.as_os_str().is_empty()),
        Ok(Pointer::Message(_)) => {}
        Err(error) => assert!(error.found.chars().count() <= 60),
    }
});
