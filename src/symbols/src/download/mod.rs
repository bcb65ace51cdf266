//! How a file is downloaded from a server, decided without a socket: what to request next, given the last answer.
//!
//! [`Download::begin`] returns the first [`Step`]. The driver carries out each step and reports the result, which
//! gives the next step, until [`Step::Over`].

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod headers;

use std::time::{Duration, SystemTime};

use url::Url;

pub(crate) use self::headers::{Part, Validator, retry_after, same_party};
use crate::encoding::{self, Coding};
use crate::layout::{self, Form};
use crate::manifest::Wanted;
use crate::pointer::Pointer;
use crate::symbol_path::shown;

/// How patient a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often in a row a server may fail ("try again" answers, broken connections) before it is given up.
    pub retries: u32,
    /// The pause before the first retry; it doubles with each further retry.
    pub first_pause: Duration,
    /// The longest pause, even if the server asks for a longer one. It also limits the sum of the pauses that the
    /// server asks for, unless data arrives in between.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { retries: 4, first_pause: Duration::from_secs(1), longest_pause: Duration::from_secs(120) }
    }
}

/// What is known about a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Habits {
    /// Whether its store has two tiers (`index2.txt` at the root), if that is known.
    pub two_tiers: Option<bool>,
    /// Whether it fails if the client accepts the compact form.
    pub refuses_msfz: bool,
}

impl Habits {
    /// Adds the findings of another download.
    pub fn learn(&mut self, other: Self) {
        self.two_tiers = other.two_tiers.or(self.two_tiers);
        self.refuses_msfz |= other.refuses_msfz;
    }
}

/// What the driver has to do next.
pub(crate) enum Step {
    /// Send a request.
    Ask(Ask),
    /// Wait.
    Pause(Pause),
    /// Check whether the downloaded file is the right one.
    Judge(Judge),
    /// Nothing: the download is over.
    Over(Outcome),
}

/// The step after the head of an answer.
pub(crate) enum Reply {
    /// Read its body.
    Body(Receive),
    /// The body does not matter.
    Next(Step),
}

/// How a download ended.
pub(crate) struct Outcome {
    pub end: End,
    pub habits: Habits,
    /// Whether the server failed until the retries were used up.
    pub down: bool,
    /// Whether the file is longer than the limit.
    pub too_long: bool,
    /// The entity tag of the downloaded body, as the server wrote it.
    pub etag: Option<String>,
    /// The places that were tried and why they failed, in order.
    pub tried: Vec<Tried>,
}

/// How a download can end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The file was downloaded and accepted; `from` is where it was found.
    Found { from: String },
    /// The server answered every request, and does not have the file.
    Missing,
    /// The server does not have it in any place that it lets us read, and refused some places (403).
    Refused,
    /// The server could not be tried completely, or sent something else.
    Failed,
}

/// A place that was tried, and the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The address (without secrets) or path.
    pub place: String,
    /// The result.
    pub answer: String,
}

impl Tried {
    /// Only the results, on one line.
    pub fn answers(tried: &[Self]) -> String {
        tried.iter().map(|tried| tried.answer.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// Places and results on one line.
    pub fn list(tried: &[Self]) -> String {
        let texts = tried.iter().map(|Self { place, answer }| format!("{place}: {answer}"));
        texts.collect::<Vec<_>>().join("; ")
    }
}

/// A request, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub url: Url,
    /// Whether the compact form of a PDB is accepted.
    pub accept_msfz: bool,
    /// Whether credentials for the server may be sent: never after it has redirected us to another host.
    pub credentials: bool,
    /// Continue after this many bytes of the body with this validator.
    pub resume: Option<Resume>,
    /// Only the bytes in this range.
    pub part: Option<std::ops::Range<u64>>,
}

/// The point from which an interrupted body is continued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resume {
    pub offset: u64,
    pub validator: Validator,
}

/// The head of an answer: the status and the headers that are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub status: u16,
    pub location: Option<String>,
    pub retry_after: Option<String>,
    pub content_length: Option<u64>,
    pub content_range: Option<String>,
    pub content_type: Option<String>,
    pub etag: Option<String>,
    pub content_encoding: Option<String>,
    pub last_modified: Option<String>,
    pub date: Option<String>,
    /// The text in the body of a refusal, on one line, if it was read.
    pub detail: Option<String>,
}

/// A download from one server.
pub(crate) struct Download {
    server: Url,
    candidates: std::vec::IntoIter<Candidate>,
    /// The places in a store with two tiers, while it is unknown whether this is one.
    two_tiers: Vec<Candidate>,
    current: Candidate,
    /// The candidate's address, or the one in its pointer.
    base: Url,
    /// The address of the next request: the base, or the target of a redirect.
    url: Url,
    hops: u32,
    pointed: bool,
    patience: Patience,
    failures: u32,
    random: fastrand::Rng,
    habits: Habits,
    partial: Partial,
    /// The most bytes of a body that ever arrived for this candidate.
    furthest: u64,
    /// How long the server has made us wait since data last arrived.
    waited: Duration,
    /// Whether a failure prevented a clear answer.
    unsure: bool,
    /// Whether some place was refused.
    refused: bool,
    down: bool,
    too_long: bool,
    etag: Option<String>,
    tried: Vec<Tried>,
}

