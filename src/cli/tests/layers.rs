//! The floors of the architecture (ARCHITECTURE.md): which crate may use which, and where the network ends.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The packages of the workspace without their common prefix, from the lowest floor up. A package uses only packages
/// on lower floors. Other packages in `converters/` are on the floor of the front-ends. Crates that only tests use
/// (`testdata/`) have no floor, and no package uses them.
const FLOORS: [&[&str]; 11] = [
    &["formats"],
    &["model"],
    &["pe", "maps", "pages"],
    &["image", "frontend"],
    FRONT_ENDS,
    // A pack may contain a DWARF file; a kernel contains BTF, and may be in a package.
    &["volatility", "kernel"],
    &["converters", "symbols"],
    &["analyzer", "bundle"],
    &["repository"],
    &["server"],
    &["cli", "rekall-profile"],
];

/// The packages that may open sockets, and all that use them.
const NETWORK: [&str; 5] = ["symbols", "repository", "server", "cli", LIBRARY];

/// Crates that open sockets, or exist for those that do.
const NETWORK_CRATES: [&str; 20] = [
    "async-std",
    "curl",
    "h2",
    "hyper",
    "hyper-rustls",
    "hyper-util",
    "isahc",
    "mio",
    "native-tls",
    "object_store",
    "openssl",
    "quinn",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tokio-rustls",
    "tungstenite",
    "ureq",
];

const FRONT_ENDS: &[&str] = &["pdb", "dwarf", "btf"];

const PREFIX: &str = "rekall-profile-";

/// The public library, whose package has no prefix.
const LIBRARY: &str = "rekall-profile";

/// The dependencies, outside of tests, of each package in the workspace and of its dependencies.
#[derive(Default)]
struct Graph {
    names: BTreeMap<String, String>,
    dependencies: BTreeMap<String, Vec<String>>,
    /// The packages of the workspace outside `testdata/`: name without prefix, and id.
    ours: BTreeMap<String, String>,
    /// The names of those in `converters/`.
    converters: BTreeSet<String>,
}

impl Graph {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let host = output(Command::new("rustc").arg("-vV"));
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--offline", "--locked", "--format-version=1", "--filter-platform", &host]);
        let metadata: Value = serde_json::from_str(&output(cargo.current_dir(root))).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = |value: &Value| value.as_array().unwrap().clone();
        let members: BTreeSet<String> = list(&metadata["workspace_members"]).iter().map(text).collect();
        let mut graph = Self::default();
        for package in list(&metadata["packages"]) {
            let (id, name) = (text(&package["id"]), text(&package["name"]));
            let manifest = text(&package["manifest_path"]);
            let folder = Path::new(&manifest).parent().and_then(Path::parent).and_then(Path::file_name);
            if members.contains(&id) && folder.is_some_and(|folder| folder != "testdata") {
                let bare = name.strip_prefix(PREFIX).or_else(|| (name == LIBRARY).then_some(LIBRARY));
                let name = bare.unwrap_or_else(|| panic!("{name}: expected {PREFIX}…"));
                graph.ours.insert(name.to_owned(), id.clone());
                if folder.is_some_and(|folder| folder == "converters") {
                    graph.converters.insert(name.to_owned());
                }
            }
            graph.names.insert(id, name);
        }
        for node in list(&metadata["resolve"]["nodes"]) {
            let is_normal = |dependency: &Value| {
                dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null())
            };
            let normal = list(&node["deps"]).into_iter().filter(is_normal);
            graph
                .dependencies
                .insert(text(&node["id"]), normal.map(|dependency| text(&dependency["pkg"])).collect());
        }
        graph
    }

    /// The floor of a package of ours.
    fn floor(&self, package: &str) -> usize {
        let named = FLOORS.iter().position(|floor| floor.contains(&package));
        let front_end = || {
            let is_converter = self.converters.contains(package);
            FLOORS.iter().position(|floor| is_converter && *floor == FRONT_ENDS)
        };
        named.or_else(front_end).unwrap_or_else(|| {
            panic!(
                "{package} has no floor: add it to FLOORS in src/cli/tests/layers.rs and to ARCHITECTURE.md"
            )
        })
    }

    /// The dependency path from `package` to one of the crates named `names`.
    fn way(&self, package: &str, names: &[&str]) -> Option<Vec<&str>> {
        let mut came_from: BTreeMap<&str, Option<&str>> = BTreeMap::from([(package, None)]);
        let mut waiting = vec![package];
        while let Some(id) = waiting.pop() {
            if names.contains(&self.names[id].as_str()) {
                let mut way = Vec::new();
                let mut at = Some(id);
                while let Some(id) = at {
                    way.insert(0, self.names[id].as_str());
                    at = came_from[id];
                }
                return Some(way);
            }
            for dependency in &self.dependencies[id] {
                if !came_from.contains_key(dependency.as_str()) {
                    came_from.insert(dependency, Some(id));
                    waiting.push(dependency);
                }
            }
        }
        None
    }
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_crate_uses_only_crates_on_lower_floors() {
    let graph = Graph::read();
    for (name, id) in &graph.ours {
        for dependency in &graph.dependencies[id] {
            let Some(used) = graph.names[dependency].strip_prefix(PREFIX) else { continue };
            assert!(graph.ours.contains_key(used), "{name} uses {used}, which is there for tests alone");
            assert!(
                graph.floor(used) < graph.floor(name),
                "{name} uses {used}, which is not on a lower floor"
            );
        }
    }
}

/// Each crate's documentation says where to start, and has an example that the tests of documentation compile. The program
/// has its help instead.
#[test]
fn the_first_file_of_every_crate_is_its_map() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut without = Vec::new();
    for floor in ["src", "converters"] {
        for folder in std::fs::read_dir(root.join(floor)).unwrap() {
            let file = folder.unwrap().path().join("src/lib.rs");
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            let documented =
                |mark: &str| text.lines().any(|line| line.starts_with("//!") && line.contains(mark));
            let starts = documented("Start here") || documented("| start at |");
            if !starts || !documented("```") {
                without.push(file);
            }
        }
    }
    assert!(without.is_empty(), "add 'Start here' and an example to the crate documentation in {without:?}");
}

#[test]
fn no_network_crate_is_reached_below_the_client() {
    let graph = Graph::read();
    let mut checked = 0;
    for (name, id) in &graph.ours {
        let way = graph.way(id, &NETWORK_CRATES);
        if NETWORK.contains(&name.as_str()) {
            // Checks that the search finds an existing dependency.
            assert!(way.is_some(), "{name} reaches no network crate: take it off the list NETWORK");
        } else {
            assert_eq!(way, None, "{name} reaches the network");
            checked += 1;
        }
    }
    assert!(checked >= 8, "{checked} crates");
}
