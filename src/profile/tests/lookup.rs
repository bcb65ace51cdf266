//! Lookups of single entries give the same answers as reading everything, in every layout of the text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use profile::{Arch, Profile, ReadError, Report, Resolution, System, Text, read_text, unpack, write_text};
use serde_json::{Value, json};

/// Names that could be confused with something else: punctuation, escapes, parts and kinds of one another.
const ODD: &[&str] = &[
    "_EPROCESS",
    "EPROCESS",
    "Pcb",
    ",",
    ":",
    ", ",
    " : [1, {",
    "]",
    "}",
    "{",
    "[",
    "a\"b",
    "\"",
    "\\",
    "a\\",
    "caf\u{e9}",
    "\u{1f600}",
    "/",
    "",
    " ",
    "\u{7f}",
    "$STRUCTS",
    "target",
    "operator,",
    "x\",\"y",
];

fn odd_profile() -> Value {
    let mut structs = serde_json::Map::new();
    let (mut constants, mut functions, mut enums) = (json!({}), json!({}), json!({}));
    for (number, name) in ODD.iter().enumerate() {
        let mut members = serde_json::Map::new();
        for (offset, member) in ODD.iter().enumerate() {
            members.insert((*member).to_owned(), json!([offset, ["unsigned char"]]));
        }
        structs.insert((*name).to_owned(), json!([ODD.len() + number, members]));
        if number % 2 == 0 {
            constants[*name] = json!(number);
        } else {
            functions[*name] = json!(number);
        }
        enums[*name] = json!({"0": "A", (number + 1).to_string(): *name});
    }
    json!({
        "$CONSTANTS": constants, "$ENUMS": enums, "$FUNCTIONS": functions, "$STRUCTS": structs,
        "$METADATA": {"ProfileClass": "Linux64", "Type": "Profile", "$STRUCTS": {"no": 1}, "x": "$CONSTANTS"},
    })
}

fn canonical(text: &[u8]) -> String {
    let mut profile = read_text(text, &mut Report::default()).unwrap();
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    String::from_utf8(write_text(&profile, &resolution, Vec::new()).unwrap()).unwrap()
}

/// The same profile as canonical text, without white space, and as other printers lay it out.
fn layouts(text: &[u8]) -> Vec<String> {
    let canonical = canonical(text);
    let value: Value = serde_json::from_str(&canonical).unwrap();
    let compact = value.to_string();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let spread = compact.replace("\":[", "\" :\n [").replace("\":{", "\"\t: {");
    let escaped = compact.replace("_E", "\\u005fE").replace('/', "\\/");
    vec![canonical, compact, pretty, spread, escaped]
}

/// Everything that reading gives, or a regular sample of it, is found, and nothing else; returns the number of
/// comparisons.
fn compare(text: &str, step: usize) -> usize {
    let whole: Profile = read_text(text.as_bytes(), &mut Report::default()).unwrap();
    let lookup = Text::new(text.as_bytes().to_vec()).unwrap();
    assert_eq!((lookup.system(), lookup.arch()), (whole.system, whole.arch));
    assert_eq!(lookup.metadata(), whole.metadata);
    let mut compared = 0;
    for (id, record) in whole.types.records().step_by(step) {
        let name = whole.names.get(record.name.unwrap());
        let found = lookup.structure(name).unwrap_or_else(|| panic!("{name:?}"));
        assert_eq!(found.profile.types.record(found.record).unwrap().size, record.size, "{name:?}");
        assert_eq!(lookup.size(name), Some(record.size));
        let members = |profile: &Profile, id| -> Vec<_> {
            let members = profile.types.members(id).iter();
            members.map(|it| (profile.names.get(it.name).to_owned(), it.offset, it.bits)).collect()
        };
        assert_eq!(members(&found.profile, found.record), members(&whole, id), "{name:?}");
        compared += 1 + whole.types.members(id).len();
    }
    for (symbols, function) in [(&whole.functions, true), (&whole.constants, false)] {
        for (name, value) in symbols.iter().step_by(step) {
            let name = whole.names.get(*name);
            let found = lookup.symbol(name).unwrap_or_else(|| panic!("{name:?}"));
            if function == found.function {
                assert_eq!(found.address, *value, "{name:?}");
            }
            compared += 1;
        }
    }
    for (id, item) in whole.types.enumerations() {
        // Enumerations spelled out in a descriptor have no name.
        let Some(name) = item.name else { continue };
        let name = whole.names.get(name);
        let mut labels: Vec<(String, i128)> = whole
            .types
            .labels(id)
            .iter()
            .map(|label| (whole.names.get(label.name).to_owned(), label.value(item.signed)))
            .collect();
        labels.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        assert_eq!(lookup.enumeration(name).unwrap_or_default(), labels, "{name:?}");
        compared += labels.len();
    }
    for missing in ["nobody", "_EPROCES", "A", "", "m\"", "\\"] {
        let known = whole
            .names
            .find(missing)
            .and_then(|name| whole.types.records().find(|(_, record)| record.name == Some(name)));
        assert_eq!(lookup.structure(missing).is_some(), known.is_some(), "{missing:?}");
    }
    compared
}

