//! `convert_profile` as a user runs it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Folder, corpus};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/volatility").join(name)
}

/// An unpacked pack: a dump and its map.
fn unpack(folder: &Folder, name: &str, dump: &str) {
    let pack = folder.join(name);
    std::fs::create_dir_all(&pack).unwrap();
    std::fs::copy(fixture(dump), pack.join("module.dwarf")).unwrap();
    std::fs::copy(fixture("System.map"), pack.join("System.map-6.1.0-test")).unwrap();
}

fn profile(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

#[test]
fn a_folder_with_one_pack_becomes_one_profile() {
    let folder = Folder::new();
    unpack(&folder, "profiles/Volatility/kernel", "dense-dw5.dwarf");
    // It is not a real kernel, so the verdict is bad; the profile is written anyway.
    let line = ["convert_profile", "./profiles/Volatility/", "./kernel.json"];
    folder.run(line).status(1).stdout("").stderr("kernel: ").check();
    let made = profile(&folder.read("kernel.json"));
    assert_eq!(made["$STRUCTS"]["task"][1]["matrix"][1][1]["count"], 2);
    assert_eq!(folder.names(), ["kernel.json", "profiles"]);
    // Without an output name it is printed as text.
    let text = folder.run(["convert_profile", "profiles/Volatility"]).status(1).check();
    assert_eq!(text.as_bytes(), folder.read("kernel.json"));
}

#[test]
fn several_packs_ask_for_a_folder_and_become_as_many_profiles() {
    let folder = Folder::new();
    unpack(&folder, "packs/a", "dense-dw4.dwarf");
    unpack(&folder, "packs/deep/b", "llvm.dwarf");
    for line in [&["convert_profile", "packs", "one.json"][..], &["convert_profile", "packs"]] {
        let run = folder.run(line).status(2).stdout("").stderr("packs holds 2 packs");
        run.stderr("\n  packs/a").stderr("\n  packs/deep/b").check();
    }
    assert_eq!(folder.names(), ["packs"]);
    let report = folder.run(["convert_profile", "packs", "made", "--json"]).status(1).check();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["packs"].as_array().unwrap().len(), 2);
    for name in ["made/a.json.gz", "made/deep/b.json.gz"] {
        assert_eq!(folder.read(name)[..2], [0x1f, 0x8b]);
    }
}

#[test]
fn one_bad_pack_of_many_affects_only_itself() {
    let folder = Folder::new();
    unpack(&folder, "packs/good", "dense-dw4.dwarf");
    unpack(&folder, "packs/bad", "dense-dw4.dwarf");
    folder.write("packs/bad/module.dwarf", "no dialect that anyone knows\n");
    folder.run(["convert_profile", "packs", "made"]).status(1).stderr("bad").check();
    assert_eq!(std::fs::read_dir(folder.join("made")).unwrap().count(), 1);
    assert!(folder.join("made/good.json.gz").exists());
}

#[test]
fn wrong_sources_and_lines_leave_nothing_behind() {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("empty")).unwrap();
    folder.write("module.dwarf", "no dialect that anyone knows\n");
    folder.write("memory.lime", b"EMiL\x01\0\0\0");
    let names = folder.names();
    for (source, expected) in [
        ("empty", "empty holds no pack"),
        ("module.dwarf", "module.dwarf"),
        ("memory.lime", "found a LiME image"),
        ("nothing.zip", "nothing.zip"),
    ] {
        folder.run(["convert_profile", source, "out.json"]).status(2).stdout("").stderr(expected).check();
    }
    let classes = ["--compat", "rekall", "--profile_class", "Linux"];
    let line = ["convert_profile", "module.dwarf", "out.json"].into_iter().chain(classes);
    folder.run(line).status(2).stderr("leave out one of the two").check();
    assert_eq!(folder.names(), names);
}

#[test]
fn the_class_may_be_named() {
    let folder = Folder::new();
    unpack(&folder, "pack", "dense-dw5.dwarf");
    let line = ["convert_profile", "pack", "p.json", "--profile_class", "Linux64"];
    folder.run(line).status(1).check();
    assert_eq!(profile(&folder.read("p.json"))["$METADATA"]["ProfileClass"], "Linux64");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_line_in_rekalls_article_makes_its_profile() {
    let folder = Folder::new();
    let pack = "vf__Mac__10.6__x64__SnowLeopard_10.6.6_AMD.zip";
    std::fs::create_dir_all(folder.join("profiles/Volatility")).unwrap();
    std::os::unix::fs::symlink(
        corpus(&format!("volatility/{pack}")),
        folder.join("profiles/Volatility").join(pack),
    )
    .unwrap();
    folder
        .run(["convert_profile", "./profiles/Volatility/", "./OSX_10.6.6_AMD.json"])
        .stderr("verdict: complete")
        .check();
    let shown = folder.run(["inspect", "OSX_10.6.6_AMD.json", "proc"]).check();
    assert!(shown.starts_with("struct proc {  // 1072 bytes (0x430)\n"), "{shown}");
    // The article has 336 kB.
    folder.run(["convert_profile", "profiles/Volatility", "p.json.gz"]).check();
    folder.run(["convert_profile", "profiles/Volatility", "best.json.gz", "--best"]).check();
    assert!(folder.read("p.json.gz").len() <= 355_000);
    assert!(folder.read("best.json.gz").len() <= 325_000);
}
