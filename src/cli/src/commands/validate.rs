use analyzer::{Check, Passage, Validation, Verdict};
use serde_json::{Value, json};

use crate::console::table::Table;
use crate::console::{Console, Lines};
use crate::images::subject::Subject;
use crate::options::Global;
use crate::outcome::Outcome;

/// Proves the profile on the image, check by check.
///
/// # Errors
/// Where image or profile cannot be read, or the profile is no kernel's.
pub fn run(global: &Global, console: &Console) -> anyhow::Result<Outcome> {
    let subject = Subject::open(global, console)?;
    let validation =
        analyzer::validate(&subject.image, &subject.layout, analyzer::Scope::Whole, &console.search())?;
    // If no part of a kernel was found, the image may hold one of another system.
    let found_none = validation.facts.is_empty() && validation.verdict != Verdict::Match;
    let another = if found_none { subject.of_another_system(console) } else { None };
    if console.json() {
        let mut report = to_json(&validation, &subject.source);
        if let (Some(another), Some(entries)) = (&another, report.as_object_mut()) {
            entries.insert("another_system".to_owned(), json!(another));
        }
        console.print_json(report)?;
    } else {
        console.print(&table(&validation))?;
        if let Some(another) = another {
            console.warn(another);
        }
        say(&validation, console);
    }
    Ok(Outcome::from_good(validation.verdict == Verdict::Match))
}

/// The verdict, with what gave a mismatch away.
pub fn say(validation: &Validation, console: &Console) {
    if !validation.suspects.is_empty() {
        console.say(format_args!("given away by: {}", validation.suspects.join(", ")));
    }
    let good = validation.verdict == Verdict::Match;
    let name = validation.verdict.name();
    console.say_judged("verdict: ", name, good, format_args!(" ({})", validation.reason));
}

fn table(validation: &Validation) -> Lines {
    let mut table = Table::new(&["Check", "Result", "Weight", "Expected", "Actual"]);
    for Check { group, name, weight, expected, actual, passage, .. } in &validation.checks {
        table.row([
            format!("{}: {name}", group.name()),
            passage.name().to_owned(),
            weight.name().to_owned(),
            expected.clone(),
            actual.clone(),
        ]);
    }
    table.lines()
}

/// The report.
pub fn to_json(validation: &Validation, source: &str) -> Value {
    let checks: Vec<Value> = validation
        .checks
        .iter()
        .map(|check| {
            json!({
                "group": check.group.name(),
                "name": check.name,
                "weight": check.weight.name(),
                "expected": check.expected,
                "actual": check.actual,
                "result": check.passage.name(),
                "reads": check.items,
            })
        })
        .collect();
    let count = |passage: Passage| validation.checks.iter().filter(|check| check.passage == passage).count();
    let facts: serde_json::Map<String, Value> =
        validation.facts.iter().map(|(name, fact)| ((*name).to_owned(), json!(fact))).collect();
    json!({
        "image": source,
        "verdict": validation.verdict.name(),
        "reason": validation.reason,
        "suspects": validation.suspects,
        "passed": count(Passage::Passed),
        "failed": count(Passage::Failed),
        "skipped": count(Passage::Skipped),
        "facts": facts,
        "checks": checks,
    })
}
