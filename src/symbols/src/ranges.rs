use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::SystemTime;

use profile::Progress;
use url::Url;

use crate::client_options::ClientOptions;
use crate::debuginfod::AGENT;
use crate::download::{Head, MOST_HOPS, Part, Patience, Request, Tried, Validator, retry_after, same_party};
use crate::http::{Answer, Client, FailureKind};
use crate::symbol_path::shown;

/// Reads parts of one large file over HTTP and HTTPS, without the rest (RFC 9110, section 14).
///
/// Neighbouring parts are read together, and the end of the file is kept, since indexes are there. A server that does
/// not know ranges sends the whole file, which is then kept. A file that changes meanwhile is noticed by its entity tag,
/// its time or its length. Proxies, credentials, redirects and retries work as for symbol servers.
pub struct Ranges {
    url: Url,
    client: Arc<Client>,
    whole: Whole,
    length: u64,
    validator: Option<Validator>,
    known: Mutex<Known>,
}

/// Parts that were read, each with its offset.
#[derive(Default)]
struct Known {
    tail: (u64, Vec<u8>),
    window: (u64, Vec<u8>),
}

/// The first part that is read, in bytes.
const FIRST: u64 = 4 << 10;
/// How many bytes at the end of the file are read together.
const TAIL: u64 = 64 << 10;
/// The largest part that is read ahead when a file is read from front to back.
const AHEAD: u64 = 1 << 20;

/// What is taken from a server that gives no parts of files and sends the whole one.
#[derive(Clone, Copy, Debug)]
pub struct Whole {
    /// How many bytes it may have.
    pub limit: u64,
    /// What it begins with. A file that begins otherwise is given up at its first bytes.
    pub signature: &'static [u8],
    /// What it is, in words that follow "expected".
    pub kind: &'static str,
}

/// What a server said to a request for a part.
enum Said {
    /// These bytes, of a file of this length.
    Part(Vec<u8>, u64, Option<Validator>),
    /// The whole file.
    Whole(Vec<u8>),
}

impl Ranges {
    /// Asks for the first bytes of the file, and with them for its length. `whole` limits what the server may send instead.
    ///
    /// # Errors
    /// [`Tried`] with the server's answer if it has no such file or gives no part of it.
    pub fn open(
        url: &Url,
        options: &ClientOptions,
        whole: Whole,
        progress: &dyn Progress,
    ) -> Result<Self, Tried> {
        let tried = |answer: String| Tried { place: shown(url), answer };
        if options.offline {
            return Err(tried("not asked (offline)".to_owned()));
        }
        let client = Client::new(AGENT, options.clone()).map_err(tried)?;
        Self::of(url, Arc::new(client), whole, progress)
    }

    /// The same with a client that remembers how servers behaved in this run.
    pub(crate) fn of(
        url: &Url,
        client: Arc<Client>,
        whole: Whole,
        progress: &dyn Progress,
    ) -> Result<Self, Tried> {
        let mut ranges =
            Self { url: url.clone(), client, whole, length: 0, validator: None, known: Mutex::default() };
        progress.debug(&format!("Trying to fetch parts of {}", shown(url)));
        match ranges.ask(0..FIRST)? {
            Said::Whole(bytes) => {
                progress.debug(&format!("{} gives no parts; read all {} bytes", shown(url), bytes.len()));
                ranges.length = bytes.len() as u64;
                ranges.known = Mutex::new(Known { tail: (0, bytes), ..Known::default() });
            }
            Said::Part(bytes, length, validator) => {
                (ranges.length, ranges.validator) = (length, validator);
                ranges.known = Mutex::new(Known { window: (0, bytes), ..Known::default() });
            }
        }
        Ok(ranges)
    }

    /// The address, without secrets.
    pub fn place(&self) -> String {
        shown(&self.url)
    }

    /// The length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What tells this version of the file from another, if the server says anything.
    pub fn version(&self) -> Option<&str> {
        self.validator.as_ref().map(Validator::as_str)
    }

