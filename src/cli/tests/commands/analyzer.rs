//! Memory images with a profile, as a user analyses them; the images are synthetic (docs/test-images.md).

use memory_images::{Container, macos, windows};

use crate::harness::{Folder, corpus};

/// A folder with a Windows image and the profile of its kernel.
fn windows(case: windows::Case) -> Folder {
    let folder = Folder::new();
    folder.write("win7.elf", windows::image(case).write(Container::Elf));
    profile(&folder, case, "nt.json.gz");
    folder
}

fn profile(folder: &Folder, case: windows::Case, name: &str) {
    let (_, pdb, bytes) = case.pdb();
    folder.write(pdb, bytes);
    folder.run(["parse_pdb", pdb, "-q", "-o", name]).check();
}

#[test]
fn pslist_lists_what_runs() {
    let folder = windows(windows::Case::Win10X64);
    let shown = folder
        .run(["-f", "win7.elf", "--profile", "nt.json.gz", "-v", "pslist"])
        .stderr("Autodetected physical address space")
        .stderr("Loaded profile nt.json.gz")
        .stderr("Found kernel base: 0xfffff80")
        .check();
    let truth = windows::image(windows::Case::Win10X64).truth;
    assert_eq!(shown.lines().count(), truth.processes.len() + 2, "{shown}");
    assert!(shown.starts_with("Offset (V)"), "{shown}");
    for process in &truth.processes {
        let line = shown.lines().find(|line| line.contains(&format!("{:#x} ", process.offset))).unwrap();
        assert!(line.contains(&process.name), "{line}");
    }
    let report = folder.run(["-f", "win7.elf", "--profile", "nt.json.gz", "pslist", "--json"]).check();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["processes"].as_array().unwrap().len(), truth.processes.len());
    assert_eq!(report["problem"], serde_json::Value::Null);
}

#[test]
fn a_broken_list_is_reported() {
    let folder = windows(windows::Case::Win7X64Torn);
    folder
        .run(["-f", "win7.elf", "--profile", "nt.json.gz", "pslist"])
        .status(1)
        .stderr("the list is not complete")
        .check();
}

#[test]
fn validate_answers_with_its_exit_code() {
    let folder = windows(windows::Case::Win7X64);
    folder.run(["-f", "win7.elf", "--profile", "nt.json.gz", "validate"]).stderr("verdict: match").check();
    profile(&folder, windows::Case::Win10X64, "other.json.gz");
    let report =
        folder.run(["-f", "win7.elf", "--profile", "other.json.gz", "validate", "--json"]).status(1).check();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["verdict"], "mismatch");
    let failed: Vec<_> =
        report["checks"].as_array().unwrap().iter().filter(|check| check["result"] == "FAILED").collect();
    assert!(failed.iter().all(|check| check["expected"] != check["actual"]), "{failed:?}");
}

/// Every command that is given an image and a profile of another build refuses, before it prints or writes anything; with
/// `--force` it goes on.
#[test]
fn another_builds_profile_is_refused_by_name_unless_forced() {
    for container in [Container::Elf, Container::CrashDump] {
        let folder = Folder::new();
        let image = windows::image(windows::Case::Win10X64);
        folder.write("win10.img", image.write(container));
        profile(&folder, windows::Case::Win7X64, "other.json.gz");
        let named = ["-f", "win10.img", "--profile", "other.json.gz"];
        let words =
            format!("the profile is of another build: the image names ntkrnlmp.pdb {}", image.truth.identity);
        for command in ["pslist", "modules", "version_modules"] {
            folder.run(named.iter().chain(&[command])).status(1).stdout("").stderr(&words).check();
            let forced = folder.run(named.iter().chain(&[command, "--force"])).command().output().unwrap();
            let said = String::from_utf8_lossy(&forced.stderr).into_owned();
            assert!(said.contains("what follows may be wrong") || said.contains("is not complete"), "{said}");
        }
        folder.run(named.iter().chain(&["validate"])).status(1).stderr("verdict: mismatch").check();
        let export = ["export", "other.json.gz", "--format", "libvmi", "-f", "win10.img"];
        folder.run(export).status(1).stdout("").stderr(&words).check();
        folder.run(export.iter().chain(&["-o", "slim.json"])).status(1).stderr(&words).check();
        assert!(!folder.names().contains(&"slim.json".to_owned()));
        folder.run(export.iter().chain(&["--force"])).stderr("kpgd = 0x1aa000").check();
    }
}

