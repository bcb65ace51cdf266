//! The thin layer over the sockets: sends a request, returns the answer, and remembers how servers behaved in this
//! run.

use std::cell::Cell;
use std::collections::HashMap;
use std::error::Error as _;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client as Inner, ClientBuilder, Response};
use reqwest::header;
use url::Url;

use crate::client_options::{ClientOptions, LeastRate};
use crate::download::{Head, Patience, Request};

/// Sends requests over HTTP and HTTPS.
pub(crate) struct Client {
    /// For servers without TLS: it trusts no authority, because reading those of the system takes several milliseconds.
    plain: Inner,
    /// For servers with TLS, made when the first one is asked.
    secure: OnceLock<Result<Inner, String>>,
    agent: String,
    options: ClientOptions,
    servers: Mutex<HashMap<String, Manner>>,
}

/// How a server has behaved in this run. All requests to it share this.
#[derive(Debug, Clone, Copy, Default)]
struct Manner {
    /// It asked for no requests before this time.
    not_before: Option<Instant>,
    /// It failed until the retries were used up: from now on it gets one attempt per file.
    down: bool,
    /// It did not answer in time or sent too slowly: it is not contacted again.
    silent: bool,
}

/// The user agent that Microsoft's server expects; some mirrors refuse others.
pub(crate) const MICROSOFT_AGENT: &str = "Microsoft-Symbol-Server/10.0.0.0";
const MSFZ: &str = "application/msfz0";

fn builder(agent: &str, options: &ClientOptions) -> ClientBuilder {
    Inner::builder()
        .user_agent(agent)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .http1_only()
        .connect_timeout(options.connect_limit)
        // In the blocking client this limits each step (the head, one read of the body).
        .timeout(options.idle_limit)
}

/// Whether the proxy that the environment names for servers without TLS has TLS itself.
fn is_proxy_secure() -> bool {
    let proxies = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    let is_secure = |name: &&str| {
        let proxy = std::env::var(name).unwrap_or_default();
        proxy.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
    };
    proxies.iter().any(is_secure)
}

impl Client {
    /// Makes a client with this user agent and the proxies in the environment.
    pub fn new(agent: &str, options: ClientOptions) -> Result<Self, String> {
        // This fails if the program has already chosen a provider, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plain = builder(agent, &options).tls_certs_only([]).build().map_err(|error| reason(&error))?;
        let (secure, agent) = (OnceLock::new(), agent.to_owned());
        Ok(Self { plain, secure, agent, options, servers: Mutex::default() })
    }

    /// What sends requests to the server of this address.
    fn inner(&self, url: &Url) -> Result<&Inner, String> {
        if url.scheme() == "http" && !is_proxy_secure() {
            return Ok(&self.plain);
        }
        let builder = || builder(&self.agent, &self.options);
        let secure = self.secure.get_or_init(|| {
            // This fails if the system has no authorities.
            let trusting_the_system = builder().build();
            trusting_the_system
                .or_else(|_| builder().tls_certs_only(crate::authorities::substitutes()).build())
                .map_err(|error| reason(&error))
        });
        secure.as_ref().map_err(Clone::clone)
    }

