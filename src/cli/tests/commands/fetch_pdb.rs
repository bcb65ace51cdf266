//! `fetch_pdb` as a user runs it, against the loopback server.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use symbol_server::fixture::{self, Reach};
use symbol_server::{Fault, Request, Response, Server, folder};

use crate::harness::Folder;

const GUID_AGE: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";
const OTHER: &str = "3844DBB920174967BE7AA4A2C20430FA2";

fn pdb() -> Vec<u8> {
    fixture::pdb(GUID_AGE.parse().unwrap(), 200_000).unwrap()
}

/// A server with a cabinet of the PDB, as in the article.
fn article() -> (Folder, Server) {
    let served = Folder::new();
    let cabinet = fixture::cabinet(&[("ntkrnlmp.pdb", &pdb())]).unwrap();
    let place = format!("ntkrnlmp.pdb/{GUID_AGE}");
    std::fs::create_dir_all(served.join(&place)).unwrap();
    served.write(&format!("{place}/ntkrnlmp.pd_"), cabinet);
    let server = Server::of_folder(served.path()).unwrap();
    (served, server)
}

/// Every file below a folder, including hidden ones, except what is remembered about servers.
fn files(folder: &Folder) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.retain(|file| !file.contains("/missing/"));
    files.sort();
    files
}

fn cached(name: &str) -> String {
    format!(".cache/rekall-profile/symbols/{name}/{GUID_AGE}/{name}")
}

#[test]
fn the_line_in_rekalls_article_fetches_the_pdb_with_the_same_output() {
    let (_served, server) = article();
    let folder = Folder::new();
    folder
        .run(["fetch_pdb", "-D.", "--guid", GUID_AGE, "--filename", "ntkrnlmp.pdb"])
        .env("_NT_SYMBOL_PATH", format!("srv**{}", server.url()))
        .stdout("")
        .stderr(format!("Trying to fetch {}/ntkrnlmp.pdb/{GUID_AGE}/ntkrnlmp.pd_\nReceived ", server.url()))
        .stderr("Extracting cabinet: ntkrnlmp.pd_\n  extracting ntkrnlmp.pdb\n")
        .stderr("All done, no errors.\n")
        .check();
    assert_eq!(folder.read("ntkrnlmp.pdb"), pdb());
    assert_eq!(files(&folder), [cached("ntkrnlmp.pdb"), "ntkrnlmp.pdb".to_owned()]);
}

#[test]
fn the_newer_line_accepts_the_name_without_its_ending_too() {
    for name in ["ntkrnlmp", "ntkrnlmp.pdb", "ntkrnlmp.pd_"] {
        let (_served, server) = article();
        let folder = Folder::new();
        std::fs::create_dir(folder.join("out")).unwrap();
        folder
            .run(["fetch_pdb", name, &GUID_AGE.to_lowercase(), "--dump_dir", "out"])
            .env("_NT_SYMBOL_PATH", server.url())
            .check();
        assert_eq!(folder.read("out/ntkrnlmp.pdb"), pdb(), "{name}");
    }
}

#[test]
fn a_link_with_the_commands_name_behaves_as_the_command() {
    let (_served, server) = article();
    let folder = Folder::new();
    let link = folder.join("fetch_pdb");
    #[cfg(unix)]
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rekall-profile"), &link).unwrap();
    folder.run(["ntkrnlmp.pdb", GUID_AGE, "--symbol-path", &server.url()]).program(link).check();
    assert_eq!(folder.read("ntkrnlmp.pdb"), pdb());
}

#[test]
fn an_executable_names_its_pdbs() {
    let (served, server) = article();
    let place = format!("extra.pdb/{OTHER}");
    std::fs::create_dir_all(served.join(&place)).unwrap();
    served.write(&format!("{place}/extra.pdb"), fixture::pdb(OTHER.parse().unwrap(), 100).unwrap());
    let one = fixture::rsds(GUID_AGE.parse().unwrap(), r"d:\build\ntkrnlmp.pdb");
    let two = fixture::rsds(OTHER.parse().unwrap(), "extra.pdb");
    let folder = Folder::new();
    folder.write("nt.exe", fixture::pe(&[(&one, Reach::Offset), (&two, Reach::Rva)]));
    folder.run(["fetch_pdb", "nt.exe", "--symbol-path", &server.url()]).check();
    assert_eq!(folder.read("ntkrnlmp.pdb"), pdb());
    assert!(folder.join("extra.pdb").exists());

    let two = fixture::rsds(OTHER.parse().unwrap(), "ntkrnlmp.pdb");
    folder.write("two.exe", fixture::pe(&[(&one, Reach::Offset), (&two, Reach::Rva)]));
    folder
        .run(["fetch_pdb", "two.exe", "--symbol-path", &server.url()])
        .status(2)
        .stderr("two.exe names two builds of ntkrnlmp.pdb")
        .check();
    folder.write("none.exe", fixture::pe(&[]));
    folder.run(["fetch_pdb", "none.exe"]).status(2).stderr("without the name of a PDB").check();
    folder.run(["fetch_pdb", "nothing"]).status(2).stderr("fetch_pdb NAME GUIDAGE").check();
}

