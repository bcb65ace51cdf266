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
             /* 0x018 */ char comm[16];\n  \
             /* 0x028 */ // 8 bytes of padding\n};\n",
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
        .stdout("0xffffffff81000010 is init_task + 0x10\n0xffffffff81000010 is linux_banner - 0xff0\n")
        .check();
    // An address may stand where a name does.
    folder
        .run(["inspect", "p.json", "0xffffffff81000ff0"])
        .stdout("0xffffffff81000ff0 is init_task + 0xff0\n0xffffffff81000ff0 is linux_banner - 0x10\n")
        .check();
}

const NESTED: &str = r#"{
 "$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"},
 "$STRUCTS": {
  "list_head": [16, {"next": [0, ["Pointer", {"target": "list_head"}]], "prev": [8, ["Pointer", {"target": "list_head"}]]}],
  "mm_struct": [16, {"pgd": [0, ["Pointer", {"target": "Void"}]], "users": [8, ["char"]]}],
  "__unnamed_task_u1": [4, {"tgid": [0, ["int"]], "raw": [0, ["unsigned int"]]}],
  "task": [64, {
   "flags": [0, ["char"]],
   "u1": [4, ["__unnamed_task_u1"]],
   "mm": [8, ["Pointer", {"target": "mm_struct"}]],
   "lists": [16, ["Array", {"count": 2, "target": "list_head"}]],
   "time_used": [48, ["int"]], "time_left": [52, ["int"]]}]}}"#;

#[test]
fn padding_is_shown_and_nested_structs_are_opened() {
    let folder = Folder::new();
    folder.write("n.json", NESTED);
    folder
        .run(["inspect", "n.json", "mm_struct"])
        .stdout(
            "struct mm_struct {  // 16 bytes (0x10)\n  /* 0x000 */ void *pgd;\n  /* 0x008 */ char users;\n  \
             /* 0x009 */ // 7 bytes of padding\n};\n",
        )
        .check();
    folder
        .run(["inspect", "n.json", "task", "--deep"])
        .stdout(
            "struct task {  // 64 bytes (0x40)\n  \
             /* 0x000 */ char flags;\n  \
             /* 0x001 */ // 3 bytes of padding\n  \
             /* 0x004 */ union {  // __unnamed_task_u1, 4 bytes\n    \
             /* 0x004 */ unsigned int raw;\n    \
             /* 0x004 */ int tgid;\n              \
             } u1;\n  \
             /* 0x008 */ mm_struct *mm;\n  \
             /* 0x010 */ struct {  // list_head, 16 bytes\n    \
             /* 0x010 */ list_head *next;\n    \
             /* 0x018 */ list_head *prev;\n              \
             } lists[2];\n  \
             /* 0x030 */ int time_used;\n  \
             /* 0x034 */ int time_left;\n  \
             /* 0x038 */ // 8 bytes of padding\n};\n",
        )
        .check();
    let report = folder.run(["inspect", "n.json", "task", "--deep", "--json"]).check();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["items"][0]["padding"][1], serde_json::json!({"offset": 56, "size": 8}));
    let members = report["items"][0]["members"].as_array().unwrap();
    let lists = members.iter().find(|member| member["name"] == "lists").unwrap();
    assert_eq!(lists["members"][1]["offset"], 24);
}

#[test]
fn paths_lead_through_members_and_pointers() {
    let folder = Folder::new();
    folder.write("n.json", NESTED);
    for path in ["task.mm.users", "task.mm->users"] {
        folder
            .run(["inspect", "n.json", path])
            .stdout("task: /* 0x008 */ mm_struct *mm;\nmm_struct: /* 0x008 */ char users;\n")
            .check();
    }
    folder
        .run(["inspect", "n.json", "task.lists.prev"])
        .stdout("task: /* 0x018 */ list_head *lists.prev;\n")
        .check();
    // C finds it without the member that has no name.
    folder.run(["inspect", "n.json", "task.tgid"]).stdout("task: /* 0x004 */ int u1.tgid;\n").check();
    let followed = folder.run(["inspect", "n.json", "task", "--follow"]).check();
    assert!(followed.contains("\n};\n\nstruct mm_struct {"), "{followed}");
    assert!(!followed.contains("struct list_head {"), "{followed}");
}

#[test]
fn patterns_list_what_fits_and_mistyped_names_get_the_nearest() {
    let folder = Folder::new();
    folder.write("n.json", NESTED);
    folder
        .run(["inspect", "n.json", "*t*"])
        .stdout(
            "struct list_head;  // 16 bytes (0x10)\nstruct mm_struct;  // 16 bytes (0x10)\n\
             struct __unnamed_task_u1;  // 4 bytes (0x4)\nstruct task;  // 64 bytes (0x40)\n",
        )
        .check();
    folder
        .run(["inspect", "n.json", "task.time_*"])
        .stdout("task: /* 0x030 */ int time_used;\ntask: /* 0x034 */ int time_left;\n")
        .check();
    folder.run(["inspect", "n.json", "x*"]).status(1).stderr("x*: no struct").check();
    folder.run(["inspect", "n.json", "lits_head"]).status(1).stderr("there is list_head").check();
    folder.run(["inspect", "n.json", "task.time_uesd"]).status(1).stderr("there is task.time_used").check();
    folder.run(["inspect", "n.json", "--deep"]).status(2).stderr("name a struct to show").check();
}

/// Each struct holds the next one twice: opened to the end there would be 2^40 of them.
#[test]
fn structs_that_double_are_opened_to_a_limit() {
    let folder = Folder::new();
    let mut structs = vec![r#""s40": [0, {}]"#.to_owned()];
    for level in 0..40 {
        let next = level + 1;
        structs.push(format!(r#""s{level}": [0, {{"a": [0, ["s{next}"]], "b": [0, ["s{next}"]]}}]"#));
    }
    let metadata = r#""$METADATA": {"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"}"#;
    folder.write("d.json", format!("{{{metadata}, \"$STRUCTS\": {{{}}}}}", structs.join(", ")));
    let shown = folder.run(["inspect", "d.json", "s0", "--deep"]).check();
    assert!(shown.contains("are not opened") && shown.lines().count() < 20_000, "{}", shown.lines().count());
    folder.run(["export", "d.json", "--format", "c", "-q", "-o", "d.h"]).check();
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
        (
            &["inspect", "p.json", "--json", "--offline"],
            2,
            "--offline: only --across and bundles at addresses ask servers",
        ),
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

#[cfg(unix)]
#[test]
fn a_missing_profile_is_told_once() {
    let folder = Folder::new();
    for arguments in [
        &["inspect", "no.json"][..],
        &["export", "no.json", "--format", "isf"],
        &["report", "no.json", "-o", "p.html"],
    ] {
        let expected = "rekall-profile: no.json: No such file or directory (os error 2)\n";
        folder.run(arguments).status(2).stderr(expected).check();
    }
}
