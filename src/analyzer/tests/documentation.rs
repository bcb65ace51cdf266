//! Checks that the page on validation lists the same entries as the code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::Write;
use std::path::Path;

/// A list between its marks, as lines of at most 118 characters; `UPDATE=1` writes it.
fn hold(system: &str, items: &[&str]) {
    let mut list = String::from("```\n");
    let mut line = String::new();
    for item in items {
        if !line.is_empty() && line.len() + item.len() + 1 > 118 {
            writeln!(list, "{line}").unwrap();
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(item);
    }
    writeln!(list, "{line}\n```").unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/validation.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mark = format!("<!-- {system} -->\n");
    let start = page.find(&mark).unwrap() + mark.len();
    let end = start + page[start..].find("<!-- end -->").unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{}{list}{}", &page[..start], &page[end..])).unwrap();
    } else {
        assert_eq!(&page[start..end], list, "UPDATE=1 rewrites the list");
    }
}

#[test]
fn the_page_lists_everything_that_is_read() {
    hold("linux", analyzer::linux::READS);
    hold("other linux", analyzer::linux::OTHER_READS);
    hold("windows", analyzer::windows::READS);
    hold("mac", analyzer::mac::READS);
}
