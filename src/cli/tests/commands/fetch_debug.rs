//! `fetch_debug` as a user runs it, against a server on the loopback interface.

use std::path::PathBuf;

use symbol_server::{Request, Response, Server};

use crate::harness::Folder;

fn kernel() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dwarf/elf/gcc-x64")
}

fn build_id() -> String {
    let id = dwarf_converter::build_id(&std::fs::read(kernel()).unwrap()).unwrap();
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_build_id_brings_the_file_and_a_file_names_its_own() {
    let folder = Folder::new();
    let content = std::fs::read(kernel()).unwrap();
    let id = build_id();
    let expected = format!("/buildid/{id}/debuginfo");
    let server = Server::start(move |request: &Request| match request.path() == expected {
        true => Response::bytes(content.clone()),
        false => Response::status(404),
    })
    .unwrap();
    let name = format!("{id}.debug");
    folder.run(["fetch_debug", &id, "--server", &server.url()]).stderr(format!("{name} (")).check();
    assert_eq!(folder.names(), std::slice::from_ref(&name));
    assert_eq!(folder.read(&name), std::fs::read(kernel()).unwrap());

    let report = folder
        .run(["fetch_debug", kernel().to_str().unwrap(), "--json"])
        .env("DEBUGINFOD_URLS", format!("ima:permissive {}", server.url()))
        .check();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["status"], &report["build_id"]), (&"found".into(), &id.into()));
}

#[test]
fn a_missing_file_is_a_negative_result_and_another_build_is_not_kept() {
    let folder = Folder::new();
    let other = std::fs::read(kernel()).unwrap();
    let server = Server::start(move |_: &Request| Response::bytes(other.clone())).unwrap();
    let empty = Server::start(|_: &Request| Response::status(404)).unwrap();
    let id = "00112233445566778899aabbccddeeff00112233";
    folder
        .run(["fetch_debug", id, "--server", &empty.url()])
        .status(1)
        .stderr("404, not here")
        .stderr("parse_dwarf opens packages")
        .check();
    folder
        .run(["fetch_debug", id, "--server", &server.url()])
        .status(1)
        .stderr(format!("its build-id is {}, expected {id}", build_id()))
        .check();
    assert!(folder.names().is_empty());
}

#[test]
fn wrong_lines_are_refused() {
    let folder = Folder::new();
    folder.write("text", "no build-id here");
    for (line, expected) in [
        (&["fetch_debug"][..], "which debug file?"),
        (&["fetch_debug", "xyz"], "xyz is neither a file nor a build-id"),
        (&["fetch_debug", "text"], "/sys/kernel/notes"),
        (&["fetch_debug", "0011223344556677", "--server", "ftp://x/"], "expected an address with http"),
        (&["fetch_debug", "0011223344556677", "-D", "nowhere"], "the folder does not exist"),
    ] {
        folder.run(line).status(2).stdout("").stderr(expected).check();
    }
}
