//! `bundle`, `history` and `diff` as a user runs them.

use serde_json::Value;

use crate::harness::Folder;

/// A kernel whose `task_struct` has `mm` at `mm`, and whose symbols behind the first lie `shift` bytes higher.
fn kernel(nth: u32, mm: u64, shift: u64) -> String {
    let base = 0xffff_ffff_8100_0000_u64;
    format!(
        r#"{{"$CONSTANTS": {{"_text": {base}, "init_task": {}, "jiffies": {}}},
        "$METADATA": {{"BuildID": "{nth:040x}", "ProfileClass": "Linux", "Release": "6.1.0-{nth}-amd64", "Type": "Profile", "arch": "AMD64"}},
        "$STRUCTS": {{
            "=cmd": [4, {{"a,b": [0, ["int"]]}}],
            "mm_struct": [8, {{"pgd": [0, ["Pointer", {{"target": "Void"}}]]}}],
            "task_struct": [{}, {{"mm": [{mm}, ["Pointer", {{"target": "mm_struct"}}]], "pid": [0, ["int"]]}}]}}}}"#,
        base + 4096 + shift,
        base + 8192 + shift,
        mm + 8
    )
}

/// Three kernels, in a folder and in a bundle of it.
pub fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("profiles")).unwrap();
    for (nth, mm, shift) in [(9, 8, 0), (10, 8, 16), (11, 24, 16)] {
        folder.write(&format!("profiles/k{nth}.json"), kernel(nth, mm, shift));
    }
    folder.run(["bundle", "create", "profiles", "-o", "k.bundle"]).stderr("3 builds").check();
    folder
}