/// The record in the kernel names a build whose profile cannot be had, and everything else fits that of its neighbour.
#[test]
fn a_neighbours_profile_is_used_with_a_warning_if_the_right_one_cannot_be_had() {
    let folder = Folder::new();
    let case = windows::Case::Win10X64;
    let image = windows::image(case);
    let mut raw = image.write(Container::Raw);
    for record in image.truth.records.iter().filter(|record| record.identity == image.truth.identity) {
        let at = record.address as usize;
        raw[at + 4..at + 20].fill(0x3f);
    }
    folder.write("image.raw", &raw);
    profile(&folder, case, "nt.json.gz");
    std::fs::create_dir_all(folder.join("repo/v1.0/nt/GUID")).unwrap();
    let stored = format!("repo/v1.0/nt/GUID/{}.gz", image.truth.identity);
    std::fs::rename(folder.join("nt.json.gz"), folder.join(&stored)).unwrap();
    let words = "either the record was changed, or the kernel is a neighbouring build";
    let listed = folder
        .run(["-f", "image.raw", "--offline", "--profile_path", "repo", "pslist"])
        .stderr(words)
        .check();
    assert_eq!(listed.lines().count(), image.truth.processes.len() + 2, "{listed}");
    folder
        .run(["-f", "image.raw", "--offline", "--profile_path", "repo", "autodetect"])
        .status(1)
        .stderr("profile: none is proved; everything that was read fits nt/GUID/")
        .check();
    folder
        .run(["-f", "image.raw", "--profile", &stored, "validate"])
        .status(1)
        .stderr("verdict: inconclusive")
        .check();
}

#[test]
fn modules_name_their_pdbs() {
    let folder = windows(windows::Case::Win7X64);
    let shown = folder
        .run([
            "-f",
            "win7.elf",
            "--profile",
            "nt.json.gz",
            "version_modules",
            "--write-manifest",
            "wanted.json",
        ])
        .stderr("modules name none")
        .check();
    let truth = windows::image(windows::Case::Win7X64).truth;
    assert!(shown.contains(&format!("{} ntkrnlmp.pdb", truth.identity)), "{shown}");
    assert!(String::from_utf8(folder.read("wanted.json")).unwrap().contains(&truth.identity));
    let shown = folder.run(["-f", "win7.elf", "--profile", "nt.json.gz", "modules"]).check();
    assert!(shown.contains("ntoskrnl.exe"), "{shown}");
}

#[test]
fn an_image_without_a_command_is_proved_and_summarised() {
    let folder = Folder::new();
    folder.write("OSX_image.dd", macos::image(macos::Case::Snow).write(Container::Raw));
    folder.write("kernel.dwarf", macos::Case::Snow.debug_file().1);
    folder.run(["parse_dwarf", "kernel.dwarf", "-q", "-o", "OSX_10.6.6_AMD.json"]).check();
    let shown = folder
        .run(["-f", "OSX_image.dd", "--profile", "./OSX_10.6.6_AMD.json"])
        .stderr("verdict: match")
        .check();
    assert!(shown.contains("Darwin Kernel Version 10"), "{shown}");
    assert!(shown.contains("processes    9"), "{shown}");
}

