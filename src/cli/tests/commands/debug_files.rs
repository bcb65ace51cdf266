//! `manage_repo` with entries of type `DebugFile`, on our own files (testdata/dwarf) under many build-ids.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::Folder;
use crate::manage_repo::{inventory, line, profiles, unpacked};

const CONFIG: &str = "kernels:\n  type: DebugFile\n  sources: ['src/Linux/*', 'src/OSX/*.dSYM']\n";
const REJECTS: &str = "repo/v1.0/src/kernels.rejects.gz";

fn data(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf").join(name)).unwrap()
}

/// A debug file with types and without symbols: enough for a profile that is not a kernel's.
pub fn debug_file(build: u8) -> Vec<u8> {
    let mut bytes = data("elf/common.debug");
    let id = dwarf_converter::build_id(&bytes).unwrap();
    let at = memchr::memmem::find(&bytes, &id).unwrap();
    bytes[at..at + id.len()].fill(build);
    bytes
}

/// A linked kext with symbols, named by its UUID.
const KEXT: &str = "OSX/4C4C4423-5555-3144-A110-B753DE34B172.gz";

pub fn name(build: u8) -> String {
    format!("Linux/{}", format!("{build:02x}").repeat(20))
}

/// A Debian package that holds one file, unpacked: `ar` around `tar`, both without compression.
pub fn package(path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, "0000644\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tar = header.to_vec();
    tar.extend(content);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    let mut package = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", b"2.0\n".as_slice()), ("data.tar", &tar)] {
        package.extend(format!("{name:<16}{:<32}{:<10}`\n", "0", content.len()).as_bytes());
        package.extend(content);
        package.resize(package.len().next_multiple_of(2), b'\n');
    }
    package
}

