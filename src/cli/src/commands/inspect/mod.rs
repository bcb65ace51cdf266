mod across;

use std::path::PathBuf;

use anyhow::{Context, bail};
use profile::{Member, Structure, Symbol, System, Text, declaration};
use serde_json::Value;

use super::Run;
use crate::console::{Console, Lines, Settings, escaped};
use crate::files::Files;
use crate::options::heading::{INPUT, REPOSITORIES};
use crate::options::repositories::list_repository;
use crate::options::{Connection, General, Json, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::inspect as report;

/// Show what a profile holds.
///
/// Without a NAME it shows metadata and counts. A struct is shown as C would declare it, with offsets. A name that the
/// profile does not have is answered with similar ones (exit code 1).
#[derive(Debug, clap::Args)]
#[command(alias = "vtypes", after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The profile, or a table of Volatility 3 (ISF): text, gzip, xz or zstd. With --across, the first NAME.
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,
    /// Structs, members (STRUCT.MEMBER), enumerations and symbols to show.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Show which symbol an address belongs to; of a Windows profile, an RVA.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    at: Vec<u64>,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    /// Show where members (STRUCT.MEMBER) lie in every profile of a repository.
    ///
    /// The repository is a folder, an address, or one folder of either (DIR/v1.0/nt).
    #[arg(long, value_name = "REPOSITORY", conflicts_with = "at", help_heading = REPOSITORIES)]
    across: Option<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile inspect nt.json.gz
  rekall-profile inspect nt.json.gz _EPROCESS PsActiveProcessHead
  rekall-profile inspect --across profiles _EPROCESS.UniqueProcessId";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        match &self.across {
            Some(place) => list_repository(place, &self.connection, files),
            None => files.input("PROFILE", &self.profile),
        }
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

/// Decimal, or hexadecimal with 0x.
fn address(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match digits {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    }
    .map_err(|_| "expected a number, decimal or hexadecimal with 0x".to_owned())
}

/// How many names are suggested for one that is not there.
const SUGGESTIONS: usize = 5;

/// Something a name stands for.
enum Item {
    Structure(String, Structure),
    Member {
        owner: String,
        structure: Structure,
        member: Member,
    },
    Enumeration(String, Vec<(String, i128)>),
    Symbol(Symbol),
    /// An address with the symbols below it.
    Near(u64, Vec<Symbol>),
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    if let Some(place) = &arguments.across {
        let first = arguments.profile.to_string_lossy().into_owned();
        let members: Vec<String> = [first].into_iter().chain(arguments.names.iter().cloned()).collect();
        return across::run(place, &members, &arguments.connection, console);
    }
    if let Some(option) = arguments.connection.given() {
        bail!("{option}: only --across asks servers");
    }
    let text = Text::open(&arguments.profile).with_context(|| arguments.profile.display().to_string())?;
    if arguments.names.is_empty() && arguments.at.is_empty() {
        return summary(&text, arguments, console);
    }
    let mut items = Vec::new();
    let mut missing = Vec::new();
    for name in &arguments.names {
        let found = find(&text, name);
        if found.is_empty() {
            missing.push(name.as_str());
        }
        items.extend(found);
    }
    items.extend(arguments.at.iter().map(|address| Item::Near(*address, text.symbols_at(*address))));
    if console.json() {
        let items = items.iter().map(to_report).collect();
        let missing = missing.iter().map(|name| (*name).to_owned()).collect();
        console.print_report(&report::Inspection::Items { items, missing })?;
    } else {
        let mut lines = Lines::new();
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                lines.line("");
            }
            show(item, text.system(), &mut lines);
        }
        console.print(&lines)?;
    }
    for name in &missing {
        let similar = text.similar(name, SUGGESTIONS);
        let hint =
            if similar.is_empty() { String::new() } else { format!("; there is {}", similar.join(", ")) };
        console.warn(format_args!("{name}: no struct, member, enumeration or symbol of this name{hint}"));
    }
    Ok(Outcome::from_good(missing.is_empty()))
}

/// Everything a name stands for: structs, enumerations and symbols have name spaces of their own.
fn find(text: &Text, name: &str) -> Vec<Item> {
    let mut found = Vec::new();
    if let Some(structure) = text.structure(name) {
        found.push(Item::Structure(name.to_owned(), structure));
    }
    if let Some(labels) = text.enumeration(name) {
        found.push(Item::Enumeration(name.to_owned(), labels));
    }
    found.extend(text.symbol(name).map(Item::Symbol));
    if found.is_empty()
        && let Some((owner, member)) = name.rsplit_once('.')
        && let Some(structure) = text.structure(owner)
    {
        let profile = &structure.profile;
        let members = profile.types.members(structure.record);
        let member = members.iter().find(|candidate| profile.names.get(candidate.name) == member).copied();
        if let Some(member) = member {
            found.push(Item::Member { owner: owner.to_owned(), structure, member });
        }
    }
    found
}

