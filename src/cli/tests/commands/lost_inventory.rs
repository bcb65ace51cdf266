//! An inventory that is rebuilt after a loss equals, byte for byte, the one that an undisturbed builder wrote,
//! however the profiles were made.

use std::io::{Cursor, Write};

use symbol_server::fixture;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::harness::Folder;
use crate::manage_repo::{guid, inventory, kernel, line, profiles, put, unpacked};
use crate::manage_repo_trouble::{gzip, with_debug_information};

const CONFIG: &str = "\
nt/GUID:
  type: WindowsGUIDProfile
  guids: src/nt/guids.yaml
  has_structs: true
  profile_class: Nt
  transforms: {merge: [nt/undocumented]}
public/GUID:
  type: WindowsGUIDProfile
  guids: src/public/guids.yaml
  profile_class: Nt
plain/GUID:
  type: WindowsGUIDProfile
  guids: src/plain/guids.yaml
  has_structs: false
  possible_guid_filenames: [ntkrnlmp.pdb, hal.pdb]
nt/undocumented: {type: CopyAndTransform, source: src/nt/undocumented.yaml}
empty: {type: CopyAndTransform, source: src/empty.yaml}
artifacts: {type: ArtifactProfile, patterns: ['src/artifacts/*.yaml']}
OSX: {type: OSXProfile, sources: [src/OSX/10.9.5]}
Linux: {type: LinuxProfile}
";

const INVENTORY: &str = "repo/v1.0/inventory.gz";

/// The dump of a small kernel's debug information, and its map.
const DUMP: &str = "\n.debug_info\n\n\
    <0><0x0+0xb><DW_TAG_compile_unit> DW_AT_producer<GNU C -m64> DW_AT_language<DW_LANG_C89> DW_AT_name<m.c>\n\
    <1><0x1d><DW_TAG_base_type> DW_AT_byte_size<0x00000004> DW_AT_encoding<DW_ATE_signed> DW_AT_name<int>\n\
    <1><0x24><DW_TAG_structure_type> DW_AT_name<task_struct> DW_AT_byte_size<0x00000020>\n\
    <2><0x30><DW_TAG_member> DW_AT_name<tasks> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<0>\n\
    <2><0x38><DW_TAG_member> DW_AT_name<pid> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<8>\n\
    <2><0x40><DW_TAG_member> DW_AT_name<comm> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<12>\n\
    <2><0x48><DW_TAG_member> DW_AT_name<mm> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<16>\n\
    <1><0x60><DW_TAG_structure_type> DW_AT_name<mm_struct> DW_AT_byte_size<0x00000008>\n\
    <2><0x68><DW_TAG_member> DW_AT_name<pgd> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<0>\n\
";
const MAP: &str = "ffffffff81000000 T _text\nffffffff81600000 D init_task\nffffffff81700000 D init_top_pgt\n";