#[test]
fn builds_are_put_in_listed_and_taken_out_as_they_were() {
    let folder = folder();
    let list = folder.run(["bundle", "list", "k.bundle", "--json"]).check();
    let list: Value = serde_json::from_str(&list).unwrap();
    let names: Vec<&str> =
        list["builds"].as_array().unwrap().iter().map(|build| build["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["k9", "k10", "k11"], "sorted by version");
    assert_eq!(list["builds"][1]["build_id"], format!("{:040x}", 10));

    // The canonical text, which export prints too.
    let text = folder.run(["bundle", "extract", "k.bundle", "6.1.0-10-amd64"]).check();
    let exported = folder.run(["export", "profiles/k10.json", "--format", "rekall", "-q"]);
    // A kernel this small lacks what readers need.
    exported.status(1).stdout(text).check();
    folder.run(["bundle", "extract", "k.bundle", "--folder", "out"]).stderr("wrote 3 profiles").check();
    folder.run(["diff", "out/k10.json.gz", "profiles/k10.json"]).check();
    folder.run(["bundle", "verify", "k.bundle"]).stderr("sound").check();
    folder
        .run(["bundle", "extract", "k.bundle", "k12"])
        .status(2)
        .stderr("no build 'k12'; the nearest name is 'k1")
        .check();
}

#[test]
fn appending_dropping_and_merging_give_the_bundle_made_at_once() {
    let folder = folder();
    let whole = folder.read("k.bundle");
    folder.run(["bundle", "drop", "k.bundle", "k10"]).stderr("2 builds").check();
    assert_ne!(folder.read("k.bundle"), whole);
    folder.run(["bundle", "append", "k.bundle", "profiles/k10.json"]).check();
    assert!(folder.read("k.bundle") == whole);
    folder.run(["bundle", "create", "profiles/k10.json", "-o", "one.bundle", "--json"]).check();
    folder.run(["bundle", "drop", "k.bundle", "k10"]).check();
    folder.run(["bundle", "merge", "one.bundle", "k.bundle", "-o", "merged.bundle"]).check();
    assert!(folder.read("merged.bundle") == whole);
}

#[test]
fn a_writer_that_fails_leaves_the_old_bundle() {
    let folder = folder();
    let whole = folder.read("k.bundle");
    folder.write("k9.json", kernel(9, 16, 0));
    folder.run(["bundle", "append", "k.bundle", "k9.json"]).status(2).stderr("called 'k9'").check();
    folder.write("bad.json", "{\"$METADATA\": ");
    folder.run(["bundle", "append", "k.bundle", "bad.json"]).status(2).stderr("bad.json").check();
    folder.run(["bundle", "drop", "k.bundle", "k9", "nothing"]).status(2).stderr("nothing").check();
    folder.run(["bundle", "drop", "k.bundle", "k9", "k10", "k11"]).status(2).stderr("at least one").check();
    folder.run(["bundle", "create", "k.bundle", "-o", "k.bundle"]).status(2).check();
    assert!(folder.read("k.bundle") == whole);
    assert_eq!(folder.names(), ["bad.json", "k.bundle", "k9.json", "profiles"], "nothing is left behind");
}

#[test]
fn damage_is_found_and_named() {
    let folder = folder();
    let mut bytes = folder.read("k.bundle");
    bytes[20] ^= 1;
    folder.write("k.bundle", &bytes);
    let found = folder.run(["bundle", "verify", "k.bundle", "--json"]).status(1).check();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert!(found["damaged"][0]["problem"].as_str().unwrap().contains("SHA-256"));
    folder.run(["bundle", "list", "profiles/k9.json"]).status(2).stderr("expected a bundle").check();
}

#[test]
fn a_member_is_followed_through_the_builds() {
    let folder = folder();
    folder
        .run(["history", "task_struct.mm", "--bundle", "k.bundle", "--csv"])
        .stdout(
            "member,from,to,builds,offset,declaration\n\
             task_struct.mm,k9,k10,2,8,mm_struct *mm\n\
             task_struct.mm,k11,k11,1,24,mm_struct *mm\n",
        )
        .check();
    folder
        .run(["history", "=cmd.a,b", "--profile_path", "k.bundle", "--csv"])
        .stdout("member,from,to,builds,offset,declaration\n\"'=cmd.a,b\",k9,k11,3,0,\"int a,b\"\n")
        .check();
    folder
        .run(["history", "task_struct.nothing", "--bundle", "k.bundle", "--json"])
        .status(1)
        .stderr("no build of k.bundle has this member")
        .check();
    let found = folder
        .run([
            "history",
            "--which-build",
            "task_struct.mm=0x8",
            "task_struct.pid=0",
            "--bundle",
            "k.bundle",
            "--json",
        ])
        .check();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["builds"], serde_json::json!(["k9", "k10"]));
    folder.run(["history", "--which-build", "task_struct.mm=9", "--bundle", "k.bundle"]).status(1).check();

    let changed = folder
        .run(["history", "--changed-between", "k10", "k11", "--bundle", "k.bundle", "--json"])
        .status(1)
        .check();
    let changed: Value = serde_json::from_str(&changed).unwrap();
    assert_eq!(changed["structs"][0]["name"], "task_struct");
    assert_eq!(changed["structs"][0]["members"][0]["change"], "moved");
    folder
        .run(["history", "--changed-between", "k9", "k10", "--bundle", "k.bundle"])
        .stderr("0 structs differ")
        .check();
}

#[test]
fn builds_of_two_systems_are_followed_apart() {
    let folder = folder();
    folder.write(
        "nt.json",
        r#"{"$METADATA": {"GUID_AGE": "F8E2A8B5C9B74BF4A6E4A48F180099942", "PDBFile": "ntkrnlmp.pdb",
            "ProfileClass": "Nt", "Type": "Profile", "arch": "AMD64", "major": 10, "minor": 0},
            "$STRUCTS": {"task_struct": [24, {"mm": [16, ["long"]], "nt": [0, ["long"]]}]}}"#,
    );
    folder.run(["bundle", "append", "k.bundle", "nt.json"]).stderr("4 builds").check();
    folder
        .run(["history", "task_struct.mm", "--bundle", "k.bundle", "--csv"])
        .stdout(
            "member,from,to,builds,offset,declaration\n\
             task_struct.mm,k9,k10,2,8,mm_struct *mm\n\
             task_struct.mm,k11,k11,1,24,mm_struct *mm\n\
             task_struct.mm,nt,nt,1,16,long mm\n",
        )
        .check();
    for (offset, status) in [("16", 0), ("17", 1)] {
        let wanted = format!("task_struct.mm={offset}");
        folder.run(["history", "--which-build", &wanted, "--bundle", "k.bundle"]).status(status).check();
    }
    // The same build twice counts once, and another one under its name is refused.
    let whole = folder.read("k.bundle");
    folder.run(["bundle", "append", "k.bundle", "nt.json"]).stderr("4 builds").check();
    assert!(folder.read("k.bundle") == whole);
    std::fs::create_dir(folder.join("other")).unwrap();
    folder.write("other/nt.json", kernel(12, 8, 0));
    folder.run(["bundle", "create", "other/nt.json", "-o", "other.bundle"]).check();
    folder
        .run(["bundle", "merge", "k.bundle", "other.bundle", "-o", "merged.bundle"])
        .status(2)
        .stderr("two different profiles are called 'nt'")
        .check();
    assert!(!folder.join("merged.bundle").exists());
    // Names may hold what a shell or a spreadsheet would take for its own, and no colon.
    folder.write("=a#b.json", kernel(13, 8, 0));
    folder.run(["bundle", "append", "k.bundle", "=a#b.json"]).check();
    folder.run(["inspect", "k.bundle:=a#b", "task_struct.pid"]).check();
    let shown = folder.run(["history", "task_struct.mm", "--bundle", "k.bundle", "--csv"]).check();
    assert!(shown.contains("'=a#b"), "{shown}");
    folder.write("a:b.json", kernel(14, 8, 0));
    folder.run(["bundle", "append", "k.bundle", "a:b.json"]).status(2).stderr("colons").check();
}