#[test]
fn odd_names_are_found_in_every_layout() {
    let source = odd_profile();
    for text in layouts(source.to_string().as_bytes()) {
        // Two structs in that list cannot keep their names; see docs/format.md, invariant 12.
        assert_eq!(compare(&text, 1), ODD.len() * (ODD.len() + 4), "{text}");
    }
}

#[test]
fn a_name_means_the_same_at_the_first_lookup_and_at_the_hundredth() {
    let whole = r#"{"$METADATA": {}, "$STRUCTS": {"s": [1, {}], "alias": "s", "s": [2, {}], "odd\u005fs": [3, {}],
        "t": [4, {"s": [8, ["int"]]}], "t": 5}, "$CONSTANTS": {"a": 1, "b": 2, "a": 3, "b": "two"}}"#;
    // Behind damage an entry is found by its bytes.
    let damaged = r#"{"$METADATA": {}, "$CONSTANTS": {"a": 1, "b": 2 "c": 3}, "$STRUCTS": {"s": [1, {}] "t": [2, {}]}}"#;
    for text in [whole, damaged] {
        let Ok(often) = Text::new(text.into()) else { continue };
        for _ in 0..100 {
            assert_eq!(often.size("nobody"), None);
            assert!(often.symbol("nobody").is_none());
        }
        for name in ["s", "alias", "odd_s", "t", "a", "b", "c", "int", "missing"] {
            let once = Text::new(text.into()).unwrap();
            assert_eq!(often.size(name), once.size(name), "{name}");
            assert_eq!(often.structure(name).is_some(), once.structure(name).is_some(), "{name}");
            let address = |text: &Text| text.symbol(name).map(|symbol| symbol.address);
            assert_eq!(address(&often), address(&once), "{name}");
        }
    }
}

#[test]
fn of_repeated_keys_the_last_counts() {
    let text = r#"{"$METADATA": {}, "$CONSTANTS": {"a": 1, "b": 2, "a": 3}, "$STRUCTS": {"s": [1, {}], "s": [2, {}]}}"#;
    let lookup = Text::new(text.into()).unwrap();
    assert_eq!(lookup.symbol("a").unwrap().address, 3);
    assert_eq!(lookup.size("s"), Some(2));
}