/// What is known about a body that arrived in part.
#[derive(Debug, Default)]
struct Partial {
    received: u64,
    total: Option<u64>,
    validator: Option<Validator>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    form: Option<Form>,
    url: Url,
}

/// The most redirects that are followed in a row.
pub(crate) const MOST_HOPS: u32 = 10;
/// A connection that brought this many bytes more than any before resets the count of failures.
const PROGRESS: u64 = 64 * 1024;

impl Download {
    /// Begins the search for `wanted` on `server`. `random` varies the pauses.
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

    /// Begins the download of the file at this path below `server`.
    pub fn at(server: &Url, path: &[&str], patience: Patience, random: fastrand::Rng) -> Step {
        Self::one(server, below(server, path), patience, random)
    }

    /// Begins the download of the file at `url`.
    pub fn of(url: &Url, patience: Patience, random: fastrand::Rng) -> Step {
        Self::one(url, Some(url.clone()), patience, random)
    }

    fn one(server: &Url, url: Option<Url>, patience: Patience, random: fastrand::Rng) -> Step {
        let candidate = url.map(|url| Candidate { form: Some(Form::Plain), url });
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
                too_long: false,
                etag: None,
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
            waited: Duration::ZERO,
            unsure: false,
            refused: false,
            down: false,
            too_long: false,
            etag: None,
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
            part: None,
        };
        Step::Ask(Ask { request, download: self })
    }

    /// Moves on to the next candidate, or ends after the last one.
    fn next(mut self: Box<Self>) -> Step {
        let next = match self.candidates.next() {
            Some(candidate) => candidate,
            // The file is not at the places of a plain store, which may have two tiers.
            None => match below(&self.server, &[layout::TWO_TIERS]) {
                Some(url) if self.habits.two_tiers.is_none() => Candidate { form: None, url },
                _ => {
                    let end = match (self.unsure, self.refused) {
                        (true, _) => End::Failed,
                        (false, true) => End::Refused,
                        (false, false) => End::Missing,
                    };
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
        let Self { habits, down, too_long, etag, tried, .. } = *self;
        Step::Over(Outcome { end, habits, down, too_long, etag, tried })
    }

    /// The form of the requested file; a pointer leads to the plain file.
    fn form(&self) -> Form {
        if self.pointed { Form::Plain } else { self.current.form.unwrap_or(Form::Plain) }
    }

    fn note(&mut self, answer: impl Into<String>) {
        self.tried.push(Tried { place: shown(&self.url), answer: answer.into() });
    }

    /// The current candidate failed for a reason that does not show whether the file exists.
    fn unsure(mut self: Box<Self>, answer: impl Into<String>) -> Step {
        if self.current.form.is_none() {
            return self.no_mark();
        }
        self.note(answer);
        self.unsure = true;
        self.next()
    }

    /// A failure that may be temporary. A redirect is not remembered, since its address may have expired. After an
    /// `of_place` failure, the server's other places are still tried once the retries are used up.
    fn again(mut self: Box<Self>, answer: String, asked: Option<Duration>, of_place: bool) -> Step {
        if self.failures >= self.patience.retries {
            self.note(format!("{answer}; gave up after {} attempts", self.failures + 1));
            if of_place {
                self.unsure = true;
                return self.next();
            }
            return self.give_up();
        }
        let doubled = self.patience.first_pause.saturating_mul(1 << self.failures.min(16));
        let pause = doubled.min(self.patience.longest_pause).mul_f64(0.5 + self.random.f64() / 2.0);
        let pause = match asked {
            Some(asked) if self.waited.saturating_add(asked) > self.patience.longest_pause => {
                let longest = self.patience.longest_pause.as_secs();
                self.note(format!(
                    "{answer}; it asks for a pause of {} s; pauses are limited to {longest} s in all",
                    asked.as_secs()
                ));
                return self.give_up();
            }
            Some(asked) => {
                self.waited += asked;
                asked.max(pause)
            }
            None => pause,
        };
        self.failures += 1;
        self.hops = 0;
        self.url = self.base.clone();
        Step::Pause(Pause { length: pause, reason: answer, asked: asked.is_some(), download: self })
    }

    /// Gives the server up: it has shown that it does not work at the moment.
    fn give_up(mut self: Box<Self>) -> Step {
        self.unsure = true;
        self.down = true;
        self.over(End::Failed)
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
    /// The form of the answer; `None` for the mark of a two-tier store.
    pub fn form(&self) -> Option<Form> {
        self.download.current.form
    }

    /// The head of the answer arrived.
    pub fn answered(self, head: &Head, now: SystemTime) -> Reply {
        let Self { request, mut download } = self;
        let status = head.status;
        Reply::Next(match status {
            200 | 206 if download.current.form.is_none() => download.found_mark(head),
            200 => return download.whole(head),
            206 => return download.part(head, request.resume.as_ref()),
            301 | 302 | 303 | 307 | 308 => {
                match head.location.as_deref().map(|location| download.url.join(location)) {
                    Some(Ok(to)) => download.follow(to),
                    _ => download.unsure(format!("{status} without a place to go")),
                }
            }
            403 | 404 | 410 if download.current.form.is_none() => download.no_mark(),
            // Object stores answer 403 for missing objects if listing them is not allowed.
            403 => {
                download.note(format!("403, refused{}", detail(head)));
                download.refused = true;
                download.next()
            }
            404 | 410 => {
                download.note(format!("{status}, not here{}", detail(head)));
                download.next()
            }
            406 if request.accept_msfz => {
                download.habits.refuses_msfz = true;
                download.ask()
            }
            416 if request.resume.is_some() => {
                download.partial = Partial::default();
                download.again("it has no further part of the file".into(), None, true)
            }
            401 | 407 => {
                let whom = if status == 401 { "the server" } else { "the proxy" };
                download.note(format!("{status}: {whom} requires valid credentials"));
                download.over(End::Failed)
            }
            408 | 425 | 429 | 500..=599 => {
                let asked = head.retry_after.as_deref().and_then(|text| retry_after(text, now));
                download.again(format!("it answered {status}"), asked, false)
            }
            _ => download.unsure(format!("it answered {status}, expected 200{}", detail(head))),
        })
    }

    /// No answer arrived; a retry may get one.
    pub fn failed(self, reason: String) -> Step {
        self.download.again(reason, None, false)
    }

    /// No connection was made. A server that is restarting gets one more chance; one that is off is not waited for.
    pub fn unreachable(self, reason: String) -> Step {
        let mut download = self.download;
        if download.failures >= download.patience.retries.min(1) {
            download.note(reason);
            return download.give_up();
        }
        download.again(reason, None, false)
    }

    /// No answer will arrive, however often the request is repeated.
    pub fn hopeless(self, reason: String) -> Step {
        let mut download = self.download;
        download.note(reason);
        download.give_up()
    }
}

fn detail(head: &Head) -> String {
    head.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default()
}

impl Download {
    /// An answer with the whole file.
    fn whole(mut self: Box<Self>, head: &Head) -> Reply {
        let codings = match encoding::codings(head.content_encoding.as_deref().unwrap_or_default()) {
            Ok(codings) => codings,
            Err(reason) => return Reply::Next(self.unsure(reason)),
        };
        // The length and the parts of an encoded body refer to its encoded form, so it cannot be continued.
        let plain = codings.is_empty();
        let total = head.content_length.filter(|_| plain);
        let validator = Validator::of(head).filter(|_| plain);
        self.partial = Partial { received: 0, total, validator };
        self.etag.clone_from(&head.etag);
        Reply::Body(Receive { offset: 0, end: total, total, codings, download: self })
    }

    /// An answer with a part of the file. It is joined to the bytes before it only if both have the same strong
    /// validator and it is the requested part (RFC 9110, section 15.3.7.3).
    fn part(mut self: Box<Self>, head: &Head, resume: Option<&Resume>) -> Reply {
        let problem = match (resume, head.content_range.as_deref().and_then(Part::parse)) {
            (Some(resume), Some(part)) => {
                let length = part.end - part.start;
                if part.start != resume.offset || head.content_length.is_some_and(|given| given != length) {
                    "it sent another part than was asked for"
                } else if part.total.zip(self.partial.total).is_some_and(|(now, before)| now != before) {
                    "the file changed its size between two parts"
                } else if Validator::of(head).as_ref() != Some(&resume.validator) {
                    "it sent a part that is not known to be of the same version of the file"
                } else if encoding::codings(head.content_encoding.as_deref().unwrap_or_default())
                    != Ok(Vec::new())
                {
                    "it sent an encoded part of a file that was not encoded before"
                } else {
                    let total = part.total.or(self.partial.total);
                    return Reply::Body(Receive {
                        offset: part.start,
                        end: Some(part.end),
                        total,
                        codings: Vec::new(),
                        download: self,
                    });
                }
            }
            _ => "it sent another part than was asked for",
        };
        self.partial = Partial::default();
        Reply::Next(self.again(format!("{problem}; beginning again"), None, true))
    }

    /// Discards what arrived of the body.
    fn from_the_start(mut self: Box<Self>, reason: String) -> Step {
        self.partial = Partial::default();
        self.again(reason, None, true)
    }
}

impl Download {
    /// `index2.txt` exists: the store has two tiers, unless the server answers every request with a page.
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

/// A pause before the next request.
pub(crate) struct Pause {
    pub length: Duration,
    pub reason: String,
    /// Whether the server asked for it; other downloads from it then wait as well.
    pub asked: bool,
    download: Box<Download>,
}

impl Pause {
    /// The time has passed.
    pub fn over(self) -> Step {
        self.download.ask()
    }

    /// The place of the problem, in a form that may be shown.
    pub fn place(&self) -> String {
        shown(&self.download.url)
    }

    /// The place of the problem.
    pub fn url(&self) -> &Url {
        &self.download.url
    }
}

/// A body to read.
pub(crate) struct Receive {
    /// The offset of its first byte in the file; bytes of the file after that are discarded.
    pub offset: u64,
    /// The offset in the file at which it has to end, if the server gives it.
    pub end: Option<u64>,
    /// The length of the whole file, if the server gives it.
    pub total: Option<u64>,
    /// The codings to decode, in the order in which they were applied.
    pub codings: Vec<Coding>,
    download: Box<Download>,
}

impl Receive {
    /// The form of the file.
    pub fn form(&self) -> Form {
        self.download.form()
    }

    /// The body is complete; the file has `length` bytes.
    pub fn complete(self, length: u64) -> Step {
        if let Some(end) = self.end.filter(|end| length > *end) {
            let reason = format!("it sent {length} bytes, expected {end}");
            return self.download.from_the_start(reason);
        }
        match self.total {
            Some(total) if length < total => {
                self.broke(length, format!("it sent {length} bytes, expected {total}"))
            }
            _ => Step::Judge(Judge { download: self.download }),
        }
    }

    /// No data arrived for longer than the limit; the file has `length` bytes so far. Waiting costs time, so a server
    /// that stalls a second time without useful progress is given up.
    pub fn stalled(mut self, length: u64, reason: String) -> Step {
        let retries = self.download.patience.retries;
        self.download.patience.retries = retries.min(1);
        let step = self.broke(length, reason);
        match step {
            Step::Pause(mut pause) => {
                pause.download.patience.retries = retries;
                Step::Pause(pause)
            }
            step => step,
        }
    }

    /// The connection broke; the file has `length` bytes so far.
    pub fn broke(self, length: u64, reason: String) -> Step {
        let mut download = self.download;
        if length >= download.furthest.saturating_add(PROGRESS) {
            download.furthest = length;
            download.failures = 0;
            download.waited = Duration::ZERO;
        }
        download.partial.received = length;
        download.partial.total = self.total;
        let at = if length > 0 { format!(" (after {length} bytes)") } else { String::new() };
        download.again(format!("{reason}{at}"), None, false)
    }

    /// The body arrived too slowly.
    pub fn too_slow(self, reason: String) -> Step {
        let mut download = self.download;
        download.note(reason);
        download.give_up()
    }

    /// The body is longer than the limit.
    pub fn too_long(self, limit: u64) -> Step {
        let mut download = self.download;
        download.too_long = true;
        download.unsure(format!("it sends more than {limit} bytes, which is the limit"))
    }

    /// The body is not the requested file, or cannot be decoded.
    pub fn refused(self, reason: String) -> Step {
        self.download.unsure(reason)
    }
}

/// A file to check.
pub(crate) struct Judge {
    download: Box<Download>,
}

impl Judge {
    /// The requirements on the file.
    pub fn form(&self) -> Form {
        self.download.form()
    }

    /// The file is the right one.
    pub fn accepted(self) -> Step {
        let from = shown(&self.download.current.url);
        self.download.over(End::Found { from })
    }

    /// The file is a pointer.
    pub fn points(self, pointer: Pointer) -> Step {
        let mut download = self.download;
        match pointer {
            Pointer::Url(url) => {
                download.pointed = true;
                download.base = url.clone();
                download.partial = Partial::default();
                download.follow(url)
            }
            Pointer::Path(path) => download.unsure(format!(
                "its file.ptr names the path {}: a server can lead to an address only",
                path.display()
            )),
            Pointer::Message(message) => download.unsure(format!("the server says: {message}")),
        }
    }

    /// The file is shorter than its header says: the connection was closed early without an error.
    pub fn cut(self, reason: String) -> Step {
        self.download.from_the_start(reason)
    }

    /// The file is something else.
    pub fn refused(self, reason: String) -> Step {
        self.download.unsure(reason)
    }
}

/// An address below a store's root.
fn below(root: &Url, path: &[impl AsRef<str>]) -> Option<Url> {
    let mut url = root.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(path);
    Some(url)
}

#[cfg(test)]
mod tests;
