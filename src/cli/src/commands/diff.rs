use std::path::{Path, PathBuf};

use anyhow::Context;
use profile::{Changes, EnumerationChange, MemberChange, Presence, StructChange, SymbolRun, System, Text};
use regex::Regex;
use repository::ProfileName;
use symbols::Web;

use super::Run;
use crate::console::{Console, Lines, Listed, Settings};
use crate::files::Files;
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{
    Connection, General, InBundle, Json, Repositories, Threads, Unpacking, list_profile_anywhere, settings,
};
use crate::outcome::Outcome;
use crate::profiles::any::{self, canonical_text, text_in_bundle};
use crate::profiles::declared::declared;
use crate::profiles::verdict::counted;
use crate::report::diff as report;
use crate::report::history::{ChangedMember, ChangedStruct};

/// Show what changed from one build to another.
///
/// Compares structs, enumerations, symbols and the types of variables. Structs that the analyzer, Rekall, Volatility 3,
/// LibVMI or DRAKVUF look up come first. Symbols that move together are one line. OLD and NEW are profiles or tables in any
/// form, debug information, builds of a bundle, named as FILE.bundle:BUILD, or names of profiles in a repository.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The build to compare with.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The build whose changes are shown.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Show only structs, enumerations and symbols whose names match one of these patterns (* and ?).
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = pattern, help_heading = OUTPUT)]
    only: Vec<Regex>,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    repositories: Repositories,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile diff kernels.bundle:6.1.0-56 kernels.bundle:6.12.95 --only task_struct,mm_*
  rekall-profile diff Linux/6.1.0-56-amd64 Linux/6.1.0-57-amd64 --profile_path profiles
  rekall-profile diff old/ntkrnlmp.pdb ntkrnlmp.pdb --json

Exit codes: 0 nothing differs; 1 something differs; 2 a build cannot be read.";

/// A pattern of names as a regular expression.
fn pattern(text: &str) -> Result<Regex, String> {
    let expression = regex::escape(text).replace("\\*", ".*").replace("\\?", ".");
    Regex::new(&format!("^(?s:{expression})$")).map_err(|error| error.to_string())
}

/// How many structs, enumerations, symbols of a kind, or runs of them are listed without `-v`.
const SHOWN: usize = 20;

/// Widest column of a struct that is shown side by side.
const WIDEST: usize = 60;

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        for (said, path) in [("OLD", &self.old), ("NEW", &self.new)] {
            if InBundle::of(path).is_some() {
                list_profile_anywhere(said, path, &self.connection, files);
                continue;
            }
            files.input_beside(said, path);
            if path.is_dir() {
                files.input_folder(said, path, |_| true);
            } else if !path.exists() {
                self.repositories.list(&self.connection, files);
            }
        }
        files.access().unpack();
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let old = self.text(&self.old, console)?;
        let new = self.text(&self.new, console)?;
        let takes = |name: &str| self.only.is_empty() || self.only.iter().any(|one| one.is_match(name));
        let mut changes = Changes::between(&old, &new, &takes)?;
        let new = Text::new(new.into_bytes())?;
        let first = changes.sort_by_use(new.system());
        let class = new
            .metadata()
            .get("ProfileClass")
            .and_then(|class| class.as_str())
            .unwrap_or_default()
            .to_owned();
        let arch = new.arch().name();
        let declare = |member: &str, descriptor: &str| declared(&class, arch, member, descriptor);
        if console.json() {
            console.print_report(&to_report(&self.old, &self.new, &changes, first, &declare))?;
        } else {
            console.print(&to_lines(&changes, first, new.system(), console.verbosity() > 0, &declare))?;
        }
        Ok(Outcome::from_good(changes.is_empty()))
    }
}

