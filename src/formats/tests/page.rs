//! The page docs/files.md shows the table as it is. `UPDATE=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use formats::{FileKind, Group};

const START: &str = "\
# Kinds of files

You have a file and want to know what it is, which command reads it, or what has to be done first. Every command names a
file in the words of this table, and says the same next step. What a file is shows in its content; its name counts only for
the saved states of Hyper-V, the pieces of a raw image and a zeroed `hiberfil.sys`, which nothing in them tells.

`FILE` is the file itself; other words in capitals are yours to choose.

If a file says more of itself, the words and the next step say it too: an executable names its PDB with GUID and age, an
ELF file without debug information its build-id.

This page is made from the table in `src/formats/src/kind.rs` (`UPDATE=1 cargo test -p rekall-profile-formats --test page`).
";

fn page() -> String {
    let mut page = START.to_owned();
    let mut group: Option<Group> = None;
    for kind in FileKind::ALL {
        if group != Some(kind.group()) {
            group = Some(kind.group());
            let _ = write!(page, "\n## {}\n\n| file | next step |\n|---|---|\n", kind.group().title());
        }
        let _ = writeln!(page, "| {} | {} |", kind.words(), kind.advice());
    }
    page
}

#[test]
fn the_page_shows_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/files.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page(), "docs/files.md is not the table: run this test with UPDATE=1");
}
