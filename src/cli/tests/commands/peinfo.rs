//! `peinfo` as a user runs it.

use symbol_server::fixture::{self, Reach};

use crate::harness::Folder;

const VERSION: &[u8] = include_bytes!("../../../../testdata/pe/version.dll");

#[test]
fn the_rows_of_rekall() {
    let folder = Folder::new();
    let record = fixture::rsds("F8E2A8B5C9B74BF4A6E4A48F180099942".parse().unwrap(), "ntkrnlmp.pdb");
    folder.write("nt.exe", fixture::pe(&[(&record, Reach::Offset)]));
    folder
        .run(["peinfo", "nt.exe"])
        .stdout(
            "Machine                      X86_64 (0x8664)\n\
             TimeDateStamp                00000000 (Thu, 01 Jan 1970 00:00:00 GMT)\n\
             Characteristics              0x0022 EXECUTABLE_IMAGE, LARGE_ADDRESS_AWARE\n\
             GUID/Age                     F8E2A8B5C9B74BF4A6E4A48F180099942\n\
             PDB                          ntkrnlmp.pdb\n\
             MajorOperatingSystemVersion  0\n\
             MinorOperatingSystemVersion  0\n\
             MajorImageVersion            0\n\
             MinorImageVersion            0\n\
             MajorSubsystemVersion        0\n\
             MinorSubsystemVersion        0\n\
             ImageBase                    0x0\n\
             SizeOfImage                  0x2000\n\
             \n\
             Sections\n\
             Perm Name       Raw offset VMA        Size\n\
             r--  .rdata     0x00000400 0x00001000 0x0000005d\n\
             \n\
             Data directories\n\
             Name                 VMA        Size\n\
             Debug                0x00001000 0x00000038\n",
        )
        .check();
}

#[test]
fn verbose_output_and_json_have_more() {
    let folder = Folder::new();
    folder.write("version.dll", VERSION);
    let text = folder.run(["peinfo", "version.dll", "-v"]).check();
    assert!(text.contains("\nExports\nOrdinal VMA        Name\n      1 0x000010"), "{text}");
    assert!(text.contains("FileVersion          6.1.7601.17514 (win7sp1_rtm)\n"), "{text}");
    let report = folder.run(["peinfo", "version.dll", "--json"]).check();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["machine"], "X86_64");
    assert_eq!(report["version"]["file"], "6.1.7601.17514");
    assert_eq!(report["exports"][0]["name"], "answer");
    assert_eq!(report["pdbs"], serde_json::json!([]));
}

#[test]
fn other_files_are_named_and_damage_affects_only_its_part() {
    let folder = Folder::new();
    folder.write("page.exe", "<html>");
    folder
        .run(["peinfo", "page.exe"])
        .status(2)
        .stderr("page.exe: expected a Windows executable (PE), found an HTML page")
        .check();
    // The export table's address leads out of the file.
    let mut bent = VERSION.to_vec();
    let header = u32::from_le_bytes(bent[0x3c..0x40].try_into().unwrap()) as usize;
    bent[header + 24 + 112..][..4].copy_from_slice(&0x00ff_0000u32.to_le_bytes());
    folder.write("bent.dll", bent);
    folder
        .run(["peinfo", "bent.dll", "-v"])
        .stderr("bent.dll: export table: it lies outside the file")
        .check();
    folder.run(["peinfo", "bent.dll", "-v", "--strict"]).status(1).check();
}

#[test]
fn a_record_without_the_name_of_a_pdb_still_gives_its_guid() {
    let folder = Folder::new();
    let sample = file_samples::samples().into_iter().find(|sample| sample.name == "mingw.dll").unwrap();
    folder.write("mingw.dll", sample.bytes);
    let text = folder.run(["peinfo", "mingw.dll"]).check();
    assert!(text.contains("E2A8B5C9F4B7F84BA6E4A48F180099942"), "{text}");
    assert!(text.contains("names no PDB"), "{text}");
}