impl Arguments {
    /// The canonical text of a build: of a file, of a build of a bundle, otherwise of a profile in a repository.
    fn text(&self, named: &Path, console: &Console) -> anyhow::Result<String> {
        if let Some(build) = InBundle::of(named) {
            let client = build.is_remote().then(|| self.connection.client(Web::options())).transpose()?;
            return text_in_bundle(build, client.as_ref());
        }
        if named.exists() {
            return canonical_text(named, console);
        }
        let shown = named.display();
        let name: ProfileName = named.to_str().and_then(|name| name.parse().ok()).with_context(|| {
            format!("{shown}: there is no such file, and it cannot be the name of a profile")
        })?;
        let repositories = self.repositories.open(&self.connection)?;
        let loaded = match repositories.load(&name, console.progress()) {
            // That a build cannot be read is not the answer that the two differ.
            Err(repository::Error::NotFound { tried, .. }) => {
                let items = tried.iter().map(|(place, answer)| format!("{place}: {answer}")).collect();
                let what =
                    format!("{shown}: there is no such file, and no repository has a profile of this name");
                return Err(Listed::error(what, items));
            }
            loaded => loaded?,
        };
        console.debug(format_args!("Loaded profile {} from {}", loaded.name, loaded.place));
        any::canonical(loaded.text)
    }
}

/// Prints a descriptor as C declares the member.
type Declare<'a> = dyn Fn(&str, &str) -> String + 'a;

/// A struct that differs, with declarations in C.
pub fn changed_struct(change: &StructChange, declare: &Declare<'_>) -> ChangedStruct {
    let member = |member: &MemberChange| {
        let side = |side: &Option<(u64, String)>| {
            side.as_ref().map(|(offset, descriptor)| (*offset, declare(&member.name, descriptor)))
        };
        let (old, new) = (side(&member.old), side(&member.new));
        ChangedMember {
            name: member.name.clone(),
            change: member.kind(),
            old_offset: old.as_ref().map(|(offset, _)| *offset),
            new_offset: new.as_ref().map(|(offset, _)| *offset),
            old_declaration: old.map(|(_, declared)| declared),
            new_declaration: new.map(|(_, declared)| declared),
        }
    };
    ChangedStruct {
        name: change.name.clone(),
        old_size: change.old_size,
        new_size: change.new_size,
        members: change.members.iter().map(member).collect(),
    }
}

fn to_report(old: &Path, new: &Path, changes: &Changes, used: usize, declare: &Declare<'_>) -> report::Diff {
    let symbol = |(name, value): &(String, u64)| report::Symbol { name: name.clone(), value: *value };
    let run = |run: &SymbolRun| report::Run {
        first: run.first.clone(),
        last: run.last.clone(),
        count: run.count,
        from: run.from,
        to: run.to,
    };
    let enumeration = |change: &EnumerationChange| report::Enumeration {
        name: change.name.clone(),
        change: match change.whole {
            Some(Presence::Added) => "added",
            Some(Presence::Removed) => "removed",
            None => "changed",
        },
        labels: change
            .labels
            .iter()
            .map(|(name, old, new)| report::Label {
                name: name.clone(),
                old: old.map(|value| value.to_string()),
                new: new.map(|value| value.to_string()),
            })
            .collect(),
    };
    report::Diff {
        old: old.display().to_string(),
        new: new.display().to_string(),
        equal: changes.is_empty(),
        equal_structs: changes.equal_structs,
        used_structs: used,
        structs: changes.structs.iter().map(|change| changed_struct(change, declare)).collect(),
        enumerations: changes.enumerations.iter().map(enumeration).collect(),
        variables: changes
            .variables
            .iter()
            .map(|(name, old, new)| report::Variable {
                name: name.clone(),
                old: declare(name, old),
                new: declare(name, new),
            })
            .collect(),
        symbols: report::Symbols {
            equal: changes.symbols.equal,
            added: changes.symbols.added.iter().map(symbol).collect(),
            removed: changes.symbols.removed.iter().map(symbol).collect(),
            moved: changes.symbols.moved.iter().map(run).collect(),
        },
    }
}