#[test]
fn missing_arguments_are_named() {
    let folder = windows(windows::Case::XpX86);
    folder.run(["pslist"]).status(2).stderr("which image? name it with -f FILE").check();
    // Without a profile the program detects which one the image needs.
    let run = folder.run(["-f", "win7.elf", "pslist", "--offline"]).status(1).stderr("which profile?");
    run.stderr("the image names\n  Windows: fetch_pdb nt").stderr(", then parse_pdb nt").check();
    // Without arguments the program prints its help.
    let help = folder.run([""; 0]).check();
    assert!(help.contains("Usage: ") && help.contains("parse_pdb") && help.contains("Examples:"), "{help}");
    folder
        .run(["-f", "win7.elf", "--profile", "nt.json.gz", "inspect", "nt.json.gz"])
        .status(2)
        .stderr("unexpected argument '-f'")
        .check();
    folder.write("empty.raw", [0; 65536]);
    folder.run(["-f", "empty.raw", "--offline"]).status(1).stderr("with --profile NAME_OR_FILE\n").check();
    let mut linux = vec![0; 65536];
    let info = b"OSRELEASE=6.1.0\nBUILD-ID=3b43\nPAGESIZE=4096\nSYMBOL(a)=ff\nSYMBOL(b)=ff\n";
    linux[8192 + 100..][..info.len()].copy_from_slice(info);
    folder.write("linux.raw", linux);
    let advice = "Linux 6.1.0: fetch_debug 3b43, then parse_dwarf";
    folder.run(["-f", "linux.raw", "--offline"]).status(1).stderr(advice).check();
    // A kernel for another processor is not found; the image names another build than the profile all the same.
    let profile = |id| {
        format!(
            r#"{{"$METADATA": {{"Type": "Profile", "ProfileClass": "Linux", "arch": "ARM64", "BuildID": "{id}", "Release": "6.1.0"}},
                "$STRUCTS": {{"task_struct": [8, {{"pid": [0, ["int"]]}}]}},
                "$CONSTANTS": {{"_text": 18446603336355938304, "linux_banner": 18446603336360132608}}}}"#
        )
    };
    folder.write("other.json", profile("ab12"));
    folder.write("own.json", profile("3b43"));
    let line = |profile| ["-f", "linux.raw", "--profile", profile, "pslist"];
    let another = "the profile is of another build: the image names 3b43, the profile ab12";
    folder.run(line("other.json")).status(1).stderr(another).check();
    folder.run(line("own.json")).status(2).stderr("no kernel that fits the profile was found").check();
    folder
        .run(["-f", "empty.raw", "--profile", "nt.json.gz", "pslist"])
        .status(2)
        .stderr("no kernel that fits the profile was found in the image")
        .check();
    folder
        .run(["-f", "empty.raw", "--profile", "nt.json.gz", "validate"])
        .status(1)
        .stderr("verdict: inconclusive")
        .check();
}

#[test]
fn names_in_an_image_are_neither_run_nor_endless() {
    let folder = Folder::new();
    let mut image = vec![0; 1 << 16];
    let banner = b"Linux version 6.1\x1b[2J-x (d@d.org) (gcc) #1 SMP\n\0";
    image[4096..][..banner.len()].copy_from_slice(banner);
    folder.write("escapes.raw", &image);
    let run = folder.run(["-f", "escapes.raw", "--offline"]).status(1);
    run.stderr("Linux 6.1\\u{1b}[2J-x: parse_dwarf").check();

    let info = b"OSRELEASE=6.1.0\nBUILD-ID=3b; rm -rf .\nPAGESIZE=4096\nSYMBOL(a)=ff\nSYMBOL(b)=ff\n";
    image[4096..][..info.len()].copy_from_slice(info);
    folder.write("command.raw", &image);
    let output = folder.run(["-f", "command.raw", "--offline"]).command().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("Linux 6.1.0: parse_dwarf on its vmlinux") && !said.contains("rm -rf"), "{said}");

    // Only kernels, all different.
    let mut kernels = Vec::new();
    for number in 0..200_000u32 {
        kernels.extend_from_slice(b"RSDS");
        kernels.extend_from_slice(&u128::from(number).to_le_bytes());
        kernels.extend_from_slice(b"\x01\0\0\0ntkrnlmp.pdb\0");
    }
    folder.write("kernels.raw", kernels);
    let output = folder.run(["-f", "kernels.raw", "--offline"]).command().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("fetch_pdb ntkrnlmp.pdb").count(), 4, "{said}");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_triage_dump_lists_its_modules_and_has_no_memory() {
    let folder = Folder::new();
    let dump = corpus("images/windows-triage-x64.dmp");
    let dump = dump.to_str().unwrap();
    let shown = folder.run(["-f", dump, "modules"]).check();
    assert_eq!(shown.lines().count(), 2 + 151, "{shown}");
    assert!(shown.lines().nth(2).is_some_and(|line| line.starts_with("ntoskrnl.exe")), "{shown}");
    for command in [&["-f", dump][..], &["-f", dump, "pslist"], &["-f", dump, "validate"]] {
        let run = folder.run(command).status(2).stderr("a Windows triage dump has no memory to search");
        run.stderr("System running, 151 modules").check();
    }
}
