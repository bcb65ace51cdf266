use std::path::Path;

use anyhow::{Context, bail};
use bundle::{Build, Bundle, MemberHistory, MemberSpan, MemberState};
use repository::storage::open_bundle;
use symbols::Web;

use super::Run;
use super::diff::changed_struct;
use crate::console::{Console, Lines, Settings, Table, csv};
use crate::files::Files;
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::repositories::is_remote;
use crate::options::{Connection, General, Json, Unpacking, settings};
use crate::outcome::Outcome;
use crate::profiles::declared::declared;
use crate::profiles::verdict::counted;
use crate::report::history as report;

/// Follow members of structs through all builds of a bundle.
///
/// Lists at which offset and with which type each member is from which build to which. With --changed-between, lists the
/// structs that differ between two builds. With --which-build, lists the builds that have all of the given offsets.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The members.
    #[arg(value_name = "STRUCT.MEMBER")]
    members: Vec<String>,
    /// The bundle (bundle create makes one): a file or an address, of which only the parts that are needed are fetched.
    #[arg(long = "profile_path", visible_alias = "bundle", alias = "repository_path", value_name = "BUNDLE")]
    bundle: String,
    /// List the structs that differ between two builds.
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["members", "which_build"])]
    changed_between: Vec<String>,
    /// List the builds in which each member has this offset.
    #[arg(long, num_args = 1.., value_name = "STRUCT.MEMBER=OFFSET", value_parser = wanted, conflicts_with = "members")]
    which_build: Vec<Wanted>,
    /// Print comma-separated values.
    #[arg(long, conflicts_with = "json", help_heading = OUTPUT)]
    csv: bool,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile history task_struct.mm --profile_path kernels.bundle
  rekall-profile history --changed-between 6.1.0-56 6.1.0-57 --bundle kernels.bundle
  rekall-profile history --which-build task_struct.mm=0x4a8 task_struct.pid=1240 --bundle kernels.bundle";

/// A member and its offset.
#[derive(Clone, Debug)]
struct Wanted {
    text: String,
    structure: String,
    member: String,
    offset: u64,
}

fn wanted(text: &str) -> Result<Wanted, String> {
    let expected = || format!("expected STRUCT.MEMBER=OFFSET such as task_struct.mm=0x4a8, found '{text}'");
    let (named, offset) = text.split_once('=').ok_or_else(expected)?;
    let (structure, member) = named.rsplit_once('.').ok_or_else(expected)?;
    let offset = match offset.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => offset.parse(),
    };
    let offset = offset.map_err(|_| expected())?;
    Ok(Wanted { text: text.to_owned(), structure: structure.to_owned(), member: member.to_owned(), offset })
}

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        if is_remote(&self.bundle) {
            self.connection.list_client(files);
            self.connection.list(files);
        } else {
            files.input("--profile_path", Path::new(&self.bundle));
        }
        files.access().unpack();
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let is_remote = is_remote(&self.bundle);
        if let Some(option) = self.connection.given().filter(|_| !is_remote) {
            bail!("{option}: only a bundle at an address asks a server");
        }
        let client = is_remote.then(|| self.connection.client(Web::options())).transpose()?;
        let bundle = open_bundle(&self.bundle, &client.unwrap_or_default())?;
        match (self.changed_between.as_slice(), self.which_build.as_slice()) {
            ([old, new], _) => changes(self, &bundle, (bundle.find(old)?, bundle.find(new)?), console),
            (_, []) if self.members.is_empty() => {
                bail!("name a member as STRUCT.MEMBER, or use --changed-between or --which-build")
            }
            (_, []) => members(self, &bundle, console),
            (_, wanted) => builds(self, &bundle, wanted, console),
        }
    }
}

/// The names and histories of members; nothing for one that no build has.
type Histories<'a> = Vec<(&'a str, Option<MemberHistory>)>;

