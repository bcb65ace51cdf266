//! Reading: every form of descriptor, every age of profile, and other files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use formats::FileKind;
use profile::{
    Arch, Profile, ReadError, Report, Resolution, System, read_profile, read_text, unpack, write_text,
};
use serde_json::{Value, json};

fn read(text: &str) -> (Profile, Report) {
    let mut report = Report::default();
    let profile = read_text(text.as_bytes(), &mut report).unwrap();
    (profile, report)
}

fn written(profile: &mut Profile) -> String {
    let resolution = Resolution::new(profile, &mut Report::default());
    String::from_utf8(write_text(profile, &resolution, Vec::new()).unwrap()).unwrap()
}

/// The text written for `text`, which is then read and written again unchanged.
fn canonical(text: &str) -> Value {
    let first = written(&mut read(text).0);
    let second = written(&mut read(&first).0);
    assert_eq!(first, second, "written, read and written again");
    serde_json::from_str(&first).unwrap()
}

/// The descriptor of a single member after reading and writing, in a profile of this class.
fn descriptor(class: &str, descriptor: Value) -> Value {
    let profile = json!({
        "$METADATA": {"ProfileClass": class, "Type": "Profile"},
        "$STRUCTS": {
            "list_head": [16, {}], "_LIST_ENTRY": [16, {}],
            "s": [64, {"m": [0, descriptor]}],
        },
    });
    canonical(&profile.to_string())["$STRUCTS"]["s"][1]["m"][1].clone()
}

#[test]
fn legacy_descriptors_become_modern_ones() {
    for (legacy, modern) in [
        (json!(["pointer", ["list_head"]]), json!(["Pointer", {"target": "list_head"}])),
        (json!(["pointer64", ["void"]]), json!(["Pointer", {"target": "Void"}])),
        (
            json!(["pointer", ["pointer", ["long unsigned int"]]]),
            json!(["Pointer", {"target": "Pointer", "target_args": {"target": "unsigned long"}}]),
        ),
        (
            json!(["array", 2, ["array", 3, ["short int"]]]),
            json!(["Array", {"count": 2, "target": "Array", "target_args": {"count": 3, "target": "short"}}]),
        ),
        (json!(["Pointer", {"target": "void", "target_args": null}]), json!(["Pointer", {"target": "Void"}])),
        (json!(["list_head", null]), json!(["list_head"])),
        (
            json!(["Array", {"size": 32, "target": "list_head"}]),
            json!(["Array", {"count": 2, "target": "list_head"}]),
        ),
        (
            json!(["Array", {"size": 24, "target": "Array", "target_args": {"count": 3, "target": "int"}}]),
            json!(["Array", {"count": 2, "target": "Array", "target_args": {"count": 3, "target": "int"}}]),
        ),
        (
            json!(["Array", {"size": 24, "target": "opaque"}]),
            json!(["Array", {"count": 24, "target": "unsigned char"}]),
        ),
        (
            json!(["BitField", {"end_bit": 3, "target": "unsigned int"}]),
            json!(["BitField", {"end_bit": 3, "start_bit": 0, "target": "unsigned int"}]),
        ),
        (
            json!(["BitField", {"start_bit": 3, "end_bit": 12}]),
            json!(["BitField", {"end_bit": 12, "start_bit": 3, "target": "unsigned short"}]),
        ),
        (
            json!(["BitField", {"end_bit": 3, "native_type": "unsigned char"}]),
            json!(["BitField", {"end_bit": 3, "start_bit": 0, "target": "unsigned char"}]),
        ),
        (
            json!(["BitField", {"start_bit": 1, "end_bit": 3, "target": "Enumeration",
                "target_args": {"enum_name": "E", "target": "unsigned int"}}]),
            json!(["Enumeration", {"enum_name": "E", "target": "BitField",
                "target_args": {"end_bit": 3, "start_bit": 1, "target": "unsigned int"}}]),
        ),
        (
            json!(["Enumeration", {"enum_name": "E", "target": "BitField", "target_args": {"start_bit": 1, "end_bit": 3}}]),
            json!(["Enumeration", {"enum_name": "E", "target": "BitField",
                "target_args": {"end_bit": 3, "start_bit": 1, "target": "unsigned char"}}]),
        ),
        (
            json!(["Enumeration", {"enum_name": "E"}]),
            json!(["Enumeration", {"enum_name": "E", "target": "unsigned long"}]),
        ),
        (json!(["Function", {}]), json!(["Function"])),
        (
            json!(["pointer", ["Function", {"args": [["int"], ["pointer", ["void"]]]}]]),
            json!(["Pointer", {"target": "Function",
                "target_args": {"args": [["int"], ["Pointer", {"target": "Void"}]]}}]),
        ),
        (json!(["UnicodeString", {"length": 8}]), json!(["UnicodeString", {"length": 8}])),
        (json!(["UnicodeString"]), json!(["UnicodeString"])),
        (json!(["int", ["deprecated"]]), json!(["int"])),
        // For readers with code for that name, or a type of one compiler: kept unchanged.
        (json!(["String", {"length": 16, "term": null}]), json!(["String", {"length": 16, "term": null}])),
        (json!(["Flags", {"bitmap": {"A": 1}}]), json!(["Flags", {"bitmap": {"A": 1}}])),
        (json!(["__SVInt8_t"]), json!(["__SVInt8_t"])),
        (
            json!(["Array", {"count": 2, "max_count": 9, "target": "int", "target_args": {}}]),
            json!(["Array", {"count": 2, "max_count": 9, "target": "int"}]),
        ),
    ] {
        assert_eq!(descriptor("Linux", legacy.clone()), modern, "{legacy}");
    }
}