    /// Sends the request and waits for the head of the answer.
    pub fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        if self.options.offline {
            return Err(Failure { reason: "not asked (offline)".into(), kind: FailureKind::Lasting });
        }
        if self.manner(&request.url, |manner| manner.silent) {
            let reason = "not asked again: it did not answer in time before".into();
            return Err(Failure { reason, kind: FailureKind::Lasting });
        }
        self.wait(&request.url);
        let accept = if request.accept_msfz { MSFZ } else { "*/*" };
        let mut url = request.url.clone();
        if !request.credentials {
            // Credentials in the address of one server are not sent to another.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        let inner = self.inner(&url).map_err(|reason| Failure { reason, kind: FailureKind::Lasting })?;
        let mut builder = inner.get(url).header(header::ACCEPT, accept);
        // Parts of a file can be joined only if it is not encoded.
        builder = builder.header(header::ACCEPT_ENCODING, "identity");
        if request.credentials {
            for (name, value) in self.options.credentials.headers_for(&request.url) {
                builder = builder.header(name, value);
            }
        }
        if let Some(resume) = &request.resume {
            builder = builder.header(header::RANGE, format!("bytes={}-", resume.offset));
            builder = builder.header(header::IF_RANGE, resume.validator.as_str());
        }
        if let Some(part) = &request.part {
            // The last byte is included (RFC 9110, section 14.1.2).
            let last = part.end.saturating_sub(1);
            builder = builder.header(header::RANGE, format!("bytes={}-{last}", part.start));
        }
        match builder.send() {
            Ok(response) => Ok(Answer {
                head: head(&response),
                response,
                pace: Pace::new(self.options.least_rate),
                received: Rc::default(),
                trouble: None,
            }),
            Err(error) => {
                let kind = FailureKind::of(&error);
                if kind == FailureKind::Late {
                    self.manner(&request.url, |manner| manner.silent = true);
                }
                Err(Failure { reason: reason(&error), kind })
            }
        }
    }

    /// The patience for a server; there are no retries after it has failed completely.
    pub fn patience(&self, url: &Url) -> Patience {
        let down = self.manner(url, |manner| manner.down);
        let patience = self.options.patience;
        if down { Patience { retries: 0, ..patience } } else { patience }
    }

    /// Remembers whether a server failed until the retries were used up.
    pub fn set_down(&self, url: &Url, down: bool) {
        self.manner(url, |manner| manner.down = down);
    }

    /// Remembers that a server sent too slowly.
    pub fn set_silent(&self, url: &Url) {
        self.manner(url, |manner| manner.silent = true);
    }

    /// Sends no requests to a server for this long, in any thread.
    pub fn leave_alone(&self, url: &Url, pause: Duration) {
        let until = Instant::now() + pause;
        self.manner(url, |manner| manner.not_before = manner.not_before.max(Some(until)));
    }

    fn wait(&self, url: &Url) {
        while let Some(until) = self.manner(url, |manner| manner.not_before)
            && let Some(rest) = until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())
        {
            std::thread::sleep(rest);
        }
    }

    fn manner<T>(&self, url: &Url, work: impl FnOnce(&mut Manner) -> T) -> T {
        let server = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        work(servers.entry(server).or_default())
    }
}

/// Why no answer arrived, in words that contain no address.
pub(crate) struct Failure {
    pub reason: String,
    pub kind: FailureKind,
}

/// What a retry can be expected to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Perhaps an answer.
    Passing,
    /// No connection was made.
    Unreachable,
    /// No data arrived within the time limit.
    Late,
    /// The same failure: client and server disagree on TLS, on the server's identity, or on HTTP.
    Lasting,
}

impl FailureKind {
    fn of(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Late;
        }
        let lasting = causes(error).any(|cause| {
            cause.is::<rustls::Error>()
                || cause.downcast_ref::<hyper::Error>().is_some_and(|error| error.is_parse())
        });
        match lasting {
            true => Self::Lasting,
            false if error.is_connect() => Self::Unreachable,
            false => Self::Passing,
        }
    }
}

/// An answer: its head, and its body to be read.
pub(crate) struct Answer {
    pub head: Head,
    response: Response,
    pace: Pace,
    received: Rc<Cell<u64>>,
    trouble: Option<Trouble>,
}

/// Why a body ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The connection broke.
    Broke(String),
    /// No data arrived for longer than the limit.
    Stalled(String),
    /// It arrived too slowly.
    TooSlow(String),
}

impl Answer {
    /// The network failure that ended the body, if there was one.
    pub fn trouble(&mut self) -> Option<Trouble> {
        self.trouble.take()
    }

