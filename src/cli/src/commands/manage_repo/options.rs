//! Options that several verbs share.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use repository::batch::{Builder, Shard};
use repository::storage::{self, Storage};
use symbols::Fetcher;

use crate::console::Console;
use crate::files::Files;
use crate::options::heading::{INPUT, REPOSITORIES};
use crate::options::repositories::{is_remote, list_repository};
use crate::options::{Connection, Symbols};

/// The repository.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = REPOSITORIES)]
pub struct Place {
    /// The repository: a folder that holds v1.0/, that folder itself, or s3://BUCKET/PREFIX.
    #[arg(long = "path_to_repository", value_name = "PATH", default_value = ".")]
    repository: String,
}

impl Place {
    /// Opens the repository.
    ///
    /// # Errors
    /// A place that is neither a folder nor an address.
    pub fn open(&self, connection: &Connection) -> anyhow::Result<Box<dyn Storage>> {
        let client = connection.client(symbols::Web::options())?;
        Ok(storage::open(&self.repository, &client)?)
    }

    /// Adds the repository as an input and output.
    pub fn list(&self, connection: &Connection, files: &mut Files) {
        list_repository(&self.repository, connection, files);
        if !is_remote(&self.repository) {
            files.folder(Path::new(&self.repository));
        }
    }
}

/// An entry of the configuration.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = INPUT)]
pub struct Target {
    /// Work on this entry of the configuration only; manage_repo ENTRY VERB means the same.
    #[arg(long, value_name = "ENTRY")]
    pub target: Option<String>,
}

/// A part of the work.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = INPUT)]
pub struct Part {
    /// Do part K of N only: K/N, K from 1.
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
}

/// For verbs that make profiles.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = INPUT)]
pub struct Retry {
    /// Retry profiles that could not be made before, and ask servers again.
    #[arg(long)]
    pub retry: bool,
}

/// For verbs that seal.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = REPOSITORIES)]
pub struct Indexes {
    /// Build every index from scratch, even if no profile changed.
    #[arg(long = "force_build_index")]
    pub anew: bool,
}

/// The tools of a verb that makes profiles.
pub struct Workshop {
    pub storage: Box<dyn Storage>,
    fetcher: Fetcher,
    downloads: usize,
    retry: bool,
}

impl Workshop {
    /// Opens the repository, and prepares fetching PDBs. With `anew`, servers are asked again for files that they did
    /// not have.
    ///
    /// # Errors
    /// An error for an invalid repository, symbol path or credentials.
    pub fn open(
        place: &Place,
        symbols: &Symbols,
        retry: bool,
        anew: bool,
        console: &Console,
    ) -> anyhow::Result<Self> {
        let storage = place.open(&symbols.connection)?;
        let mut options = symbols.options(None, console.threads())?;
        if let Some(missing) = options.negative_cache.as_mut().filter(|_| retry || anew) {
            missing.expiry = Duration::ZERO;
        }
        let downloads = options.workers;
        Ok(Self { storage, fetcher: Fetcher::new(options), downloads, retry })
    }

    /// The builder.
    pub fn builder<'a>(&'a self, console: &'a Console) -> Builder<'a> {
        Builder {
            storage: self.storage.as_ref(),
            fetcher: &self.fetcher,
            progress: console.progress(),
            threads: console.threads(),
            downloads: self.downloads,
            retry: self.retry,
        }
    }
}
