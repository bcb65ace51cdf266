//! Profiles written as BTF and read again.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;

use btf_converter::Options;
use dwarf_converter::Beside;
use profile::{Arch, Form, Format, MappedFile, Profile, Report, Resolution, Silent, write_form, write_text};
use serde_json::Value;
use support::made_with;

fn testdata(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

/// A profile's text as JSON, its BTF, and what was lost on the way there.
fn exported(profile: &mut Profile) -> (Value, Vec<u8>, Report) {
    let resolution = Resolution::new(profile, &mut Report::default());
    let text = write_text(profile, &resolution, Vec::new()).unwrap();
    let form = Form { format: Format::Btf, ..Form::default() };
    let mut report = Report::default();
    let blob = write_form(profile, &resolution, form, &mut report, Vec::new()).unwrap();
    (serde_json::from_slice(&text).unwrap(), blob, report)
}

fn read_again(blob: &[u8], arch: &str) -> Value {
    let arch: Arch = arch.parse().unwrap();
    made_with(blob, &Options { arch: Some(arch), ..Options::default() }).unwrap().profile
}

#[test]
fn what_came_from_btf_comes_back() {
    for (name, arch) in [
        ("gcc-x64", "AMD64"),
        ("gcc-x86", "I386"),
        ("gcc-arm64", "ARM64"),
        ("gcc-mips", "MIPS"),
        ("gcc-ppc", "PPC"),
    ] {
        let file = MappedFile::open(&testdata(&format!("btf/{name}.btf"))).unwrap();
        let options = Options { arch: Some(arch.parse().unwrap()), ..Options::default() };
        let mut profile = btf_converter::convert(&file, &options, &Silent).unwrap().profile;
        let (before, blob, report) = exported(&mut profile);
        let after = read_again(&blob, arch);
        for section in ["$STRUCTS", "$ENUMS", "$REVENUMS"] {
            for (key, definition) in before[section].as_object().unwrap() {
                assert_eq!(after[section].get(key), Some(definition), "{name} {section} {key}");
            }
            assert_eq!(before[section].as_object().unwrap().len(), after[section].as_object().unwrap().len());
        }
        assert_eq!(report.total(), 0, "{name}: {report:?}");
    }
}

#[test]
fn what_came_from_dwarf_comes_back_but_for_what_btf_cannot_say() {
    let path = testdata("dwarf/elf/gcc-x64");
    let file = MappedFile::open(&path).unwrap();
    let options = dwarf_converter::Options::default();
    let mut profile =
        dwarf_converter::convert(&file, &options, &Beside::new(&path), &Silent).unwrap().profile;
    let (before, blob, report) = exported(&mut profile);
    let after = read_again(&blob, "AMD64");
    for section in ["$STRUCTS", "$ENUMS", "$REVENUMS", "$CONSTANT_TYPES"] {
        // A complex number becomes bytes.
        let same = before[section].as_object().unwrap().iter().filter(|(key, _)| *key != "modern");
        for (key, definition) in same {
            assert_eq!(after[section].get(key), Some(definition), "{section} {key}");
        }
    }
    assert_eq!(after["$STRUCTS"]["modern"][0], before["$STRUCTS"]["modern"][0]);
    assert_eq!(report.count("types that BTF cannot say"), 1, "{report:?}");
    assert!(report.count("addresses of symbols, for which BTF has no place") > 10);
    // The same again, byte for byte.
    assert_eq!(exported(&mut profile).1, blob);
}

#[test]
fn enumerations_are_as_wide_as_their_values() {
    let text =
        br#"{"$ENUMS": {"flags": {"1": "LOW", "9223372036854775808": "TOP"}, "signs": {"-1": "MINUS"}},
        "$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"},
        "$REVENUMS": {"flags": {"LOW": 1, "TOP": 9223372036854775808}, "signs": {"MINUS": -1}}}"#;
    let mut profile = profile::read_text(text, &mut Report::default()).unwrap();
    let (before, blob, _) = exported(&mut profile);
    let after = read_again(&blob, "AMD64");
    for section in ["$ENUMS", "$REVENUMS"] {
        assert_eq!(before[section], after[section]);
    }
}

#[test]
fn a_part_declares_what_it_does_not_hold() {
    let file = MappedFile::open(&testdata("btf/gcc-x64.btf")).unwrap();
    let mut profile = btf_converter::convert(&file, &Options::default(), &Silent).unwrap().profile;
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    let wanted = ["cred".to_owned(), "list_head".to_owned(), "callbacks".to_owned()];
    let (only, missing) = profile::Selection::new(&profile, &resolution, &wanted);
    assert!(missing.is_empty());
    let form = Form { format: Format::Btf, only: Some(&only), ..Form::default() };
    let blob = write_form(&profile, &resolution, form, &mut Report::default(), Vec::new()).unwrap();
    let after = read_again(&blob, "AMD64");
    let structs = after["$STRUCTS"].as_object().unwrap();
    assert!(structs.contains_key("cred") && !structs.contains_key("task_struct"));
    assert_eq!(structs["cred"][1]["uid"][1][0], "kuid_t");
}
