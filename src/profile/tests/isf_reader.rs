//! Reads Volatility 3's tables (ISF) as profiles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod tables;

use std::path::Path;

use profile::{
    Arch, BitRange, Profile, ReadError, RecordKind, Report, Resolution, System, Table, Text, Type, read_file,
    read_file_on, read_text, write_text,
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
fn errors_affect_only_themselves() {
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
        ("type descriptors that are not as the schema has them", 1),
        ("structs that are not as the schema has them", 1),
        ("members whose offset is not a whole number", 1),
        ("labels whose value is not an integer", 1),
        ("labels whose value 64 bits cannot hold", 1),
        ("enumerations of another size than their type's", 1),
        ("symbols that are not as the schema has them", 1),
        ("contents that are not Base64", 1),
    ] {
        assert_eq!(report.count(kind), count, "{kind}: {report:?}");
    }
    // A struct that contains itself by value is cut at its second occurrence.
    let text = canonical(&mut profile, &mut report);
    assert!(text.contains("\"c\"") && !text.contains("[0, [\"c\"]]"), "{text}");
}

/// A struct `s` of 64 bytes with this type in its member `odd` at 8, between two regular members.
fn with_type(ty: &str) -> String {
    format!(
        r#"{{"metadata": {{"format": "6.2.0", "linux": {{}}}},
        "base_types": {{"int": {{"size": 4, "signed": true, "kind": "int", "endian": "little"}},
          "pointer": {{"size": 8, "signed": false, "kind": "int", "endian": "little"}}}},
        "user_types": {{"s": {{"kind": "struct", "size": 64, "fields": {{
          "before": {{"offset": 0, "type": {{"kind": "base", "name": "int"}}}},
          "odd": {{"offset": 8, "type": {ty}}},
          "behind": {{"offset": 24, "type": {{"kind": "base", "name": "int"}}}}}}}}}},
        "enums": {{}}, "symbols": {{"a": {{"address": 4096, "type": {ty}}}, "b": {{"address": 8192}}}}}}"#
    )
}

