//! `inspect` and `check` as a user runs them.

use crate::harness::Folder;

const PROFILE: &str = r#"{
 "$CONSTANTS": {"init_task": 18446744071578845184, "linux_banner": 18446744071578849280},
 "$ENUMS": {"state": {"0": "RUNNING", "1": "SLEEPING"}},
 "$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"},
 "$REVENUMS": {"state": {"RUNNING": 0, "SLEEPING": 1}},
 "$STRUCTS": {
  "mm_struct": [8, {"pgd": [0, ["Pointer", {"target": "Void"}]]}],
  "task_struct": [48, {
   "comm": [24, ["Array", {"count": 16, "target": "char"}]],
   "flag": [20, ["BitField", {"end_bit": 3, "start_bit": 1, "target": "unsigned int"}]],
   "mm": [8, ["Pointer", {"target": "mm_struct"}]],
   "pid": [16, ["int"]],
   "tasks": [0, ["Pointer", {"target": "task_struct"}]]}]}}"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("p.json", PROFILE);
    folder
}

#[test]
fn a_struct_is_shown_as_c_would() {
    folder()
        .run(["inspect", "p.json", "task_struct"])
        .stdout(
            "struct task_struct {  // 48 bytes (0x30)\n  \
             /* 0x000 */ task_struct *tasks;\n  \
             /* 0x008 */ mm_struct *mm;\n  \
             /* 0x010 */ int pid;\n  \
             /* 0x014 */ unsigned int flag : 2;  // bits 1 to 3\n  \
             /* 0x018 */ char comm[16];\n};\n",
        )
        .check();
}

#[test]
fn members_enumerations_symbols_and_addresses() {
    let folder = folder();
    folder.run(["vtypes", "p.json", "task_struct.pid"]).stdout("task_struct: /* 0x010 */ int pid;\n").check();
    folder
        .run(["inspect", "p.json", "state"])
        .stdout("enum state {\n  RUNNING = 0,\n  SLEEPING = 1,\n};\n")
        .check();
    folder.run(["inspect", "p.json", "init_task"]).stdout("init_task = 0xffffffff81000000\n").check();
    folder
        .run(["inspect", "p.json", "--at", "0xffffffff81000010"])
        .stdout("0xffffffff81000010 is init_task + 0x10\n")
        .check();
}

#[test]
fn a_name_that_is_not_there_is_a_negative_answer_with_a_suggestion() {
    folder()
        .run(["inspect", "p.json", "TASK_STRUCT"])
        .status(1)
        .stdout("")
        .stderr("TASK_STRUCT: no struct, member, enumeration or symbol of this name; there is task_struct")
        .check();
}

#[test]
fn the_summary_counts_and_the_report_is_json() {
    let folder = folder();
    let summary = folder.run(["inspect", "p.json"]).check();
    assert!(summary.contains("$STRUCTS      2") && summary.contains("ProfileClass  Linux"), "{summary}");
    let report = folder.run(["inspect", "p.json", "mm_struct", "--json"]).check();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["items"][0]["members"][0]["declaration"], "void *pgd");
}

#[test]
fn an_error_is_a_document_too() {
    let folder = folder();
    for (line, code, expected) in [
        (&["inspect", "none.json", "--json"][..], 2, "none.json"),
        (&["inspect", "p.json", "--json", "--nonsense"], 2, "unexpected argument '--nonsense' found"),
        (&["inspect", "p.json", "--json", "--offline"], 2, "--offline: only --across asks servers"),
        (&["export", "p.json", "--format", "isf", "--json"], 2, "add --output FILE"),
    ] {
        let report: serde_json::Value =
            serde_json::from_str(&folder.run(line).status(code).stderr(expected).check()).unwrap();
        assert!(report["error"].as_str().unwrap().contains(expected), "{report}");
        assert_eq!((&report["schema"], &report["exit_code"]), (&1.into(), &code.into()), "{report}");
    }
    // A report is not followed by another document.
    let report = folder.run(["inspect", "p.json", "nothing_like_it", "--json"]).status(1).check();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["missing"][0], "nothing_like_it");
}

#[test]
fn check_judges_and_compares() {
    let folder = folder();
    folder.run(["check", "p.json"]).stdout("").stderr("verdict: complete").check();
    folder.write("moved.json", PROFILE.replace("[16, [\"int\"]]", "[20, [\"int\"]]"));
    folder.run(["check", "p.json", "--against", "p.json"]).stderr("verdict: they agree").check();
    folder
        .run(["check", "p.json", "--against", "moved.json"])
        .status(1)
        .stderr("task_struct.pid: offset 16, not offset 20")
        .check();
    folder.write("lacking.json", PROFILE.replace("\"pgd\"", "\"pgdx\""));
    folder
        .run(["check", "lacking.json"])
        .status(1)
        .stderr("verdict: failed: no reader works without mm_struct.pgd")
        .check();
    folder.run(["check", "none.json"]).status(2).stderr("none.json").check();
}
