//! `parse_pdb` as a user runs it.

use crate::harness::{Folder, corpus};

const KERNEL: &str = "mspub-bochs__ntkrnlpa.pdb";

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_line_in_rekalls_article_makes_a_profile() {
    let folder = Folder::new();
    std::fs::copy(corpus("pdb").join(KERNEL), folder.join("ntkrnlpa.pdb")).unwrap();
    folder
        .run(["parse_pdb", "-f", "ntkrnlpa.pdb", "--output", "G.json", "--win", "5.1.2600"])
        .stdout("")
        .stderr("ntkrnlpa.pdb: 584 structs, 50 enumerations")
        .check();
    assert_eq!(folder.names(), ["G.json", "ntkrnlpa.pdb"]);
    let profile: serde_json::Value = serde_json::from_slice(&folder.read("G.json")).unwrap();
    let metadata = &profile["$METADATA"];
    assert_eq!(metadata["GUID_AGE"], "30B5FB31AE7E4ACAABA750AA241FF3311");
    assert_eq!(
        (&metadata["major"], &metadata["minor"], &metadata["rev"]),
        (&"5".into(), &"1".into(), &"2600".into())
    );
    assert_eq!((&metadata["ProfileClass"], &metadata["arch"]), (&"Nt".into(), &"I386".into()));
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn text_gzip_and_threads_hold_the_same_profile() {
    let folder = Folder::new();
    let pdb = corpus("pdb").join(KERNEL);
    let pdb = pdb.to_str().unwrap();
    let text = folder.run(["parse_pdb", pdb]).check();
    for (output, threads) in [("one.json.gz", "1"), ("many.json.gz", "8")] {
        folder.run(["parse_pdb", pdb, "-o", output, "--threads", threads]).check();
    }
    assert_eq!(folder.read("one.json.gz"), folder.read("many.json.gz"));
    let inflated = profile::inflate(&folder.read("one.json.gz"), 1 << 30).unwrap();
    assert_eq!(String::from_utf8(inflated).unwrap(), text);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_json_report_is_the_one_document_on_standard_output() {
    let folder = Folder::new();
    let pdb = corpus("pdb").join(KERNEL);
    let pdb = pdb.to_str().unwrap();
    let error = folder.run(["parse_pdb", pdb, "--json"]).status(2).stderr("add --output FILE").check();
    let error: serde_json::Value = serde_json::from_str(&error).unwrap();
    assert_eq!(error["exit_code"], 2);
    let report = folder.run(["parse_pdb", pdb, "--json", "-o", "p.json"]).check();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["schema"], &report["counts"]["structs"]), (&1.into(), &584.into()));
}

#[test]
fn other_files_than_pdbs_are_named_and_nothing_is_written() {
    let folder = Folder::new();
    folder.write("page.pdb", "<!DOCTYPE html><html><body>Sign in</body></html>");
    folder.write("empty.pdb", "");
    for (file, expected) in
        [("page.pdb", "found an HTML page"), ("empty.pdb", "empty"), ("none.pdb", "cannot open none.pdb")]
    {
        folder.run(["parse_pdb", file, "-o", "p.json"]).status(2).stdout("").stderr(expected).check();
    }
    assert_eq!(folder.names(), ["empty.pdb", "page.pdb"]);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let folder = Folder::new();
    folder.run(["parse_pdb"]).status(2).stderr("which PDB?").check();
    folder.run(["parse_pdb", "a.pdb", "-f", "b.pdb"]).status(2).stderr("cannot be used with").check();
    folder.run(["parse_pdb", "a.pdb", "-o", "no/p.json"]).status(2).stderr("does not exist").check();
    folder.run(["parse_pdb", "a.pdb", "--arch", "vax"]).status(2).stderr("'vax' is not known").check();
}

#[test]
fn a_link_behaves_as_its_command() {
    let folder = Folder::new();
    let link = folder.join("parse_pdb");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rekall-profile"), &link).unwrap();
    folder.run(["none.pdb"]).program(link).status(2).stderr("cannot open none.pdb").check();
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_cabinet_and_the_compact_form_give_the_same_profile() {
    let folder = Folder::new();
    let parse = |file: &str| folder.run(["parse_pdb", corpus(file).to_str().unwrap()]).check();
    let sections = |text: &str| -> serde_json::Value {
        let mut profile: serde_json::Value = serde_json::from_str(text).unwrap();
        profile.as_object_mut().unwrap().remove("$METADATA");
        profile
    };
    let plain = parse("pdb/dump_syms__test_data-windows-basic32.pdb");
    assert_eq!(sections(&parse("pdb/dump_syms__test_data-windows-basic32.pd_")), sections(&plain));
    let plain = parse("pdb/mspub-bochs__ntkrnlpa.pdb");
    assert_eq!(sections(&parse("pdb/made__ntkrnlpa-msfz.pdz")), sections(&plain));
}
