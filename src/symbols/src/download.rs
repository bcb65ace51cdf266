//! How one file is got from one server, decided without a socket: what to ask next, given the last answer.
//!
//! [`Download::begin`] gives the first [`Step`]; each step is done by the driver and then consumed by telling
//! what came of it, which gives the next one, until [`Step::Over`].

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use url::Url;

use crate::layout::{self, Form};
use crate::manifest::Wanted;
use crate::pointer::Pointer;
use crate::symbol_path::shown;

/// How patient a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often in a row a server may fail ("try again" answers, broken connections) before it is left alone.
    pub retries: u32,
    /// The pause before the first new attempt; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause that is made, also where the server asks for a longer one.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { retries: 4, first_pause: Duration::from_secs(1), longest_pause: Duration::from_secs(120) }
    }
}

/// What a server is known to be like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Habits {
    /// Whether its store has two tiers (`index2.txt` at the root), where that is known.
    pub two_tiers: Option<bool>,
    /// Whether it minds being offered the compact form.
    pub refuses_msfz: bool,
}

impl Habits {
    /// Adds what another download found out.
    pub fn learn(&mut self, other: Self) {
        self.two_tiers = other.two_tiers.or(self.two_tiers);
        self.refuses_msfz |= other.refuses_msfz;
    }
}

/// What the driver is to do.
pub(crate) enum Step {
    /// Send a request.
    Ask(Ask),
    /// Let time pass.
    Pause(Pause),
    /// Look whether the file that came is the one wanted.
    Judge(Judge),
    /// Look at a file that the server points to.
    Visit(Visit),
    /// Nothing more.
    Over(Outcome),
}

/// What follows from the head of an answer.
pub(crate) enum Reply {
    /// Its body is to be taken.
    Body(Receive),
    /// The body does not matter.
    Next(Step),
}

/// How a download ended.
pub(crate) struct Outcome {
    pub end: End,
    pub habits: Habits,
    /// Whether the server did not answer at all in the end.
    pub down: bool,
    /// What was asked and why it did not serve, in order.
    pub tried: Vec<Tried>,
}

/// The three ends of a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The file came and was accepted; `from` is where it was found.
    Found { from: String },
    /// The server answered everything, and does not have it.
    Missing,
    /// The server could not be asked to the end, or sent something else.
    Failed,
}

/// A place that was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The address (without secrets) or path.
    pub place: String,
    /// What was found there.
    pub answer: String,
}

/// A request, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub url: Url,
    /// Whether the compact form of a PDB is welcome.
    pub accept_msfz: bool,
    /// Whether credentials for the server may go along: never after it has sent us elsewhere.
    pub credentials: bool,
    /// Go on after so many bytes of the body that this validator marks.
    pub resume: Option<Resume>,
}

/// From where a body that broke off is continued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resume {
    pub offset: u64,
    pub validator: String,
}

/// The head of an answer: status and the headers that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub status: u16,
    pub location: Option<String>,
    pub retry_after: Option<String>,
    pub content_length: Option<u64>,
    pub content_range: Option<String>,
    pub content_type: Option<String>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// A download from one server.
pub(crate) struct Download {
    server: Url,
    candidates: std::vec::IntoIter<Candidate>,
    /// The places of a store with two tiers, while it is not known whether this is one.
    two_tiers: Vec<Candidate>,
    current: Candidate,
    /// The candidate's address, or the one its pointer gave.
    base: Url,
    /// What is asked now: the base, or where it redirects to.
    url: Url,
    hops: u32,
    pointed: bool,
    patience: Patience,
    failures: u32,
    random: fastrand::Rng,
    habits: Habits,
    partial: Partial,
    /// How far a body of this candidate ever came, in bytes.
    furthest: u64,
    /// Whether something stood in the way of a clear answer.
    unsure: bool,
    down: bool,
    tried: Vec<Tried>,
}

/// What is known of a body that came in part.
#[derive(Debug, Default)]
struct Partial {
    received: u64,
    total: Option<u64>,
    validator: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    form: Option<Form>,
    url: Url,
}

/// The most redirects that are followed in a row.
const MOST_HOPS: u32 = 10;
/// A connection that brought this many bytes more than any before was worth it: the count of failures begins anew.
const PROGRESS: u64 = 64 * 1024;

