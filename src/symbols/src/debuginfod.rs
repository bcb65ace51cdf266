use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use profile::{OutputFile, Progress};
use url::Url;

use crate::build_id::BuildId;
use crate::client_options::ClientOptions;
use crate::delivery::{Delivery, Destination};
use crate::download::{Download, End, Tried};
use crate::error::Error;
use crate::http::Client;
use crate::layout::Form;
use crate::pointer::Pointer;
use crate::start::Start;
use crate::store::Refusal;
use crate::symbol_path::shown;

/// How debug files are fetched.
#[derive(Clone, Debug)]
pub struct DebugOptions {
    /// The debuginfod servers, in the order in which they are tried.
    pub servers: Vec<Url>,
    /// How servers are contacted.
    pub client: ClientOptions,
    /// The largest accepted file, in bytes.
    pub size_limit: u64,
}

impl DebugOptions {
    /// Options with limits that suit most users.
    pub fn new(servers: Vec<Url>) -> Self {
        // A server may have to unpack a package before its answer begins.
        let client = ClientOptions { idle_limit: Duration::from_secs(120), ..ClientOptions::default() };
        Self { servers, client, size_limit: 8 << 30 }
    }
}

/// A debug file that was downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebugFile {
    /// Its path.
    pub path: PathBuf,
    /// The address it came from, without secrets.
    pub from: String,
    /// Its size in bytes.
    pub size: u64,
}

/// Our user agent, by which debuginfod servers count clients.
pub(crate) const AGENT: &str = concat!("rekall-profile/", env!("CARGO_PKG_VERSION"));

/// Downloads the debug file with this build-id (`/buildid/ID/debuginfo`) to `path`. The file appears there only when
/// it is complete. A broken connection is resumed. `judge` checks the file before it gets its name, and returns the
/// problem if there is one.
///
/// # Errors
/// [`Error`], with every server that was tried.
pub fn fetch_debug(
    build_id: &BuildId,
    path: &Path,
    options: &DebugOptions,
    judge: &dyn Fn(&File) -> Result<(), String>,
    progress: &dyn Progress,
) -> Result<DebugFile, Error> {
    let client = Client::new(AGENT, options.client.clone()).map_err(|reason| Error::Client { reason })?;
    let cannot_write = |source| Error::DebugFile { path: path.to_owned(), source };
    let (mut tried, mut unsure, mut refused) = (Vec::new(), false, false);
    if options.client.offline {
        let place = |server| Tried { place: shown(server), answer: "not asked (offline)".into() };
        tried.extend(options.servers.iter().map(place));
        return Err(Error::DebugFileUnavailable { build_id: build_id.clone(), tried });
    }
    let mut incoming = Incoming { file: OutputFile::create_seekable(path).map_err(cannot_write)?, judge };
    let delivery = Delivery {
        client: &client,
        step: format!("Fetching {build_id}"),
        size_limit: options.size_limit,
        explain: None,
        progress,
    };
    for server in &options.servers {
        let place = ["buildid", &build_id.to_string(), "debuginfo"];
        let first = Download::at(server, &place, client.patience(server), fastrand::Rng::new());
        let outcome = delivery.drive(server, first, &mut incoming).map_err(cannot_write)?;
        tried.extend(outcome.tried);
        match outcome.end {
            End::Found { from } => {
                let size = incoming.file.as_file().metadata().map_err(cannot_write)?.len();
                incoming.file.commit().map_err(cannot_write)?;
                return Ok(DebugFile { path: path.to_owned(), from, size });
            }
            End::Missing => {}
            End::Refused => refused = true,
            End::Failed => unsure = true,
        }
    }
    let build_id = build_id.clone();
    Err(match (unsure, refused) {
        (true, _) => Error::DebugFileUnavailable { build_id, tried },
        (false, true) => Error::DebugFileRefused { build_id, tried },
        (false, false) => Error::NoDebugFile { build_id, tried },
    })
}

/// A debug file that is being downloaded.
struct Incoming<'a> {
    file: OutputFile,
    judge: &'a dyn Fn(&File) -> Result<(), String>,
}

impl Destination for Incoming<'_> {
    fn file(&self) -> &File {
        self.file.as_file()
    }

    fn start(&self, _: Form) -> Start {
        Start::Elf
    }

    fn judge(&mut self, _: Form) -> Result<Option<Pointer>, Refusal> {
        (self.judge)(self.file.as_file()).map(|()| None).map_err(Refusal::Other)
    }
}
