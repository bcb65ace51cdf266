//! Runs the program as a user would, in an empty folder and an empty environment, and compares exit code, standard
//! output and standard error together.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::schema;

/// An empty folder in which commands run; removed with the test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.join(name)).unwrap()
    }

    /// The names of all files in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// What a help lists under a heading.
    pub fn listed(&self, heading: &str, line: &str) -> Vec<String> {
        let help = self.run(words(line)).check();
        let listed = help.lines().skip_while(|line| *line != heading).skip(1);
        let listed = listed.take_while(|line| !line.ends_with(':'));
        // The lines of long help are indented further.
        let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    }

    /// A command line to run here.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run<'_> {
        let arguments = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        Run {
            folder: self,
            program: env!("CARGO_BIN_EXE_rekall-profile").into(),
            arguments,
            environment: Vec::new(),
            status: 0,
            stdout: None,
            stderr: Vec::new(),
        }
    }
}

/// The words of a line without quotes.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

/// A command line with its expected result. Nothing happens before [`Run::check`].
#[must_use = "nothing runs before check()"]
pub struct Run<'a> {
    folder: &'a Folder,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    status: i32,
    stdout: Option<String>,
    stderr: Vec<String>,
}

impl Run<'_> {
    /// Runs this program instead, a link to ours.
    pub fn program(mut self, path: PathBuf) -> Self {
        self.program = path;
        self
    }

    /// With a variable in the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The expected exit code; 0 by default.
    pub fn status(mut self, status: i32) -> Self {
        self.status = status;
        self
    }

    /// The whole expected standard output.
    pub fn stdout(mut self, text: impl Into<String>) -> Self {
        self.stdout = Some(text.into());
        self
    }

    /// A part of the expected standard error.
    pub fn stderr(mut self, part: impl Into<String>) -> Self {
        self.stderr.push(part.into());
        self
    }

    /// The process to start, for tests that interfere with it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it and compares; returns its standard output.
    #[track_caller]
    pub fn check(self) -> String {
        let output = self.command().output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let mut wrong = String::new();
        if output.status.code() != Some(self.status) {
            let _ = writeln!(wrong, "- exit code {:?}, expected {}", output.status.code(), self.status);
        }
        if let Some(expected) = &self.stdout
            && *expected != stdout
        {
            let _ = writeln!(wrong, "- standard output differs from what was expected:\n{expected}");
        }
        for part in self.stderr.iter().filter(|part| !stderr.contains(part.as_str())) {
            let _ = writeln!(wrong, "- standard error does not say '{part}'");
        }
        let line: Vec<String> =
            self.arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        if line.iter().any(|word| word == "--json") && self.stdout.is_none() {
            let problem = match serde_json::from_str(&stdout) {
                Ok(document) => schema::problem(&line, &document),
                Err(error) => Some(format!("not one JSON document: {error}")),
            };
            problem.iter().for_each(|problem| wrong += &format!("- with --json: {problem}\n"));
        }
        assert!(
            wrong.is_empty(),
            "{:?}\n{wrong}standard output:\n{}\nstandard error:\n{stderr}",
            self.arguments,
            stdout.chars().take(4000).collect::<String>()
        );
        stdout
    }
}

/// A file of the corpus. Tests that use it are marked as ignored, and run if `PROFILE_CORPUS` is set.
pub fn corpus(path: &str) -> PathBuf {
    let root = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the folder of real files");
    let path = Path::new(&root).join(path);
    assert!(path.exists(), "{} is missing", path.display());
    path
}
