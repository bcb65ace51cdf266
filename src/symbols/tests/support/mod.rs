//! Shared by the tests against the loopback server.
#![allow(dead_code, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use profile::{GuidAge, Progress};
use symbol_server::fixture;
use symbols::{Fetcher, Found, NegativeCache, Options, Patience, SymbolPath, Wanted};

pub const GUID_AGE: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";
pub const OTHER: &str = "3844DBB920174967BE7AA4A2C20430FA2";

/// A folder for one test, with stores and the fetcher's output.
pub struct World {
    folder: tempfile::TempDir,
    pub story: Story,
}

impl World {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), story: Story::default() }
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Writes a file below the test's folder.
    pub fn file(&self, below: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Options for tests: all files in the test's folder, and very little patience.
    pub fn options(&self, symbol_path: &str) -> Options {
        let mut options = Options::new(symbol_path.parse().unwrap(), self.path("default"));
        options.client.patience = Patience {
            retries: 3,
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_secs(5),
        };
        options.client.connect_limit = Duration::from_secs(5);
        options.client.idle_limit = Duration::from_secs(5);
        options
    }

    pub fn fetch(&self, symbol_path: &str) -> Result<Found, symbols::Error> {
        self.fetch_with(self.options(symbol_path))
    }

    pub fn fetch_with(&self, options: Options) -> Result<Found, symbols::Error> {
        Fetcher::new(options).fetch(&wanted(), &self.story)
    }

    pub fn negative_cache(&self) -> NegativeCache {
        NegativeCache { folder: self.path("missing"), expiry: Duration::from_secs(1000) }
    }

    /// Every file below the test's folder, hidden ones too.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let below = path.strip_prefix(self.folder.path()).unwrap();
                    files.push(below.to_str().unwrap().replace('\\', "/"));
                }
            }
        }
        files.sort();
        files
    }
}

/// All progress messages.
#[derive(Default)]
pub struct Story(Mutex<Vec<String>>);

impl Story {
    pub fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl Progress for Story {
    fn debug(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

pub fn guid_age() -> GuidAge {
    GUID_AGE.parse().unwrap()
}

pub fn wanted() -> Wanted {
    Wanted::new("k.pdb".parse().unwrap(), guid_age())
}

/// The PDB that the tests fetch, large enough to arrive in many pieces.
pub fn pdb() -> Vec<u8> {
    fixture::pdb(guid_age(), 300_000).unwrap()
}

/// Another PDB.
pub fn other_pdb() -> Vec<u8> {
    fixture::pdb(OTHER.parse().unwrap(), 300_000).unwrap()
}

/// A path in a store.
pub fn place(file: &str) -> String {
    format!("k.pdb/{GUID_AGE}/{file}")
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

pub fn path_of(symbol_path: &str) -> SymbolPath {
    symbol_path.parse().unwrap()
}
