//! Two profiles of one build, compared by meaning.

#![allow(clippy::unwrap_used)]

use profile::{Comparison, Profile, Report, Resolution, Settled, compare, read_text};

fn compared(first: &str, second: &str) -> Comparison {
    let read = |structs: &str| -> (Profile, Resolution) {
        let text = format!(
            r#"{{"$CONSTANTS": {{"init_task": 4096}}, "$METADATA": {{"ProfileClass": "Linux", "Type": "Profile",
                "arch": "AMD64"}}, "$STRUCTS": {structs}}}"#
        );
        let mut report = Report::default();
        let mut profile = read_text(text.as_bytes(), &mut report).unwrap();
        let resolution = Resolution::new(&mut profile, &mut report);
        (profile, resolution)
    };
    let ((a, ra), (b, rb)) = (read(first), read(second));
    compare(Settled { profile: &a, resolution: &ra }, Settled { profile: &b, resolution: &rb })
}

const NESTED: &str = r#"{"page": [16, {"flags": [0, ["unsigned long"]], "u1": [8, ["__unnamed_page_u1"]]}],
    "__unnamed_page_u1": [8, {"count": [4, ["int"]]}]}"#;

#[test]
fn it_does_not_matter_how_unnamed_members_are_nested() {
    let flat = r#"{"page": [16, {"flags": [0, ["unsigned long"]], "count": [12, ["int"]]}]}"#;
    let result = compared(NESTED, flat);
    assert_eq!(result.differences, []);
    assert_eq!((result.structs, result.members, result.symbols), (1, 2, 1));
}

#[test]
fn a_moved_member_and_a_grown_struct_are_named() {
    let moved =
        r#"{"page": [24, {"flags": [0, ["unsigned long"]], "count": [16, ["int"]]}], "slab": [8, {}]}"#;
    let result = compared(NESTED, moved);
    let texts: Vec<String> = result
        .differences
        .iter()
        .map(|difference| format!("{}: {} / {}", difference.name, difference.first, difference.second))
        .collect();
    assert_eq!(texts, ["page: 16 bytes / 24 bytes", "page.count: offset 12 / offset 16"]);
    assert_eq!((result.only_first.len(), result.only_second), (0, vec!["slab".to_owned()]));
}

#[test]
fn the_same_bits_in_another_storage_unit_are_the_same() {
    let int =
        r#"{"s": [4, {"f": [0, ["BitField", {"start_bit": 26, "end_bit": 29, "target": "unsigned int"}]]}]}"#;
    let byte =
        r#"{"s": [4, {"f": [3, ["BitField", {"start_bit": 2, "end_bit": 5, "target": "unsigned char"}]]}]}"#;
    assert_eq!(compared(int, byte).differences, []);
    let other =
        r#"{"s": [4, {"f": [3, ["BitField", {"start_bit": 1, "end_bit": 5, "target": "unsigned char"}]]}]}"#;
    assert_eq!(compared(int, other).differences.len(), 1);
}
