use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, OnceLock};

use profile::Progress;
use sha2::{Digest, Sha256};
use url::Url;

use crate::client_options::ClientOptions;
use crate::debuginfod::AGENT;
use crate::delivery::{Delivery, Destination};
use crate::download::{Download, End, Tried};
use crate::http::Client;
use crate::layout::Form;
use crate::pointer::Pointer;
use crate::ranges::{Ranges, Whole};
use crate::start::Start;
use crate::store::Refusal;
use crate::symbol_path::shown;

/// Fetches files that have addresses of their own: listings and packages of archives, symbol tables.
///
/// Everything is as for symbol servers: proxies, credentials, redirects, limits, resumed connections, encodings. What
/// comes is kept in temporary files, which nobody sees and which go with the process.
pub struct Downloads {
    options: ClientOptions,
    client: OnceLock<Result<Arc<Client>, String>>,
}

/// What a file at an address has to be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The largest file that is taken, in bytes.
    pub limit: u64,
    /// Its size in bytes, if a listing states it.
    pub size: Option<u64>,
    /// The SHA-256 of its bytes in lower-case hexadecimal digits, if a listing states it.
    pub sha256: Option<&'a str>,
}

/// A file that was fetched.
#[derive(Debug)]
pub struct FetchedFile {
    /// The file, to be read from its beginning.
    pub file: File,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes in lower-case hexadecimal digits.
    pub sha256: String,
}

/// Why an address gave no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", Tried::list(.tried))]
pub struct DownloadError {
    /// Whether the server says that it does not have the file (404 or 403), so that asking again is of no use.
    pub missing: bool,
    /// What was asked, and what the answer was.
    pub tried: Vec<Tried>,
}

impl Downloads {
    /// Nothing is asked yet.
    pub fn new(options: ClientOptions) -> Self {
        Self { options, client: OnceLock::new() }
    }

    /// Whether nobody is contacted.
    pub fn offline(&self) -> bool {
        self.options.offline
    }

    /// Fetches the file at an address.
    ///
    /// # Errors
    /// [`DownloadError`] if the server does not have it, gives no clear answer, or sends something else than is
    /// expected.
    pub fn fetch(
        &self,
        url: &Url,
        expected: Expected<'_>,
        progress: &dyn Progress,
    ) -> Result<FetchedFile, DownloadError> {
        let failed = |answer: String| DownloadError {
            missing: false,
            tried: vec![Tried { place: shown(url), answer }],
        };
        if self.options.offline {
            return Err(failed("not asked (offline)".to_owned()));
        }
        let client = self.client().map_err(failed)?;
        let no_file = |error: std::io::Error| failed(format!("the temporary file: {error}"));
        let mut incoming = Incoming {
            file: tempfile::tempfile().map_err(no_file)?,
            expected,
            size: 0,
            sha256: String::new(),
        };
        let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let delivery = Delivery {
            client: &client,
            step: format!("Fetching {name}"),
            size_limit: expected.size.map_or(expected.limit, |size| size.min(expected.limit)),
            explain: None,
            progress,
        };
        let first = Download::of(url, client.patience(url), fastrand::Rng::new());
        let outcome = delivery.drive(url, first, &mut incoming).map_err(no_file)?;
        let tried = outcome.tried;
        match outcome.end {
            End::Found { .. } => {
                let Incoming { file, size, sha256, .. } = incoming;
                Ok(FetchedFile { file, size, sha256 })
            }
            End::Missing | End::Refused => Err(DownloadError { missing: true, tried }),
            End::Failed => Err(DownloadError { missing: false, tried }),
        }
    }

    /// Opens the file at an address to read parts of it. `whole` limits what a server that gives no parts may send.
    ///
    /// # Errors
    /// [`Tried`] with the server's answer.
    pub fn parts(&self, url: &Url, whole: Whole, progress: &dyn Progress) -> Result<Ranges, Tried> {
        let tried = |answer: String| Tried { place: shown(url), answer };
        if self.options.offline {
            return Err(tried("not asked (offline)".to_owned()));
        }
        Ranges::of(url, self.client().map_err(tried)?, whole, progress)
    }

    /// The client of all requests, which remembers the servers that do not answer.
    fn client(&self) -> Result<Arc<Client>, String> {
        self.client.get_or_init(|| Client::new(AGENT, self.options.clone()).map(Arc::new)).clone()
    }

    /// Fetches the file at an address into memory.
    ///
    /// # Errors
    /// As for [`Downloads::fetch`].
    pub fn read(
        &self,
        url: &Url,
        expected: Expected<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<u8>, DownloadError> {
        let mut fetched = self.fetch(url, expected, progress)?;
        let mut bytes = Vec::new();
        fetched.file.read_to_end(&mut bytes).map_err(|error| DownloadError {
            missing: false,
            tried: vec![Tried { place: shown(url), answer: format!("the temporary file: {error}") }],
        })?;
        Ok(bytes)
    }
}

/// A file on its way.
struct Incoming<'a> {
    file: File,
    expected: Expected<'a>,
    size: u64,
    sha256: String,
}

impl Incoming<'_> {
    /// Reads what came, and compares it with what is stated of it.
    fn check(&mut self) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("the temporary file: {error}");
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        let mut size = 0;
        loop {
            let count = file.read(&mut buffer).map_err(failed)?;
            let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
            digest.update(read);
            size += count as u64;
        }
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let sha256: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if let Some(expected) = self.expected.size.filter(|expected| *expected != size) {
            return Err(format!("it has {size} bytes, expected {expected} by the listing; {CHANGED}"));
        }
        if let Some(expected) = self.expected.sha256.filter(|expected| *expected != sha256) {
            return Err(format!("its SHA-256 is {sha256}, expected {expected} by the listing; {CHANGED}"));
        }
        (self.size, self.sha256) = (size, sha256);
        Ok(())
    }
}

/// What to do about a listing and a file that differ.
const CHANGED: &str = "the archive changed or is damaged: read its listing again";

impl Destination for Incoming<'_> {
    fn file(&self) -> &File {
        &self.file
    }

    fn start(&self, _: Form) -> Start {
        Start::NoPage
    }

    fn judge(&mut self, _: Form) -> Result<Option<Pointer>, Refusal> {
        self.check().map(|()| None).map_err(Refusal::Other)
    }
}
