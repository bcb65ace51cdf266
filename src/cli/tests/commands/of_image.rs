//! A Linux image without a profile, a repository or a network.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use symbol_server::{Request, Response, Server};

use crate::harness::{Folder, corpus};

const KERNELS: [(&str, &str); 2] = [
    ("linux-6.1-cloud", "Linux/3b43fad5034874490492495d552c0af6a5fab235"),
    ("linux-7.3-cloud", "Linux/1fe9968467f2755292a45806719b9bba136b0cc8"),
];

/// The default folder of profiles.
const STORE: &str = ".local/share/rekall-profile/repository/v1.0";

fn unpack(folder: &Folder, kernel: &str) {
    let image = corpus(&format!("images/{kernel}/full.raw.xz"));
    let unpacked = Command::new("xz").args(["-dqc"]).arg(image).output().unwrap();
    assert!(unpacked.status.success());
    folder.write("linux.raw", unpacked.stdout);
}

fn truth(kernel: &str) -> Value {
    let path = corpus(&format!("images/{kernel}/full.truth.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The listed processes are those that the guest printed, with the same parents, threads, owners and start times.
fn is_the_guests(listed: &str, kernel: &str) {
    let listed: Value = serde_json::from_str(listed).unwrap();
    assert_eq!(listed["problem"], Value::Null);
    let rows = listed["processes"].as_array().unwrap();
    let truth = truth(kernel);
    let printed = truth["processes"].as_array().unwrap();
    // The shell that printed the list has ended.
    let last = printed.iter().map(|process| process["pid"].as_u64().unwrap()).max();
    let mut compared = 0;
    for process in printed.iter().filter(|process| process["pid"].as_u64() != last) {
        let row = rows.iter().find(|row| row["pid"] == process["pid"]);
        assert!(row.is_some(), "{process} is not listed");
        let row = row.unwrap();
        assert_eq!(row["ppid"], process["ppid"], "{process}");
        assert_eq!(row["threads"], process["threads"], "{process}");
        assert_eq!(row["uid"], process["uid"][0], "{process}");
        // `/proc` counts hundredths of a second.
        let started = row["nanoseconds_after_boot"].as_u64().map(|time| time / 10_000_000);
        assert_eq!(started, process["starttime_ticks"].as_u64(), "{process}");
        let (name, printed) = (row["name"].as_str().unwrap(), process["comm"].as_str().unwrap());
        // Work queues add to the names of their threads; process 1 became a shell.
        let same = printed.starts_with(name) || process["pid"] == 1 && name == "sh";
        assert!(same, "{name} {process}");
        compared += 1;
    }
    assert_eq!(compared + 1, printed.len());
    let later = rows.iter().filter(|row| row["pid"].as_u64() > last);
    assert!(rows.len() - later.count() == compared, "{} rows", rows.len());
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn an_image_alone_is_enough_to_list_processes() {
    for (kernel, name) in KERNELS {
        let folder = Folder::new();
        unpack(&folder, kernel);
        let run = |words: &str| {
            let run = folder.run(["-f", "linux.raw", "--offline", "--json", "-v", "pslist"]);
            is_the_guests(&run.stderr(words).check(), kernel);
        };
        run(&format!("{name}: made from the image alone"));
        // The second time the profile exists.
        run(&format!("Detected profile {name}"));
        let stored = format!("{STORE}/{name}.gz");
        assert!(folder.join(&stored).is_file());
        let shown = folder.run(["inspect", &stored]).check();
        assert!(shown.contains("BTF and kallsyms of a memory image"), "{shown}");
        // Its own sources do not prove it; everything else does.
        let report = folder.run(["-f", "linux.raw", "--offline", "--json", "validate"]).check();
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["verdict"], "match");
        for check in report["checks"].as_array().unwrap() {
            let by_construction =
                ["banner", "build-id", "kallsyms", "BTF"].iter().any(|name| check["name"] == *name);
            assert!(!by_construction || check["weight"] == "note", "{check}");
        }
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_profile_from_an_image_is_made_on_request_and_replaces_nothing() {
    let (kernel, name) = KERNELS[1];
    let folder = Folder::new();
    unpack(&folder, kernel);
    let report = folder.run(["-f", "linux.raw", "--offline", "--json", "build_local_profile"]).check();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["profile"], name);
    assert!(report["on_image"].as_str().unwrap().starts_with("match ("), "{report}");
    assert_eq!(report["health"]["verdict"], "complete", "{report}");
    // A profile from the debug package already has the name: it stays.
    let own = std::fs::read(corpus("images/linux-7.3-cloud/profile.json.gz")).unwrap();
    let stored = format!("{STORE}/{name}.gz");
    folder.write(&stored, &own);
    folder.run(["-f", "linux.raw", "--offline", "build_local_profile"]).stderr("not stored").check();
    assert!(folder.read(&stored) == own);
    // Both describe one kernel.
    let made = Path::new("made/v1.0").join(name);
    std::fs::create_dir_all(folder.join("made/v1.0/Linux")).unwrap();
    folder.run(["-f", "linux.raw", "--offline", "--profile_path", "made", "build_local_profile"]).check();
    let made = format!("{}.gz", made.display());
    let compared = folder.run(["check", &made, "--against", &stored, "--json"]);
    let output = compared.command().output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report.get("error").is_none(), "{report:#}");
}

/// A raw image that names a Linux kernel by its build-id, and holds nothing else of it.
fn image_that_names(build_id: &str) -> Vec<u8> {
    let mut image = vec![0; 1 << 20];
    let info = format!(
        "OSRELEASE=6.6.7-test\nBUILD-ID={build_id}\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=ffffffff82000000\n\
         SYMBOL(_stext)=ffffffff81000000\nNUMBER(phys_base)=0\nKERNELOFFSET=0\n"
    );
    image[0x5000..][..info.len()].copy_from_slice(info.as_bytes());
    image
}

#[test]
fn the_debug_file_of_a_kernel_without_types_is_fetched_unless_offline() {
    let debug_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf/elf/gcc-x64");
    let debug_file = std::fs::read(debug_file).unwrap();
    let id = dwarf_converter::build_id(&debug_file).unwrap();
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = format!("/buildid/{id}/debuginfo");
    let server = Server::start(move |request: &Request| match request.path() == expected {
        true => Response::bytes(debug_file.clone()),
        false => Response::status(404),
    })
    .unwrap();
    let folder = Folder::new();
    folder.write("linux.raw", image_that_names(&id));
    for repository in ["made", "listed", "offline"] {
        std::fs::create_dir(folder.join(repository)).unwrap();
    }
    let stored = |repository: &str| folder.join(&format!("{repository}/v1.0/Linux/{id}.gz")).is_file();
    let run = |repository: &str, line: &[&str]| {
        let words = ["-f", "linux.raw", "--profile_path", repository];
        folder.run(words.into_iter().chain(line.iter().copied())).env("DEBUGINFOD_URLS", server.url())
    };
    // The kernel itself is not in the image, so nothing proves the profile there.
    let report = run("made", &["--json", "build_local_profile"]).status(1).check();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["profile"], format!("Linux/{id}"), "{report}");
    assert!(report["from"].as_str().unwrap().starts_with(&server.url()), "{report}");
    assert!(!report["on_image"].as_str().unwrap().starts_with("match"), "{report}");
    assert!(stored("made"));
    run("listed", &["pslist"])
        .status(1)
        .stderr(format!("Linux/{id}, made of the debug file from {}", server.url()))
        .check();
    assert!(stored("listed"));
    run("offline", &["--offline", "pslist"]).status(1).stderr(format!("fetch_debug {id}")).check();
    assert!(!stored("offline"));
}

/// A server with a list for Volatility 3 that names one table.
fn server_of_table(banner: &[u8], file: &'static str, table: Vec<u8>) -> Server {
    let identifier = profile::to_base64(banner);
    Server::start(move |request: &Request| {
        let host = request.header("host").unwrap_or_default();
        match request.path().trim_start_matches('/') {
            "banners.json" => {
                let url = format!("http://{host}/{file}");
                let list = serde_json::json!({"version": 1, "linux": {(identifier.clone()): [url]}});
                Response::bytes(list.to_string().into_bytes())
            }
            path if path == file => Response::bytes(table.clone()),
            _ => Response::status(404),
        }
    })
    .unwrap()
}

#[test]
fn lists_of_the_configuration_are_asked_for_the_kernel_of_an_image_unless_offline() {
    let folder = Folder::new();
    let banner = "Linux version 6.6.7-test (me@here) #1 SMP";
    folder.write("vmlinux", crate::debug_files::debug_file(7));
    folder.run(["parse_dwarf", "vmlinux", "-o", "kernel.json"]).command().output().unwrap();
    let export = ["export", "kernel.json", "--format", "isf", "--banner", banner, "-o", "t.json"];
    folder.run(export).check();
    let server = server_of_table(format!("{banner}\n\0").as_bytes(), "t.json", folder.read("t.json"));
    folder.write(".rekallrc", format!("isf_path:\n  - {}/banners.json\n", server.url()));
    folder.write("linux.raw", image_that_names(&"07".repeat(20)));
    for repository in ["kept", "offline"] {
        std::fs::create_dir(folder.join(repository)).unwrap();
    }
    let run = |repository: &str, more: &[&str]| {
        folder.run([&["-f", "linux.raw", "--profile_path", repository][..], more].concat())
    };
    run("offline", &["--offline", "pslist"]).status(1).check();
    assert_eq!(server.paths(), Vec::<String>::new());
    // The kernel itself is not in the image, so nothing proves the profile there; it is kept all the same.
    let made = format!("made of the symbol table {}/t.json", server.url());
    run("kept", &["pslist"]).status(1).stderr(&made).check();
    assert_eq!(server.paths(), ["/banners.json", "/t.json"]);
    let kept = std::fs::read_dir(folder.join("kept/v1.0/Linux")).unwrap().count();
    assert_eq!(kept, 1);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn a_table_of_a_list_is_proved_on_the_image_and_kept() {
    let (kernel, _) = KERNELS[0];
    let folder = Folder::new();
    unpack(&folder, kernel);
    // Without the magic of BTF, the image carries no types of its own.
    let mut image = folder.read("linux.raw");
    let header = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
    let places: Vec<usize> = memchr::memmem::find_iter(&image, &header).collect();
    places.into_iter().for_each(|at| image[at..at + 8].fill(0));
    folder.write("linux.raw", &image);
    drop(image);
    folder.run(["-f", "linux.raw", "--offline", "pslist"]).status(1).check();
    let table = std::fs::read(corpus(&format!("images/{kernel}/dwarf2json.isf.json.xz"))).unwrap();
    let table = profile::unpack(&table, profile::MAX_TEXT).unwrap();
    let mut table: Value = serde_json::from_slice(&table).unwrap();
    // A kernel that was built without BTF has none of these.
    for symbol in ["__start_BTF", "__stop_BTF"] {
        assert!(table["symbols"].as_object_mut().unwrap().remove(symbol).is_some());
    }
    let table = serde_json::to_vec(&table).unwrap();
    let banner = truth(kernel)["version"].as_str().unwrap().trim_end().to_owned();
    let server = server_of_table(format!("{banner}\n\0").as_bytes(), "table.json", table);
    folder.write(".rekallrc", format!("isf_path: {}/banners.json\n", server.url()));
    let listed = folder.run(["-f", "linux.raw", "--json", "--profile_path", "own", "pslist"]);
    let made = format!("made of the symbol table {}/table.json", server.url());
    std::fs::create_dir(folder.join("own")).unwrap();
    is_the_guests(&listed.stderr(&made).check(), kernel);
    // The second time it is in the repository.
    let requests = server.paths().len();
    let again = folder.run(["-f", "linux.raw", "--json", "--profile_path", "own", "pslist"]).check();
    is_the_guests(&again, kernel);
    assert_eq!(server.paths().len(), requests);
}
