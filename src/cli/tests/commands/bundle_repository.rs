//! A bundle as a repository: its builds as profiles, by name and by detection, from a file and over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use memory_images::{Container, windows};
use serde_json::Value;
use symbol_server::{Response, Server, folder as served};

use crate::bundles::folder;
use crate::harness::Folder;

#[test]
fn a_build_of_a_bundle_is_a_profile_to_every_command() {
    let folder = folder();
    let of_file = folder.run(["inspect", "profiles/k10.json", "task_struct"]).check();
    folder.run(["inspect", "k.bundle:k10", "task_struct"]).stdout(of_file.clone()).check();
    folder.run(["inspect", "k.bundle:6.1.0-10-amd64", "task_struct"]).stdout(of_file.clone()).check();
    folder.run(["inspect", &format!("k.bundle:{:040x}", 10), "task_struct"]).stdout(of_file).check();
    let text = folder.run(["bundle", "extract", "k.bundle", "k10"]).check();
    folder.run(["export", "k.bundle:k10", "--format", "rekall", "-q"]).status(1).stdout(text).check();
    let alone = folder.run(["check", "profiles/k10.json", "--json"]).status(1).check();
    let alone: Value = serde_json::from_str(&alone).unwrap();
    let bundled = folder.run(["check", "k.bundle:k10", "--json"]).status(1).check();
    let bundled: Value = serde_json::from_str(&bundled).unwrap();
    assert_eq!(bundled["counts"], alone["counts"]);
    folder
        .run(["check", "k.bundle:k10", "--against", "k.bundle:k11"])
        .status(1)
        .stderr("task_struct.mm: offset 8, not offset 24")
        .check();
    folder.run(["report", "k.bundle:k9", "k.bundle:k11", "-o", "page.html"]).check();
    folder.run(["site", "k.bundle:k9", "profiles/k10.json", "-o", "site"]).check();
    folder.run(["inspect", "k.bundle:k12", "task_struct"]).status(2).stderr("no build 'k12'").check();
    folder.run(["inspect", "none.bundle:k12"]).status(2).stderr("none.bundle: No such file").check();
    for line in [&["inspect", "none.json"][..], &["export", "none.json", "--format", "isf"]] {
        folder
            .run(line)
            .status(2)
            .stderr("rekall-profile: none.json: No such file or directory (os error 2)\n")
            .check();
    }
}

#[test]
fn a_bundle_in_place_of_a_profile_is_named_with_what_to_write() {
    let folder = folder();
    for line in [
        &["inspect", "k.bundle"][..],
        &["check", "k.bundle"],
        &["export", "k.bundle", "--format", "isf", "-o", "x.json"],
        &["report", "k.bundle", "-o", "x.html"],
        &["diff", "k.bundle", "k.bundle:k9"],
        &["parse", "k.bundle", "-o", "x.json"],
    ] {
        let run = folder.run(line).status(2).stderr("a bundle of profiles");
        run.stderr("FILE:BUILD selects the profile of one").check();
    }
}

#[test]
fn the_builds_are_found_by_their_names_in_a_repository() {
    let folder = folder();
    let shown = folder.run(["inspect", "--across", "k.bundle", "task_struct.mm"]).check();
    let rows: Vec<Vec<&str>> = shown.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][0], "Linux/6.1.0-10-amd64/k10", "{shown}");
    assert_eq!(rows.len(), 3, "{shown}");
    let of_files = folder.run(["diff", "profiles/k9.json", "profiles/k11.json"]).status(1).check();
    let identity = format!("Linux/{:040x}", 9);
    for old in ["k9", "Linux/6.1.0-9-amd64/k9", "6.1.0-9-amd64", &identity] {
        let run = folder.run(["diff", old, "Linux/6.1.0-11-amd64/k11", "--profile_path", "k.bundle"]);
        run.status(1).stdout(of_files.clone()).check();
    }
    // A repository in a folder serves as well.
    std::fs::create_dir_all(folder.join("repository/v1.0/Linux")).unwrap();
    for nth in [9, 11] {
        let name = format!("repository/v1.0/Linux/k{nth}.json");
        std::fs::copy(folder.join(&format!("profiles/k{nth}.json")), folder.join(&name)).unwrap();
    }
    let run = folder.run(["diff", "Linux/k9", "Linux/k11", "--profile_path", "repository"]);
    run.status(1).stdout(of_files).check();
    let run = folder.run(["diff", "Linux/k8", "Linux/k11", "--profile_path", "repository"]);
    run.status(2).stderr("Linux/k8: there is no such file").stderr("not there").check();
    // Nothing is written into a bundle, and no other file is a repository.
    let run = folder.run(["diff", "a", "b", "--profile_path", "profiles/k9.json"]).status(2);
    run.stderr("expected a bundle of profiles, found a profile").check();
}

