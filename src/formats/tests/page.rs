//! Checks that docs/files.md shows the current table. `UPDATE=1` rewrites the page.

use std::fmt::Write as _;
use std::path::Path;

use formats::{FileKind, Group};

const START: &str = "\
# Kinds of files

You have a file and want to know what it is, which command reads it, or what to do with it first. Every command
names files in the words of this table and gives the same next step. Files are identified by their content. The name is
used only for saved states of Hyper-V, pieces of a raw image and a zeroed `hiberfil.sys`, which have no signature.

`FILE` is the file itself; you choose the other words in capitals.

If a file identifies its debug information, the message and the next step include it: the PDB name, GUID and age of an
executable, and the build-id of an ELF file without debug information.

This page is generated from the table in `src/formats/src/kind.rs` (`UPDATE=1 cargo test --workspace --test page`).
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
    assert!(
        found == page(),
        "docs/files.md does not show the table: UPDATE=1 cargo test --workspace --test page writes it"
    );
}
