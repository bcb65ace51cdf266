//! `export --format c` and `inspect --c`: compilers accept the header, and what they make of it is the profile again.

use std::path::Path;
use std::process::Command;

use crate::harness::{Folder, corpus};

/// Everything that is awkward in C: bit-fields, overlapping and unaligned members, unions, members without a name, arrays
/// without a bound, names that are words of C or no identifiers, labels that two enumerations share, pointers to what is
/// not defined, and to functions.
const AWKWARD: &str = r#"{
 "$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "ARCH", "Release": "6.1 */ #error x"},
 "$ENUMS": {
  "state": {"0": "IDLE", "1": "BUSY"}, "other": {"5": "IDLE", "-1": "register"},
  "wide": {"0": "FIRST", "18446744073709551615": "LAST"}, "a b": {"1": "x*/y"}},
 "$REVENUMS": {
  "state": {"IDLE": 0, "BUSY": 1}, "other": {"IDLE": 5, "register": -1},
  "wide": {"FIRST": 0, "LAST": 18446744073709551615}, "a b": {"x*/y": 1}},
 "$STRUCTS": {
  "zz_first": [24, {"inner": [0, ["aa_inner"]], "list": [8, ["Pointer", {"target": "zz_first"}]]}],
  "aa_inner": [8, {"a": [0, ["char"]], "b": [4, ["int"]]}],
  "packed": [15, {"a": [0, ["char"]], "b": [1, ["unsigned long long"]], "c": [9, ["unsigned short"]], "d": [11, ["int"]]}],
  "bits": [16, {
   "a": [0, ["BitField", {"start_bit": 0, "end_bit": 3, "target": "unsigned int"}]],
   "b": [0, ["BitField", {"start_bit": 5, "end_bit": 31, "target": "unsigned int"}]],
   "c": [4, ["BitField", {"start_bit": 7, "end_bit": 9, "target": "unsigned short"}]],
   "e": [6, ["Enumeration", {"enum_name": "state", "target": "BitField",
      "target_args": {"start_bit": 2, "end_bit": 6, "target": "unsigned char"}}]],
   "w": [8, ["BitField", {"start_bit": 4, "end_bit": 44, "target": "unsigned long long"}]]}],
  "overlap": [8, {"whole": [0, ["unsigned long long"]], "low": [0, ["unsigned int"]], "high": [4, ["unsigned int"]],
   "bit": [0, ["BitField", {"start_bit": 3, "end_bit": 6, "target": "unsigned char"}]]}],
  "partly": [12, {"a": [0, ["unsigned long long"]], "b": [4, ["unsigned long long"]]}],
  "choice": [8, {"c": [0, ["char"]], "l": [0, ["unsigned long long"]], "x": [0, ["aa_inner"]]}],
  "small_choice": [16, {"c": [0, ["char"]], "i": [0, ["int"]]}],
  "owner": [8, {"u1": [0, ["__unnamed_owner_u1"]], "after": [4, ["int"]]}],
  "__unnamed_owner_u1": [4, {"f": [0, ["float"]], "i": [0, ["int"]]}],
  "flexible": [8, {"count": [0, ["int"]], "items": [8, ["Array", {"count": 0, "target": "aa_inner"}]],
   "grid": [4, ["Array", {"count": 2, "target": "Array", "target_args": {"count": 2, "target": "char"}}]]}],
  "empty": [0, {}],
  "wild": [2, {"beyond": [1, ["BitField", {"start_bit": 3, "end_bit": 50, "target": "unsigned char"}]], "a": [0, ["char"]]}],
  "opaque_user": [POINTERS, {"p": [0, ["Pointer", {"target": "nowhere"}]],
   "q": [POINTER, ["Pointer", {"target": "Array", "target_args": {"count": 3, "target": "aa_inner"}}]]}],
  "calls": [POINTER, {"run": [0, ["Pointer", {"target": "Function", "target_args": {"args": [
    ["Pointer", {"target": "nowhere"}], ["nowhere"], ["Void"],
    ["Pointer", {"target": "Function", "target_args": {"args": []}}]]}}]]}],
  "int*": [4, {"linux": [0, ["char"]], "register": [1, ["char"]], "3d": [2, ["char"]], "a-b": [3, ["char"]]}],
  "struct": [2, {"a b": [0, ["char"]], "a.b": [1, ["char"]]}],
  "states": [24, {"s": [0, ["Enumeration", {"enum_name": "state", "target": "unsigned int"}]],
   "tiny": [4, ["Enumeration", {"enum_name": "state", "target": "unsigned char"}]],
   "w": [8, ["Enumeration", {"enum_name": "wide", "target": "unsigned long long"}]],
   "sp": [16, ["Enumeration", {"enum_name": "a b", "target": "int"}]]}],
  "huge": [1152921504606846976, {"a": [0, ["int"]]}],
  "state": [1, {"shares_its_name_with_an_enumeration": [0, ["_Bool"]]}]
 }}"#;

fn awkward(arch: &str, pointer: u32) -> String {
    let text = AWKWARD.replace("ARCH", arch).replace("POINTERS", &(2 * pointer).to_string());
    text.replace("POINTER", &pointer.to_string())
}

const COMPILERS: [&str; 2] = ["gcc", "clang"];