fn members(arguments: &Arguments, bundle: &Bundle, console: &Console) -> anyhow::Result<Outcome> {
    let mut histories: Histories<'_> = Vec::new();
    for name in &arguments.members {
        let (structure, member) = name
            .rsplit_once('.')
            .with_context(|| format!("{name}: history follows members; name one as STRUCT.MEMBER"))?;
        let history = bundle.member(structure, member)?;
        let is_there = |span: &MemberSpan| matches!(span.state, MemberState::Member { .. });
        histories.push((name, history.filter(|history| history.spans.iter().any(is_there))));
    }
    if console.json() {
        let named = |(name, history): &(&str, Option<MemberHistory>)| report::Member {
            member: (*name).to_owned(),
            spans: history
                .iter()
                .flat_map(|history| &history.spans)
                .map(|span| to_span(bundle, name, span))
                .collect(),
        };
        console.print_report(&report::History::Members {
            bundle: arguments.bundle.clone(),
            builds: bundle.builds().iter().map(|build| build.name.clone()).collect(),
            members: histories.iter().map(named).collect(),
        })?;
    } else {
        let titles = ["Member", "From", "To", ">Builds", ">Offset", "Declaration"];
        let mut rows = Vec::new();
        for (name, history) in &histories {
            for span in history.iter().flat_map(|history| &history.spans) {
                let span = to_span(bundle, name, span);
                let offset = match (span.offset, span.state) {
                    (Some(offset), _) if arguments.csv => offset.to_string(),
                    (Some(offset), _) => format!("{offset:#x}"),
                    (None, state) => state.to_owned(),
                };
                let declared = span.declaration.unwrap_or_default();
                rows.push([
                    (*name).to_owned(),
                    span.first,
                    span.last,
                    span.builds.to_string(),
                    offset,
                    declared,
                ]);
            }
        }
        print(&titles, rows, arguments.csv, console)?;
    }
    let missing = histories.iter().filter(|(_, history)| history.is_none());
    let mut found = true;
    for (name, _) in missing {
        found = false;
        console.warn(format_args!("{name}: no build of {} has this member", arguments.bundle));
    }
    Ok(Outcome::from_good(found))
}

/// Prints a table, or comma-separated values.
fn print<const N: usize>(
    titles: &[&str; N],
    rows: Vec<[String; N]>,
    as_csv: bool,
    console: &Console,
) -> anyhow::Result<()> {
    if as_csv {
        let mut lines = Lines::new();
        lines.line(csv::row(titles.iter().map(|title| title.trim_start_matches('>').to_ascii_lowercase())));
        rows.into_iter().for_each(|row| lines.line(csv::row(row)));
        return console.print(&lines);
    }
    let mut table = Table::new(titles);
    rows.into_iter().for_each(|row| table.row(row));
    console.print(&table.lines())
}

fn to_span(bundle: &Bundle, name: &str, span: &MemberSpan) -> report::Span {
    let build = |position: usize| bundle.builds().get(position);
    let title = |position: usize| build(position).map(|build| build.name.clone()).unwrap_or_default();
    let (state, offset, declaration) = match &span.state {
        MemberState::NoStruct => ("no struct", None, None),
        MemberState::NoMember => ("no member", None, None),
        MemberState::Member { offset, descriptor } => {
            let member = name.rsplit('.').next().unwrap_or(name);
            let declared = build(span.builds.start).map(|build| declare(build, member, descriptor));
            ("present", Some(*offset), declared)
        }
    };
    let first = span.builds.start;
    let last = span.builds.end.saturating_sub(1);
    report::Span {
        first: title(first),
        last: title(last),
        builds: span.builds.len(),
        state,
        offset,
        declaration,
    }
}

fn declare(build: &Build, member: &str, descriptor: &str) -> String {
    declared(&build.class, &build.arch, member, descriptor)
}

