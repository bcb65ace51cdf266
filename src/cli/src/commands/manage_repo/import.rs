use std::path::PathBuf;

use anyhow::{Context, bail};
use repository::ProfileName;
use repository::batch::import;

use super::options::{Indexes, Place};
use super::work::seal_all;
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::heading::{INPUT, REPOSITORIES};
use crate::options::{Connection, General, Json, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::batch as report;

/// Import existing profiles into the repository.
///
/// Each profile is named by its contents: a Windows profile by GUID and age, a Linux profile by build-id. Files that
/// are not profiles are reported, and the others are imported (exit code 1).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The profiles.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    /// The name for the profile, if there is one FILE.
    #[arg(long = "as", value_name = "NAME", help_heading = REPOSITORIES)]
    name: Option<ProfileName>,
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
  rekall-profile manage_repo import nt.json.gz
  rekall-profile manage_repo --path_to_repository profiles import ubuntu.json --as Linux/Ubuntu1310";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        for path in &self.files {
            files.input("FILE", path);
        }
        // Profiles without records are made again, including those of packs.
        files.access().unpack();
        self.place.list(&self.connection, files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        if self.name.is_some() && self.files.len() > 1 {
            bail!("--as: it names one profile, and {} are given", self.files.len());
        }
        let storage = self.place.open(&self.connection)?;
        let mut rows = Vec::new();
        let mut failed = false;
        for path in &self.files {
            let file = path.display().to_string();
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {file}"))?;
            match import(storage.as_ref(), &file, &bytes, self.name.clone()) {
                Ok(imported) => {
                    console.say(format_args!("{file}: {} ({})", imported.name, imported.health));
                    rows.push(report::Import::Taken {
                        file,
                        name: imported.name.to_string(),
                        bytes: imported.size,
                        health: imported.health,
                    });
                }
                Err(error @ (repository::Error::Profile { .. } | repository::Error::Storage { .. })) => {
                    failed = true;
                    console.warn(format_args!("{error}"));
                    rows.push(report::Import::Failed { file, error: error.to_string() });
                }
                Err(error) => return Err(error.into()),
            }
        }
        seal_all(storage.as_ref(), self.indexes.anew, console)?;
        if console.json() {
            console.print_report(&report::Imports { imported: rows })?;
        }
        Ok(Outcome::from_good(!failed))
    }
}
