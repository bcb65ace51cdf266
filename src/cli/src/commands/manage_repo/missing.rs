use std::path::PathBuf;

use super::options::{Part, Place, Target};
use super::work::{read_plan, select};
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::{self, Content, Files};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{Connection, General, Json, settings};
use crate::outcome::Outcome;
use crate::report::batch as report;

/// List the PDBs that are still missing.
///
/// The list is a manifest in JSON. On a machine with a connection, fetch_pdb --manifest downloads the PDBs into a
/// symbol store, from which manage_repo build_all makes the profiles.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// A profile's name, or a build: NAME.pdb/GUID; by default all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    part: Part,
    /// The file to write the manifest to; by default standard output.
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    output: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile manage_repo missing --output wanted.json
  rekall-profile manage_repo --path_to_repository profiles nt/GUID missing";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        // Profiles without records are made again, including those of packs.
        files.access().unpack();
        self.place.list(&self.connection, files);
        match &self.output {
            Some(path) => files.output("--output", path, Content::Plain),
            None => Ok(()),
        }
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let storage = self.place.open(&self.connection)?;
        let mut plan = read_plan(storage.as_ref(), console)?;
        let selection = select(&mut plan, self.target.target.as_deref(), &self.names, self.part.shard)?;
        let manifest = plan.missing(&selection, storage.as_ref());
        let count = manifest.wanted.len();
        match &self.output {
            Some(path) => {
                files::write(path, |sink| manifest.write(sink))?;
                if console.json() {
                    let manifest = path.to_string_lossy().into_owned();
                    console.print_report(&report::WrittenManifest { manifest, wanted: count })?;
                }
                console.info(format_args!(
                    "{count} PDBs are wanted: {} (fetch_pdb --manifest {} brings them)",
                    path.display(),
                    path.display()
                ));
            }
            None => console.print_document(&manifest)?,
        }
        Ok(Outcome::Success)
    }
}