/// A folder with an image of Windows, and a bundle with the profiles of its kernel and of another one.
fn image_and_bundle() -> Folder {
    let folder = Folder::new();
    folder.write("win.elf", windows::image(windows::Case::Win10X64).write(Container::Elf));
    for (case, name) in [(windows::Case::Win10X64, "one"), (windows::Case::Win7X64, "two")] {
        let (_, pdb, bytes) = case.pdb();
        folder.write(pdb, bytes);
        folder.run(["parse_pdb", pdb, "-q", "-o", &format!("{name}.json")]).check();
    }
    folder.run(["bundle", "create", "one.json", "two.json", "-o", "nt.bundle"]).stderr("2 builds").check();
    folder
}

#[test]
fn detection_finds_the_profile_in_a_bundle() {
    let folder = image_and_bundle();
    let found = folder
        .run(["-f", "win.elf", "--profile_path", "nt.bundle", "--offline", "autodetect", "--json"])
        .check();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert!(found["profile"].as_str().unwrap().starts_with("nt/GUID/"), "{found}");
    assert_eq!(found["place"], "nt.bundle:one");
    let of_file = folder.run(["-f", "win.elf", "--profile", "one.json", "pslist"]).check();
    for options in [
        &["--profile_path", "nt.bundle"][..],
        &["--profile_path", "nt.bundle", "--profile", "one"],
        &["--profile", "nt.bundle:one"],
    ] {
        let run = folder.run([&["-f", "win.elf", "--offline"], options, &["pslist"]].concat());
        run.stdout(of_file.clone()).check();
    }
    let run = folder.run(["-f", "win.elf", "--profile", "nt.bundle:one", "validate"]);
    run.stderr("verdict: match").check();
    let run = folder.run(["-f", "win.elf", "--profile", "nt.bundle:two", "validate"]);
    run.status(1).stderr("mismatch").check();
}

/// Our own server of a bundle, stopped at the end of the test.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn new(folder: &Folder, line: &[&str]) -> Self {
        let mut command = folder.run([&["serve", "--listen", "127.0.0.1:0"], line].concat()).command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_bundle_is_served_as_a_file_and_as_a_repository() {
    let folder = folder();
    let serving = Serving::new(&folder, &["k.bundle"]);
    let address = format!("{}/k.bundle", serving.url);
    let expected = folder.run(["history", "task_struct.mm", "--bundle", "k.bundle", "--csv"]).check();
    let history = || folder.run(["history", "task_struct.mm", "--bundle", &address, "--csv"]);
    history().stdout(expected).check();
    let of_file = folder.run(["inspect", "profiles/k9.json", "task_struct"]).check();
    folder.run(["inspect", &format!("{address}:k9"), "task_struct"]).stdout(of_file).check();
    let of_files = folder.run(["diff", "profiles/k9.json", "profiles/k11.json"]).status(1).check();
    // As one file, and as a repository with an inventory.
    for place in [&address, &serving.url] {
        let (old, new) = ("Linux/6.1.0-9-amd64/k9", "Linux/6.1.0-11-amd64/k11");
        let run = folder.run(["diff", old, new, "--profile_path", place]);
        run.status(1).stdout(of_files.clone()).check();
    }
    let run = folder.run(["inspect", "--across", &serving.url, "task_struct.mm"]);
    assert_eq!(run.check().lines().count(), 5);
    // The server sees the bundle that replaces this one.
    folder.run(["bundle", "drop", "k.bundle", "k9"]).check();
    assert!(!history().check().contains("k9"));
    let run = folder.run(["history", "task_struct.mm", "--bundle", &format!("{}/none.bundle", serving.url)]);
    run.status(2).stderr("not there").check();
    let run = folder.run(["export", &format!("{address}:k10"), "--format", "isf"]);
    run.status(2).stderr("fetch the bundle first").check();
}

