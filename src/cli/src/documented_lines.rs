//! Checks that every command line in the README and the pages of docs/ parses: those in blocks unchanged, those
//! inside sentences and tables with their placeholders filled in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cli::{Cli, tree};
use clap::error::ErrorKind;

/// The values for the placeholders in the pages.
const PLACEHOLDERS: [(&str, &str); 26] = [
    ("ADDRESS", "https://example.org/debian"),
    ("URL", "https://example.org/banners.json"),
    ("GUIDAGE", "F8E2A8B5C9B74BF4A6E4A48F180099942"),
    ("F8E2...2", "F8E2A8B5C9B74BF4A6E4A48F180099942"),
    ("nt/GUID/...", "nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942"),
    ("BUILD_ID", "3b43fad5034874490492495d552c0af6a5fab235"),
    ("ADDR:PORT", "127.0.0.1:0"),
    ("DIR_OR_URL", "repository"),
    ("NAME_OR_FILE", "nt.json.gz"),
    ("STRUCT.MEMBER", "_EPROCESS.Pcb"),
    ("STRUCT.MEMBER...", "_EPROCESS.Pcb"),
    ("NAME...", "_EPROCESS"),
    ("FILE...", "a.json"),
    ("NAMES", "_EPROCESS"),
    ("K/N", "1/3"),
    ("N", "3"),
    ("VERB", "build_all"),
    ("SHELL", "bash"),
    ("PROFILE", "nt.json.gz"),
    ("IMAGE", "memory.raw"),
    ("MODULE", "tcpip"),
    ("REPOSITORY", "repository"),
    ("DIR", "folder"),
    ("R", "krnl"),
    ("...", ""),
    ("BANNER", "text"),
];

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> =
        docs.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

/// The commands by name, with their aliases.
fn commands() -> Vec<String> {
    let cli = tree();
    let names = cli.get_subcommands().flat_map(|command| {
        let names = std::iter::once(command.get_name()).chain(command.get_all_aliases());
        names.map(str::to_owned).collect::<Vec<_>>()
    });
    names.collect()
}

/// Our command lines in the blocks of a page: continued lines joined, without prompt, comment and variables.
fn lines_in_blocks(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut fenced = false;
    let mut begun = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if !fenced && !line.starts_with("    ") {
            continue;
        }
        begun.push_str(line.trim());
        if let Some(part) = begun.strip_suffix('\\') {
            begun = part.to_owned();
            continue;
        }
        lines.push(std::mem::take(&mut begun));
    }
    let ours = lines.iter().filter_map(|line| {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        let mut words = line.split_whitespace();
        let program = words.by_ref().find(|word| !word.contains('='))?;
        (program == "rekall-profile").then(|| line.to_owned())
    });
    ours.collect()
}

/// Inline code that begins with one of our commands or with the program's name.
fn lines_in_text(text: &str, commands: &[String]) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced || line.starts_with("    ") {
            continue;
        }
        for code in line.split('`').skip(1).step_by(2) {
            let mut words = code.split_whitespace();
            let first = words.next().unwrap_or_default();
            let ours = first == "rekall-profile" || (commands.iter().any(|name| name == first));
            // A command's name alone does not count, nor does a struct field in C.
            if ours && words.next().is_some() {
                found.push(code.to_owned());
            }
        }
    }
    found
}

/// The words of a line as a shell splits them, without redirections and the part after a pipe.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quote, mut inside) = (None, false);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(mark), letter) if letter == mark => quote = None,
            (None, '\'' | '"') => (quote, inside) = (Some(letter), true),
            (None, letter) if letter.is_whitespace() => {
                if inside || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                inside = false;
            }
            (_, letter) => word.push(letter),
        }
    }
    if inside || !word.is_empty() {
        words.push(word);
    }
    let end = words.iter().position(|word| matches!(word.as_str(), "|" | ">" | "#" | "&&" | ";"));
    words.truncate(end.unwrap_or(words.len()));
    let program = words.iter().position(|word| word == "rekall-profile");
    words.drain(..program.unwrap_or(0));
    words
}

