//! Untrusted text on the terminal: whatever names, paths, evidence, servers and arguments contain, no output can move
//! the cursor, change the writing direction, hide text, or forge a line of a report.

use std::process::Output;

use serde_json::{Value, json};
use symbol_server::{Request, Response, Server, fixture};

use crate::harness::Folder;

const GUID_AGE: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";

/// A line that only a hostile name can produce: true verdicts give reasons.
const FORGED: &str = "verdict: match";

/// Terminal titles and colours, BEL, DEL, C1, directions, zero-width characters, separators, tags and a forged line.
pub const BAD: &str = "\u{1b}]0;x\u{7}\u{1b}[2J\u{1b}[31m\u{7f}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{2028}\u{e0041}\r\
                   verdict: match\nverdict: match\n  verdict: match\n";

/// The same for records that end at a line feed or a NUL, or for file names.
pub const BAD_NAME: &str = "\u{1b}[2J\u{7}\u{9b}1m\u{202e}\u{200b}";

/// Only printable text and line feeds, and no forged line.
#[track_caller]
pub fn check(said: &str, output: &Output) {
    for (name, bytes) in [("standard output", &output.stdout), ("standard error", &output.stderr)] {
        let text = std::str::from_utf8(bytes).unwrap();
        let bad = |character: &char| {
            character.is_control() && *character != '\n'
                || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
                || matches!(character, '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        };
        assert_eq!(text.chars().find(bad), None, "{said}: {name}:\n{text:?}");
        let forged = text.lines().find(|line| line.trim() == FORGED);
        assert!(forged.is_none(), "{said}: {name} holds a forged line:\n{text}");
    }
    assert!(output.status.code().is_some_and(|code| code <= 2), "{said}: {:?}", output.status);
}

/// Runs a command with all options that change its output.
#[track_caller]
pub fn run(folder: &Folder, line: &[&str]) {
    for more in [&[][..], &["-vv"], &["--json"], &["-q"]] {
        let line: Vec<&str> = more.iter().chain(line).copied().collect();
        let output = folder.run(&line).command().output().unwrap();
        check(&format!("{line:?}"), &output);
        if more == ["--json"] && output.status.code() != Some(2) && !output.stdout.is_empty() {
            assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "{line:?}");
        }
    }
}

/// A profile in which every name and text is hostile.
pub fn profile(class: &str) -> String {
    let bad = |name: &str| format!("{name}{BAD}");
    let member = json!([0, ["Pointer", {"target": bad("T")}]]);
    json!({
        "$METADATA": {"Type": "Profile", "ProfileClass": class, "arch": "AMD64", bad("Key"): bad("value"),
            "PDBFile": bad("k"), "Release": bad("6.1"), "Banner": bad("Linux version 6.1")},
        "$STRUCTS": {
            bad("_S"): [16, {bad("m"): member, "e": [8, ["Enumeration", {"enum_name": bad("E"), "target": "int"}]]}],
            "_EPROCESS": [8, {bad("x"): [0, [bad("Nope")]], "lost": [4, [3]]}],
            "task_struct": [8, {"comm": [0, ["Array", {"count": 4, "target": bad("Nope")}]]}],
        },
        "$ENUMS": {bad("E"): {"1": bad("L")}},
        "$CONSTANTS": {bad("sym"): 4096, "_text": 8192},
        "$CONSTANT_TYPES": {bad("sym"): [bad("Nope")]},
        "$FUNCTIONS": {bad("f"): 12288},
    })
    .to_string()
}

#[test]
fn names_of_a_profile_are_harmless_wherever_they_are_shown() {
    let folder = Folder::new();
    for (name, class) in [("nt.json", "Nt"), ("linux.json", "Linux")] {
        folder.write(name, profile(class));
        let bad = |name: &str| format!("{name}{BAD}");
        run(&folder, &["inspect", name]);
        let structure = bad("_S");
        let member = format!("{}.{}", bad("_S"), bad("m"));
        for item in
            [structure.as_str(), &member, &bad("E"), &bad("sym"), &bad("nothing"), "_EPROCESS", "nosuch"]
        {
            run(&folder, &["inspect", name, item]);
        }
        run(&folder, &["inspect", name, "--at", "0x1004"]);
        run(&folder, &["check", name]);
        run(&folder, &["check", "nt.json", "--against", "linux.json"]);
        for form in ["isf", "libvmi", "rekall"] {
            run(&folder, &["export", name, "--format", form]);
            run(&folder, &["export", name, "--format", form, "-o", "out.json"]);
            run(&folder, &["export", name, "--format", form, "-o", "out.json", "--only", &structure]);
            run(&folder, &["export", name, "--format", form, "-o", "out.json", "--only", &bad("none")]);
        }
    }
    let merge = json!({"$METADATA": {"Type": format!("Symlink{BAD}"), "Target": BAD}, "$MERGE": [BAD]});
    folder.write("link.json", merge.to_string());
    run(&folder, &["inspect", "link.json"]);
    run(&folder, &["check", "link.json"]);
    folder.write("broken.json", format!("{{\"$STRUCTS\": {{\"{}\": [nonsense", BAD_NAME));
    run(&folder, &["check", "broken.json"]);
}

#[test]
fn json_has_the_same_names_as_the_file() {
    let folder = Folder::new();
    folder.write("nt.json", profile("Nt"));
    let report = folder.run(["inspect", "nt.json", "--json"]).check();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["metadata"][format!("Key{BAD}")], format!("value{BAD}"));
}

