//! docs/format.md names tests. A name without a test would promise something that nothing checks.

#![allow(clippy::unwrap_used)]

use std::path::Path;

#[test]
fn every_test_the_format_page_names_exists() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(crate_folder.join("../../docs/format.md")).unwrap();
    let mut sources = String::new();
    for folder in ["src", "converters"] {
        read_sources(&crate_folder.join("../..").join(folder), &mut sources);
    }
    // Names of tests are sentences: three words or more in backticks.
    let quoted = page.split('`').skip(1).step_by(2);
    let names: Vec<&str> = quoted
        .filter(|text| {
            text.matches('_').count() >= 3
                && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
        .filter(|text| !text.starts_with('_'))
        .collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        assert!(sources.contains(&format!("fn {name}(")), "no test is called {name}");
    }
}

/// Adds every Rust file below a folder.
fn read_sources(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *sources += &std::fs::read_to_string(path).unwrap();
        }
    }
}
