use profile::{Health, Profile, Report, Resolution, Verdict};

use crate::console::Console;
use crate::outcome::Outcome;
use crate::report::profile as report;

/// The report at the end of a command that made a profile: counts, losses, conflicts and the verdict.
pub struct Summary<'a> {
    /// The source of the profile, as the user named it.
    pub source: &'a str,
    /// The profile.
    pub profile: &'a Profile,
    /// Its settled names.
    pub resolution: &'a Resolution,
    /// The losses.
    pub report: &'a Report,
}

/// How many conflicts, losses of one kind and ambiguous uses are listed without `-v`.
const CONFLICTS_SHOWN: usize = 5;

impl Summary<'_> {
    /// Prints it as text on standard error or as JSON on standard output, with the judgement of the profile.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn conclude(&self, health: &Health, console: &Console) -> anyhow::Result<Outcome> {
        self.conclude_with(health, console, |_| ())
    }

    /// Like [`Summary::conclude`], with a report that `complete` extends.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn conclude_with(
        &self,
        health: &Health,
        console: &Console,
        complete: impl FnOnce(&mut report::Made),
    ) -> anyhow::Result<Outcome> {
        if console.json() {
            let mut made = self.to_report(health);
            complete(&mut made);
            console.print_report(&made)?;
        } else {
            self.print(console);
            say_verdict(health, console);
        }
        let lossless = self.report.total() == 0 || !console.strict();
        Ok(Outcome::from_good(health.verdict != Verdict::Failed && lossless))
    }

    fn print(&self, console: &Console) {
        let profile = self.profile;
        console.info(format_args!(
            "{}: {}, {}, {}, {} ({})",
            self.source,
            counted(self.resolution.structs().len(), "struct"),
            counted(self.resolution.enumerations().len(), "enumeration"),
            counted(profile.constants.len() + profile.functions.len(), "symbol"),
            counted(profile.constant_types.len(), "typed variable"),
            profile.arch,
        ));
        say_losses(self.report, console);
        let conflicts = self.resolution.conflicts();
        let shown = if console.verbosity() > 0 { conflicts.len() } else { CONFLICTS_SHOWN };
        for conflict in conflicts.iter().take(shown) {
            let others: Vec<String> =
                conflict.renamed.iter().map(|(name, size)| format!("{name} ({size} bytes)")).collect();
            console.info(format_args!(
                "  several layouts of {}: {} bytes keeps the name, the others are {}",
                conflict.name,
                conflict.kept,
                others.join(", ")
            ));
        }
        if conflicts.len() > shown {
            console.info(format_args!("  and {} more (-v lists them)", conflicts.len() - shown));
        }
        for ambiguity in self.resolution.ambiguities() {
            console.debug(format_args!(
                "  {} may mean {}: {} was taken",
                ambiguity.place,
                ambiguity.others.join(", "),
                ambiguity.taken
            ));
        }
    }

    fn to_report(&self, health: &Health) -> report::Made {
        let profile = self.profile;
        let conflicts = self.resolution.conflicts().iter().map(|conflict| report::Conflict {
            name: conflict.name.clone(),
            kept_bytes: conflict.kept,
            renamed: conflict.renamed.clone(),
        });
        let ambiguities = self.resolution.ambiguities().iter().map(|it| report::Ambiguity {
            place: it.place.clone(),
            taken: it.taken.clone(),
            others: it.others.clone(),
        });
        report::Made {
            source: self.source.to_owned(),
            metadata: profile.metadata.clone(),
            arch: profile.arch.name().to_owned(),
            counts: report::Counts {
                structs: self.resolution.structs().len(),
                enumerations: self.resolution.enumerations().len(),
                constants: profile.constants.len(),
                functions: profile.functions.len(),
                constant_types: profile.constant_types.len(),
            },
            losses: report::losses(self.report),
            conflicts: conflicts.collect(),
            ambiguities: ambiguities.collect(),
            warnings: self.report.warnings().to_vec(),
            health: health.into(),
            obstacles: None,
            libvmi_configuration: None,
        }
    }
}

/// The losses, kind by kind, and the warnings.
pub fn say_losses(report: &Report, console: &Console) {
    for warning in report.warnings() {
        console.info(format_args!("  {warning}"));
    }
    for (kind, tally) in report.losses() {
        let shown = if console.verbosity() > 0 { tally.examples.len() } else { CONFLICTS_SHOWN };
        let examples: Vec<String> = tally.examples.iter().take(shown).map(|it| shortened(it)).collect();
        let more = if tally.count > examples.len() as u64 { ", ..." } else { "" };
        console.info(format_args!("  {kind}: {} ({}{more})", tally.count, examples.join(", ")));
    }
}

/// The verdict in one line, the missing required names and who needs them, and with `-v` the optional ones.
pub fn say_verdict(health: &Health, console: &Console) {
    let reasons = match health.reasons.as_slice() {
        [] => String::new(),
        reasons => format!(": {}", reasons.join("; ")),
    };
    let good = health.verdict == Verdict::Complete;
    console.say_judged("verdict: ", health.verdict.name(), good, reasons);
    if health.opaque > 0 {
        let names = counted(health.opaque, "name");
        console.debug(format_args!(
            "  {names} used as types and defined nowhere (pointers to them stay opaque)"
        ));
    }
    if !health.unresolved.is_empty() {
        let names = health.unresolved.join(", ");
        console.info(format_args!(
            "  held by value, and neither a struct here nor a known native type: {names}"
        ));
    }
    let mut consumers: Vec<_> = health.missing.iter().map(|missing| missing.consumer).collect();
    consumers.sort_unstable();
    consumers.dedup();
    for consumer in consumers {
        let of = |required: bool| -> Vec<&str> {
            let theirs = health.missing.iter().filter(|missing| missing.consumer == consumer);
            theirs
                .filter(|missing| missing.required == required)
                .map(|missing| missing.what.as_str())
                .collect()
        };
        let (required, optional) = (of(true), of(false));
        if !required.is_empty() {
            let (name, versions) = (consumer.name(), consumer.versions());
            console.info(format_args!("  {name} ({versions}) needs {}", required.join(", ")));
        }
        match (console.verbosity(), optional.len()) {
            (_, 0) | (0, _) => {}
            (1, count) => {
                console.info(format_args!("  {} would use {count} more (-vv lists them)", consumer.name()));
            }
            _ => console.info(format_args!("  {} would use {}", consumer.name(), optional.join(", "))),
        }
    }
}

/// A text cut to 48 characters, since decorated names can have thousands.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(48) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// A count with its noun, in the plural unless it is exactly one.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
