//! The scan finds what reading at every offset finds, each identity once.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use pe::Rsds;

fuzz_target!(|bytes: &[u8]| {
    // A record in front lets more inputs in; the rest may bring its own.
    let mut stamped = b"RSDS".to_vec();
    stamped.extend_from_slice(bytes);
    let mut seen = HashSet::new();
    let expected: Vec<_> = (0..stamped.len())
        .filter_map(|at| Some((at as u64, Rsds::parse(&stamped[at..])?)))
        .filter(|(_, rsds)| rsds.path.to_ascii_lowercase().ends_with(".pdb"))
        .filter(|(_, rsds)| seen.insert(rsds.guid_age))
        .collect();
    let found: Vec<_> =
        Rsds::scan(&stamped, 2).into_iter().map(|sighting| (sighting.offset, sighting.rsds)).collect();
    assert_eq!(found, expected);
});
