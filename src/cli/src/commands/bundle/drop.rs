use std::path::PathBuf;

use super::work;
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, Json, Unpacking, settings};
use crate::outcome::Outcome;

/// Remove builds from a bundle.
///
/// The bundle is replaced once the smaller one is complete. If one of the builds is not there, nothing is removed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The bundle.
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Builds by name, version, build-id, GUID and age, or banner.
    #[arg(value_name = "BUILD", required = true)]
    builds: Vec<String>,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile bundle drop kernels.bundle 6.1.0-56-cloud-amd64
  rekall-profile bundle drop nt.bundle nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        work::list_replaced(&self.bundle, files)
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let old = work::open_to_replace(&self.bundle)?;
        let dropped: Vec<usize> =
            self.builds.iter().map(|wanted| old.find(wanted)).collect::<Result<_, _>>()?;
        let kept = (0..old.builds().len()).filter(|build| !dropped.contains(build));
        let entries = kept.map(|build| old.entry(build)).collect::<Result<_, _>>()?;
        work::write(&self.bundle, entries, console)
    }
}
