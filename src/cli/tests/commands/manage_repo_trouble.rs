//! `manage_repo` under adverse conditions: full disks, killed builders, two builders at once, invalid sources.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use profile::{Effort, GuidAge, GzipWriter};
use symbol_server::Server;
use symbol_server::fixture::{self, Reach};

use crate::harness::Folder;
use crate::manage_repo::{OURS, guid, inventory, kernel, line, profiles, put, repository, unpacked};
use crate::mirror::archive;

const REJECTS: &str = "repo/v1.0/src/nt/guids.yaml.rejects.gz";

/// Every file below the repository that is not an object: temporary files of interrupted writers.
fn left_behind(folder: &Folder) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join("repo")];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "partial") {
                found.push(path);
            }
        }
    }
    found
}

/// The result of an undisturbed builder.
struct Truth(Folder);

impl Truth {
    fn of(count: u8) -> Self {
        let folder = repository(count);
        folder.run(line(&["build_all"])).status(1).check();
        Self(folder)
    }

    #[track_caller]
    fn check(&self, folder: &Folder) {
        assert_eq!(profiles(folder), profiles(&self.0));
        assert_eq!(inventory(folder), inventory(&self.0));
        assert_eq!(unpacked(folder, REJECTS), unpacked(&self.0, REJECTS));
        assert_eq!(parts(folder), 0);
    }

    /// Checks that every existing file is complete.
    #[track_caller]
    fn check_present(&self, folder: &Folder) {
        let expected = profiles(&self.0);
        for (name, bytes) in profiles(folder) {
            assert_eq!(expected[&name], bytes, "{name} is half written");
        }
        if folder.join("repo/v1.0/inventory.gz").exists() {
            // Parses, including times.
            inventory(folder);
        }
    }
}

/// The number of parts that wait to be sealed. Temporary files of killed builders are not counted; they are removed
/// when they are too old to be in use.
fn parts(folder: &Folder) -> usize {
    let Ok(entries) = std::fs::read_dir(folder.join("repo/v1.0/src/parts")) else { return 0 };
    entries.filter(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.')).count()
}

fn start(folder: &Folder, words: &[&str]) -> Child {
    folder.run(line(words).into_iter().chain(["-q"])).command().spawn().unwrap()
}

/// Kills a process; returns whether it was still working.
fn kill(mut child: Child) -> bool {
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

/// Runs a command line with file sizes limited to some kilobytes: writes fail as on a full disk, but with "file too
/// large". The shell's unit is 512 or 1024 bytes.
fn confined(folder: &Folder, units: u32, words: &[&str]) -> (i32, String) {
    let whole = folder.run(line(words)).command();
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            &format!("trap '' XFSZ 2>/dev/null || trap '' 25; ulimit -f {units}; exec \"$0\" \"$@\""),
        ])
        .arg(whole.get_program())
        .args(whole.get_args())
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path());
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
#[cfg(unix)]
fn a_full_disk_is_named_and_leaves_nothing_half_written() {
    let truth = Truth::of(3);
    let folder = repository(3);
    let (status, told) = confined(&folder, 1, &["build_all"]);
    assert_eq!(status, 2, "{told}");
    let at = told.find("repo/v1.0/nt/GUID/").unwrap_or_else(|| panic!("{told}"));
    assert!(told[at..].contains(".gz: ") && told.to_lowercase().contains("file too large"), "{told}");
    assert_eq!(left_behind(&folder), Vec::<PathBuf>::new());
    truth.check_present(&folder);
    assert!(profiles(&folder).len() < 4, "nothing failed");
    folder.run(line(&["build_all"])).status(1).check();
    truth.check(&folder);
}