    /// The bytes of the file in `range`, which is within its length.
    ///
    /// # Errors
    /// [`Tried`] with the server's answer if it is not this part of this file.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<u8>, Tried> {
        if range.start > range.end || range.end > self.length {
            return Err(self.tried(format!("it has {} bytes, not {}", self.length, range.end)));
        }
        if range.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(bytes) = self.known().find(&range) {
            return Ok(bytes);
        }
        let tail = self.length.saturating_sub(TAIL);
        let wanted = if range.end > tail {
            range.start.min(tail)..self.length
        } else {
            let ahead = self.known().ahead(range.start);
            range.start..range.end.max(range.start.saturating_add(ahead)).min(self.length)
        };
        let bytes = match self.ask(wanted.clone())? {
            Said::Part(bytes, length, validator) => {
                if length != self.length || validator != self.validator {
                    return Err(
                        self.tried("the file changed while it was read; run the command again".into())
                    );
                }
                bytes
            }
            Said::Whole(_) => return Err(self.tried("it no longer gives parts of the file".into())),
        };
        let mut known = self.known();
        if wanted.end == self.length && wanted.start == tail {
            known.tail = (wanted.start, bytes);
        } else {
            known.window = (wanted.start, bytes);
        }
        known.find(&range).ok_or_else(|| self.tried("its answer is shorter than it says".into()))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tried(&self, answer: String) -> Tried {
        Tried { place: self.place(), answer }
    }

    /// Asks for a part until there is a clear answer.
    fn ask(&self, part: Range<u64>) -> Result<Said, Tried> {
        let patience: Patience = self.client.patience(&self.url);
        let (mut url, mut hops, mut failures) = (self.url.clone(), 0, 0);
        loop {
            let request = Request {
                url: url.clone(),
                accept_msfz: false,
                credentials: same_party(&self.url, &url),
                resume: None,
                part: Some(part.clone()),
            };
            let (reason, pause) = match self.client.ask(&request) {
                Ok(answer) => match answer.head.status {
                    301 | 302 | 303 | 307 | 308 => {
                        url = self.follow(&url, &answer.head, hops)?;
                        hops += 1;
                        continue;
                    }
                    status @ (429 | 500 | 502 | 503 | 504) => {
                        let asked = answer.head.retry_after.as_deref();
                        let asked = asked.and_then(|asked| retry_after(asked, SystemTime::now()));
                        (format!("status {status}"), asked)
                    }
                    _ => match self.take(answer, &part) {
                        Ok(said) => return Ok(said),
                        Err(Broken::Lasting(answer)) => return Err(self.tried(answer)),
                        Err(Broken::Passing(reason)) => (reason, None),
                    },
                },
                Err(failure) => match failure.kind {
                    FailureKind::Passing | FailureKind::Unreachable => (failure.reason, None),
                    FailureKind::Late | FailureKind::Lasting => return Err(self.tried(failure.reason)),
                },
            };
            if failures >= patience.retries {
                // Other files of this server are asked for once each.
                self.client.set_down(&self.url, true);
                return Err(self.tried(format!("{reason}; gave up after {} attempts", failures + 1)));
            }
            let pause = pause.unwrap_or(patience.first_pause.saturating_mul(1 << failures.min(16)));
            if pause > patience.longest_pause {
                let longest = patience.longest_pause.as_secs();
                let answer = format!("{reason}; it asks for a pause of more than {longest} s");
                return Err(self.tried(answer));
            }
            sleep(pause);
            failures += 1;
            (url, hops) = (self.url.clone(), 0);
        }
    }

    /// The address that an answer redirects to.
    fn follow(&self, from: &Url, head: &Head, hops: u32) -> Result<Url, Tried> {
        let to = head.location.as_deref().and_then(|to| from.join(to).ok());
        let to = to.filter(|to| matches!(to.scheme(), "http" | "https"));
        let to = to.ok_or_else(|| self.tried(format!("status {} without an address", head.status)))?;
        if hops >= MOST_HOPS {
            return Err(self.tried(format!("more than {MOST_HOPS} redirects")));
        }
        if from.scheme() == "https" && to.scheme() == "http" {
            let answer = format!("it leads from https to http ({}), which is not followed", shown(&to));
            return Err(self.tried(answer));
        }
        Ok(to)
    }

