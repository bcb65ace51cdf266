//! What `--version` prints.

use crate::harness::Folder;

#[test]
fn the_long_version_names_commit_target_and_features_and_the_short_one_the_version() {
    let folder = Folder::new();
    let version = format!("rekall-profile {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(folder.run(["-V"]).check(), version);
    for line in [&["--version"][..], &["parse_pdb", "--version"], &["manage_repo", "--version"]] {
        let shown = folder.run(line).check();
        assert!(shown.starts_with(&version), "{line:?}: {shown}");
        let keys: Vec<&str> =
            shown.lines().skip(1).filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        assert_eq!(keys, ["commit", "target", "features"], "{line:?}: {shown}");
        let target = shown.lines().find_map(|line| line.strip_prefix("target: ")).unwrap();
        assert!(target.starts_with(std::env::consts::ARCH), "{shown}");
    }
}
