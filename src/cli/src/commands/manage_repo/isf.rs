use std::path::PathBuf;

use repository::isf::publish;
use url::Url;

use super::options::Place;
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::heading::OUTPUT;
use crate::options::{Connection, General, Json, TableCompat, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::batch as report;

/// Write the repository as a static symbol server for Volatility 3.
///
/// Writes a symbol table for every profile that Volatility can find by a banner or by a PDB's GUID and age, and lists of
/// them: banners.json, one list for each distribution, and each list under the first digits of its SHA-256, because
/// Volatility keeps a list for ever under its address. Tables that are there already are not made again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = OUTPUT)]
pub struct Arguments {
    #[command(flatten)]
    unpacking: Unpacking,
    /// The folder to write to.
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    output: PathBuf,
    /// The address at which a web server serves the folder.
    #[arg(long = "base-url", value_name = "URL", help_heading = OUTPUT)]
    base: Url,
    /// volatility3: add what stock plug-ins of Volatility 3 insist on to the tables, as `export --compat` does.
    #[arg(long, value_enum, hide_possible_values = true, help_heading = OUTPUT)]
    compat: Option<TableCompat>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile manage_repo isf --output public --base-url https://example.org/symbols
  rekall-profile manage_repo --path_to_repository profiles isf --output public --base-url https://example.github.io/isf";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.place.list(&self.connection, files);
        files.folder(&self.output);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let storage = self.place.open(&self.connection)?;
        let base = self.base.as_str().trim_end_matches('/');
        let compat = TableCompat::of(self.compat);
        let published =
            publish(storage.as_ref(), compat, &self.output, base, console.threads(), console.progress())?;
        for (profile, reason) in &published.failed {
            console.warn(format_args!("{profile}: {reason}"));
        }
        let all = published.lists.first();
        let url = all.map(|list| format!("{base}/{}", list.versioned)).unwrap_or_default();
        console.info(format_args!(
            "{} tables made, {} unchanged, {} failed; {} lists",
            published.made,
            published.unchanged,
            published.failed.len(),
            published.lists.len()
        ));
        if console.json() {
            let list = |list: &repository::isf::List| report::TableList {
                path: list.path.clone(),
                versioned: list.versioned.clone(),
                tables: list.tables,
            };
            console.print_report(&report::PublishedTables {
                url,
                made: published.made,
                unchanged: published.unchanged,
                failed: published.failed.clone(),
                lists: published.lists.iter().map(list).collect(),
            })?;
        } else {
            console.print(&[&url].into_iter().collect())?;
        }
        Ok(Outcome::from_good(published.failed.is_empty()))
    }
}
