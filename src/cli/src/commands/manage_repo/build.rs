use std::time::Instant;

use anyhow::bail;

use super::options::{Indexes, Part, Place, Retry, Target, Workshop};
use super::work::{conclude, read_plan, refresh_unlisted, seal_all, select};
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, Json, Strict, Symbols, Threads, Unpacking, settings};
use crate::outcome::Outcome;

/// Make single profiles, or one part of all.
///
/// With --shard, part K of N is made and recorded separately, so that several machines can share the work;
/// manage_repo seal merges the parts afterwards. Without it, inventory and indexes are updated immediately.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// A profile's name, or a build: NAME.pdb/GUID. With --target, builds that no list names are made too.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    part: Part,
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
  rekall-profile manage_repo build ntkrnlmp.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942
  rekall-profile manage_repo build --shard 2/8
  rekall-profile manage_repo nt/GUID build ntkrnlmp.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942";

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
        if self.part.shard.is_some() && self.indexes.anew {
            bail!(
                "--force_build_index: a part is not sealed; manage_repo seal --force_build_index builds indexes"
            );
        }
        let start = Instant::now();
        // A user who names a build wants the servers to be asked again.
        let named = !self.names.is_empty();
        let workshop = Workshop::open(&self.place, &self.symbols, self.retry.retry, named, console)?;
        let storage = workshop.storage.as_ref();
        let only = self.target.target.as_deref();
        let listings = refresh_unlisted(storage, only, &workshop.archives, console)?;
        let mut plan = read_plan(storage, console)?;
        let selection = select(&mut plan, self.target.target.as_deref(), &self.names, self.part.shard)?;
        let summary = workshop.builder(console).build(&plan, &selection)?;
        drop(plan);
        // A part of the work is sealed once all parts are done.
        let sealed = match self.part.shard {
            Some(_) => None,
            None => Some(seal_all(storage, self.indexes.anew, console)?),
        };
        conclude(&summary, sealed.as_ref(), &listings, 0, start, console)
    }
}
