//! `version_scan` on a file and on a memory image, as a user runs it.

use symbol_server::fixture;

use crate::harness::{Folder, corpus};

const GUID_AGE: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";
const OTHER: &str = "3844DBB920174967BE7AA4A2C20430FA2";

fn image() -> Vec<u8> {
    let mut image = vec![0; 0x1b5fc];
    image.extend(fixture::rsds(GUID_AGE.parse().unwrap(), "ntkrnlmp.pdb"));
    image.extend(b"RSDS is only a word here. ");
    image.extend(fixture::rsds(OTHER.parse().unwrap(), r"d:\x\Win32k.PDB"));
    image.extend(fixture::rsds(GUID_AGE.parse().unwrap(), "ntkrnlmp.pdb"));
    image
}

#[test]
fn the_columns_of_the_article() {
    let folder = Folder::new();
    folder.write("image.raw", image());
    folder
        .run(["version_scan", "image.raw", "--name_regex", "krnl"])
        .stdout(
            "  Offset (P)   GUID/Version                     PDB\n\
             -------------- -------------------------------- ------------------------------\n\
             0x00000001b5fc F8E2A8B5C9B74BF4A6E4A48F180099942 ntkrnlmp.pdb\n",
        )
        .check();
}

#[test]
fn json_has_every_record_once() {
    let folder = Folder::new();
    folder.write("image.raw", image());
    let report = folder.run(["version_scan", "image.raw", "--json"]).check();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let records = report["records"].as_array().unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["offset"], 0x1b5fc);
    assert_eq!(records[1]["name"], "Win32k.PDB");
    assert_eq!(records[1]["guid_age"], OTHER);
}

/// The records of MinGW's linkers, and those of linkers before Visual C++ 7.
#[test]
fn records_without_a_name_and_older_ones_are_listed_with_their_keys() {
    let folder = Folder::new();
    let unnamed = fixture::rsds("8519FD26CB3AE9B84C4C44205044422E1".parse().unwrap(), "");
    let old = [&b"NB10\0\0\0\0\x10\x84\x7d\x3b\x02\0\0\0"[..], b"d:\\nt\\hal.pdb\0"].concat();
    let image = [&[0; 0x20][..], &unnamed, &[0; 0x13], &old, &[0; 0x2000]].concat();
    folder.write("image.raw", &image);
    let expected = "  Offset (P)   GUID/Version                     PDB\n\
         -------------- -------------------------------- ------------------------------\n\
         0x000000000020 8519FD26CB3AE9B84C4C44205044422E1 (names no PDB)\n\
         0x00000000004c 3B7D84102                        d:\\nt\\hal.pdb\n";
    folder.run(["version_scan", "image.raw"]).stdout(expected).check();
    folder.run(["version_scan", "-f", "image.raw"]).stdout(expected).check();
    // Neither can be fetched by GUID, age and name.
    folder.run(["version_scan", "image.raw", "--write-manifest", "wanted.json"]).check();
    assert!(!String::from_utf8(folder.read("wanted.json")).unwrap().contains("hal.pdb"));

    folder.write("a.exe", fixture::pe(&[(&unnamed, fixture::Reach::Offset), (&old, fixture::Reach::Rva)]));
    let shown = folder.run(["peinfo", "a.exe"]).check();
    let row = |name: &str, value: &str| assert!(shown.contains(&format!("{name:28} {value}\n")), "{shown}");
    row("GUID/Age", "8519FD26CB3AE9B84C4C44205044422E1");
    row("PDB", "- (the debug record names no PDB)");
    row("Signature/Age", "3B7D84102");
    row("PDB", "d:\\nt\\hal.pdb");
}

