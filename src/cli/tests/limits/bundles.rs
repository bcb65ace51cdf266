//! Bundles: what opening and reading one costs, whatever its directory says.

use std::sync::Arc;

use bundle::{Bundle, Entry, fuzzing};
use profile::Silent;

use crate::measure::proportional;

fn text(structs: usize, symbols: usize, nth: usize) -> String {
    let structs: Vec<String> = (0..structs)
        .map(|one| format!("\"s{}\":[8,{{\"m\":[{},[\"int\"]]}}]", odd(one), 4 * (nth % 2)))
        .collect();
    let symbols: Vec<String> =
        (0..symbols).map(|one| format!("\"f{}\":{}", odd(one), one * 16 + nth)).collect();
    let text = format!(
        "{{\"$CONSTANTS\":{{{}}},\"$METADATA\":{{\"ProfileClass\":\"Linux\",\"Release\":\"6.{nth}-amd64\",\"Type\":\"Profile\",\"arch\":\"AMD64\"}},\"$STRUCTS\":{{{}}}}}",
        symbols.join(","),
        structs.join(",")
    );
    let mut report = profile::Report::default();
    let mut read = profile::read_profile(text.as_bytes(), &mut report).unwrap();
    let resolution = profile::Resolution::new(&mut read, &mut report);
    String::from_utf8(profile::write_text(&read, &resolution, Vec::new()).unwrap()).unwrap()
}

/// A part of a name that hardly packs: equal contents would be a small file, whatever they are.
fn odd(one: usize) -> String {
    format!("{:016x}", (one as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn bundle(builds: usize, structs: usize, symbols: usize) -> Vec<u8> {
    let entries = (0..builds)
        .map(|nth| Entry::new(format!("k{nth}"), move || Ok(text(structs, symbols, nth))))
        .collect();
    bundle::write(entries, Vec::new(), &Silent).unwrap().0
}

fn read(bytes: Vec<u8>) {
    let Ok(bundle) = Bundle::new(Arc::new(bytes)) else { return };
    let last = bundle.builds().len() - 1;
    bundle.text(last).unwrap();
    bundle.member(&format!("s{}", odd(0)), "m").unwrap().unwrap();
    bundle.changed(0, last).unwrap();
}

#[test]
fn bundles_of_many_structs_and_symbols() {
    proportional(500, 3000, |n| bundle(2, n, n), read);
}

#[test]
fn bundles_of_many_builds() {
    proportional(50, 3000, |n| bundle(n, 3, 3), read);
}

#[test]
fn a_block_serves_one_part_alone() {
    let whole = Bundle::new(Arc::new(bundle(2, 50, 50))).unwrap();
    let parts = fuzzing::unseal(&whole).unwrap();
    assert!(Bundle::new(Arc::new(fuzzing::seal(&parts).unwrap())).is_ok());
    // The directory ends with the last stream: its first block, and how many. The stream before is given the same.
    let place = parts.len() - 2;
    for other in 0..parts[place] {
        let mut shared = parts.clone();
        shared[place] = other;
        let opened = Bundle::new(Arc::new(fuzzing::seal(&shared).unwrap()));
        let error = opened.map(drop).unwrap_err().to_string();
        assert!(error.contains("a block belongs to two parts"), "{error}");
    }
}
