use std::path::PathBuf;

use super::work;
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::{Content, Files};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{General, Json, Unpacking, settings};
use crate::outcome::Outcome;

/// Make one bundle of several.
///
/// The result is the bundle that would have been made of all their profiles at once, byte by byte.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The bundles.
    #[arg(value_name = "BUNDLE", required = true)]
    bundles: Vec<PathBuf>,
    /// The bundle to write.
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    output: PathBuf,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile bundle merge 6.1.bundle 6.12.bundle --output debian.bundle
  rekall-profile bundle merge amd64.bundle arm64.bundle -o all.bundle";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.bundles.iter().for_each(|path| files.input("BUNDLE", path));
        files.access().unpack();
        files.output("--output", &self.output, Content::Plain)
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let bundles = self.bundles.iter().map(|path| work::open(path)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut entries = Vec::new();
        for bundle in &bundles {
            for build in 0..bundle.builds().len() {
                entries.push(bundle.entry(build)?);
            }
        }
        work::write(&self.output, entries, console)
    }
}
