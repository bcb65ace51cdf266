//! The thin layer over the sockets: one request, one answer, no decisions.

use std::error::Error as _;
use std::io::{self, Read};
use std::time::Duration;

use reqwest::blocking::{Client as Inner, Response};
use reqwest::header;

use crate::credentials::Credentials;
use crate::download::{Head, Request};

/// Sends requests over HTTP and HTTPS.
pub(crate) struct Client {
    inner: Inner,
    credentials: Credentials,
}

/// What Microsoft's server expects to be asked by; some mirrors refuse others.
pub(crate) const MICROSOFT_AGENT: &str = "Microsoft-Symbol-Server/10.0.0.0";
const MSFZ: &str = "application/msfz0";

/// How long connecting may take, and how long nothing may come. There is no limit to the whole: servers are slow
/// at times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub connect: Duration,
    pub idle: Duration,
}

impl Client {
    /// A client that calls itself `agent`, with the proxies that the environment names.
    pub fn new(agent: &str, credentials: Credentials, limits: Limits) -> Result<Self, String> {
        // Fails where the program has chosen a provider already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let inner = Inner::builder()
            .user_agent(agent)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            .connect_timeout(limits.connect)
            // In the blocking client this is the time for one step (the head, one read of the body).
            .timeout(limits.idle)
            .build()
            .map_err(|error| reason(&error))?;
        Ok(Self { inner, credentials })
    }

    /// Sends the request and waits for the head of the answer.
    pub fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        let accept = if request.accept_msfz { MSFZ } else { "*/*" };
        let mut url = request.url.clone();
        if !request.credentials {
            // What stood in the address of another server does not go along.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        let mut builder = self.inner.get(url).header(header::ACCEPT, accept);
        if request.credentials {
            for (name, value) in self.credentials.headers_for(&request.url) {
                builder = builder.header(name, value);
            }
        }
        if let Some(resume) = &request.resume {
            builder = builder.header(header::RANGE, format!("bytes={}-", resume.offset));
            builder = builder.header(header::IF_RANGE, resume.validator.as_str());
        }
        let response = builder.send().map_err(|error| Failure {
            lasting: matches!(first_cause(&error), Some(cause) if cause.is::<rustls::Error>()),
            reason: reason(&error),
        })?;
        Ok(Answer { head: head(&response), response })
    }
}

/// Why no answer came, in words that hold no address.
pub(crate) struct Failure {
    pub reason: String,
    /// Whether it will be the same the next time: the two do not agree on TLS, or on who the server is.
    pub lasting: bool,
}

/// An answer: its head, and its body to be read.
pub(crate) struct Answer {
    pub head: Head,
    response: Response,
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.response.read(buffer)
    }
}

/// Why a body broke off, in words that hold no address.
pub(crate) fn broken(error: io::Error) -> String {
    match error.downcast::<reqwest::Error>() {
        Ok(error) => reason(&error),
        Err(error) => error.to_string(),
    }
}

fn head(response: &Response) -> Head {
    let text = |name: header::HeaderName| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    Head {
        status: response.status().as_u16(),
        location: text(header::LOCATION),
        retry_after: text(header::RETRY_AFTER),
        content_length: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        content_range: text(header::CONTENT_RANGE),
        content_type: text(header::CONTENT_TYPE),
        etag: text(header::ETAG),
        last_modified: text(header::LAST_MODIFIED),
    }
}

/// What went wrong and its first cause, on one line.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return if error.is_connect() {
            "no connection in time".into()
        } else {
            "nothing came in time".into()
        };
    }
    let what = match error {
        _ if error.is_connect() => "no connection".to_owned(),
        _ if error.is_body() || error.is_decode() => "the connection broke".to_owned(),
        _ => "the request failed".to_owned(),
    };
    match first_cause(error) {
        Some(cause) => format!("{what}: {cause}"),
        None => what,
    }
}

/// The error at the bottom of the causes.
fn first_cause(error: &reqwest::Error) -> Option<&(dyn std::error::Error + 'static)> {
    let mut cause = error.source()?;
    loop {
        // Errors of input and output keep what they wrap to themselves.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match inner.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| cause.source()) {
            Some(next) => cause = next,
            None => return Some(cause),
        }
    }
}
