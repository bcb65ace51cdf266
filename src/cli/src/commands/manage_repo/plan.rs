use repository::batch::Shard;
use symbols::{ClientOptions, Downloads};

use super::options::{Place, Target};
use super::work::{read_config, read_plan, refresh_listings, select};
use crate::commands::Run;
use crate::console::{Console, Settings, Table};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{Connection, General, Json, settings};
use crate::outcome::Outcome;
use crate::report::batch as report;

/// Divide the work into parts.
///
/// Shows for each part how many profiles it has and how many of them are to be made. With --json the parts are a matrix
/// as services for continuous integration take it; each job runs manage_repo build --shard K/N. The listings of
/// collections are read first, and kept in the repository for the jobs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The number of parts.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1000))]
    shards: u16,
    #[command(flatten)]
    target: Target,
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
  rekall-profile manage_repo plan --shards 8
  rekall-profile manage_repo --path_to_repository profiles plan --shards 8 --json
  rekall-profile manage_repo nt/GUID plan";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.place.list(&self.connection, files);
        files.access().unpack();
        self.connection.list(files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let storage = self.place.open(&self.connection)?;
        let archives = Downloads::new(self.connection.client(ClientOptions::default())?);
        let config = read_config(storage.as_ref())?;
        refresh_listings(storage.as_ref(), &config, self.target.target.as_deref(), &archives, console)?;
        let mut plan = read_plan(storage.as_ref(), console)?;
        let count = u32::from(self.shards);
        let mut shards = Vec::new();
        let mut table = Table::new(&["Shard", ">Profiles", ">To make"]);
        for number in 1..=count {
            let shard = Shard { number, count };
            let selection = select(&mut plan, self.target.target.as_deref(), &[], Some(shard))?;
            let (done, all) = plan.progress(&selection, storage.as_ref());
            shards.push(report::Part { shard: shard.to_string(), profiles: all, to_make: all - done });
            table.row([shard.to_string(), all.to_string(), (all - done).to_string()]);
        }
        if console.json() {
            console.print_report(&report::Plan { matrix: report::Matrix { include: shards } })?;
        } else {
            console.print(&table.lines())?;
        }
        Ok(Outcome::Success)
    }
}
