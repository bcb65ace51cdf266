//! Kernels that do not identify themselves: `autodetect` and `guess_guid` recognise them by an index, which `build_index`
//! and `manage_repo seal` build. Images are synthetic (docs/test-images.md), except those of the corpus.

use memory_images::{Container, macos, windows};
use serde_json::Value;

use crate::harness::{Folder, corpus};

const CASES: [windows::Case; 4] =
    [windows::Case::Win7X64, windows::Case::Win10X64, windows::Case::Win7X86Pae, windows::Case::XpX86];

pub const SPECIFICATION: &str = "path: nt/\nsymbols:\n  - name: NtBuildLab\n    data: [\"str:19041.\", \"str:7601.\", \
                             \"str:2600.\"]\n  - {name: KeBugCheckEx, data: [\"CC\", 90], shift: -1}\n  \
                             - {name: Nowhere, data: [00]}\n";

/// A repository with the four kernels' profiles, whose names are in the order of [`CASES`].
fn repository() -> (Folder, Vec<String>) {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.join("repository/v1.0/nt/GUID")).unwrap();
    std::fs::create_dir_all(folder.join("repository/v1.0/src/nt")).unwrap();
    let config =
        "nt/GUID:\n  type: WindowsGUIDProfile\n  guids: src/nt/guids.yaml\n  index: src/nt/index.yaml\n";
    folder.write("repository/v1.0/config.yaml", config);
    folder.write("repository/v1.0/src/nt/guids.yaml", "");
    folder.write("repository/v1.0/src/nt/index.yaml", SPECIFICATION);
    let names = CASES.map(|case| add(&folder, case));
    (folder, names.to_vec())
}

fn add(folder: &Folder, case: windows::Case) -> String {
    let (_, pdb, bytes) = case.pdb();
    folder.write(pdb, bytes);
    let name = format!("nt/GUID/{}", windows::image(case).truth.identity);
    folder.run(["parse_pdb", pdb, "-q", "-o", &format!("repository/v1.0/{name}.gz")]).check();
    name
}

/// Changes every record of the kernel's PDB in an image.
fn without_identity(case: windows::Case, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let image = windows::image(case);
    let mut bytes = image.write(Container::Elf);
    let (_, pdb, _) = case.pdb();
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, b"RSDS").collect();
    let mut changed = 0;
    for at in places {
        if bytes[at + 24..].starts_with(pdb.as_bytes()) {
            change(&mut bytes[at..at + 24 + pdb.len()]);
            changed += 1;
        }
    }
    assert!(changed > 0);
    bytes
}

fn detected(folder: &Folder, image: &str, status: i32) -> Value {
    let run = folder.run(["-f", image, "--profile_path", "repository", "autodetect", "--json"]);
    serde_json::from_str(&run.status(status).check()).unwrap()
}

#[test]
fn one_changed_byte_does_not_defeat_detection() {
    let (folder, names) = repository();
    for (case, name) in CASES.iter().zip(&names) {
        let image = "changed.elf";
        folder.write(image, without_identity(*case, |record| record[5] ^= 0x40));
        // Without an index a few profiles are compared one by one; with one they are not opened.
        for indexed in [false, true] {
            if indexed {
                folder.run(["manage_repo", "--path_to_repository", "repository", "seal"]).check();
            }
            let report = detected(&folder, image, 0);
            assert_eq!(report["profile"], **name, "{}: {report:#}", case.name());
            let fingerprint = &report["fingerprints"][0];
            assert_eq!(fingerprint["likely"][0]["profile"], **name, "{report:#}");
            assert!(fingerprint["likely"][0]["score"].as_f64().unwrap() > 0.99, "{report:#}");
            assert!(fingerprint["margin"].as_f64().unwrap() > 0.5, "{report:#}");
            let likely = fingerprint["likely"].as_array().unwrap();
            let score = |at: usize| likely[at]["score"].as_f64().unwrap();
            assert!((fingerprint["margin"].as_f64().unwrap() - (score(0) - score(1))).abs() < 1e-9);
            let last = report["tried"].as_array().unwrap().last().unwrap();
            assert_eq!(last["verdict"], "match");
            assert!(last["evidence"].as_str().unwrap().starts_with("fingerprint of the kernel at"), "{last}");
        }
        std::fs::remove_file(folder.join("repository/v1.0/nt/index.gz")).unwrap();
        std::fs::remove_file(folder.join("repository/v1.0/nt/export_index.gz")).unwrap();
        let list = folder.run(["-f", image, "--profile_path", "repository", "pslist"]).check();
        assert_eq!(list.lines().count(), windows::image(*case).truth.processes.len() + 2, "{list}");
    }
}

