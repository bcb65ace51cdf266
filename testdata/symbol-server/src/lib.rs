//! A symbol server on the loopback interface, for tests and scripts: it serves a folder, or misbehaves as a test
//! requires.
//!
//! Start here: [`Server::start`] with a function from [`Request`] to [`Response`]; [`folder`] makes one that serves a
//! store. [`fixture`] makes PDBs to serve; [`hostile`](hostile::hostile) misbehaves in named ways.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

pub mod fixture;
pub mod hostile;
mod msfz;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The requested path with its query, or a whole address for a proxy.
    pub target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(theirs, _)| theirs == name).map(|(_, value)| value.as_str())
    }

    /// The path without its query, and without the host where a proxy is asked.
    pub fn path(&self) -> &str {
        let path = match self.target.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => &self.target,
        };
        path.split('?').next().unwrap_or(path)
    }
}

/// An answer.
#[derive(Clone)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Arc<[u8]>,
    length: Option<u64>,
    fault: Fault,
    script: Option<Arc<Script>>,
}

/// Writes the whole connection instead of an answer.
type Script = dyn Fn(&mut dyn Write) -> std::io::Result<()> + Send + Sync;

/// The fault of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection is closed before any answer.
    Silence,
    /// No answer arrives as long as the other side waits.
    Mute,
    /// The connection is closed after this many bytes of the body.
    BreakAfter(usize),
    /// The connection is reset after this many bytes of the body, if the system can do that.
    ResetAfter(usize),
    /// After this many bytes of the body nothing more arrives as long as the other side waits.
    StallAfter(usize),
    /// The body arrives in pieces of this many bytes, with a pause of this many milliseconds after each.
    Trickle(usize, u64),
}

impl Response {
    /// An answer with a status and no body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Arc::from([]),
            length: Some(0),
            fault: Fault::None,
            script: None,
        }
    }

    /// An answer built by hand, including the head.
    pub fn script(write: impl Fn(&mut dyn Write) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        Self { script: Some(Arc::new(write)), ..Self::status(200) }
    }

    /// A valid answer.
    pub fn bytes(body: impl Into<Arc<[u8]>>) -> Self {
        let body = body.into();
        Self { length: Some(body.len() as u64), body, ..Self::status(200) }
    }

    /// A page, as a captive portal sends it.
    pub fn page() -> Self {
        let page = "<!DOCTYPE html>\n<html><body>Please log in to the network.</body></html>\n";
        Self::bytes(page.as_bytes()).with("Content-Type", "text/html")
    }

    /// A redirect.
    pub fn redirect(to: &str) -> Self {
        Self::status(302).with("Location", to)
    }

    /// The requested part of the body, if the request's validator still matches.
    pub fn ranged(self, request: &Request, etag: &str) -> Self {
        let answer = self.with("ETag", etag);
        let total = answer.body.len();
        let range = request
            .header("range")
            .and_then(|range| range.strip_prefix("bytes="))
            .and_then(|range| range.split_once('-'))
            .and_then(|(start, last)| {
                let end = if last.is_empty() { total } else { last.parse::<usize>().ok()? + 1 };
                Some((start.parse::<usize>().ok()?, end.min(total)))
            });
        match range {
            Some((start, end)) if request.header("if-range").is_none_or(|theirs| theirs == etag) => {
                if start >= end {
                    return Self::status(416);
                }
                let part = Self {
                    status: 206,
                    body: answer.body[start..end].into(),
                    length: Some((end - start) as u64),
                    ..answer
                };
                part.with("Content-Range", &format!("bytes {start}-{}/{total}", end - 1))
            }
            _ => answer,
        }
    }

    /// With one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With a length in its head that may be false; without one the connection is closed at the end.
    pub fn with_length(mut self, length: Option<u64>) -> Self {
        self.length = length;
        self
    }

    /// With a fault.
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }
}

