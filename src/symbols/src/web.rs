use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::OnceLock;
use std::time::Duration;

use profile::Progress;
use url::Url;

use crate::client_options::ClientOptions;
use crate::debuginfod::AGENT;
use crate::delivery::{Delivery, Destination, Explain};
use crate::download::{Download, End, Patience, Step, Tried};
use crate::http::Client;
use crate::layout::Form;
use crate::pointer::Pointer;
use crate::start::Start;
use crate::store::Refusal;
use crate::symbol_path::shown;

/// Reads files below one address over HTTP and HTTPS: the objects of a remote repository or bucket.
///
/// Proxies, credentials, redirects, limits, resumed connections and encodings work as for symbol servers.
pub struct Web {
    root: Url,
    options: ClientOptions,
    client: OnceLock<Result<Client, String>>,
}

/// The result of reading an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The file.
    Found {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Its entity tag, as the server wrote it.
        etag: Option<String>,
    },
    /// The server has no such file (404).
    Missing {
        /// The requests, and the answers.
        tried: Vec<Tried>,
    },
    /// The server refused it (403). Object stores answer this for missing objects if listing them is not allowed.
    Refused {
        /// The requests, and the answers.
        tried: Vec<Tried>,
    },
}

/// The requirements on a file.
pub struct Demand<'a> {
    /// The largest accepted file, in bytes.
    pub limit: u64,
    /// The start that it must have.
    pub start: Start,
    /// Checks a complete file, and returns the problem if there is one.
    pub judge: &'a dyn Fn(&[u8]) -> Result<(), String>,
    /// Converts the body of a refusal into a note.
    pub explain: Option<Explain<'a>>,
}

/// Why an address gave no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", Tried::list(.tried))]
pub struct WebError {
    /// Whether the file is longer than the limit.
    pub too_long: bool,
    /// The requests, and the answers.
    pub tried: Vec<Tried>,
}

impl Web {
    /// The options for repositories: an unreachable server does not delay the others for long.
    pub fn options() -> ClientOptions {
        ClientOptions {
            patience: Patience { retries: 1, ..Patience::default() },
            connect_limit: Duration::from_secs(5),
            idle_limit: Duration::from_secs(5),
            ..ClientOptions::default()
        }
    }

    /// Files below `root`. Nothing is requested yet.
    pub fn new(root: Url, options: ClientOptions) -> Self {
        Self { root, options, client: OnceLock::new() }
    }

    /// The address, without secrets.
    pub fn place(&self) -> String {
        shown(&self.root)
    }

    /// The file at the path of these parts.
    ///
    /// # Errors
    /// [`WebError`] if the server gives no clear answer, or a file that does not meet the requirements.
    pub fn read(
        &self,
        path: &[&str],
        demand: &Demand<'_>,
        progress: &dyn Progress,
    ) -> Result<Fetched, WebError> {
        let name = path.last().copied().unwrap_or_default();
        self.fetch(&self.root, name, demand, progress, |client| {
            Download::at(&self.root, path, client.patience(&self.root), fastrand::Rng::new())
        })
    }

    /// Reads the file at a separate address, which need not be below the root. Its query may contain secrets and is
    /// not shown.
    ///
    /// # Errors
    /// The same as for [`Web::read`].
    pub fn read_url(
        &self,
        url: &Url,
        demand: &Demand<'_>,
        progress: &dyn Progress,
    ) -> Result<Fetched, WebError> {
        let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        self.fetch(url, name, demand, progress, |client| {
            Download::of(url, client.patience(url), fastrand::Rng::new())
        })
    }

    fn fetch(
        &self,
        server: &Url,
        name: &str,
        demand: &Demand<'_>,
        progress: &dyn Progress,
        begin: impl FnOnce(&Client) -> Step,
    ) -> Result<Fetched, WebError> {
        let failed =
            |answer: String| WebError { too_long: false, tried: vec![Tried { place: self.place(), answer }] };
        let client = self.client.get_or_init(|| Client::new(AGENT, self.options.clone()));
        let client = client.as_ref().map_err(|reason| failed(reason.clone()))?;
        let no_file = |error: std::io::Error| failed(format!("no temporary file: {error}"));
        let mut incoming = Incoming { file: tempfile::tempfile().map_err(no_file)?, demand };
        let delivery = Delivery {
            client,
            step: format!("Fetching {name}"),
            size_limit: demand.limit,
            explain: demand.explain,
            progress,
        };
        let outcome = delivery.drive(server, begin(client), &mut incoming).map_err(no_file)?;
        let tried = outcome.tried;
        match outcome.end {
            End::Found { .. } => {
                let bytes = content(&incoming.file).map_err(failed)?;
                Ok(Fetched::Found { bytes, etag: outcome.etag })
            }
            End::Missing => Ok(Fetched::Missing { tried }),
            End::Refused => Ok(Fetched::Refused { tried }),
            End::Failed => Err(WebError { too_long: outcome.too_long, tried }),
        }
    }
}

/// A file that is being downloaded.
struct Incoming<'a> {
    file: File,
    demand: &'a Demand<'a>,
}

impl Destination for Incoming<'_> {
    fn file(&self) -> &File {
        &self.file
    }

    fn start(&self, _: Form) -> Start {
        self.demand.start
    }

    fn judge(&mut self, _: Form) -> Result<Option<Pointer>, Refusal> {
        let judged = content(&self.file).and_then(|bytes| (self.demand.judge)(&bytes));
        judged.map(|()| None).map_err(Refusal::Other)
    }
}

/// The bytes of a file that was just written; its size has already been limited.
fn content(mut file: &File) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| error.to_string())
}
