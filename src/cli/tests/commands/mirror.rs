//! `manage_repo mirror` and the entries that it writes, on archives of our own on loopback.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sha2::{Digest, Sha256};
use symbol_server::fixture::{self, Reach};
use symbol_server::{Fault, Request, Server, folder};

use crate::debug_files::{debug_file, name, package};
use crate::harness::Folder;
use crate::manage_repo::{inventory, profiles, unpacked};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A debug package as large as the smallest that is taken for one.
fn debug_package(build: u8) -> Vec<u8> {
    let mut bytes =
        package(&format!("./usr/lib/debug/boot/vmlinux-6.1.0-{build}-cloud-amd64"), &debug_file(build));
    let padding = vec![b'x'; 64 << 10];
    bytes.extend(format!("{:<16}{:<32}{:<10}`\n", "_padding", "0", padding.len()).as_bytes());
    bytes.extend(padding);
    bytes
}

fn put(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn path(build: u8) -> String {
    format!("pool/main/l/linux/linux-image-6.1.0-{build}-cloud-amd64-dbg_6.1.{build}-1_amd64.deb")
}

fn stanza(build: u8, path: &str, size: usize, sha256: &str) -> String {
    format!(
        "Package: linux-image-6.1.0-{build}-cloud-amd64-dbg\nVersion: 6.1.{build}-1\nArchitecture: amd64\n\
         Filename: {path}\nSize: {size}\nSHA256: {sha256}\n\n"
    )
}

/// An archive of Debian's kind with these builds.
pub fn archive(root: &Path, builds: &[u8]) {
    let mut packages = String::new();
    for build in builds {
        let bytes = debug_package(*build);
        packages += &stanza(*build, &path(*build), bytes.len(), &sha256(&bytes));
        put(root, &path(*build), &bytes);
    }
    list(root, &packages);
}

fn list(root: &Path, packages: &str) {
    let file = "main/binary-amd64/Packages";
    put(root, &format!("dists/bookworm/{file}"), packages.as_bytes());
    let release =
        format!("Suite: bookworm\nSHA256:\n {} {} {file}\n", sha256(packages.as_bytes()), packages.len());
    put(root, "dists/bookworm/Release", release.as_bytes());
}

fn mirror<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut line =
        vec!["manage_repo", "--path_to_repository", "repo", "--symbol-path", "symbols", "mirror", url];
    line.extend(["--suite", "bookworm", "--mode", "dwarf", "--as", "debian"]);
    line.extend(more);
    line
}

fn requests_for_packages(server: &Server) -> usize {
    server.paths().iter().filter(|path| path.ends_with(".deb")).count()
}

#[test]
fn an_archive_becomes_a_repository_and_only_what_is_new_is_fetched_again() {
    let root = Folder::new();
    archive(root.path(), &[1, 2, 3]);
    let server = Server::of_folder(root.path()).unwrap();
    let url = server.url();
    let here = Folder::new();
    here.run(mirror(&url, &[])).stderr("3 items listed, 3 new").stderr("3 made, 0 unchanged").check();
    let first = profiles(&here);
    assert_eq!(first.len(), 3);
    let records = inventory(&here);
    for build in 1..=3 {
        let record = &records[name(build)];
        let bytes = debug_package(build);
        assert_eq!(record["source"], format!("debian/{} sha256:{}", path(build), sha256(&bytes)));
        assert_eq!(record["origin"], format!("{url}/{}", path(build)));
        assert!(record["generator"].as_str().unwrap().starts_with("rekall-profile dwarf"), "{record}");
    }
    let asked = requests_for_packages(&server);
    assert_eq!(asked, 3);
    here.run(mirror(&url, &[])).stderr("0 new, 0 gone").stderr("0 made, 3 unchanged").check();
    assert_eq!((requests_for_packages(&server), profiles(&here)), (asked, first));
    // The archive has one kernel more, and one less: profiles stay.
    archive(root.path(), &[2, 3, 4]);
    here.run(mirror(&url, &[])).stderr("1 new, 1 gone").stderr("1 made, 2 unchanged").check();
    assert_eq!((requests_for_packages(&server), profiles(&here).len()), (asked + 1, 4));
    // A lost inventory is made again as it was.
    let before = inventory(&here);
    std::fs::remove_file(here.join("repo/v1.0/inventory.gz")).unwrap();
    here.run(["manage_repo", "--path_to_repository", "repo", "seal"]).check();
    let mut after = inventory(&here);
    // What the archive does not list any more is described by itself alone.
    let gone = name(1);
    assert_eq!(after[&gone]["sha256"], before[&gone]["sha256"]);
    after[&gone] = before[&gone].clone();
    assert_eq!(after, before);
    here.run(["manage_repo", "--path_to_repository", "repo", "--symbol-path", "symbols", "verify", &name(2)])
        .check();
}

