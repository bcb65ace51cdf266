//! What is read of a manifest is written, and read again it is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbols::Manifest;

fuzz_target!(|bytes: &[u8]| {
    let Ok(manifest) = Manifest::read(bytes) else { return };
    for wanted in &manifest.wanted {
        let name = wanted.name.as_str();
        assert!(!name.contains(['/', '\\', '\0']) && name.len() <= 255 && name != "..");
    }
    let mut text = Vec::new();
    manifest.write(&mut text).unwrap();
    assert_eq!(Manifest::read(&text[..]).unwrap(), manifest);
});