#[test]
fn a_missing_file_is_reported_with_every_place_that_was_tried() {
    let server = Server::start(|_| Response::status(404)).unwrap();
    let folder = Folder::new();
    let line = ["fetch_pdb", "k.pdb", GUID_AGE, "--symbol-path", &server.url()];
    folder
        .run(line)
        .status(1)
        .stderr(format!("k.pdb {GUID_AGE} was not found.\n"))
        .stderr(format!("{}/k.pdb/{GUID_AGE}/k.pd_: 404, not here", server.url()))
        .check();
    let asked = server.requests().len();
    folder.run(line).status(1).stderr("(remembered)").check();
    assert_eq!(server.requests().len(), asked);
    folder.run(line.iter().chain(&["--refresh"])).status(1).check();
    assert!(server.requests().len() > asked);
    assert_eq!(files(&folder), Vec::<String>::new());
}

#[test]
fn the_report_as_json() {
    let (_served, server) = article();
    let folder = Folder::new();
    let line = ["fetch_pdb", "ntkrnlmp", GUID_AGE, "--json", "--symbol-path", &server.url()];
    let report: serde_json::Value = serde_json::from_str(&folder.run(line).check()).unwrap();
    assert_eq!((&report["schema"], &report["results"][0]["status"]), (&1.into(), &"found".into()));
    assert_eq!(report["results"][0]["bytes"], pdb().len());
    let line = ["fetch_pdb", "ntkrnlmp", OTHER, "--json", "--symbol-path", &server.url()];
    let report: serde_json::Value = serde_json::from_str(&folder.run(line).status(1).check()).unwrap();
    assert_eq!(report["results"][0]["status"], "missing");
    assert_eq!(report["results"][0]["tried"][1]["answer"], "404, not here");
}

#[test]
fn a_list_travels_to_a_machine_that_fetches_and_the_store_travels_back() {
    let (_served, server) = article();
    // The closed network has an image and no server.
    let closed = Folder::new();
    let mut image = vec![0; 5000];
    image.extend(fixture::rsds(GUID_AGE.parse().unwrap(), "ntkrnlmp.pdb"));
    image.extend(fixture::rsds(OTHER.parse().unwrap(), "win32k.pdb"));
    closed.write("image.raw", image);
    closed.run(["version_scan", "image.raw", "--write-manifest", "wanted.json"]).check();
    closed
        .run(["fetch_pdb", "--manifest", "wanted.json", "--offline", "--write-manifest", "still.json"])
        .status(1)
        .stderr("not asked (offline)")
        .stderr("2 of 2 not found.")
        .check();
    assert_eq!(closed.read("still.json"), closed.read("wanted.json"));
    // The open network.
    let open = Folder::new();
    open.write("wanted.json", closed.read("wanted.json"));
    std::fs::create_dir(open.join("store")).unwrap();
    open.run(["fetch_pdb", "--manifest", "wanted.json", "-D", "store", "--write-manifest", "rest.json"])
        .env("_NT_SYMBOL_PATH", server.url())
        .status(1)
        .stderr("1 of 2 not found.")
        .check();
    let rest = String::from_utf8(open.read("rest.json")).unwrap();
    assert!(rest.contains("win32k.pdb") && rest.contains("image.raw at 0x") && !rest.contains("ntkrnlmp"));
    // Back in the closed network.
    let store = open.join("store");
    closed
        .run(["fetch_pdb", "ntkrnlmp", GUID_AGE, "--offline", "--symbol-path"])
        .status(2)
        .stderr("a value is required")
        .check();
    closed
        .run(["fetch_pdb", "ntkrnlmp", GUID_AGE, "--offline", "--symbol-path", store.to_str().unwrap()])
        .stderr("All done, no errors.")
        .check();
    assert_eq!(closed.read("ntkrnlmp.pdb"), pdb());
}