#[test]
fn a_record_that_is_gone_is_not_needed() {
    let (folder, names) = repository();
    folder.run(["manage_repo", "--path_to_repository", "repository", "seal"]).check();
    folder.write("gone.elf", without_identity(CASES[0], |record| record.fill(0)));
    let shown = folder.run(["-f", "gone.elf", "--profile_path", "repository", "autodetect"]);
    let shown = shown.stderr(format!("profile: {}", names[0])).check();
    assert!(shown.contains("Like the kernel"), "{shown}");
    // With the table of exports destroyed too, only the data at symbols is left.
    let mut bytes = without_identity(CASES[0], |record| record.fill(0));
    let names_at: Vec<usize> =
        memchr::memmem::find_iter(&bytes, b"\0DbgPrint\0ExAllocatePoolWithTag\0").collect();
    assert!(!names_at.is_empty());
    for at in names_at {
        bytes[at + 1..at + 600].fill(0xff);
    }
    folder.write("gone.elf", bytes);
    let report = detected(&folder, "gone.elf", 0);
    assert_eq!(report["profile"], *names[0]);
}

#[test]
fn guess_guid_orders_the_builds_of_a_module() {
    let (folder, names) = repository();
    folder.write("win10.elf", windows::image(CASES[1]).write(Container::Elf));
    let guess = ["-f", "win10.elf", "--profile_path", "repository", "guess_guid"];
    let nt = guess.iter().copied().chain(["nt"]);
    folder.run(nt.clone()).status(1).stderr("no repository has an index of nt").check();
    folder.run(["manage_repo", "--path_to_repository", "repository", "seal"]).check();
    let shown = folder.run(nt.clone().chain(["--json"])).check();
    let report: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(report["likely"][0]["profile"], *names[1]);
    assert_eq!(report["likely"][0]["agreed"], report["likely"][0]["seen"]);
    assert_eq!(report["guid_age"], windows::image(CASES[1]).truth.identity);
    assert_eq!(report["base"], windows::image(CASES[1]).truth.kernel_base);
    let shown = folder.run(nt).stderr("it says it is ntkrnlmp.pdb").check();
    assert!(shown.lines().nth(2).unwrap().starts_with(&names[1]), "{shown}");
    // Another module, by a data index over its own profiles.
    std::fs::create_dir_all(folder.join("repository/v1.0/tcpip/GUID")).unwrap();
    for (guid, at) in [("F8E1A8B5C9B74BF4A6E4A48F180099942", 0), ("F8E2A8B5C9B74BF4A6E4A48F180099942", 2)] {
        let profile = format!(
            r#"{{"$CONSTANTS": {{"Start": {at}}}, "$METADATA": {{"ProfileClass": "Tcpip", "Type": "Profile"}}}}"#
        );
        folder.write(&format!("repository/v1.0/tcpip/GUID/{guid}"), profile);
        let plain = folder.join(&format!("repository/v1.0/tcpip/GUID/{guid}"));
        std::fs::rename(&plain, plain.with_extension("gz")).unwrap();
    }
    folder.write("tcpip.yaml", "path: tcpip\nsymbols:\n- {name: Start, data: [4d5a]}\n");
    folder.run(["build_index", "tcpip.yaml", "--root", "repository"]).stderr("index of 2 profiles").check();
    let shown = folder.run(guess.iter().copied().chain(["tcpip.sys", "--json"])).check();
    let report: Value = serde_json::from_str(&shown).unwrap();
    let likely = report["likely"].as_array().unwrap();
    assert_eq!(
        (likely.len(), &likely[0]["profile"]),
        (1, &Value::from("tcpip/GUID/F8E1A8B5C9B74BF4A6E4A48F180099942"))
    );
    let run = folder.run(guess.iter().copied().chain(["win32k"])).status(1);
    run.stderr("neither win32k/index nor win32k/export_index").check();
}