#[test]
fn two_builds_are_compared_side_by_side() {
    let folder = folder();
    let shown = folder.run(["diff", "profiles/k9.json", "k.bundle:k11"]).status(1).check();
    assert_eq!(
        shown,
        "struct task_struct, 0x10 -> 0x20 bytes\n  \
         ~ 0x0008 mm_struct *mm | 0x0018 mm_struct *mm\n\
         symbol ~ init_task to jiffies (2) moved by +0x10\n\
         2 structs equal, 1 differ (1 of them are looked up by readers of Linux); 1 symbol equal, 2 moved in 1 run, 0 added, 0 \
         removed\n"
    );
    folder
        .run(["diff", "profiles/k9.json", "profiles/k9.json"])
        .stdout("nothing differs: 3 structs and 3 symbols\n")
        .check();
    folder.run(["diff", "profiles/k9.json", "profiles/k11.json", "--only", "mm_*"]).check();
    let found = folder.run(["diff", "profiles/k9.json", "profiles/k10.json", "--json"]).status(1).check();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["symbols"]["moved"][0]["count"], 2);
    assert_eq!(found["equal"], false);
    folder
        .run(["diff", "k.bundle", "profiles/k9.json"])
        .status(2)
        .stderr("FILE:BUILD selects the profile of one")
        .check();
}

#[test]
fn other_forms_and_debug_information_are_compared_too() {
    let folder = folder();
    folder
        .run(["export", "profiles/k9.json", "--format", "isf", "-q", "-o", "k9.isf.json.xz"])
        .status(1)
        .check();
    let text = folder.run(["diff", "profiles/k9.json", "k9.isf.json.xz"]);
    // ISF has no metadata for the build; structs and symbols are the same.
    text.check();
    let vmlinux = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/dwarf/elf/gcc-x64");
    folder.run(["diff", vmlinux, vmlinux]).check();
}