#[test]
fn wrong_usage_is_exit_code_2_and_leaves_nothing() {
    let folder = Folder::new();
    folder.write("bad.json", "<html>");
    let cases: [(&[&str], &str); 9] = [
        (&[], "which PDB?"),
        (&["--guid", GUID_AGE], "a GUID needs the name of its PDB"),
        (&["k.pdb", "F8E2"], "expected 33 to 40"),
        (&["k.pdb", GUID_AGE, "-f", "l.pdb"], "cannot be used with"),
        (&["a:b", GUID_AGE], "PDB name 'a:b.pdb'"),
        (&["k.pdb", GUID_AGE, "-D", "nowhere"], "nowhere: the folder does not exist"),
        (&["k.pdb", GUID_AGE, "--symbol-path", "server*x"], "symbol path, element 1 ('server*x')"),
        (&["--manifest", "bad.json"], "bad.json: line 1, column 1"),
        (&["--manifest", "none.json"], "none.json"),
    ];
    for (arguments, expected) in cases {
        folder.run(["fetch_pdb"].iter().chain(arguments)).status(2).stdout("").stderr(expected).check();
    }
    folder
        .run(["fetch_pdb", "k.pdb", GUID_AGE])
        .env("_NT_SYMBOL_PATH", "srv*https://u:secret@h/*ftp://u:secret@h/")
        .status(2)
        .stderr("_NT_SYMBOL_PATH: symbol path, element 1 ('srv*https://h/*ftp://h/')")
        .check();
    assert_eq!(files(&folder), ["bad.json"]);
}

#[test]
fn a_proxy_in_the_environment_is_used() {
    let (served, server) = article();
    let serve = folder(served.path());
    let proxy =
        Server::start(move |request: &Request| match request.target.starts_with("http://symbols.example/") {
            true => serve(request),
            false => Response::status(400),
        })
        .unwrap();
    let folder = Folder::new();
    folder
        .run(["fetch_pdb", "ntkrnlmp", GUID_AGE, "--symbol-path", "http://symbols.example"])
        .env("HTTP_PROXY", proxy.url())
        .check();
    assert!(proxy.requests().iter().all(|request| request.target.starts_with("http://symbols.example/")));
    assert_eq!(server.requests().len(), 0);
    std::fs::remove_dir_all(folder.join(".cache")).unwrap();
    let asked = proxy.requests().len();
    folder
        .run(["fetch_pdb", "ntkrnlmp", GUID_AGE, "--symbol-path", &server.url()])
        .env("HTTP_PROXY", proxy.url())
        .env("NO_PROXY", "127.0.0.1")
        .check();
    assert_eq!(proxy.requests().len(), asked);
    assert!(!server.requests().is_empty());
}

#[test]
fn credentials_of_the_users_netrc_and_environment_are_sent_and_never_shown() {
    let served = pdb();
    let server = Server::start(move |request| match request.header("authorization") {
        Some("Basic bWU6c2VjcmV0" | "Bearer secret") => Response::bytes(served.clone()),
        _ => Response::status(401),
    })
    .unwrap();
    let line = ["fetch_pdb", "k", GUID_AGE, "-vv", "--symbol-path", &server.url()];
    let folder = Folder::new();
    folder.run(line).status(1).stderr("requires valid credentials").check();
    folder.write(".netrc", "machine 127.0.0.1 login me password secret\n");
    let output = folder.run(line).command().output().unwrap();
    assert!(output.status.success());
    assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"));
    let folder = Folder::new();
    folder.run(line).env("REKALL_PROFILE_SERVER_HEADER", "127.0.0.1 Authorization: Bearer secret").check();
}

// On other systems the trusted certificates come only from the system.
#[cfg(target_os = "linux")]
#[test]
fn servers_are_trusted_by_their_certificates() {
    let served = pdb();
    let (server, certificate) = Server::start_tls(move |_| Response::bytes(served.clone())).unwrap();
    let folder = Folder::new();
    folder.write("trusted.pem", certificate);
    let localhost = server.url_as("localhost");
    let line = ["fetch_pdb", "k", GUID_AGE, "--symbol-path", &localhost];
    folder.run(line).status(1).stderr("no connection: invalid peer certificate").check();
    assert_eq!(server.requests().len(), 0);
    let address = ["fetch_pdb", "k", GUID_AGE, "--symbol-path", &server.url()];
    folder
        .run(address)
        .env("SSL_CERT_FILE", folder.join("trusted.pem"))
        .status(1)
        .stderr("certificate not valid for name")
        .check();
    folder.run(line).env("SSL_CERT_FILE", folder.join("trusted.pem")).check();
    assert_eq!(folder.read("k.pdb"), pdb());
}