#[test]
fn a_repository_with_hostile_names_is_harmless() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.join("repo/v1.0/nt/GUID")).unwrap();
    folder.write(&format!("repo/v1.0/nt/GUID/{GUID_AGE}"), profile("Nt"));
    folder.write(&format!("repo/v1.0/nt/GUID/x{BAD_NAME}"), "no profile");
    let member = format!("_S{BAD}.m{BAD}");
    run(&folder, &["inspect", &member, "--across", "repo"]);
    run(&folder, &["inspect", "_EPROCESS.lost", "--across", "repo"]);
    for text in [
        format!("nt/GUID:\n  type: \"{}\"\n", "WindowsGUIDProfile\\u001b\\n\\u202everdict: match"),
        format!("\"nt\\nverdict: match\\u001b\": 1\n{BAD_NAME}: ["),
    ] {
        folder.write("repo/v1.0/config.yaml", text);
        for verb in ["build_all", "verify", "missing", "plan", "seal"] {
            run(&folder, &["manage_repo", "--path_to_repository", "repo", verb]);
        }
    }
    run(&folder, &["manage_repo", "--path_to_repository", "repo", BAD]);
    run(&folder, &["manage_repo", "--path_to_repository", "repo", BAD, BAD]);
    run(&folder, &["manage_repo", "--path_to_repository", "repo", "import", BAD]);
    folder.write("index.yaml", format!("path: \"{}\"\n", "nt\\nverdict: match\\u001b"));
    run(&folder, &["build_index", "index.yaml", "--root", "repo"]);
}

/// A zip archive of stored members.
pub fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let crc = content.iter().fold(!0u32, |crc, byte| {
            (0..8)
                .fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        });
        let size = (content.len() as u32).to_le_bytes();
        // Version, the flag for names in UTF-8, no packing, no time.
        let mut fields = vec![20, 0, 0, 8, 0, 0, 0, 0, 0, 0];
        fields.extend((!crc).to_le_bytes());
        fields.extend([size, size].concat());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        let at = (archive.len() as u32).to_le_bytes();
        archive.extend([b"PK\x03\x04".as_slice(), &fields, name.as_bytes(), content].concat());
        directory.extend([b"PK\x01\x02\x14\0".as_slice(), &fields, &[0; 10], &at, name.as_bytes()].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let (at, size) = ((archive.len() as u32).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    archive.extend(directory);
    archive.extend([b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &size, &at, &[0, 0]].concat());
    archive
}

/// A Debian package with one file of this name.
pub fn deb(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut tar = [header, content.to_vec()].concat();
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    let member = |name: &str, content: &[u8]| {
        let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, content.len());
        [header.as_bytes(), content].concat()
    };
    [b"!<arch>\n".to_vec(), member("debian-binary", b"2.0\n"), member("data.tar", &tar)].concat()
}