#[test]
fn an_unknown_target_affects_only_the_target() {
    let pointer = r#"[8,["Pointer",{"target":"Void"}]]"#;
    let ten = r#"[8,["Array",{"count":10,"target":"int"}]]"#;
    // For an unknown type held by value, the bytes up to the next member.
    let bytes = r#"[8,["Array",{"count":16,"target":"unsigned char"}]]"#;
    for (ty, expected) in [
        (r#"{"kind": "pointer", "subtype": null}"#, pointer),
        (r#"{"kind": "pointer"}"#, pointer),
        (r#"{"kind": "pointer", "subtype": 5}"#, pointer),
        (r#"{"kind": "pointer", "subtype": []}"#, pointer),
        (r#"{"kind": "pointer", "subtype": "int"}"#, pointer),
        (r#"{"kind": "pointer", "subtype": {"kind": "magic"}}"#, pointer),
        (r#"{"kind": "pointer", "subtype": {"kind": null, "name": "s"}}"#, pointer),
        (r#"{"kind": "pointer", "subtype": {"name": "int"}}"#, pointer),
        (r#"{"kind": "pointer", "subtype": {"kind": "struct"}}"#, pointer),
        (r#"{"kind": "pointer", "subtype": {"kind": "base", "name": 7}}"#, pointer),
        (r#"{"kind": "pointer", "base": 5, "subtype": {"kind": "magic"}}"#, pointer),
        (r#"{"kind": "pointer", "base": "far", "subtype": {"kind": "magic"}}"#, pointer),
        (r#"{"kind": "array", "count": 10, "subtype": {"kind": "base", "name": "int", "more": [{}]}}"#, ten),
        (r#"{"kind": "array", "count": 10, "subtype": null}"#, bytes),
        (r#"{"kind": "array", "count": 10, "subtype": {"kind": "magic"}}"#, bytes),
        (r#"{"kind": "base", "name": "unheard_of"}"#, bytes),
        (r#"{"kind": "base"}"#, bytes),
        (r#"{"kind": "struct", "name": null}"#, bytes),
        (r#"{"kind": "enum"}"#, bytes),
        (r#"{"kind": 5}"#, bytes),
        (r#"{}"#, bytes),
        ("null", bytes),
        ("[1]", bytes),
        (r#""int""#, bytes),
        // An array without a bound, as Go's DWARF reader writes it, and one with an unknown count.
        (
            r#"{"kind": "array", "count": -1, "subtype": {"kind": "base", "name": "int"}}"#,
            r#"[8,["Array",{"count":0,"target":"int"}]]"#,
        ),
        (
            r#"{"kind": "array", "subtype": {"kind": "base", "name": "int"}}"#,
            r#"[8,["Array",{"count":0,"target":"int"}]]"#,
        ),
        // A bit-field of an unknown type gets the smallest unit that holds it; one with unknown bits becomes its
        // type.
        (
            r#"{"kind": "bitfield", "bit_position": 3, "bit_length": 2, "type": null}"#,
            r#"[8,["BitField",{"end_bit":5,"start_bit":3,"target":"unsigned char"}]]"#,
        ),
        (
            r#"{"kind": "bitfield", "bit_position": -3, "bit_length": 2, "type": {"kind": "base", "name": "int"}}"#,
            r#"[8,["int"]]"#,
        ),
    ] {
        let (mut profile, mut report) = read(&with_type(ty));
        let text = canonical(&mut profile, &mut report);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let members = &json["$STRUCTS"]["s"][1];
        assert_eq!(members["odd"].to_string(), expected, "{ty}");
        assert_eq!((&members["before"][0], &members["behind"][0]), (&0.into(), &24.into()), "{ty}");
        assert_eq!(
            (&json["$CONSTANTS"]["a"], &json["$CONSTANTS"]["b"]),
            (&4096.into(), &8192.into()),
            "{ty}"
        );
    }
    // dwarf2json writes this for every pointer without a type: nothing is lost.
    let (_, report) = read(&with_type(r#"{"kind": "pointer", "subtype": null}"#));
    assert_eq!(report.total(), 0, "{report:?}");
    let (_, report) = read(&with_type(r#"{"kind": "pointer", "subtype": 5}"#));
    assert_eq!(report.count("type descriptors that are not as the schema has them"), 2, "{report:?}");
}

#[test]
fn missing_or_wrongly_typed_keys_affect_only_themselves() {
    let text = r#"{
      "metadata": {"format": "6.2.0", "producer": {"name": null, "version": 7},
        "windows": {"pdb": {"GUID": null, "age": "2", "database": "ntkrnlmp.pdb"}, "pe": 5}},
      "base_types": {"int": {"size": 4, "signed": true, "endian": 5},
        "sizeless": {"signed": true, "kind": "int"}, "negative": {"size": -4, "signed": true, "kind": "int"}},
      "user_types": {
        "kindless": {"size": 8, "fields": {"x": {"offset": 4, "type": {"kind": "base", "name": "int"}}}},
        "_SIZELESS": {"kind": "struct", "size": null, "fields": {
          "x": {"offset": 4, "type": {"kind": "array", "count": 3, "subtype": {"kind": "struct", "name": "kindless"}}}}},
        "fieldless": {"kind": "union", "size": 12, "fields": null},
        "damaged": 5
      },
      "enums": {
        "baseless": {"size": 2, "constants": {"A": 1}},
        "dangling": {"size": 1, "base": "unheard_of", "constants": {"B": 2}},
        "wide": {"size": 8, "base": "int", "constants": {"C": -3}},
        "labelless": {"size": 4, "base": "int", "constants": null}
      },
      "symbols": {
        "typeless": {"address": 16, "type": null},
        "odd": {"address": 24, "type": [], "constant_data": 7, "linkage_name": 8},
        "placeless": {"address": null}, "negative": {"address": -1.5}, "none": null
      }
    }"#;
    let (mut profile, mut report) = read(text);
    assert_eq!(profile.metadata_text("PDBFile"), Some("ntkrnlmp.pdb"));
    let resolution = Resolution::new(&mut profile, &mut report);
    let size = |name: &str| {
        let id = resolution.record(profile.names.find(name).unwrap()).unwrap();
        profile.types.record(id).unwrap().size
    };
    // The end of a struct's last member is used as its size.
    assert_eq!((size("kindless"), size("_SIZELESS"), size("fieldless")), (8, 28, 12));
    let sizes: Vec<u64> =
        profile.types.enumerations().map(|(id, _)| profile.types.enumeration_size(id)).collect();
    assert_eq!(sizes, [2, 1, 8, 4]);
    let symbols: Vec<&str> = profile.constants.iter().map(|(name, _)| profile.names.get(*name)).collect();
    assert_eq!(symbols, ["typeless", "odd"]);
    for (kind, count) in [
        ("base types that are not as the schema has them", 3),
        ("structs that are not as the schema has them", 3),
        ("structs that are not objects", 1),
        ("enumerations that are not as the schema has them", 2),
        ("enumerations of another size than their type's", 2),
        ("names of base types or enumerations that nothing defines", 1),
        ("type descriptors that are not as the schema has them", 1),
        ("contents that are not Base64", 1),
        ("symbols that are not as the schema has them", 3),
    ] {
        assert_eq!(report.count(kind), count, "{kind}: {report:?}");
    }
}

/// Looks up every struct and symbol of a table one by one, compares them with the whole table, and returns their
/// numbers.
fn looked_up(text: &[u8]) -> (usize, usize) {
    let table = Table::new(text.to_vec().into()).expect("a table");
    let mut report = Report::default();
    let whole = read_text(text, &mut report).unwrap();
    assert_eq!((table.system(), table.arch()), (whole.system, whole.arch));
    for key in ["ProfileClass", "GUID_AGE", "PDBFile", "Release", "Banner", "Generator"] {
        assert_eq!(table.metadata(key).and_then(|value| value.as_str()), whole.metadata_text(key), "{key}");
    }
    let json: serde_json::Value = serde_json::from_slice(text).unwrap();
    let mut structs = 0;
    for (id, record) in whole.types.records() {
        // The table's own names of unnamed structs are not kept.
        let Some(name) = record.name.map(|name| whole.names.get(name)) else { continue };
        let found = table.structure(name).unwrap_or_else(|| panic!("{name}"));
        let of = |profile: &Profile, id| -> Vec<(String, u64, Option<BitRange>, Option<u64>)> {
            let members = profile.types.members(id).iter();
            let size = |ty| match profile.types.peel(ty) {
                // A struct held by value is only named, or unknown.
                Type::Record(_) | Type::Named(_) | Type::Array { .. } => None,
                _ => profile.types.size_of(ty),
            };
            members
                .map(|member| {
                    (profile.names.get(member.name).to_owned(), member.offset, member.bits, size(member.ty))
                })
                .collect()
        };
        assert_eq!(of(&found.profile, found.record), of(&whole, id), "{name}");
        assert_eq!(table.size(name), Some(record.size), "{name}");
        structs += 1;
    }
    for (name, value) in whole.constants.iter().chain(&whole.functions).step_by(97) {
        let symbol = table.symbol(whole.names.get(*name)).unwrap();
        assert_eq!(symbol.address, *value, "{symbol:?}");
    }
    let mut symbols = 0;
    table.each_symbol(|_, _, _| symbols += 1);
    assert_eq!(symbols, json["symbols"].as_object().unwrap().len());
    for absent in ["nothing_of_this_name", "", "\"", "type", "kind", "name"] {
        assert_eq!(table.symbol(absent).is_some(), json["symbols"].get(absent).is_some(), "{absent}");
    }
    (structs, symbols)
}

#[test]
fn lookups_in_a_table_agree_with_reading_it_whole() {
    assert_eq!(looked_up(LINUX.as_bytes()), (2, 3));
    assert_eq!(looked_up(WINDOWS.as_bytes()), (1, 2));
    let compact: serde_json::Value = serde_json::from_str(LINUX).unwrap();
    assert_eq!(looked_up(compact.to_string().as_bytes()), (2, 3));
    // Keys with escapes, a byte order mark, and symbols with the names of keys.
    let odd = LINUX.replace("\"schedule\"", "\"sch\\u0065dule\"").replace("init_task\": {", "type\": {");
    let table = Table::new([b"\xef\xbb\xbf", odd.as_bytes()].concat().into()).unwrap();
    assert_eq!(table.symbol("schedule").map(|symbol| symbol.address), Some(18446744071596802020));
    assert_eq!(table.symbol("type").map(|symbol| symbol.address), Some(18446744071606217280));
    assert_eq!(table.size("task_struct"), Some(64));
    // Tables of other systems and unusual tables are left to the reader of whole tables.
    for text in [
        LINUX.replace("\"linux\":", "\"mac\":"),
        LINUX.replace("6.2.0", "9.2.0"),
        LINUX.replace("\"task_struct\": {\"kind\"", "\"t\\u0061sk_struct\": {\"kind\""),
        LINUX.replace("\"metadata\": {", "\"$METADATA\": {}, \"metadata\": {"),
        LINUX[..LINUX.len() - 2].to_owned(),
        "[]".to_owned(),
    ] {
        assert!(Table::new(text.clone().into_bytes().into()).is_none(), "{text}");
    }
}

/// Every table of the corpus, unpacked, with its name.
fn tables_of_the_corpus() -> Vec<(String, Vec<u8>)> {
    let corpus = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS is set");
    let corpus = Path::new(&corpus);
    let mut paths = vec![corpus.join("images/linux-6.1-cloud/dwarf2json.isf.json.xz")];
    for folder in ["ntkrnlmp.pdb", "tcpip.pdb"] {
        for entry in std::fs::read_dir(corpus.join("windows-isf").join(folder)).unwrap() {
            paths.push(entry.unwrap().path());
        }
    }
    let read = |path: std::path::PathBuf| {
        let packed = std::fs::read(&path).unwrap();
        (path.display().to_string(), profile::unpack(&packed, profile::MAX_TEXT).unwrap().into_owned())
    };
    paths.into_iter().map(read).collect()
}

/// A table whose sections are long enough for two threads, with some entries that are not as the schema has them.
fn long() -> String {
    let entry = |number: u32| {
        let odd = if number.is_multiple_of(1000) { "[]" } else { r#"{"kind": "base", "name": "int"}"# };
        let address = if number.is_multiple_of(700) { "\"here\"".to_owned() } else { number.to_string() };
        let members = (0..4).map(|at| format!(r#""m{at}": {{"offset": {}, "type": {odd}}}"#, 4 * at));
        let members = members.collect::<Vec<_>>().join(", ");
        (
            format!(r#""s_{number}": {{"kind": "struct", "size": 16, "fields": {{{members}}}}}"#),
            format!(r#""a_symbol_with_a_long_name_{number}": {{"address": {address}, "type": {odd}}}"#),
        )
    };
    let (structs, symbols): (Vec<String>, Vec<String>) = (0..15_000).map(entry).unzip();
    let head = LINUX.split("\"user_types\"").next().unwrap();
    format!("{head} \"user_types\": {{{}}}, \"symbols\": {{{}}}}}", structs.join(", "), symbols.join(", "))
}

#[test]
fn two_threads_read_what_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.json");
    let text = long();
    assert!(text.len() > 4 << 20);
    for (text, whole) in [(&text[..], true), (&text[..text.len() / 2], false)] {
        std::fs::write(&path, text).unwrap();
        let read = |threads| {
            let mut report = Report::default();
            let profile = read_file_on(&path, threads, &mut report);
            let printed = profile.map(|mut profile| canonical(&mut profile, &mut report));
            (printed.map_err(|error| error.to_string()), report)
        };
        let one = read(1);
        assert_eq!(one.0.is_ok(), whole);
        assert!(read(2) == one);
        if whole {
            // Four members of every thousandth struct, and every thousandth symbol unless its address is damaged too.
            assert_eq!(one.1.count("type descriptors that are not as the schema has them"), 4 * 15 + 12);
            assert_eq!(one.1.count("symbols that are not as the schema has them"), 22);
        }
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn lookups_in_every_table_of_the_corpus_agree_with_reading_it_whole() {
    for (path, text) in tables_of_the_corpus() {
        let (structs, symbols) = looked_up(&text);
        // The public PDB of a driver has only symbols.
        assert!((structs > 100 || path.contains("tcpip")) && symbols > 1000, "{path}: {structs}, {symbols}");
    }
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
        if let Some(table) = Table::new(text.clone().into()) {
            table.structure("task_struct");
            table.symbol("init_task");
            table.each_symbol(|_, _, _| {});
        }
        let _ = Text::new(text);
    }
    assert!(read > 400, "{read}");
}

#[test]
fn deep_nesting_is_bounded() {
    let deep = format!("{}1{}", r#"{"kind": "pointer", "subtype": "#.repeat(100_000), "}".repeat(100_000));
    let text = format!(
        r#"{{"metadata": {{"format": "6.2.0"}}, "user_types": {{"s": {{"kind": "struct", "size": 8, "fields": {{
            "deep": {{"offset": 0, "type": {deep}}}}}}}}}}}"#
    );
    let (profile, report) = read(&text);
    assert_eq!(report.count("type descriptors that are not as the schema has them"), 1);
    // The member's offset is known, whatever its type.
    assert_eq!(profile.types.member_count(), 1);
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