#[test]
fn windows_descriptors_keep_their_empty_objects() {
    assert_eq!(descriptor("Ntkrnlmp", json!(["unsigned long"])), json!(["unsigned long", {}]));
    assert_eq!(descriptor("Nt", json!(["_LIST_ENTRY", {}])), json!(["_LIST_ENTRY", {}]));
}

#[test]
fn enumerations_spelled_out_get_a_section() {
    let text = json!({
        "$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"},
        "$STRUCTS": {"s": [4, {"e": [0, ["Enumeration", {"target": "int", "choices": {"0": "A", "-1": "B"}}]]}]},
    });
    let written = canonical(&text.to_string());
    assert_eq!(
        written["$STRUCTS"]["s"][1]["e"][1],
        json!(["Enumeration", {"enum_name": "__unnamed_s_e", "target": "int"}])
    );
    assert_eq!(written["$ENUMS"], json!({"__unnamed_s_e": {"0": "A", "-1": "B"}}));
    assert_eq!(written["$REVENUMS"], json!({"__unnamed_s_e": {"A": 0, "B": -1}}));
}

#[test]
fn labels_that_share_a_value_survive() {
    let text = json!({
        "$ENUMS": {"E": {"0": "LAST", "18446744073709551615": "MAX"}},
        "$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"},
        "$REVENUMS": {"E": {"ANOTHER": 0, "LAST": 0, "MAX": 18_446_744_073_709_551_615_u64, "ZERO": 0}},
    });
    assert_eq!(canonical(&text.to_string()), text);
}

#[test]
fn an_enumeration_used_with_two_types_keeps_both() {
    let text = json!({
        "$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"},
        "$STRUCTS": {"s": [8, {
            "a": [0, ["Enumeration", {"enum_name": "E", "target": "int"}]],
            "b": [4, ["Enumeration", {"enum_name": "E", "target": "char"}]],
            "c": [5, ["Enumeration", {"enum_name": "E", "target": "BitField",
                "target_args": {"end_bit": 3, "start_bit": 1, "target": "char"}}]],
        }]},
    });
    assert_eq!(canonical(&text.to_string()), text);
}

#[test]
fn enumerations_of_the_old_dwarf_front_end_have_four_bytes() {
    let text = |arguments: Value| {
        let text = json!({
            "$METADATA": {"ProfileClass": "Linux", "arch": "AMD64"},
            "$STRUCTS": {"s": [16, {
                "e": [8, ["Enumeration", {"enum_name": "E", "target": "long"}]],
                "l": [0, ["long int"]],
                "p": [8, ["Pointer", arguments]],
            }]},
        });
        canonical(&text.to_string())["$STRUCTS"]["s"][1].clone()
    };
    // Only that front-end writes `null` where there are no arguments.
    let old = text(json!({"target": "void", "target_args": null}));
    assert_eq!(old["e"][1][1]["target"], "int");
    assert_eq!(old["l"], json!([0, ["long"]]));
    assert_eq!(text(json!({"target": "void"}))["e"][1][1]["target"], "long");
}

