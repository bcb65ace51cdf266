//! Indexes and what says how to build them: any bytes are read or refused, and what is read can be ranked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repository::index::{DataIndex, ExportIndex, Likeness, Specification, StructIndex, SymbolIndex};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(specification) = Specification::parse(text, "fuzz")
    {
        // Two dots inside a longer part, as in `a..b`, are part of a plain name.
        assert!(specification.path.split('/').all(|part| !matches!(part, "" | "." | "..")));
        let _ = specification.target();
    }
    let mut said = Vec::new();
    if let Ok(index) = DataIndex::parse(bytes, "fuzz") {
        said.extend(index.rank(&mut |offset, length| {
            (offset % 3 != 0).then(|| bytes.iter().copied().cycle().take(length.min(1 << 16)).collect())
        }));
    }
    if let Ok(index) = ExportIndex::parse(bytes, "fuzz") {
        said.extend(index.rank([("a", 1), ("b", 2)].into_iter()));
    }
    if let Ok(index) = SymbolIndex::parse(bytes, "fuzz") {
        said.extend(index.rank(&|name| if name.len() % 2 == 0 { &[16, 32] } else { &[64] }));
    }
    if let Ok(index) = StructIndex::parse(bytes, "fuzz") {
        assert!(index.layouts().values().all(|profiles| !profiles.is_empty()));
    }
    for likeness in Likeness::together(said) {
        assert!(likeness.agreed <= likeness.seen && likeness.bits <= likeness.of);
        assert!((0.0..=1.0).contains(&likeness.score()));
    }
});
