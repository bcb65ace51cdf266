//! Checks that docs/validation.md shows the table of checks. `UPDATE=1` rewrites what is between the marks of the page.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use analyzer::{CheckRow, CheckTable, Group, Weight};

/// Compares what is between a mark and the next end with what it should be.
fn hold(mark: &str, content: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/validation.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mark = format!("<!-- {mark} -->\n");
    let start = page.find(&mark).unwrap() + mark.len();
    let end = start + page[start..].find("<!-- end -->").unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{}{content}{}", &page[..start], &page[end..])).unwrap();
    } else {
        assert!(
            &page[start..end] == content,
            "docs/validation.md does not show the table: \
             UPDATE=1 cargo test --workspace --test documentation writes it"
        );
    }
}

/// The items as lines of at most 118 characters.
fn list(items: &[&str]) -> String {
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
    list
}

/// The words as code; those that only differ after their last dot are written once: `cred.{uid, gid}`.
fn short(words: &[&str]) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for word in words {
        let (start, end) = word.rsplit_once('.').filter(|(_, end)| !end.contains(' ')).unwrap_or(("", word));
        match groups.last_mut() {
            Some((other, ends)) if *other == start && !start.is_empty() => ends.push(end),
            _ => groups.push((start, vec![end])),
        }
    }
    let written = groups.iter().map(|(start, ends)| match (start.is_empty(), ends.len()) {
        (true, _) => format!("`{}`", ends[0]),
        (false, 1) => format!("`{start}.{}`", ends[0]),
        (false, _) => format!("`{start}.{{{}}}`", ends.join(", ")),
    });
    written.collect::<Vec<_>>().join(", ").replace('|', "\\|")
}

fn line(row: &CheckRow) -> String {
    let names = short(row.names);
    let weight = match row.weight {
        Weight::Strong => "",
        Weight::Decisive => " (decisive)",
        Weight::Note => " (note)",
    };
    let mut proves = row.proves.to_owned();
    if !row.skipped_if.is_empty() {
        write!(proves, " *Skipped if* {}.", row.skipped_if).unwrap();
    }
    let mut reads = short(row.reads);
    if !row.reads_elsewhere.is_empty() {
        let separator = if reads.is_empty() { "" } else { "; " };
        write!(reads, "{separator}elsewhere {}", short(row.reads_elsewhere)).unwrap();
    }
    format!("| {names}{weight} | {proves} | {reads} |\n")
}

/// The rows of a system, by groups, and those of one group by parts.
fn tables(system: &str, table: &CheckTable) -> String {
    let mut page = String::new();
    for group in Group::ALL {
        let parts: Vec<(&str, Vec<&CheckRow>)> = table
            .parts
            .iter()
            .map(|(title, rows)| (*title, rows.iter().copied().filter(|row| row.group == group).collect()))
            .filter(|(_, rows): &(&str, Vec<&CheckRow>)| !rows.is_empty())
            .collect();
        if parts.is_empty() {
            continue;
        }
        write!(page, "\n### {system}: {}\n", group.name()).unwrap();
        if !group.failure().is_empty() {
            write!(page, "\nIf a check fails: {}\n", group.failure()).unwrap();
        }
        for (title, rows) in &parts {
            if parts.len() > 1 {
                write!(page, "\n**About {title}**\n").unwrap();
            }
            page.push_str("\n| check | what it proves | what it reads |\n|---|---|---|\n");
            page.extend(rows.iter().map(|row| line(row)));
        }
    }
    page.push('\n');
    page
}

const SYSTEMS: [(&str, &str, &CheckTable); 3] = [
    ("linux", "Linux", &analyzer::linux::CHECKS),
    ("windows", "Windows", &analyzer::windows::CHECKS),
    ("mac", "macOS", &analyzer::mac::CHECKS),
];

#[test]
fn the_page_shows_the_table() {
    for (mark, name, table) in SYSTEMS {
        hold(&format!("checks of {mark}"), &tables(name, table));
        hold(mark, &list(&table.reads()));
    }
    hold("other linux", &list(&analyzer::linux::CHECKS.reads_elsewhere()));
}

#[test]
fn every_row_is_complete() {
    for (_, system, table) in SYSTEMS {
        let mut names = BTreeSet::new();
        for row in table.rows() {
            for name in row.names {
                assert!(names.insert(*name), "{system}: two rows have the name {name}");
            }
            let first = row.names.first().unwrap_or_else(|| panic!("{system}: a row has no name"));
            assert!(row.proves.ends_with('.'), "{system}: {first} is not explained in a sentence");
            assert!(!row.skipped_if.ends_with('.'), "{system}: {first}: the page puts the full stop");
            for item in row.reads.iter().chain(row.reads_elsewhere) {
                assert!(item.starts_with('&') || item.contains('.'), "{system}: {first}: {item}");
            }
        }
    }
}