/// A server that runs until it is dropped.
pub struct Server {
    address: SocketAddr,
    secure: bool,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
    listener: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts a server on a free port that answers with `handler`.
    ///
    /// # Errors
    /// Whatever opening the port gives.
    pub fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::listen(handler, None)
    }

    /// Starts a server that speaks TLS under the name localhost, and gives the certificate that a client has to
    /// trust, as PEM.
    ///
    /// # Errors
    /// Whatever opening the port or making the certificate gives.
    pub fn start_tls(
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> std::io::Result<(Self, String)> {
        let key =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(std::io::Error::other)?;
        let secret = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], secret.map_err(std::io::Error::other)?)
            .map_err(std::io::Error::other)?;
        Ok((Self::listen(handler, Some(Arc::new(tls)))?, key.cert.pem()))
    }

    fn listen(
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> std::io::Result<Self> {
        let secure = tls.is_some();
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let (log, stop) = (Arc::clone(&requests), Arc::clone(&stopped));
        let handler = Arc::new(handler);
        let connections: Arc<AtomicUsize> = Arc::default();
        let count = Arc::clone(&connections);
        let listener = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let Ok(stream) = stream else { continue };
                let (log, stop, handler) = (Arc::clone(&log), Arc::clone(&stop), Arc::clone(&handler));
                let tls = tls.clone();
                thread::spawn(move || {
                    // The other side may go away at any time; a test sees that on its own side.
                    let served = match tls.and_then(|tls| rustls::ServerConnection::new(tls).ok()) {
                        Some(tls) => {
                            serve(rustls::StreamOwned::new(tls, &stream), &stream, &log, &stop, &*handler)
                        }
                        None => serve(&stream, &stream, &log, &stop, &*handler),
                    };
                    // A connection that is to be reset must not be ended in order first.
                    if !served.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset) {
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                });
            }
        });
        Ok(Self { address, secure, requests, connections, stopped, listener: Some(listener) })
    }

    /// Starts a server for a folder.
    ///
    /// # Errors
    /// Whatever opening the port gives.
    pub fn of_folder(root: &Path) -> std::io::Result<Self> {
        Self::start(folder(root))
    }

    /// The address of the server, without a slash at the end.
    pub fn url(&self) -> String {
        self.url_as("127.0.0.1")
    }

    /// The address with another name of this machine, which makes it another host to a client.
    pub fn url_as(&self, host: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{host}:{}", self.address.port())
    }

    /// Every request so far, in the order they came.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections were made so far, also those over which nothing was asked.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The paths of every request so far.
    pub fn paths(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.path().to_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees the flag.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// Serves the files of a folder, with ranges; everything else is 404.
pub fn folder(root: &Path) -> impl Fn(&Request) -> Response + Send + Sync + 'static {
    let root = root.to_owned();
    move |request| match file_below(&root, request.path()).and_then(|path| std::fs::read(path).ok()) {
        Some(bytes) => Response::bytes(bytes).ranged(request, "\"1\""),
        None => Response::status(404),
    }
}

fn file_below(root: &Path, path: &str) -> Option<PathBuf> {
    let path = decoded(path.strip_prefix('/')?)?;
    let path = Path::new(&path);
    path.components().all(|part| matches!(part, Component::Normal(_))).then(|| root.join(path))
}

/// Undoes percent encoding.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn serve(
    mut stream: impl Read + Write,
    socket: &TcpStream,
    log: &Mutex<Vec<Request>>,
    stop: &AtomicBool,
    handler: &dyn Fn(&Request) -> Response,
) -> std::io::Result<()> {
    let request = read_request(&mut BufReader::new(&mut stream))?;
    log.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
    let response = handler(&request);
    let mut out = stream;
    match response.fault {
        Fault::Silence => return Ok(()),
        Fault::Mute => return hold(&mut out, socket, stop),
        _ => {}
    }
    if let Some(script) = &response.script {
        // An endless script stops with the server, whose sockets then fail.
        script(&mut Until { out: &mut out, stop })?;
        return out.flush();
    }
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", response.status);
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(length) = response.length {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    head.push_str("\r\n");
    out.write_all(head.as_bytes())?;
    let part = |most: usize| &response.body[..response.body.len().min(most)];
    match response.fault {
        Fault::None => out.write_all(&response.body)?,
        Fault::Silence | Fault::Mute => {}
        Fault::BreakAfter(most) => out.write_all(part(most))?,
        Fault::ResetAfter(most) => {
            out.write_all(part(most))?;
            out.flush()?;
            // Data that was sent arrives first.
            thread::sleep(Duration::from_millis(20));
            reset(socket);
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        Fault::StallAfter(most) => {
            out.write_all(part(most))?;
            out.flush()?;
            hold(&mut out, socket, stop)?;
        }
        Fault::Trickle(size, pause) => {
            for piece in response.body.chunks(size.max(1)) {
                out.write_all(piece)?;
                out.flush()?;
                thread::sleep(Duration::from_millis(pause));
            }
        }
    }
    out.flush()
}

/// A connection over which nothing more goes once the server stops.
struct Until<'a, W> {
    out: &'a mut W,
    stop: &'a AtomicBool,
}

impl<W: Write> Write for Until<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Makes the socket reset its connection when it is closed, in place of ending it in order.
#[cfg(unix)]
fn reset(socket: &TcpStream) {
    // Without it, the connection ends in order, which is a broken connection too.
    let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

#[cfg(not(unix))]
fn reset(_: &TcpStream) {}

/// Keeps the connection open until the other side closes it, or the server stops.
fn hold(stream: &mut impl Read, socket: &TcpStream, stop: &AtomicBool) -> std::io::Result<()> {
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    while !stop.load(Ordering::SeqCst) {
        match stream.read(&mut [0]) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn read_request(source: &mut impl BufRead) -> std::io::Result<Request> {
    let mut line = String::new();
    source.read_line(&mut line)?;
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if source.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(Request { target, headers });
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}
