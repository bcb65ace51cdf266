//! `export` and `--format` as a user runs them.

use serde_json::Value;

use crate::harness::{Folder, corpus};

const KERNEL: &str = r#"{
  "$METADATA": {"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64",
    "Banner": "Linux version 6.1.0-1-test (me) #1", "Release": "6.1.0-1-test"},
  "$STRUCTS": {
    "list_head": [16, {"next": [0, ["Pointer", {"target": "list_head"}]], "prev": [8, ["Pointer", {"target": "list_head"}]]}],
    "mm_struct": [8, {"pgd": [0, ["Pointer", {"target": "Void"}]]}],
    "task_struct": [64, {
      "comm": [16, ["Array", {"count": 16, "target": "char"}]],
      "mm": [8, ["Pointer", {"target": "mm_struct"}]],
      "tasks": [32, ["list_head"]],
      "u1": [0, ["__unnamed_task_struct_u1"]]
    }],
    "__unnamed_task_struct_u1": [8, {"pid": [0, ["int"]], "both": [0, ["unsigned long"]]}]
  },
  "$CONSTANTS": {"_text": 18446744071578845184, "init_task": 18446744071606217280, "linux_banner": 18446744071596802016}
}"#;

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

#[test]
fn a_stored_profile_as_a_table_of_volatility() {
    let folder = Folder::new();
    folder.write("kernel.json", KERNEL);
    folder
        .run(["export", "kernel.json", "--format", "isf", "--output", "kernel.isf.json"])
        .stdout("")
        .stderr("verdict: complete")
        .check();
    let table = json(&folder.read("kernel.isf.json"));
    assert_eq!(table["metadata"]["format"], "6.2.0");
    // In a table from a profile without types of variables, the well-known ones have theirs.
    assert_eq!(
        table["symbols"]["init_task"]["type"],
        serde_json::json!({"kind": "struct", "name": "task_struct"})
    );
    assert!(table["symbols"]["linux_banner"]["constant_data"].is_string());
    assert_eq!(table["user_types"]["task_struct"]["fields"]["u1"]["anonymous"], true);
    for name in ["kernel.isf.json.gz", "kernel.isf.json.xz"] {
        folder.run(["export", "kernel.json", "--format", "isf", "-o", name]).check();
        let text = profile::unpack(&folder.read(name), 1 << 20).unwrap().into_owned();
        assert_eq!(json(&text), table);
    }
    // It can be read as a profile again.
    folder.run(["check", "kernel.json", "--against", "kernel.isf.json"]).stderr("they agree").check();
    folder
        .run(["inspect", "kernel.isf.json", "task_struct.comm"])
        .stdout("task_struct: /* 0x010 */ char comm[16];\n")
        .check();
}

#[test]
fn a_table_is_put_where_volatility_looks() {
    let folder = Folder::new();
    folder.write("kernel.json", KERNEL);
    folder
        .run(["export", "kernel.json", "--format", "isf", "--symbols-dir", "symbols"])
        .stderr("wrote symbols/linux/")
        .check();
    let found: Vec<_> = std::fs::read_dir(folder.join("symbols/linux"))
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert_eq!(found.len(), 1);
    let name = found[0].to_str().unwrap();
    assert!(name.starts_with("6.1.0-1-test-") && name.ends_with(".json.xz"), "{name}");
    folder.write("nameless.json", KERNEL.replace("Banner", "Other"));
    folder
        .run(["export", "nameless.json", "--format", "isf", "--symbols-dir", "symbols"])
        .status(2)
        .stderr("does not say which build it is of")
        .check();
}

#[test]
fn a_stored_profile_for_libvmi_and_drakvuf() {
    let folder = Folder::new();
    folder.write("kernel.json", KERNEL);
    let text = folder.run(["export", "kernel.json", "--format", "libvmi"]).check();
    let profile = json(text.as_bytes());
    assert_eq!(profile["$STRUCTS"]["task_struct"][1]["pid"][0], 0);
    assert_eq!(profile["$CONSTANTS"]["init_task"], 0xffff_82a1_aa40u64);
    assert_eq!(profile["$CONSTANTS"]["phys_startup_64"], 0x100_0000);
    let signed = folder.run(["export", "kernel.json", "--format", "libvmi", "--addresses", "signed"]).check();
    assert_eq!(json(signed.as_bytes())["$CONSTANTS"]["init_task"], -2103334336i64);
    let slim =
        folder.run(["export", "kernel.json", "--format", "libvmi", "--only", "mm_struct,init_task"]).check();
    let slim = json(slim.as_bytes());
    // The requested names, and those that LibVMI needs to start.
    let structs: Vec<&String> = slim["$STRUCTS"].as_object().unwrap().keys().collect();
    assert_eq!(structs, ["__unnamed_task_struct_u1", "list_head", "mm_struct", "task_struct"]);
    assert!(slim["$CONSTANTS"]["phys_startup_64"].is_number());
}