fn put(folder: &Folder, name: &str, content: &[u8]) {
    let path = folder.join(&format!("repo/v1.0/src/{name}"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// A repository with plain files, packages, a dSYM bundle, and files that give no profile.
fn repository(count: u8) -> Folder {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.join("repo/v1.0/src")).unwrap();
    folder.write("repo/v1.0/config.yaml", CONFIG);
    for build in 1..=count {
        if build % 2 == 0 {
            let inside = format!("./usr/lib/debug/boot/vmlinux-{build}");
            put(&folder, &format!("Linux/image-{build}-dbg.deb"), &package(&inside, &debug_file(build)));
        } else {
            put(&folder, &format!("Linux/vmlinux-{build}"), &debug_file(build));
        }
    }
    put(&folder, "OSX/kext.dSYM/Contents/Info.plist", b"<plist/>");
    put(&folder, "OSX/kext.dSYM/Contents/Resources/DWARF/kext", &data("macho/kext-arm64"));
    put(&folder, "Linux/broken.deb", b"!<arch>\ndebian-binary   0");
    put(&folder, "Linux/notes.txt", b"What is in this folder.\n");
    folder
}

/// A linked Mach-O file under another UUID.
fn mac_file(build: u8) -> Vec<u8> {
    let mut bytes = data("macho/kext-arm64");
    let uuid = [0x4c, 0x4c, 0x44, 0x23, 0x55, 0x55, 0x31, 0x44];
    let at = memchr::memmem::find(&bytes, &uuid).unwrap();
    bytes[at..at + 16].fill(build);
    bytes
}

/// Adds an unpacked Kernel Debug Kit with these kernels, and with what else is in a kit.
fn put_kit(folder: &Folder, name: &str, kernels: &[(&str, u8)]) {
    let library = format!("kits/{name}/System/Library");
    for (kernel, build) in kernels {
        put(folder, &format!("{library}/Kernels/{kernel}"), &mac_file(*build));
        let bundle = format!("{library}/Kernels/{kernel}.dSYM/Contents");
        put(folder, &format!("{bundle}/Info.plist"), b"<plist/>");
        put(folder, &format!("{bundle}/Resources/DWARF/{kernel}"), &mac_file(*build));
        put(folder, &format!("{bundle}/Resources/Python/{kernel}.py"), b"import lldb\n");
    }
    let kext = format!("{library}/Extensions/a.kext.dSYM/Contents/Resources/DWARF/a");
    put(folder, &kext, &mac_file(99));
    put(folder, &format!("kits/{name}.dmg"), b"koly");
}

#[test]
fn kernels_of_unpacked_kernel_debug_kits_become_profiles() {
    const CONFIG: &str = "kits:\n  type: KernelDebugKits\n  folder: src/kits\n";
    let repository = || {
        let folder = Folder::new();
        std::fs::create_dir_all(folder.join("repo/v1.0")).unwrap();
        folder.write("repo/v1.0/config.yaml", CONFIG);
        put_kit(&folder, "KDK_13.0_22A380.kdk", &[("kernel.release.t6000", 1), ("kernel.kasan.t6000", 2)]);
        folder
    };
    let uuid = |build: u8| {
        let digits = format!("{build:02X}").repeat(16);
        let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits[part].to_owned());
        format!("OSX/{a}-{b}-{c}-{d}-{e}")
    };
    let folder = repository();
    folder.run(line(&["build_all"])).stderr("2 made, 0 unchanged, 0 rejected before, 0 failed").check();
    let made = profiles(&folder);
    assert!(made.keys().eq(&[1, 2].map(|build| format!("{}.gz", uuid(build)))), "{:?}", made.keys());
    let source = &inventory(&folder)[&uuid(1)]["source"];
    let path =
        "System/Library/Kernels/kernel.release.t6000.dSYM/Contents/Resources/DWARF/kernel.release.t6000";
    assert!(
        source.as_str().unwrap().starts_with(&format!("src/kits/KDK_13.0_22A380.kdk/{path} sha256:")),
        "{source}"
    );
    // Only what is new is made.
    folder.run(line(&["build_all"])).stderr("0 made, 2 unchanged").check();
    put_kit(&folder, "KDK_14.1_23B74.kdk", &[("kernel.release.t8103", 3)]);
    folder.run(line(&["build_all"])).stderr("1 made, 2 unchanged").check();
    // The parts of two builders are what one makes.
    let parts = repository();
    put_kit(&parts, "KDK_14.1_23B74.kdk", &[("kernel.release.t8103", 3)]);
    for shard in ["1/2", "2/2"] {
        parts.run(line(&["build", "--shard", shard])).check();
    }
    parts.run(line(&["seal"])).check();
    assert_eq!(profiles(&parts), profiles(&folder));
    assert_eq!(profiles(&parts).len(), 3);
    // One kit alone, unpacked into the folder itself.
    let alone = Folder::new();
    std::fs::create_dir_all(alone.join("repo/v1.0")).unwrap();
    alone.write("repo/v1.0/config.yaml", CONFIG);
    put_kit(&alone, ".", &[("kernel", 4)]);
    alone.run(line(&["build_all"])).stderr("1 made").check();
}

fn rejects(folder: &Folder) -> Value {
    unpacked(folder, REJECTS)
}

#[test]
fn files_packages_and_bundles_become_profiles_named_by_their_builds() {
    let folder = repository(3);
    folder
        .run(line(&["build_all"]))
        .status(1)
        .stderr("src/Linux/broken.deb rejected: the package is damaged")
        .stderr("src/Linux/notes.txt rejected: expected a PDB,")
        .stderr("2 failed")
        .check();
    let made = profiles(&folder);
    for build in 1..=3 {
        let key = format!("{}.gz", name(build));
        assert!(made.contains_key(&key), "{key} is not among {:?}", made.keys());
    }
    // The same bytes as parse_dwarf makes of the file.
    folder.run(["parse_dwarf", "repo/v1.0/src/Linux/image-2-dbg.deb", "-o", "p.json.gz"]).check();
    assert_eq!(made[&format!("{}.gz", name(2))], folder.read("p.json.gz"));
    assert!(made.contains_key(KEXT), "{:?}", made.keys());
    let record = &inventory(&folder)[&name(1)];
    let source = record["source"].as_str().unwrap();
    let sum = source.strip_prefix("src/Linux/vmlinux-1 sha256:").unwrap_or_else(|| panic!("{source}"));
    assert_eq!(sum.len(), 64);
    assert!(record["generator"].as_str().unwrap().starts_with("rekall-profile dwarf "), "{record}");
    let reasons = rejects(&folder);
    let broken =
        reasons.as_object().unwrap().keys().find(|key| key.starts_with("src/Linux/broken.deb sha256:"));
    assert!(broken.is_some(), "{reasons}");
    // Everything is known now: nothing is made again, and nothing changes.
    let before = folder.read("repo/v1.0/inventory.gz");
    let unchanged = format!("0 made, {} unchanged, 2 rejected before", made.len());
    folder.run(line(&["build_all"])).stderr(unchanged).check();
    assert_eq!((folder.read("repo/v1.0/inventory.gz"), profiles(&folder)), (before, made));
    folder.run(line(&["verify"])).stderr("0 different or absent, 0 could not be made again").check();
}

#[test]
fn shards_make_what_one_builder_makes() {
    let whole = repository(9);
    whole.run(line(&["build_all"])).status(1).check();
    let folder = repository(9);
    let mut running: Vec<_> = ["1/3", "2/3", "3/3", "2/3"]
        .iter()
        .map(|part| folder.run(line(&["build", "--shard", part, "-q"])).command().spawn().unwrap())
        .collect();
    for child in &mut running {
        assert!(matches!(child.wait().unwrap().code(), Some(0 | 1)));
    }
    folder.run(line(&["seal"])).check();
    assert_eq!(profiles(&folder), profiles(&whole));
    assert_eq!(inventory(&folder), inventory(&whole));
    assert_eq!(rejects(&folder), rejects(&whole));
    // A lost inventory is rebuilt unchanged without making any profile.
    std::fs::remove_file(folder.join("repo/v1.0/inventory.gz")).unwrap();
    folder.run(line(&["seal"])).check();
    assert_eq!(inventory(&folder), inventory(&whole));
}

#[test]
fn a_killed_builder_continues_where_it_was() {
    let whole = repository(9);
    whole.run(line(&["build_all"])).status(1).check();
    let folder = repository(9);
    let truth = profiles(&whole);
    for delay in [5, 10, 20, 40, 60, 80] {
        let mut child = folder.run(line(&["build_all", "-q", "--threads", "1"])).command().spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, bytes) in profiles(&folder) {
            assert_eq!(truth[&name], bytes, "{name} is half written");
        }
    }
    let status = folder.run(line(&["build_all", "-q"])).command().status().unwrap();
    assert!(matches!(status.code(), Some(0 | 1)));
    assert_eq!(profiles(&folder), truth);
    assert_eq!(inventory(&folder), inventory(&whole));
    assert_eq!(rejects(&folder), rejects(&whole));
}

