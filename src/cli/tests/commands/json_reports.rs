//! Every command and verb that has `--json` prints a report that its schema in docs/json describes.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use symbol_server::{Request, Response, Server, fixture};

use crate::documented::{BUILD, inputs};
use crate::harness::Folder;
use crate::{indexes, manage_repo, mirror, schema};

/// The reports that were printed, each under the name of its schema.
#[derive(Default)]
struct Printed {
    names: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Printed {
    /// Runs a line with `--json`. A negative answer is a report too, an error is not.
    fn run<'a>(&mut self, folder: &Folder, line: impl IntoIterator<Item = &'a str>) {
        let line: Vec<&str> = line.into_iter().chain(["--json"]).collect();
        let output = folder.run(&line).command().output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        match (output.status.code(), serde_json::from_slice(&output.stdout)) {
            (Some(0 | 1), Ok(document)) => self.check(&line, &document),
            (code, Ok(document)) => self.wrong.push(format!("{line:?}: exit code {code:?}: {document:#}")),
            (code, Err(error)) => {
                self.wrong
                    .push(format!("{line:?}: exit code {code:?}, not one JSON document: {error}: {stderr}"));
            }
        }
    }

    fn check(&mut self, line: &[&str], document: &Value) {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let problem = match document.get("error") {
            Some(error) => Some(format!("an error, not a report: {error}")),
            None => schema::problem(&line, document),
        };
        match problem {
            Some(problem) => self.wrong.push(format!("{line:?}: {problem}")),
            None => {
                self.names.insert(schema::name(&line));
            }
        }
    }
}

/// Commands on files, images and bundles.
fn files(printed: &mut Printed) {
    let folder = inputs();
    folder.write("driver.exe", fixture::pe(&[]));
    std::fs::create_dir_all(folder.join("repository/v1.0/nt/GUID")).unwrap();
    let stored = folder.join(&format!("repository/v1.0/nt/GUID/{BUILD}.gz"));
    std::fs::copy(folder.join("kernel.json.gz"), stored).unwrap();
    folder.write("index.yaml", indexes::SPECIFICATION);
    let local = format!("nt/GUID/{BUILD}");
    let lines: &[&[&str]] = &[
        &["autodetect", "-f", "memory.raw", "--profile_path", "repository", "--offline"],
        &["build_index", "index.yaml", "--root", "repository"],
        &["build_local_profile", &local, "--symbol-path", "symbols", "--profile_path", "local"],
        &["bundle", "create", "kernel.json.gz", "-o", "k.bundle"],
        &["bundle", "append", "k.bundle", "profile.json.gz"],
        &["bundle", "list", "k.bundle"],
        &["bundle", "verify", "k.bundle"],
        &["bundle", "extract", "k.bundle", "kernel", "-o", "extracted.json"],
        &["bundle", "merge", "k.bundle", "k.bundle", "-o", "merged.bundle"],
        &["bundle", "drop", "k.bundle", "profile"],
        &["check", "kernel.json.gz"],
        &["convert_profile", "Ubuntu1604.zip", "converted.json"],
        &["diff", "kernel.json.gz", "profile.json.gz"],
        &["export", "kernel.json.gz", "--format", "isf", "-o", "table.json"],
        &["fetch_pdb", "ntkrnlmp.pdb", BUILD, "--symbol-path", "symbols"],
        &["guess_guid", "nt", "-f", "memory.raw", "--profile_path", "repository"],
        &["history", "_EPROCESS.Pcb", "--bundle", "k.bundle"],
        &["inspect", "kernel.json.gz", "_EPROCESS"],
        &["modules", "-f", "memory.raw", "--profile", "kernel.json.gz"],
        &["parse", "ntkrnlmp.pdb", "-o", "parsed.json"],
        &["parse_btf", "vmlinux-7.3.4", "-o", "btf.json"],
        &["parse_dwarf", "vmlinux", "-o", "dwarf.json"],
        &["parse_pdb", "ntkrnlmp.pdb", "-o", "pdb.json"],
        &["peinfo", "driver.exe"],
        &["pslist", "-f", "memory.raw", "--profile", "kernel.json.gz"],
        &["-f", "memory.raw", "--profile", "kernel.json.gz"],
        &["validate", "-f", "memory.raw", "--profile", "kernel.json.gz"],
        &["version_modules", "-f", "memory.raw", "--profile", "kernel.json.gz"],
        &["version_scan", "-f", "memory.raw"],
    ];
    for line in lines {
        printed.run(&folder, line.iter().copied());
    }
    let answer = std::fs::read(folder.join("vmlinux")).unwrap();
    let server = Server::start(move |_: &Request| Response::bytes(answer.clone())).unwrap();
    printed.run(&folder, ["fetch_debug", "vmlinux", "--server", &server.url()]);
    serve(printed, &folder);
}

/// `serve` prints its report when it begins, and does not end by itself.
fn serve(printed: &mut Printed, folder: &Folder) {
    let line = ["serve", "symbols", "--listen", "127.0.0.1:0", "--json"];
    let mut command = folder.run(line).command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    let document = loop {
        if lines.read_line(&mut text).unwrap() == 0 {
            break Value::Null;
        }
        if let Ok(document) = serde_json::from_str(&text) {
            break document;
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    printed.check(&line, &document);
}

/// The verbs of `manage_repo`.
fn repositories(printed: &mut Printed) {
    let folder = manage_repo::repository(2);
    let name = format!("nt/GUID/{}", manage_repo::guid(1));
    let added = format!("ntkrnlmp.pdb/{}", manage_repo::guid(2));
    let mut run = |words: &[&str]| printed.run(&folder, manage_repo::line(words));
    run(&["plan", "--shards", "2"]);
    run(&["missing"]);
    run(&["build", &name]);
    run(&["nt/GUID", "add_guid", &added]);
    run(&["build_all"]);
    run(&["verify", &name]);
    run(&["seal"]);
    std::fs::copy(folder.join(&format!("repo/v1.0/{name}.gz")), folder.join("given.json.gz")).unwrap();
    run(&["import", "given.json.gz", "--as", "nt/given"]);
    let at = ["manage_repo", "--path_to_repository", "repo"];
    let isf = ["isf", "--output", "public", "--base-url", "http://h/x/"];
    printed.run(&folder, at.into_iter().chain(isf));
    let source = Folder::new();
    mirror::archive(source.path(), &[1]);
    let server = Server::of_folder(source.path()).unwrap();
    let url = server.url();
    let line = ["mirror", &url, "--suite", "bookworm", "--mode", "dwarf", "--as", "debian"];
    printed.run(&folder, at.into_iter().chain(line));
}

/// The help's tests check that every command with `--json` has a schema, so the schemas list the commands. Those of front-ends
/// share one, so a new one needs no line.
#[test]
fn every_json_report_is_printed_and_fits_its_schema() {
    let mut printed = Printed::default();
    files(&mut printed);
    repositories(&mut printed);
    assert!(printed.wrong.is_empty(), "{}", printed.wrong.join("\n"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json");
    let schemas = std::fs::read_dir(folder).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".json").filter(|name| *name != "error").map(str::to_owned)
    });
    let missing: Vec<String> = schemas.filter(|name| !printed.names.contains(name)).collect();
    assert!(missing.is_empty(), "add a line with --json to this file for each of: {missing:?}");
}