fn index(folder: &Folder, name: &str) -> Value {
    let bytes = folder.read(&format!("repository/v1.0/{name}.gz"));
    let text = profile::unpack(&bytes, profile::MAX_TEXT).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn sealing_builds_indexes_in_rekalls_form_and_reads_what_changed() {
    let (folder, names) = repository();
    let xp = folder.read(&format!("repository/v1.0/{}.gz", names[3]));
    std::fs::remove_file(folder.join(&format!("repository/v1.0/{}.gz", names[3]))).unwrap();
    let seal = ["manage_repo", "--path_to_repository", "repository", "seal", "-v"];
    let run = folder.run(seal).stderr("Built nt/index: 3 profiles, 3 read");
    run.stderr("Built nt/export_index: 3 profiles, 3 read").check();
    let first = folder.read("repository/v1.0/nt/index.gz");
    let again = folder.run(seal).stderr("inventory: 5 profiles").check();
    assert!(!again.contains("Built"), "{again}");
    folder.write(&format!("repository/v1.0/{}.gz", names[3]), &xp);
    folder.run(seal).stderr("Built nt/index: 4 profiles, 1 read").check();
    let built = index(&folder, "nt/index");
    assert_eq!(built["$METADATA"]["ProfileClass"], "Index");
    let symbol = |case: windows::Case, name: &str| -> i64 {
        let (folder, _, _) = case.pdb();
        let path =
            format!("{}/../../testdata/memory/windows/{folder}/layout.txt", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("symbol {name} ")));
        i64::from_str_radix(line.unwrap(), 16).unwrap()
    };
    let mut ends = Vec::new();
    for (case, name) in CASES.iter().zip(&names) {
        let (lab, check) = (symbol(*case, "NtBuildLab"), symbol(*case, "KeBugCheckEx") - 1);
        let expected =
            serde_json::json!([[lab, ["31393034312e", "373630312e", "323630302e"]], [check, ["cc", "90"]]]);
        assert_eq!(built["$INDEX"][name], expected, "{}", case.name());
        ends.push((check, lab + 6));
    }
    // The end depends on the longest data, not on its place or the number of alternatives.
    assert_eq!(built["$METADATA"]["MaxOffset"], ends.iter().map(|(a, b)| *a.max(b)).max().unwrap());
    let lowest = CASES.map(|case| symbol(case, "NtBuildLab").min(symbol(case, "KeBugCheckEx") - 1));
    assert_eq!(built["$METADATA"]["MinOffset"], *lowest.iter().min().unwrap());
    // The same repository gives the same bytes, from scratch too; with one profile less, those of before.
    let whole = folder.read("repository/v1.0/nt/index.gz");
    folder.run(seal.iter().copied().chain(["--force_build_index"])).check();
    assert_eq!(folder.read("repository/v1.0/nt/index.gz"), whole);
    std::fs::remove_file(folder.join(&format!("repository/v1.0/{}.gz", names[3]))).unwrap();
    folder.run(seal).stderr("Built nt/index: 3 profiles, 0 read").check();
    assert_eq!(folder.read("repository/v1.0/nt/index.gz"), first);
}