#[test]
fn metadata_of_every_age() {
    for (metadata, system, arch, class) in [
        (json!({"ProfileClass": "Linux64", "Type": "Profile"}), System::Linux, Arch::Amd64, Some("Linux")),
        (json!({"ProfileClass": "Linux32"}), System::Linux, Arch::I386, Some("Linux")),
        (json!({"ProfileClass": "Linux", "arch": "arm64"}), System::Linux, Arch::Arm64, Some("Linux")),
        (json!({"ProfileClass": "Darwin32"}), System::Mac, Arch::I386, Some("Darwin32")),
        (json!({"ProfileClass": "Darwin", "arch": "ARM64"}), System::Mac, Arch::Arm64, Some("Darwin64")),
        (json!({"ProfileClass": "Ntkrpamp", "arch": "I386"}), System::Windows, Arch::I386, Some("Nt")),
        (json!({"ProfileClass": "Ntkrnlmp.pdb"}), System::Windows, Arch::Amd64, Some("Nt")),
        (json!({"ProfileClass": "Tcpip", "GUID_AGE": "X"}), System::Windows, Arch::Amd64, Some("Tcpip")),
        (json!({"PDBFile": "foo.pdb"}), System::Windows, Arch::Amd64, None),
        (json!({"Type": "Symlink", "Target": "nt/GUID/X"}), System::Other, Arch::Amd64, None),
        (
            json!({"Type": "Inventory", "ProfileClass": "Inventory"}),
            System::Other,
            Arch::Amd64,
            Some("Inventory"),
        ),
        (json!({}), System::Other, Arch::Amd64, None),
    ] {
        let text = json!({"$METADATA": metadata}).to_string();
        let (mut profile, report) = read(&text);
        assert_eq!((profile.system, profile.arch), (system, arch), "{text}");
        assert_eq!(profile.metadata_text("ProfileClass"), class, "{text}");
        assert!(profile.metadata_text("Type").is_some(), "{text}");
        assert_eq!(report.total(), 0);
        let has_arch = written(&mut profile).contains("\"arch\"");
        assert_eq!(has_arch, system != System::Other, "{text}");
    }
}

#[test]
fn the_architecture_is_guessed_as_rekall_does() {
    for (sections, arch) in [
        (json!({"$CONFIG": {"CONFIG_CPU_MIPS32": "y"}}), Arch::Mips),
        (json!({"$CONSTANTS": {"arm_syscall": 1}}), Arch::Arm),
        (json!({"$CONSTANTS": {"_text": 0xffff_ffff_8100_0000_u64}}), Arch::Amd64),
        (json!({"$CONSTANTS": {"_text": 0xc100_0000_u64}}), Arch::I386),
        (json!({"$STRUCTS": {"list_head": [8, {}]}}), Arch::I386),
        (json!({}), Arch::Amd64),
    ] {
        let mut text = sections;
        text["$METADATA"] = json!({"ProfileClass": "Linux", "Type": "Profile"});
        assert_eq!(read(&text.to_string()).0.arch, arch, "{text}");
    }
    let text = json!({"$METADATA": {"ProfileClass": "Nt"}, "$STRUCTS": {"_LIST_ENTRY": [8, {}]}});
    assert_eq!(read(&text.to_string()).0.arch, Arch::I386);
}

#[test]
fn sections_without_a_place_are_kept() {
    let text = json!({
        "$INDEX": {"nt/GUID/X": [[4096, ["90"]]]},
        "$INVENTORY": {"nt/GUID/X": {"LastModified": 1437085873.2299254}},
        "$MERGE": ["nt/undocumented"],
        "$METADATA": {"ProfileClass": "Index", "Type": "Profile"},
    });
    assert_eq!(canonical(&text.to_string()), text);
}

