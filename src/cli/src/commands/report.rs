use std::path::{Path, PathBuf};

use anyhow::bail;
use pages::{Collection, Shard, write_report};
use profile::{Report, Resolution};

use super::Run;
use crate::console::{self, Console, Settings};
use crate::files::{self, Content, Files};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{General, Unpacking, list_profile, settings};
use crate::outcome::Outcome;
use crate::profiles::any;

/// Write one page to browse a profile, or two side by side.
///
/// The page is a single file that a browser opens from a disk, without a network. It searches structs, members and
/// symbols as one types, draws structs with padding and bit-fields, and shows what uses them. With a second profile it
/// shows what changed between the two.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The profile, or a table of Volatility 3 (ISF): text, gzip, xz or zstd.
    ///
    /// A build of a bundle is named as FILE.bundle:BUILD.
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,
    /// Another build, which is shown beside the first.
    #[arg(value_name = "OTHER")]
    other: Option<PathBuf>,
    #[command(flatten)]
    unpacking: Unpacking,
    /// The page to write (HTML); - is standard output.
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    output: PathBuf,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile report nt.json.gz --output nt.html
  rekall-profile report old.json.gz new.json.gz --output changes.html";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        list_profile("PROFILE", &self.profile, files);
        if let Some(other) = &self.other {
            list_profile("OTHER", other, files);
        }
        match self.output.as_os_str() == "-" {
            true => Ok(()),
            false => files.output("--output", &self.output, Content::Plain),
        }
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let mut collection = Collection::default();
        let mut shards = Vec::new();
        for path in [Some(&self.profile), self.other.as_ref()].into_iter().flatten() {
            shards.push(add(&mut collection, path)?);
        }
        shards.extend(collection.finish());
        if self.output.as_os_str() == "-" {
            console::product(|sink| write_report(shards, sink).map(drop))?;
        } else {
            files::write(&self.output, |sink| write_report(shards, sink).map(drop))?;
            console.info(format_args!("wrote {}", self.output.display()));
        }
        Ok(Outcome::Success)
    }
}

/// Reads a profile and adds it to a collection.
///
/// # Errors
/// A file that cannot be read, or is not a profile.
pub fn add(collection: &mut Collection, path: &Path) -> anyhow::Result<Shard> {
    let mut report = Report::default();
    let mut profile = any::read(path, 1, &mut report)?;
    let resolution = Resolution::new(&mut profile, &mut report);
    let lacks_types = resolution.structs().is_empty() && resolution.enumerations().is_empty();
    if lacks_types && profile.constants.is_empty() && profile.functions.is_empty() {
        bail!("{}: it has no structs, enumerations or symbols to show", path.display());
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Ok(collection.add(&name, &profile, &resolution))
}
