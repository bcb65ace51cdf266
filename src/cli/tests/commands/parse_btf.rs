//! `parse_btf` as a user runs it.

use std::path::PathBuf;

use crate::harness::Folder;

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/btf").join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_blob_and_the_section_of_a_file_give_the_same_types() {
    let folder = Folder::new();
    let text = folder.run(["parse_btf", &fixture("gcc-x64.btf"), "--arch", "AMD64"]).check();
    let blob: serde_json::Value = serde_json::from_str(&text).unwrap();
    // It has a kernel's symbols but is not a real one, so the verdict is bad; the profile is written anyway.
    let text = folder.run(["parse_btf", "-f", &fixture("vmlinux")]).status(1).check();
    let elf: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(blob["$STRUCTS"], elf["$STRUCTS"]);
    assert_eq!(blob["$STRUCTS"]["task_struct"][0], 288);
    assert_eq!(elf["$METADATA"]["Release"], "6.1.0-test");
    assert!(elf["$CONSTANTS"]["init_task"].is_u64() && blob["$CONSTANTS"].is_null());
}

#[test]
fn a_map_gives_the_symbols() {
    let folder = Folder::new();
    folder.write("System.map", "ffffffff81000000 T _text\nffffffff82000000 D init_task\n");
    let blob = fixture("gcc-x64.btf");
    let text = folder.run(["parse_btf", &blob, "--system-map", "System.map"]).status(1).check();
    let profile: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(profile["$CONSTANTS"]["init_task"], 0xffff_ffff_8200_0000u64);
    folder.write("no.map", "nothing of the kind\n");
    folder.run(["parse_btf", &blob, "--kallsyms", "no.map"]).status(2).stderr("not a symbol map").check();
    let same = ["_text", "init_task", "modules"].map(|name| format!("ffffffff81000000 D {name}\n")).concat();
    folder.write("same.map", same);
    let refused = folder.run(["parse_btf", &blob, "--system-map", "same.map", "-o", "p.json"]).status(2);
    refused.stderr("of 3 symbols, 3 are at 0xffffffff81000000").check();
    assert!(!folder.join("p.json").exists());
    // The release in the map's name says where the kernel was linked.
    let moved = "ffffd2f5c3a00000 T _text\nffffd2f5c5000000 D init_task\nffffd2f5bf000000 t foo [foo]\n";
    let line = |map| ["parse_btf", &blob, "--arch", "ARM64", "--system-map", map];
    folder.write("live", moved);
    folder.run(line("live")).status(2).stderr("called System.map-<release>").check();
    folder.write("System.map-6.1.0-13-arm64", moved);
    let text = folder.run(line("System.map-6.1.0-13-arm64")).status(1).check();
    let profile: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(profile["$CONSTANTS"]["init_task"], 0xffff_8000_0960_0000u64);
}

#[test]
fn a_module_needs_its_kernel() {
    let folder = Folder::new();
    let (module, kernel) = (fixture("module.ko"), fixture("vmlinux"));
    let text = folder.run(["parse_btf", &module, "--base", &kernel]).check();
    let profile: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(profile["$STRUCTS"]["connection"][1]["cred"][1][0], "cred");
    folder.run(["parse_btf", &module]).status(2).stderr("--base FILE").check();
    folder.run(["parse_btf", &kernel, "--base", &kernel]).status(2).stderr("stands alone").check();
    let other = fixture("gcc-arm.btf");
    folder.run(["parse_btf", &module, "--base", &other]).status(2).stderr("another build").check();
}

#[test]
fn other_files_are_named() {
    let folder = Folder::new();
    folder.write("text", "not BTF\n");
    folder.run(["parse_btf", "text"]).status(2).stdout("").stderr("expected a BTF blob").check();
    folder.run(["parse_btf"]).status(2).stderr("which file? parse_btf").check();
    let dwarf = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf/elf/gcc-x64");
    folder.run(["parse_btf", dwarf.to_str().unwrap()]).status(2).stderr("no .BTF section").check();
    // The command for DWARF refers to this one.
    folder.run(["parse_dwarf", &fixture("vmlinux")]).status(2).stderr("parse_btf").check();
}