impl Download {
    /// Begins the search for `wanted` on `server`. `random` spreads the pauses.
    pub fn begin(
        server: &Url,
        wanted: &Wanted,
        habits: Habits,
        patience: Patience,
        random: fastrand::Rng,
    ) -> Step {
        let candidates = |two_tiers| {
            let entries = layout::entries(wanted, two_tiers);
            entries
                .into_iter()
                .filter_map(|entry| {
                    Some(Candidate { form: Some(entry.form), url: below(server, &entry.path)? })
                })
                .collect::<Vec<_>>()
        };
        let first = candidates(habits.two_tiers.unwrap_or(false));
        let two_tiers = if habits.two_tiers.is_none() { candidates(true) } else { Vec::new() };
        Self::first(server, first, two_tiers, habits, patience, random)
    }

    /// Begins the download of the one file at this path below `server`.
    pub fn at(server: &Url, path: &[&str], patience: Patience, random: fastrand::Rng) -> Step {
        let candidate = below(server, path).map(|url| Candidate { form: Some(Form::Plain), url });
        let habits = Habits { two_tiers: Some(false), refuses_msfz: true };
        Self::first(server, candidate.into_iter().collect(), Vec::new(), habits, patience, random)
    }

    fn first(
        server: &Url,
        candidates: Vec<Candidate>,
        two_tiers: Vec<Candidate>,
        habits: Habits,
        patience: Patience,
        random: fastrand::Rng,
    ) -> Step {
        let mut candidates = candidates.into_iter();
        let Some(current) = candidates.next() else {
            return Step::Over(Outcome {
                end: End::Failed,
                habits,
                down: false,
                tried: vec![Tried { place: shown(server), answer: "this address cannot be a server".into() }],
            });
        };
        Box::new(Self {
            server: server.clone(),
            candidates,
            two_tiers,
            base: current.url.clone(),
            url: current.url.clone(),
            current,
            hops: 0,
            pointed: false,
            patience,
            failures: 0,
            random,
            habits,
            partial: Partial::default(),
            furthest: 0,
            unsure: false,
            down: false,
            tried: Vec::new(),
        })
        .ask()
    }

    fn ask(self: Box<Self>) -> Step {
        let resume = match &self.partial {
            Partial { received: 1.., validator: Some(validator), .. } => {
                Some(Resume { offset: self.partial.received, validator: validator.clone() })
            }
            _ => None,
        };
        let request = Request {
            url: self.url.clone(),
            accept_msfz: !self.habits.refuses_msfz && self.current.form == Some(Form::Plain),
            credentials: same_party(&self.server, &self.url),
            resume,
        };
        Step::Ask(Ask { request, download: self })
    }

    /// Goes on to the next candidate; after the last one it is over.
    fn next(mut self: Box<Self>) -> Step {
        let next = match self.candidates.next() {
            Some(candidate) => candidate,
            // Nothing at the places of a plain store: perhaps it has two tiers.
            None => match below(&self.server, &[layout::TWO_TIERS]) {
                Some(url) if self.habits.two_tiers.is_none() => Candidate { form: None, url },
                _ => {
                    let end = if self.unsure { End::Failed } else { End::Missing };
                    return self.over(end);
                }
            },
        };
        self.base = next.url.clone();
        self.url = next.url.clone();
        self.current = next;
        self.hops = 0;
        self.pointed = false;
        self.partial = Partial::default();
        self.furthest = 0;
        self.ask()
    }

    fn over(self: Box<Self>, end: End) -> Step {
        Step::Over(Outcome { end, habits: self.habits, down: self.down, tried: self.tried })
    }

    fn note(&mut self, answer: impl Into<String>) {
        self.tried.push(Tried { place: shown(&self.url), answer: answer.into() });
    }

    /// The current candidate is no good for a reason that says nothing about the file's existence.
    fn unsure(mut self: Box<Self>, answer: impl Into<String>) -> Step {
        if self.current.form.is_none() {
            return self.no_mark();
        }
        self.note(answer);
        self.unsure = true;
        self.next()
    }

    /// Something failed that may work in a while. A redirect is not remembered: its address may have expired.
    fn again(mut self: Box<Self>, answer: String, asked: Option<Duration>, denied: bool) -> Step {
        if self.failures >= self.patience.retries {
            if denied && self.current.form.is_none() {
                return self.no_mark();
            }
            self.note(format!("{answer}; gave up after {} attempts", self.failures + 1));
            self.unsure = true;
            // Some servers forbid what they do not have: the other forms may still be there. A server that is
            // down has none of them.
            if denied {
                return self.next();
            }
            self.down = true;
            return self.over(End::Failed);
        }
        let doubled = self.patience.first_pause.saturating_mul(1 << self.failures.min(16));
        let pause = doubled.min(self.patience.longest_pause).mul_f64(0.5 + self.random.f64() / 2.0);
        let pause = match asked {
            Some(asked) if asked > self.patience.longest_pause => {
                let longest = self.patience.longest_pause.as_secs();
                self.note(format!(
                    "{answer}; it asks for a pause of {} s, at most {longest} s are made",
                    asked.as_secs()
                ));
                return self.over(End::Failed);
            }
            Some(asked) => asked.max(pause),
            None => pause,
        };
        self.failures += 1;
        self.hops = 0;
        self.url = self.base.clone();
        Step::Pause(Pause { length: pause, reason: answer, asked: asked.is_some(), download: self })
    }

