use std::path::PathBuf;

use anyhow::{Context, bail};
use profile::MappedFile;
use repository::batch::{TableVerdict, import, import_tables};
use repository::{Error, ProfileName, Storage};
use symbols::{ClientOptions, Downloads};
use url::Url;

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
    #[arg(value_name = "FILE", required_unless_present = "list")]
    files: Vec<PathBuf>,
    /// Take the symbol tables of this list for Volatility 3 (banners.json), each with a verdict.
    #[arg(long = "isf-list", value_name = "URL", conflicts_with_all = ["files", "name"])]
    list: Option<Url>,
    /// Take only the tables of kernels of this version, with * and ? (6.1.*); may be repeated.
    #[arg(long = "kernel", value_name = "PATTERN", requires = "list")]
    versions: Vec<String>,
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
  rekall-profile manage_repo --path_to_repository profiles import ubuntu.json --as Linux/Ubuntu1310
  rekall-profile manage_repo import --isf-list https://example.org/banners.json --kernel '6.1.*'";

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
        if self.list.is_some() {
            self.connection.list_client(files);
            self.connection.list(files);
        }
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        if self.name.is_some() && self.files.len() > 1 {
            bail!("--as: it names one profile, and {} are given", self.files.len());
        }
        let storage = self.place.open(&self.connection)?;
        let mut rows = Vec::new();
        let mut failed = false;
        if let Some(list) = &self.list {
            failed = self.import_tables(storage.as_ref(), list, &mut rows, console)?;
        }
        for path in &self.files {
            let file = path.display().to_string();
            let bytes = MappedFile::open(path).with_context(|| format!("cannot read {file}"))?;
            match import(storage.as_ref(), &file, &bytes, self.name.clone()) {
                Ok(imported) => {
                    console.info(format_args!("{file}: {} ({})", imported.name, imported.health));
                    rows.push(report::Import::Taken {
                        file,
                        name: imported.name.to_string(),
                        bytes: imported.size,
                        health: imported.health,
                    });
                }
                Err(error) if is_of_file(&error) => {
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

/// Whether an error is about one file, whose content or name a repository does not accept, and not about the repository.
fn is_of_file(error: &Error) -> bool {
    matches!(
        error,
        Error::Profile { .. } | Error::Storage { .. } | Error::Key { .. } | Error::Reserved { .. }
    )
}

impl Arguments {
    /// Imports the tables of a list. Returns whether one of them is invalid.
    fn import_tables(
        &self,
        storage: &dyn Storage,
        list: &Url,
        rows: &mut Vec<report::Import>,
        console: &Console,
    ) -> anyhow::Result<bool> {
        let downloads = Downloads::new(self.connection.client(ClientOptions::default())?);
        let mut failed = false;
        let mut each = |url: &str, verdict: &TableVerdict| {
            let file = url.to_owned();
            rows.push(match verdict {
                TableVerdict::Taken(imported) => {
                    console.info(format_args!("{url}: {} ({})", imported.name, imported.health));
                    let (name, health) = (imported.name.to_string(), imported.health.clone());
                    report::Import::Taken { file, name, bytes: imported.size, health }
                }
                TableVerdict::Known(name) => {
                    console.info(format_args!("{url}: {name} is there already"));
                    report::Import::Known { file, known: name.to_string() }
                }
                TableVerdict::Failed(reason) => {
                    failed = true;
                    console.warn(format_args!("{url}: {reason}"));
                    report::Import::Failed { file, error: reason.clone() }
                }
                _ => return,
            });
        };
        import_tables(storage, list, &self.versions, usize::MAX, &downloads, console.progress(), &mut each)?;
        Ok(failed)
    }
}
