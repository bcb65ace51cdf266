//! Options that several verbs share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use profile::Progress;
use repository::batch::{Builder, Shard, Watch};
use repository::storage::{self, Storage};
use symbols::{ClientOptions, Downloads, Fetcher};

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
    /// What fetches listings of collections and what they list.
    pub archives: Downloads,
    /// What others see of the builder.
    pub watch: Arc<Watch>,
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
        let archives = Downloads::new(symbols.connection.client(ClientOptions::default())?);
        let watch = Arc::default();
        Ok(Self { storage, archives, watch, fetcher: Fetcher::new(options), downloads, retry })
    }

    /// The builder.
    pub fn builder<'a>(&'a self, console: &'a Console) -> Builder<'a> {
        self.builder_seen_by(console, console.progress())
    }

    /// The builder, which reports to an observer of its own.
    pub fn builder_seen_by<'a>(&'a self, console: &'a Console, progress: &'a dyn Progress) -> Builder<'a> {
        Builder {
            storage: self.storage.as_ref(),
            fetcher: &self.fetcher,
            archives: &self.archives,
            watch: &self.watch,
            progress,
            threads: console.threads(),
            downloads: self.downloads,
            retry: self.retry,
        }
    }
}