#[test]
fn of_two_files_of_one_build_the_first_by_name_gives_the_profile() {
    // The same build-id with another layout shows which of the two was read.
    let other = |build| {
        let mut bytes = debug_file(build);
        let at = memchr::memmem::find(&bytes, b"elf_note_info\0").unwrap();
        bytes[at] = b'E';
        bytes
    };
    let rejected = format!("src/Linux/b rejected: {} is made from src/Linux/a", name(1));
    let mut ends = Vec::new();
    for late in ["a", "b"] {
        let folder = repository(0);
        let early = if late == "a" { "b" } else { "a" };
        let content = |file: &str| if file == "a" { debug_file(1) } else { other(1) };
        put(&folder, &format!("Linux/{early}"), &content(early));
        folder.run(line(&["build_all"])).status(1).check();
        put(&folder, &format!("Linux/{late}"), &content(late));
        folder.run(line(&["build_all"])).status(1).stderr(rejected.as_str()).check();
        folder.run(line(&["build_all"])).stderr("0 made, 2 unchanged, 3 rejected before").check();
        ends.push((profiles(&folder), inventory(&folder), rejects(&folder)));
        // Without the first one the other is no longer rejected.
        std::fs::remove_file(folder.join("repo/v1.0/src/Linux/a")).unwrap();
        folder.run(line(&["build_all"])).stderr("1 made, 1 unchanged, 2 rejected before").check();
        let record = inventory(&folder)[&name(1)]["source"].as_str().unwrap().to_owned();
        assert!(record.starts_with("src/Linux/b sha256:"), "{record}");
        assert!(!rejects(&folder).to_string().contains("same build"), "{}", rejects(&folder));
    }
    assert_eq!(ends[0], ends[1]);
    // Both at the same time, in separate shards and together.
    for shards in [1, 5] {
        let folder = repository(0);
        put(&folder, "Linux/a", &debug_file(1));
        put(&folder, "Linux/b", &other(1));
        let mut running: Vec<_> = (1..=shards)
            .map(|shard| {
                let shard = format!("{shard}/{shards}");
                folder.run(line(&["build", "--shard", &shard, "-q"])).command().spawn().unwrap()
            })
            .collect();
        for child in &mut running {
            child.wait().unwrap();
        }
        folder.run(line(&["seal"])).check();
        assert_eq!((profiles(&folder), inventory(&folder), rejects(&folder)), ends[0], "{shards} shards");
    }
}