#[test]
fn members_of_packs_and_packages_are_harmless() {
    let folder = Folder::new();
    let dump = format!(
        "\n.debug_info\n\n<0><0x0+0xb><DW_TAG_compile_unit> DW_AT_producer<GNU{BAD_NAME}> DW_AT_name<m.c>\n\
         <1><0x30><DW_TAG_structure_type> DW_AT_name<task{BAD_NAME}> DW_AT_byte_size<0x00000008>\n\
         <2><0x40><DW_TAG_member> DW_AT_name<pid{BAD_NAME}> DW_AT_type<<0x00000099>> DW_AT_data_member_location<0>\n\
         <2><0x48><DW_TAG_{BAD_NAME}> DW_AT_name<x>\n"
    );
    let map = format!("0000000000001000 T start{BAD_NAME}\nffffffff81000000 T _text\nnonsense {BAD_NAME}\n");
    folder.write(
        "pack.zip",
        zip(&[
            (format!("a/{BAD}module.dwarf"), dump.clone().into()),
            (format!("b/{BAD}System.map-1"), map.into()),
        ]),
    );
    folder.write(
        "types.zip",
        zip(&[(format!("{BAD}x.vtypes"), b"foo = {".to_vec()), (BAD.into(), b"x".to_vec())]),
    );
    folder.write("cut.zip", &zip(&[(format!("{BAD}x.vtypes"), b"foo = {}".to_vec())])[..90]);
    folder.write(
        "a.py",
        format!("v = {{\"a{BAD_NAME}\": [8, {{\"m{BAD_NAME}\": [0, [\"nope{BAD_NAME}\"]]}}]}}\n"),
    );
    folder.write("b.vtypes", format!("v = {{\"b\": [zz{BAD_NAME}]}}\n"));
    for pack in ["pack.zip", "types.zip", "cut.zip", "a.py", "b.vtypes"] {
        run(&folder, &["convert_profile", pack, "out.json"]);
        run(&folder, &["convert_profile", pack, "out.json", "--compat", "rekall"]);
        run(&folder, &["convert_profile", pack, "out.json", "--profile_class", BAD]);
    }
    // As files on a disk, in folders with such names, and several at once.
    for pack in ["one", "two"] {
        let name = format!("packs/{pack}{BAD_NAME}");
        std::fs::create_dir_all(folder.join(&name)).unwrap();
        folder.write(&format!("{name}/module.dwarf"), &dump);
    }
    run(&folder, &["convert_profile", "packs"]);
    run(&folder, &["convert_profile", "packs", "x.json"]);
    run(&folder, &["convert_profile", "packs", "made"]);
    folder.write("evil.deb", deb(&format!("./x{BAD_NAME}\nverdict: match\n.ko"), b"abc"));
    run(&folder, &["parse_dwarf", "evil.deb"]);
    run(&folder, &["parse_dwarf", "evil.deb", "--member", BAD]);
}

#[test]
fn records_in_evidence_are_harmless() {
    let folder = Folder::new();
    let record = fixture::rsds(GUID_AGE.parse().unwrap(), &format!("c:\\{BAD}k.pdb"));
    let other =
        fixture::rsds("3844DBB920174967BE7AA4A2C20430FA2".parse().unwrap(), &format!("{BAD_NAME}\n.pdb"));
    folder
        .write("evil.exe", fixture::pe(&[(&record, fixture::Reach::Offset), (&other, fixture::Reach::Rva)]));
    folder.write("image.raw", [vec![0; 8192], record, other].concat());
    run(&folder, &["peinfo", "evil.exe"]);
    run(&folder, &["fetch_pdb", "evil.exe", "--offline"]);
    run(&folder, &["version_scan", "image.raw", "--write-manifest", "wanted.json"]);
    run(&folder, &["-f", "image.raw", "version_scan"]);
    run(&folder, &["-f", "image.raw", "autodetect", "--offline", "--profile_path", "none"]);
    run(&folder, &["-f", "image.raw", "pslist", "--offline", "--profile_path", "none"]);
    folder.write("nt.json", profile("Nt"));
    for command in ["validate", "pslist", "modules", "version_modules"] {
        run(&folder, &["-f", "image.raw", "--profile", "nt.json", command]);
    }
    run(&folder, &["-f", "image.raw", "--profile", "nt.json"]);
}

#[test]
fn answers_of_servers_and_entries_of_lists_are_harmless() {
    let folder = Folder::new();
    let page = format!("<html><title>{BAD}</title>");
    let server = Server::start(move |request: &Request| match request.path().len() % 2 {
        0 => Response::bytes(page.clone().into_bytes()),
        _ => Response::redirect("http://127.0.0.1:1/%1b%0averdict:%20match"),
    })
    .unwrap();
    let entry = |name: &str| json!({"name": name, "guid_age": GUID_AGE, "seen": [BAD]});
    let wanted = json!({"schema": 1, "wanted": [entry("k.pdb"), entry(&format!("{BAD_NAME}k.pdb")),
        entry("k\u{202e}\u{200b}.pdb")]});
    folder.write("wanted.json", wanted.to_string());
    let good = json!({"schema": 1, "wanted": [entry("k\u{202e}\u{200b}.pdb")]});
    folder.write("good.json", good.to_string());
    let url = server.url();
    for list in ["wanted.json", "good.json"] {
        run(
            &folder,
            &["fetch_pdb", "--manifest", list, "--symbol-path", &url, "--write-manifest", "out.json"],
        );
    }
    run(&folder, &["fetch_pdb", "k.pdb", GUID_AGE, "--symbol-path", &url]);
    run(&folder, &["fetch_pdb", "k.pdb", GUID_AGE, "--symbol-path", BAD]);
    run(&folder, &["fetch_debug", "00112233445566778899aabbccddeeff00112233", "--server", &url]);
    run(&folder, &["fetch_debug", BAD, "--server", &url]);
    run(&folder, &["fetch_debug", "00112233445566778899aabbccddeeff00112233", "--server", BAD]);
    run(&folder, &["build_local_profile", "nt", GUID_AGE, "--symbol-path", &url, "--profile_path", "repo"]);
}

