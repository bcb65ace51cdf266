//! Profiles by name and by detection, as users find them. Images are synthetic (docs/test-images.md), and servers are
//! on the loopback interface.

use memory_images::{Container, macos, windows};
use serde_json::Value;
use symbol_server::{Response, Server, folder as served};

use crate::harness::{Folder, corpus};

const CASE: windows::Case = windows::Case::Win10X64;

/// A folder with an image, and the PDB of its kernel in a store.
fn image_and_store() -> (Folder, String) {
    let folder = Folder::new();
    folder.write("win10.elf", windows::image(CASE).write(Container::Elf));
    let (_, pdb, bytes) = CASE.pdb();
    folder.write(pdb, bytes);
    let shown = folder.run(["-f", "win10.elf", "version_scan", "--name_regex", "^nt", "--json"]).check();
    let records: Value = serde_json::from_str(&shown).unwrap();
    let guid = records["records"][0]["guid_age"].as_str().unwrap().to_owned();
    let store = folder.join(&format!("store/{pdb}/{guid}"));
    std::fs::create_dir_all(&store).unwrap();
    std::fs::rename(folder.join(pdb), store.join(pdb)).unwrap();
    (folder, guid)
}

/// The same with the profile in a repository under this name.
fn repository(name: &str) -> (Folder, String) {
    let (folder, guid) = image_and_store();
    let (_, pdb, _) = CASE.pdb();
    let name = name.replace("GUID_AGE", &guid);
    let place = format!("repository/v1.0/{name}.gz");
    std::fs::create_dir_all(folder.join(&place).parent().unwrap()).unwrap();
    folder.run(["parse_pdb", &format!("store/{pdb}/{guid}/{pdb}"), "-q", "-o", &place]).check();
    (folder, guid)
}

