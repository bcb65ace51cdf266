use std::time::Instant;

use super::options::{Indexes, Place, Retry, Target, Workshop};
use super::work::{conclude, read_config, read_plan, refresh_listings, seal_all, select};
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::{General, Json, Strict, Symbols, Threads, Unpacking, settings};
use crate::outcome::Outcome;

/// Make the profiles in the configuration that do not exist yet.
///
/// Reads v1.0/config.yaml (docs/repository.md), fetches PDBs, makes profiles, and records them in the inventory, the
/// indexes and the list of rejects. Existing profiles are not made again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    strict: Strict,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    indexes: Indexes,
    #[command(flatten)]
    symbols: Symbols,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile manage_repo build_all
  rekall-profile manage_repo --path_to_repository profiles build_all --symbol-path store --offline
  rekall-profile manage_repo nt/GUID build_all";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.place.list(&self.symbols.connection, files);
        self.symbols.list(files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        let workshop = Workshop::open(&self.place, &self.symbols, self.retry.retry, false, console)?;
        let storage = workshop.storage.as_ref();
        let only = self.target.target.as_deref();
        let listings = refresh_listings(storage, &read_config(storage)?, only, &workshop.archives, console)?;
        let mut plan = read_plan(storage, console)?;
        let selection = select(&mut plan, self.target.target.as_deref(), &[], None)?;
        let summary = workshop.builder(console).build(&plan, &selection)?;
        drop(plan);
        let sealed = seal_all(workshop.storage.as_ref(), self.indexes.anew, console)?;
        conclude(&summary, Some(&sealed), &listings, 0, start, console)
    }
}
