use std::path::PathBuf;

use super::{sources, work};
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, Json, Threads, Unpacking, settings};
use crate::outcome::Outcome;

/// Add profiles to a bundle.
///
/// Sources are those of bundle create. A build that is there already is left as it is; another profile of the same name is
/// an error. The bundle is replaced once the new one is complete.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The bundle.
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Profiles, folders of profiles, debug information, bundles.
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<PathBuf>,
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
  rekall-profile bundle append kernels.bundle 6.1.0-57.json.gz
  rekall-profile bundle append kernels.bundle more-profiles/";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        sources::list(&self.sources, files);
        work::list_replaced(&self.bundle, files)
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let old = work::open_to_replace(&self.bundle)?;
        let sources = sources::Sources::open(&self.sources, console)?;
        let mut entries = sources.entries(console)?;
        for build in 0..old.builds().len() {
            entries.push(old.entry(build)?);
        }
        work::write(&self.bundle, entries, console)
    }
}
