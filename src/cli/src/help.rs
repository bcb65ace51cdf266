//! Tests that the help of every command is complete and fits a screen, and that its examples parse.

use std::ffi::OsString;

use clap::Command;

use crate::cli::{Cli, tree};
use crate::documented_lines::words;
use crate::options::heading;
use crate::report::schemas;

/// How many lines the short help may have.
const SCREEN: usize = 40;
/// How many lines the list of commands may have.
const LIST: usize = 50;

const HEADINGS: [&str; 5] =
    [heading::INPUT, heading::OUTPUT, heading::REPOSITORIES, heading::SERVERS, heading::GENERAL];

/// Every command and verb with the words that call it.
fn all() -> Vec<(String, Command)> {
    let mut program = tree();
    program.build();
    let mut found = Vec::new();
    let mut pending = vec![(String::new(), program)];
    while let Some((called, command)) = pending.pop() {
        let below = command.get_subcommands().filter(|command| command.get_name() != "help");
        pending.extend(below.map(|below| (format!("{called} {}", below.get_name()), below.clone())));
        found.push((called, command));
    }
    found
}

#[test]
fn every_command_is_described() {
    for (called, command) in all() {
        let about = command.get_about().unwrap_or_else(|| panic!("{called}: no line about it")).to_string();
        assert!(!about.contains('\n') && about.chars().count() <= 80, "{called}: {about:?}");
        let long = command.get_long_about().unwrap_or_else(|| panic!("{called}: no paragraph")).to_string();
        let how = long.strip_prefix(&about).unwrap_or_default().trim_start_matches(['.', '\n']);
        assert!(how.len() > 80 && how.ends_with('.') && !how.contains("\n\n"), "{called}: {how:?}");
    }
}

#[test]
fn every_option_is_described_under_a_heading() {
    for (called, command) in all() {
        for argument in command.get_arguments() {
            let name = argument.get_id();
            let heading = argument.get_help_heading();
            assert!(
                heading.is_some_and(|heading| HEADINGS.contains(&heading)),
                "{called} {name}: {heading:?}"
            );
            let help = argument.get_help().unwrap_or_else(|| panic!("{called} {name}: no help")).to_string();
            assert!(
                help.starts_with(|first: char| !first.is_lowercase() || help.contains(':')),
                "{called}: {help}"
            );
        }
    }
}

#[test]
fn headings_have_one_order() {
    for (called, command) in all() {
        let rank = |heading: &str| HEADINGS.iter().position(|known| *known == heading);
        let mut ranks: Vec<_> =
            command.get_arguments().map(|argument| argument.get_help_heading().and_then(rank)).collect();
        // The first option under a heading decides the heading's place.
        let mut seen = std::collections::BTreeSet::new();
        ranks.retain(|rank| seen.insert(*rank));
        assert!(ranks.is_sorted(), "{called}: {ranks:?}");
    }
}

#[test]
fn every_command_has_examples_that_parse() {
    for (called, command) in all() {
        let after = command.get_after_help().or(command.get_after_long_help());
        let text = after.unwrap_or_else(|| panic!("{called}: add examples with after_help")).to_string();
        let examples: Vec<&str> = text.lines().filter(|line| line.starts_with("  rekall-profile")).collect();
        assert!(
            text.starts_with("Examples:\n") && (2..=3).contains(&examples.len()),
            "{called}: expected the after_help to be 'Examples:' and two or three lines that begin with '  rekall-profile', found:\n\
             {text}"
        );
        let name = called.rsplit(' ').next().unwrap_or_default();
        for example in examples {
            let line: Vec<OsString> = words(example).into_iter().map(OsString::from).collect();
            assert!(line.iter().any(|word| word == name) || name.is_empty(), "{called}: {example}");
            Cli::parse_line(line).unwrap_or_else(|error| panic!("{called}: {example}: {error}"));
        }
    }
}

#[test]
fn every_command_with_a_report_has_a_schema() {
    for (called, command) in all() {
        let name = match called.trim() {
            "" => "summary".to_owned(),
            name => name.replace(' ', "_"),
        };
        let reports = command.get_arguments().any(|argument| argument.get_id() == "json");
        let schema = schemas::folder().join(format!("{}.json", schemas::of_command(&name)));
        assert_eq!(
            reports,
            schema.exists(),
            "{called}: a command has --json if and only if {} exists; `all` in src/report/schemas.rs lists the schemas, and \
             UPDATE=1 cargo test --workspace --bin rekall-profile schemas writes them",
            schema.display()
        );
    }
}

#[test]
fn the_short_help_fits_a_screen() {
    let mut wrong = Vec::new();
    for (called, mut command) in all() {
        let lines = command.render_help().to_string().lines().count();
        // That of the program has a line for each command.
        if lines > if called.is_empty() { LIST } else { SCREEN } {
            wrong.push(format!("{called}: {lines} lines"));
        }
    }
    assert!(wrong.is_empty(), "more than {SCREEN} lines: {}", wrong.join(", "));
}