#[test]
fn legacy_entries_are_lowered_as_when_all_is_read() {
    let text = json!({
        "$METADATA": {"ProfileClass": "Linux32"},
        "$STRUCTS": {
            "list_head": [8, {"next": [0, ["pointer", ["list_head"]]]}],
            "s": [24, {"a": [8, ["Array", {"size": 16, "target": "list_head"}]], "e": [0, ["list_head"]]}],
            "other": "s",
        },
    });
    let lookup = Text::new(text.to_string().into_bytes()).unwrap();
    assert_eq!((lookup.system(), lookup.arch()), (System::Linux, Arch::I386));
    for name in ["s", "other"] {
        let found = lookup.structure(name).unwrap();
        let members = found.profile.types.members(found.record);
        let profile::Type::Array { count, .. } = found.profile.types.get(members[1].ty) else { panic!() };
        assert_eq!(count, 2);
        assert!(matches!(found.profile.types.get(members[0].ty), profile::Type::Named(_)));
    }
}

#[test]
fn the_nearest_symbols_at_or_below_an_address() {
    let text = json!({
        "$CONSTANTS": {"low": 10, "b": 20, "top": 18_446_744_073_709_551_615_u64},
        "$FUNCTIONS": {"a": 20, "zero": 0},
        "$METADATA": {"ProfileClass": "Nt"},
    });
    let lookup = Text::new(text.to_string().into_bytes()).unwrap();
    let names = |address| -> Vec<(String, bool)> {
        lookup.symbols_at(address).into_iter().map(|symbol| (symbol.name, symbol.function)).collect()
    };
    assert_eq!(names(25), [("a".to_owned(), true), ("b".to_owned(), false)]);
    assert_eq!(names(19), [("low".to_owned(), false)]);
    assert_eq!(names(0), [("zero".to_owned(), true)]);
    assert_eq!(names(u64::MAX), [("top".to_owned(), false)]);
    assert!(Text::new(br#"{"$CONSTANTS": {"a": 5}}"#.to_vec()).unwrap().symbols_at(4).is_empty());
}

#[test]
fn suggestions_and_numbers_of_entries() {
    let lookup = Text::new(odd_profile().to_string().into_bytes()).unwrap();
    assert_eq!(lookup.similar("eprocess", 2), ["EPROCESS", "_EPROCESS"]);
    assert_eq!(lookup.similar("process", 9), ["EPROCESS", "_EPROCESS"]);
    let counts = lookup.counts().unwrap();
    assert_eq!((counts["$STRUCTS"], counts["$METADATA"]), (ODD.len(), 4));
}

#[test]
fn other_files_than_profiles_are_refused() {
    for text in [
        "",
        "{}",
        "[]",
        "{\n  \"a\": 1\n}",
        "<html>",
        r#"{"symbols": {}, "metadata": {}}"#,
        "{\n \"$STRUCTS\": {\n",
    ] {
        assert!(Text::new(text.into()).is_err(), "{text}");
    }
    let error = Text::open(&PathBuf::from("/nonexistent/profile.json")).unwrap_err();
    assert!(matches!(error, ReadError::Io { .. }));
}

#[test]
fn a_text_truncated_anywhere_never_panics() {
    let text = canonical(odd_profile().to_string().as_bytes());
    for end in (0..text.len()).step_by(7) {
        if let Ok(lookup) = Text::new(text.as_bytes()[..end].to_vec()) {
            lookup.structure("_EPROCESS");
            lookup.symbol("_EPROCESS");
            lookup.enumeration(":");
            lookup.symbols_at(3);
        }
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn lookups_in_genuine_profiles_agree_with_reading_them() {
    let corpus = PathBuf::from(std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the corpus"));
    for (name, expected) in [
        ("ntkrnlpa.pdb.bd8f451f3e754ed8a34b50560ceb08e31.rekall.json.xz", 1749),
        ("HighSierra_10.13.3_17D47.json.xz", 5789),
        ("rekall-linux-module-ko-dw4.json.xz", 9130),
    ] {
        let bytes = std::fs::read(corpus.join("golden").join(name)).unwrap();
        let text = unpack(&bytes, profile::MAX_TEXT).unwrap();
        assert_eq!(compare(std::str::from_utf8(&text).unwrap(), 11), expected, "{name}");
        compare(&canonical(&text), 11);
    }
}