fn show(item: &Item, system: System, lines: &mut Lines) {
    match item {
        Item::Structure(name, structure) => show_structure(lines, name, structure),
        Item::Member { owner, structure, member } => {
            lines.line(format_args!("{owner}: {}", show_member(structure, member, 3)));
        }
        Item::Enumeration(name, labels) => {
            lines.line(format_args!("enum {name} {{"));
            for (label, value) in labels {
                lines.line(format_args!("  {label} = {value},"));
            }
            lines.line("};");
        }
        Item::Symbol(symbol) => lines.line(show_symbol(symbol, system)),
        Item::Near(address, symbols) if symbols.is_empty() => {
            lines.line(format_args!("{address:#x} lies below every symbol"));
        }
        Item::Near(address, symbols) => {
            for symbol in symbols {
                lines.line(format_args!("{address:#x} is {} + {:#x}", symbol.name, address - symbol.address));
            }
        }
    }
}

fn show_structure(lines: &mut Lines, name: &str, structure: &Structure) {
    let types = &structure.profile.types;
    let size = types.record(structure.record).map_or(0, |record| record.size);
    // As many digits as the last offset needs.
    let digits = format!("{size:x}").len().max(3);
    let mut members: Vec<&Member> = types.members(structure.record).iter().collect();
    members.sort_by_key(|member| (member.offset, member.bits.map(|bits| bits.start)));
    lines.line(format_args!("struct {name} {{  // {size} bytes ({size:#x})"));
    for member in members {
        lines.line(format_args!("  {}", show_member(structure, member, digits)));
    }
    lines.line("};");
}

fn show_member(structure: &Structure, member: &Member, digits: usize) -> String {
    let profile = &structure.profile;
    let declared = declaration(profile, member.ty, member.bits, profile.names.get(member.name));
    let bits = member.bits.map_or(String::new(), |bits| format!("  // bits {} to {}", bits.start, bits.end));
    format!("/* 0x{:0digits$x} */ {declared};{bits}", member.offset)
}

fn show_symbol(symbol: &Symbol, system: System) -> String {
    let kind = match (system, symbol.function) {
        (System::Windows, true) => " (function, RVA)",
        (System::Windows, false) => " (data, RVA)",
        _ => "",
    };
    format!("{} = {:#x}{kind}", symbol.name, symbol.address)
}

fn to_report(item: &Item) -> report::Item {
    match item {
        Item::Structure(name, structure) => {
            let types = &structure.profile.types;
            let members = types.members(structure.record).iter();
            report::Item::Struct {
                name: name.clone(),
                size: types.record(structure.record).map_or(0, |record| record.size),
                members: members.map(|member| member_report(structure, member)).collect(),
            }
        }
        Item::Member { owner, structure, member } => {
            report::Item::Member { owner: owner.clone(), member: member_report(structure, member) }
        }
        Item::Enumeration(name, labels) => {
            let labels = labels
                .iter()
                .map(|(label, value)| report::Label { label: label.clone(), value: value.to_string() });
            report::Item::Enumeration { name: name.clone(), labels: labels.collect() }
        }
        Item::Symbol(symbol) => report::Item::Symbol {
            name: symbol.name.clone(),
            value: symbol.address,
            function: symbol.function,
        },
        Item::Near(address, symbols) => {
            let symbols = symbols.iter().map(|symbol| report::Symbol {
                kind: "symbol".to_owned(),
                name: symbol.name.clone(),
                value: symbol.address,
                function: symbol.function,
            });
            report::Item::Address { address: *address, symbols: symbols.collect() }
        }
    }
}

fn member_report(structure: &Structure, member: &Member) -> report::Member {
    let profile = &structure.profile;
    let name = profile.names.get(member.name);
    report::Member {
        name: name.to_owned(),
        offset: member.offset,
        declaration: declaration(profile, member.ty, member.bits, name),
        bits: member.bits.map(|bits| (bits.start, bits.end)),
    }
}

fn summary(text: &Text, arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let counts = text.counts().with_context(|| arguments.profile.display().to_string())?;
    let mut metadata = text.metadata();
    if text.system() != System::Other {
        metadata.insert("arch".to_owned(), Value::from(text.arch().name()));
    }
    if console.json() {
        console.print_report(&report::Inspection::Whole { metadata, counts })?;
        return Ok(Outcome::Success);
    }
    let mut lines = Lines::new();
    let keys: Vec<_> = metadata.keys().map(|key| escaped(key)).collect();
    let widths = keys.iter().map(|key| key.chars().count()).chain(counts.keys().map(String::len));
    let width = widths.max().unwrap_or(0);
    for (key, value) in keys.iter().zip(metadata.values()) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        lines.line(format_args!("{key:width$}  {value}"));
    }
    for (section, count) in &counts {
        lines.line(format_args!("{section:width$}  {count}"));
    }
    console.print(&lines)?;
    Ok(Outcome::Success)
}
