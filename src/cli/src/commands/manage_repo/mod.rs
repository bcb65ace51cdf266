//! `manage_repo`: one file per verb. [`options`] has the groups of options that verbs share, [`work`] the steps.

mod add_guid;
mod build;
mod build_all;
mod import;
mod isf;
mod mirror;
mod missing;
mod options;
mod plan;
mod seal;
mod verify;
mod watched;
mod work;

use clap::Subcommand;

use super::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::memory::share_heaps;
use crate::options::General;
use crate::outcome::Outcome;

/// Build and update a repository of profiles.
///
/// A repository is a folder or a bucket with v1.0/config.yaml, which says which profiles it holds
/// (docs/repository.md). Without a verb, build_all is used. Rekall's order, manage_repo ENTRY VERB, works on one
/// entry of the configuration.
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
  rekall-profile manage_repo --path_to_repository profiles build_all
  rekall-profile manage_repo nt/GUID add_guid ntkrnlmp.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942
  rekall-profile manage_repo verify --json

Exit codes: 0 everything is there; 1 some could not be made, or differ; 2 the repository cannot be read or written.";

/// The action on the repository.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
enum Verb {
    BuildAll(build_all::Arguments),
    Build(build::Arguments),
    AddGuid(add_guid::Arguments),
    Verify(verify::Arguments),
    Import(import::Arguments),
    Mirror(Box<mirror::Arguments>),
    Isf(isf::Arguments),
    Missing(missing::Arguments),
    Plan(plan::Arguments),
    Seal(seal::Arguments),
}

impl Arguments {
    fn verb(&self) -> &dyn Run {
        match &self.verb {
            Verb::BuildAll(arguments) => arguments,
            Verb::Build(arguments) => arguments,
            Verb::AddGuid(arguments) => arguments,
            Verb::Verify(arguments) => arguments,
            Verb::Import(arguments) => arguments,
            Verb::Mirror(arguments) => arguments.as_ref(),
            Verb::Isf(arguments) => arguments,
            Verb::Missing(arguments) => arguments,
            Verb::Plan(arguments) => arguments,
            Verb::Seal(arguments) => arguments,
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
        // Before threads start. For a single profile heaps of their own are faster.
        share_heaps();
        self.verb().run(console)
    }
}