fn to_lines(changes: &Changes, used: usize, system: System, all: bool, declare: &Declare<'_>) -> Lines {
    let mut lines = Lines::new();
    if changes.is_empty() {
        lines.line(format_args!(
            "nothing differs: {} and {}",
            counted(changes.equal_structs, "struct"),
            counted(changes.symbols.equal, "symbol")
        ));
        return lines;
    }
    let shown = if all { usize::MAX } else { SHOWN };
    // What readers look up is never left out.
    let structs = changes.structs.iter().take(shown.max(used));
    structs.for_each(|change| show_struct(&mut lines, &changed_struct(change, declare)));
    rest(&mut lines, changes.structs.len(), shown.max(used), "struct");
    for change in changes.enumerations.iter().take(shown) {
        let what = match change.whole {
            Some(Presence::Added) => " added",
            Some(Presence::Removed) => " removed",
            None => "",
        };
        lines.line(format_args!("enum {}{what}", change.name));
        for (label, old, new) in change.labels.iter().filter(|_| change.whole.is_none()) {
            lines.line(match (old, new) {
                (None, Some(new)) => format!("  + {label} = {new}"),
                (Some(old), None) => format!("  - {label} = {old}"),
                _ => format!("  ~ {label} = {} -> {}", old.unwrap_or_default(), new.unwrap_or_default()),
            });
        }
    }
    rest(&mut lines, changes.enumerations.len(), shown, "enumeration");
    for (name, old, new) in changes.variables.iter().take(shown) {
        lines.line(format_args!("variable {name}: {} -> {}", declare(name, old), declare(name, new)));
    }
    rest(&mut lines, changes.variables.len(), shown, "variable");
    let symbols = &changes.symbols;
    for (sign, list) in [('+', &symbols.added), ('-', &symbols.removed)] {
        for (name, value) in list.iter().take(shown) {
            lines.line(format_args!("symbol {sign} {name} = {value:#x}"));
        }
        rest(&mut lines, list.len(), shown, if sign == '+' { "added symbol" } else { "removed symbol" });
    }
    for run in symbols.moved.iter().take(shown) {
        let names = match run.count {
            1 => run.first.clone(),
            count => format!("{} to {} ({count})", run.first, run.last),
        };
        let shift = run.to.wrapping_sub(run.from).cast_signed();
        let sign = if shift < 0 { '-' } else { '+' };
        lines.line(format_args!("symbol ~ {names} moved by {sign}{:#x}", shift.unsigned_abs()));
    }
    rest(&mut lines, symbols.moved.len(), shown, "run of symbols");
    let moved: usize = symbols.moved.iter().map(|run| run.count).sum();
    lines.line(format_args!(
        "{} equal, {} differ ({used} of them are looked up by readers of {}); {} equal, {moved} moved in {}, {} added, {} removed",
        counted(changes.equal_structs, "struct"),
        changes.structs.len(),
        system_name(system),
        counted(symbols.equal, "symbol"),
        counted(symbols.moved.len(), "run"),
        symbols.added.len(),
        symbols.removed.len(),
    ));
    lines
}

fn system_name(system: System) -> &'static str {
    match system {
        System::Windows => "Windows",
        System::Linux => "Linux",
        System::Mac => "macOS",
        System::Other => "other systems",
    }
}

fn rest(lines: &mut Lines, count: usize, shown: usize, what: &str) {
    let rest = count.saturating_sub(shown);
    if rest > 0 {
        lines.line(format_args!("  and {} more (-v lists them)", counted(rest, what)));
    }
}

/// A struct side by side: the old members on the left, the new ones on the right.
fn show_struct(lines: &mut Lines, change: &ChangedStruct) {
    match (change.old_size, change.new_size) {
        (None, Some(size)) => lines.line(format_args!("struct {} added, {size:#x} bytes", change.name)),
        (Some(size), None) => lines.line(format_args!("struct {} removed, {size:#x} bytes", change.name)),
        (old, new) => {
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            let size =
                if old == new { format!("{new:#x} bytes") } else { format!("{old:#x} -> {new:#x} bytes") };
            lines.line(format_args!("struct {}, {size}", change.name));
            let side = |offset: Option<u64>, declared: &Option<String>| match (offset, declared) {
                (Some(offset), Some(declared)) => format!("{offset:#06x} {declared}"),
                _ => String::new(),
            };
            let rows: Vec<(String, &str, String)> = change
                .members
                .iter()
                .map(|member| {
                    let sign = match member.change {
                        "added" => "+",
                        "removed" => "-",
                        _ => "~",
                    };
                    let old = side(member.old_offset, &member.old_declaration);
                    (old, sign, side(member.new_offset, &member.new_declaration))
                })
                .collect();
            let width = rows.iter().map(|(old, ..)| old.chars().count()).max().unwrap_or(0).min(WIDEST);
            for (old, sign, new) in rows {
                lines.line(format!("  {sign} {old:width$} | {new}").trim_end());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_names() {
        let matches = |text, name| pattern(text).unwrap().is_match(name);
        assert!(matches("mm_*", "mm_struct") && matches("pid", "pid") && matches("p?d", "pud"));
        assert!(!matches("mm_*", "a_mm_struct") && !matches("a.c", "abc"));
    }
}