#[test]
fn shards_make_the_bytes_of_one_run() {
    let root = Folder::new();
    archive(root.path(), &[1, 2, 3, 4, 5]);
    let server = Server::of_folder(root.path()).unwrap();
    let url = server.url();
    let whole = Folder::new();
    whole.run(mirror(&url, &[])).check();
    let parts = Folder::new();
    std::fs::create_dir_all(parts.join("repo/v1.0")).unwrap();
    std::fs::copy(whole.join("repo/v1.0/config.yaml"), parts.join("repo/v1.0/config.yaml")).unwrap();
    let line = |words: &[&'static str]| {
        let mut line = vec!["manage_repo", "--path_to_repository", "repo"];
        line.extend(words);
        line
    };
    let plan = parts.run(line(&["plan", "--shards", "2", "--json"])).check();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let to_make: u64 = plan["matrix"]["include"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["to_make"].as_u64().unwrap())
        .sum();
    assert_eq!(to_make, 5);
    // Listings are read once, by `plan`.
    let listings = |server: &Server| server.paths().iter().filter(|path| path.contains("dists")).count();
    let read = listings(&server);
    for shard in ["1/2", "2/2"] {
        parts.run(line(&["build", "--shard", shard])).check();
    }
    parts.run(line(&["seal"])).check();
    assert_eq!(listings(&server), read);
    assert_eq!((profiles(&parts), inventory(&parts)), (profiles(&whole), inventory(&whole)));
}

#[test]
fn lying_damaged_and_missing_packages_cost_themselves_alone() {
    let root = Folder::new();
    let mut packages = String::new();
    for build in 1..=5 {
        let mut bytes = debug_package(build);
        let (mut size, mut digest) = (bytes.len(), sha256(&bytes));
        match build {
            // Another file of the same size; a listing that lies about the size; a file that is gone.
            1 => bytes[100] ^= 1,
            2 => size -= 10,
            3 => digest = "0".repeat(64),
            _ => {}
        }
        packages += &stanza(build, &path(build), size, &digest);
        if build != 4 {
            put(root.path(), &path(build), &bytes);
        }
    }
    for hostile in ["../../../etc/cron.d/x", "/etc/x", "http://evil/x", "pool/../../x"] {
        packages += &stanza(9, hostile, 1 << 20, &"0".repeat(64));
    }
    list(root.path(), &packages);
    let server = Server::of_folder(root.path()).unwrap();
    let url = server.url();
    let here = Folder::new();
    here.run(mirror(&url, &[]))
        .status(1)
        .stderr("by the listing; the archive changed or is damaged: read its listing again")
        .stderr("is listed and not taken: expected a path below the archive")
        .check();
    assert_eq!(profiles(&here).keys().collect::<Vec<_>>(), [&format!("{}.gz", name(5))]);
    // Nothing was written outside of the repository, and a package that is mended is taken.
    assert_eq!(here.names().iter().filter(|name| *name != "repo" && !name.starts_with('.')).count(), 0);
    archive(root.path(), &[1, 2, 3, 4, 5]);
    here.run(mirror(&url, &[])).stderr("4 made, 1 unchanged").check();
}

