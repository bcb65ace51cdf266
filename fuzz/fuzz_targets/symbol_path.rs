//! What parses prints, and what is printed parses to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbols::SymbolPath;

fuzz_target!(|text: &str| {
    let Ok(path) = text.parse::<SymbolPath>() else { return };
    let printed = path.to_string();
    let again: SymbolPath = printed.parse().unwrap_or_else(|error| panic!("{printed:?}: {error}"));
    assert_eq!(again.to_string(), printed);
});