#[test]
fn a_question_to_a_server_fetches_a_part_of_the_bundle() {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("p")).unwrap();
    // Names that hardly compress make a bundle of some hundred kilobytes.
    for nth in 0..2_u64 {
        let structs: Vec<String> = (0..12_000_u64)
            .map(|one| {
                let name = (one + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                format!(r#""s{name:016x}": [8, {{"m{:x}": [{}, ["int"]]}}]"#, name >> 40, nth * 4)
            })
            .collect();
        let text = format!(
            r#"{{"$METADATA": {{"ProfileClass": "Linux", "Release": "6.1.0-{nth}-amd64", "Type": "Profile", "arch": "AMD64"}}, "$STRUCTS": {{{}}}}}"#,
            structs.join(", ")
        );
        folder.write(&format!("p/k{nth}.json"), text);
    }
    folder.run(["bundle", "create", "p", "-o", "k.bundle"]).check();
    let length = folder.read("k.bundle").len();
    let root = folder.path().to_owned();
    let server = Server::start(served(&root)).unwrap();
    let (structure, member) = (0x9e37_79b9_7f4a_7c15_u64, 0x9e_3779_u64);
    let name = format!("s{structure:016x}.m{member:x}");
    let address = format!("{}/k.bundle", server.url());
    let shown = folder.run(["history", &name, "--bundle", &address, "--csv"]).check();
    assert!(shown.contains(",k0,k0,1,0,") && shown.contains(",k1,k1,1,4,"), "{shown}");
    let fetched: usize = server
        .requests()
        .iter()
        .map(|request| {
            let range = request.header("range").unwrap().strip_prefix("bytes=").unwrap();
            let (start, last) = range.split_once('-').unwrap();
            last.parse::<usize>().unwrap().min(length - 1) + 1 - start.parse::<usize>().unwrap()
        })
        .sum();
    assert!(server.requests().len() <= 5 && fetched < length * 2 / 3, "{fetched} of {length} bytes");

    // A server that gives no parts works too, and one that has something else is named.
    let bytes = folder.read("k.bundle");
    let whole = Server::start(move |_| Response::bytes(bytes.clone())).unwrap();
    let run = folder.run(["history", &name, "--bundle", &format!("{}/k.bundle", whole.url()), "--csv"]);
    run.stdout(shown).check();
    let page = Server::start(|_| Response::page()).unwrap();
    let run = folder.run(["history", &name, "--bundle", &format!("{}/k.bundle", page.url())]);
    run.status(2).stderr("expected a bundle of profiles, found another file").check();
    let run = folder.run(["history", &name, "--bundle", &address, "--offline"]);
    run.status(2).stderr("offline").check();
}

#[test]
fn volatility_finds_the_builds_of_a_served_bundle() {
    let folder = image_and_bundle();
    let serving = Serving::new(&folder, &["nt.bundle", "--isf"]);
    let banners: Value = serde_json::from_slice(&get(&serving.url, "/banners.json")).unwrap();
    let tables = banners["windows"].as_object().unwrap();
    assert_eq!(tables.len(), 2, "{banners}");
    for table in tables.values() {
        let path = table[0].as_str().unwrap().strip_prefix(&serving.url).unwrap();
        // Tables are packed with xz.
        assert!(get(&serving.url, path).starts_with(b"\xfd7zXZ\0"), "{path}");
    }
}

/// The body of what a server answers with.
fn get(url: &str, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let host = url.strip_prefix("http://").unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{path}: {}", String::from_utf8_lossy(&answer));
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    answer.split_off(end + 4)
}