fn changes(
    arguments: &Arguments,
    bundle: &Bundle,
    (old, new): (usize, usize),
    console: &Console,
) -> anyhow::Result<Outcome> {
    let changed = bundle.changed(old, new)?;
    let (Some(from), Some(to)) = (bundle.builds().get(old), bundle.builds().get(new)) else {
        bail!("the bundle has no such builds");
    };
    let declare = |member: &str, descriptor: &str| declare(to, member, descriptor);
    let structs: Vec<report::ChangedStruct> =
        changed.iter().map(|change| changed_struct(change, &declare)).collect();
    if console.json() {
        console.print_report(&report::History::Changes {
            bundle: arguments.bundle.clone(),
            from: from.name.clone(),
            to: to.name.clone(),
            structs,
        })?;
        return Ok(Outcome::from_good(changed.is_empty()));
    }
    let titles = ["Struct", "Member", "Change", ">Old", ">New", "Declaration"];
    let mut rows = Vec::new();
    let number = |number: Option<u64>| match number {
        Some(number) if arguments.csv => number.to_string(),
        Some(number) => format!("{number:#x}"),
        None => String::new(),
    };
    for one in structs {
        let change = match (one.old_size, one.new_size) {
            (None, _) => "added",
            (_, None) => "removed",
            (old, new) if old != new => "resized",
            _ => "",
        };
        let whole = matches!(change, "added" | "removed");
        if !change.is_empty() {
            let (old, new) = (number(one.old_size), number(one.new_size));
            rows.push([one.name.clone(), String::new(), change.to_owned(), old, new, String::new()]);
        }
        // The members of a struct that only one build has are not listed one by one.
        for member in one.members.into_iter().filter(|_| !whole) {
            let declared = member.new_declaration.or(member.old_declaration).unwrap_or_default();
            let (old, new) = (number(member.old_offset), number(member.new_offset));
            rows.push([one.name.clone(), member.name, member.change.to_owned(), old, new, declared]);
        }
    }
    print(&titles, rows, arguments.csv, console)?;
    console.info(format_args!(
        "{} differ between {} and {}",
        counted(changed.len(), "struct"),
        from.name,
        to.name
    ));
    Ok(Outcome::from_good(changed.is_empty()))
}

fn builds(
    arguments: &Arguments,
    bundle: &Bundle,
    wanted: &[Wanted],
    console: &Console,
) -> anyhow::Result<Outcome> {
    let mut fits = vec![true; bundle.builds().len()];
    for Wanted { structure, member, offset: wanted, .. } in wanted {
        let spans = bundle.member(structure, member)?.map(|history| history.spans).unwrap_or_default();
        let mut here = vec![false; fits.len()];
        for span in spans {
            let has = matches!(span.state, MemberState::Member { offset, .. } if offset == *wanted);
            here.get_mut(span.builds).into_iter().flatten().for_each(|build| *build = has);
        }
        fits.iter_mut().zip(here).for_each(|(fits, here)| *fits &= here);
    }
    let found: Vec<&Build> =
        bundle.builds().iter().zip(fits).filter(|(_, fits)| *fits).map(|(build, _)| build).collect();
    if console.json() {
        console.print_report(&report::History::Builds {
            bundle: arguments.bundle.clone(),
            members: wanted.iter().map(|wanted| wanted.text.clone()).collect(),
            builds: found.iter().map(|build| build.name.clone()).collect(),
        })?;
    } else if !found.is_empty() {
        let row = |build: &&Build| {
            let identity = build.identities.first().map(|identity| identity.as_str().to_owned());
            [build.name.clone(), build.arch.clone(), build.version.clone(), identity.unwrap_or_default()]
        };
        let titles = ["Build", "Architecture", "Version", "Identity"];
        print(&titles, found.iter().map(row).collect(), arguments.csv, console)?;
    }
    if found.is_empty() {
        console.info(format_args!("{}: no build has all of these offsets", arguments.bundle));
    }
    Ok(Outcome::from_good(!found.is_empty()))
}
