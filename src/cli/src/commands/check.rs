use std::path::{Path, PathBuf};

use anyhow::Context;
use formats::{FileKind, WrongKind, identify};
use profile::{
    Comparison, FileForm, Health, MAX_TEXT, MappedFile, Obstacle, Profile, Report, Resolution, Scope,
    Settled, Verdict, compare, obstacles, read_text, unpack,
};

use super::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, InBundle, Json, Strict, Unpacking, list_profile, settings};
use crate::outcome::Outcome;
use crate::profiles::any::text_in_bundle;
use crate::profiles::verdict::{Summary, counted};
use crate::report::profile as report;

/// Check whether a profile is complete, and whether it agrees with another.
///
/// Counts what the profile holds, and lists what Rekall, Volatility 3, LibVMI and DRAKVUF would miss in it. With
/// --against it is compared, by meaning, with a profile of the same build from another source.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The profile, or a table of Volatility 3 (ISF): text, gzip, xz or zstd.
    ///
    /// A build of a bundle is named as FILE.bundle:BUILD.
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,
    /// A profile of the same build; contradictions are listed (exit code 1).
    #[arg(long, value_name = "OTHER")]
    against: Option<PathBuf>,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    strict: Strict,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile check nt.json.gz
  rekall-profile check nt.json.gz --against ntkrnlmp.isf.json.xz";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        list_profile("PROFILE", &self.profile, files);
        if let Some(path) = &self.against {
            list_profile("--against", path, files);
        }
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

/// How many contradictions are listed without `-v`.
const DIFFERENCES_SHOWN: usize = 20;

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let Opened { profile, resolution, report, form } = open(&arguments.profile)?;
    let source = arguments.profile.display().to_string();
    let health = Health::of(&profile, &resolution, Scope::Whole);
    let Some(against) = &arguments.against else {
        let summary =
            Summary { source: &source, profile: &profile, resolution: &resolution, report: &report };
        let obstacles = obstacles(&profile, form);
        let complete = |made: &mut report::Made| made.obstacles = Some(to_rows(&obstacles));
        let outcome = summary.conclude_with(&health, console, complete)?;
        if !console.json() {
            say_obstacles(&obstacles, console);
        }
        return Ok(outcome);
    };
    let Opened { profile: other, resolution: other_resolution, .. } = open(against)?;
    let comparison = compare(
        Settled { profile: &profile, resolution: &resolution },
        Settled { profile: &other, resolution: &other_resolution },
    );
    if console.json() {
        console.print_report(&to_report(&comparison, &health))?;
    } else {
        print_comparison(&comparison, console);
        if health.verdict == Verdict::Failed {
            console.info(format_args!("{source} itself is not usable: check {source} says why"));
        }
    }
    Ok(Outcome::from_good(comparison.differences.is_empty() && health.verdict != Verdict::Failed))
}

/// A profile that was read, with its settled names.
struct Opened {
    profile: Profile,
    resolution: Resolution,
    report: Report,
    form: FileForm,
}

fn open(path: &Path) -> anyhow::Result<Opened> {
    let name = || path.display().to_string();
    let bytes = match InBundle::of(path) {
        Some(build) => MappedFile::from(text_in_bundle(build, None)?.into_bytes()),
        None => MappedFile::open(path).with_context(name)?,
    };
    let in_file = |error: profile::ReadError| error.in_file(path, &bytes);
    let text = unpack(&bytes, MAX_TEXT).map_err(in_file).with_context(name)?;
    let found = identify(&&text[..], Some(path));
    if matches!(found.kind, FileKind::Index | FileKind::Inventory) {
        return Err(WrongKind::new("a profile", found)).with_context(name);
    }
    let mut report = Report::default();
    let mut profile = read_text(&text, &mut report).map_err(in_file).with_context(name)?;
    let form = FileForm::of(&bytes, &text);
    drop(text);
    let resolution = Resolution::new(&mut profile, &mut report);
    Ok(Opened { profile, resolution, report, form })
}

/// The consumers that cannot use the file in its current form.
fn say_obstacles(obstacles: &[Obstacle], console: &Console) {
    if obstacles.is_empty() {
        return;
    }
    console.info("as a file:");
    for Obstacle { consumer, what } in obstacles {
        console.info(format_args!("  {} ({}) {what}", consumer.name(), consumer.versions()));
    }
}

fn to_rows(obstacles: &[Obstacle]) -> Vec<report::Obstacle> {
    let row = |Obstacle { consumer, what }: &Obstacle| report::Obstacle {
        consumer: consumer.name().to_owned(),
        versions: consumer.versions().to_owned(),
        what: what.to_string(),
    };
    obstacles.iter().map(row).collect()
}

fn print_comparison(comparison: &Comparison, console: &Console) {
    console.info(format_args!(
        "compared {}, {} and {}; {} of the names are only in the first and {} only in the second",
        counted(comparison.structs, "struct"),
        counted(comparison.members, "member"),
        counted(comparison.symbols, "symbol"),
        comparison.only_first.len(),
        comparison.only_second.len(),
    ));
    for (reason, tally) in &comparison.explained {
        let examples = tally.examples.join(", ");
        let more = if tally.count > tally.examples.len() as u64 { ", ..." } else { "" };
        console.info(format_args!("  {} {reason}: {examples}{more}", tally.count));
    }
    let shown = if console.verbosity() > 0 { usize::MAX } else { DIFFERENCES_SHOWN };
    for difference in comparison.differences.iter().take(shown) {
        console.info(format_args!("  {}: {}, not {}", difference.name, difference.first, difference.second));
    }
    let rest = comparison.differences.len().saturating_sub(shown);
    if rest > 0 {
        console.info(format_args!("  and {rest} more (-v lists them)"));
    }
    let agree = comparison.differences.is_empty();
    let verdict = if agree { "they agree" } else { "they contradict each other" };
    console.say_judged("verdict: ", verdict, agree, "");
}

fn to_report(comparison: &Comparison, health: &Health) -> report::Comparison {
    let differences = comparison.differences.iter().map(|difference| report::Difference {
        name: difference.name.clone(),
        first: difference.first.clone(),
        second: difference.second.clone(),
    });
    let explained = comparison.explained.iter().map(|(reason, tally)| {
        let explained = report::Explained {
            what: reason.to_string(),
            count: tally.count,
            examples: tally.examples.clone(),
        };
        (reason.key().to_owned(), explained)
    });
    report::Comparison {
        health: health.into(),
        compared: report::Compared {
            structs: comparison.structs,
            members: comparison.members,
            enumerations: comparison.enumerations,
            symbols: comparison.symbols,
        },
        differences: differences.collect(),
        explained: explained.collect(),
        only_first: comparison.only_first.clone(),
        only_second: comparison.only_second.clone(),
    }
}
