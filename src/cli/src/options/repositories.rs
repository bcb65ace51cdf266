use std::path::Path;

use clap::Args;
use repository::storage::is_bundle_file;
use repository::{Options, PUBLIC};
use symbols::{ClientOptions, DebugOptions, Downloads};
use url::Url;

use super::debuginfod::debuginfod_servers;
use super::heading::REPOSITORIES;
use super::symbols::{Connection, Symbols};
use crate::configuration::{Configuration, own_repository};
use crate::files::{Files, cache_folder, list_configuration};

/// The repositories that are searched for profiles.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = REPOSITORIES)]
pub struct Repositories {
    /// A repository of profiles: a folder, a bundle, or an address of either; may be repeated.
    ///
    /// Repositories are searched in order. By default they are those in the configuration, otherwise the user's own
    /// and the public one.
    #[arg(long = "profile_path", alias = "repository_path", value_name = "DIR_OR_URL")]
    profile_path: Vec<String>,
}

impl Repositories {
    /// The repositories in the options, otherwise those in the configuration, otherwise the user's own and the public
    /// one.
    ///
    /// # Errors
    /// An error for an invalid configuration, or a place that is neither a folder nor an address.
    pub fn open(&self, connection: &Connection) -> anyhow::Result<repository::Repositories> {
        let cache = directories::ProjectDirs::from("", "", "rekall-profile");
        let options = Options {
            cache: cache.map(|folders| folders.cache_dir().join("repositories")),
            client: connection.client(symbols::Web::options())?,
        };
        Ok(repository::Repositories::open(&self.places()?, &options)?)
    }

    /// Adds the repositories as inputs.
    pub fn list(&self, connection: &Connection, files: &mut Files) {
        for place in self.listed_places(files) {
            list_repository(&place, connection, files);
        }
    }

    /// Their places: folders and addresses.
    fn places(&self) -> anyhow::Result<Vec<String>> {
        if !self.profile_path.is_empty() {
            return Ok(self.profile_path.clone());
        }
        Ok(match Configuration::read()?.profile_path {
            Some(places) => places,
            None => {
                let own = own_repository().map(|path| path.display().to_string());
                own.into_iter().chain([PUBLIC.to_owned()]).collect()
            }
        })
    }

    /// The places; empty if the configuration is invalid, which the command reports.
    fn listed_places(&self, files: &mut Files) -> Vec<String> {
        list_configuration(files);
        self.places().unwrap_or_default()
    }
}

/// The repositories that are searched for profiles, and the sources for missing profiles.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Building {
    #[command(flatten)]
    pub repositories: Repositories,
    #[command(flatten)]
    pub symbols: Symbols,
}

impl Building {
    /// The repositories.
    ///
    /// # Errors
    /// As [`Repositories::open`].
    pub fn open(&self) -> anyhow::Result<repository::Repositories> {
        self.repositories.open(&self.symbols.connection)
    }

    /// How the debug files of Linux kernels are fetched; `None` if no server may be asked.
    ///
    /// # Errors
    /// A server of `DEBUGINFOD_URLS`, a configuration or credentials that cannot be understood.
    pub fn debuginfod(&self) -> anyhow::Result<Option<DebugOptions>> {
        let connection = &self.symbols.connection;
        if connection.offline {
            return Ok(None);
        }
        let mut options = DebugOptions::new(debuginfod_servers(&[])?);
        options.client = connection.client(options.client)?;
        Ok(Some(options))
    }

    /// The configuration's lists of symbol tables, and what asks them; `None` if there are none, or if no server may be
    /// asked.
    ///
    /// # Errors
    /// A configuration or credentials that cannot be understood.
    pub fn tables(&self) -> anyhow::Result<Option<(Vec<Url>, Downloads)>> {
        let lists = Configuration::read()?.isf_path;
        if lists.is_empty() || self.symbols.connection.offline {
            return Ok(None);
        }
        let client = self.symbols.connection.client(ClientOptions::default())?;
        Ok(Some((lists, Downloads::new(client))))
    }

    /// Adds the repositories as inputs.
    pub fn list_reading(&self, files: &mut Files) {
        self.repositories.list(&self.symbols.connection, files);
    }

    /// Adds the repositories, with the first folder among them as an output, and the places of PDBs.
    pub fn list(&self, files: &mut Files) {
        self.list_reading(files);
        let places = self.repositories.listed_places(files);
        // A bundle is only read.
        if let Some(folder) = places.iter().find(|place| !is_remote(place) && !is_bundle_file(place)) {
            match own_repository().filter(|own| own == Path::new(folder)) {
                Some(own) => files.access().fill_own(own),
                None => files.access().fill(folder),
            };
        }
        self.symbols.list(files);
    }
}

/// Adds one repository, a folder, a bundle or an address, as an input.
pub fn list_repository(place: &str, connection: &Connection, files: &mut Files) {
    connection.list_client(files);
    if is_remote(place) {
        files.access().fill_own(cache_folder()).unpack();
        connection.list(files);
    } else if is_bundle_file(place) {
        files.access().read(place).unpack();
    } else {
        files.access().read_store(place).read_store(Path::new(place).join("v1.0"));
    }
}

/// Whether a repository's place is an address.
pub fn is_remote(place: &str) -> bool {
    place.contains("://")
}
