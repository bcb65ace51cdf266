//! The program in its sandbox: the reported restrictions, and what evidence cannot make it do.

use std::fs;
use std::os::unix::fs::symlink;

use crate::harness::Folder;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");

/// Whether the kernel restricts files, according to the program itself.
fn restricts_files(folder: &Folder) -> bool {
    let output = folder.run(["-v", "completions", "bash"]).command().output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("Sandbox: system calls are restricted"), "{text}");
    let restricts = text.contains("Sandbox: files are restricted");
    if !restricts {
        println!("this kernel does not restrict files: {text}");
    }
    restricts
}

#[test]
fn every_command_reports_what_it_may_do() {
    let folder = Folder::new();
    folder.write("image.raw", [0u8; 8192]);
    folder.write("a.json", "{}");
    let none = "no network, no new processes";
    for (line, calls) in [
        ("parse image.raw", none),
        ("parse_pdb image.raw", none),
        ("parse_dwarf image.raw", none),
        ("parse_btf image.raw", none),
        ("convert_profile image.raw", none),
        ("inspect a.json", none),
        ("check a.json", none),
        ("export a.json --format isf", none),
        ("peinfo image.raw", none),
        ("version_scan image.raw", none),
        ("completions bash", none),
        ("man pages", none),
        ("diff a.json a.json", none),
        ("history s.m --bundle a.json", none),
        ("bundle create a.json -o b.bundle", none),
        ("bundle append a.bundle a.json", none),
        ("bundle drop a.json a", none),
        ("bundle merge a.json a.json -o b.bundle", none),
        ("bundle extract a.json a -o b.json", none),
        ("bundle verify a.json", none),
        ("bundle list a.json", none),
        ("report a.json -o r.html", none),
        ("site a.json -o site", none),
        ("-f image.raw --profile a.json modules", none),
        ("-f image.raw --offline version_modules", none),
        ("-f image.raw --offline guess_guid win32k", none),
        ("-f image.raw --offline build_local_profile", none),
        ("--offline fetch_debug image.raw", none),
        ("--offline build_index a.yaml --root .", none),
        ("manage_repo seal", none),
        ("manage_repo missing", none),
        ("manage_repo --offline verify", none),
        ("manage_repo import a.json", none),
        ("manage_repo isf --output public --base-url http://localhost/", none),
        ("manage_repo --offline mirror http://localhost/ --suite s", none),
        ("-f image.raw --profile a.json validate", none),
        ("-f image.raw --profile a.json pslist", none),
        ("-f image.raw --offline pslist", none),
        ("-f image.raw --offline autodetect", none),
        ("--offline fetch_pdb a.pdb F8E2A8B5C9B74BF4A6E4A48F180099942", none),
        ("--offline manage_repo build_all", none),
        ("--offline manage_repo plan", none),
        ("-f image.raw --profile_path . autodetect", none),
        ("fetch_pdb a.pdb F8E2A8B5C9B74BF4A6E4A48F180099942 --symbol-path store", "network allowed"),
        ("manage_repo mirror http://127.0.0.1:9/ --suite s", "network allowed"),
        ("serve nowhere --listen localhost:0", "accepts connections and makes none"),
    ] {
        let output = folder.run(["-v"].into_iter().chain(line.split(' '))).command().output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        let first: Vec<&str> = text.lines().take(2).collect();
        assert!(first.iter().all(|line| line.starts_with("Sandbox: ")), "{line}: {text}");
        assert!(first[1].contains(calls), "{line}: {text}");
    }
    folder
        .run(["-v", "--no-sandbox", "completions", "bash"])
        .stderr("Sandbox: turned off by --no-sandbox")
        .check();
    let output = folder.run(["completions", "bash"]).command().output().unwrap();
    assert!(output.stderr.is_empty(), "nothing is said without -v");
}

