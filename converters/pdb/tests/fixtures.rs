//! PDBs made from our own sources. Each is compared with its whole expected text, with the layouts that the compiler
//! reported, and with a second reader. `UPDATE=1` rewrites the expected texts.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use profile::MappedFile;
use support::shown::layouts;
use support::{fixture, print_as, second};

macro_rules! cases {
    ($($test:ident $case:literal: $facts:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            check($case, $facts);
        })*

        #[test]
        fn every_case_has_a_test() {
            let folders = std::fs::read_dir(fixture("")).unwrap().map(|entry| entry.unwrap());
            let cases: BTreeSet<String> = folders
                .filter(|entry| entry.path().join("input.pdb").exists())
                .map(|entry| entry.file_name().into_string().unwrap())
                .collect();
            assert_eq!(cases, BTreeSet::from([$($case.to_owned()),*]));
        }
    };
}

// The number of facts that the compiler left in each.
cases! {
    classes_arm64 "classes-arm64": 21,
    classes_x64 "classes-x64": 21,
    classes_x86 "classes-x86": 21,
    types_arm "types-arm": 39,
    types_x64 "types-x64": 39,
    types_x86 "types-x86": 39,
}

fn check(case: &str, facts: usize) {
    let input = fixture(&format!("{case}/input.pdb"));
    let printed = print_as(&MappedFile::open(&input).unwrap(), "input.pdb").unwrap();
    let losses: Vec<_> = printed.report.losses().collect();
    assert!(losses.is_empty(), "{losses:?}");

    // The whole text has to be equal.
    let expected = fixture(&format!("{case}/expected.json"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&expected, &printed.text).unwrap();
    }
    let text = String::from_utf8(printed.text).unwrap();
    let kept = std::fs::read_to_string(&expected).unwrap_or_default();
    let mut lines = text.lines().zip(kept.lines()).enumerate();
    if let Some((line, (ours, theirs))) = lines.find(|(_, (ours, theirs))| ours != theirs) {
        panic!("{case}: line {} is\n{ours}\nexpected\n{theirs}\nUPDATE=1 accepts it", line + 1);
    }
    assert!(text == kept, "{case}: {} bytes, expected {}; UPDATE=1 accepts it", text.len(), kept.len());

    // The compiler's layouts: labels `sizeof__S` and `offsetof__S__M` of an enumeration.
    let json = printed.json;
    let told: BTreeMap<String, u64> = serde_json::from_value(json["$REVENUMS"]["facts"].clone()).unwrap();
    let structs = json["$STRUCTS"].as_object().unwrap();
    let named = |name: &str| {
        let found = structs.iter().find(|(key, _)| *key == name || key.ends_with(&format!("::{name}")));
        found.unwrap_or_else(|| panic!("{case}: no struct {name}")).1
    };
    for (label, value) in &told {
        match label.split("__").collect::<Vec<_>>()[..] {
            ["sizeof", name] => assert_eq!(named(name)[0], *value, "{case}: {name}"),
            ["offsetof", name, member] => {
                let offset = offset(&json, named(name), member).unwrap_or_else(|| panic!("{case}: {label}"));
                assert_eq!(offset, *value, "{case}: {name}.{member}");
            }
            _ => panic!("{case}: {label}"),
        }
    }
    assert_eq!(told.len(), facts, "{case}");

    // The layouts that a second reader finds.
    let ours = layouts(&json);
    let theirs = second::read(&input, printed.profile.arch.address_size().into());
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.layouts.keys().collect::<Vec<_>>(), "{case}");
    let unnamed: BTreeSet<_> = ours.values().flatten().collect();
    for (name, layouts) in &theirs.layouts {
        for layout in layouts {
            let mut mine: Box<dyn Iterator<Item = _>> = match name.is_empty() {
                true => Box::new(unnamed.iter().copied()),
                false => Box::new(ours[name].iter()),
            };
            assert!(mine.any(|mine| mine.equals(layout)), "{case}: {name} {layout:?}");
        }
    }
}

/// The offset of a member in the struct itself or in one of its bases.
fn offset(json: &serde_json::Value, entry: &serde_json::Value, member: &str) -> Option<u64> {
    let members = entry[1].as_object()?;
    if let Some(place) = members.get(member) {
        return place[0].as_u64();
    }
    members.iter().filter(|(name, _)| name.starts_with("__base_")).find_map(|(_, base)| {
        let inner = offset(json, &json["$STRUCTS"][base[1][0].as_str()?], member)?;
        Some(base[0].as_u64()? + inner)
    })
}
