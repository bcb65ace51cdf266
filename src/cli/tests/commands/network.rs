//! Tests of every command that could use the network: with --offline it contacts no server, and TLS is never left.

use std::process::Stdio;
use std::time::Duration;

use memory_images::{Container, windows};
use symbol_server::fixture::{self, Reach};
use symbol_server::{Response, Server};

use crate::harness::Folder;

const GUID_AGE: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";
const BUILD_ID: &str = "00112233445566778899aabbccddeeff00112233";

/// A folder with one input of each kind, and a configuration that names the server.
fn folder(url: &str) -> Folder {
    let folder = Folder::new();
    folder.write("win10.elf", windows::image(windows::Case::Win10X64).write(Container::Elf));
    folder
        .write("k.exe", fixture::pe(&[(&fixture::rsds(GUID_AGE.parse().unwrap(), "k.pdb"), Reach::Offset)]));
    folder.write("k.pdb", fixture::pdb(GUID_AGE.parse().unwrap(), 1000).unwrap());
    folder.write(
        "wanted.json",
        format!(r#"{{"schema": 1, "wanted": [{{"name": "m.pdb", "guid_age": "{GUID_AGE}"}}]}}"#),
    );
    folder.write("spec.yaml", "path: nt\nsymbols:\n- {name: NtBuildLab, data: ['00'], shift: -64}\n");
    folder.write("profile.json", r#"{"$METADATA": {"Type": "Profile", "ProfileClass": "Nt"}}"#);
    let place = "repository/v1.0";
    std::fs::create_dir_all(folder.join(&format!("{place}/src/nt"))).unwrap();
    folder.write(
        &format!("{place}/config.yaml"),
        "nt/GUID:\n  type: WindowsGUIDProfile\n  profile_class: Nt\n  has_structs: true\n  guids: src/nt/guids.yaml\n",
    );
    folder.write(&format!("{place}/src/nt/guids.yaml"), format!("ntkrnlmp.pdb:\n  - {GUID_AGE}\n"));
    std::fs::create_dir_all(folder.join(".config/rekall-profile")).unwrap();
    folder.write(
        ".config/rekall-profile/config.yaml",
        format!("profile_path:\n  - {url}\n  - s3://bucket/x\nsymbol_path: srv*{url}\n"),
    );
    folder
}

/// Every known way into the network, all of which lead to the server.
fn environment(url: &str) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("DEBUGINFOD_URLS", url.to_owned()),
        ("AWS_ENDPOINT_URL", url.to_owned()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ];
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        variables.push((proxy, url.to_owned()));
    }
    variables
}

/// Command lines, and whether they contact a server if they may.
fn lines(url: &str) -> Vec<(Vec<String>, bool)> {
    let name = format!("nt/GUID/{GUID_AGE}");
    let image = "-f win10.elf";
    let bucket = "--path_to_repository s3://bucket/x";
    let asking = [
        image.to_owned(),
        format!("{image} autodetect"),
        format!("{image} pslist"),
        format!("{image} modules"),
        format!("{image} validate --profile {name}"),
        format!("{image} pslist --profile {name}"),
        format!("{image} pslist --profile {name} --profile_path {url} --profile_path s3://bucket/x"),
        format!("{image} version_modules --fetch"),
        format!("{image} version_modules --fetch=drakvuf"),
        format!("{image} build_local_profile --profile_path mine --symbol-path srv*{url}"),
        format!("build_local_profile {name} --profile_path mine"),
        format!("build_local_profile tcpip {GUID_AGE} --profile_path mine"),
        format!("fetch_pdb m {GUID_AGE}"),
        format!("fetch_pdb m {GUID_AGE} --symbol-path srv*store*{url}"),
        "fetch_pdb k.exe".to_owned(),
        "fetch_pdb --manifest wanted.json -D .".to_owned(),
        format!("fetch_debug {BUILD_ID}"),
        format!("fetch_debug {BUILD_ID} --server {url}"),
        "manage_repo --path_to_repository repository build_all".to_owned(),
        format!("manage_repo {bucket} build_all"),
        format!("manage_repo {bucket} build"),
        format!("manage_repo {bucket} nt/GUID add_guid ntkrnlmp.pdb/{GUID_AGE}"),
        format!("manage_repo {bucket} verify"),
        format!("manage_repo {bucket} import profile.json"),
        format!("manage_repo {bucket} missing"),
        format!("manage_repo {bucket} plan --shards 2"),
        format!("manage_repo {bucket} seal"),
        "build_index spec.yaml --root s3://bucket/x".to_owned(),
        format!("inspect --across {url} _EPROCESS.Pcb"),
        "inspect --across s3://bucket/x _EPROCESS.Pcb".to_owned(),
    ];
    let silent = [
        format!("{image} guess_guid nt"),
        format!("manage_repo --path_to_repository {url} build_all"),
        format!("manage_repo --path_to_repository repository nt/GUID add_guid ntkrnlmp.pdb/{GUID_AGE}"),
        "manage_repo --path_to_repository repository verify".to_owned(),
        "manage_repo --path_to_repository repository missing".to_owned(),
        format!("{image} version_scan"),
        "parse_pdb k.pdb".to_owned(),
        "parse_dwarf k.exe".to_owned(),
        "peinfo k.exe".to_owned(),
        "convert_profile profile.json out.json".to_owned(),
        "inspect profile.json".to_owned(),
        "check profile.json".to_owned(),
        "export profile.json --format isf -o isf.json".to_owned(),
        "completions bash".to_owned(),
        "man .".to_owned(),
    ];
    let words = |line: String| line.split_whitespace().map(str::to_owned).collect();
    let asking = asking.into_iter().map(|line| (words(line), true));
    asking.chain(silent.into_iter().map(|line| (words(line), false))).collect()
}