    /// How many bytes of the body have arrived over the network, updated while it is being read.
    pub fn received(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.received)
    }

    /// The beginning of the body, at most `limit` bytes of it, as text.
    pub fn excerpt(&mut self, limit: u64) -> String {
        let mut bytes = Vec::new();
        // The error of an interrupted body describes the interruption.
        let _ = self.by_ref().take(limit).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.response.read(buffer);
        match result {
            Ok(count) if self.pace.keeps_up(count) => {
                self.received.set(self.received.get().saturating_add(count as u64));
                Ok(count)
            }
            Ok(_) => {
                let reason = format!("it sends less than {}; given up", self.pace.least);
                self.trouble = Some(Trouble::TooSlow(reason.clone()));
                Err(io::Error::other(reason))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let (reason, stalled) = broken(error);
                let trouble = if stalled { Trouble::Stalled } else { Trouble::Broke };
                self.trouble = Some(trouble(reason.clone()));
                Err(io::Error::other(reason))
            }
        }
    }
}

/// Measures how fast a body arrives.
struct Pace {
    least: LeastRate,
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn new(least: LeastRate) -> Self {
        Self { least, since: Instant::now(), bytes: 0 }
    }

    /// Counts the bytes that arrived; returns false if the rate was too low for the whole measuring time.
    fn keeps_up(&mut self, count: usize) -> bool {
        self.bytes += count as u64;
        let elapsed = self.since.elapsed();
        // The end of a body is never too slow.
        if count == 0 || self.least.bytes_per_second == 0 || elapsed < self.least.during {
            return true;
        }
        let expected = self.least.bytes_per_second as f64 * elapsed.as_secs_f64();
        let keeps_up = self.bytes as f64 >= expected;
        self.since = Instant::now();
        self.bytes = 0;
        keeps_up
    }
}

/// Why a body was interrupted, in words that contain no address, and whether it was a timeout.
fn broken(error: io::Error) -> (String, bool) {
    let late = error.kind() == io::ErrorKind::TimedOut;
    match error.downcast::<reqwest::Error>() {
        Ok(error) => (reason(&error), late || error.is_timeout()),
        Err(error) => (error.to_string(), late),
    }
}

fn head(response: &Response) -> Head {
    let text = |name: header::HeaderName| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    // A header that is repeated is a list (RFC 9110, section 5.3).
    let encodings = response.headers().get_all(header::CONTENT_ENCODING);
    let encodings: Vec<_> = encodings.iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    Head {
        status: response.status().as_u16(),
        location: text(header::LOCATION),
        retry_after: text(header::RETRY_AFTER),
        content_length: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        content_range: text(header::CONTENT_RANGE),
        content_type: text(header::CONTENT_TYPE),
        content_encoding: Some(encodings.join(",")).filter(|text| !text.is_empty()),
        etag: text(header::ETAG),
        last_modified: text(header::LAST_MODIFIED),
        date: text(header::DATE),
        detail: None,
    }
}

/// The failure and its first cause, on one line.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return if error.is_connect() {
            "no connection in time".into()
        } else {
            "no data arrived in time".into()
        };
    }
    let what = match error {
        _ if error.is_connect() => "no connection".to_owned(),
        _ if error.is_body() || error.is_decode() => "the connection broke".to_owned(),
        _ => "the request failed".to_owned(),
    };
    match causes(error).last() {
        Some(cause) => format!("{what}: {cause}"),
        None => what,
    }
}

/// The errors behind an error, the first cause last.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| behind(*cause))
}

fn behind<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a (dyn std::error::Error + 'static)> {
    // I/O errors do not show the errors that they wrap.
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inner.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_judged_over_its_time_and_the_end_of_a_body_is_never_too_slow() {
        let least = LeastRate { bytes_per_second: 1000, during: Duration::from_millis(20) };
        let mut pace = Pace::new(least);
        assert!(pace.keeps_up(1));
        std::thread::sleep(Duration::from_millis(30));
        assert!(pace.keeps_up(0));
        assert!(!pace.keeps_up(1));
        // A new measurement begins.
        assert!(pace.keeps_up(1));
        std::thread::sleep(Duration::from_millis(30));
        assert!(pace.keeps_up(1 << 20));
        let mut any = Pace::new(LeastRate { bytes_per_second: 0, during: Duration::ZERO });
        assert!(any.keeps_up(1));
    }
}
