//! Compares two profiles of one build by meaning.

#![allow(clippy::unwrap_used)]

use profile::{Comparison, Profile, Reason, Report, Resolution, Settled, compare, read_text};

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

/// What two descriptions of a member of eight bytes give.
fn explained(first: &str, second: &str) -> (usize, Vec<(Reason, u64)>) {
    let in_struct = |member: &str| {
        format!(
            r#"{{"s": [16, {{"m": [0, {member}]}}], "a": [8, {{}}], "b": [8, {{}}], "a__0123abcd": [8, {{"x": [4, ["int"]]}}],
                "__unnamed_s_m": [8, {{}}]}}"#
        )
    };
    let result = compared(&in_struct(first), &in_struct(second));
    let reasons = result.explained.iter().map(|(reason, tally)| (*reason, tally.count)).collect();
    (result.differences.len(), reasons)
}

#[test]
fn differences_that_sources_explain_are_not_contradictions() {
    let many =
        r#"["Array", {"count": 2, "target": "Array", "target_args": {"count": 2, "target": "short"}}]"#;
    let one = r#"["Array", {"count": 4, "target": "short"}]"#;
    let bits = r#"["BitField", {"start_bit": 8, "end_bit": 12, "target": "unsigned long"}]"#;
    let pointer = |target: &str| format!(r#"["Pointer", {{"target": "{target}"}}]"#);
    let enumeration = r#"["Enumeration", {"enum_name": "e", "target": "unsigned long"}]"#;
    let cases = [
        (many.to_owned(), one.to_owned(), Reason::Dimensions),
        (bits.to_owned(), r#"["unsigned long"]"#.to_owned(), Reason::BitFields),
        (pointer("a"), pointer("Void"), Reason::VoidPointers),
        (r#"["long"]"#.to_owned(), r#"["unsigned long"]"#.to_owned(), Reason::Signs),
        (enumeration.to_owned(), r#"["unsigned long"]"#.to_owned(), Reason::Enumerations),
        (r#"["a"]"#.to_owned(), r#"["__unnamed_s_m"]"#.to_owned(), Reason::Unnamed),
        (pointer("a"), pointer("a__0123abcd"), Reason::Layouts),
        (
            r#"["a"]"#.to_owned(),
            r#"["Array", {"count": 8, "target": "unsigned char"}]"#.to_owned(),
            Reason::Bytes,
        ),
        (r#"["unsigned long"]"#.to_owned(), r#"["unsigned long long"]"#.to_owned(), Reason::Natives),
        (pointer("a"), pointer("b"), Reason::Types),
    ];
    for (first, second, reason) in cases {
        assert_eq!(explained(&first, &second), (0, vec![(reason, 1)]), "{first} {second}");
        assert_eq!(explained(&second, &first), (0, vec![(reason, 1)]), "{second} {first}");
        assert_eq!(explained(&first, &first), (0, vec![]), "{first}");
    }
    assert_eq!(explained(r#"["int"]"#, r#"["long"]"#), (1, vec![]));
    assert_eq!(explained(&pointer("a"), r#"["int"]"#), (1, vec![]));
}

#[test]
fn each_of_several_layouts_is_compared_with_the_one_that_fits() {
    let first = r#"{"irq": [8, {"a": [0, ["int"]]}], "irq__0123abcd": [16, {"a": [8, ["int"]]}]}"#;
    let second = r#"{"irq": [16, {"a": [8, ["int"]]}], "irq__4567cdef": [8, {"a": [0, ["int"]]}]}"#;
    let result = compared(first, second);
    assert_eq!(result.differences, []);
    assert_eq!((result.structs, result.only_first.len(), result.only_second.len()), (2, 0, 0));
    assert_eq!(result.explained[&Reason::Layouts].count, 2);
    // A layout that the other source does not have at all is a contradiction.
    let moved = r#"{"irq": [16, {"a": [4, ["int"]]}], "irq__4567cdef": [8, {"a": [4, ["int"]]}]}"#;
    assert!(!compared(first, moved).differences.is_empty());
}

#[test]
fn values_that_old_btf_cuts_do_not_contradict_and_others_do() {
    let read = |labels: &str| {
        let text = format!(
            r#"{{"$METADATA": {{"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"}},
                "$REVENUMS": {{"e": {labels}}}, "$STRUCTS": {{}}}}"#
        );
        let mut report = Report::default();
        let mut profile = read_text(text.as_bytes(), &mut report).unwrap();
        let resolution = Resolution::new(&mut profile, &mut report);
        (profile, resolution)
    };
    let judge = |first: &str, second: &str| {
        let ((a, ra), (b, rb)) = (read(first), read(second));
        compare(Settled { profile: &a, resolution: &ra }, Settled { profile: &b, resolution: &rb })
    };
    let whole = r#"{"HIGH": 9223372036854775808, "LAST": 4294967295, "ONE": 1}"#;
    let cut = r#"{"HIGH": 0, "LAST": -1, "ONE": 1}"#;
    for (first, second) in [(whole, cut), (cut, whole)] {
        let result = judge(first, second);
        assert_eq!(result.differences, []);
        assert_eq!(result.explained[&Reason::Labels].count, 2);
    }
    let result = judge(whole, r#"{"HIGH": 1, "LAST": -2, "ONE": 4294967297}"#);
    let names: Vec<&str> = result.differences.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["e.HIGH", "e.LAST"]);
}
