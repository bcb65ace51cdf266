use std::path::PathBuf;

use super::work;
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, Json, Unpacking, settings};
use crate::outcome::Outcome;
use crate::profiles::verdict::counted;
use crate::report::bundle as report;

/// Check every part of a bundle.
///
/// Every block is read and compared with its SHA-256, and the text of every build with that it had when it was put in. What
/// is damaged is listed (exit code 1); everything else can still be used.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The bundle.
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile bundle verify kernels.bundle
  rekall-profile bundle verify kernels.bundle -v";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        files.input("BUNDLE", &self.bundle);
        files.access().unpack();
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let name = self.bundle.display().to_string();
        let bundle = work::open(&self.bundle)?;
        let findings = bundle.verify(|build| console.debug(format_args!("checked {build}")));
        let builds = bundle.builds().len();
        if console.json() {
            let damaged = findings.iter().map(|finding| report::Damage {
                part: finding.part.clone(),
                problem: finding.error.to_string(),
            });
            console.print_report(&report::VerifiedBundle {
                bundle: name,
                builds,
                damaged: damaged.collect(),
            })?;
        } else {
            for finding in &findings {
                console.info(format_args!("{}: {}", finding.part, finding.error));
            }
            let word = if findings.is_empty() { "sound" } else { "damaged" };
            console.say_judged(
                format_args!("{name}: {}: ", counted(builds, "build")),
                word,
                findings.is_empty(),
                "",
            );
        }
        Ok(Outcome::from_good(findings.is_empty()))
    }
}
