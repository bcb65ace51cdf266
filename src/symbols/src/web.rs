use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::OnceLock;
use std::time::Duration;

use profile::Progress;
use url::Url;

use crate::credentials::Credentials;
use crate::debuginfod::AGENT;
use crate::delivery::Delivery;
use crate::download::{Download, End, Patience, Tried};
use crate::http::{Client, Limits};

/// Reads files below one address over HTTP and HTTPS: the objects of a repository that others keep.
///
/// Proxies, credentials, redirects, idle limits and resumed connections are as for symbol servers.
pub struct Web {
    root: Url,
    credentials: Credentials,
    patience: Patience,
    limits: Limits,
    client: OnceLock<Result<Client, String>>,
}

/// Why an address did not give a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .tried.iter().map(|Tried { place, answer }| format!("{place}: {answer}")).collect::<Vec<_>>().join("; "))]
pub struct WebError {
    /// What was asked, and what the answer was.
    pub tried: Vec<Tried>,
}

impl Web {
    /// The files below `root`; nothing is asked yet.
    pub fn new(root: Url, credentials: Credentials) -> Self {
        let patience = Patience { retries: 2, ..Patience::default() };
        let limits = Limits { connect: Duration::from_secs(10), idle: Duration::from_secs(30) };
        Self { root, credentials, patience, limits, client: OnceLock::new() }
    }

    /// The address, without secrets.
    pub fn place(&self) -> String {
        crate::symbol_path::shown(&self.root)
    }

    /// The file at the path of these parts, of at most `limit` bytes; `None` where the server has none. `judge` looks
    /// at what came, and says what is wrong with it, if anything: a page that asks for a login is no file.
    ///
    /// # Errors
    /// [`WebError`] where the server gives no clear answer, or something that `judge` refuses.
    pub fn read(
        &self,
        path: &[&str],
        limit: u64,
        judge: &dyn Fn(&[u8]) -> Result<(), String>,
        progress: &dyn Progress,
    ) -> Result<Option<Vec<u8>>, WebError> {
        let failed = |answer: String| WebError { tried: vec![Tried { place: self.place(), answer }] };
        let client = self.client.get_or_init(|| Client::new(AGENT, self.credentials.clone(), self.limits));
        let client = client.as_ref().map_err(|reason| failed(reason.clone()))?;
        let file = tempfile::tempfile().map_err(|error| failed(format!("no temporary file: {error}")))?;
        let name = path.last().copied().unwrap_or_default();
        let step = format!("Fetching {name}");
        let mut delivery = Delivery { file: &file, failure: None, step, size_limit: limit, progress };
        let look = |file: &File| judge(&content(file)?);
        let first = Download::at(&self.root, path, self.patience, fastrand::Rng::new());
        let outcome = delivery.drive(first, client, &look);
        if let Some(error) = delivery.failure {
            return Err(failed(format!("no temporary file: {error}")));
        }
        match outcome.end {
            End::Found { .. } => content(&file).map(Some).map_err(failed),
            End::Missing => Ok(None),
            End::Failed => Err(WebError { tried: outcome.tried }),
        }
    }
}

/// The bytes of a file that was just written, whose size has its limit already.
fn content(mut file: &File) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| error.to_string())
}