#[test]
fn a_damaged_entry_affects_only_itself_and_is_counted() {
    let text = r#"{
        "$METADATA": {"ProfileClass": "Linux", "arch": "AMD64"},
        "$CONSTANTS": {"a": 1, "b": "x", "c": -1, "d": 1e3, "e": 99999999999999999999, "a": 2},
        "$STRUCTS": {
            "good": [8, {"m": [0, ["int"]], "bad": 3, "off": [-1, ["int"]], "odd": [4, ["x", "y", "z"]], "m": [4, ["int"]]}],
            "bad": [8], "worse": "good", "worst": "missing", "size": [-1, {}]
        },
        "$ENUMS": {"E": {"x": "A", "1": "B", "2": 3}, "F": 7},
        "$CONFIG": {"A": "y", "B": 1000, "C": []}
    }"#;
    let (mut profile, report) = read(text);
    assert_eq!(report.count("symbols whose value is not an address"), 3);
    assert_eq!(report.count("keys that appear twice"), 2);
    assert_eq!(report.count("members that are not [offset, [type]]"), 3);
    assert_eq!(report.count("structs that are not [size, {members}]"), 2);
    assert_eq!(report.count("aliases of unknown structs"), 1);
    assert_eq!(report.count("labels whose value is not an integer"), 2);
    assert_eq!(report.count("enumerations that are not objects"), 1);
    assert_eq!(report.count("settings that are not texts"), 1);
    let written: Value = serde_json::from_str(&written(&mut profile)).unwrap();
    assert_eq!(written["$CONSTANTS"], json!({"a": 2, "c": u64::MAX}));
    assert_eq!(written["$STRUCTS"]["good"], json!([8, {"m": [4, ["int"]]}]));
    assert_eq!(written["$STRUCTS"]["worse"], written["$STRUCTS"]["good"]);
    assert_eq!(written["$CONFIG"], json!({"A": "y", "B": "1000"}));
    assert_eq!(written["$ENUMS"], json!({"E": {"1": "B"}}));
}

