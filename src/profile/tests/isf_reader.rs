//! Volatility 3's tables (ISF) as profiles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod tables;

use std::path::Path;

use profile::{
    Arch, BitRange, Profile, ReadError, RecordKind, Report, Resolution, System, Text, Type, read_file,
    read_text, write_text,
};
use tables::{LINUX, WINDOWS};

fn read(text: &str) -> (Profile, Report) {
    let mut report = Report::default();
    let profile = read_text(text.as_bytes(), &mut report).unwrap_or_else(|error| panic!("{error}"));
    (profile, report)
}

fn canonical(profile: &mut Profile, report: &mut Report) -> String {
    let resolution = Resolution::new(profile, report);
    String::from_utf8(write_text(profile, &resolution, Vec::new()).unwrap()).unwrap()
}

#[test]
fn every_kind_of_entry() {
    let (mut profile, mut report) = read(LINUX);
    assert_eq!((profile.system, profile.arch, report.total()), (System::Linux, Arch::Amd64, 0));
    for (key, value) in [
        ("ProfileClass", "Linux"),
        ("Generator", "dwarf2json 0.9.0"),
        ("Banner", "Linux version 6.1.0-56 (me)"),
        ("Release", "6.1.0-56"),
    ] {
        assert_eq!(profile.metadata_text(key), Some(value));
    }
    let union = profile.types.records().find(|(_, record)| record.kind == RecordKind::Union).unwrap().1;
    assert_eq!((union.name, union.size), (None, 8));
    let banner = profile.names.find("linux_banner").unwrap();
    assert!(profile.contents[&banner].ends_with(b"(me)\n\0"));
    let text = canonical(&mut profile, &mut report);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let task = &json["$STRUCTS"]["task_struct"];
    assert_eq!(task[0], 64);
    for (member, entry) in [
        ("u1", r#"[8, ["__unnamed_task_struct_u1"]]"#),
        ("comm", r#"[16, ["Array", {"count": 16, "target": "char"}]]"#),
        ("parent", r#"[32, ["Pointer", {"target": "task_struct"}]]"#),
        ("hidden", r#"[40, ["Pointer", {"target": "nobody"}]]"#),
        ("run", r#"[48, ["Pointer", {"target": "Function", "target_args": {"args": []}}]]"#),
        ("state", r#"[56, ["Enumeration", {"enum_name": "state", "target": "int"}]]"#),
        ("flag", r#"[60, ["BitField", {"end_bit": 5, "start_bit": 3, "target": "int"}]]"#),
    ] {
        assert_eq!(task[1][member], serde_json::from_str::<serde_json::Value>(entry).unwrap(), "{member}");
    }
    assert_eq!(json["$STRUCTS"]["__unnamed_task_struct_u1"][1]["a"][1][0], "unsigned long");
    assert_eq!(json["$ENUMS"]["state"]["-1"], "DEAD");
    assert_eq!(json["$CONSTANTS"]["schedule"], 18446744071596802020u64);
    assert_eq!(json["$CONSTANT_TYPES"]["init_task"][0], "task_struct");
    assert!(json["$CONSTANT_TYPES"].get("schedule").is_none());
}

#[test]
fn windows_tables() {
    let (profile, report) = read(WINDOWS);
    assert_eq!((profile.system, profile.arch, report.total()), (System::Windows, Arch::I386, 0));
    assert_eq!(profile.metadata_text("GUID_AGE"), Some("F8E2A8B5C9B74BF4A6E4A48F180099942"));
    assert_eq!(
        (profile.metadata_text("ProfileClass"), profile.metadata_text("rev")),
        (Some("Nt"), Some("7601"))
    );
    let (id, _) = profile.types.records().find(|(_, record)| record.name.is_some()).unwrap();
    let types: Vec<Type> =
        profile.types.members(id).iter().map(|member| profile.types.get(member.ty)).collect();
    assert_eq!(types[0], Type::WideString { bytes: Some(8) });
    assert!(matches!(types[1], Type::Pointer { size: 8, .. }));
    assert!(matches!(types[2], Type::Record(_)));
    assert_eq!((profile.functions.len(), profile.constants.len()), (1, 1));
    let close = profile.names.find("NtClose").unwrap();
    assert_eq!(profile.names.get(profile.linkage_names[&close]), "_NtClose@4");
}

#[test]
fn what_is_wrong_costs_itself_alone() {
    let text = r#"{
      "metadata": {"format": "6.2.0", "linux": {}},
      "base_types": {"int": {"size": 4, "signed": true, "kind": "int", "endian": "little"}, "odd": 7,
        "Pointer": {"size": 8, "signed": false, "kind": "int", "endian": "little"},
        "short int": {"size": 4, "signed": true, "kind": "int", "endian": "little"}},
      "user_types": {
        "a": {"kind": "struct", "size": 8, "fields": {
          "x": {"offset": 0, "type": {"kind": "base", "name": "nothing"}},
          "y": {"offset": 4, "type": {"kind": "magic"}},
          "z": {"offset": -4, "type": {"kind": "base", "name": "int"}},
          "e": {"offset": 4, "type": {"kind": "enum", "name": "nothing"}}
        }},
        "b": {"kind": "thing", "size": 8, "fields": {}},
        "c": {"kind": "struct", "size": 8, "fields": {"d": {"offset": 0, "type": {"kind": "struct", "name": "c"}}}}
      },
      "enums": {"e": {"size": 2, "base": "int", "constants": {"A": 1, "B": "2", "C": 99999999999999999999}}},
      "symbols": {"s": {"address": "x"}, "t": {"address": 1, "constant_data": "!"}}
    }"#;
    let (mut profile, mut report) = read(text);
    for (kind, count) in [
        ("base types that are not as the schema has them", 1),
        ("base types whose name means something else", 2),
        ("names of base types or enumerations that nothing defines", 2),
        ("type descriptors that are not as the schema has them", 2),
        ("structs that are not as the schema has them", 1),
        ("labels whose value is no integer", 1),
        ("labels whose value 64 bits cannot hold", 1),
        ("enumerations of another size than their type's", 1),
        ("symbols that are not as the schema has them", 1),
        ("contents that are no base 64", 1),
    ] {
        assert_eq!(report.count(kind), count, "{kind}: {report:?}");
    }
    // A struct that holds itself by value is cut where it begins again.
    let text = canonical(&mut profile, &mut report);
    assert!(text.contains("\"c\"") && !text.contains("[0, [\"c\"]]"), "{text}");
}

#[test]
fn wrong_formats_are_refused() {
    let error = |text: &str| read_text(text.as_bytes(), &mut Report::default()).unwrap_err();
    let of = |format: &str| {
        format!(r#"{{"metadata": {{"format": {format}}}, "base_types": {{}}, "symbols": {{}}}}"#)
    };
    for (text, found) in [
        (of(r#""7.0.0""#), "format 7.0.0"),
        (of(r#""2.1.0""#), "format 2.1.0"),
        (of(r#""six""#), "format six"),
        (r#"{"base_types": {}}"#.to_owned(), "none named"),
        (r#"{"metadata": {"format": "6.2.0"}, "symbols": [1]}"#.to_owned(), "section symbols"),
        (r#"{"metadata": {"format": "6.2.0"}, "symbols": {"#.to_owned(), "EOF"),
    ] {
        let error = error(&text).to_string();
        assert!(error.contains(found), "{text}: {error}");
    }
    let newer = of(r#""6.9.1""#);
    let (_, report) = read(&newer);
    assert!(report.warnings()[0].contains("6.9.1"));
    for mixed in [
        r#"{"$METADATA": {}, "$STRUCTS": {}, "symbols": {}}"#,
        r#"{"symbols": {}, "metadata": {"format": "6.2.0"}, "$STRUCTS": {}}"#,
    ] {
        assert!(matches!(error(mixed), ReadError::Mixed { .. }), "{mixed}");
        let lookup = Text::new(mixed.as_bytes().to_vec()).unwrap_err();
        assert!(matches!(lookup, ReadError::Mixed { .. }), "{mixed}");
    }
}

#[test]
fn single_entries_are_looked_up() {
    let text = Text::new(LINUX.as_bytes().to_vec()).unwrap();
    assert_eq!((text.system(), text.size("task_struct")), (System::Linux, Some(64)));
    let structure = text.structure("task_struct").unwrap();
    let members = structure.profile.types.members(structure.record);
    let flag = members.iter().find(|member| structure.profile.names.get(member.name) == "flag").unwrap();
    assert_eq!(flag.bits, Some(BitRange { start: 3, end: 5 }));
    assert_eq!(text.symbol("init_task").unwrap().address, 18446744071606217280);
}

#[test]
fn a_damaged_table_is_an_error_or_a_table() {
    let mut damaged: Vec<Vec<u8>> = Vec::new();
    for text in [LINUX, WINDOWS] {
        damaged.extend((0..text.len()).step_by(7).map(|end| text.as_bytes()[..end].to_vec()));
        for (place, byte) in (0..text.len()).step_by(3).zip(br#""{}[]:,0-9x\"#.iter().cycle()) {
            let mut changed = text.as_bytes().to_vec();
            changed[place] = *byte;
            damaged.push(changed);
        }
    }
    let mut read = 0;
    for text in damaged {
        let mut report = Report::default();
        let Ok(mut profile) = read_text(&text, &mut report) else { continue };
        read += 1;
        canonical(&mut profile, &mut report);
        let _ = Text::new(text);
    }
    assert!(read > 400, "{read}");
}

#[test]
fn nesting_without_end_is_bounded() {
    let deep = format!("{}1{}", r#"{"kind": "pointer", "subtype": "#.repeat(100_000), "}".repeat(100_000));
    let text = format!(
        r#"{{"metadata": {{"format": "6.2.0"}}, "user_types": {{"s": {{"kind": "struct", "size": 8, "fields": {{
            "deep": {{"offset": 0, "type": {deep}}}}}}}}}}}"#
    );
    let (profile, report) = read(&text);
    assert_eq!(report.count("type descriptors that are not as the schema has them"), 1);
    assert_eq!(profile.types.member_count(), 0);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_whole_kernels_table() {
    let corpus = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS is set");
    let path = Path::new(&corpus).join("images/linux-6.1-cloud/dwarf2json.isf.json.xz");
    let mut report = Report::default();
    let mut profile = read_file(&path, &mut report).unwrap();
    assert_eq!((profile.system, profile.arch, report.total()), (System::Linux, Arch::Amd64, 0));
    assert_eq!(profile.metadata_text("Release"), Some("6.1.0-56-cloud-amd64"));
    assert_eq!((profile.types.records().len(), profile.types.enumerations().len()), (9853, 1764));
    assert_eq!(profile.types.member_count(), 53270);
    assert_eq!(profile.constants.len(), 149_021);
    let resolution = Resolution::new(&mut profile, &mut report);
    let at = |key, member| profile::member_offset(&profile, &resolution, key, member);
    assert_eq!((at("page", "_refcount"), at("page", "lru")), (Some(52), Some(8)));
    assert!(at("task_struct", "comm").is_some());
}
