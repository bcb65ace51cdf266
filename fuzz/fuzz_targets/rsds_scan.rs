//! The scan finds what reading at every offset finds, each identity once.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use pe::CodeView;

fuzz_target!(|bytes: &[u8]| {
    // A record in front lets more inputs in; the rest may bring its own.
    let mut stamped = b"RSDS".to_vec();
    stamped.extend_from_slice(bytes);
    let mut seen = HashSet::new();
    let expected: Vec<_> = CodeView::find(&stamped)
        .filter(|(_, record)| seen.insert(record.key()))
        .map(|(at, record)| (at as u64, record))
        .collect();
    for (at, record) in &expected {
        assert_eq!(CodeView::parse(&stamped[*at as usize..]).as_ref(), Some(record));
    }
    let found: Vec<_> =
        CodeView::scan(&stamped, 2).into_iter().map(|sighting| (sighting.offset, sighting.record)).collect();
    assert_eq!(found, expected);
});
