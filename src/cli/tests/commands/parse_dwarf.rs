//! `parse_dwarf` as a user runs it.

use std::path::PathBuf;

use crate::harness::Folder;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf").join(name)
}

#[test]
fn a_module_becomes_a_profile_on_standard_output() {
    let folder = Folder::new();
    let module = fixture("elf/module-x64.ko");
    let text = folder.run(["parse_dwarf", module.to_str().unwrap()]).stderr("module-x64.ko: 2").check();
    let profile: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(profile["$STRUCTS"]["list_head"][0], 16);
    // Both spellings of the name, and -f.
    assert_eq!(folder.run(["dwarfparser", "-f", module.to_str().unwrap()]).check(), text);
}

#[test]
fn split_units_are_found_beside_the_file_from_anywhere() {
    let folder = Folder::new();
    let kernel = fixture("elf/split5");
    let text = folder.run(["parse_dwarf", kernel.to_str().unwrap()]).status(1).check();
    let profile: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(profile["$STRUCTS"]["task_struct"][0], 288);
}

#[test]
fn a_package_is_opened_as_it_is() {
    let folder = Folder::new();
    let package = fixture("packages/kernel-xz.deb");
    let package = package.to_str().unwrap();
    let kernel = fixture("elf/gcc-x64-zstd");
    // It is not a real kernel, so the verdict is bad; the profile is written anyway.
    folder
        .run(["parse_dwarf", package, "-v", "-o", "p.json"])
        .status(1)
        .stderr("unpacked ./usr/lib/debug/boot/vmlinux-6.1.0-test")
        .check();
    folder.run(["parse_dwarf", kernel.to_str().unwrap(), "-o", "k.json"]).status(1).check();
    assert_eq!(folder.read("p.json"), folder.read("k.json"));
    folder.run(["parse_dwarf", package, "--member", "fuse.ko", "-o", "m.json"]).check();
    folder
        .run(["parse_dwarf", package, "--member", "ext4.ko", "-o", "x.json"])
        .status(2)
        .stderr("the package holds no ext4.ko; it holds ./usr/lib/debug/lib/modules/6.1.0-test/fuse.ko")
        .check();
    assert_eq!(folder.names(), ["k.json", "m.json", "p.json"]);
}

#[test]
fn a_bundle_is_opened_and_a_fat_file_asks_for_its_slice() {
    let folder = Folder::new();
    let inner = folder.join("kext.dSYM/Contents/Resources/DWARF");
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::copy(fixture("macho/kext-fat"), inner.join("kext")).unwrap();
    folder.run(["parse_dwarf", "kext.dSYM"]).status(2).stdout("").stderr("choose one with --arch").check();
    let line = ["parse_dwarf", "kext.dSYM", "--arch", "arm64"];
    let text = folder.run(line).stderr("verdict: complete").check();
    assert!(text.contains("\"arch\": \"ARM64\""));
    std::fs::create_dir(folder.join("empty")).unwrap();
    folder.run(["parse_dwarf", "empty"]).status(2).stderr("found a folder").check();
}

#[test]
fn wrong_files_and_lines_are_named_and_nothing_is_written() {
    let folder = Folder::new();
    let mut kernel = vec![0; 0x300];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    folder.write("vmlinuz", kernel);
    folder.write("memory.lime", b"EMiL\x01\0\0\0");
    folder.write("k.json", "{}");
    let names = folder.names();
    for (file, expected) in [
        ("vmlinuz", "found a packed Linux kernel (bzImage)"),
        ("memory.lime", "found a LiME image; `rekall-profile -f FILE autodetect`"),
        ("k.json", "found a JSON text"),
        ("nothing", "cannot open nothing"),
    ] {
        folder.run(["parse_dwarf", file, "-o", "out.json"]).status(2).stdout("").stderr(expected).check();
    }
    folder.run(["parse_dwarf", "k.json", "--lang", "cobol"]).status(2).stderr("expected one of rust").check();
    folder.run(["parse_dwarf"]).status(2).stderr("which file?").check();
    assert_eq!(folder.names(), names);
}

#[test]
fn a_foreign_system_map_is_refused() {
    let folder = Folder::new();
    let kernel = fixture("elf/gcc-x64");
    let kernel = kernel.to_str().unwrap();
    folder.write("System.map", "0000000000001000 D init_task\n0000000000002000 D modern\n");
    folder
        .run(["parse_dwarf", kernel, "--system-map", "System.map", "-o", "p.json"])
        .status(2)
        .stderr("the symbol map belongs to another build: of the 2 symbols that it shares with the file, 0")
        .check();
    assert_eq!(folder.names(), ["System.map"]);
}

#[test]
fn a_map_of_no_kernel_is_refused_where_the_file_has_no_addresses() {
    let folder = Folder::new();
    let module = fixture("elf/module-x64.ko");
    let module = module.to_str().unwrap();
    for (map, expected) in [
        ("1 T _text\n1 D init_task\n1 D modules\n", "of 3 symbols, 3 are at 0x1"),
        ("ffffffff81000000 T _text\nffffffff81000000 D init_task\n", "_text and init_task are both at"),
        (
            "ffffffff81200000 T _stext\nffffffff81100000 T _etext\n",
            "_stext (0xffffffff81200000) is not before _etext",
        ),
        (
            "0000000081000000 T _text\n0000000082000000 D init_task\n",
            "an x86-64 kernel is at 0xffffffff80000000",
        ),
    ] {
        folder.write("System.map", map);
        let refused = folder.run(["parse_dwarf", module, "--system-map", "System.map", "-o", "p.json"]);
        refused.status(2).stderr(expected).check();
    }
    assert_eq!(folder.names(), ["System.map"]);
}
