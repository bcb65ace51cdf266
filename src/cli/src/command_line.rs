//! Brings a command line into the order in which it is parsed: program, command, verb, then options and arguments.
//!
//! Rekall's lines name the memory image and the profile before the command, and a repository's entry before the verb.
//! [`in_order`] moves these after it, so that every command and verb has its own options and refuses all others.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Arg, ArgAction, Command};

/// The commands under whose name the program can be called: installed or linked under such a name, it behaves as that
/// command.
const LINKS: [&str; 3] = ["fetch_pdb", "parse_pdb", "convert_profile"];

/// The one of `names` that a line begins with, as its first word or the name of the program, in either spelling.
pub fn named<'n>(names: &[&'n str], line: &[OsString]) -> Option<&'n str> {
    let (program, first) = (line.first(), line.get(1).and_then(|word| word.to_str()));
    let called = program.and_then(|program| Path::new(program).file_stem()?.to_str());
    let word = called.filter(|called| LINKS.contains(called)).or(first)?.replace('-', "_");
    names.iter().copied().find(|name| *name == word)
}

/// Returns the command line in the order in which `tree` parses it. A line that cannot be understood stays unchanged,
/// so that the parser explains it.
pub fn in_order(tree: &Command, mut line: Vec<OsString>) -> Vec<OsString> {
    let called = line.first().and_then(|program| Path::new(program).file_stem()?.to_str());
    if let Some(name) = called.and_then(|called| LINKS.into_iter().find(|link| *link == called)) {
        line.insert(1, name.into());
    }
    let Some(place) = command_place(tree, &line, 1) else { return line };
    let command = line.get(place).and_then(|word| subcommand(tree, word));
    // An unknown command is moved too, so that the parser reports it and suggests similar ones.
    line = moved(line, place, 1);
    match command {
        Some(command) if command.get_name() == "manage_repo" => verb_first(command, line),
        // Options may come before the verb.
        Some(command) if command.has_subcommands() => match command_place(command, &line, 2) {
            Some(verb) => moved(line, verb, 2),
            None => line,
        },
        _ => line,
    }
}

/// Completes a line of `manage_repo` without a verb.
const DEFAULT_VERB: &str = "build_all";

/// Moves the verb to the place after `manage_repo`: `TARGET VERB` becomes `VERB --target TARGET`.
fn verb_first(manage_repo: &Command, mut line: Vec<OsString>) -> Vec<OsString> {
    let Some(first) = command_place(manage_repo, &line, 2) else {
        let asks = line
            .iter()
            .skip(2)
            .any(|word| word == "-h" || word == "--help" || word == "-V" || word == "--version");
        if !asks && first_unknown(manage_repo, &line, 2).is_none() {
            line.insert(2, DEFAULT_VERB.into());
        }
        return line;
    };
    let is_verb = |word: Option<&OsString>| word.is_some_and(|word| subcommand(manage_repo, word).is_some());
    if is_verb(line.get(first)) {
        return moved(line, first, 2);
    }
    let target = line.get(first).filter(|word| word.to_string_lossy().contains('/')).is_some();
    match command_place(manage_repo, &line, first + 1) {
        Some(second) if is_verb(line.get(second)) || target => {
            // Words after the verb belong to it.
            let verb = line.remove(second);
            // A verb without words or targets reports the unknown word, and not an option that the user did not write.
            // A verb with words of its own (`import FILE`) must not take the target for one of them.
            if subcommand(manage_repo, &verb).is_none_or(takes_words) {
                line.insert(first, "--target".into());
            }
            line.insert(2, verb);
        }
        // Rekall's shortest line has only a target.
        None if target => {
            line.insert(first, "--target".into());
            line.insert(2, DEFAULT_VERB.into());
        }
        _ => return moved(line, first, 2),
    }
    line
}

fn takes_words(verb: &Command) -> bool {
    verb.get_arguments().any(|argument| argument.get_long() == Some("target") || argument.is_positional())
}

/// The line with the word at `from` moved to `to`.
fn moved(mut line: Vec<OsString>, from: usize, to: usize) -> Vec<OsString> {
    if from > to && from < line.len() {
        let word = line.remove(from);
        line.insert(to, word);
    }
    line
}

/// The subcommand that a word names.
fn subcommand<'t>(tree: &'t Command, word: &OsStr) -> Option<&'t Command> {
    let word = word.to_str()?;
    tree.get_subcommands()
        .find(|command| command.get_name() == word || command.get_all_aliases().any(|alias| alias == word))
}

/// The position of the first word at `start` or later that is neither an option nor the value of one. `None` if there
/// is none, or if an unknown option precedes it.
fn command_place(tree: &Command, line: &[OsString], start: usize) -> Option<usize> {
    match walk(tree, line, start) {
        Walk::Word(place) => Some(place),
        Walk::End | Walk::Unknown(_) => None,
    }
}

/// The position of the first unknown option, if it precedes any other word.
fn first_unknown(tree: &Command, line: &[OsString], start: usize) -> Option<usize> {
    match walk(tree, line, start) {
        Walk::Unknown(place) => Some(place),
        Walk::End | Walk::Word(_) => None,
    }
}

/// The first word after the leading options.
enum Walk {
    Word(usize),
    Unknown(usize),
    End,
}

fn walk(tree: &Command, line: &[OsString], start: usize) -> Walk {
    let mut place = start;
    while let Some(word) = line.get(place) {
        let text = word.to_string_lossy();
        place += match text.strip_prefix("--") {
            Some("") => return Walk::End,
            Some(long) => {
                match (long.split_once('='), takes_value(tree, &|option| is_long(option, long_name(long)))) {
                    (_, None) => return Walk::Unknown(place),
                    (None, Some(true)) => 2,
                    _ => 1,
                }
            }
            None if text.len() > 1 && text.starts_with('-') => match short_words(tree, &text) {
                Some(words) => words,
                None => return Walk::Unknown(place),
            },
            None => return Walk::Word(place),
        };
    }
    Walk::End
}

fn long_name(word: &str) -> &str {
    word.split_once('=').map_or(word, |(name, _)| name)
}

/// How many words an option group such as `-vf` takes: two if the last option has its value in the next word.
fn short_words(tree: &Command, word: &str) -> Option<usize> {
    let mut letters = word.chars().skip(1).peekable();
    while let Some(letter) = letters.next() {
        if takes_value(tree, &|option| option.get_short() == Some(letter))? {
            return Some(if letters.peek().is_some() { 1 } else { 2 });
        }
    }
    Some(1)
}

/// Whether the option takes the next word as its value; `None` if no command has it. An option means the same in
/// every command that has it, as a test checks.
fn takes_value(tree: &Command, is_it: &dyn Fn(&Arg) -> bool) -> Option<bool> {
    let own = tree.get_arguments().find(|option| is_it(option));
    let option = own.map(needs_value);
    option.or_else(|| tree.get_subcommands().find_map(|command| takes_value(command, is_it)))
}

fn is_long(option: &Arg, name: &str) -> bool {
    option.get_long() == Some(name) || option.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
}

fn needs_value(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Set | ArgAction::Append) && !option.is_require_equals_set()
}
