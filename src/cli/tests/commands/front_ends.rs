//! Every profile is made through the list of front-ends (`converters/all`).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::Folder;

const TRAIT: &str = "rekall-profile-frontend";
const LIST: &str = "rekall-profile-converters";
/// The crates that use a front-end directly: kernels and modules found in memory, with decoded symbols, are not
/// sources that a user opens. A build-id in memory is a note as in a file.
const IN_MEMORY: [(&str, &str); 5] = [
    ("rekall-profile-analyzer", "rekall-profile-btf"),
    ("rekall-profile-analyzer", "rekall-profile-dwarf"),
    ("rekall-profile-analyzer", "rekall-profile-kernel"),
    ("rekall-profile-repository", "rekall-profile-btf"),
    ("rekall-profile-repository", "rekall-profile-kernel"),
];

/// The packages of the workspace.
fn packages() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The build dependencies of a package, without those of tests.
fn needs(package: &Value) -> BTreeSet<&str> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
    normal.map(|dependency| dependency["name"].as_str().unwrap()).collect()
}

#[test]
fn only_the_list_of_front_ends_knows_front_ends() {
    let packages = packages();
    let name = |package: &Value| package["name"].as_str().unwrap().to_owned();
    let front_ends: BTreeSet<String> =
        packages.iter().filter(|package| needs(package).contains(TRAIT)).map(name).collect();
    let list = packages.iter().find(|package| name(package) == LIST).unwrap();
    let in_list: BTreeSet<String> = needs(list).into_iter().map(str::to_owned).collect();
    let front_ends: BTreeSet<String> = front_ends.into_iter().filter(|known| known != LIST).collect();
    assert!(front_ends.len() >= 3, "{front_ends:?}");
    for front_end in &front_ends {
        assert!(in_list.contains(front_end), "{front_end} is not in {LIST}");
    }
    for package in &packages {
        let name = name(package);
        // A front-end may use another one: a pack of Volatility may contain a kernel module.
        if name == LIST || front_ends.contains(&name) {
            continue;
        }
        let needs = needs(package);
        let known = needs.iter().filter(|needed| front_ends.contains(**needed));
        let known: Vec<&&str> = known.filter(|needed| !IN_MEMORY.contains(&(&name, needed))).collect();
        assert!(known.is_empty(), "{name} makes profiles past {LIST}: {known:?}");
    }
}

#[test]
fn every_front_end_has_a_command_of_its_own() {
    let folder = Folder::new();
    for front_end in converters::FRONT_ENDS {
        folder.run([front_end.command(), "--help"]).check();
    }
}
