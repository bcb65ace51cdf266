//! `$MERGE` and symlinks: the order of application, and circles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use profile::{MergeError, Profile, Report, Resolution, follow_symlinks, merge, read_text, write_text};
use serde_json::{Value, json};

/// A repository in a map.
struct Shelf(BTreeMap<&'static str, Value>);

impl Shelf {
    fn load(&self, name: &str) -> Result<Profile, String> {
        let value = self.0.get(name).ok_or_else(|| format!("no {name}"))?;
        Ok(read(value))
    }

    fn merge(&self, name: &str) -> Result<Value, MergeError<String>> {
        Ok(written(merge(self.load(name).unwrap(), &mut |name| self.load(name))?))
    }
}

fn read(value: &Value) -> Profile {
    read_text(value.to_string().as_bytes(), &mut Report::default()).unwrap()
}

fn written(mut profile: Profile) -> Value {
    let mut report = Report::default();
    let resolution = Resolution::new(&mut profile, &mut report);
    assert_eq!(report.total(), 0, "{report:?}");
    serde_json::from_slice(&write_text(&profile, &resolution, Vec::new()).unwrap()).unwrap()
}

fn link(target: &str) -> Value {
    written(Profile::symlink(target))
}

#[test]
fn later_structs_replace_whole_ones_and_symbols_one_by_one() {
    let shelf = Shelf(BTreeMap::from([
        (
            "nt/GUID/A",
            json!({
                "$CONSTANTS": {"kept": 1, "replaced": 1, "becomes_code": 1},
                "$CONSTANT_TYPES": {"kept": ["_EPROCESS", {}], "replaced": ["_LIST_ENTRY", {}]},
                "$ENUMS": {"E": {"0": "OLD"}, "KEPT": {"0": "K"}},
                "$MERGE": ["nt/undocumented"],
                "$METADATA": {"ProfileClass": "Nt", "Type": "Profile", "arch": "AMD64", "GUID_AGE": "A"},
                "$REVENUMS": {"E": {"OLD": 0}, "KEPT": {"K": 0}},
                "$STRUCTS": {
                    "_EPROCESS": [32, {
                        "Links": [0, ["_LIST_ENTRY", {}]],
                        "Kind": [16, ["Enumeration", {"enum_name": "E", "target": "long"}]],
                        "Small": [20, ["Enumeration", {"enum_name": "E", "target": "char"}]],
                    }],
                    "_LIST_ENTRY": [16, {"Flink": [0, ["Pointer", {"target": "_LIST_ENTRY"}]], "Blink": [8, ["Pointer", {}]]}],
                },
            }),
        ),
        (
            "nt/undocumented",
            json!({
                "$CONSTANTS": {"replaced": 2},
                "$DYNAMIC_CONSTANTS": {"added": [{"type": "Disassembler"}]},
                "$CONSTANT_TYPES": {"replaced": ["unsigned long", {}]},
                "$ENUMS": {"E": {"1": "NEW"}},
                "$FUNCTIONS": {"becomes_code": 2},
                "$METADATA": {"ProfileClass": "Nt", "arch": "AMD64", "Note": "not taken over"},
                "$REVENUMS": {"E": {"NEW": 1}},
                "$STRUCTS": {
                    "_LIST_ENTRY": [16, {"Flink": [0, ["Pointer", {"target": "_LIST_ENTRY"}]]}],
                    "_EXTRA": [48, {"Process": [0, ["_EPROCESS", {}]], "K": [32, ["Enumeration", {"enum_name": "E", "target": "long"}]]}],
                },
            }),
        ),
    ]));
    assert_eq!(
        shelf.merge("nt/GUID/A").unwrap(),
        json!({
            "$CONSTANTS": {"kept": 1, "replaced": 2},
            "$CONSTANT_TYPES": {"kept": ["_EPROCESS", {}], "replaced": ["unsigned long", {}]},
            "$DYNAMIC_CONSTANTS": {"added": [{"type": "Disassembler"}]},
            "$ENUMS": {"E": {"1": "NEW"}, "KEPT": {"0": "K"}},
            "$FUNCTIONS": {"becomes_code": 2},
            "$METADATA": {"ProfileClass": "Nt", "Type": "Profile", "arch": "AMD64", "GUID_AGE": "A"},
            "$REVENUMS": {"E": {"NEW": 1}, "KEPT": {"K": 0}},
            "$STRUCTS": {
                "_EPROCESS": [32, {
                    "Links": [0, ["_LIST_ENTRY", {}]],
                    "Kind": [16, ["Enumeration", {"enum_name": "E", "target": "long"}]],
                    "Small": [20, ["Enumeration", {"enum_name": "E", "target": "char"}]],
                }],
                "_EXTRA": [48, {
                    "Process": [0, ["_EPROCESS", {}]],
                    "K": [32, ["Enumeration", {"enum_name": "E", "target": "long"}]],
                }],
                "_LIST_ENTRY": [16, {"Flink": [0, ["Pointer", {"target": "_LIST_ENTRY"}]]}],
            },
        })
    );
}

fn constants(name: &str, value: u64, merge: &[&str]) -> Value {
    json!({
        "$CONSTANTS": {"last": value, name: value},
        "$MERGE": merge,
        "$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"},
    })
}