#[test]
fn nothing_found_is_a_negative_answer_and_a_bad_file_an_error() {
    let folder = Folder::new();
    folder.write("image.raw", image());
    folder.write("empty", "");
    folder.run(["version_scan", "empty"]).status(1).stderr("no record that names a PDB").check();
    folder
        .run(["version_scan", "image.raw", "--name_regex", "^tcpip"])
        .status(1)
        .stderr("2 records, none with a path that --name_regex finds")
        .check();
    folder.run(["version_scan", "none.raw"]).status(2).stderr("cannot open none.raw").check();
    folder.run(["version_scan", "."]).status(2).stderr("it is a folder").check();
    folder.run(["version_scan", "image.raw", "--name_regex", "("]).status(2).stderr("regex").check();
}

/// The image as a LiME file, whose offsets differ from those of the memory in it.
fn lime(memory: &[u8]) -> Vec<u8> {
    let mut lime = b"EMiL\x01\0\0\0".to_vec();
    for field in [0x10_0000, 0x10_0000 + memory.len() as u64 - 1, 0] {
        lime.extend(field.to_le_bytes());
    }
    lime.extend(memory);
    lime
}

#[test]
fn an_image_is_searched_by_physical_address() {
    let folder = Folder::new();
    folder.write("win7.raw", image());
    folder.write("win7.lime", lime(&image()));
    let of = |name: &str| folder.run(["-f", name, "version_scan", "--name_regex", "krnl"]).check();
    let expected = folder.run(["version_scan", "win7.raw", "--name_regex", "krnl"]).check();
    assert_eq!(of("win7.raw"), expected);
    assert_eq!(of("win7.lime"), expected.replace("0x00000001b5fc", "0x00000011b5fc"));

    let report = folder.run(["version_scan", "-f", "win7.lime", "--json", "--threads", "3"]).check();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["container"], "LiME image");
    let records: Vec<_> =
        report["records"].as_array().unwrap().iter().map(|record| record["name"].as_str().unwrap()).collect();
    assert_eq!(records, ["ntkrnlmp.pdb", "Win32k.PDB"]);
}

#[test]
fn a_truncated_image_is_searched_and_reported() {
    let folder = Folder::new();
    let mut cut = lime(&image());
    cut.truncate(cut.len() - 10);
    folder.write("cut.lime", cut);
    folder.run(["-f", "cut.lime", "version_scan"]).stderr("the file ends 10 bytes before").check();
    folder.run(["-f", "cut.lime", "version_scan", "--strict"]).status(1).check();
}

#[test]
fn one_thing_is_searched_at_a_time() {
    let folder = Folder::new();
    folder.write("image.raw", image());
    folder.run(["version_scan"]).status(2).stderr("expected a memory image with -f, or a FILE").check();
    folder
        .run(["version_scan", "image.raw", "-f", "image.raw"])
        .status(2)
        .stderr("cannot be used with")
        .check();
    folder.run(["version_scan", "-f", "none"]).status(2).stderr("cannot open the image: none").check();
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_triage_dump_has_no_memory_to_search() {
    let folder = Folder::new();
    let path = corpus("images/windows-triage-x64.dmp");
    folder
        .run(["version_scan".as_ref(), "-f".as_ref(), path.as_os_str()])
        .status(1)
        .stderr(
            "a Windows triage dump has no memory to search; it says build 19041 for AMD64, stop code 0x1000007e, System \
             running, 151 modules",
        )
        .check();
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_triage_dump_of_arm64_names_the_processor_and_the_process() {
    let path = corpus("images/windows-triage-arm64.dmp");
    Folder::new()
        .run(["version_scan".as_ref(), "-f".as_ref(), path.as_os_str()])
        .status(1)
        .stderr("it says build 22000 for ARM64, stop code 0x1c8, System running, 245 modules")
        .check();
}

#[test]
fn a_damaged_packed_image_is_named() {
    let folder = Folder::new();
    folder.write("image.raw.gz", b"\x1f\x8b\x08\0\0\0\0\0");
    folder
        .run(["version_scan", "-f", "image.raw.gz"])
        .status(2)
        .stderr("image.raw.gz: in a gzip file: packed file, byte 0x0: it cannot be unpacked into a temporary file: unexpected end of file\n")
        .check();
}
