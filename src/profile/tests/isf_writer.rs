//! Writes profiles as tables of Volatility 3 (ISF).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod tables;

use std::path::{Path, PathBuf};

use profile::{
    Compat, Form, Format, MAX_TEXT, MappedFile, Report, Resolution, add_well_known_types, read_text, unpack,
    write_form,
};
use serde_json::Value;
use tables::{LINUX, WINDOWS, differences};

fn corpus(path: &str) -> PathBuf {
    let corpus = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS is set");
    Path::new(&corpus).join(path)
}

/// The table written for the profile in `text`, and the losses.
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
    // Only addresses, as expected by the programs that read such tables.
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
    // Several members at offset 0: a union, as far as the profile shows.
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
fn every_windows_table_is_written_back_without_a_difference() {
    let mut count = 0;
    for folder in ["windows-isf/ntkrnlmp.pdb", "windows-isf/tcpip.pdb"] {
        for entry in std::fs::read_dir(corpus(folder)).unwrap() {
            let path = entry.unwrap().path();
            let file = MappedFile::open(&path).unwrap();
            let text = unpack(&file, MAX_TEXT).unwrap();
            let (first, report) = again(&text);
            assert_eq!(report.total(), 0, "{}: {report:?}", path.display());
            let found = differences(&json(&text), &json(&first));
            assert_eq!(found, Vec::<String>::new(), "{}", path.display());
            let (second, _) = again(&first);
            assert!(first == second, "{}", path.display());
            count += 1;
        }
    }
    assert_eq!(count, 13);
}

/// The table of a profile in Rekall's form, with the types of well-known variables.
fn with_well_known_types(text: &str) -> Value {
    let mut report = Report::default();
    let mut profile = read_text(text.as_bytes(), &mut report).unwrap();
    add_well_known_types(&mut profile);
    let resolution = Resolution::new(&mut profile, &mut report);
    let form = Form { format: Format::Isf, ..Form::default() };
    json(&write_form(&profile, &resolution, form, &mut report, Vec::new()).unwrap())
}

#[test]
fn the_clocks_are_as_many_as_the_kernel_says() {
    let count = |enumerations: &str| {
        let table = with_well_known_types(&format!(
            r#"{{"$METADATA": {{"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64"}},
            "$STRUCTS": {{"tk_data": [704, {{"seq": [0, ["int"]], "id": [8, ["Enumeration", {{
                "enum_name": "timekeeper_ids", "target": "int"}}]]}}]}},
            "$ENUMS": {{{enumerations}}},
            "$CONSTANTS": {{"timekeeper_data": 18446744071606217280}}}}"#
        ));
        let ty = &table["symbols"]["timekeeper_data"]["type"];
        assert_eq!(ty["subtype"]["name"], "tk_data", "{enumerations}");
        ty["count"].as_u64()
    };
    let with =
        |last: &str| format!(r#""timekeeper_ids": {{"0": "TIMEKEEPER_CORE", "{last}": "TIMEKEEPERS_MAX"}}"#);
    assert_eq!(count(&with("1")), Some(1));
    assert_eq!(count(&with("9")), Some(9));
    // The first clock is always there; a number that no kernel has is not believed.
    assert_eq!(count(""), Some(1));
    assert_eq!(count(&with("4000000")), Some(1));
}

#[test]
fn an_interrupt_table_has_gates_of_the_processors_size() {
    let kernel = |arch: &str, structs: &str| {
        with_well_known_types(&format!(
            r#"{{"$METADATA": {{"Type": "Profile", "ProfileClass": "Linux", "arch": "{arch}"}},
            "$STRUCTS": {{"task_struct": [8, {{"pid": [0, ["int"]]}}]{structs}}},
            "$CONSTANTS": {{"idt_table": 18446744071606217280}}}}"#
        ))
    };
    let of = |table: &Value| {
        let ty = &table["symbols"]["idt_table"]["type"];
        let name = ty["subtype"]["name"].as_str().unwrap_or_default().to_owned();
        (ty["count"].as_u64(), table["user_types"][&name]["size"].as_u64(), name)
    };
    let narrow = r#", "desc_struct": [8, {"limit0": [0, ["unsigned short"]]}]"#;
    let wide = r#", "gate_struct64": [16, {"offset_low": [0, ["unsigned short"]]}]"#;
    let own = |name: &str| name.to_owned();
    // Volatility 3 asks for a struct of one of three names, whatever type the table has.
    let made = kernel("AMD64", narrow);
    assert_eq!(of(&made), (Some(256), Some(16), own("gate_struct")));
    let fields = &made["user_types"]["gate_struct"]["fields"];
    assert_eq!(
        (&fields["offset_middle"]["offset"], &fields["offset_high"]["offset"]),
        (&6.into(), &8.into())
    );
    assert_eq!(of(&kernel("AMD64", wide)), (Some(256), Some(16), own("gate_struct64")));
    assert_eq!(of(&kernel("I386", narrow)), (Some(256), Some(8), own("desc_struct")));
    for (arch, structs) in [("I386", wide), ("ARM64", narrow)] {
        let table = kernel(arch, structs);
        assert_eq!(table["symbols"]["idt_table"]["type"]["name"], "void", "{arch}");
    }
}