    /// Follows a redirect or a pointer.
    fn follow(mut self: Box<Self>, to: Url) -> Step {
        if self.hops >= MOST_HOPS {
            return self.unsure(format!("more than {MOST_HOPS} redirects"));
        }
        if !matches!(to.scheme(), "http" | "https") {
            let scheme = to.scheme().to_owned();
            return self
                .unsure(format!("it leads to an address of the kind {scheme}, expected http or https"));
        }
        if self.url.scheme() == "https" && to.scheme() == "http" {
            return self
                .unsure(format!("it leads from https to http ({}), which is not followed", shown(&to)));
        }
        self.hops += 1;
        self.url = to;
        self.ask()
    }
}

/// A request to send.
pub(crate) struct Ask {
    pub request: Request,
    download: Box<Download>,
}

impl Ask {
    /// What kind of file the answer would be; none for the mark of a two-tier store.
    pub fn form(&self) -> Option<Form> {
        self.download.current.form
    }

    /// The head of the answer came.
    pub fn answered(self, head: &Head, now: SystemTime) -> Reply {
        let Self { request, mut download } = self;
        let status = head.status;
        Reply::Next(match status {
            200 | 206 if download.current.form.is_none() => download.found_mark(head),
            200 => {
                download.partial =
                    Partial { received: 0, total: head.content_length, validator: validator(head) };
                return Reply::Body(Receive { offset: 0, total: head.content_length, download });
            }
            206 => match (&request.resume, head.content_range.as_deref().and_then(parse_range)) {
                (Some(resume), Some((start, total)))
                    if start == resume.offset
                        && (download.partial.total.is_none() || download.partial.total == total) =>
                {
                    let total = total.or(download.partial.total);
                    return Reply::Body(Receive { offset: start, total, download });
                }
                _ => {
                    download.partial = Partial::default();
                    download.again("it sent another part than was asked for".into(), None, false)
                }
            },
            301 | 302 | 303 | 307 | 308 => {
                match head.location.as_deref().map(|location| download.url.join(location)) {
                    Some(Ok(to)) => download.follow(to),
                    _ => download.unsure(format!("{status} without a place to go")),
                }
            }
            404 | 410 if download.current.form.is_none() => download.no_mark(),
            404 | 410 => {
                download.note(format!("{status}, not here"));
                download.next()
            }
            406 if request.accept_msfz => {
                download.habits.refuses_msfz = true;
                download.ask()
            }
            416 if request.resume.is_some() => {
                download.partial = Partial::default();
                download.again("it has no further part of the file".into(), None, false)
            }
            401 | 407 => {
                let whom = if status == 401 { "the server" } else { "the proxy" };
                download.note(format!("{status}: {whom} wants credentials that it accepts"));
                download.over(End::Failed)
            }
            403 | 408 | 425 | 429 | 500..=599 => {
                let asked = head.retry_after.as_deref().and_then(|text| retry_after(text, now));
                download.again(format!("it answered {status}"), asked, status == 403)
            }
            _ => download.unsure(format!("it answered {status}, expected 200")),
        })
    }

    /// No answer came.
    pub fn failed(self, reason: String) -> Step {
        self.download.again(reason, None, false)
    }

    /// No answer will come, however often it is asked.
    pub fn hopeless(self, reason: String) -> Step {
        let mut download = self.download;
        download.note(reason);
        download.down = true;
        download.over(End::Failed)
    }
}

impl Download {
    /// `index2.txt` is there: the store has two tiers, unless the server answers everything with a page.
    fn found_mark(mut self: Box<Self>, head: &Head) -> Step {
        if head.content_type.as_deref().is_some_and(|kind| kind.contains("html")) {
            return self.no_mark();
        }
        self.habits.two_tiers = Some(true);
        self.candidates = std::mem::take(&mut self.two_tiers).into_iter();
        self.next()
    }

    /// The store has one tier.
    fn no_mark(mut self: Box<Self>) -> Step {
        self.habits.two_tiers = Some(false);
        self.next()
    }
}

/// A pause to make.
pub(crate) struct Pause {
    pub length: Duration,
    pub reason: String,
    /// Whether the server asked for it, so that others who ask it wait as well.
    pub asked: bool,
    download: Box<Download>,
}