#[test]
#[cfg(unix)]
fn a_disk_that_fills_while_an_archive_is_mirrored_loses_nothing() {
    let root = Folder::new();
    archive(root.path(), &[1, 2, 3]);
    let server = Server::of_folder(root.path()).unwrap();
    let url = server.url();
    let words = ["mirror", &url, "--suite", "bookworm", "--mode", "dwarf", "--as", "debian"];
    let whole = Folder::new();
    whole.run(line(&words)).check();
    let truth = profiles(&whole);
    let mut refused = Vec::new();
    // The configuration, the listing, a profile, a package: each is the first that does not fit once.
    for units in [0, 1, 2, 4, 16, 64, 120, 1000] {
        let folder = Folder::new();
        let (status, told) = confined(&folder, units, &words);
        if status != 0 {
            assert!(told.to_lowercase().contains("file too large"), "{units}: {status}: {told}");
            refused.push(status);
        }
        assert_eq!(left_behind(&folder), Vec::<PathBuf>::new(), "{units}");
        let there = if folder.join("repo/v1.0").exists() { profiles(&folder) } else { Default::default() };
        for (name, bytes) in there {
            assert_eq!(truth[&name], bytes, "{units}: {name} is half written");
        }
        folder.run(line(&words)).check();
        assert_eq!((profiles(&folder), inventory(&folder)), (truth.clone(), inventory(&whole)), "{units}");
        assert_eq!(parts(&folder), 0);
    }
    assert!(refused.len() > 3 && refused.contains(&2), "{refused:?}");
}

#[test]
#[cfg(unix)]
fn a_disk_that_fills_while_sealing_loses_nothing() {
    let truth = Truth::of(12);
    let folder = repository(12);
    folder.run(line(&["build", "--shard", "1/1"])).status(1).check();
    let notes = parts(&folder);
    assert!(notes > 0);
    let (status, told) = confined(&folder, 0, &["seal"]);
    assert_eq!(status, 2, "{told}");
    assert!(told.contains("repo/v1.0/") && told.to_lowercase().contains("file too large"), "{told}");
    assert_eq!(left_behind(&folder), Vec::<PathBuf>::new());
    assert!(!folder.join("repo/v1.0/inventory.gz").exists());
    assert_eq!(parts(&folder), notes, "what was noted stays until it is sealed");
    folder.run(line(&["seal"])).stderr("inventory: 14 profiles").check();
    truth.check(&folder);
}

#[test]
fn a_killed_seal_can_be_repeated() {
    let truth = Truth::of(12);
    let folder = repository(12);
    folder.run(line(&["build", "--shard", "1/1"])).status(1).check();
    let mut killed = 0;
    for round in 0..16 {
        let child = start(&folder, &["seal"]);
        sleep(Duration::from_micros(300 * round));
        killed += usize::from(kill(child));
        truth.check_present(&folder);
    }
    assert!(killed > 3, "{killed} were at work when they were killed");
    folder.run(line(&["seal"])).check();
    truth.check(&folder);
}

#[test]
fn killed_and_restarted_shards_lose_nothing() {
    let truth = Truth::of(12);
    let folder = repository(12);
    let shards = ["1/3", "2/3", "3/3"];
    let mut killed = 0;
    for round in 0..4 {
        let running: Vec<Child> = shards
            .iter()
            .map(|shard| start(&folder, &["build", "--shard", shard, "--threads", "1"]))
            .collect();
        for child in running {
            sleep(Duration::from_millis(1 + 2 * round));
            killed += usize::from(kill(child));
        }
        truth.check_present(&folder);
    }
    assert!(killed > 3, "{killed} were at work when they were killed");
    for shard in shards {
        let status = start(&folder, &["build", "--shard", shard, "--retry"]).wait().unwrap();
        assert!(matches!(status.code(), Some(0 | 1)), "{status}");
    }
    folder.run(line(&["seal"])).stderr("inventory: 14 profiles").check();
    truth.check(&folder);
}

#[test]
fn two_builders_at_once_make_what_one_makes() {
    let truth = Truth::of(12);
    for _ in 0..3 {
        let folder = repository(12);
        // A file that a killed builder left: it is not locked.
        folder.write("repo/v1.0/.lock", "");
        let builders = [start(&folder, &["build_all"]), start(&folder, &["build_all"])];
        for mut builder in builders {
            let status = builder.wait().unwrap();
            assert!(matches!(status.code(), Some(0 | 1)), "{status}");
        }
        truth.check(&folder);
        assert_eq!(left_behind(&folder), Vec::<PathBuf>::new());
    }
}

