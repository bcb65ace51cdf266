use super::options::{Indexes, Place};
use super::work::{seal_all, sealed_report};
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::{Connection, General, Json, Threads, Unpacking, settings};
use crate::outcome::Outcome;

/// Merge the results of all parts into inventory, indexes and rejects.
///
/// Run it once after the parts of manage_repo build --shard, or after files in the repository were changed by hand.
/// Profiles without records are judged again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    indexes: Indexes,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile manage_repo seal
  rekall-profile manage_repo --path_to_repository profiles seal --force_build_index";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        // Profiles without records are made again, including those of packs.
        files.access().unpack();
        self.place.list(&self.connection, files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let storage = self.place.open(&self.connection)?;
        let sealed = seal_all(storage.as_ref(), self.indexes.anew, console)?;
        if console.json() {
            console.print_report(&sealed_report(&sealed))?;
        }
        Ok(Outcome::from_good(sealed.unreadable.is_empty()))
    }
}
