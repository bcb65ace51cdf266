//! The server itself: accepts connections and answers requests until it is stopped.

use std::convert::Infallible;
use std::fmt::Write;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use profile::Progress;
use socket2::{Domain, Protocol, Socket};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::spawn_blocking;

use crate::answer::{Answer, Entity, decide};
use crate::body::{Content, Taken};
use crate::clients::{Clients, Place};
use crate::error::Error;
use crate::limits::MirrorLimits;
use crate::pages::{Page, Pages};
use crate::path::Refusal;
use crate::stream::Stream;
use crate::tree::Tree;

/// Serves the files of a folder read-only over HTTP/1.1: a symbol store, or a repository of profiles.
///
/// Anyone who can reach the address can read every file in the folder whose name does not begin with a dot.
pub struct Mirror {
    listener: TcpListener,
    address: SocketAddr,
    folder: PathBuf,
    site: Arc<Site>,
    limits: MirrorLimits,
    stop: Arc<Notify>,
}

/// Stops a [`Mirror`] from another thread.
#[derive(Debug, Clone)]
pub struct MirrorStop(Arc<Notify>);

impl MirrorStop {
    /// Makes [`Mirror::run`] accept no more requests and return.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

/// The number of threads that read files.
const READERS: usize = 16;
/// The maximum size of a request's head, in bytes.
const HEAD: usize = 16 << 10;
/// How many log lines may be queued.
const LINES: usize = 256;
/// The pause after accepting a connection failed (for example, without free file descriptors).
const PAUSE: Duration = Duration::from_millis(20);
/// How many connections the system queues before we accept them.
const BACKLOG: i32 = 1024;
/// How many connections may wait for a place; further ones are closed at once.
const WAITING: usize = 512;
/// How many bytes of an answer the system buffers for a client. With a larger buffer, a slow client could not be
/// distinguished from one that reads nothing.
const SEND_BUFFER: usize = 256 << 10;

impl Mirror {
    /// Binds the first of these addresses that can be bound, and opens the folder; port 0 selects a free port.
    ///
    /// # Errors
    /// [`Error::Listen`] if all addresses are in use; [`Error::Mirror`] if the folder cannot be read.
    pub fn bind(folder: &Path, addresses: &[SocketAddr], limits: MirrorLimits) -> Result<Self, Error> {
        let tree = Tree::new(folder).map_err(|source| Error::Mirror { folder: folder.to_owned(), source })?;
        Self::listen(folder, Some(tree), addresses, limits)
    }

    /// The same for a file, of which nothing is served but what pages show.
    ///
    /// # Errors
    /// [`Error::Listen`] if all addresses are in use.
    pub fn bind_file(file: &Path, addresses: &[SocketAddr], limits: MirrorLimits) -> Result<Self, Error> {
        Self::listen(file, None, addresses, limits)
    }

    fn listen(
        folder: &Path,
        tree: Option<Tree>,
        addresses: &[SocketAddr],
        limits: MirrorLimits,
    ) -> Result<Self, Error> {
        let listening = listen(addresses).and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        let (listener, address) =
            listening.map_err(|source| Error::Listen { addresses: addresses.to_vec(), source })?;
        let site = Arc::new(Site { tree: tree.map(Arc::new), pages: Vec::new() });
        let (folder, stop) = (folder.to_owned(), Arc::new(Notify::new()));
        Ok(Self { listener, address, folder, site, limits, stop })
    }

    /// The same, with pages that come before the files of the folder, and after pages that were added before.
    #[must_use]
    pub fn with_pages(self, pages: Arc<dyn Pages>) -> Self {
        let all = self.site.pages.iter().cloned().chain([pages]).collect();
        let site = Site { tree: self.site.tree.clone(), pages: all };
        Self { site: Arc::new(site), ..self }
    }

    /// The address at which it can be reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stops it.
    pub fn stop(&self) -> MirrorStop {
        MirrorStop(self.stop.clone())
    }

    /// Answers requests until it is stopped, and reports each to `progress`.
    ///
    /// # Errors
    /// [`Error::Mirror`] if the system lacks the resources for a server. Requests never end it.
    pub fn run(self, progress: &dyn Progress) -> Result<(), Error> {
        let failed = |source| Error::Mirror { folder: self.folder.clone(), source };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(READERS)
            .build()
            .map_err(failed)?;
        let result = runtime.block_on(self.serve(progress));
        // Reads that the disk does not complete are not waited for.
        runtime.shutdown_background();
        result.map_err(|source| Error::Mirror { folder: self.folder, source })
    }