impl Pause {
    /// The time has passed.
    pub fn over(self) -> Step {
        self.download.ask()
    }

    /// Where the trouble is, as it may be shown.
    pub fn place(&self) -> String {
        shown(&self.download.url)
    }
}

/// A body to take.
pub(crate) struct Receive {
    /// Where in the file its first byte belongs; what the file holds beyond that is dropped.
    pub offset: u64,
    /// How long the whole file is, where the server says.
    pub total: Option<u64>,
    download: Box<Download>,
}

impl Receive {
    /// The body came whole; the file has `length` bytes.
    pub fn complete(self, length: u64) -> Step {
        match self.total {
            Some(total) if length < total => {
                self.broke(length, format!("it sent {length} bytes, expected {total}"))
            }
            _ => Step::Judge(Judge { download: self.download }),
        }
    }

    /// The connection broke or went idle; the file has `length` bytes so far.
    pub fn broke(self, length: u64, reason: String) -> Step {
        let mut download = self.download;
        if length >= download.furthest.saturating_add(PROGRESS) {
            download.furthest = length;
            download.failures = 0;
        }
        download.partial.received = length;
        download.partial.total = self.total;
        let at = if length > 0 { format!(" (after {length} bytes)") } else { String::new() };
        download.again(format!("{reason}{at}"), None, false)
    }

    /// The body is longer than is taken.
    pub fn too_long(self, limit: u64) -> Step {
        self.download.unsure(format!("it sends more than {limit} bytes, which is the limit"))
    }
}

/// A file to look at.
pub(crate) struct Judge {
    download: Box<Download>,
}

impl Judge {
    /// What the file should be.
    pub fn form(&self) -> Form {
        if self.download.pointed { Form::Plain } else { self.download.current.form.unwrap_or(Form::Plain) }
    }

    /// It is what was wanted.
    pub fn accepted(self) -> Step {
        let from = shown(&self.download.current.url);
        self.download.over(End::Found { from })
    }

    /// It is a pointer.
    pub fn points(self, pointer: Pointer) -> Step {
        let mut download = self.download;
        match pointer {
            Pointer::Url(url) => {
                download.pointed = true;
                download.base = url.clone();
                download.partial = Partial::default();
                download.follow(url)
            }
            Pointer::Path(path) => Step::Visit(Visit { path, download }),
            Pointer::Message(message) => download.unsure(format!("the server says: {message}")),
        }
    }

    /// It is shorter than it says itself: the connection was closed early, without a word.
    pub fn cut(self, reason: String) -> Step {
        let mut download = self.download;
        download.partial = Partial::default();
        download.again(reason, None, true)
    }

    /// It is something else.
    pub fn refused(self, reason: String) -> Step {
        self.download.unsure(reason)
    }
}

/// A path that a `file.ptr` names.
pub(crate) struct Visit {
    pub path: PathBuf,
    download: Box<Download>,
}

impl Visit {
    /// The file there is the one wanted.
    pub fn accepted(self) -> Step {
        let from = self.path.display().to_string();
        self.download.over(End::Found { from })
    }

    /// It is not there, or something else.
    pub fn refused(self, reason: String) -> Step {
        let place = self.path.display().to_string();
        let mut download = self.download;
        download.tried.push(Tried { place, answer: reason });
        download.unsure = true;
        download.next()
    }
}

/// An address below a store's root.
fn below(root: &Url, path: &[impl AsRef<str>]) -> Option<Url> {
    let mut url = root.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(path);
    Some(url)
}

/// Whether credentials for `server` may be sent to `url`: the same host and port, or the same host's secure port
/// where the server begins without TLS.
fn same_party(server: &Url, url: &Url) -> bool {
    let ports = (server.port_or_known_default(), url.port_or_known_default());
    server.host() == url.host()
        && match (server.scheme(), url.scheme()) {
            ("http", "https") => ports == (Some(80), Some(443)),
            (from, to) => from == to && ports.0 == ports.1,
        }
}

/// What marks this very body, if it can be continued: a strong entity tag, else the date of change.
fn validator(head: &Head) -> Option<String> {
    let strong = head.etag.as_ref().filter(|tag| !tag.starts_with("W/"));
    strong.or(head.last_modified.as_ref()).cloned()
}

/// `bytes 10-99/100` gives the start and, where it is known, the total. RFC 9110, section 14.4.
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end): (u64, u64) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (start <= end && total.is_none_or(|total| end < total)).then_some((start, total))
}

/// Seconds, or a date. RFC 9110, section 10.2.3.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests;