#[test]
fn errors_in_a_specification_are_reported_before_the_work() {
    let (folder, names) = repository();
    folder.write("repository/v1.0/src/nt/index.yaml", "path: nt\ntype: magic\n");
    let run = folder.run(["manage_repo", "--path_to_repository", "repository", "build_all"]).status(2);
    run.stderr("src/nt/index.yaml:2: type: expected data, export, struct or symbol_offset, found 'magic'")
        .check();
    std::fs::remove_file(folder.join("repository/v1.0/src/nt/index.yaml")).unwrap();
    let run = folder.run(["manage_repo", "--path_to_repository", "repository", "seal"]);
    run.stderr("src/nt/index.yaml is not there: nt/index is not built").check();
    // Profiles that no point distinguishes are reported.
    folder.write("weak.yaml", "path: nt\nsymbols:\n- {name: NtBuildLab, data: ['00'], shift: -64}\n");
    let run = folder.run(["build_index", "weak.yaml", "--root", "repository", "-o", "weak.json"]);
    run.stderr("index of 4 profiles").check();
    let weak: Value = serde_json::from_slice(&folder.read("weak.json")).unwrap();
    assert!(weak["$INDEX"][&names[0]].is_array());
    let copy = format!("repository/v1.0/nt/GUID/{}.gz", "00000000000000000000000000000001");
    let text = profile::unpack(&folder.read(&format!("repository/v1.0/{}.gz", names[0])), 1 << 30)
        .unwrap()
        .into_owned();
    let text = String::from_utf8(text).unwrap().replace("\"KeSetEvent\"", "\"KeSetEvent2\"");
    folder.write("copy.json", text);
    std::fs::rename(folder.join("copy.json"), folder.join(&copy)).unwrap();
    let run = folder.run(["build_index", "weak.yaml", "--root", "repository", "-o", "weak.json"]);
    run.stderr(format!("cannot be told from {}", names[0])).check();
}

#[test]
fn struct_indexes_hold_metadata_and_offsets() {
    let (folder, names) = repository();
    let text = "repository_root: ./\npath: nt\ntype: struct\nimplementation: EProcessIndex\nmembers:\n  _EPROCESS:\n    \
                - ImageFileName\n    - Pcb\n  _KPROCESS:\n    - DirectoryTableBase\n";
    folder.write("eprocess.yaml", text);
    folder.run(["build_index", "eprocess.yaml", "--root", "repository"]).check();
    let built = index(&folder, "nt/eprocess_index");
    assert_eq!(built["$METADATA"]["ProfileClass"], "EProcessIndex");
    for name in &names {
        let entry = &built["$INDEX"][name];
        let profile = format!("repository/v1.0/{name}.gz");
        let single = folder.run(["inspect", &profile, "_EPROCESS.ImageFileName", "--json"]).check();
        let single: Value = serde_json::from_str(&single).unwrap();
        assert_eq!(entry["offsets"]["_EPROCESS.ImageFileName"], single["items"][0]["member"]["offset"]);
        assert_eq!(entry["offsets"].as_object().unwrap().len(), 3);
        assert_eq!(entry["GUID_AGE"], name.rsplit('/').next().unwrap());
    }
    // The process System has the layout of two of the profiles, wherever its page tables are found.
    folder.run(["manage_repo", "--path_to_repository", "repository", "seal"]).check();
    let seen = |report: &Value, name: &str| {
        let likely = report["fingerprints"][0]["likely"].as_array().unwrap().iter();
        likely.filter(|one| one["profile"] == *name).map(|one| one["agreed"].as_u64().unwrap()).next()
    };
    folder.write("changed.elf", without_identity(CASES[0], |record| record[5] ^= 1));
    let with = detected(&folder, "changed.elf", 0);
    std::fs::remove_file(folder.join("repository/v1.0/nt/eprocess_index.gz")).unwrap();
    let without = detected(&folder, "changed.elf", 0);
    assert_eq!(seen(&with, &names[0]), seen(&without, &names[0]).map(|agreed| agreed + 1));
    assert_eq!(seen(&with, &names[1]), seen(&without, &names[1]), "{with:#}");
}