#[cfg(target_os = "linux")]
#[test]
fn a_system_without_certificates_fetches_from_servers_without_tls() {
    let served = pdb();
    let server = Server::start(move |_| Response::bytes(served.clone())).unwrap();
    let secured = pdb();
    let (secured, _) = Server::start_tls(move |_| Response::bytes(secured.clone())).unwrap();
    let folder = Folder::new();
    let none = |line: &[&str]| {
        folder
            .run(line)
            .env("SSL_CERT_FILE", folder.join("none.pem"))
            .env("SSL_CERT_DIR", folder.join("none"))
    };
    let place = secured.url_as("localhost");
    none(&["fetch_pdb", "k", GUID_AGE, "--symbol-path", &place]).status(1).stderr("certificate").check();
    assert_eq!(secured.requests().len(), 0);
    none(&["fetch_pdb", "k", GUID_AGE, "--symbol-path", &server.url()]).check();
    assert_eq!(folder.read("k.pdb"), pdb());
}

#[test]
fn two_processes_may_fetch_the_same_file_at_once() {
    let served = pdb();
    let server =
        Server::start(move |_| Response::bytes(served.clone()).with_fault(Fault::Trickle(20_000, 10)))
            .unwrap();
    let folder = Folder::new();
    let runs: Vec<_> = (0..4)
        .map(|index| {
            let out = format!("out{index}");
            std::fs::create_dir(folder.join(&out)).unwrap();
            let line = ["fetch_pdb", "k.pdb", GUID_AGE, "-D", &out, "--symbol-path", &server.url()];
            folder.run(line).command().stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    for index in 0..4 {
        assert_eq!(folder.read(&format!("out{index}/k.pdb")), pdb());
    }
    let expected: Vec<String> =
        [cached("k.pdb")].into_iter().chain((0..4).map(|index| format!("out{index}/k.pdb"))).collect();
    assert_eq!(files(&folder), expected);
}

#[cfg(unix)]
#[test]
fn an_interrupted_download_leaves_nothing_behind() {
    for signal in ["INT", "TERM"] {
        let served = pdb();
        let server =
            Server::start(move |_| Response::bytes(served.clone()).with_fault(Fault::StallAfter(100_000)))
                .unwrap();
        let folder = Folder::new();
        let line = ["fetch_pdb", "k.pdb", GUID_AGE, "--symbol-path", &server.url()];
        let mut run = folder.run(line).command().stderr(Stdio::null()).spawn().unwrap();
        let store: PathBuf = folder.join(".cache/rekall-profile/symbols");
        let begun = Instant::now();
        let partial = || std::fs::read_dir(&store).is_ok_and(|mut entries| entries.next().is_some());
        while !partial() {
            assert!(begun.elapsed() < Duration::from_secs(20), "no download began");
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = std::process::Command::new("kill")
            .args([format!("-{signal}"), run.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(run.wait().unwrap().code(), Some(130), "{signal}");
        assert_eq!(files(&folder), Vec::<String>::new(), "{signal}");
    }
}

#[test]
fn a_page_of_a_captive_portal_is_named_and_nothing_is_kept() {
    let server = Server::start(|_| Response::page()).unwrap();
    let folder = Folder::new();
    folder
        .run(["fetch_pdb", "k.pdb", GUID_AGE, "--symbol-path", &server.url()])
        .status(1)
        .stderr("could not be fetched")
        .stderr("expected a PDB, found an HTML page")
        .check();
    assert_eq!(files(&folder), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_folder_that_accepts_no_file_is_exit_code_2() {
    let (_served, server) = article();
    let folder = Folder::new();
    // A file where the cache should be.
    folder.write(".cache", "");
    folder
        .run(["fetch_pdb", "ntkrnlmp", GUID_AGE, "--symbol-path", &server.url()])
        .status(2)
        .stderr("cannot be stored")
        .check();
}
