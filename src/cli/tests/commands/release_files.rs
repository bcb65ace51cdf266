//! The release workflow in docs/ci, run as its service would, as far as a shell can: all but compiling for other systems,
//! signing and uploading.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use repository::yaml::Node;
use serde_json::Value;

use crate::harness::Folder;

const TARGET: &str = "x86_64-unknown-linux-musl";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn workflow(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join("docs/ci").join(name)).unwrap();
    Node::parse(&text, name).unwrap().to_json()
}

/// The shell steps of a job.
fn steps(job: &Value) -> Vec<String> {
    let steps = job["steps"].as_array().unwrap().iter();
    steps.filter_map(|step| Some(step.get("run")?.as_str()?.to_owned())).collect()
}

/// A checkout of the project, and a program to release: a script that runs the program of this test.
struct Machine {
    folder: Folder,
    program: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let folder = Folder::new();
        for entry in std::fs::read_dir(root()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if name != "target" && name != ".git" {
                std::os::unix::fs::symlink(entry.path(), folder.path().join(name)).unwrap();
            }
        }
        let program = folder.join("released");
        let text = format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_rekall-profile"));
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, program }
    }

    fn output(&self, text: &str, variables: &[(&str, &str)]) -> Output {
        Command::new("bash")
            .args(["-e", "-o", "pipefail", "-c", text])
            .current_dir(self.folder.path())
            .env("REKALL_PROFILE_PROGRAM", &self.program)
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .env("CARGO_NET_OFFLINE", "true")
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn shell(&self, text: &str, variables: &[(&str, &str)]) -> String {
        let output = self.output(text, variables);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{}\n{stderr}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn the_release_workflow_makes_what_it_publishes() {
    let machine = Machine::new();
    let jobs = &workflow("release-github.yml")["jobs"];
    let [version, dist, sums, try_it] = <[String; 4]>::try_from(steps(&jobs["archives"])).unwrap();
    let tag = format!("v{}", env!("CARGO_PKG_VERSION"));
    machine.shell(&version, &[("GITHUB_REF_NAME", &tag)]);
    assert!(!machine.output(&version, &[("GITHUB_REF_NAME", "v99.0.0")]).status.success());
    machine.shell(&dist, &[("TARGETS", TARGET)]);
    machine.shell(&sums, &[]);
    let shown = machine.shell(&try_it, &[]);
    assert!(shown.starts_with(&format!("rekall-profile {}\n", env!("CARGO_PKG_VERSION"))), "{shown}");
    // The same bytes from another run.
    machine.shell(&dist.replace("--out dist", "--out again"), &[("TARGETS", TARGET)]);
    machine.shell("cmp dist/SHA256SUMS again/SHA256SUMS", &[]);

    let listed = machine.shell("tar tzf dist/*.tar.gz && dpkg-deb -c dist/*_amd64.deb", &[]);
    for expected in [
        "/rekall-profile\n",
        "/man/rekall-profile-parse_pdb.1\n",
        "/completions/_rekall-profile\n",
        "/docs/format.md\n",
        "./usr/bin/rekall-profile\n",
        "./usr/share/man/man1/rekall-profile.1.gz\n",
        "./usr/share/bash-completion/completions/rekall-profile\n",
    ] {
        assert!(listed.contains(expected), "{expected:?} is missing in {listed}");
    }
    let bill = machine.shell("cat dist/*.cdx.json", &[]);
    let bill: Value = serde_json::from_str(&bill).unwrap();
    let components = bill["components"].as_array().unwrap();
    let names: Vec<&str> = components.iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"clap") && names.contains(&"rekall-profile-model"), "{names:?}");
    assert!(!names.contains(&"proptest"), "a crate that only tests use");

    // What the last job publishes.
    machine.shell("mkdir -p artifacts && mv dist artifacts/archives", &[]);
    machine.shell(&steps(&jobs["publish"])[0], &[]);
    machine.shell("cd files && sha256sum --check SHA256SUMS", &[]);
}

#[test]
fn the_book_has_every_page_command_and_schema() {
    let machine = Machine::new();
    machine.shell("scripts/book --sources --out book --program \"$REKALL_PROFILE_PROGRAM\"", &[]);
    let summary = machine.shell("cat book/src/SUMMARY.md", &[]);
    let links = summary.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let linked: Vec<&str> = links.collect();
    for link in &linked {
        assert!(machine.folder.join(&format!("book/src/{link}")).is_file(), "{link} leads nowhere");
    }
    let mut pages = 0;
    for (folder, ending, below) in [("docs", "md", ""), ("docs/json", "json", "reports/")] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|found| found == ending) {
                let name = match path.file_stem().unwrap().to_str().unwrap() {
                    // The project's own README is the index of the book.
                    "README" if below.is_empty() => "documentation",
                    name => name,
                };
                assert!(linked.contains(&format!("{below}{name}.md").as_str()), "{} is lost", path.display());
                pages += 1;
            }
        }
    }
    assert!(pages > 40, "{pages} pages");
    let help = machine.shell("cat book/src/commands/manage_repo.md", &[]);
    assert!(help.contains("## manage_repo build_all\n"), "{help}");
}

#[test]
fn the_program_names_the_files_that_the_release_has() {
    // cargo binstall looks for them by the words in the package's metadata.
    let manifest = std::fs::read_to_string(root().join("src/cli/Cargo.toml")).unwrap();
    let place = format!("rekall-profile-{}-{{ target }}.tar.gz", "{ version }");
    assert!(manifest.contains(&place), "expected {place} in src/cli/Cargo.toml");
    for name in ["release-github.yml", "release-gitlab.yml"] {
        let text = std::fs::read_to_string(root().join("docs/ci").join(name)).unwrap();
        for script in ["scripts/dist --out dist", "scripts/build-wheel --out wheels"] {
            assert!(text.contains(script), "expected {script} in {name}");
        }
    }
}
