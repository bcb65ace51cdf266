mod across;
mod address;
mod item;
mod pattern;
mod place;
mod show;
mod to_report;

use std::path::PathBuf;

use anyhow::{Context, bail};
use item::Item;
use profile::{Form, Format, Report, Resolution, Selection, System, Text, write_form};
use serde_json::Value;
use show::StructView;
use symbols::Web;

use super::Run;
use crate::console::{self, Console, Lines, Settings, escaped};
use crate::files::Files;
use crate::options::heading::{INPUT, REPOSITORIES};
use crate::options::repositories::list_repository;
use crate::options::{
    Connection, General, InBundle, Json, Threads, Unpacking, list_profile_anywhere, settings,
};
use crate::outcome::Outcome;
use crate::profiles::any;
use crate::report::inspect as report;

/// Show the contents of a profile.
///
/// Without a NAME it shows metadata and counts. A struct is shown as C would declare it, with offsets and padding. A name
/// that the profile does not have is answered with similar ones (exit code 1).
#[derive(Debug, clap::Args)]
#[command(alias = "vtypes", after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The profile, or a table of Volatility 3 (ISF): text, gzip, xz or zstd. With --across, the first NAME.
    ///
    /// A build of a bundle is named as FILE.bundle:BUILD, where FILE may be an address.
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,
    /// Structs, members, enumerations, symbols and addresses to show.
    ///
    /// A path such as task_struct.mm.pgd leads through members and pointers. Patterns with * and ? list every name that
    /// fits: 'task_*', or 'task_struct.*time*'. An address begins with 0x, as for --at.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Show the symbol for an address; in a Windows profile, for an RVA.
    #[arg(long, value_name = "ADDRESS", value_parser = address::address)]
    at: Vec<u64>,
    /// Open the structs that a struct holds, named and unnamed ones.
    #[arg(long, conflicts_with = "across")]
    deep: bool,
    /// Show also the structs that the pointers of a struct lead to.
    #[arg(long, conflicts_with = "across")]
    follow: bool,
    /// Print a C header with these structs and what they need; without a NAME, with all.
    ///
    /// The header asserts each size and offset. It is the same as that of export --format c.
    #[arg(long, conflicts_with_all = ["across", "at", "deep", "follow", "json"])]
    c: bool,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    /// Show the offsets of members (STRUCT.MEMBER) in every profile of a repository.
    ///
    /// The repository is a folder, an address, one folder of either (DIR/v1.0/nt), or a bundle.
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
  rekall-profile inspect nt.json.gz _EPROCESS PsActiveProcessHead '_EX_*' --deep
  rekall-profile inspect --across profiles _EPROCESS.UniqueProcessId";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        match &self.across {
            Some(place) => list_repository(place, &self.connection, files),
            None => list_profile_anywhere("PROFILE", &self.profile, &self.connection, files),
        }
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

/// How many names are suggested for one that does not exist.
const SUGGESTIONS: usize = 5;

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    if let Some(place) = &arguments.across {
        let first = arguments.profile.to_string_lossy().into_owned();
        let members: Vec<String> = [first].into_iter().chain(arguments.names.iter().cloned()).collect();
        return across::run(place, &members, &arguments.connection, console);
    }
    let is_remote = InBundle::of(&arguments.profile).is_some_and(InBundle::is_remote);
    if let Some(option) = arguments.connection.given().filter(|_| !is_remote) {
        bail!("{option}: only --across and bundles at addresses ask servers");
    }
    let client = is_remote.then(|| arguments.connection.client(Web::options())).transpose()?;
    let text = any::text(&arguments.profile, client.as_ref())?;
    if arguments.c {
        return header(&text, arguments, console);
    }
    if arguments.names.is_empty() && arguments.at.is_empty() {
        if arguments.deep || arguments.follow {
            bail!("--deep and --follow: name a struct to show");
        }
        return summary(&text, arguments, console);
    }
    let mut items = Vec::new();
    let mut missing = Vec::new();
    for name in &arguments.names {
        let found = item::find(&text, name);
        if found.is_empty() {
            missing.push(name.as_str());
        }
        items.extend(found);
    }
    if arguments.follow {
        items = with_targets(&text, items);
    }
    items.extend(arguments.at.iter().map(|address| Item::near(&text, *address)));
    if console.json() {
        let items = items.iter().map(|item| to_report::to_report(&text, item, arguments.deep)).collect();
        let missing = missing.iter().map(|name| (*name).to_owned()).collect();
        console.print_report(&report::Inspection::Items { items, missing })?;
    } else {
        let view = StructView { text: &text, deep: arguments.deep };
        let mut lines = Lines::new();
        // Bodies are set apart; what takes one line is not.
        let is_body = |item: &Item| matches!(item, Item::Structure(..) | Item::Enumeration(..));
        let mut before: Option<&Item> = None;
        for item in &items {
            if before.is_some_and(|before| is_body(before) || is_body(item)) {
                lines.line("");
            }
            view.show(item, &mut lines);
            before = Some(item);
        }
        console.print(&lines)?;
    }
    for name in &missing {
        warn_missing(&text, name, console);
    }
    Ok(Outcome::from_good(missing.is_empty()))
}

/// Each struct is followed by those that its pointers lead to.
fn with_targets(text: &Text, items: Vec<Item>) -> Vec<Item> {
    let mut known: Vec<String> = Vec::new();
    for item in &items {
        if let Item::Structure(name, _) = item {
            known.push(name.clone());
        }
    }
    let mut all = Vec::new();
    for item in items {
        let targets = match &item {
            Item::Structure(_, structure) => item::targets(text, structure, &mut known),
            _ => Vec::new(),
        };
        all.push(item);
        all.extend(targets);
    }
    all
}

fn warn_missing(text: &Text, name: &str, console: &Console) {
    let mut similar = text.similar(name, SUGGESTIONS);
    if similar.is_empty()
        && let Some((owner, member)) = name.rsplit_once('.')
    {
        let members = text.similar_members(owner, member, SUGGESTIONS).into_iter();
        similar = members.map(|member| format!("{owner}.{member}")).collect();
    }
    let hint = if similar.is_empty() { String::new() } else { format!("; there is {}", similar.join(", ")) };
    console.warn(format_args!("{name}: no struct, member, enumeration or symbol of this name{hint}"));
}

/// Prints the types as a header of C.
fn header(text: &Text, arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let mut report = Report::default();
    let source = || arguments.profile.display().to_string();
    let mut profile = text.profile(&mut report).with_context(source)?;
    let resolution = Resolution::new(&mut profile, &mut report);
    let (selection, missing) = Selection::new(&profile, &resolution, &arguments.names);
    let only = Some(&selection).filter(|_| !arguments.names.is_empty());
    let form = Form { format: Format::C, only, threads: 1, ..Form::default() };
    console::product(|sink| write_form(&profile, &resolution, form, &mut report, sink).map(drop))?;
    for name in &missing {
        warn_missing(text, name, console);
    }
    Ok(Outcome::from_good(missing.is_empty()))
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