#[test]
fn of_a_package_only_the_kernel_is_unpacked() {
    let root = Folder::new();
    let mut packages = String::new();
    for build in 1..=3 {
        let mut bytes = debug_package(build);
        // The two blocks of zeros at the end of the tar, behind the kernel; or the header in front of it.
        let padding = 60 + (64 << 10);
        let end = bytes.len() - padding;
        match build {
            1 => bytes[end - 1024..end].fill(0xff),
            2 => {
                let start = bytes.windows(2).position(|bytes| bytes == b"./").unwrap();
                bytes[start..start + 512].fill(0xff);
            }
            _ => {}
        }
        packages += &stanza(build, &path(build), bytes.len(), &sha256(&bytes));
        put(root.path(), &path(build), &bytes);
    }
    list(root.path(), &packages);
    let server = Server::of_folder(root.path()).unwrap();
    let url = server.url();
    let here = Folder::new();
    std::fs::create_dir(here.join("temporary")).unwrap();
    here.run(mirror(&url, &[]))
        .env("TMPDIR", here.join("temporary"))
        .status(1)
        .stderr("6.1.0-2-cloud-amd64-dbg_6.1.2-1_amd64.deb rejected: the package is damaged")
        .stderr("2 made, 0 unchanged, 0 rejected before, 1 failed")
        .check();
    let names = [1, 3].map(|build| format!("{}.gz", name(build)));
    assert!(profiles(&here).keys().eq(&names), "{:?}", profiles(&here).keys());
    // Neither a package nor a kernel is left.
    let left = std::fs::read_dir(here.join("temporary")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn thousands_of_failures_are_counted_named_and_not_tried_again() {
    const COUNT: usize = 3000;
    let server = Server::of_folder(Folder::new().path()).unwrap();
    let here = Folder::new();
    std::fs::create_dir_all(here.join("repo/v1.0/src")).unwrap();
    let ids: String = (0..COUNT).map(|number| format!("{number:040x}\n")).collect();
    here.write("repo/v1.0/src/ids.txt", ids);
    let config =
        format!("fetched:\n  type: Debuginfod\n  servers: ['{}']\n  list: src/ids.txt\n", server.url());
    here.write("repo/v1.0/config.yaml", config);
    let line = |words: &[&'static str]| -> Vec<&str> {
        let start = ["manage_repo", "--path_to_repository", "repo", "--symbol-path", "symbols", "build_all"];
        start.iter().chain(words).copied().collect()
    };
    let told = here.run(line(&["--json"])).status(1).check();
    let report: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(report["entries"][0]["failed"], COUNT);
    let failures = report["failures"].as_array().unwrap();
    assert_eq!(failures.len(), COUNT);
    assert!(failures.iter().all(|failure| failure["rejected"] == true), "{}", failures[0]);
    assert_eq!(failures[7]["name"], format!("Linux/{:040x}", 7));
    let asked = server.paths().len();
    assert_eq!(asked, COUNT);
    here.run(line(&[])).stderr(format!("0 made, 0 unchanged, {COUNT} rejected before")).check();
    assert_eq!(server.paths().len(), asked);
    // One that appears later is made on request.
    let root = Folder::new();
    let id = "01".repeat(20);
    put(root.path(), &format!("buildid/{id}/debuginfo"), &debug_file(1));
    let later = Server::of_folder(root.path()).unwrap();
    let config =
        format!("fetched:\n  type: Debuginfod\n  servers: ['{}']\n  list: src/ids.txt\n", later.url());
    here.write("repo/v1.0/config.yaml", config);
    let ids = std::fs::read_to_string(here.join("repo/v1.0/src/ids.txt")).unwrap();
    here.write("repo/v1.0/src/ids.txt", format!("{id}\n{ids}"));
    here.run(line(&[])).stderr(format!("1 made, 0 unchanged, {COUNT} rejected before")).check();
}

#[test]
fn bombs_stalls_and_broken_connections_end() {
    let root = Folder::new();
    archive(root.path(), &[1, 2, 3]);
    // A package that unpacks to a thousand times its size.
    let mut tar = package("./usr/lib/debug/boot/vmlinux-7", &vec![0; 64 << 20]);
    let start = tar.windows(2).position(|bytes| bytes == b"./").unwrap();
    let content = tar.split_off(start);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    Write::write_all(&mut packed, &content).unwrap();
    let packed = packed.finish().unwrap();
    let mut bomb = b"!<arch>\n".to_vec();
    for (name, content) in
        [("debian-binary", b"2.0\n".to_vec()), ("data.tar.gz", packed), ("_p", vec![0; 64 << 10])]
    {
        bomb.extend(format!("{name:<16}{:<32}{:<10}`\n", "0", content.len()).as_bytes());
        bomb.extend(&content);
        bomb.resize(bomb.len().next_multiple_of(2), b'\n');
    }
    let mut packages =
        std::fs::read_to_string(root.join("dists/bookworm/main/binary-amd64/Packages")).unwrap();
    packages += &stanza(7, &path(7), bomb.len(), &sha256(&bomb));
    put(root.path(), &path(7), &bomb);
    list(root.path(), &packages);
    let files = folder(root.path());
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let server = Server::start(move |request: &Request| {
        let answer = files(request);
        if request.path().contains("6.1.0-2-") && counted.fetch_add(1, Ordering::SeqCst) < 2 {
            // Resumed, once with a part and once from the start.
            return answer.with_fault(Fault::BreakAfter(70_000));
        }
        answer
    })
    .unwrap();
    let url = server.url();
    let here = Folder::new();
    here.run(mirror(&url, &[])).status(1).stderr("3 made").stderr("1 failed").check();
    assert!(tries.load(Ordering::SeqCst) > 1);
    assert_eq!(profiles(&here).len(), 3);
}

#[test]
fn an_archive_that_cannot_be_read_costs_nothing_that_is_there() {
    let root = Folder::new();
    archive(root.path(), &[1, 2]);
    let server = Server::of_folder(root.path()).unwrap();
    let url = server.url();
    let here = Folder::new();
    here.run(mirror(&url, &[])).check();
    let before = profiles(&here);
    // The list changes between the Release and itself.
    put(root.path(), "dists/bookworm/main/binary-amd64/Packages", b"Package: other\n");
    here.run(mirror(&url, &[]))
        .stderr("the listing of before is used, with 2 items")
        .stderr("0 made, 2 unchanged")
        .check();
    assert_eq!(profiles(&here), before);
    let elsewhere = Folder::new();
    elsewhere.run(mirror(&url, &[])).status(2).stderr("expected").check();
    drop(server);
    let config = "debian:\n  type: DebianArchive\n  adress: http://x\n  suites: [a]\n";
    std::fs::create_dir_all(elsewhere.join("repo/v1.0")).unwrap();
    elsewhere.write("repo/v1.0/config.yaml", config);
    elsewhere
        .run(["manage_repo", "--path_to_repository", "repo", "--symbol-path", "symbols", "build_all"])
        .status(2)
        .stderr("config.yaml:3: debian.adress: unknown key (did you mean 'address'?)")
        .check();
}

#[test]
fn debuginfod_and_archives_of_rpms_are_sources_too() {
    let root = Folder::new();
    let rpm = std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf/packages/kernel-zstd.rpm"),
    )
    .unwrap();
    let mut bytes = rpm;
    bytes.resize(bytes.len().max(64 << 10), 0);
    put(root.path(), "rpms/Packages/kernel-debuginfo-5.14.rpm", &bytes);
    let primary = format!(
        "<metadata><package type=\"rpm\"><name>kernel-debuginfo</name><arch>x86_64</arch>\
         <version epoch=\"0\" ver=\"5.14.0\" rel=\"1\"/><checksum type=\"sha256\">{}</checksum>\
         <size package=\"{}\"/><location href=\"Packages/kernel-debuginfo-5.14.rpm\"/></package></metadata>",
        sha256(&bytes),
        bytes.len()
    );
    put(root.path(), "rpms/repodata/primary.xml", primary.as_bytes());
    let index = format!(
        "<repomd><data type=\"primary\"><checksum type=\"sha256\">{}</checksum>\
         <location href=\"repodata/primary.xml\"/></data></repomd>",
        sha256(primary.as_bytes())
    );
    put(root.path(), "rpms/repodata/repomd.xml", index.as_bytes());
    for build in 1..=2 {
        let id = name(build).split_once('/').unwrap().1.to_owned();
        put(root.path(), &format!("buildid/{id}/debuginfo"), &debug_file(build));
    }
    // The server sends another build's file under this one.
    let wrong = "0303030303030303030303030303030303030303";
    put(root.path(), &format!("buildid/{wrong}/debuginfo"), &debug_file(4));
    let server = Server::of_folder(root.path()).unwrap();
    let here = Folder::new();
    let url = format!("{}/rpms", server.url());
    std::fs::create_dir_all(here.join("repo/v1.0/src")).unwrap();
    let ids: String =
        (1..=2).map(|build| format!("{} # {build}\n", &name(build)["Linux/".len()..])).collect();
    here.write("repo/v1.0/src/ids.txt", format!("# wanted\n{ids}{wrong}\n"));
    here.write(
        "repo/v1.0/config.yaml",
        format!(
            "rpms:\n  type: RpmArchive\n  address: {url}\n  mode: dwarf\n\
             fetched:\n  type: Debuginfod\n  servers: ['{}']\n  list: src/ids.txt\n",
            server.url()
        ),
    );
    let line = ["manage_repo", "--path_to_repository", "repo", "--symbol-path", "symbols", "build_all"];
    here.run(line)
        .status(1)
        .stderr("the server sent the debug file of Linux/0404")
        // The kernel of the package has two structs and is useless, but it was read.
        .stderr("kernel-debuginfo-5.14.rpm rejected: its profile would be no good: no reader works without task_struct.pid")
        .check();
    let made = profiles(&here);
    assert!(made.contains_key(&format!("{}.gz", name(1))) && made.contains_key(&format!("{}.gz", name(2))));
    assert_eq!(made.len(), 2, "{:?}", made.keys());
    // A file that is known to be useless is not requested again.
    let before = server.paths().len();
    here.run(line).stderr("0 made, 2 unchanged, 2 rejected before").check();
    assert_eq!(server.paths().len(), before + 2, "the listing alone");
}

#[test]
fn a_list_of_tables_becomes_profiles() {
    let source = Folder::new();
    archive(source.path(), &[1]);
    let server = Server::of_folder(source.path()).unwrap();
    let made = Folder::new();
    made.run(mirror(&server.url(), &[])).check();
    let banner = "Linux version 6.1.0-1-cloud-amd64 (us) #1 SMP";
    let profile = format!("repo/v1.0/{}.gz", name(1));
    made.run(["export", &profile, "--format", "isf", "--output", "t.json"]).check();
    put(source.path(), "isf/Debian/t.json", &made.read("t.json"));
    put(source.path(), "isf/Debian/broken.json", b"{\"metadata\": {}, \"symbols\": 5}");
    let url = server.url();
    let identifier = profile::to_base64(format!("{banner}\n\0").as_bytes());
    let list = serde_json::json!({"version": 1, "linux": {
        identifier: [format!("{url}/isf/Debian/t.json"), format!("{url}/isf/Debian/broken.json"), "file:///etc/passwd"]},
        "additional": [format!("{url}/isf/nowhere.json")]});
    put(source.path(), "banners.json", list.to_string().as_bytes());
    let here = Folder::new();
    let address = format!("{url}/banners.json");
    let line = [
        "manage_repo",
        "--path_to_repository",
        "repo",
        "--symbol-path",
        "symbols",
        "mirror",
        &address,
        "--as",
        "community",
    ];
    here.run(line).status(1).stderr("file:///etc/passwd is listed and not taken").stderr("1 made").check();
    let records: BTreeMap<String, Value> = serde_json::from_value(inventory(&here)).unwrap();
    let (name, record) = records.iter().next().unwrap();
    // The table says neither its build-id nor a banner, so it is named by where it comes from.
    assert!(name.starts_with("community/127.0.0.1_") && name.ends_with("/isf/Debian/t"), "{name}");
    assert_eq!(record["generator"], "rekall-profile isf 1");
    assert!(record["origin"].as_str().unwrap().ends_with("/isf/Debian/t.json"));
    let profile = unpacked(&here, &format!("repo/v1.0/{name}.gz"));
    assert_eq!(profile["$METADATA"]["Generator"], "rekall-profile isf 1");
    // The same list, taken once and without an entry in the configuration.
    let importing = Folder::new();
    let line = ["manage_repo", "--path_to_repository", "repo", "import", "--isf-list", &address];
    importing
        .run(line)
        .status(1)
        .stderr("/isf/Debian/t.json: Linux/127.0.0.1_")
        .stderr("/isf/Debian/broken.json: ")
        .stderr("/isf/nowhere.json: ")
        .check();
    importing.run(line).status(1).stderr("/isf/Debian/t is there already").check();
    assert_eq!(profiles(&importing).len(), 1);
    let line =
        ["manage_repo", "--path_to_repository", "repo", "import", "--isf-list", &address, "--kernel", "5.*"];
    Folder::new().run(line).status(1).stderr("/isf/nowhere.json: ").check();
}

/// Winbindex's file and a server that has the executables, of which one names the kernel of the tests.
#[test]
fn builds_of_windows_are_found_by_their_executables() {
    const BUILD: &str = "9E4DF50D3AD3E3064C4C44205044422E1";
    let store = Folder::new();
    let executable = |build: &str, pdb: &str| {
        let mut bytes = fixture::pe(&[(&fixture::rsds(build.parse().unwrap(), pdb), Reach::Offset)]);
        // As large as a kernel, so that reading the whole of it would show.
        bytes.resize(12 << 20, 0x90);
        bytes
    };
    put(store.path(), "ntoskrnl.exe/5F641C411046000/ntoskrnl.exe", &executable(BUILD, "ntkrnlmp.pdb"));
    let absent = "0000000000000000000000000000000A1";
    put(store.path(), "ntoskrnl.exe/000000AB1047000/ntoskrnl.exe", &executable(absent, "ntkrnlmp.pdb"));
    put(store.path(), "ntoskrnl.exe/000000AC1047000/ntoskrnl.exe", b"MZ and nothing else");
    let entry = |timestamp: u32, size: u32, machine: u32, version: &str| {
        serde_json::json!({"fileInfo": {"timestamp": timestamp, "virtualSize": size, "machineType": machine,
            "version": format!("{version} (WinBuild.160101.0800)")}, "windowsVersions": {"21H2": {}}})
    };
    let list = serde_json::json!({
        "aa": entry(0x5f64_1c41, 0x0104_6000, 34404, "10.0.19041.1"),
        "bb": entry(0xab, 0x0104_7000, 34404, "10.0.19041.2"),
        "cc": entry(0xac, 0x0104_7000, 34404, "10.0.19041.3"),
        "dd": entry(0xad, 0x0104_7000, 34404, "10.0.19041.4"),
        "ee": entry(0xae, 0x0104_7000, 332, "10.0.19041.5"),
        "ff": entry(0xaf, 0x0104_7000, 34404, "10.0.22621.6"),
        "00": {"fileInfo": {"size": 5, "version": "10.0.19041.7", "machineType": 34404}},
    });
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(list.to_string().as_bytes()).unwrap();
    put(store.path(), "by_filename_compressed/ntoskrnl.exe.json.gz", &packed.finish().unwrap());
    let server = Server::of_folder(store.path()).unwrap();
    let url = server.url();
    let here = Folder::new();
    let config = |source: &str| {
        format!(
            "nt/GUID:\n  type: WindowsBuilds\n  {source}\n  servers: {url}\n  architectures: amd64\n  versions: 10.0.19041.*\n"
        )
    };
    std::fs::create_dir_all(here.join("repo/v1.0")).unwrap();
    here.write(
        "repo/v1.0/config.yaml",
        config(&format!("address: {url}/by_filename_compressed/ntoskrnl.exe.json.gz")),
    );
    let symbols = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/store");
    let symbols = symbols.to_str().unwrap();
    let line = ["manage_repo", "--path_to_repository", "repo", "--symbol-path", symbols, "build_all"];
    here.run(line)
        .status(1)
        .stderr("1 made")
        .stderr("ntoskrnl.exe/000000AC1047000/ntoskrnl.exe")
        .stderr("ntoskrnl.exe/000000AD1047000/ntoskrnl.exe")
        .stderr("1 entries have no time stamp")
        .stderr(format!("ntkrnlmp.pdb {absent} was not found"))
        .check();
    let made = profiles(&here);
    assert_eq!(made.keys().collect::<Vec<_>>(), [&format!("nt/GUID/{BUILD}.gz")]);
    // One part of each executable was asked for, since all that is needed is near its start. Those of other machines and
    // versions were not.
    let of_executables = |path: &String| path.contains("/ntoskrnl.exe/");
    let asked = server.paths().into_iter().filter(of_executables).count();
    assert_eq!(asked, 4, "{:?}", server.paths());
    assert!(
        server
            .requests()
            .iter()
            .filter(|request| of_executables(&request.path().to_owned()))
            .all(|request| { request.header("range").is_some_and(|range| range.starts_with("bytes=")) })
    );
    // Again: only what is not known yet is asked for.
    here.run(line).status(0).stderr("0 made, 1 unchanged, 1 rejected before").check();
    let again = server.paths().into_iter().filter(of_executables).count() - asked;
    assert_eq!(again, 2, "the damaged and the missing one");
    // The same from a list of our own, with a faulty line first.
    let own = Folder::new();
    std::fs::create_dir_all(own.join("repo/v1.0/src")).unwrap();
    own.write("repo/v1.0/config.yaml", config("list: src/kernels.txt"));
    own.write("repo/v1.0/src/kernels.txt", "ntoskrnl.exe 5F641C41\n");
    own.run(line).status(2).stderr("line 1: expected a name, a time stamp and a size").check();
    own.write("repo/v1.0/src/kernels.txt", "# kernels\nntoskrnl.exe 5f641c41 1046000 # 2004\n../x 1 2\n");
    own.run(line).status(0).stderr("../x is listed and not taken").stderr("1 made").check();
    assert_eq!(
        own.read(&format!("repo/v1.0/nt/GUID/{BUILD}.gz")),
        here.read(&format!("repo/v1.0/nt/GUID/{BUILD}.gz"))
    );
}

#[test]
fn progress_appears_as_lines_and_a_stop_keeps_what_is_made() {
    let root = Folder::new();
    archive(root.path(), &(1..=40).collect::<Vec<u8>>());
    let files = folder(root.path());
    let slow = Mutex::new(());
    let server = Server::start(move |request: &Request| {
        if request.path().ends_with(".deb") {
            let _one = slow.lock().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        files(request)
    })
    .unwrap();
    let url = server.url();
    let here = Folder::new();
    let mut command = here.run(mirror(&url, &["--threads", "1"])).command();
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    while profiles_if_any(&here) < 8 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("remaining, 0 failed") && stderr.contains("Stopped: "), "{stderr}");
    let kept = profiles(&here).len();
    assert!((8..40).contains(&kept), "{kept}");
    assert_eq!(inventory(&here).as_object().unwrap().len(), kept, "what was kept is recorded");
    here.run(mirror(&url, &[])).stderr(format!("{} made, {kept} unchanged", 40 - kept)).check();
}

fn profiles_if_any(folder: &Folder) -> usize {
    std::fs::read_dir(folder.join("repo/v1.0/Linux")).map_or(0, Iterator::count)
}

#[test]
fn a_repository_is_a_symbol_server_for_volatility() {
    let source = Folder::new();
    archive(source.path(), &[1, 2]);
    let server = Server::of_folder(source.path()).unwrap();
    let here = Folder::new();
    here.run(mirror(&server.url(), &[])).check();
    // Our debug files have no banner; imported profiles have.
    for build in 1..=2 {
        let banner = format!("Linux version 6.1.{build} (debian-kernel@lists.debian.org) #1 SMP");
        let profile = format!("repo/v1.0/{}.gz", name(build));
        here.run(["export", &profile, "--format", "rekall", "--banner", &banner, "--output", "p.json.gz"])
            .check();
        let target = format!("Linux/banner-{build}");
        here.run(["manage_repo", "--path_to_repository", "repo", "import", "p.json.gz", "--as", &target])
            .check();
    }
    let line = |output: &'static str| {
        [
            "manage_repo",
            "--path_to_repository",
            "repo",
            "isf",
            "--output",
            output,
            "--base-url",
            "http://h/x/",
        ]
    };
    let url = here.run(line("public")).stderr("2 tables made, 0 unchanged").check();
    let files = |folder: &str| -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![here.join(folder)];
        while let Some(at) = folders.pop() {
            for entry in std::fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(here.join(folder)).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, std::fs::read(path).unwrap());
                }
            }
        }
        found
    };
    let first = files("public");
    let versioned = url.trim().strip_prefix("http://h/x/").unwrap();
    assert_eq!(first[versioned], first["banners.json"]);
    assert!(first.contains_key("isf/linux/debian.json"), "{:?}", first.keys());
    let list: Value = serde_json::from_slice(&first["banners.json"]).unwrap();
    assert_eq!(list["linux"].as_object().unwrap().len(), 2);
    for urls in list["linux"].as_object().unwrap().values() {
        let path = urls[0].as_str().unwrap().strip_prefix("http://h/x/").unwrap();
        here.write("table.json.xz", &first[path]);
        here.run(["inspect", "table.json.xz"]).check();
    }
    here.run(line("public")).stderr("0 tables made, 2 unchanged").check();
    assert_eq!(files("public"), first);
    // What plug-ins insist on is for those who ask for it, and the tables of both kinds have names of their own.
    let producer = |table: &[u8]| -> Value {
        let text = profile::unpack(table, profile::MAX_TEXT).unwrap();
        let table: Value = serde_json::from_slice(&text).unwrap();
        table["metadata"]["producer"]["name"].clone()
    };
    let tables = |folder: &str| -> Vec<(String, Vec<u8>)> {
        files(folder).into_iter().filter(|(name, _)| name.ends_with(".xz")).collect()
    };
    assert!(tables("public").iter().all(|(_, table)| producer(table) == "rekall-profile"));
    here.run([&line("pleasing")[..], &["--compat", "volatility3"]].concat()).stderr("2 tables made").check();
    for (name, table) in tables("pleasing") {
        assert!(!first.contains_key(&name), "{name}");
        assert_eq!(producer(&table), "dwarf2json");
    }
    here.run(["serve", "repo", "--compat", "volatility3"]).status(2).stderr("--isf").check();
    here.run(line("other")).check();
    assert_eq!(files("other"), first);

    let mut command = here.run(["serve", "repo", "--isf", "--listen", "127.0.0.1:0", "--json"]).command();
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut report = String::new();
    {
        use std::io::BufRead;
        let mut lines = std::io::BufReader::new(child.stdout.as_mut().unwrap());
        while !report.trim_end().ends_with('}') || serde_json::from_str::<Value>(&report).is_err() {
            assert!(lines.read_line(&mut report).unwrap() > 0, "{report}");
        }
    }
    let report: Value = serde_json::from_str(&report).unwrap();
    let (root, address) = (report["url"].as_str().unwrap(), report["isf"].as_str().unwrap());
    let current = get(root, "/banners.json");
    assert_eq!(get(root, address.strip_prefix(root).unwrap()), current);
    let served: Value = serde_json::from_slice(&current).unwrap();
    for urls in served["linux"].as_object().unwrap().values() {
        let path = urls[0].as_str().unwrap().strip_prefix(root).unwrap();
        // The static tree has the same tables under the same names.
        assert_eq!(get(root, path), first[path.trim_start_matches('/')]);
    }
    assert!(
        get(root, "/isf/000000000000.json").is_empty() && get(root, "/isf/../v1.0/config.yaml").is_empty()
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The body of what a server answers; empty for anything but 200.
fn get(root: &str, path: &str) -> Vec<u8> {
    use std::io::{Read, Write};
    let address = root.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    if answer.starts_with(b"HTTP/1.1 200") { answer.split_off(end) } else { Vec::new() }
}