/// Compiles the header in its folder, to an object with all types if a name is given.
#[track_caller]
fn compile(compiler: &str, header: &Path, narrow: bool, object: Option<&Path>) {
    let mut command = Command::new(compiler);
    command.args(["-x", "c", "-Werror", "-include"]).arg(header);
    if narrow {
        command.arg("-m32");
    }
    match object {
        Some(object) => command.args(["-g", "-fno-eliminate-unused-debug-types", "-c", "-o"]).arg(object),
        None => command.arg("-fsyntax-only"),
    };
    let output = command.arg("-").stdin(std::process::Stdio::null()).output();
    let output = output.expect("gcc and clang are installed (scripts/test tools)");
    assert!(
        output.status.success(),
        "{compiler} {}: {}",
        header.display(),
        String::from_utf8_lossy(&output.stderr).chars().take(4000).collect::<String>()
    );
}

#[test]
fn compilers_lay_structs_out_as_the_profile_does() {
    // Other machines than these compile for their own pointers only.
    let narrow = cfg!(target_arch = "x86_64").then_some(("I386", 4));
    for (arch, pointer) in [("AMD64", 8)].into_iter().chain(narrow) {
        let folder = Folder::new();
        folder.write("p.json", awkward(arch, pointer));
        folder
            .run(["export", "p.json", "--format", "c", "-o", "p.h"])
            .status(1)
            .stderr("too large for C")
            .check();
        let header = String::from_utf8(folder.read("p.h")).unwrap();
        for expected in [
            "struct aa_inner {\n  /* 0x000 */ char a;\n  /* 0x001 */ unsigned char padding_0x1[3];\n  /* 0x004 */ int b;\n};",
            "REKALL_PROFILE_OFFSET(struct packed, d, 0xb)",
            "REKALL_PROFILE_OFFSET(struct overlap, high, 0x4)",
            "union choice {",
            "  /* 0x001 */ char register_; /* register */",
            "struct nowhere;",
            "  IDLE_state_2 = 0, /* IDLE */",
            "enum state_2 { /* state */",
            "struct int_ { /* int* */",
            "  /* 0x008 */ struct aa_inner items[0];",
        ] {
            assert!(header.contains(expected), "{arch}: no {expected:?} in\n{header}");
        }
        assert!(!header.contains("huge {"), "{header}");
        for compiler in COMPILERS {
            compile(compiler, &folder.join("p.h"), pointer == 4, Some(&folder.join("p.o")));
            folder.run(["parse_dwarf", "p.o", "-q", "-o", "again.json"]).check();
            // clang does not say that a whole byte is a bit-field; none here is.
            let run = folder.run(["check", "p.json", "--against", "again.json", "-v"]).status(1);
            run.stderr("verdict: they agree").check();
        }
    }
}

#[test]
fn a_header_of_some_structs_has_what_they_hold() {
    let folder = Folder::new();
    folder.write("p.json", awkward("AMD64", 8));
    let header = folder.run(["inspect", "p.json", "--c", "zz_first"]).check();
    assert!(header.contains("struct zz_first {") && header.contains("struct aa_inner {"), "{header}");
    assert!(!header.contains("struct packed {"), "{header}");
    folder
        .run(["export", "p.json", "--format", "c", "--only", "zz_first", "-q"])
        .stdout(header.clone())
        .status(1)
        .check();
    folder.write("some.h", header);
    COMPILERS.iter().for_each(|compiler| compile(compiler, &folder.join("some.h"), false, None));
    let run = folder.run(["inspect", "p.json", "--c", "zz_frist"]).status(1);
    run.stderr("zz_frist: no struct, member, enumeration or symbol of this name; there is zz_first").check();
    folder
        .run(["inspect", "p.json", "--c", "--json", "zz_first"])
        .status(2)
        .stderr("cannot be used with")
        .check();
}

#[test]
fn a_header_for_other_pointers_says_so() {
    let folder = Folder::new();
    folder.write("p.json", awkward("I386", 4));
    folder.run(["export", "p.json", "--format", "c", "-o", "p.h", "-q"]).status(1).check();
    let output = Command::new("gcc")
        .args(["-x", "c", "-fsyntax-only", "-include"])
        .arg(folder.join("p.h"))
        .arg("-")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("these types have 4-byte pointers"), "{said}");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn compilers_accept_the_headers_of_real_pdbs() {
    let folder = Folder::new();
    let mut compiled = 0;
    for entry in std::fs::read_dir(corpus("pdb")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "pdb") {
            continue;
        }
        let line = ["parse_pdb", path.to_str().unwrap(), "-q", "-o", "p.json"];
        let parsed = folder.run(line).command().output().unwrap().status.code();
        // What is not a PDB with types is another test's matter.
        if parsed != Some(0) {
            continue;
        }
        let written =
            folder.run(["export", "p.json", "--format", "c", "-q", "-o", "p.h"]).command().output().unwrap();
        if written.status.code() == Some(2) {
            // A profile that does not belong to an operating system has no other form.
            continue;
        }
        let text = std::fs::read_to_string(folder.join("p.json")).unwrap();
        let narrow = text.contains("\"arch\": \"I386\"") || text.contains("\"arch\": \"ARM\"");
        COMPILERS.iter().for_each(|compiler| compile(compiler, &folder.join("p.h"), narrow, None));
        compiled += 1;
    }
    assert!(compiled >= 5, "{compiled} headers");
}