#[test]
fn arguments_are_harmless_in_every_message() {
    let folder = Folder::new();
    folder.write("file", "x");
    for line in [
        &[BAD][..],
        &["inspect"],
        &["inspect", BAD],
        &["inspect", "file", "--at", BAD],
        &["inspect", BAD, "--across", BAD],
        &["check", BAD],
        &["check", "file", "--against", BAD],
        &["export", BAD, "--format", "isf", "-o", BAD],
        &["export", "file", "--format", BAD],
        &["parse_pdb", BAD],
        &["parse_pdb", BAD, "-f", BAD],
        &["parse_pdb", "file", "--win", BAD, "--arch", BAD],
        &["parse_dwarf", BAD, "--system-map", BAD],
        &["parse_dwarf", "file", "--lang", BAD],
        &["parse_btf", BAD, "--system-map", BAD],
        &["parse_btf", "file", "--base", BAD],
        &["convert_profile", BAD, BAD],
        &["convert_profile", BAD, "a", "b"],
        &["version_scan", "file", "--name_regex", BAD],
        &["version_scan", "file", "--name_regex", "(\u{1b}\nverdict: match\n"],
        &["version_scan", BAD],
        &["peinfo", BAD],
        &["fetch_pdb", BAD, BAD],
        &["fetch_pdb", BAD, GUID_AGE, "-D", BAD],
        &["-f", BAD, "pslist"],
        &["-f", "file", "--profile", BAD, "pslist"],
        &["-f", "file", "--profile_path", BAD, "autodetect", "--offline"],
        &["-f", BAD, "guess_guid", BAD],
        &["build_local_profile", BAD, BAD],
        &["build_index", BAD, "--as", BAD],
        &["serve", BAD, "--listen", BAD],
        &["man", "file"],
        &["completions", BAD],
        &["--threads", BAD, "check", "file"],
        &["--color", BAD, "check", "file"],
        &["--no-such-option", "--\u{1b}[2J\nverdict: match"],
        &["manage_repo", "--shard", BAD],
    ] {
        run(&folder, line);
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_not_text_are_harmless() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let folder = Folder::new();
    let name = OsString::from_vec(b"\x9b2J\xff\n\x1b[2Jverdict: match\n".to_vec());
    std::fs::write(folder.path().join(&name), profile("Nt")).unwrap();
    for line in
        [vec!["check".into(), name.clone()], vec!["no".into(), name.clone()], vec!["--win".into(), name]]
    {
        check("a name that is not UTF-8", &folder.run(&line).command().output().unwrap());
        let line: Vec<OsString> = [OsString::from("--json")].into_iter().chain(line).collect();
        check("a name that is not UTF-8", &folder.run(&line).command().output().unwrap());
    }
}

#[cfg(unix)]
#[test]
fn the_programs_own_name_is_harmless() {
    let folder = Folder::new();
    let link = folder.join(&format!("x{BAD_NAME}\nverdict: match\n"));
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rekall-profile"), &link).unwrap();
    for line in [&["--nonsense"][..], &["check"], &["--help"], &["check", "none"]] {
        check("under another name", &folder.run(line).program(link.clone()).command().output().unwrap());
    }
}

#[test]
fn every_crate_leaves_printing_and_writing_to_the_modules_for_them() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let members = ["src", "converters"].into_iter().flat_map(|folder| {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.join("Cargo.toml").exists()).collect::<Vec<_>>()
    });
    let mut checked = 0;
    for member in members {
        let file = ["lib.rs", "main.rs"].map(|name| member.join("src").join(name));
        let text = file.iter().find_map(|file| std::fs::read_to_string(file).ok()).unwrap();
        let rule = "#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]";
        assert!(text.contains(rule), "{}: its first file lacks {rule}", member.display());
        checked += 1;
    }
    assert!(checked >= 10, "{checked}");
}
