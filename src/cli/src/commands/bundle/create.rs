use std::path::PathBuf;

use super::{sources, work};
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::{Content, Files};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{General, Json, Threads, Unpacking, settings};
use crate::outcome::Outcome;

/// Make a bundle of profiles.
///
/// A source is a profile in any form, debug information, a folder of profiles such as a repository, or another bundle. A
/// build is named by its file, below the folder, without the ending. The order of the sources changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// Profiles, folders of profiles, debug information, bundles.
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<PathBuf>,
    /// The bundle to write.
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    output: PathBuf,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile bundle create profiles/ --output kernels.bundle
  rekall-profile bundle create a.json.gz b.json.gz --output two.bundle";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        sources::list(&self.sources, files);
        files.output("--output", &self.output, Content::Plain)
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let sources = sources::Sources::open(&self.sources, console)?;
        work::write(&self.output, sources.entries(console)?, console)
    }
}