fn pack() -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("module.dwarf", SimpleFileOptions::default()).unwrap();
    writer.write_all(DUMP.as_bytes()).unwrap();
    writer.start_file("System.map-6.1.0", SimpleFileOptions::default()).unwrap();
    writer.write_all(MAP.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A repository with profiles of every handler, of several classes, imported ones, and those from `add_guid
/// --binary`.
fn every_kind() -> Folder {
    let folder = Folder::new();
    let pdb = kernel();
    let bare = fixture::without_types(&pdb).unwrap();
    let symbols: [(&str, &[u8], u8); 6] = [
        ("ntkrnlmp.pdb", &pdb, 1),
        ("ntkrnlmp.pdb", &pdb, 2),
        ("Rpcrt4.pdb", &bare, 3),
        ("ntkrnlmp.pdb", &bare, 4),
        ("hal.pdb", &bare, 5),
        ("ntkrnlmp.pdb", &pdb, 6),
    ];
    for (name, bytes, number) in symbols {
        put(&folder, bytes, name, guid(number));
    }
    for below in ["nt", "public", "plain", "artifacts", "OSX/10.9.5", "Linux/Debian/12"] {
        std::fs::create_dir_all(folder.join(&format!("repo/v1.0/src/{below}"))).unwrap();
    }
    folder.write("repo/v1.0/config.yaml", CONFIG);
    folder.write("repo/v1.0/src/nt/guids.yaml", format!("ntkrnlmp.pdb:\n- {}\n", guid(1)));
    folder.write("repo/v1.0/src/public/guids.yaml", format!("Rpcrt4.pdb:\n- {}\n", guid(3)));
    folder.write("repo/v1.0/src/plain/guids.yaml", format!("- {}\n- {}\n", guid(4), guid(5)));
    folder.write("repo/v1.0/src/nt/undocumented.yaml", "$STRUCTS: {_X: [8, {a: [0, [unsigned int]]}]}\n");
    folder.write("repo/v1.0/src/empty.yaml", "$METADATA: {Type: Profile, ProfileClass: Nt}\n");
    folder.write("repo/v1.0/src/artifacts/a.yaml", "name: A\n---\nname: B\n");
    folder.write("repo/v1.0/src/OSX/10.9.5/module.dwarf", DUMP);
    folder.write("repo/v1.0/src/OSX/10.9.5/System.map-6.1.0", MAP);
    folder.write("repo/v1.0/src/Linux/Debian/12/6.1.0-smp.zip", pack());

    folder.run(line(&["build_all"])).stderr("9 made, 0 unchanged, 0 rejected before, 0 failed").check();
    folder.run(line(&["nt/GUID", "build", &format!("ntkrnlmp.pdb/{}", guid(2))])).check();
    let text = |name: &str| {
        let bytes = folder.read(&format!("repo/v1.0/{name}.gz"));
        String::from_utf8(profile::unpack(&bytes, 1 << 30).unwrap().into_owned()).unwrap()
    };
    // A foreign kernel profile without types, and one of ours under another name.
    folder
        .write("bare.json", text(&format!("public/GUID/{}", guid(3))).replace("rekall-profile pdb", "other"));
    folder.write("ours.json", text(&format!("nt/GUID/{}", guid(1))));
    folder.run(line(&["import", "--as", "nt/GUID/imported", "bare.json"])).check();
    folder.run(line(&["import", "--as", "Win7SP1x64", "ours.json"])).check();
    folder.write("ntoskrnl.exe", with_debug_information(guid(6), "ntkrnlmp.pdb"));
    folder.run(line(&["nt/GUID", "add_guid", "--binary", "ntoskrnl.exe"])).check();
    folder
}

#[test]
fn a_rebuilt_inventory_is_the_undisturbed_one() {
    let folder = every_kind();
    let known = folder.read(INVENTORY);
    let made = profiles(&folder);
    let records = inventory(&folder);
    for (name, health) in [
        (format!("public/GUID/{}", guid(3)), "symbols only"),
        (format!("plain/GUID/{}", guid(4)), "symbols only"),
        (format!("plain/GUID/{}", guid(5)), "symbols only"),
        (format!("nt/GUID/{}", guid(1)), "complete"),
        ("empty".to_owned(), "symbols only"),
        ("nt/GUID/imported".to_owned(), "failed"),
    ] {
        assert_eq!(records[&name]["health"], health, "{name}: {records}");
    }
    assert_eq!(records.as_object().unwrap().len(), made.len());
    folder.run(line(&["verify"])).stderr("0 could not be made again, 0 recorded wrongly").check();
    for damage in [None, Some("<html>".as_bytes()), Some(&known[..known.len() / 2])] {
        for rebuild in [&["seal"][..], &["build_all"]] {
            match damage {
                None => std::fs::remove_file(folder.join(INVENTORY)).unwrap(),
                Some(bytes) => drop(folder.write(INVENTORY, bytes)),
            }
            if damage.is_none() {
                folder.run(line(&["verify"])).status(1).stderr("manage_repo seal").check();
            }
            folder.run(line(rebuild)).check();
            assert!(folder.read(INVENTORY) == known, "{}", unpacked(&folder, INVENTORY));
            assert_eq!(profiles(&folder), made);
        }
    }
}

/// Replaces a part of the inventory's text.
fn tamper(folder: &Folder, from: &str, to: &str) {
    let bytes = folder.read(INVENTORY);
    let text = String::from_utf8(profile::unpack(&bytes, 1 << 30).unwrap().into_owned()).unwrap();
    assert!(text.contains(from), "{text}");
    folder.write(INVENTORY, gzip(text.replacen(from, to, 1).as_bytes()));
}

#[test]
fn a_wrong_record_is_reported_and_corrected() {
    let folder = every_kind();
    let known = folder.read(INVENTORY);
    tamper(&folder, "\"symbols only\"", "\"failed\"");
    folder
        .run(line(&["verify"]))
        .status(1)
        .stderr("recorded wrongly: recorded with health 'failed', expected 'symbols only'")
        .stderr("1 recorded wrongly (manage_repo seal corrects the inventory)")
        .check();
    folder
        .run(line(&["seal"]))
        .stderr("its record was corrected: health 'failed', expected 'symbols only'")
        .check();
    assert!(folder.read(INVENTORY) == known, "{}", unpacked(&folder, INVENTORY));
    folder.run(line(&["verify"])).stderr("0 recorded wrongly").check();
    // A record without its object, and an object without a record.
    let gone = format!("repo/v1.0/public/GUID/{}.gz", guid(3));
    std::fs::rename(folder.join(&gone), folder.join("repo/v1.0/public/other.gz")).unwrap();
    folder
        .run(line(&["verify"]))
        .status(1)
        .stderr("public/other: recorded wrongly: the inventory does not list it")
        .check();
}

#[test]
fn an_object_of_the_recorded_size_is_not_mistaken_for_the_recorded_one() {
    let folder = every_kind();
    let name = format!("nt/GUID/{}", guid(1));
    let path = format!("repo/v1.0/{name}.gz");
    // The object of a builder that was killed before it could record it: another profile of the same size.
    let mut text = profile::unpack(&folder.read(&path), 1 << 30).unwrap().into_owned();
    let size = folder.read(&path).len();
    let at = String::from_utf8_lossy(&text).find("PsActiveProcessHead").unwrap();
    let other = (b'A'..=b'Z').map(|letter| {
        text[at] = letter;
        gzip(&text)
    });
    let Some(other) = other.into_iter().find(|bytes| bytes.len() == size && *bytes != folder.read(&path))
    else {
        return;
    };
    std::thread::sleep(std::time::Duration::from_millis(20));
    folder.write(&path, &other);
    folder.run(line(&["seal"])).check();
    folder.run(line(&["verify", &name])).status(1).stderr("different sha256").check();
    let record = inventory(&folder)[&name].clone();
    folder.run(line(&["build", &name])).check();
    assert_ne!(record["sha256"], inventory(&folder)[&name]["sha256"]);
}

#[test]
fn a_removed_import_is_replaced_by_the_profile_that_is_made() {
    let folder = every_kind();
    let name = format!("nt/GUID/{}", guid(1));
    let path = format!("repo/v1.0/{name}.gz");
    let own = inventory(&folder)[&name].clone();
    folder.write("ours.json.gz", folder.read(&path));
    folder.run(line(&["import", "--as", &name, "ours.json.gz"])).check();
    assert_eq!(inventory(&folder)[&name]["generator"], "imported");
    std::fs::remove_file(folder.join(&path)).unwrap();
    folder.run(line(&["build", &name])).check();
    for _ in 0..2 {
        assert_eq!(inventory(&folder)[&name], own);
        std::fs::remove_file(folder.join(INVENTORY)).unwrap();
        folder.run(line(&["seal"])).check();
    }
}