#[test]
fn wrong_usage_is_refused() {
    let folder = Folder::new();
    folder.write("kernel.json", KERNEL);
    folder.write(
        "index.json",
        r#"{"$METADATA": {"Type": "Profile", "ProfileClass": "Index"}, "$INDEX": {"a": 1}}"#,
    );
    for (line, expected) in [
        ("export kernel.json", "which form?"),
        ("export kernel.json --format libvmi -o a.json.gz", "plain JSON alone"),
        ("export kernel.json --format isf --addresses signed", "only --format libvmi"),
        ("export kernel.json --format libvmi --symbols-dir s", "add --format isf"),
        ("export kernel.json --format isf --only nothing", "no struct, enumeration or symbol"),
        ("export index.json --format isf", "does not belong to an operating system"),
        ("export kernel.json --format libvmi --compat volatility3", "add --format isf"),
        ("export kernel.json --format isf --banner Linux", "expected one line that begins with"),
        ("export none.json --format isf", "none.json"),
        ("convert_profile a.zip a.json --compat rekall --format isf", "leave out --format"),
    ] {
        folder.run(line.split(' ')).status(2).stdout("").stderr(expected).check();
    }
    folder
        .run([
            "export",
            "kernel.json",
            "--format",
            "isf",
            "--only",
            "mm_struct,nothing",
            "--strict",
            "-o",
            "a.json",
        ])
        .status(1)
        .stderr("names of --only that match nothing: 1 (nothing)")
        .check();
}

#[test]
fn check_names_who_cannot_use_a_file_as_it_is() {
    let folder = Folder::new();
    folder.write("kernel.json", KERNEL);
    folder
        .run(["check", "kernel.json"])
        .stderr("LibVMI (0.14 and 0.15) reads addresses as numbers with a sign")
        .check();
    let report = json(folder.run(["check", "kernel.json", "--json"]).check().as_bytes());
    let consumers: Vec<&str> =
        report["obstacles"].as_array().unwrap().iter().map(|row| row["consumer"].as_str().unwrap()).collect();
    assert_eq!(consumers, ["LibVMI", "DRAKVUF", "Volatility 3"]);
    folder.run(["export", "kernel.json", "--format", "libvmi", "-o", "vmi.json"]).check();
    let report = json(folder.run(["check", "vmi.json", "--json"]).check().as_bytes());
    assert_eq!(report["obstacles"].as_array().unwrap().len(), 1);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn an_image_gives_libvmis_configuration() {
    let folder = Folder::new();
    let of = |name: &str| corpus("images/linux-6.1-cloud").join(name);
    let image =
        profile::unpack(&std::fs::read(of("sparse.lime.zst")).unwrap(), 1 << 30).unwrap().into_owned();
    folder.write("sparse.lime", image);
    let table = of("dwarf2json.isf.json.xz");
    let table = table.to_str().unwrap();
    let stanza =
        folder.run(["export", "-f", "sparse.lime", "--format", "libvmi", table, "-o", "vmi.json"]).check();
    // In this boot the kernel is at its link address: `init_top_pgt` at 0xffffffff82a10000.
    for line in ["sparse.lime {", "ostype = \"Linux\";", "kpgd = 0x2a10000;", "pagemode = \"VMI_PM_IA32E\";"]
    {
        assert!(stanza.contains(line), "{stanza}");
    }
    // For Volatility the image gives the banner, which the table here already has.
    folder.run(["export", "-f", "sparse.lime", "--format", "isf", table, "-o", "again.json"]).check();
    folder
        .run(["export", "-f", "sparse.lime", "--format", "rekall", table])
        .status(2)
        .stderr("an image serves --format libvmi")
        .check();
}

#[test]
fn a_banner_makes_a_table_that_volatility_finds() {
    let folder = Folder::new();
    let nameless = KERNEL.replace("\"Banner\"", "\"Other\"").replace("\"Release\"", "\"Another\"");
    folder.write("nameless.json", nameless);
    let export = ["export", "nameless.json", "--format", "isf", "--symbols-dir", "symbols"];
    folder.run(export).status(2).stderr("name the banner with --banner TEXT, or the image with -f").check();
    let banner = "Linux version 5.10.0-1-test (me) #1\n";
    folder
        .run(export.into_iter().chain(["--banner", banner]))
        .stderr("wrote symbols/linux/5.10.0-1-test-")
        .check();
    // A banner that differs from the profile's own belongs to another build.
    folder.write("kernel.json", KERNEL);
    folder
        .run(["export", "kernel.json", "--format", "isf", "--banner", banner])
        .status(2)
        .stderr("the profile is of another build")
        .check();
    // Without the symbol the table would never be selected.
    folder.write("symbolless.json", KERNEL.replace("linux_banner", "other"));
    folder
        .run(["export", "symbolless.json", "--format", "isf", "--symbols-dir", "symbols"])
        .status(2)
        .stderr("has no symbol linux_banner")
        .check();
    folder.write("nt.json", r#"{"$METADATA": {"ProfileClass": "Nt"}, "$STRUCTS": {"_S": [4, {}]}}"#);
    folder
        .run(["export", "nt.json", "--format", "isf", "--banner", banner])
        .status(2)
        .stderr("not that of a Linux or macOS kernel")
        .check();
}

#[test]
fn a_table_may_name_the_producer_that_a_plug_in_requires() {
    let folder = Folder::new();
    folder.write("kernel.json", KERNEL);
    let table = folder.run(["export", "kernel.json", "--format", "isf", "--compat", "volatility3"]).check();
    assert_eq!(json(table.as_bytes())["metadata"]["producer"]["name"], "dwarf2json");
}