#[test]
fn evidence_reads_no_file_of_another_folder() {
    let folder = Folder::new();
    for name in ["evidence", "elsewhere", "out"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    // A debug file whose companion is a link to a file elsewhere, as a hostile archive may contain.
    fs::copy(format!("{FIXTURES}/dwarf/elf/dwz-x64"), folder.join("evidence/prog")).unwrap();
    fs::copy(format!("{FIXTURES}/dwarf/elf/common.debug"), folder.join("elsewhere/common.debug")).unwrap();
    symlink("../elsewhere/common.debug", folder.join("evidence/common.debug")).unwrap();
    if !restricts_files(&folder) {
        return;
    }
    let output = folder.run(["parse_dwarf", "evidence/prog", "-o", "out/a.json"]).command().output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("common.debug"), "{text}");
    // The same file in the folder of the evidence is read.
    fs::remove_file(folder.join("evidence/common.debug")).unwrap();
    fs::copy(folder.join("elsewhere/common.debug"), folder.join("evidence/common.debug")).unwrap();
    let whole = folder.run(["parse_dwarf", "evidence/prog", "-o", "out/b.json"]).command().output().unwrap();
    let told = String::from_utf8_lossy(&whole.stderr).into_owned();
    assert!(!told.contains("common.debug"), "{told}");
    assert!(folder.read("out/b.json") != fs::read(folder.join("out/a.json")).unwrap_or_default());
}

#[test]
fn an_input_is_found_behind_links_and_through_pipes() {
    let folder = Folder::new();
    for name in ["inputs", "elsewhere"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let fixture = format!("{FIXTURES}/dwarf/elf/gcc-x64");
    fs::copy(&fixture, folder.join("elsewhere/real")).unwrap();
    symlink("../elsewhere/real", folder.join("inputs/link")).unwrap();
    let expected = folder.run(["--no-sandbox", "parse_dwarf", &fixture]).status(1).check();
    folder.run(["parse_dwarf", "inputs/link"]).status(1).stdout(&expected).check();
    let program = env!("CARGO_BIN_EXE_rekall-profile");
    for script in [
        format!("'{program}' parse_dwarf <(cat inputs/link)"),
        format!("cat inputs/link | '{program}' parse_dwarf /dev/stdin"),
        format!("'{program}' parse_dwarf /dev/stdin < inputs/link"),
        format!("'{program}' parse_dwarf /dev/fd/7 7< elsewhere/real"),
        format!("'{program}' parse_dwarf inputs/link | cat"),
        format!("'{program}' parse_dwarf inputs/link > inside; cat inside"),
    ] {
        let mut command = std::process::Command::new("bash");
        command.args(["-c", &script]).current_dir(folder.path()).env("HOME", folder.path());
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("verdict: failed"), "{script}: {text}");
        assert!(output.stdout == expected.as_bytes(), "{script}: {text}");
    }
}

#[test]
fn packages_unpack_and_leave_nothing_among_temporary_files() {
    let folder = Folder::new();
    let temporary = folder.join("temporary");
    fs::create_dir(&temporary).unwrap();
    let package = format!("{FIXTURES}/dwarf/packages/kernel-xz.deb");
    let expected =
        folder.run(["--no-sandbox", "parse_dwarf", &package]).env("TMPDIR", &temporary).status(1).check();
    folder.run(["parse_dwarf", &package]).env("TMPDIR", &temporary).status(1).stdout(expected).check();
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn folders_that_do_not_exist_are_made_and_not_left_empty() {
    let folder = Folder::new();
    folder.run(["man", "deep/er/man"]).check();
    assert!(folder.join("deep/er/man/rekall-profile.1").is_file());
    folder.run(["convert_profile", "missing", "out/of/reach"]).status(2).check();
    assert_eq!(folder.names(), ["deep"]);
}

#[test]
fn a_pipe_among_temporary_files_is_not_opened() {
    let folder = Folder::new();
    fs::create_dir(folder.join("shared")).unwrap();
    for name in ["shared/rekall-profile.pipe", "shared/pipe"] {
        assert!(std::process::Command::new("mkfifo").arg(folder.join(name)).status().unwrap().success());
    }
    folder.write("a.json", "{}");
    let run = folder.run(["inspect", "a.json"]).env("TMPDIR", folder.join("shared"));
    let mut child = run
        .command()
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > std::time::Duration::from_secs(60) {
            child.kill().unwrap();
            unreachable!("it waits for the pipe");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
