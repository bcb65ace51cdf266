use analyzer::{Check, CheckOutcome, Validation, Verdict};

use super::Run;
use crate::console::{Console, Lines, Settings, Table};
use crate::files::Files;
use crate::images::Subject;
use crate::options::{self, General, Json, NamedImage, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::image as report;

/// Prove a profile on a memory image, check by check.
///
/// Each check compares the profile with the image, and shows both values. The verdict is match, mismatch or
/// inconclusive; the exit code is 0 for a match only.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    named: NamedImage,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    subject: options::Subject,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile validate memory.raw --profile nt.json.gz
  rekall-profile -f memory.raw --profile nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942 validate";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.subject.with(&self.named).list(files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let mut subject = Subject::open(&arguments.subject.with(&arguments.named), console)?;
    let validation = subject.validate(console)?;
    // If no part of a kernel was found, the image may hold one of another system.
    let found_none = validation.facts.is_empty() && validation.verdict != Verdict::Match;
    let another = if found_none { subject.of_another_system(console) } else { None };
    if console.json() {
        console.print_report(&to_report(&validation, &subject.source, another))?;
    } else {
        console.print(&table(&validation))?;
        if let Some(another) = another {
            console.warn(another);
        }
        print_suspects(&validation, console);
    }
    Ok(Outcome::from_good(validation.verdict == Verdict::Match))
}

/// The verdict, and the likely causes of a mismatch.
pub fn print_suspects(validation: &Validation, console: &Console) {
    if !validation.suspects.is_empty() {
        console.info(format_args!("given away by: {}", validation.suspects.join(", ")));
    }
    let good = validation.verdict == Verdict::Match;
    let name = validation.verdict.name();
    console.say_judged("verdict: ", name, good, format_args!(" ({})", validation.reason));
}

fn table(validation: &Validation) -> Lines {
    let mut table = Table::new(&["Check", "Result", "Weight", "Expected", "Actual"]);
    for Check { group, name, weight, expected, actual, outcome, .. } in &validation.checks {
        table.row([
            format!("{}: {name}", group.name()),
            outcome.name().to_owned(),
            weight.name().to_owned(),
            expected.clone(),
            actual.clone(),
        ]);
    }
    table.lines()
}

/// The report. `another` names the kernels of other systems in the image.
pub fn to_report(validation: &Validation, source: &str, another: Option<String>) -> report::Validation {
    let checks = validation.checks.iter().map(|check| report::Check {
        group: check.group.name().to_owned(),
        name: check.name.clone(),
        weight: check.weight.name().to_owned(),
        expected: check.expected.clone(),
        actual: check.actual.clone(),
        result: check.outcome.name().to_owned(),
        reads: check.items.clone(),
    });
    let count =
        |outcome: CheckOutcome| validation.checks.iter().filter(|check| check.outcome == outcome).count();
    let facts = validation.facts.iter().map(|(name, fact)| (name.to_string(), fact.to_string()));
    report::Validation {
        image: source.to_owned(),
        verdict: validation.verdict.name().to_owned(),
        reason: validation.reason.clone(),
        suspects: validation.suspects.clone(),
        passed: count(CheckOutcome::Passed),
        failed: count(CheckOutcome::Failed),
        skipped: count(CheckOutcome::Skipped),
        facts: facts.collect(),
        checks: checks.collect(),
        another_system: another,
    }
}
