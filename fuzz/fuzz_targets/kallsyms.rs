//! Kallsyms tables of every layout, found by their form: whatever parts are found, the table has as many symbols as it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maps::kallsyms::{DIGITS, find_near, is_token_table, read};

/// How many places in one input are looked at.
const MOST_PLACES: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let source = |at: u64, into: &mut [u8]| {
        let place = usize::try_from(at).ok();
        let found = place.and_then(|at| bytes.get(at..at.checked_add(into.len())?));
        found.map(|found| into.copy_from_slice(found)).is_some()
    };
    let digits = bytes.windows(DIGITS.len()).enumerate().filter(|(_, window)| *window == DIGITS);
    for (at, _) in digits.take(MOST_PLACES) {
        let Some(parts) = find_near(&source, at as u64) else { continue };
        assert!(is_token_table(&source, at as u64));
        if let Ok(symbols) = read(&source, &parts) {
            assert_eq!(symbols.len(), parts.count as usize);
        }
    }
});