/// The line without and with the parts in brackets, with placeholders filled in.
fn variants(code: &str) -> Vec<Vec<String>> {
    let mut without = String::new();
    let mut depth = 0usize;
    for letter in code.chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            letter if depth == 0 => without.push(letter),
            _ => {}
        }
    }
    let with = code.replace(['[', ']'], "");
    let filled = |text: &str| {
        let words = words(text).into_iter().map(|word| {
            let place = PLACEHOLDERS.iter().find(|(name, _)| *name == word);
            place.map_or(word, |(_, value)| (*value).to_owned())
        });
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>()
    };
    [without.as_str(), with.as_str()].map(filled).to_vec()
}

fn parse(words: &[String]) -> Result<Cli, clap::Error> {
    let program =
        (words.first().map(String::as_str) != Some("rekall-profile")).then(|| "rekall-profile".to_owned());
    let words = program.into_iter().chain(words.iter().cloned()).map(OsString::from);
    Cli::parse_line(words.collect())
}

#[test]
fn every_line_in_the_readme_and_the_docs_parses() {
    let commands = commands();
    let (mut blocks, mut pieces, mut wrong) = (0, 0, Vec::new());
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let mut check = |line: &str, words: &[String], part: bool| {
            if let Err(error) = parse(words) {
                let option = words.last().is_some_and(|word| word.starts_with('-'));
                match error.kind() {
                    // Text may name an option of a command without its value, or without the command's other
                    // arguments.
                    ErrorKind::InvalidValue if part && option => return,
                    ErrorKind::MissingRequiredArgument if part => return,
                    _ => {}
                }
                let error = error.to_string();
                wrong.push(format!("{name}: {line}\n    {}", error.lines().next().unwrap_or_default()));
            }
        };
        for line in lines_in_blocks(&text) {
            blocks += 1;
            check(&line, &words(&line), false);
        }
        for code in lines_in_text(&text, &commands) {
            pieces += 1;
            for words in variants(&code) {
                check(&code, &words, true);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(blocks >= 25 && pieces >= 30, "{blocks} lines in blocks, {pieces} in text were found");
}

/// The code in backticks in the next steps in the table of file kinds.
fn advised_lines() -> Vec<String> {
    let all = formats::FileKind::ALL.iter();
    let lines = all.flat_map(|kind| kind.advice().split('`').skip(1).step_by(2)).map(str::to_owned);
    lines.collect()
}

#[test]
fn no_next_step_names_a_command_or_option_that_does_not_exist() {
    let (ours, others): (Vec<String>, Vec<String>) =
        advised_lines().into_iter().partition(|line| line.contains("rekall-profile"));
    let mut wrong = Vec::new();
    for line in &ours {
        if let Err(error) = parse(&variants(line)[0]) {
            let error = error.to_string();
            wrong.push(format!("{line}\n    {}", error.lines().next().unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ours.len() >= 60, "{}", ours.len());
    // No command of ours is named without the program.
    let commands = commands();
    for line in &others {
        let first = line.split_whitespace().next().unwrap_or_default();
        assert!(!commands.iter().any(|name| name == first), "{line}");
    }
}

#[test]
fn lines_are_taken_apart_as_a_shell_does() {
    assert_eq!(words("A=b rekall-profile x 'a b' \"c\" > out"), ["rekall-profile", "x", "a b", "c"]);
    let page = "text `check P`\n```\n$ rekall-profile a \\\n  b\n$ other\n```\n    rekall-profile c\n";
    assert_eq!(lines_in_blocks(page), ["rekall-profile a b", "rekall-profile c"]);
    assert_eq!(lines_in_text(page, &["check".to_owned()]), ["check P"]);
    assert_eq!(variants("check PROFILE [--strict]")[0], ["check", "nt.json.gz"]);
    assert_eq!(variants("check PROFILE [--strict]")[1], ["check", "nt.json.gz", "--strict"]);
}
