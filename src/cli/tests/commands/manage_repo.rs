//! `manage_repo` as a user runs it, on folders of PDBs that are our own kernel's with many identities.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use profile::GuidAge;
use serde_json::Value;
use symbol_server::fixture;

use crate::harness::Folder;

pub const OURS: &str = "9E4DF50D3AD3E3064C4C44205044422E1";

/// The PDB of our own kernel (testdata/kernel).
pub fn kernel() -> Vec<u8> {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/store");
    let path = store.join("ntkrnlmp.pdb").join(OURS).join("ntkrnlmp.pd_");
    let mut cabinet = pe::PdbCabinet::open(File::open(path).unwrap(), None, 1 << 30).unwrap();
    let mut pdb = tempfile::tempfile().unwrap();
    cabinet.extract(&mut pdb, &|_| ()).unwrap();
    profile::MappedFile::from_file(pdb).unwrap().to_vec()
}

pub fn guid(index: u8) -> GuidAge {
    GuidAge::new([index.wrapping_mul(37); 16], u32::from(index) + 1)
}

/// Puts our kernel into the store `symbols` with this identity.
pub fn put(folder: &Folder, pdb: &[u8], name: &str, to: GuidAge) {
    let bytes = fixture::reidentified(pdb, OURS.parse().unwrap(), to).unwrap();
    let place = folder.join(&format!("symbols/{name}/{to}"));
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join(name), bytes).unwrap();
}

const CONFIG: &str = "nt/GUID:\n  type: WindowsGUIDProfile\n  guids: src/nt/guids.yaml\n  has_structs: true\n  \
                      profile_class: Nt\n  transforms:\n    merge: [nt/undocumented]\n\
                      nt/undocumented:\n  type: CopyAndTransform\n  source: src/nt/undocumented.yaml\n";

/// A repository that lists `count` kernels and one that does not exist.
pub fn repository(count: u8) -> Folder {
    let folder = Folder::new();
    let pdb = kernel();
    let mut list = "ntkrnlmp.pdb:\n- '000000000000000000000000000000000'\n".to_owned();
    for index in 1..=count {
        put(&folder, &pdb, "ntkrnlmp.pdb", guid(index));
        list.push_str(&format!("- {}\n", guid(index)));
    }
    std::fs::create_dir_all(folder.join("repo/v1.0/src/nt")).unwrap();
    folder.write("repo/v1.0/config.yaml", CONFIG);
    folder.write("repo/v1.0/src/nt/guids.yaml", list);
    folder.write(
        "repo/v1.0/src/nt/undocumented.yaml",
        "$METADATA:\n  Type: Profile\n  ProfileClass: Nt\n$STRUCTS:\n  _X:\n  - 8\n  - {a: [0, [unsigned int]]}\n",
    );
    folder
}

pub fn line<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut line = vec!["manage_repo", "--path_to_repository", "repo"];
    // The other verbs download nothing, and refuse the option.
    if !words.iter().any(|word| ["import", "missing", "plan", "seal"].contains(word)) {
        line.extend(["--symbol-path", "symbols"]);
    }
    line.extend(words);
    line
}

/// Every profile with its bytes.
pub fn profiles(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let root = folder.join("repo/v1.0");
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                if name.ends_with(".gz") && !name.starts_with("src/") && name != "inventory.gz" {
                    found.insert(name, std::fs::read(path).unwrap());
                }
            }
        }
    }
    found
}

pub fn unpacked(folder: &Folder, name: &str) -> Value {
    let bytes = folder.read(name);
    serde_json::from_slice(&profile::unpack(&bytes, 1 << 30).unwrap()).unwrap()
}

/// The content of the inventory without times.
pub fn inventory(folder: &Folder) -> Value {
    let mut inventory = unpacked(folder, "repo/v1.0/inventory.gz")["$INVENTORY"].take();
    for (_, record) in inventory.as_object_mut().unwrap() {
        assert!(record["LastModified"].as_f64().unwrap() > 1.0e9);
        record.as_object_mut().unwrap().remove("LastModified");
    }
    inventory
}