fn symlink(folder: &Folder, name: &str, target: &str) {
    let path = format!("repository/v1.0/{name}");
    std::fs::create_dir_all(folder.join(&path).parent().unwrap()).unwrap();
    folder.write(&path, format!(r#"{{"$METADATA": {{"Type": "Symlink", "Target": "{target}"}}}}"#));
}

#[test]
fn the_names_in_rekalls_article_lead_to_the_profile() {
    let hierarchy = "ntoskrnl.exe/AMD64/10.0.19041.1/GUID_AGE";
    let (folder, guid) = repository(hierarchy);
    let name = hierarchy.replace("GUID_AGE", &guid);
    symlink(&folder, &format!("GUID/{guid}"), &name);
    symlink(&folder, "Win10x64", &format!("GUID/{guid}"));
    let spelled = format!("GUID/{}", guid.to_lowercase());
    let list = |profile: &str| {
        let run = folder.run([
            "-f",
            "win10.elf",
            "-v",
            "--profile",
            profile,
            "--profile_path",
            "repository",
            "pslist",
        ]);
        run.stderr(format!("Loaded profile {name} from repository/v1.0/{name}.gz")).check()
    };
    let whole = list(&name);
    assert!(whole.lines().count() > 5, "{whole}");
    for profile in [&format!("GUID/{guid}"), &spelled, &format!("nt/GUID/{guid}"), "Win10x64"] {
        assert_eq!(list(profile), whole, "{profile}");
    }
    // Rekall's own configuration names the repository.
    folder.write(".rekallrc", "profile_path:\n  - ~/elsewhere\n  - ~/repository\n");
    let run = folder.run(["-f", "win10.elf", "--profile", "Win10x64", "pslist"]);
    assert_eq!(run.check(), whole);
    folder.write(".rekallrc", "profile_path: {a: b}\n");
    let run = folder.run(["-f", "win10.elf", "--profile", "Win10x64", "pslist"]).status(2);
    run.stderr(".rekallrc:1: profile_path: expected one value, found keys with values").check();
}

#[test]
fn a_missing_profile_is_reported_with_the_places_searched() {
    let (folder, _) = repository("nt/GUID/GUID_AGE");
    let name = "GUID/F8E1A8B5C9B74BF4A6E4A48F180099942";
    let run = folder
        .run(["-f", "win10.elf", "--profile", name, "--profile_path", "repository", "pslist"])
        .status(1);
    run.stderr(format!("unable to load profile {name} from any repository\n  repository/v1.0: not there"))
        .check();
    for name in ["../secret", "/etc/passwd", "nt/../../x", "nt//x"] {
        let run = folder
            .run(["-f", "win10.elf", "--profile", name, "--profile_path", "repository", "pslist"])
            .status(2);
        if name != "/etc/passwd" {
            run.stderr("is not the name of an object in a repository").check();
        } else {
            run.check();
        }
    }
    symlink(&folder, "a", "b");
    symlink(&folder, "b", "a");
    let run =
        folder.run(["-f", "win10.elf", "--profile", "a", "--profile_path", "repository", "pslist"]).status(2);
    run.stderr("symlink profiles lead in a circle: a -> b -> a").check();
}

#[test]
fn the_profile_is_detected_and_its_evidence_shown() {
    let (folder, guid) = repository("nt/GUID/GUID_AGE");
    let whole = folder
        .run(["-f", "win10.elf", "-v", "--profile_path", "repository", "pslist"])
        .stderr(format!("Verifying profile nt/GUID/{guid}"))
        .stderr(format!("Detected profile nt/GUID/{guid}"))
        .check();
    let truth = windows::image(CASE).truth;
    assert_eq!(whole.lines().count(), truth.processes.len() + 2);
    let shown =
        folder.run(["-f", "win10.elf", "--profile_path", "repository", "autodetect", "--json"]).check();
    let report: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(report["profile"], format!("nt/GUID/{guid}"));
    assert_eq!(report["tried"][0]["verdict"], "match");
    assert!(report["kernels"].as_array().unwrap().iter().any(|kernel| kernel["evidence"] == "RSDS record"));
    // A profile of another build under this name is not used.
    let (_, pdb, bytes) = windows::Case::Win7X64.pdb();
    folder.write(pdb, bytes);
    folder.run(["parse_pdb", pdb, "-q", "-o", &format!("repository/v1.0/nt/GUID/{guid}.gz")]).check();
    let run =
        folder.run(["-f", "win10.elf", "--offline", "--profile_path", "repository", "autodetect"]).status(1);
    run.stderr("profile: none that fits").check();
}

#[test]
fn one_command_goes_from_an_image_to_its_processes() {
    let (folder, guid) = image_and_store();
    let server = Server::start(served(&folder.join("store"))).unwrap();
    let pslist = ["-f", "win10.elf", "--profile_path", "mine", "pslist"];
    let made = folder
        .run(pslist)
        .env("_NT_SYMBOL_PATH", format!("srv*cache*{}", server.url()))
        .stderr(format!("made profile nt/GUID/{guid}"))
        .check();
    drop(server);
    // The profile is stored: nothing is fetched any more.
    let again = folder.run(pslist).env("_NT_SYMBOL_PATH", "nowhere").check();
    assert_eq!(made, again);
    let folder_names = std::fs::read_dir(folder.join("mine/v1.0/nt/GUID")).unwrap();
    let names: Vec<_> = folder_names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [std::ffi::OsString::from(format!("{guid}.gz"))]);
}

#[test]
fn build_local_profile_by_image_and_by_name() {
    let (folder, guid) = image_and_store();
    let local = ["--profile_path", "mine", "--symbol-path", "store"];
    let run = folder.run(["build_local_profile", "-f", "win10.elf"].into_iter().chain(local));
    run.stderr("on the image: match").stderr("verdict: ").check();
    for line in [vec![format!("nt/GUID/{guid}")], vec!["nt".to_owned(), guid.clone()]] {
        std::fs::remove_dir_all(folder.join("mine")).unwrap();
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let run = folder.run(["build_local_profile"].into_iter().chain(line).chain(local));
        run.stderr(format!("nt/GUID/{guid}: made from")).check();
        assert!(folder.join(&format!("mine/v1.0/nt/GUID/{guid}.gz")).exists());
    }
    folder
        .run(["build_local_profile", "nt"].into_iter().chain(local))
        .status(2)
        .stderr("GUID not specified")
        .check();
    let missing = ["build_local_profile", "nt/GUID/F8E1A8B5C9B74BF4A6E4A48F180099942"];
    folder.run(missing.into_iter().chain(local)).status(1).stderr("ntkrpamp.pdb").check();
}

#[test]
fn only_objects_in_the_inventory_are_requested_from_a_server() {
    let (folder, guid) = repository("nt/GUID/GUID_AGE");
    let name = format!("nt/GUID/{guid}");
    let inventory = |time: u64| {
        format!(
            r#"{{"$INVENTORY": {{"{name}": {{"LastModified": {time}.5}}}},
                "$METADATA": {{"ProfileClass": "Inventory", "Type": "Inventory"}}}}"#
        )
    };
    folder.write("repository/v1.0/inventory.gz", inventory(1));
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (log, serve) = (asked.clone(), served(&folder.join("repository")));
    let server = Server::start(move |request: &symbol_server::Request| {
        log.lock().unwrap().push(request.path().to_owned());
        serve(request)
    })
    .unwrap();
    let url = server.url();
    let list = |profile: &str| -> Vec<String> {
        vec![
            "-f".into(),
            "win10.elf".into(),
            "--profile_path".into(),
            url.clone(),
            "--profile".into(),
            profile.into(),
            "pslist".into(),
        ]
    };
    let first = folder.run(list(&name)).check();
    assert_eq!(*asked.lock().unwrap(), ["/v1.0/inventory.gz", &format!("/v1.0/{name}.gz")]);
    assert_eq!(folder.run(list(&name)).check(), first);
    folder.run(list("nt/GUID/F8E1A8B5C9B74BF4A6E4A48F180099942")).status(1).check();
    assert_eq!(asked.lock().unwrap().len(), 2, "what is listed no later, or not at all, is not asked for");
    drop(server);
    let offline: Vec<String> = list(&name).into_iter().chain(["--offline".into()]).collect();
    assert_eq!(folder.run(offline).check(), first);
}

