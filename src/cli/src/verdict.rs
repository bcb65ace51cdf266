use profile::{Profile, Report, Resolution};
use serde_json::{Value, json};

use crate::console::Console;
use crate::outcome::Outcome;

/// What a command that made a profile says of it at the end: counts, losses, conflicts and the verdict.
pub struct Summary<'a> {
    /// What the profile was made from, as the user named it.
    pub source: &'a str,
    /// The profile.
    pub profile: &'a Profile,
    /// Its names, as settled.
    pub resolution: &'a Resolution,
    /// What was lost on the way.
    pub report: &'a Report,
}

/// How many conflicts are listed without `-v`.
const CONFLICTS_SHOWN: usize = 5;

impl Summary<'_> {
    /// Says it, as text on standard error or as JSON on standard output, and judges.
    ///
    /// # Errors
    /// Where standard output cannot be written.
    pub fn conclude(&self, console: &Console) -> anyhow::Result<Outcome> {
        if console.json() {
            console.print_json(self.to_json())?;
        } else {
            self.say(console);
        }
        let lossless = self.report.total() == 0 || !console.strict();
        Ok(Outcome::from_good(lossless))
    }

    fn say(&self, console: &Console) {
        let profile = self.profile;
        console.say(format_args!(
            "{}: {}, {}, {}, {} ({})",
            self.source,
            counted(self.resolution.structs().len(), "struct"),
            counted(self.resolution.enumerations().len(), "enumeration"),
            counted(profile.constants.len() + profile.functions.len(), "symbol"),
            counted(profile.constant_types.len(), "typed variable"),
            profile.arch,
        ));
        for warning in self.report.warnings() {
            console.say(format_args!("  {warning}"));
        }
        for (kind, tally) in self.report.losses() {
            let more = if tally.count > tally.examples.len() as u64 { ", ..." } else { "" };
            console.say(format_args!("  {} {kind}: {}{more}", tally.count, tally.examples.join(", ")));
        }
        let conflicts = self.resolution.conflicts();
        let shown = if console.verbosity() > 0 { conflicts.len() } else { CONFLICTS_SHOWN };
        for conflict in conflicts.iter().take(shown) {
            let others: Vec<String> =
                conflict.renamed.iter().map(|(name, size)| format!("{name} ({size} bytes)")).collect();
            console.say(format_args!(
                "  several layouts of {}: {} bytes keeps the name, the others are {}",
                conflict.name,
                conflict.kept,
                others.join(", ")
            ));
        }
        if conflicts.len() > shown {
            console.say(format_args!("  and {} more (-v lists them)", conflicts.len() - shown));
        }
    }

    fn to_json(&self) -> Value {
        let profile = self.profile;
        let losses: serde_json::Map<String, Value> = self
            .report
            .losses()
            .map(|(kind, tally)| (kind.to_owned(), json!({"count": tally.count, "examples": tally.examples})))
            .collect();
        let conflicts: Vec<Value> = self
            .resolution
            .conflicts()
            .iter()
            .map(|conflict| {
                json!({"name": conflict.name, "kept_bytes": conflict.kept, "renamed": conflict.renamed})
            })
            .collect();
        json!({
            "source": self.source,
            "metadata": profile.metadata,
            "arch": profile.arch.name(),
            "counts": {
                "structs": self.resolution.structs().len(),
                "enumerations": self.resolution.enumerations().len(),
                "constants": profile.constants.len(),
                "functions": profile.functions.len(),
                "constant_types": profile.constant_types.len(),
            },
            "losses": losses,
            "conflicts": conflicts,
            "warnings": self.report.warnings(),
        })
    }
}

/// A count with its noun, in the plural where there is not exactly one.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