#[test]
fn a_batch_makes_what_is_missing_and_nothing_else() {
    let folder = repository(3);
    folder
        .run(line(&["build_all"]))
        .status(1)
        .stderr("nt/GUID/000000000000000000000000000000000 rejected: ntkrnlmp.pdb 0000")
        .stderr("4 made, 0 unchanged, 0 rejected before, 1 failed")
        .stderr("nt/export_index: index of 3 profiles")
        .stderr("inventory: 5 profiles")
        .check();
    let first = profiles(&folder);
    assert_eq!(first.len(), 5);
    let name = format!("nt/GUID/{}", guid(2));
    let profile = unpacked(&folder, &format!("repo/v1.0/{name}.gz"));
    assert_eq!(profile["$METADATA"]["GUID_AGE"], guid(2).to_string());
    assert_eq!(profile["$METADATA"]["ProfileClass"], "Nt");
    assert_eq!(profile["$MERGE"][0], "nt/undocumented");
    assert_eq!(unpacked(&folder, "repo/v1.0/nt/undocumented.gz")["$STRUCTS"]["_X"][0], 8);
    let record = &inventory(&folder)[&name];
    assert_eq!(record["source"], format!("ntkrnlmp.pdb/{}", guid(2)));
    assert_eq!(record["size"], first[&format!("{name}.gz")].len());
    assert_eq!(record["health"], "complete");
    let rejects = unpacked(&folder, "repo/v1.0/src/nt/guids.yaml.rejects.gz");
    assert!(rejects["000000000000000000000000000000000"].as_str().unwrap().contains("is not there"));
    let before = folder.read("repo/v1.0/inventory.gz");
    folder
        .run(line(&["build_all"]))
        .stderr("0 made, 4 unchanged, 1 rejected before (--retry tries them again), 0 failed")
        .check();
    assert_eq!(folder.read("repo/v1.0/inventory.gz"), before);
    assert_eq!(profiles(&folder), first);
    folder
        .run(line(&["build_all", "--retry"]))
        .status(1)
        .stderr("4 unchanged, 0 rejected before, 1 failed")
        .check();
}

#[test]
fn changed_sources_are_made_again() {
    let folder = repository(2);
    folder.run(line(&["build_all"])).status(1).check();
    // The source of a text, and the settings that a list's entry adds to its profiles.
    folder.write("repo/v1.0/src/nt/undocumented.yaml", "$STRUCTS: {_X: [16, {}]}\n");
    folder.run(line(&["build_all"])).stderr("1 made, 2 unchanged").check();
    assert_eq!(unpacked(&folder, "repo/v1.0/nt/undocumented.gz")["$STRUCTS"]["_X"][0], 16);
    folder.write("repo/v1.0/config.yaml", CONFIG.replace("profile_class: Nt", "profile_class: Nt2"));
    folder.run(line(&["build_all"])).stderr("2 made, 1 unchanged").check();
    // A truncated profile.
    let cut = format!("repo/v1.0/nt/GUID/{}.gz", guid(1));
    let whole = folder.read(&cut);
    folder.write(&cut, &whole[..whole.len() / 2]);
    folder.run(line(&["build_all"])).stderr("1 made, 2 unchanged").check();
    assert_eq!(folder.read(&cut), whole);
}

#[test]
fn a_lost_or_damaged_inventory_is_rebuilt_without_making_profiles() {
    let folder = repository(2);
    folder.run(line(&["build_all"])).status(1).check();
    let known = inventory(&folder);
    for damage in [None, Some("<html>".as_bytes())] {
        match damage {
            None => std::fs::remove_file(folder.join("repo/v1.0/inventory.gz")).unwrap(),
            Some(bytes) => drop(folder.write("repo/v1.0/inventory.gz", bytes)),
        }
        folder.run(line(&["build_all"])).stderr("0 made, 3 unchanged").check();
        assert_eq!(inventory(&folder), known);
    }
}

