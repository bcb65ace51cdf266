//! Help, messages and reports as users see them, beside the text that they had when it was last approved
//! (`approved/`). After an intended change, write them anew and read the difference:
//! `INSTA_UPDATE=always cargo test --workspace --test commands snapshots`, then `git diff`.

use crate::documented::{BUILD, inputs};
use crate::harness::{Folder, words};

/// Compares with the text in `approved/NAME.snap`.
fn compare(name: &str, text: &str) {
    let mut settings = insta::Settings::new();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("approved");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// What a line prints, as a terminal would show it, with its exit code.
fn session(folder: &Folder, line: &str) -> String {
    let output = folder.run(words(line)).command().output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let stderr = stderr.replace(folder.path().to_str().unwrap(), "FOLDER");
    let code = output.status.code().unwrap();
    format!("$ rekall-profile {line}\n{stdout}{stderr}[exit code {code}]\n")
}

fn sessions(folder: &Folder, lines: &[&str]) -> String {
    lines.iter().map(|line| session(folder, line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn help() {
    let folder = Folder::new();
    compare("help", &session(&folder, "--help"));
    compare("help-short", &session(&folder, "-h"));
    let commands = folder.listed("Commands:", "--help");
    assert!(commands.len() > 25, "{commands:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        compare(&format!("help-{command}"), &session(&folder, &format!("{command} --help")));
    }
    for command in ["manage_repo", "bundle"] {
        let verbs = folder.listed("Verbs:", &format!("{command} --help"));
        assert!(verbs.len() > 5, "{verbs:?}");
        for verb in verbs.iter().filter(|verb| *verb != "help") {
            let line = format!("{command} {verb} --help");
            compare(&format!("help-{command}-{verb}"), &session(&folder, &line));
        }
    }
}

/// Mistakes that users make.
const MISTAKES: &[&str] = &[
    "prase_pdb x",
    "parse_pdb",
    "parse_pdb --outptu x y",
    "parse_pdb missing.pdb -o x.json",
    "parse_pdb kernel.json.gz -o x.json",
    "parse_pdb memory.raw -o x.json",
    "parse_dwarf ntkrnlmp.pdb -o x.json",
    "parse_pdb ntkrnlmp.pdb -o x.zst",
    "parse_pdb ntkrnlmp.pdb -o ntkrnlmp.pdb",
    "parse_pdb ntkrnlmp.pdb -o missing/x.json",
    "fetch_pdb ntkrnlmp.pdb 1234",
    "fetch_pdb ntkrnlmp.pdb 00000000000000000000000000000000 --symbol-path none",
    "convert_profile vmlinux x.json",
    "check vmlinux",
    "inspect kernel.json.gz _EPROCES",
    "inspect kernel.json.gz _EPROCESS.Pbc",
    "export kernel.json.gz --format elf -o x",
    "manage_repo build_al",
    "manage_repo --path_to_repository none build_all",
    "manage_repo --path_to_repository s3://bucket/x build_all --offline",
    "pslist",
    "pslist -f memory.raw --profile missing.json",
    "pslist -f memory.raw --profile ntkrnlmp.pdb",
    "-f kernel.json.gz pslist --profile kernel.json.gz",
    "-f memory.raw --profile nt/GUID/00000000000000000000000000000000 pslist --profile_path none --offline",
    "-f memory.raw --profile linux.json pslist",
];

#[test]
fn messages() {
    let folder = inputs();
    folder.run(words("parse_dwarf vmlinux -q -o linux.json")).command().output().unwrap();
    compare("messages", &sessions(&folder, MISTAKES));
}

#[test]
fn reports() {
    let folder = inputs();
    let build = format!("nt/GUID/{BUILD}");
    let made = [
        "parse ntkrnlmp.pdb -o parsed.json",
        "parse_dwarf vmlinux -o linux.json",
        "convert_profile Ubuntu1604.zip converted.json",
        "check kernel.json.gz",
        "check linux.json -v",
        "check linux.json --against converted.json",
        "diff kernel.json.gz parsed.json --only _EPROCESS",
        "inspect kernel.json.gz",
        "inspect kernel.json.gz _EPROCESS",
        "inspect kernel.json.gz PsActiveProcessHead",
        "export kernel.json.gz --format isf -o table.json",
        "bundle create kernel.json.gz -o k.bundle",
        "bundle list k.bundle",
        "bundle verify k.bundle",
        "history _EPROCESS.Pcb --bundle k.bundle",
        "fetch_pdb ntkrnlmp.pdb BUILD --symbol-path symbols",
        "build_local_profile nt/GUID/BUILD --symbol-path symbols --profile_path local",
    ];
    let lines: Vec<String> =
        made.iter().map(|line| line.replace("nt/GUID/BUILD", &build).replace("BUILD", BUILD)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    compare("reports-profiles", &sessions(&folder, &lines));
    let images = [
        "-f memory.raw version_scan",
        "-f memory.raw --profile kernel.json.gz",
        "-f memory.raw --profile kernel.json.gz pslist",
        "-f memory.raw --profile kernel.json.gz modules",
        "-f memory.raw --profile kernel.json.gz validate",
        "-f memory.raw --profile parsed.json validate",
        "-f memory.raw autodetect --profile_path local --offline",
    ];
    compare("reports-images", &sessions(&folder, &images));
}
