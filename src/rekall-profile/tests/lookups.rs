//! Lookups in a profile, against what is written in it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use rekall_profile::{Error, Profile};

const TEXT: &str = r#"{"$METADATA": {"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64"},
    "$STRUCTS": {
        "inner": [16, {"a": [0, ["int"]], "b": [8, ["Array", {"count": 2, "target": "int"}]]}],
        "__unnamed_1": [8, {"deep": [4, ["int"]], "u1": [0, ["__unnamed_2"]]}],
        "__unnamed_2": [4, {"deeper": [2, ["short"]]}],
        "outer": [64, {
            "first": [0, ["inner"]],
            "u1": [16, ["__unnamed_1"]],
            "flag": [24, ["BitField", {"start_bit": 3, "end_bit": 5, "target": "unsigned int"}]],
            "many": [32, ["Array", {"count": 2, "target": "inner"}]]}],
        "ring": [8, {"u1": [0, ["ring"]]}]},
    "$ENUMS": {"colour": {"1": "RED", "2": "BLUE"}},
    "$CONSTANTS": {"low": 4096, "high": 8192}}"#;

fn profile() -> Profile {
    Profile::from_text(TEXT.as_bytes().to_vec()).unwrap()
}

#[test]
fn members_are_found_through_structs_and_members_without_a_name() {
    let profile = profile();
    for (path, offset, size, ty) in [
        ("outer.first", 0, Some(16), "inner"),
        ("outer.first.b", 8, Some(8), "int [2]"),
        ("outer.deep", 20, Some(4), "int"),
        ("outer.deeper", 18, Some(2), "short"),
        ("outer.many", 32, Some(32), "inner [2]"),
        ("outer.flag", 24, Some(4), "unsigned int"),
    ] {
        let found = profile.member(path).unwrap();
        assert_eq!((found.offset, found.size, found.ty.as_str()), (offset, size, ty), "{path}");
    }
    let bits = profile.member("outer.flag").unwrap().bits.unwrap();
    assert_eq!((bits.start, bits.end), (3, 5));
    let outer = profile.structure("outer").unwrap();
    let names: Vec<&str> = outer.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!((outer.size, names), (64, vec!["first", "u1", "flag", "many"]));
}

#[test]
fn what_is_not_there_is_an_error_with_similar_names() {
    let profile = profile();
    for (path, expected) in [
        ("outer.Flag", "the profile has no member outer.Flag; there is outer.flag"),
        ("Outer.flag", "the profile has no struct Outer; there is outer"),
        (
            "outer.flag.x",
            "the profile has no member outer.flag.x: what comes before x is not a struct held by value",
        ),
        ("outer", "the profile has no member outer: expected STRUCT.MEMBER"),
        ("", "the profile has no member : expected STRUCT.MEMBER"),
    ] {
        assert_eq!(profile.member(path).unwrap_err().to_string(), expected);
    }
    // A struct that holds itself is followed to a depth and no further.
    assert!(matches!(profile.member("ring.nothing"), Err(Error::Lacking { .. })));
}

#[test]
fn enumerations_and_symbols_are_found_by_name_and_address() {
    let profile = profile();
    let labels = profile.enumeration("colour").unwrap().labels;
    assert_eq!(labels, [("RED".to_owned(), 1), ("BLUE".to_owned(), 2)]);
    assert_eq!(profile.symbol("low").unwrap().address, 4096);
    let below = profile.symbols_at(5000);
    assert_eq!(below.iter().map(|symbol| symbol.name.as_str()).collect::<Vec<_>>(), ["low"]);
    assert!(profile.symbols_at(0).is_empty());
    assert_eq!(profile.symbols().len(), 2);
    assert!(profile.symbol("LOW").unwrap_err().to_string().contains("there is"));
}

#[test]
fn a_diff_lists_what_moved_what_went_and_what_came() {
    let new = TEXT
        .replace(r#""flag": [24,"#, r#""flag": [28,"#)
        .replace("8192", "8200")
        .replace("\"ring\"", "\"round\"");
    let changes = rekall_profile::diff(&profile(), &Profile::from_text(new.into_bytes()).unwrap()).unwrap();
    let all: Vec<String> = changes
        .iter()
        .map(|change| format!("{} {:?} {:?}", change.name, change.old.is_some(), change.new.is_some()))
        .collect();
    assert_eq!(all, ["high true true", "outer.flag true true", "ring true false", "round false true"]);
    assert_eq!(changes[0].new.as_deref(), Some("0x2008"));
}

#[test]
fn an_error_names_its_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("note.txt");
    std::fs::write(&path, "not a profile\n").unwrap();
    let place = path.display().to_string();
    let opened = Profile::open(&path).unwrap_err().to_string();
    assert!(opened.starts_with(&format!("{place}: expected a profile, found a text")), "{opened}");
    let made = rekall_profile::convert::file(&path, &Default::default()).unwrap_err().to_string();
    assert!(made.starts_with(&format!("{place}: expected a PDB")), "{made}");
    let absent = Profile::open(folder.path().join("absent")).unwrap_err().to_string();
    assert_eq!(absent.matches("absent").count(), 1, "{absent}");
}
