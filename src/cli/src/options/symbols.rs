use std::env;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use symbols::{ClientOptions, Credentials, LeastRate, NegativeCache, SymbolPath};

use super::heading::SERVERS;
use crate::configuration::Configuration;
use crate::files::{Files, cache_folder, list_configuration};
use crate::sandbox::Network;

/// How servers are contacted.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = SERVERS)]
pub struct Connection {
    /// Contact no server; use local files only.
    #[arg(long)]
    pub offline: bool,
    /// Stop a download that brings fewer bytes per second than this [default: 1024].
    ///
    /// 0 accepts any rate.
    #[arg(long = "least-rate", value_name = "BYTES", hide_short_help = true)]
    least_rate: Option<u64>,
    /// How many seconds a download may be slower than --least-rate [default: 30].
    #[arg(long = "least-rate-time", value_name = "SECONDS", hide_short_help = true,
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    least_rate_time: Option<u64>,
}

/// Environment variables that name files with certificates or credentials for connections.
const CONNECTION: [&str; 4] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

impl Connection {
    /// How servers are contacted: the options of the command line and the configuration, on top of `defaults`.
    ///
    /// # Errors
    /// An error for an invalid configuration or invalid credentials.
    pub fn client(&self, defaults: ClientOptions) -> anyhow::Result<ClientOptions> {
        let configured = Configuration::read()?;
        let standard = defaults.least_rate;
        let rate = self.least_rate.or(configured.least_rate);
        let seconds = self.least_rate_time.or(configured.least_rate_time);
        let least_rate = LeastRate {
            bytes_per_second: rate.unwrap_or(standard.bytes_per_second),
            during: seconds.map_or(standard.during, Duration::from_secs),
        };
        let credentials = Credentials::from_environment()?;
        Ok(ClientOptions { offline: self.offline, least_rate, credentials, ..defaults })
    }

    /// The first of these options that is given, for commands that contact servers only in some uses.
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            ("--offline", self.offline),
            ("--least-rate", self.least_rate.is_some()),
            ("--least-rate-time", self.least_rate_time.is_some()),
        ];
        given.into_iter().find_map(|(name, given)| given.then_some(name))
    }

    /// Adds connections to servers, unless they are forbidden.
    pub fn list(&self, files: &mut Files) {
        if self.offline {
            return;
        }
        files.access().network_as(Network::Connect);
        for path in CONNECTION.iter().filter_map(env::var_os) {
            files.access().read(path);
        }
    }

    /// Adds the files that affect connections: the configuration, and the credentials for private servers.
    pub fn list_client(&self, files: &mut Files) {
        list_configuration(files);
        if let Some(path) = Credentials::netrc() {
            files.access().read(path);
        }
    }
}

/// The places of PDBs, for every command that fetches them.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = SERVERS)]
pub struct Symbols {
    /// The places to search for PDBs, in the syntax of _NT_SYMBOL_PATH.
    ///
    /// The default is that variable, otherwise the configuration's symbol_path, otherwise Microsoft's server.
    #[arg(long = "symbol-path", value_name = "PATH")]
    // A text, because our own parser's message leaves out passwords that clap would repeat.
    symbol_path: Option<String>,
    /// Ask servers again for files that they did not have within the last day.
    #[arg(long, conflicts_with = "offline")]
    refresh: bool,
    #[command(flatten)]
    pub connection: Connection,
}

impl Symbols {
    /// The symbol path: from the option, otherwise the environment, otherwise the configuration, otherwise
    /// Microsoft's server.
    ///
    /// # Errors
    /// An error for an invalid symbol path or configuration.
    fn path(&self) -> anyhow::Result<SymbolPath> {
        let configured = || Configuration::read().map(|configuration| configuration.symbol_path);
        let (text, origin) = match (&self.symbol_path, env::var("_NT_SYMBOL_PATH").ok()) {
            (Some(text), _) => (Some(text.clone()), "--symbol-path"),
            (None, Some(text)) => (Some(text), "_NT_SYMBOL_PATH"),
            (None, None) => (configured()?, "symbol_path of the configuration"),
        };
        match text.filter(|text| !text.trim().is_empty()) {
            Some(text) => text.parse().context(origin),
            None => Ok(SymbolPath::standard()),
        }
    }

    /// How PDBs are fetched with this many threads; if `store` is given, every file found is also put there.
    ///
    /// # Errors
    /// An error for an invalid symbol path or invalid credentials.
    pub fn options(&self, store: Option<&Path>, threads: usize) -> anyhow::Result<symbols::Options> {
        let mut path = self.path()?;
        if let Some(store) = store {
            path = path.behind(store);
        }
        let cache = cache_folder();
        let mut options = symbols::Options::new(path, cache.join("symbols"));
        options.negative_cache = Some(NegativeCache {
            folder: cache.join("missing"),
            expiry: if self.refresh { Duration::ZERO } else { NegativeCache::EXPIRY },
        });
        options.client = self.connection.client(options.client)?;
        // Fetching mostly waits.
        options.workers = threads * 2;
        Ok(options)
    }

    /// Adds the places of PDBs. A local store may contain pointers to files anywhere (`file.ptr`), so a store on the
    /// command line opens the whole file system for reading.
    pub fn list(&self, files: &mut Files) {
        self.connection.list_client(files);
        files.access().fill_own(cache_folder()).unpack();
        let path = self.path().unwrap_or_else(|_| SymbolPath::standard());
        for store in path.stores() {
            files.access().fill(store).read_everything();
        }
        for folder in path.loose_folders() {
            files.access().read_store(folder).read_everything();
        }
        self.connection.list(files);
    }
}