#[test]
fn the_owner_of_the_lock_is_waited_for() {
    let folder = repository(1);
    folder.run(line(&["build_all"])).status(1).check();
    folder.write("repo/v1.0/src/nt/undocumented.yaml", "$STRUCTS: {_X: [16, {}]}\n");
    let held = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join("repo/v1.0/.lock"))
        .unwrap();
    held.lock().unwrap();
    let begun = Instant::now();
    let mut child = start(&folder, &["build_all"]);
    sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it did not wait");
    drop(held);
    assert!(child.wait().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(30));
    folder.run(line(&["build_all"])).stderr("0 made, 2 unchanged").check();
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzipWriter::new(Vec::new(), Effort::Default, 1);
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn pdbs_kept_with_the_repository_need_no_store() {
    let truth = Truth::of(2);
    let folder = repository(2);
    let kept = folder.join("repo/v1.0/src/pdb");
    std::fs::create_dir_all(&kept).unwrap();
    let pdb = |index| fixture::reidentified(&kernel(), OURS.parse().unwrap(), guid(index)).unwrap();
    for index in [1, 2] {
        std::fs::write(kept.join(format!("{}.pdb.gz", guid(index))), gzip(&pdb(index))).unwrap();
    }
    let offline = ["manage_repo", "--path_to_repository", "repo", "--symbol-path", "nowhere", "--offline"];
    let run = |words: &[&'static str]| folder.run(offline.into_iter().chain(words.iter().copied()));
    run(&["build_all"]).status(1).stderr("3 made, 0 unchanged, 0 rejected before, 1 failed").check();
    assert_eq!(profiles(&folder), profiles(&truth.0));
    let missing: serde_json::Value = serde_json::from_str(&folder.run(line(&["missing"])).check()).unwrap();
    assert_eq!(missing["wanted"].as_array().unwrap().len(), 1);
    // Another build's PDB under this name, half a file, and another kind of file.
    let path = format!("repo/v1.0/src/pdb/{}.pdb.gz", guid(1));
    let profile = folder.join(&format!("repo/v1.0/nt/GUID/{}.gz", guid(1)));
    let half = &gzip(&pdb(1))[..2000];
    for (bytes, problem) in [
        (gzip(&pdb(2)), format!("expected the PDB of {}, found {}", guid(1), guid(2))),
        (half.to_vec(), format!("src/pdb/{}.pdb.gz: ", guid(1))),
        (gzip(b"MZ"), format!("src/pdb/{}.pdb.gz: ", guid(1))),
    ] {
        std::fs::remove_file(&profile).unwrap_or_default();
        folder.write(&path, bytes);
        run(&["build_all", "--retry"]).status(1).stderr(problem).stderr("2 unchanged").check();
        assert!(!profile.exists());
    }
}

#[test]
fn profiles_of_only_symbols_are_accepted_if_the_configuration_allows_it() {
    let folder = repository(1);
    let pdb = fixture::without_types(&kernel()).unwrap();
    put(&folder, &pdb, "ntkrnlmp.pdb", guid(1));
    folder
        .run(line(&["build_all"]))
        .status(1)
        .stderr(format!("nt/GUID/{} rejected: its profile would be no good: ", guid(1)))
        .stderr("1 made, 0 unchanged, 0 rejected before, 2 failed")
        .check();
    let config = String::from_utf8(folder.read("repo/v1.0/config.yaml")).unwrap();
    folder.write("repo/v1.0/config.yaml", config.replace("has_structs: true", "has_structs: false"));
    folder
        .run(line(&["build_all", "--retry"]))
        .status(1)
        .stderr("1 made, 1 unchanged, 0 rejected before, 1 failed")
        .check();
    let name = format!("nt/GUID/{}", guid(1));
    let profile = unpacked(&folder, &format!("repo/v1.0/{name}.gz"));
    assert!(profile.get("$STRUCTS").is_none());
    assert!(profile["$CONSTANTS"].as_object().unwrap().contains_key("PsActiveProcessHead"));
    assert_eq!(inventory(&folder)[&name]["health"], "symbols only");
    let rejects = unpacked(&folder, REJECTS);
    assert_eq!(rejects.as_object().unwrap().len(), 1, "what was made is rejected no more: {rejects}");
    folder.run(line(&["build_all"])).stderr("0 made, 2 unchanged, 1 rejected before").check();
}

#[test]
fn imported_profiles_survive_a_lost_inventory() {
    let folder = repository(2);
    folder.run(line(&["build_all"])).status(1).check();
    let name = format!("nt/GUID/{}", guid(1));
    let path = format!("repo/v1.0/{name}.gz");
    // A profile from an older front-end, one from an unknown front-end, and one that does not identify its build.
    let ours =
        String::from_utf8(profile::unpack(&folder.read(&path), 1 << 30).unwrap().into_owned()).unwrap();
    let generator = ours.lines().find(|line| line.contains("\"Generator\"")).unwrap();
    let revised = generator.trim_end_matches("\", ");
    for (case, text) in [
        ("an older one", ours.replace(revised, &format!("{}0", &revised[..revised.len() - 1]))),
        ("a foreign one", ours.replace(&format!("{generator}\n"), "")),
        ("one of ours", ours.clone()),
    ] {
        folder.write("given.json", &text);
        folder.run(line(&["import", "--as", &name, "given.json"])).check();
        let imported = folder.read(&path);
        let known = inventory(&folder);
        assert_eq!(known[&name]["generator"], "imported", "{case}");
        std::fs::remove_file(folder.join("repo/v1.0/inventory.gz")).unwrap();
        folder.run(line(&["build_all"])).stderr("0 made, 3 unchanged").check();
        assert_eq!(folder.read(&path), imported, "{case}");
        assert_eq!(inventory(&folder), known, "{case}");
    }
    // A foreign file under that name is not an import, and is made again.
    folder.write(&path, gzip(ours.replace("PsActiveProcessHead", "PsInactiveProcessHead").as_bytes()));
    std::fs::remove_file(folder.join("repo/v1.0/inventory.gz")).unwrap();
    folder.run(line(&["build_all"])).check();
    assert_ne!(inventory(&folder)[&name]["generator"], "imported");
}

/// `testdata/pe/version.dll` as a linker would write it with `/debug`: the debug directory and an RSDS record are in
/// the slack after its last section's content.
pub fn with_debug_information(build: GuidAge, pdb: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/pe/version.dll");
    let mut dll = std::fs::read(path).unwrap();
    let half =
        |bytes: &[u8], at: usize| usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let headers = word(&dll, 0x3c) as usize;
    let (sections, optional) = (half(&dll, headers + 6), half(&dll, headers + 20));
    let last = headers + 24 + optional + 40 * (sections - 1);
    let (rva, raw) = (word(&dll, last + 12), word(&dll, last + 20));
    let at = dll.len().next_multiple_of(16);
    dll.resize(at, 0);
    let record = fixture::rsds(build, pdb);
    let mut entry = [0; 28];
    for (place, number) in [(12, 2), (16, record.len() as u32), (24, at as u32 + 28)] {
        entry[place..place + 4].copy_from_slice(&number.to_le_bytes());
    }
    dll.extend(entry);
    dll.extend(record);
    let grown = dll.len() as u32 - raw;
    let directory = headers + 24 + 112 + 6 * 8;
    for (place, number) in
        [(directory, rva + at as u32 - raw), (directory + 4, 28), (last + 8, grown), (last + 16, grown)]
    {
        dll[place..place + 4].copy_from_slice(&number.to_le_bytes());
    }
    dll
}

#[test]
fn a_binary_with_a_version_has_its_place_in_the_older_hierarchy() {
    let folder = repository(0);
    put(&folder, &kernel(), "ntkrnlmp.pdb", guid(5));
    let build = guid(5);
    folder.write("NTOSKRNL.EXE", with_debug_information(build, "d:\\build\\ntkrnlmp.pdb"));
    folder
        .run(line(&["nt/GUID", "add_guid", "--binary", "NTOSKRNL.EXE"]))
        .status(1)
        .stderr(format!("ntoskrnl.exe/AMD64/6.1.7601.17514/{build} stands for nt/GUID/{build}"))
        .stderr(format!("added ntkrnlmp.pdb {build}"))
        .check();
    let target = format!("nt/GUID/{build}");
    let expected = [
        format!("GUID/{build}.gz"),
        format!("{target}.gz"),
        "nt/export_index.gz".to_owned(),
        format!("ntoskrnl.exe/AMD64/6.1.7601.17514/{build}.gz"),
    ];
    let found = profiles(&folder);
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    for link in [&expected[0], &expected[3]] {
        let link = unpacked(&folder, &format!("repo/v1.0/{link}"));
        assert_eq!(link["$METADATA"]["Type"], "Symlink");
        assert_eq!(link["$METADATA"]["Target"], target);
    }
    assert_eq!(inventory(&folder)[&format!("GUID/{build}")]["health"], "symlink");
    // They survive the loss of their records, and nothing is made twice.
    std::fs::remove_file(folder.join("repo/v1.0/inventory.gz")).unwrap();
    folder.run(line(&["build_all"])).stderr("1 made, 1 unchanged").check();
    put(&folder, &kernel(), "ntkrnlmp.pdb", guid(6));
    for (name, bytes) in found.iter().filter(|(name, _)| *name != "nt/export_index.gz") {
        assert!(profiles(&folder).get(name) == Some(bytes), "{name}");
    }
    // Without a version resource there is only the GUID, and a file that is not a binary is reported.
    folder.write("plain.exe", fixture::pe(&[(&fixture::rsds(guid(6), "ntkrnlmp.pdb"), Reach::Rva)]));
    let run = folder.run(line(&["nt/GUID", "add_guid", "--binary", "plain.exe"]));
    run.stderr(format!("GUID/{} stands for", guid(6))).check();
    assert_eq!(profiles(&folder).keys().filter(|name| name.contains(&guid(6).to_string())).count(), 2);
    folder.write("text.exe", "no binary");
    folder.run(line(&["nt/GUID", "add_guid", "--binary", "text.exe"])).status(2).stderr("text.exe: ").check();
}

#[test]
fn retry_asks_servers_again_and_reasons_stay_the_same() {
    let folder = repository(1);
    let server = Server::start(|_| symbol_server::Response::status(404)).unwrap();
    let url = server.url();
    let run = |words: &[&str]| {
        let line = ["manage_repo", "--path_to_repository", "repo", "--symbol-path", &url];
        folder.run(line.iter().chain(words).copied().collect::<Vec<_>>())
    };
    run(&["build_all"]).status(1).check();
    let rejects = folder.read(REJECTS);
    // Two downloads that begin at once may both ask whether the store has two tiers.
    let requests = || server.paths().iter().filter(|path| *path != "/index2.txt").count();
    let asked = requests();
    assert!(asked > 0);
    run(&["build_all"]).check();
    assert_eq!(requests(), asked, "what was not there is passed over");
    for rounds in 2..4 {
        run(&["build_all", "--retry"]).status(1).check();
        assert_eq!(requests(), rounds * asked, "--retry asks the server itself");
        assert_eq!(folder.read(REJECTS), rejects, "{}", unpacked(&folder, REJECTS));
    }
    // From another place, while the first does not have it.
    folder.run(line(&["build_all", "--retry"])).status(1).check();
    let reasons = unpacked(&folder, REJECTS);
    let nowhere = "000000000000000000000000000000000";
    assert_eq!(reasons[nowhere], format!("ntkrnlmp.pdb {nowhere} is not there"));
}

#[test]
fn a_binary_without_its_pdb_leaves_no_symlinks() {
    let folder = repository(0);
    let build = guid(5);
    folder.write("NTOSKRNL.EXE", with_debug_information(build, "ntkrnlmp.pdb"));
    let add = || folder.run(line(&["nt/GUID", "add_guid", "--binary", "NTOSKRNL.EXE"]));
    add()
        .status(1)
        .stderr(format!("GUID/{build}: not written, because nt/GUID/{build} is not there"))
        .check();
    let links = [format!("GUID/{build}.gz"), format!("ntoskrnl.exe/AMD64/6.1.7601.17514/{build}.gz")];
    for link in &links {
        assert!(!profiles(&folder).contains_key(link), "{link}");
    }
    // The list has the build: once its PDB exists, the same line writes everything.
    put(&folder, &kernel(), "ntkrnlmp.pdb", build);
    folder
        .run(line(&["nt/GUID", "add_guid", "--binary", "NTOSKRNL.EXE", "--retry"]))
        .status(1)
        .stderr(format!("GUID/{build} stands for nt/GUID/{build}"))
        .check();
    for link in &links {
        assert!(profiles(&folder).contains_key(link), "{link}");
    }
    folder.run(line(&["build_all"])).check();
    folder.run(line(&["verify"])).stderr("0 recorded wrongly").check();
    std::fs::remove_file(folder.join(&format!("repo/v1.0/nt/GUID/{build}.gz"))).unwrap();
    folder
        .run(line(&["verify"]))
        .status(1)
        .stderr(format!("GUID/{build}: leads nowhere: nt/GUID/{build} is not there"))
        .check();
}

#[test]
fn a_linux_profile_is_imported_under_its_build_id() {
    let folder = repository(0);
    let elf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf/elf/gcc-x64");
    folder.run(["parse_dwarf", elf.to_str().unwrap(), "-q", "-o", "kernel.json.gz"]).status(1).check();
    let id = unpacked(&folder, "kernel.json.gz")["$METADATA"]["BuildID"].as_str().unwrap().to_owned();
    folder.run(line(&["import", "kernel.json.gz"])).stderr(format!("kernel.json.gz: Linux/{id} (")).check();
    assert_eq!(folder.read(&format!("repo/v1.0/Linux/{id}.gz")), folder.read("kernel.json.gz"));
}

#[test]
fn mistyped_keys_are_refused_everywhere() {
    let folder = repository(1);
    let config = String::from_utf8(folder.read("repo/v1.0/config.yaml")).unwrap();
    let list = String::from_utf8(folder.read("repo/v1.0/src/nt/guids.yaml")).unwrap();
    folder.write("repo/v1.0/config.yaml", config.replace("has_structs", "has_struct"));
    for verb in ["build_all", "seal", "verify", "missing"] {
        folder
            .run(line(&[verb]))
            .status(2)
            .stderr("config.yaml:4: nt/GUID.has_struct: unknown key (did you mean 'has_structs'?)")
            .check();
    }
    folder.write(
        "repo/v1.0/config.yaml",
        config.replace("  has_structs", "  index: src/nt/index.yaml\n  has_structs"),
    );
    folder.write("repo/v1.0/src/nt/index.yaml", "path: nt\ntype: export\nsymbol: [NtClose]\n");
    folder
        .run(line(&["build_all"]))
        .status(2)
        .stderr("index.yaml:3: symbol: unknown key (did you mean 'symbols'?)")
        .check();
    folder.write("repo/v1.0/config.yaml", &config);
    folder.write("repo/v1.0/src/nt/guids.yaml", list.replace("ntkrnlmp.pdb", "ntkrnlmp.pbd"));
    folder
        .run(line(&["build_all"]))
        .status(2)
        .stderr("guids.yaml:1: ntkrnlmp.pbd: expected the name of a PDB (NAME.pdb)")
        .check();
}
