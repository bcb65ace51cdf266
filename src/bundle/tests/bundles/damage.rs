use std::sync::Arc;

use bundle::{Bundle, Error};
use proptest::prelude::*;

use crate::made::{bytes, kernels, open};

/// Opens a damaged bundle and reads every build. Each has to give an error or exactly the text that was put in. Returns how
/// many gave the text.
fn readable(bytes: Vec<u8>, profiles: &[(String, String)]) -> usize {
    let Ok(bundle) = Bundle::new(Arc::new(bytes)) else { return 0 };
    assert_eq!(bundle.builds().len(), profiles.len(), "an opened bundle lists all builds");
    let texts = profiles.iter().filter(|(name, text)| {
        let read = bundle.text(bundle.find(name).unwrap());
        assert!(read.as_ref().is_ok_and(|read| read == text) || read.is_err(), "a wrong text of {name}");
        read.is_ok()
    });
    texts.count()
}

#[test]
fn every_flipped_bit_is_found() {
    let profiles = kernels(0..3);
    let whole = bytes(&profiles);
    let reference = open(&whole).member("struct_7", "flags").unwrap();
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        let Ok(bundle) = Bundle::new(Arc::new(damaged)) else { continue };
        let findings = bundle.verify(|_| {});
        assert!(!findings.is_empty(), "the bit at {place}");
        if let Ok(history) = bundle.member("struct_7", "flags") {
            assert_eq!(history, reference);
        }
    }
}

#[test]
fn a_truncated_bundle_is_refused() {
    let profiles = kernels(0..3);
    let whole = bytes(&profiles);
    for length in 0..whole.len() {
        assert!(Bundle::new(Arc::new(whole[..length].to_vec())).is_err(), "{length} bytes");
    }
    let mut longer = whole;
    longer.push(0);
    assert!(matches!(Bundle::new(Arc::new(longer)), Err(Error::Damaged { .. })));
}

#[test]
fn damaged_symbols_of_one_build_leave_the_builds_before_it_readable() {
    let profiles = kernels(0..3);
    let mut damaged = bytes(&profiles);
    // The header has 16 bytes, and the symbols of the builds are the first blocks, in order.
    let first = open(&damaged).own_length(0) as usize;
    damaged[16 + first + 3] ^= 0x10;
    let bundle = open(&damaged);
    assert_eq!(bundle.text(0).unwrap(), profiles[0].1);
    for build in [1, 2] {
        let error = bundle.text(build).unwrap_err().to_string();
        assert!(error.contains("symbols of kernel-1") && error.contains("SHA-256"), "{error}");
    }
    assert!(bundle.structure("struct_7").unwrap().is_some(), "structs are not affected");
}

#[test]
fn other_files_and_newer_versions_are_refused_by_name() {
    let error = |bytes: &[u8]| Bundle::new(Arc::new(bytes.to_vec())).map(drop).unwrap_err();
    assert!(matches!(error(b"\x1f\x8b"), Error::NotABundle { .. }));
    assert!(error(b"").to_string().contains("an empty file"));
    let mut newer = bytes(&kernels([1]));
    newer[12] = 2;
    assert!(matches!(error(&newer), Error::Version { expected: 1, found: 2 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn changed_bytes_never_give_a_wrong_profile(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let profiles = kernels(0..2);
        let mut damaged = bytes(&profiles);
        for (place, byte) in changes {
            let place = place.index(damaged.len());
            damaged[place] = byte;
        }
        readable(damaged, &profiles);
    }
}