#[test]
fn changed_sources_are_made_again_and_repaired_ones_are_not_rejected() {
    let folder = repository(1);
    folder.run(line(&["build_all"])).status(1).check();
    // Another build under the same name, and a valid file in place of a broken one.
    put(&folder, "Linux/vmlinux-1", &debug_file(7));
    put(&folder, "Linux/broken.deb", &package("boot/vmlinux", &debug_file(8)));
    folder.run(line(&["build_all"])).stderr("2 made, 1 unchanged, 1 rejected before").check();
    let made = profiles(&folder);
    assert!(made.contains_key(&format!("{}.gz", name(7))) && made.contains_key(&format!("{}.gz", name(8))));
    assert!(!rejects(&folder).to_string().contains("broken.deb"), "{}", rejects(&folder));
    // A single one, by its file or by its build.
    for word in ["src/Linux/vmlinux-1", name(7).as_str()] {
        folder.run(line(&["build", word])).stderr("0 made, 1 unchanged").check();
    }
}

#[test]
fn an_imported_profile_stays() {
    let folder = repository(1);
    folder.run(["parse_dwarf", "repo/v1.0/src/Linux/vmlinux-1", "--best", "-o", "mine.json.gz"]).check();
    folder.run(line(&["import", "mine.json.gz"])).stderr(name(1)).check();
    let expected = format!("src/Linux/vmlinux-1 rejected: {} was imported", name(1));
    folder.run(line(&["build_all"])).status(1).stderr(expected).check();
    assert_eq!(profiles(&folder)[&format!("{}.gz", name(1))], folder.read("mine.json.gz"));
    assert_eq!(inventory(&folder)[&name(1)]["generator"], "imported");
    folder.run(line(&["build_all"])).stderr("0 made, 1 unchanged, 3 rejected before").check();
    // A user who removes it wants the one that is made.
    std::fs::remove_file(folder.join(&format!("repo/v1.0/{}.gz", name(1)))).unwrap();
    folder.run(line(&["build_all"])).stderr("1 made, 1 unchanged, 2 rejected before").check();
}

#[test]
fn a_mistyped_key_is_named() {
    let folder = repository(0);
    folder.write("repo/v1.0/config.yaml", "kernels:\n  type: DebugFile\n  source: ['src/Linux/*']\n");
    folder.run(line(&["build_all"])).status(2).stderr("did you mean 'sources'?").check();
}