#[test]
fn profiles_are_laid_over_in_order_with_their_own_and_through_symlinks() {
    let shelf = Shelf(BTreeMap::from([
        ("base", constants("base", 1, &["link", "c"])),
        ("link", link("other link")),
        ("other link", link("a")),
        ("a", constants("a", 2, &["b"])),
        ("b", constants("b", 3, &[])),
        ("c", constants("c", 4, &["b"])),
    ]));
    let merged = shelf.merge("base").unwrap();
    assert_eq!(merged["$CONSTANTS"], json!({"a": 2, "b": 3, "base": 1, "c": 4, "last": 3}));
    assert!(merged.get("$MERGE").is_none());
    let followed = follow_symlinks(shelf.load("link").unwrap(), &mut |name| shelf.load(name)).unwrap();
    assert_eq!(followed.merge, ["b"]);
    assert_eq!(shelf.load("link").unwrap().symlink_target(), Some("other link"));
    assert_eq!(followed.symlink_target(), None);
}

#[test]
fn a_symlink_is_two_lines_of_metadata() {
    assert_eq!(link("nt/GUID/A"), json!({"$METADATA": {"Target": "nt/GUID/A", "Type": "Symlink"}}));
}

#[test]
fn circles_and_endless_chains_are_named() {
    let shelf = Shelf(BTreeMap::from([
        ("itself", link("itself")),
        ("one", link("two")),
        ("two", constants("x", 1, &["one"])),
        ("gone", constants("x", 1, &["nowhere"])),
    ]));
    let circle =
        |names: &[&str]| MergeError::Circle { names: names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(shelf.merge("itself").unwrap_err(), circle(&["itself", "itself"]));
    assert_eq!(shelf.merge("two").unwrap_err(), circle(&["one", "two", "one"]));
    let error = shelf.merge("gone").unwrap_err();
    assert_eq!(error.to_string(), "profile nowhere: no nowhere");
    let mut calls = 0;
    let endless = follow_symlinks(Profile::symlink("0"), &mut |_| {
        calls += 1;
        Ok::<_, String>(Profile::symlink(&calls.to_string()))
    });
    assert!(matches!(endless, Err(MergeError::TooFar { limit: 16, .. })), "{endless:?}");
    assert_eq!(calls, 16);
}

#[test]
fn merging_is_bounded() {
    // Each level names the next twice: two to the power of fifteen profiles.
    let mut calls = 0;
    let result = merge(read(&constants("x", 1, &["1", "1"])), &mut |name: &str| {
        calls += 1;
        let next = (name.parse::<u32>().unwrap() + 1).to_string();
        Ok::<_, String>(read(&constants("x", 1, &[&next, &next])))
    });
    assert!(matches!(result, Err(MergeError::TooFar { .. })));
    assert!(calls <= 300, "{calls}");
}
