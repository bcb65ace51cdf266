//! Names of outputs, in a folder with files, links that lead somewhere, nowhere and in a circle, and an input.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use profile::{OutputFile, open_input};

const WRITTEN: &[u8] = b"written";

/// Every regular file below a folder with its content, and every other name.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        let kind = entry.file_type().expect("it has a kind");
        if kind.is_dir() {
            found.extend(contents(&entry.path()));
        } else {
            let content =
                if kind.is_file() { fs::read(entry.path()).expect("it is read") } else { Vec::new() };
            found.insert(entry.path(), content);
        }
    }
    found
}

/// A path below the folder: what would lead out of it is left out.
fn below(folder: &Path, name: &[u8]) -> PathBuf {
    let name = String::from_utf8_lossy(name).replace('\0', "");
    let parts = name.split('/').filter(|part| !matches!(*part, "" | ".."));
    parts.fold(folder.to_owned(), |path, part| path.join(part))
}

/// Writes a file of this name, and gives it up before the end if `abandoned`. At most one file changes, the one that was
/// told before; the input never does; nothing else appears.
pub fn check(name: &[u8], abandoned: bool) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    // The way to the folder may lead through links of the system's.
    let root = fs::canonicalize(folder.path()).expect("it is there");
    let at = |name: &str| root.join(name);
    fs::create_dir(at("folder")).expect("a folder");
    for file in ["file", "input", "folder/file"] {
        fs::write(at(file), file).expect("a file");
    }
    fs::hard_link(at("input"), at("input-hard")).expect("a link");
    for (link, target) in [
        ("link", "file"),
        ("link-input", "folder/../input"),
        ("link-new", "folder/new"),
        ("link-nowhere", "nowhere/new"),
        ("circle", "circle"),
        ("link-folder", "folder"),
    ] {
        std::os::unix::fs::symlink(target, at(link)).expect("a link");
    }
    let input = open_input(&at("input")).expect("the input opens");
    let before = contents(&root);
    let path = below(&root, name);
    let place = OutputFile::place(&path).ok().flatten();
    let written = OutputFile::create(&path).and_then(|mut file| {
        file.write_all(WRITTEN)?;
        if abandoned { Ok(false) } else { file.commit().map(|()| true) }
    });
    drop(input);
    let after = contents(&root);
    let changed: Vec<&PathBuf> = after.keys().filter(|path| after.get(*path) != before.get(*path)).collect();
    if let Ok(true) = written {
        let place = place.expect("a regular file has a place");
        let place = fs::canonicalize(place).expect("it was written");
        assert_eq!(fs::read(&place).expect("it is read"), WRITTEN);
        assert!(changed.is_empty() || changed == [&place], "{changed:?}");
        assert!(before.keys().all(|path| after.contains_key(path)));
    } else {
        assert!(changed.is_empty() && before == after, "{changed:?}");
    }
    assert_eq!(fs::read(at("input")).expect("the input is read"), b"input");
}