#[test]
fn offline_no_command_contacts_anybody() {
    let server = Server::start(|_| Response::status(404)).unwrap();
    let url = server.url();
    let folder = folder(&url);
    let mut all = lines(&url);
    let known = folder.listed("Commands:", "--help");
    assert!(known.len() > 20, "{known:?}");
    // A command that is missing in the table is run on the existing files.
    for command in known.iter().filter(|name| !matches!(name.as_str(), "serve" | "help")) {
        if all.iter().all(|(line, _)| !line.contains(command)) {
            for arguments in [&["win10.elf"][..], &["-f", "win10.elf"], &["k.pdb"], &["profile.json"], &[]] {
                let line = [&[command.as_str()], arguments].concat();
                all.push((line.into_iter().map(str::to_owned).collect(), false));
            }
        }
    }
    // Without the sandbox, which would stop what the commands should not even try.
    for (line, _) in &all {
        let mut run = folder.run(line.iter().map(String::as_str).chain(["--offline", "--no-sandbox"]));
        for (name, value) in environment(&url) {
            run = run.env(name, value);
        }
        let output = run.command().stdin(Stdio::null()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code().is_some(), "{line:?}: {told}");
        assert_eq!(server.connections(), 0, "{line:?} contacted the server: {:?}\n{told}", server.paths());
    }
    // Our own server contacts no other.
    let mut run = folder.run(["serve", "repository", "--offline", "--no-sandbox", "--listen", "127.0.0.1:0"]);
    for (name, value) in environment(&url) {
        run = run.env(name, value);
    }
    let mut serving = run.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let _ = serving.kill();
    serving.wait().unwrap();
    assert_eq!(server.connections(), 0);
}

/// The counterpart, without which the test above could pass for a wrong reason.
#[test]
fn without_offline_the_same_lines_contact_the_server() {
    let mut silent = Vec::new();
    for (index, (line, asks)) in lines("URL").into_iter().enumerate() {
        if !asks || index % 3 == 2 {
            continue;
        }
        let server = Server::start(|_| Response::status(404)).unwrap();
        let url = server.url();
        let folder = folder(&url);
        let mut run = folder.run(line.iter().map(|word| word.replace("URL", &url)));
        for (name, value) in environment(&url) {
            run = run.env(name, value);
        }
        let output = run.command().stdin(Stdio::null()).output().unwrap();
        if server.connections() == 0 {
            silent.push(format!("{line:?}: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

// On other systems the trusted certificates come only from the system.
#[cfg(target_os = "linux")]
#[test]
fn no_kind_of_download_leaves_tls() {
    let plain =
        Server::start(|_| Response::bytes(fixture::pdb(GUID_AGE.parse().unwrap(), 1000).unwrap())).unwrap();
    let to = format!("{}/there", plain.url_as("localhost"));
    let (secure, certificate) = Server::start_tls(move |_| Response::redirect(&to)).unwrap();
    let url = secure.url_as("localhost");
    let name = format!("nt/GUID/{GUID_AGE}");
    for line in [
        format!("fetch_pdb m {GUID_AGE} --symbol-path srv*{url}"),
        format!("fetch_debug {BUILD_ID} --server {url}"),
        format!("-f win10.elf pslist --profile {name} --profile_path {url}"),
        format!("-f win10.elf pslist --profile {name} --profile_path s3://bucket/x"),
    ] {
        let folder = Folder::new();
        folder.write("trusted.pem", &certificate);
        folder.write("win10.elf", windows::image(windows::Case::Win10X64).write(Container::Elf));
        let asked = secure.requests().len();
        folder
            .run(line.split_whitespace())
            .env("SSL_CERT_FILE", folder.join("trusted.pem"))
            .env("AWS_ENDPOINT_URL", &url)
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .status(1)
            .stderr("it leads from https to http")
            .check();
        assert!(secure.requests().len() > asked, "{line}");
        assert_eq!(plain.connections(), 0, "{line}");
    }
}

#[test]
fn the_least_rate_is_an_option_and_a_setting() {
    // Four bytes at a time, 40 of them a second.
    let served = fixture::pdb(GUID_AGE.parse().unwrap(), 1000).unwrap();
    let server = Server::start(move |_| {
        Response::bytes(served.clone()).with_fault(symbol_server::Fault::Trickle(4, 100))
    })
    .unwrap();
    let line = ["fetch_pdb", "m", GUID_AGE, "--symbol-path", &server.url()];
    let folder = Folder::new();
    let option = line.into_iter().chain(["--least-rate", "2000", "--least-rate-time", "1"]);
    folder.run(option).status(1).stderr("less than 2000 bytes/s for 1 s; given up").check();
    std::fs::create_dir_all(folder.join(".config/rekall-profile")).unwrap();
    let config = ".config/rekall-profile/config.yaml";
    folder.write(config, "least_rate: 3000\nleast_rate_time: 1\n");
    folder.run(line).status(1).stderr("less than 3000 bytes/s for 1 s; given up").check();
    folder.write(config, "least_rate: fast\n");
    folder.run(line).status(2).stderr("least_rate: expected a number").check();
}
