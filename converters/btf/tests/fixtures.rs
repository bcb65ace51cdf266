//! Compares files made by pahole (testdata/btf) with the DWARF from which they were made.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};

use btf_converter::Options;
use dwarf_converter::Beside;
use profile::{MappedFile, Resolution, Silent, write_text};
use serde_json::{Value, json};
use support::{Made, made, made_with};

fn fixture(folder: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(folder).join(name)
}

fn file(name: &str) -> MappedFile {
    MappedFile::open(&fixture("btf", name)).unwrap()
}

fn dwarf(name: &str) -> Value {
    let path = fixture("dwarf", &format!("elf/{name}"));
    let bytes = MappedFile::open(&path).unwrap();
    let options = dwarf_converter::Options::default();
    let mut converted = dwarf_converter::convert(&bytes, &options, &Beside::new(&path), &Silent).unwrap();
    let resolution = Resolution::new(&mut converted.profile, &mut converted.report);
    serde_json::from_slice(&write_text(&converted.profile, &resolution, Vec::new()).unwrap()).unwrap()
}

/// Structs that BTF describes less precisely: it cannot express `_Atomic` and complex numbers, and pahole skips types
/// in blocks of functions.
const LESS_IN_BTF: [&str; 2] = ["modern", "in_block"];

/// pahole writes an array of several dimensions as one of all elements.
fn flattened(mut structs: Value) -> Value {
    structs["task_struct"][1]["matrix"][1] = json!(["Array", {"count": 24, "target": "unsigned int"}]);
    structs
}

/// Compares every struct and enumeration of a section that both have.
fn compare(section: &str, theirs: &Value, ours: &Value) -> usize {
    let (theirs, ours) = (theirs[section].as_object().unwrap(), ours[section].as_object().unwrap());
    let known = theirs.iter().filter(|(name, _)| !LESS_IN_BTF.contains(&name.as_str()));
    let mut compared = 0;
    for (name, definition) in known {
        assert_eq!(ours.get(name), Some(definition), "{section} {name}");
        compared += 1;
    }
    compared
}

#[test]
fn an_architecture_that_the_types_contradict_is_refused() {
    for (name, asked, by) in [
        ("gcc-x64.btf", "I386", "the size of long"),
        ("gcc-mips.btf", "I386", "its byte order"),
        ("vmlinux", "ARM64", "the ELF header"),
    ] {
        let options = Options { arch: Some(asked.parse().unwrap()), ..Options::default() };
        let error = made_with(&file(name), &options).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            error.contains(by) && error.contains(&format!("not for {asked}")),
            "{name} as {asked}: {error}"
        );
    }
}

#[test]
fn every_processor_and_both_byte_orders_give_what_dwarf_gives() {
    for (name, arch) in [
        ("gcc-x64", "AMD64"),
        ("clang-x64-dwarf5", "AMD64"),
        ("gcc-x86", "I386"),
        ("gcc-arm", "ARM"),
        ("gcc-arm64", "ARM64"),
        ("gcc-mips", "MIPS"),
        ("gcc-ppc", "PPC"),
    ] {
        let options = Options { arch: Some(arch.parse().unwrap()), ..Options::default() };
        let ours = made_with(&file(&format!("{name}.btf")), &options).unwrap();
        let mut theirs = dwarf(name);
        theirs["$STRUCTS"] = flattened(theirs["$STRUCTS"].take());
        let compared = compare("$STRUCTS", &theirs, &ours.profile);
        assert!(compared >= 17, "{name}: {compared}");
        compare("$ENUMS", &theirs, &ours.profile);
        compare("$REVENUMS", &theirs, &ours.profile);
        let losses: Vec<&str> = ours.report.losses().map(|(kind, _)| kind).collect();
        let expected = ["members of incomplete type held by value", "name conflicts"];
        assert!(losses.iter().all(|kind| expected.contains(kind)), "{name}: {losses:?}");
        assert_eq!(ours.profile["$METADATA"]["arch"], theirs["$METADATA"]["arch"]);
        assert_eq!(ours.profile["$METADATA"]["SourceSHA256"].as_str().unwrap().len(), 64);
    }
}

#[test]
fn an_elf_file_gives_its_symbols_and_its_identity_too() {
    let ours = made(&file("vmlinux")).profile;
    let mut theirs = dwarf("gcc-x64");
    theirs["$STRUCTS"] = flattened(theirs["$STRUCTS"].take());
    compare("$STRUCTS", &theirs, &ours);
    assert_eq!(ours["$CONSTANTS"], theirs["$CONSTANTS"]);
    for key in ["arch", "Banner", "BuildID", "ProfileClass", "Release", "Type", "Version"] {
        assert_eq!(ours["$METADATA"][key], theirs["$METADATA"][key], "{key}");
    }
    assert_eq!(ours["$METADATA"]["Generator"], "rekall-profile btf 1");
}

/// What `module.ko` and `module-*.btf` hold, on a kernel of either byte order.
fn check_module(made: &Made, big_endian: bool) {
    let pointer: u64 = if big_endian { 4 } else { 8 };
    let connection = made.structure("connection");
    assert_eq!(connection[1]["cred"][1], json!(["cred"]));
    assert_eq!(connection[1]["task"][1], json!(["Pointer", {"target": "task_struct"}]));
    assert_eq!(connection[1]["owner"][1], json!(["kuid_t"]));
    let (start, end) = if big_endian { (28, 32) } else { (0, 4) };
    let bits = json!({"end_bit": end, "start_bit": start, "target": "unsigned int"});
    let state =
        json!(["Enumeration", {"enum_name": "connection_state", "target": "BitField", "target_args": bits}]);
    assert_eq!(connection[1]["state"][1], state);
    assert_eq!(connection[1]["version"][1], json!(["__unnamed_connection_version"]));
    assert_eq!(connection[1]["send"][1][0], "Pointer");
    assert_eq!(made.profile["$ENUMS"]["connection_state"], json!({"0": "IDLE", "7": "BUSY"}));
    // The types that it uses from the kernel are included; types to which it does not lead are not.
    assert_eq!(made.structure("list_head")[0], pointer * 2);
    assert!(made.structure("zero_length").is_null());
    assert_eq!(made.report.total(), 0, "{:?}", made.report);
}

#[test]
fn a_module_includes_the_types_it_uses_from_its_kernel() {
    for (module, base, big_endian) in [
        ("module-x64.btf", "gcc-x64.btf", false),
        ("module-x64.btf", "vmlinux", false),
        ("module.ko", "vmlinux", false),
        ("module-mips.btf", "gcc-mips.btf", true),
    ] {
        let base = file(base);
        let options = Options { base: Some(&base), ..Options::default() };
        check_module(&made_with(&file(module), &options).unwrap(), big_endian);
    }
    let other = file("clang-x64-dwarf5.btf");
    let error = made_with(&file("module-x64.btf"), &Options { base: Some(&other), ..Options::default() });
    assert!(error.err().unwrap().to_string().starts_with("the base belongs to another build"));
}

#[test]
fn files_without_btf_are_told_what_to_do() {
    let elf = MappedFile::open(&fixture("dwarf", "elf/gcc-x64")).unwrap();
    let error = made_with(&elf, &Options::default()).err().unwrap().to_string();
    assert_eq!(
        error,
        "the ELF file has no .BTF section; it has DWARF, from which parse_dwarf makes a profile"
    );
}