#[test]
fn macos_is_found_by_the_data_around_its_mark() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.join("repository/v1.0/OSX")).unwrap();
    // Names that do not contain the version.
    for (case, name) in [(macos::Case::Snow, "one"), (macos::Case::High, "two")] {
        let (file, bytes) = case.debug_file();
        folder.write(file, bytes);
        folder.run(["parse_dwarf", file, "-q", "-o", &format!("repository/v1.0/OSX/{name}.gz")]).check();
    }
    folder.write("mac.elf", macos::image(macos::Case::High).write(Container::Elf));
    // Without an index, the few profiles of the system are tried.
    let report = detected(&folder, "mac.elf", 0);
    assert_eq!((&report["profile"], &report["fingerprints"]), (&"OSX/two".into(), &serde_json::json!([])));
    let text = "repository_root: ./\npath: OSX\nbase_symbol: \"_lowGlo\"\nsymbols:\n  -\n    name: \"_version\"\n    \
                data: [\"str:Darwin Kernel Version \"]\n";
    folder.write("osx.yaml", text);
    folder.run(["build_index", "osx.yaml", "--root", "repository"]).stderr("index of 2 profiles").check();
    let report = detected(&folder, "mac.elf", 0);
    assert_eq!(report["profile"], "OSX/two", "{report:#}");
    // Both have the version at the same place: the index proposes, the proof decides.
    assert_eq!(report["fingerprints"][0]["likely"].as_array().unwrap().len(), 2);
    assert_eq!(report["tried"][0]["verdict"], "mismatch");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_real_linux_kernel_is_found_by_its_own_symbols() {
    let folder = Folder::new();
    let image = corpus("images/linux-6.1-cloud/full.raw.xz");
    let packed = std::process::Command::new("xz").args(["-dqc"]).arg(image).output().unwrap();
    assert!(packed.status.success());
    folder.write("linux.raw", packed.stdout);
    std::fs::create_dir_all(folder.join("repository/v1.0/Linux/x")).unwrap();
    let table = corpus("images/linux-6.1-cloud/dwarf2json.isf.json.xz");
    folder.run(["export", table.to_str().unwrap(), "--format", "rekall", "-q", "-o", "linux.json"]).check();
    let text = String::from_utf8(folder.read("linux.json")).unwrap();
    // Another kernel: every symbol behind the first few megabytes stands elsewhere.
    let whole: Value = serde_json::from_str(&text).unwrap();
    let mut other = whole.clone();
    for (_, address) in other["$CONSTANTS"].as_object_mut().unwrap() {
        let value = address.as_u64().unwrap();
        if value > 0xffff_ffff_8140_0000 {
            *address = Value::from(value + 64);
        }
    }
    for (name, profile) in [("right", &whole), ("wrong", &other)] {
        folder.write("one.json", profile.to_string());
        std::fs::rename(folder.join("one.json"), folder.join(&format!("repository/v1.0/Linux/x/{name}.gz")))
            .unwrap();
    }
    // Without an index, each profile of a small repository is tried.
    let report = detected(&folder, "linux.raw", 0);
    assert_eq!(report["profile"], "Linux/x/right", "{report:#}");
    let specification = corpus("repository/v1.0/src/Linux/index.yaml");
    let build = folder.run(["build_index", specification.to_str().unwrap(), "--root", "repository"]);
    build.stderr("index of 2 profiles").check();
    let built = index(&folder, "Linux/index");
    for name in ["right", "wrong"] {
        assert_eq!(built["$INDEX"]["$TRAITS"][format!("Linux/x/{name}")].as_array().unwrap().len(), 6);
    }
    assert_eq!(built["$INDEX"]["$HASHES"].as_object().unwrap().len(), 2);
    let report = detected(&folder, "linux.raw", 0);
    assert_eq!(report["profile"], "Linux/x/right", "{report:#}");
    assert_eq!(report["fingerprints"][0]["likely"][0]["score"], 1.0, "{report:#}");
    // A kernel that does not say where its table is: it is found by its form.
    let mut bytes = folder.read("linux.raw");
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, b"SYMBOL(kallsyms_names)").collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + 7] = b'K';
    }
    folder.write("linux.raw", bytes);
    let report = detected(&folder, "linux.raw", 0);
    assert_eq!(report["profile"], "Linux/x/right", "{report:#}");
    let kernel = report["fingerprints"][0]["kernel"].as_str().unwrap();
    assert!(kernel.contains("by its form"), "{kernel}");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_public_repositorys_specifications_are_read() {
    let (folder, _) = repository();
    for (name, target) in [
        ("nt/index", Some("index of 4 profiles")),
        ("nt/eprocess_index", Some("index of 4 profiles")),
        ("OSX/index", None),
    ] {
        let text = std::fs::read_to_string(corpus(&format!("repository/v1.0/src/{name}.yaml"))).unwrap();
        folder.write("spec.yaml", text);
        let run = folder.run(["build_index", "spec.yaml", "--root", "repository", "-o", "out.json.gz"]);
        match target {
            Some(words) => run.stderr(words).check(),
            None => run.status(2).stderr("OSX/ is missing: expected profiles").check(),
        };
    }
}