#[test]
fn the_tree_of_modules_has_its_bounds() {
    let table = with_well_known_types(
        r#"{"$METADATA": {"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64"},
        "$STRUCTS": {"latch_tree_root": [24, {"seq": [0, ["unsigned int"]]}]},
        "$CONSTANTS": {"mod_tree": 18446744071606217280}}"#,
    );
    assert_eq!(table["symbols"]["mod_tree"]["type"]["name"], "mod_tree_root");
    let tree = &table["user_types"]["mod_tree_root"];
    let offsets = (&tree["fields"]["addr_min"]["offset"], &tree["fields"]["addr_max"]["offset"]);
    assert_eq!((offsets, &tree["size"]), ((&24.into(), &32.into()), &40.into()));
}

#[test]
fn types_of_variables_are_those_of_the_kernels_version() {
    let kernel = |arch: &str, release: &str| {
        with_well_known_types(&format!(
            r#"{{"$METADATA": {{"Type": "Profile", "ProfileClass": "Linux", "arch": "{arch}", "Release": "{release}"}},
            "$STRUCTS": {{"tracepoint": [8, {{"name": [0, ["Pointer", {{"target": "char"}}]]}}]}},
            "$CONSTANTS": {{"kallsyms_num_syms": 4096, "kallsyms_markers": 8192, "__start___tracepoints_ptrs": 1}}}}"#
        ))
    };
    for (arch, release, count, tracepoints) in [
        ("AMD64", "4.18.0-305.el8", "long unsigned int", "pointer"),
        ("AMD64", "4.19.0-11-amd64", "long unsigned int", "base"),
        ("AMD64", "4.20.1", "unsigned int", "base"),
        ("AMD64", "6.1.0-56-cloud-amd64", "unsigned int", "base"),
        ("ARM", "6.1.0-rpi", "unsigned int", "pointer"),
    ] {
        let symbols = &kernel(arch, release)["symbols"];
        assert_eq!(symbols["kallsyms_num_syms"]["type"]["name"], count, "{arch} {release}");
        assert_eq!(symbols["kallsyms_markers"]["type"]["subtype"]["name"], count, "{arch} {release}");
        let start = &symbols["__start___tracepoints_ptrs"]["type"]["subtype"];
        assert_eq!(start["kind"], tracepoints, "{arch} {release}");
    }
}

#[test]
fn a_struct_has_the_names_that_typedefs_give_it() {
    let mut report = Report::default();
    let mut profile = read_text(LINUX.as_bytes(), &mut report).unwrap();
    let (task, _) = profile.types.records().find(|(_, record)| record.size == 64).unwrap();
    let (other, _) = profile.types.records().find(|(_, record)| record.size == 4).unwrap();
    let task = profile.types.add(profile::Type::Record(task));
    let other = profile.types.add(profile::Type::Record(other));
    for (name, ty) in
        [("task_t", task), ("task_t", task), ("both_t", task), ("both_t", other), ("task_struct", other)]
    {
        let name = profile.intern(name);
        profile.typedefs.push((name, ty));
    }
    let resolution = Resolution::new(&mut profile, &mut report);
    let form = Form { format: Format::Isf, ..Form::default() };
    let table = json(&write_form(&profile, &resolution, form, &mut report, Vec::new()).unwrap());
    let types = &table["user_types"];
    assert_eq!(types["task_t"], types["task_struct"]);
    assert_eq!(types["task_struct"]["size"], 64);
    // A name with two meanings is left out.
    assert!(types.get("both_t").is_none());
    // A stored profile has one name for each struct.
    let text = profile::write_text(&profile, &resolution, Vec::new()).unwrap();
    assert!(!String::from_utf8(text).unwrap().contains("task_t"));
}

#[test]
fn a_table_for_volatility_names_the_required_producer() {
    let mut report = Report::default();
    let mut profile = read_text(LINUX.as_bytes(), &mut report).unwrap();
    let resolution = Resolution::new(&mut profile, &mut report);
    let producer = |compat| {
        let mut report = Report::default();
        let form = Form { format: Format::Isf, compat, ..Form::default() };
        let table = write_form(&profile, &resolution, form, &mut report, Vec::new()).unwrap();
        json(&table)["metadata"]["producer"].clone()
    };
    assert_eq!(producer(Compat::None)["name"], "rekall-profile");
    let named = producer(Compat::Volatility3);
    assert_eq!((&named["name"], &named["version"]), (&"dwarf2json".into(), &"0.8.0".into()));
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
    // Our own table is reproduced byte for byte.
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