    /// Reads the answer to a request for a part.
    fn take(&self, mut answer: Answer, part: &Range<u64>) -> Result<Said, Broken> {
        let head = answer.head.clone();
        if let Some(coding) = head.content_encoding.as_deref().filter(|coding| *coding != "identity") {
            return Err(Broken::Lasting(format!("it sends the file in another form ({coding})")));
        }
        match head.status {
            206 => {
                let sent = head.content_range.as_deref().and_then(Part::parse);
                let Some(Part { start, end, total: Some(total) }) = sent else {
                    return Err(Broken::Lasting(
                        "it does not say which part it sends (Content-Range)".into(),
                    ));
                };
                if start != part.start || end != part.end.min(total) {
                    let answer =
                        format!("asked for bytes {}-{}, it sent {start}-{end}", part.start, part.end);
                    return Err(Broken::Lasting(answer));
                }
                let bytes = body(&mut answer, end - start)?;
                if bytes.len() as u64 != end - start {
                    let answer = format!("expected {} bytes, it sent {}", end - start, bytes.len());
                    return Err(Broken::Passing(answer));
                }
                Ok(Said::Part(bytes, total, Validator::of(&head)))
            }
            200 => {
                let Whole { limit, signature, kind } = self.whole;
                if head.content_length.is_some_and(|length| length > limit) {
                    return Err(Broken::Lasting(self.too_long()));
                }
                let mut bytes = body(&mut answer, signature.len() as u64)?;
                if !bytes.starts_with(signature) {
                    return Err(Broken::Lasting(format!("expected {kind}, found another file")));
                }
                bytes.append(&mut body(&mut answer, limit.saturating_sub(bytes.len() as u64))?);
                if bytes.len() as u64 > limit {
                    return Err(Broken::Lasting(self.too_long()));
                }
                match head.content_length.filter(|length| *length != bytes.len() as u64) {
                    Some(length) => {
                        let answer = format!("expected {length} bytes, it sent {}", bytes.len());
                        Err(Broken::Passing(answer))
                    }
                    None => Ok(Said::Whole(bytes)),
                }
            }
            416 => Err(Broken::Lasting("it has no such bytes; the file is empty or changed".into())),
            404 | 410 => Err(Broken::Lasting("not there".into())),
            401 | 403 => Err(Broken::Lasting(format!("refused by the server (status {})", head.status))),
            status => Err(Broken::Lasting(format!("unexpected status {status}"))),
        }
    }

    fn too_long(&self) -> String {
        let limit = self.whole.limit;
        format!(
            "it gives no parts of the file, and the whole has more than {limit} bytes; fetch the file first"
        )
    }
}

impl Known {
    /// How many bytes are worth reading at `start`: if it is right behind the part before, it is the next of many.
    fn ahead(&self, start: u64) -> u64 {
        let (before, bytes) = &self.window;
        let length = bytes.len() as u64;
        if *before > 0 && before.checked_add(length) == Some(start) { (length * 2).min(AHEAD) } else { 0 }
    }

    /// The bytes of a range, if one of the parts holds them.
    fn find(&self, range: &Range<u64>) -> Option<Vec<u8>> {
        [&self.tail, &self.window].into_iter().find_map(|(start, bytes)| {
            let from = usize::try_from(range.start.checked_sub(*start)?).ok()?;
            let to = usize::try_from(range.end.checked_sub(*start)?).ok()?;
            bytes.get(from..to).map(<[u8]>::to_vec)
        })
    }
}

/// Why an answer could not be used.
enum Broken {
    /// Another attempt may succeed.
    Passing(String),
    /// Another attempt would fail likewise.
    Lasting(String),
}

/// Reads a body, of at most one byte more than `most`.
fn body(answer: &mut Answer, most: u64) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    let read = answer.by_ref().take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| Broken::Passing(error.to_string()))
}