#[test]
fn a_lone_surrogate_is_replaced_and_counted() {
    let (profile, report) = read(r#"{"$METADATA": {}, "$CONSTANTS": {"a\ud800b": 1}}"#);
    assert_eq!(report.count("texts that are not UTF-8"), 1);
    assert!(profile.names.get(profile.constants[0].0).contains('\u{fffd}'));
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced_and_counted() {
    let mut report = Report::default();
    let text = b"{\"$METADATA\": {}, \"$CONSTANTS\": {\"caf\xe9\": 1}}";
    let profile = read_text(text, &mut report).unwrap();
    assert_eq!(profile.names.get(profile.constants[0].0), "caf\u{fffd}");
    assert_eq!(report.count("texts that are not UTF-8"), 1);
}

#[test]
fn damaged_json_is_reported_with_its_place() {
    let text =
        "{\n \"$METADATA\": {}, \n \"$STRUCTS\": {\n  \"ok\": [1, {}], \n  \"_EPROCESS\": [8, {oops}]\n }\n}";
    let error = read_text(text.as_bytes(), &mut Report::default()).unwrap_err();
    let ReadError::Json { place, message } = &error else { panic!("{error}") };
    assert_eq!((place.line, &*place.within), (5, &["$STRUCTS".to_owned(), "_EPROCESS".to_owned()][..]));
    assert_eq!(text.as_bytes()[place.offset], b'o', "{place:?}");
    assert_eq!(message, "key must be a string");
    assert_eq!(
        error.to_string(),
        "line 5, column 21 (byte 74, in $STRUCTS, _EPROCESS): key must be a string"
    );
}

#[test]
fn a_text_truncated_anywhere_is_an_error() {
    let text = written(
        &mut read(
            &json!({
                "$METADATA": {"ProfileClass": "Linux", "arch": "AMD64"},
                "$STRUCTS": {"s": [8, {"m": [0, ["pointer", ["s"]]]}]},
                "$ENUMS": {"E": {"1": "\u{e9}"}},
            })
            .to_string(),
        )
        .0,
    );
    for end in 0..text.len() {
        assert!(read_text(&text.as_bytes()[..end], &mut Report::default()).is_err(), "{end}");
    }
}

#[test]
fn sections_of_the_wrong_kind_are_refused() {
    for (text, expected, found) in [
        (r#"{"$STRUCTS": []}"#, "an object of structs", "sequence"),
        (r#"{"$CONSTANTS": "x"}"#, "an object of symbols", "string \"x\""),
        (r#"{"$METADATA": 1}"#, "an object", "a number"),
        (r#"{"$MERGE": {}}"#, "a list of names", "an object"),
        (r#"[1]"#, "a profile", "a JSON text"),
        (r#"{"$METADATA": {}} x"#, "trailing characters", ""),
        (r#"{"a": 1, "b": 2}"#, "the sections of a profile", "the keys a, b"),
        ("{}", "the sections of a profile", "an empty object"),
        (" \n", "a profile", "empty"),
    ] {
        let error = read_text(text.as_bytes(), &mut Report::default()).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(found), "{text}: {error}");
    }
}

#[test]
fn other_files_are_recognised() {
    for (bytes, kind) in [
        (&b"<html><body>Sign in</body></html>"[..], FileKind::Html),
        (b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0", FileKind::PdbCut),
        (b"\x7fELF\x02\x01\x01", FileKind::ElfCut),
    ] {
        let error = read_profile(bytes, &mut Report::default()).unwrap_err();
        assert!(matches!(&error, ReadError::WrongKind(wrong) if wrong.kind() == kind), "{error}");
    }
}

#[test]
fn deep_nesting_is_bounded() {
    let deep = format!("{}0{}", "[\"pointer\", ".repeat(100_000), "]".repeat(100_000));
    let text = format!(
        r#"{{"$METADATA": {{}}, "$STRUCTS": {{"s": [8, {{"m": [0, {deep}], "n": [0, ["int"]]}}]}}}}"#
    );
    let (profile, report) = read(&text);
    assert_eq!(report.count("members that are not [offset, [type]]"), 1);
    assert_eq!(profile.types.member_count(), 1);
    let text = format!(r#"{{"$METADATA": {{}}, "$OTHER": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(read_text(text.as_bytes(), &mut Report::default()).is_err());
}

#[test]
fn many_aliases_of_one_large_struct_stay_bounded() {
    let members: Vec<String> = (0..1000).map(|number| format!(r#""m{number}": [0, ["int"]]"#)).collect();
    let aliases: Vec<String> = (0..10_000).map(|number| format!(r#""a{number}": "big""#)).collect();
    let text = format!(
        r#"{{"$METADATA": {{}}, "$STRUCTS": {{"big": [8, {{{}}}], {}}}}}"#,
        members.join(","),
        aliases.join(",")
    );
    let (profile, report) = read(&text);
    assert!(profile.types.member_count() <= 13_000);
    assert!(report.count("aliases of unknown structs") > 9_000);
}

#[test]
fn compressed_texts_are_recognised_by_content() {
    let text = include_bytes!("packed/small.json");
    let xz = include_bytes!("packed/small.json.xz");
    let zstd = include_bytes!("packed/small.json.zst");
    for packed in [&xz[..], zstd] {
        assert_eq!(&*unpack(packed, 1000).unwrap(), text);
        assert!(matches!(unpack(packed, 10), Err(ReadError::TooLong { limit: 10 })));
        for end in 6..packed.len() {
            assert!(unpack(&packed[..end], 1000).is_err(), "{end}");
        }
        assert_eq!(read_profile(packed, &mut Report::default()).unwrap().arch, Arch::Arm64);
    }
    assert!(matches!(unpack(b"", 10), Err(ReadError::WrongKind(_))));
    assert!(matches!(unpack(text, 10), Err(ReadError::TooLong { limit: 10 })));
}

fn golden(name: &str) -> Vec<u8> {
    let corpus = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the corpus");
    let path = PathBuf::from(corpus).join("golden").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    unpack(&bytes, profile::MAX_TEXT).unwrap().into_owned()
}

/// Reads a genuine profile, checks the law of the round trip, and gives the source and what was written.
fn round_trip(name: &str) -> (Value, Value, Profile, Report) {
    let text = golden(name);
    let mut report = Report::default();
    let mut profile = read_text(&text, &mut report).unwrap();
    let mut losses = report.clone();
    let resolution = Resolution::new(&mut profile, &mut losses);
    let first = write_text(&profile, &resolution, Vec::new()).unwrap();
    let second = written(&mut read(std::str::from_utf8(&first).unwrap()).0);
    assert!(first == second.as_bytes(), "written, read and written again");
    (serde_json::from_slice(&text).unwrap(), serde_json::from_slice(&first).unwrap(), profile, losses)
}

/// The bit of the struct at which a member begins.
fn first_bit(member: &Value) -> u64 {
    let arguments = &member[1][1];
    let start =
        if member[1][0] == "BitField" { arguments } else { &arguments["target_args"] }["start_bit"].as_u64();
    8 * member[0].as_u64().unwrap() + start.unwrap_or(0)
}

/// Structs, sizes, members and their places are equal; returns the number of members, and those that are missing in
/// the written profile.
fn compare(source: &Value, written: &Value) -> (usize, Vec<String>) {
    let (source, written) = (source.as_object().unwrap(), written.as_object().unwrap());
    assert_eq!(source.len(), written.len());
    let (mut count, mut missing) = (0, Vec::new());
    for (name, entry) in source {
        assert_eq!(entry[0], written[name][0], "{name}");
        for (member, place) in entry[1].as_object().unwrap() {
            match written[name][1].get(member) {
                // Members that reached beyond their struct became bytes.
                Some(ours) if ours[1][1]["target"] == "unsigned char" && ours[1][0] == "Array" => {
                    assert_eq!(place[0], ours[0], "{name}.{member}");
                }
                Some(ours) => assert_eq!(first_bit(place), first_bit(ours), "{name}.{member}"),
                None => missing.push(format!("{name}.{member}")),
            }
            count += 1;
        }
    }
    (count, missing)
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_genuine_windows_profile() {
    let (source, written, profile, report) =
        round_trip("ntkrnlpa.pdb.bd8f451f3e754ed8a34b50560ceb08e31.rekall.json.xz");
    assert_eq!((profile.system, profile.arch), (System::Windows, Arch::I386));
    assert_eq!(compare(&source["$STRUCTS"], &written["$STRUCTS"]), (4324, vec![]), "{report:?}");
    assert_eq!(source["$CONSTANTS"], written["$CONSTANTS"]);
    assert_eq!(source["$FUNCTIONS"], written["$FUNCTIONS"]);
    assert_eq!(source["$ENUMS"], written["$ENUMS"]);
    // This version of Rekall omitted every zero, and so the labels of value 0.
    assert!(source["$REVENUMS"]["_MODE"].get("KernelMode").is_none());
    assert_eq!(
        written["$REVENUMS"]["_MODE"],
        json!({"-": -1, "KernelMode": 0, "MaximumMode": 2, "UserMode": 1})
    );
    let disabled = &written["$STRUCTS"]["EX_QUEUE_WORKER_INFO"][1]["QueueDisabled"];
    assert_eq!(
        *disabled,
        json!([0, ["BitField", {"end_bit": 1, "start_bit": 0, "target": "unsigned long"}]])
    );
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn another_genuine_windows_profile() {
    let (source, written, profile, report) =
        round_trip("ntoskrnl.pdb.32962337f0f646388b39535cd8dd70e82.rekall.json.xz");
    assert_eq!((profile.system, profile.arch), (System::Windows, Arch::I386));
    assert_eq!(compare(&source["$STRUCTS"], &written["$STRUCTS"]), (4302, vec![]), "{report:?}");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_genuine_macos_profile_in_legacy_form() {
    let (source, written, profile, report) = round_trip("HighSierra_10.13.3_17D47.json.xz");
    assert_eq!((profile.system, profile.arch), (System::Mac, Arch::Amd64));
    assert_eq!(source["$CONSTANTS"], written["$CONSTANTS"]);
    assert_eq!(compare(&source["$STRUCTS"], &written["$STRUCTS"]), (35_559, vec![]), "{report:?}");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_genuine_linux_profile_of_the_dwarf_front_end() {
    let (source, written, profile, report) = round_trip("rekall-linux-module-ko-dw4.json.xz");
    assert_eq!((profile.system, profile.arch), (System::Linux, Arch::Amd64));
    assert_eq!(source["$CONFIG"], written["$CONFIG"]);
    let vlan_mode =
        |text: &Value| text["$STRUCTS"]["__unnamed_102083"][1]["vlan_mode"][1][1]["target"].clone();
    assert_eq!((vlan_mode(&source), vlan_mode(&written)), (json!("long"), json!("int")));
    assert_eq!(compare(&source["$STRUCTS"], &written["$STRUCTS"]), (7780, vec![]), "{report:?}");
}

#[test]
fn decompression_bombs_are_refused_by_name() {
    use std::io::{Read, Write};

    let spaces = || std::io::repeat(b' ').take(40 << 20);
    let mut gzip = profile::GzipWriter::new(Vec::new(), profile::Effort::Default, 1);
    std::io::copy(&mut spaces(), &mut gzip).unwrap();
    let mut xz = profile::XzWriter::new(Vec::new(), profile::Effort::Default, 1).unwrap();
    std::io::copy(&mut spaces(), &mut xz).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(spaces(), ruzstd::encoding::CompressionLevel::Fastest);
    xz.flush().unwrap();
    for packed in [gzip.finish().unwrap(), xz.finish().unwrap(), zstd] {
        let error = unpack(&packed, profile::MAX_TEXT).unwrap_err();
        assert!(matches!(error, ReadError::Limit(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("--unpack-limit") && text.contains("33554432"), "{text}");
        // A smaller limit of the caller's applies first.
        assert!(matches!(unpack(&packed, 1 << 20), Err(ReadError::TooLong { limit: 1_048_576 })));
    }
}