#[cfg(unix)]
#[test]
fn a_specification_without_an_end_is_refused() {
    let folder = Folder::new();
    let run = folder.run(["build_index", "/dev/zero", "--root", "."]);
    run.status(2).stderr("a specification of at most 16777216 bytes").check();
}

#[test]
fn an_index_replaces_nothing_but_an_index() {
    let (folder, names) = repository();
    folder.write("index.yaml", SPECIFICATION);
    let configuration = "repository/v1.0/config.yaml";
    let more = "lists:\n  type: CopyAndTransform\n  source: texts/lists.yaml\n";
    let text = [folder.read(configuration), more.as_bytes().to_vec()].concat();
    folder.write(configuration, text);
    std::fs::create_dir(folder.join("repository/v1.0/texts")).unwrap();
    folder.write("repository/v1.0/texts/lists.yaml", "{}");
    std::fs::create_dir(folder.join("repository/v1.0/Linux")).unwrap();
    let profile = format!("repository/v1.0/{}.gz", names[0]);
    std::fs::copy(folder.join(&profile), folder.join("repository/v1.0/Linux/unread.gz")).unwrap();
    folder.run(["manage_repo", "--path_to_repository", "repository", "seal", "-q"]).check();
    let build = |option: &str, to: &str| {
        folder.run(["build_index", "index.yaml", "--root", "repository", option, to])
    };
    for (option, to, file, message) in [
        (
            "-o",
            configuration,
            configuration,
            "the repository keeps the configuration of the repository there",
        ),
        (
            "-o",
            "repository/v1.0/src/nt/guids.yaml",
            "repository/v1.0/src/nt/guids.yaml",
            "the repository keeps the sources of",
        ),
        (
            "-o",
            "repository/v1.0/inventory.gz",
            "repository/v1.0/inventory.gz",
            "the repository keeps the inventory",
        ),
        (
            "-o",
            "repository/v1.0/texts/lists.yaml",
            "repository/v1.0/texts/lists.yaml",
            "the configuration's entry lists reads this file",
        ),
        ("-o", "repository/v1.0/Linux/unread.gz", "repository/v1.0/Linux/unread.gz", "it is a profile"),
        ("--as", names[0].as_str(), profile.as_str(), "it is a profile, and an index may not replace it"),
        ("--as", "Linux/unread", "repository/v1.0/Linux/unread.gz", "it is a profile"),
        ("--as", "inventory", "repository/v1.0/inventory.gz", "the repository keeps the inventory"),
        ("--as", "config.yaml", configuration, "the repository keeps the configuration"),
        ("--as", "src/nt/guids.yaml.rejects", configuration, "the repository keeps the sources of"),
        ("--as", ".lock", configuration, "the repository keeps locks"),
    ] {
        let before = folder.read(file);
        build(option, to).status(2).stderr(message).check();
        assert_eq!(folder.read(file), before, "{option} {to}");
    }
    // New names and those of indexes are free.
    for (option, to) in [("--as", "nt/own_index"), ("--as", "nt/index"), ("-o", "index.gz")] {
        build(option, to).stderr("index of 4 profiles").check();
        build(option, to).stderr("index of 4 profiles").check();
    }
    // A damaged index can be built again.
    folder.write("repository/v1.0/nt/index.gz", "damaged");
    build("--as", "nt/index").check();
}
