//! Profiles as tables of Volatility 3 (ISF).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod tables;

use std::path::{Path, PathBuf};

use profile::{
    Form, Format, MAX_TEXT, MappedFile, Report, Resolution, add_well_known_types, read_text, unpack,
    write_form,
};
use serde_json::Value;
use tables::{LINUX, WINDOWS, differences};

fn corpus(path: &str) -> PathBuf {
    let corpus = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS is set");
    Path::new(&corpus).join(path)
}

/// The table that is written of what was read of `text`, and what was lost on the way.
fn again(text: &[u8]) -> (Vec<u8>, Report) {
    let mut report = Report::default();
    let mut profile = read_text(text, &mut report).unwrap_or_else(|error| panic!("{error}"));
    let resolution = Resolution::new(&mut profile, &mut report);
    let form = Form { format: Format::Isf, ..Form::default() };
    let table = write_form(&profile, &resolution, form, &mut report, Vec::new()).unwrap();
    (table, report)
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn small_tables_lose_nothing() {
    for text in [LINUX, WINDOWS] {
        let (first, report) = again(text.as_bytes());
        assert_eq!(report.total(), 0, "{report:?}");
        assert_eq!(differences(&json(text.as_bytes()), &json(&first)), Vec::<String>::new());
        let (second, _) = again(&first);
        assert_eq!(first, second);
    }
}

#[test]
fn the_comparison_sees_every_difference() {
    let table = json(LINUX.as_bytes());
    for (from, to) in [
        (r#""size": 64"#, r#""size": 72"#),
        (r#""offset": 16"#, r#""offset": 24"#),
        (r#""count": 16"#, r#""count": 8"#),
        (r#""bit_position": 3"#, r#""bit_position": 4"#),
        (r#""DEAD": -1"#, r#""DEAD": -2"#),
        (r#""address": 18446744071596802020"#, r#""address": 4"#),
        (r#""signed": true, "kind": "int""#, r#""signed": false, "kind": "int""#),
        (r#""b": {"offset": 0"#, r#""b": {"offset": 4"#),
        (r#""kind": "struct", "name": "task_struct"}}}"#, r#""kind": "struct", "name": "cpuinfo_x86"}}}"#),
        (r#""nobody""#, r#""somebody""#),
    ] {
        let other = LINUX.replacen(from, to, 1);
        assert_ne!(other, LINUX, "{from}");
        assert!(!differences(&table, &json(other.as_bytes())).is_empty(), "{to}");
    }
}

#[test]
fn a_linux_table() {
    let (text, _) = again(LINUX.as_bytes());
    let text = String::from_utf8(text).unwrap();
    for expected in [
        r#""long unsigned int":{"endian":"little","kind":"int","signed":false,"size":8}"#,
        r#""enums":{"state":{"base":"int","constants":{"DEAD":-1,"RUNNING":0},"size":4}}"#,
        r#""metadata":{"format":"6.2.0","linux":{"symbols":[{"kind":"symtab","name":"vmlinux"}],"types":[]}"#,
        r#""linux_banner":{"address":18446744071596802016,"constant_data":"TGludXg"#,
        r#""schedule":{"address":18446744071596802020,"type":{"kind":"base","name":"void"}}"#,
        r#""u1":{"anonymous":true,"offset":8,"type":{"kind":"union","name":"__unnamed_task_struct_u1"}}"#,
        r#""flag":{"offset":60,"type":{"bit_length":2,"bit_position":3,"kind":"bitfield","type":{"kind":"base","name":"int"}}}"#,
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains(": ") && !text.contains(", ") && !text.contains('\n'), "{text}");
}

#[test]
fn a_windows_table() {
    let table = json(&again(WINDOWS.as_bytes()).0);
    let windows = &table["metadata"]["windows"];
    assert_eq!(windows["pdb"]["GUID"], "F8E2A8B5C9B74BF4A6E4A48F18009994");
    assert_eq!((&windows["pdb"]["age"], &windows["pdb"]["machine_type"]), (&2.into(), &332.into()));
    assert_eq!(
        (&windows["pdb"]["database"], &windows["pe"]["revision"]),
        (&"ntkrnlpa.pdb".into(), &7601.into())
    );
    // Addresses alone, as the programs expect that read such tables.
    assert_eq!(table["symbols"]["x"], serde_json::json!({"address": 8}));
    assert_eq!(table["base_types"]["pointer"]["size"], 4);
    assert_eq!(table["user_types"]["_S"]["fields"]["Text"]["type"]["subtype"]["name"], "wchar");
}

#[test]
fn what_isf_cannot_express_is_counted() {
    let text = r#"{
      "$METADATA": {"Type": "Profile", "ProfileClass": "Nt", "arch": "AMD64"},
      "$STRUCTS": {"_A": [32, {
        "name": [0, ["String", {"length": 8}]],
        "time": [8, ["WinFileTime", {}]],
        "list": [16, ["ListArray", {"target": "_B"}]],
        "u": [24, ["_B", {}]]
      }], "_B": [8, {"x": [0, ["unsigned long", {}]], "y": [0, ["unsigned short", {}]]}]},
      "$CONSTANTS": {"both": 1}, "$FUNCTIONS": {"both": 2}
    }"#;
    let (table, report) = again(text.as_bytes());
    let table = json(&table);
    let fields = &table["user_types"]["_A"]["fields"];
    assert_eq!(fields["name"]["type"]["count"], 8);
    assert_eq!(fields["list"]["type"]["name"], "void");
    // Several members at the beginning: a union, as far as the profile tells.
    assert_eq!(
        (&table["user_types"]["_B"]["kind"], &fields["u"]["type"]["kind"]),
        (&"union".into(), &"union".into())
    );
    assert_eq!(table["symbols"]["both"]["address"], 1);
    assert_eq!(report.count("types that ISF cannot express"), 1, "{report:?}");
    assert_eq!(report.count("symbols whose name is another's in ISF"), 1);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_kernels_table_loses_nothing() {
    let file = MappedFile::open(&corpus("images/linux-6.1-cloud/dwarf2json.isf.json.xz")).unwrap();
    let text = unpack(&file, MAX_TEXT).unwrap();
    let (first, report) = again(&text);
    assert_eq!(report.total(), 0, "{report:?}");
    let tables: Vec<Value> =
        [&text, &first[..]].iter().map(|text| serde_json::from_slice(text).unwrap()).collect();
    assert_eq!(differences(&tables[0], &tables[1]), Vec::<String>::new());
    // What we wrote comes back byte for byte.
    let (second, _) = again(&first);
    assert!(first == second);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn well_known_variables_have_the_types_their_sources_give_them() {
    let file = MappedFile::open(&corpus("images/linux-6.1-cloud/dwarf2json.isf.json.xz")).unwrap();
    let text = unpack(&file, MAX_TEXT).unwrap();
    let mut report = Report::default();
    let mut profile = read_text(&text, &mut report).unwrap();
    profile.constant_types.clear();
    let added = add_well_known_types(&mut profile);
    assert!(added >= 45, "{added}");
    assert_eq!(add_well_known_types(&mut profile), 0);
    let resolution = Resolution::new(&mut profile, &mut report);
    let form = Form { format: Format::Isf, ..Form::default() };
    let table = write_form(&profile, &resolution, form, &mut report, Vec::new()).unwrap();
    let (mut expected, mut made) = (json(&text), json(&table));
    let typed = |entry: &Value| entry["type"]["name"] != "void";
    let symbols = made["symbols"].as_object_mut().unwrap();
    symbols.retain(|_, entry| typed(entry));
    assert_eq!(symbols.len(), added);
    let names: Vec<String> = symbols.keys().cloned().collect();
    expected["symbols"].as_object_mut().unwrap().retain(|name, _| names.contains(name));
    assert_eq!(differences(&expected, &made), Vec::<String>::new());
}