    async fn serve(&self, progress: &dyn Progress) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener.try_clone()?)?;
        let clients = Arc::new(Clients::new(self.limits.clone()));
        let waiting = Arc::new(Semaphore::new(WAITING));
        let (teller, mut lines) = mpsc::channel::<String>(LINES);
        let connections = GracefulShutdown::new();
        loop {
            tokio::select! {
                () = self.stop.notified() => break,
                Some(line) = lines.recv() => progress.debug(&line),
                accepted = listener.accept() => match accepted {
                    // Connections without a place wait in tasks of their own, so that accepting never stops.
                    Ok((stream, peer)) => if let Ok(turn) = waiting.clone().try_acquire_owned() {
                        let (clients, teller) = (clients.clone(), teller.clone());
                        let attendant = Attendant { site: self.site.clone(), limits: self.limits.clone(), teller };
                        let watcher = connections.watcher();
                        tokio::spawn(async move {
                            let place = clients.admit(peer.ip()).await;
                            drop(turn);
                            if let Some(place) = place {
                                attendant.attend(stream, peer, place, watcher).await;
                            }
                        });
                    },
                    Err(_) => {
                        clients.shed();
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        drop((listener, teller));
        let over = async {
            tokio::select! {
                () = connections.shutdown() => {}
                () = tokio::time::sleep(self.limits.grace) => {}
            }
        };
        let mut over = std::pin::pin!(over);
        loop {
            tokio::select! {
                biased;
                Some(line) = lines.recv() => progress.debug(&line),
                () = &mut over => return Ok(()),
            }
        }
    }
}

/// What is served: pages, and a folder whose files come after them.
struct Site {
    tree: Option<Arc<Tree>>,
    pages: Vec<Arc<dyn Pages>>,
}

impl Site {
    /// Opens what the path of a request names.
    fn open(&self, path: &str, host: Option<&str>) -> Result<(File, Entity), Refusal> {
        if let Some(page) = self.pages.iter().find_map(|pages| pages.open(path, host)) {
            let Page { file, tag } = page.map_err(Refusal::Failed)?;
            let metadata = file.metadata().map_err(Refusal::Failed)?;
            return Ok((file, Entity { tag: format!("\"{tag}\""), ..Entity::of(&metadata) }));
        }
        let (file, metadata) = self.tree.as_ref().ok_or(Refusal::Absent)?.open(path)?;
        Ok((file, Entity::of(&metadata)))
    }
}

/// Everything that is needed to answer the requests of one connection.
struct Attendant {
    site: Arc<Site>,
    limits: MirrorLimits,
    teller: mpsc::Sender<String>,
}

impl Attendant {
    /// Answers the requests of one connection until it ends or has to give up its place.
    async fn attend(self, stream: TcpStream, peer: SocketAddr, place: Place, watcher: Watcher) {
        // Without this option small answers would wait for acknowledgements.
        let _ = stream.set_nodelay(true);
        let _ = socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
        let place = Arc::new(place);
        let stream = Stream::new(stream, place.clone(), self.limits.stall, self.limits.stall_bytes);
        let (site, teller, requests) = (self.site, self.teller, place.clone());
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let (site, teller, place) = (site.clone(), teller.clone(), requests.clone());
            async move {
                let turn = place.turn().await;
                let line = format!("{peer} {} {}", request.method(), shown(request.uri().path()));
                let (response, why) = respond(&site, &request).await;
                // If the receiver is gone, the mirror is about to stop.
                let _ = teller.send(told(line, &response, &why)).await;
                Ok::<_, Infallible>(response.map(|content| Taken { content, _turn: turn }))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            // A client that disconnects or sends invalid HTTP is not an error of the server.
            _ = watcher.watch(connection) => {}
            () = place.ended() => {}
        }
    }
}

/// Binds the address. The system queues many connections before we accept them.
fn listen(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "no address");
    for address in addresses {
        let listening = || {
            let domain = Domain::for_address(*address);
            let socket = Socket::new(domain, socket2::Type::STREAM, Some(Protocol::TCP))?;
            // As in the standard library: a port can be reused immediately after its server has ended.
            #[cfg(unix)]
            socket.set_reuse_address(true)?;
            socket.bind(&(*address).into())?;
            socket.listen(BACKLOG)?;
            socket.set_nonblocking(true)?;
            Ok(TcpListener::from(socket))
        };
        match listening() {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// The answer to a request, and the reason if it has no bytes of a file.
async fn respond<B>(site: &Arc<Site>, request: &Request<B>) -> (Response<Content>, String) {
    let is_get = match *request.method() {
        Method::GET => true,
        Method::HEAD => false,
        _ => {
            let mut response =
                plain(StatusCode::METHOD_NOT_ALLOWED, true, "only GET and HEAD are answered here");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return (response, String::new());
        }
    };
    let path = request.uri().path().to_owned();
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let opened = {
        let (site, path) = (site.clone(), path.clone());
        spawn_blocking(move || site.open(&path, host.as_deref()))
            .await
            .unwrap_or_else(|error| Err(Refusal::Failed(io::Error::other(error))))
    };
    let (file, entity) = match opened {
        Ok(opened) => opened,
        Err(refusal) => return refused(refusal, is_get),
    };
    let answer = decide(request.headers(), &entity, is_get);
    let (status, range) = match &answer {
        Answer::Whole => (StatusCode::OK, Some(0..entity.size)),
        Answer::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range.clone())),
        Answer::NotModified => (StatusCode::NOT_MODIFIED, None),
        Answer::Changed => {
            return (plain(StatusCode::PRECONDITION_FAILED, is_get, "the file changed"), String::new());
        }
        Answer::Unsatisfiable => {
            let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, is_get, "the file has no such bytes");
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", entity.size));
            return (response, String::new());
        }
    };
    let content = match &range {
        Some(range) if is_get => match Content::file(file, range.clone()) {
            Ok(content) => content,
            Err(error) => return refused(Refusal::Failed(error), is_get),
        },
        _ => Content::nothing(),
    };
    let mut response = Response::new(content);
    *response.status_mut() = status;
    set(&mut response, header::ETAG, &entity.tag);
    set(&mut response, header::LAST_MODIFIED, &entity.last_modified());
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    if let Some(range) = range {
        set(&mut response, header::CONTENT_TYPE, content_type(&path));
        set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(&mut response, header::CONTENT_LENGTH, &(range.end - range.start).to_string());
        if status == StatusCode::PARTIAL_CONTENT {
            let bytes = format!("bytes {}-{}/{}", range.start, range.end - 1, entity.size);
            set(&mut response, header::CONTENT_RANGE, &bytes);
        }
    }
    (response, String::new())
}

/// The answer if there is no file. Reasons that the operator has to fix are logged and not sent to the client.
fn refused(refusal: Refusal, is_get: bool) -> (Response<Content>, String) {
    match refusal {
        Refusal::Malformed(reason) => (plain(StatusCode::BAD_REQUEST, is_get, reason), reason.to_owned()),
        Refusal::Absent => (plain(StatusCode::NOT_FOUND, is_get, "not here"), String::new()),
        Refusal::Leaves => {
            let why = "a link leads out of the folder";
            (plain(StatusCode::FORBIDDEN, is_get, "not served"), why.to_owned())
        }
        Refusal::Failed(error) => {
            let response = plain(StatusCode::INTERNAL_SERVER_ERROR, is_get, "the file cannot be read");
            (response, error.to_string())
        }
    }
}

/// An answer without a file.
fn plain(status: StatusCode, with_text: bool, text: &str) -> Response<Content> {
    let text = format!("{text}\n");
    let content = if with_text { Content::text(&text) } else { Content::nothing() };
    let mut response = Response::new(content);
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    set(&mut response, header::CONTENT_LENGTH, &text.len().to_string());
    response
}

fn set(response: &mut Response<Content>, name: header::HeaderName, value: &str) {
    // All headers are our own, with plain characters.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The media type of a file, by its name. A `.gz` file is served as such: no content encoding is given, so that no
/// client decompresses it in transit.
fn content_type(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("gz") => "application/gzip",
        Some("json") => "application/json",
        Some("txt" | "ptr" | "yaml" | "yml") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// A path for the log, since clients may send any bytes.
fn shown(path: &str) -> String {
    path.chars().take(512).flat_map(char::escape_debug).collect()
}

fn told(mut line: String, response: &Response<Content>, why: &str) -> String {
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    // Writing to a string cannot fail.
    let _ = write!(line, " {} {}", response.status().as_u16(), length.unwrap_or("-"));
    if !why.is_empty() {
        let _ = write!(line, " ({why})");
    }
    line
}
