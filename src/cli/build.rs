//! Tells the program which commit it was built from, for `--version`.
//!
//! Only builds in release mode ask Git, so that a commit does not make developers compile the program again. Whoever
//! builds from an archive without Git sets `REKALL_PROFILE_COMMIT`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=REKALL_PROFILE_COMMIT");
    let given = std::env::var("REKALL_PROFILE_COMMIT").ok().filter(|commit| is_commit(commit));
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = given.or_else(|| if release { of_git() } else { None });
    println!("cargo::rustc-env=REKALL_PROFILE_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=REKALL_PROFILE_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}

/// The first digits of the commit that is checked out, if this is a clone of the project and Git is there.
fn of_git() -> Option<String> {
    // A clone of something else may hold the unpacked sources of this package.
    let root = git(&["rev-parse", "--show-toplevel"])?;
    if !Path::new(&root).join("src/cli/build.rs").is_file() {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "HEAD"]).filter(|commit| is_commit(commit)).map(|commit| commit[..12].to_owned())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Whether a text can be the beginning of a commit's name.
fn is_commit(text: &str) -> bool {
    (12..=64).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}
