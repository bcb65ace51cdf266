//! `bundle`: one file per verb. [`sources`] finds the profiles that go into one, [`work`] writes it.

mod append;
mod create;
mod drop;
mod extract;
mod list;
mod merge;
mod sources;
mod verify;
mod work;

use clap::Subcommand;

use super::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::General;
use crate::outcome::Outcome;

/// Keep the profiles of many builds in one small file.
///
/// Neighbouring builds share nearly everything, so each further build takes a few kilobytes, and every build comes out byte
/// by byte as it was put in (docs/bundle.md). history follows members through all builds of a bundle.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    disable_help_subcommand = true
)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    _general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile bundle create profiles/ --output kernels.bundle
  rekall-profile bundle append kernels.bundle 6.1.0-57.json.gz
  rekall-profile bundle extract kernels.bundle 6.1.0-57 --output 6.1.0-57.json.gz";

/// What is done with the bundle.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
enum Verb {
    Create(create::Arguments),
    Append(append::Arguments),
    Drop(drop::Arguments),
    Merge(merge::Arguments),
    Extract(extract::Arguments),
    Verify(verify::Arguments),
    List(list::Arguments),
}

impl Arguments {
    fn verb(&self) -> &dyn Run {
        match &self.verb {
            Verb::Create(arguments) => arguments,
            Verb::Append(arguments) => arguments,
            Verb::Drop(arguments) => arguments,
            Verb::Merge(arguments) => arguments,
            Verb::Extract(arguments) => arguments,
            Verb::Verify(arguments) => arguments,
            Verb::List(arguments) => arguments,
        }
    }
}

impl Run for Arguments {
    fn settings(&self) -> Settings {
        self.verb().settings()
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.verb().list(files)
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        self.verb().run(console)
    }
}