#[test]
fn three_shards_make_what_one_builder_makes() {
    let whole = repository(8);
    whole.run(line(&["build_all"])).status(1).check();
    let folder = repository(8);
    let plan: Value =
        serde_json::from_str(&folder.run(line(&["plan", "--shards", "3", "--json"])).check()).unwrap();
    let shards = plan["matrix"]["include"].as_array().unwrap();
    assert_eq!(shards.len(), 3);
    let to_make =
        |shards: &[Value]| shards.iter().map(|shard| shard["to_make"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(to_make(shards), 10);
    let one: Value = serde_json::from_str(&folder.run(line(&["nt/GUID", "plan", "--json"])).check()).unwrap();
    assert_eq!(to_make(one["matrix"]["include"].as_array().unwrap()), 9);
    // At the same time, one of them twice.
    let parts = ["1/3", "2/3", "3/3", "2/3"];
    let mut running: Vec<_> = parts
        .iter()
        .map(|part| folder.run(line(&["build", "--shard", part, "-q"])).command().spawn().unwrap())
        .collect();
    for child in &mut running {
        assert!(matches!(child.wait().unwrap().code(), Some(0 | 1)));
    }
    assert!(!folder.join("repo/v1.0/inventory.gz").exists());
    folder.run(line(&["seal"])).stderr("inventory: 10 profiles").check();
    assert_eq!(profiles(&folder), profiles(&whole));
    assert_eq!(inventory(&folder), inventory(&whole));
    let rejects = "repo/v1.0/src/nt/guids.yaml.rejects.gz";
    assert_eq!(unpacked(&folder, rejects).as_object().unwrap().len(), 1);
    assert!(std::fs::read_dir(folder.join("repo/v1.0/src/parts")).unwrap().next().is_none());
}

#[test]
fn a_builder_that_is_killed_loses_nothing() {
    let whole = repository(12);
    whole.run(line(&["build_all"])).status(1).check();
    let folder = repository(12);
    for delay in [2, 5, 10, 20, 35, 50, 80] {
        let mut child = folder.run(line(&["build_all", "-q", "--threads", "1"])).command().spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, bytes) in profiles(&folder) {
            assert_eq!(profiles(&whole)[&name], bytes, "{name} is half written");
        }
    }
    folder.run(line(&["build_all", "--retry"])).status(1).check();
    assert_eq!(profiles(&folder), profiles(&whole));
    assert_eq!(inventory(&folder), inventory(&whole));
}

#[test]
fn rekalls_own_lines_work() {
    let folder = repository(1);
    let pdb = kernel();
    let added: GuidAge = "F8E2A8B5C9B74BF4A6E4A48F180099941F".parse().unwrap();
    put(&folder, &pdb, "ntkrnlmp.pdb", added);
    put(&folder, &pdb, "ntkrnlmp.pdb", guid(9));
    let repo = ["manage_repo", "--path_to_repository", "repo/v1.0", "--symbol-path", "symbols"];
    let run = |words: &[&str]| folder.run(repo.iter().copied().chain(words.iter().copied()));
    run(&["nt/GUID", "build", &format!("ntkrnlmp.pdb/{}", guid(9))]).stderr("1 made, 0 unchanged").check();
    run(&["nt/GUID", "add_guid", &format!("ntkrnlmp.pdb/{{{}", added.to_string().to_lowercase())])
        .status(1)
        .stderr("guids.yaml: added ntkrnlmp.pdb F8E2A8B5C9B74BF4A6E4A48F180099941F")
        .stderr("2 made, 0 unchanged")
        .check();
    let list = String::from_utf8(folder.read("repo/v1.0/src/nt/guids.yaml")).unwrap();
    assert!(list.contains("- '000000000000000000000000000000000'\n") && list.ends_with("941F\n"), "{list}");
    assert!(profiles(&folder).contains_key(&format!("nt/GUID/{added}.gz")));
}

#[test]
fn the_missing_are_listed_for_another_machine() {
    let folder = repository(2);
    folder.run(line(&["build", &format!("nt/GUID/{}", guid(1))])).check();
    let manifest: Value = serde_json::from_str(&folder.run(line(&["missing"])).check()).unwrap();
    let wanted: Vec<&str> = manifest["wanted"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wanted| wanted["guid_age"].as_str().unwrap())
        .collect();
    assert_eq!(wanted, ["000000000000000000000000000000000", &guid(2).to_string()]);
}

#[test]
fn verify_finds_the_byte_that_differs() {
    let folder = repository(2);
    folder.run(line(&["build_all"])).status(1).check();
    folder.run(line(&["verify"])).stderr("3 the same, 0 imported, 0 different").check();
    let name = format!("repo/v1.0/nt/GUID/{}.gz", guid(1));
    let mut bytes = folder.read(&name);
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    folder.write(&name, bytes);
    folder
        .run(line(&["verify"]))
        .status(1)
        .stderr(format!("nt/GUID/{}: different sha256", guid(1)))
        .stderr("2 the same, 0 imported, 1 different")
        .check();
}

#[test]
fn a_foreign_profile_is_imported_unchanged() {
    let folder = repository(1);
    folder.run(line(&["build_all"])).status(1).check();
    let name = format!("nt/GUID/{}", guid(1));
    let bytes = folder.read(&format!("repo/v1.0/{name}.gz"));
    let other = repository(1);
    other.write("given.json.gz", &bytes);
    other.write("page.html", "<html>please log in</html>");
    other.run(line(&["import", "given.json.gz"])).stderr(&name).stderr("inventory: 2 profiles").check();
    assert_eq!(other.read(&format!("repo/v1.0/{name}.gz")), bytes);
    assert_eq!(inventory(&other)[&name]["generator"], "imported");
    other.run(line(&["build", &name])).stderr("0 made, 1 unchanged").check();
    other.run(line(&["import", "page.html"])).status(1).stderr("page.html: expected a profile").check();
}

#[test]
fn errors_are_reported_with_their_place() {
    let folder = repository(1);
    folder.write("repo/v1.0/config.yaml", "nt/GUID:\n  type: WindowsProfile\n");
    folder
        .run(line(&["build_all"]))
        .status(2)
        .stderr("config.yaml:2: nt/GUID.type: expected WindowsGUIDProfile, CopyAndTransform, OSXProfile")
        .check();
    for (verb, expected) in [
        (&["rebuild"][..], "unrecognized subcommand 'rebuild'"),
        (&["biuld"], "similar subcommand"),
        (&["seal", "nt/GUID"], "unexpected argument 'nt/GUID' found"),
        (&["plan", "--retry"], "unexpected argument '--retry' found"),
        (&["nt/GUID", "seal"], "unexpected argument 'nt/GUID' found"),
        (&["import", "a.json", "b.json", "--as", "x"], "--as: it names one profile, and 2 are given"),
    ] {
        folder.run(line(verb)).status(2).stderr(expected).check();
    }
    let empty = Folder::new();
    empty.run(line(&["build_all"])).status(2).stderr("config.yaml is missing").check();
    empty.run(line(&["build", "--shard", "4/3"])).status(2).stderr("expected K/N").check();
}

#[test]
fn definitions_of_artifacts_become_one_profile() {
    let folder = repository(0);
    std::fs::create_dir_all(folder.join("repo/v1.0/src/artifacts")).unwrap();
    folder.write(
        "repo/v1.0/config.yaml",
        "artifacts: {type: ArtifactProfile, patterns: ['src/artifacts/*.yaml']}\n",
    );
    folder.write("repo/v1.0/src/artifacts/b.yaml", "name: C\n");
    folder.write("repo/v1.0/src/artifacts/a.yaml", "# two\nname: A\n---\nname: B\nlabels: [x]\n");
    folder.run(line(&["build_all"])).stderr("1 made").check();
    let profile = unpacked(&folder, "repo/v1.0/artifacts.gz");
    let names: Vec<&str> = profile["$ARTIFACTS"]
        .as_array()
        .unwrap()
        .iter()
        .map(|definition| definition["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["A", "B", "C"]);
    assert_eq!(profile["$METADATA"]["ProfileClass"], "ArtifactProfile");
    folder.run(line(&["build_all"])).stderr("0 made, 1 unchanged").check();
    folder.write("repo/v1.0/src/artifacts/b.yaml", "name: [\n");
    folder.run(line(&["build_all"])).status(1).stderr("b.yaml:").stderr("1 failed").check();
}

#[test]
fn a_binary_names_its_build_and_its_older_names() {
    let folder = repository(0);
    let pdb = kernel();
    put(&folder, &pdb, "ntkrnlmp.pdb", OURS.parse().unwrap());
    let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/ntoskrnl.exe");
    folder
        .run(line(&["nt/GUID", "add_guid", "--binary", binary.to_str().unwrap()]))
        .status(1)
        .stderr(format!("GUID/{OURS} stands for nt/GUID/{OURS}"))
        .check();
    let link = unpacked(&folder, &format!("repo/v1.0/GUID/{OURS}.gz"));
    assert_eq!(link["$METADATA"]["Type"], "Symlink");
    assert_eq!(link["$METADATA"]["Target"], format!("nt/GUID/{OURS}"));
    assert!(profiles(&folder).contains_key(&format!("nt/GUID/{OURS}.gz")));
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_public_repositorys_own_configuration_drives_a_batch() {
    let real = crate::harness::corpus("repository/v1.0");
    let folder = Folder::new();
    let pdb = kernel();
    // The index of exports.
    let mut expected = 1;
    std::fs::create_dir_all(folder.join("repo/v1.0")).unwrap();
    std::fs::copy(real.join("config.yaml"), folder.join("repo/v1.0/config.yaml")).unwrap();
    for family in ["nt", "ntdll", "tcpip", "win32k"] {
        let text = std::fs::read_to_string(real.join(format!("src/{family}/guids.yaml"))).unwrap();
        std::fs::create_dir_all(folder.join(&format!("repo/v1.0/src/{family}"))).unwrap();
        folder.write(&format!("repo/v1.0/src/{family}/guids.yaml"), &text);
        let mut seen = std::collections::BTreeSet::new();
        let mut name = "";
        for entry in text.lines() {
            if let Some(pdb_name) = entry.strip_suffix(':') {
                name = pdb_name;
            } else {
                let build: GuidAge = entry.trim_start_matches("- ").trim_matches('\'').parse().unwrap();
                if build.guid() != [0; 16] && seen.insert(build) {
                    put(&folder, &pdb, name, build);
                }
            }
        }
        expected += seen.len();
    }
    let server = symbol_server::Server::of_folder(&folder.join("symbols")).unwrap();
    let lines = ["manage_repo", "--path_to_repository", "repo", "--symbol-path", &server.url()];
    // Sources that are missing in this copy of the repository are reported: one build of zeros, two texts, the packs.
    let told = folder
        .run(lines.iter().copied().chain(["build_all", "--json"]))
        .status(1)
        .stderr(format!("inventory: {expected} profiles"))
        .check();
    let report: Value = serde_json::from_str(&told).unwrap();
    let failed: Vec<&str> =
        report["failures"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(failed.iter().filter(|name| name.starts_with("nt/GUID/")).count(), 1, "{failed:?}");
    assert!(failed.contains(&"nt/GUID/000000000000000000000000000000000"), "{failed:?}");
    assert!(failed.iter().all(|name| name.starts_with("nt/") || name.starts_with("OSX")), "{failed:?}");
    assert_eq!(profiles(&folder).len(), expected);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn packs_become_profiles_that_keep_every_letter() {
    let folder = repository(0);
    let pack = crate::harness::corpus("volatility/made__Debian12_6.1.0-56-cloud-amd64-dw4.zip");
    let linux = folder.join("repo/v1.0/src/Linux/Slackware/14.1/x86_64");
    std::fs::create_dir_all(&linux).unwrap();
    std::fs::create_dir_all(folder.join("repo/v1.0/src/OSX")).unwrap();
    std::fs::copy(&pack, linux.join("4.1.3-smp.zip")).unwrap();
    std::fs::copy(&pack, folder.join("repo/v1.0/src/OSX/10.9.5.64bit.zip")).unwrap();
    folder.write(
        "repo/v1.0/config.yaml",
        "Linux: {type: LinuxProfile}\nOSX: {type: OSXProfile, sources: [src/OSX/10.9.5.64bit]}\n",
    );
    folder.run(line(&["build_all"])).stderr("2 made").check();
    let names: Vec<String> = profiles(&folder).into_keys().collect();
    assert_eq!(names, ["Linux/Slackware/14.1/x86_64/4.1.3-smp.gz", "OSX/10.9.5.64bit.gz"]);
    folder.run(line(&["build_all"])).stderr("0 made, 2 unchanged").check();
}

#[test]
fn imports_do_not_take_the_names_of_the_repositorys_own_files() {
    let folder = repository(1);
    let profile = |pdb: &str| {
        serde_json::json!({"$METADATA": {"Type": "Profile", "ProfileClass": "Own", "PDBFile": pdb,
            "GUID_AGE": "F8E2A8B5C9B74BF4A6E4A48F180099942"}, "$CONSTANTS": {"a": 1}})
        .to_string()
    };
    folder.write("good.json", profile("good.pdb"));
    for name in ["inventory", "config.yaml", "src/pdb/x", "v1.0/x", ".lock", "a\u{202e}b", "nt/a\u{200b}"] {
        let run = folder.run(line(&["import", "good.json", "--as", name])).status(2);
        run.stderr("the name of a").check();
    }
    for (pdb, message) in [
        ("src.pdb", "the repository keeps the sources of profiles"),
        ("config.yaml.pdb", "the repository keeps the configuration"),
        ("inventory.gz.pdb", "the repository keeps the inventory"),
        (".lock.pdb", "the repository keeps locks"),
        ("a\u{202e}b.pdb", "character '\\u{202e}' at position 1"),
        ("a\u{2066}.pdb", "character '\\u{2066}' at position 1"),
        ("\u{200b}.pdb", "character '\\u{200b}' at position 0"),
    ] {
        folder.write("hostile.json", profile(pdb));
        // The other file is imported.
        let run = folder.run(line(&["import", "hostile.json", "good.json"])).status(1);
        run.stderr(message).check();
    }
    let stored: Vec<String> = profiles(&folder).into_keys().collect();
    assert!(stored.iter().any(|name| name.contains("good/GUID/")), "{stored:?}");
    assert_eq!(stored.iter().filter(|name| name.contains("GUID/F8E2A8B5")).count(), 1, "{stored:?}");
    for name in ["src/GUID", "config.yaml/GUID", "inventory.gz/GUID", ".lock"] {
        assert!(!folder.join(&format!("repo/v1.0/{name}")).exists(), "{name}");
    }
}

#[test]
fn entries_do_not_take_the_names_of_the_repositorys_own_files() {
    let folder = repository(1);
    for text in [
        "src/nt:\n  type: LinuxProfile\n",
        "OSX:\n  type: LinuxProfile\n  index: [{src: src/a.yaml, dest: src/nt/guids.yaml}]\n",
    ] {
        folder.write("repo/v1.0/config.yaml", text);
        let run = folder.run(line(&["build_all"])).status(2);
        run.stderr("the repository keeps the sources of profiles").check();
    }
}