#[test]
fn a_captive_portals_page_is_not_a_profile() {
    let (folder, guid) = image_and_store();
    let server = Server::start(|_| Response::page()).unwrap();
    let name = format!("nt/GUID/{guid}");
    let run = folder
        .run(["-f", "win10.elf", "--profile_path", &server.url(), "--profile", &name, "pslist"])
        .status(1);
    run.stderr("HTML").check();
    assert!(!folder.join(".cache/rekall-profile/repositories").exists());
}

#[test]
fn a_member_is_shown_across_a_repository() {
    let (folder, guid) = repository("nt/GUID/GUID_AGE");
    let (_, pdb, bytes) = windows::Case::XpX86.pdb();
    folder.write(pdb, bytes);
    folder.run(["parse_pdb", pdb, "-q", "-o", "repository/v1.0/nt/GUID/xp.gz"]).check();
    symlink(&folder, "Win10x64", &format!("nt/GUID/{guid}"));
    let line =
        ["inspect", "--across", "repository", "_EPROCESS.ImageFileName", "_EPROCESS.Nothing", "--json"];
    let shown = folder.run(line).check();
    let report: Value = serde_json::from_str(&shown).unwrap();
    let rows = report["profiles"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{shown}");
    for (row, profile) in rows
        .iter()
        .zip([format!("repository/v1.0/nt/GUID/{guid}.gz"), "repository/v1.0/nt/GUID/xp.gz".to_owned()])
    {
        let single = folder.run(["inspect", &profile, "_EPROCESS.ImageFileName", "--json"]).check();
        let single: Value = serde_json::from_str(&single).unwrap();
        let offset = single["items"][0]["member"]["offset"].as_u64().unwrap();
        assert_eq!(row["offsets"][0], format!("{offset:#x}"));
        assert_eq!(row["offsets"][1], Value::Null);
    }
    assert_ne!(rows[0]["offsets"], rows[1]["offsets"]);
    folder.run(["inspect", "--across", "repository", "_EPROCESS"]).status(2).stderr("STRUCT.MEMBER").check();
}

#[test]
fn every_module_of_an_image_gets_its_profile() {
    let (folder, guid) = image_and_store();
    let line =
        ["-f", "win10.elf", "--profile_path", "mine", "--symbol-path", "store", "version_modules", "--fetch"];
    // The kernel's profile is made before its modules can be listed; its drivers have no PDB in the store.
    let run = folder.run(line).status(1).stderr(format!("made profile nt/GUID/{guid}"));
    run.stderr("profiles: 0 made, 1 there already, 2 failed").check();
    assert!(folder.join(&format!("mine/v1.0/nt/GUID/{guid}.gz")).exists());
    let mut drakvuf = line.to_vec();
    drakvuf[7] = "--fetch=drakvuf";
    folder.run(drakvuf).status(1).stderr("1 there already").check();
}

#[test]
fn macos_is_found_by_its_version() {
    let folder = Folder::new();
    let case = macos::Case::High;
    folder.write("mac.raw", macos::image(case).write(Container::Raw));
    let (name, bytes) = case.debug_file();
    folder.write(name, bytes);
    std::fs::create_dir_all(folder.join("repository/v1.0/OSX")).unwrap();
    folder.run(["parse_dwarf", name, "-q", "-o", "repository/v1.0/OSX/10.13.3_17D47.gz"]).check();
    folder
        .run(["-f", "mac.raw", "-v", "--profile_path", "repository", "pslist"])
        .stderr("Detected profile OSX/10.13.3_17D47")
        .check();
    let run = folder.run([
        "-f",
        "mac.raw",
        "--profile_path",
        "repository",
        "--profile",
        "OSX/10.13.3_17D47",
        "-v",
        "pslist",
    ]);
    run.stderr("Loaded profile OSX/10.13.3_17D47").check();
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_real_linux_image_finds_its_profile() {
    let folder = Folder::new();
    let image = corpus("images/linux-6.1-cloud/sparse.lime.zst");
    let packed = std::process::Command::new("zstd").args(["-dqc"]).arg(image).output().unwrap();
    assert!(packed.status.success());
    folder.write("linux.lime", packed.stdout);
    let table = corpus("images/linux-6.1-cloud/dwarf2json.isf.json.xz");
    let name = "Linux/Debian/12/x86_64/6.1.0-56-cloud-amd64";
    std::fs::create_dir_all(folder.join("repository/v1.0/Linux/Debian/12/x86_64")).unwrap();
    let place = format!("repository/v1.0/{name}.gz");
    folder.run(["export", table.to_str().unwrap(), "--format", "rekall", "-q", "-o", &place]).check();
    let run = folder.run(["-f", "linux.lime", "-v", "--profile_path", "repository", "pslist"]);
    let shown = run.stderr(format!("Detected profile {name}")).check();
    assert!(shown.lines().count() > 40, "{shown}");
}

#[test]
fn a_bucket_is_not_asked_offline() {
    let (folder, guid) = repository("nt/GUID/GUID_AGE");
    let name = format!("nt/GUID/{guid}");
    let line = ["-f", "win10.elf", "--offline", "--profile_path", "s3://bucket/profiles", "--profile", &name];
    let run = folder.run(line.iter().copied().chain(["pslist"])).status(1);
    run.stderr("s3://bucket/profiles: not asked: offline").check();
    // The next place is.
    folder.run(line.iter().copied().chain(["--profile_path", "repository", "pslist"])).check();
}

#[test]
fn profiles_are_found_under_the_names_that_parse_pdb_was_given() {
    let (folder, guid) = repository("nt/GUID/GUID_AGE");
    let packed = folder.read(&format!("repository/v1.0/nt/GUID/{guid}.gz"));
    let text = profile::unpack(&packed, 1 << 30).unwrap().into_owned();
    // Only the folder that contains them shows that these are repositories.
    for (place, name, bytes) in [
        ("plain", format!("GUID/{guid}.json"), &text),
        ("packed", format!("GUID/{guid}.json.gz"), &packed),
        ("kernels", format!("nt/GUID/{guid}.json"), &text),
        ("layout", format!("v1.0/GUID/{guid}.json.gz"), &packed),
    ] {
        let path = format!("{place}/{name}");
        std::fs::create_dir_all(folder.join(&path).parent().unwrap()).unwrap();
        folder.write(&path, bytes);
        let line = ["-f", "win10.elf", "--offline", "-v", "--profile_path", place];
        let by_name = format!("GUID/{}", guid.to_lowercase());
        let named = line.into_iter().chain(["--profile", &by_name, "pslist"]);
        folder.run(named).stderr(format!("from {path}")).check();
        folder.run(line.into_iter().chain(["pslist"])).stderr("Detected profile").check();
        folder
            .run(["inspect", "--across", place, "_EPROCESS.ImageFileName"])
            .stderr("1 of 1 profiles have it")
            .check();
    }
}

#[test]
fn a_missing_profile_is_reported_as_in_detection() {
    let (folder, guid) = image_and_store();
    let line = ["-f", "win10.elf", "--offline", "--profile_path", "empty", "--symbol-path", "nowhere"];
    let advice =
        format!("the image names\n  Windows: fetch_pdb ntkrnlmp.pdb {guid}, then parse_pdb ntkrnlmp.pdb");
    let run = |words: &[&str]| folder.run(line.iter().chain(words).copied().collect::<Vec<_>>());
    run(&["pslist"]).status(1).stderr(&advice).check();
    let name = format!("GUID/{guid}");
    for command in ["pslist", "validate", "modules"] {
        run(&["--profile", &name, command])
            .status(1)
            .stderr(format!("unable to load profile {name}"))
            .stderr(format!("build_local_profile {name} makes it"))
            .stderr(&advice)
            .check();
    }
    run(&["--profile", "Win10x64", "pslist"]).status(1).stderr(&advice).check();
    // A symlink to the missing profile, under the older name of the same build.
    std::fs::create_dir_all(folder.join("repository/v1.0/GUID")).unwrap();
    symlink(&folder, &name, &format!("nt/GUID/{guid}"));
    folder
        .run(["-f", "win10.elf", "--offline", "--profile_path", "repository", "--profile", &name, "pslist"])
        .status(1)
        .stderr(format!("unable to load profile nt/GUID/{guid}"))
        .stderr(format!("not there, and {name} is a symlink that leads to it"))
        .stderr(&advice)
        .check();
}

#[test]
fn no_server_is_asked_while_a_folder_has_the_profile() {
    let (folder, guid) = repository("nt/GUID/GUID_AGE");
    let server = Server::start(|_| Response::status(404)).unwrap();
    let url = server.url();
    // The server comes first.
    let line = ["-f", "win10.elf", "--profile_path", &url, "--profile_path", "repository"];
    let run = |words: &[&str]| folder.run(line.iter().chain(words).copied().collect::<Vec<_>>());
    run(&["autodetect"]).check();
    run(&["--profile", &format!("nt/GUID/{guid}"), "pslist"]).check();
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn a_server_that_does_not_answer_is_asked_once() {
    let (folder, _) = repository("nt/GUID/other");
    let stalled = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", stalled.local_addr().unwrap());
    let connections = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let held = connections.clone();
    std::thread::spawn(move || {
        while let Ok((connection, _)) = stalled.accept() {
            held.lock().unwrap().push(connection);
        }
    });
    let begun = std::time::Instant::now();
    // Two repositories on one server.
    let second = format!("{url}/second");
    let paths = ["empty", &url, &second].map(|path| ["--profile_path", path]).concat();
    folder.run(["-f", "win10.elf"].into_iter().chain(paths).chain(["autodetect"])).status(1).check();
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(connections.lock().unwrap().len() <= 2, "once, and once more");
}

#[test]
fn across_counts_profiles_alone() {
    let (folder, guid) = repository("nt/GUID/GUID_AGE");
    symlink(&folder, "Win10x64", &format!("nt/GUID/{guid}"));
    std::fs::create_dir_all(folder.join("repository/v1.0/src/nt")).unwrap();
    folder.write("repository/v1.0/src/nt/guids.yaml", format!("ntkrnlmp.pdb:\n- {guid}\n"));
    folder.write(
        "repository/v1.0/config.yaml",
        "nt/GUID: {type: WindowsGUIDProfile, guids: src/nt/guids.yaml, has_structs: true}\n\
         artifacts: {type: ArtifactProfile, patterns: ['src/a*.yaml']}\n",
    );
    folder.write("repository/v1.0/src/a.yaml", "name: A\n");
    folder
        .run(["manage_repo", "--path_to_repository", "repository", "--symbol-path", "store", "build_all"])
        .check();
    for name in ["inventory.gz", "nt/export_index.gz", "artifacts.gz"] {
        assert!(folder.join(&format!("repository/v1.0/{name}")).exists(), "{name}");
    }
    folder
        .run(["inspect", "--across", "repository", "_EPROCESS.ImageFileName"])
        .stderr("1 of 1 profiles have it")
        .check();
}

#[test]
fn a_mistyped_key_of_a_configuration_is_refused() {
    let (folder, _) = repository("nt/GUID/GUID_AGE");
    let run = || folder.run(["-f", "win10.elf", "--offline", "autodetect"]);
    folder.write(".rekallrc", "# settings\nprofile_pth:\n  - ~/repository\n");
    run().status(2).stderr(".rekallrc:2: profile_pth: unknown key (did you mean 'profile_path'?)").check();
    // Rekall's own options have no use here.
    folder.write(
        ".rekallrc",
        "repository_path: [~/repository]\ncache_dir: ~/.cache\nautodetect_build_local: none\nnt_profile: x\n",
    );
    run().check();
    std::fs::create_dir_all(folder.join(".config/rekall-profile")).unwrap();
    folder.write(".config/rekall-profile/config.yaml", "symbolpath: srv*\n");
    run().status(2).stderr("config.yaml:1: symbolpath: unknown key (did you mean 'symbol_path'?)").check();
}
