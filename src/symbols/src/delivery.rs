//! The loop that carries out the steps of a [`Download`](crate::download::Download). Every kind of file is downloaded
//! through it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::SystemTime;

use profile::{Progress, UnpackMeter};
use url::Url;

use crate::download::{Ask, Outcome, Receive, Reply, Step};
use crate::encoding;
use crate::http::{Answer, Client, FailureKind, Trouble};
use crate::layout::Form;
use crate::pointer::Pointer;
use crate::start::Start;
use crate::store::Refusal;
use crate::symbol_path::shown;

/// How many bytes of a body are written at a time.
const STEP: usize = 64 * 1024;

/// How many bytes of a refusal's body are read.
const EXCERPT: u64 = 2048;

/// The destination of a download, and the requirements on the file.
pub(crate) trait Destination {
    /// The file to which the body is written.
    fn file(&self) -> &File;

    /// The start that a file of this form must have.
    fn start(&self, form: Form) -> Start;

    /// Checks a complete file. A pointer is read; other files are accepted or refused.
    fn judge(&mut self, form: Form) -> Result<Option<Pointer>, Refusal>;
}

/// Converts the body of a refusal into a note, if it says anything.
pub type Explain<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Runs downloads.
pub(crate) struct Delivery<'a> {
    pub client: &'a Client,
    /// The name of the download in progress messages.
    pub step: String,
    /// The largest accepted file, in bytes, after Content-Encoding is decoded. Decoding is also subject to the
    /// general limits of unpacking ([`UnpackMeter`]).
    pub size_limit: u64,
    /// Converts the body of a refusal into a note.
    pub explain: Option<Explain<'a>>,
    pub progress: &'a dyn Progress,
}

impl Delivery<'_> {
    /// Carries out the steps of the download from `server` until it is over.
    ///
    /// # Errors
    /// The file cannot be written. That is a local error, so what the server did no longer matters.
    pub fn drive(&self, server: &Url, first: Step, destination: &mut dyn Destination) -> io::Result<Outcome> {
        let mut step = first;
        let outcome = loop {
            step = match step {
                Step::Ask(ask) => self.ask(ask, destination)?,
                Step::Pause(pause) => {
                    let seconds = pause.length.as_secs_f64();
                    self.progress.debug(&format!(
                        "{}: {}; trying again in {seconds:.1} s",
                        pause.place(),
                        pause.reason
                    ));
                    if pause.asked {
                        self.client.leave_alone(pause.url(), pause.length);
                    }
                    std::thread::sleep(pause.length);
                    pause.over()
                }
                Step::Judge(judge) => match destination.judge(judge.form()) {
                    Ok(None) => judge.accepted(),
                    Ok(Some(pointer)) => judge.points(pointer),
                    Err(Refusal::Cut(reason)) => judge.cut(reason),
                    Err(Refusal::Other(reason)) => judge.refused(reason),
                    Err(Refusal::Write(error)) => return Err(error),
                },
                Step::Over(outcome) => break outcome,
            };
        };
        self.client.set_down(server, outcome.down);
        Ok(outcome)
    }

    /// Sends a request, and reads the body if the answer has one.
    fn ask(&self, ask: Ask, destination: &mut dyn Destination) -> io::Result<Step> {
        let url = ask.request.url.clone();
        if ask.form().is_some() {
            self.progress.debug(&format!("Trying to fetch {}", shown(&url)));
        }
        let mut answer = match self.client.ask(&ask.request) {
            Ok(answer) => answer,
            Err(failure) => {
                return Ok(match failure.kind {
                    FailureKind::Passing => ask.failed(failure.reason),
                    FailureKind::Unreachable => ask.unreachable(failure.reason),
                    FailureKind::Late | FailureKind::Lasting => ask.hopeless(failure.reason),
                });
            }
        };
        if let Some(explain) = self.explain
            && matches!(answer.head.status, 400..=499)
        {
            answer.head.detail = explain(&answer.excerpt(EXCERPT));
        }
        match ask.answered(&answer.head, SystemTime::now()) {
            Reply::Body(receive) => self.receive(&url, receive, answer, destination),
            Reply::Next(step) => Ok(step),
        }
    }

    /// Writes the body of an answer to the file.
    fn receive(
        &self,
        url: &Url,
        receive: Receive,
        mut answer: Answer,
        destination: &mut dyn Destination,
    ) -> io::Result<Step> {
        let form = receive.form();
        let limit = if form == Form::Pointer { Pointer::LONGEST } else { self.size_limit };
        if receive.total.is_some_and(|total| total > limit) {
            return Ok(receive.too_long(limit));
        }
        let mut file = destination.file();
        file.set_len(receive.offset)?;
        file.seek(SeekFrom::Start(receive.offset))?;
        self.progress.begin(&self.step, receive.total);
        let end = self.take(&receive, &mut answer, destination.start(form), limit, file);
        self.progress.end(&self.step);
        Ok(match end? {
            End::Whole(length) => {
                self.progress.debug(&format!("Received {length} bytes"));
                receive.complete(length)
            }
            End::TooLong => receive.too_long(limit),
            End::Refused(reason) => receive.refused(reason),
            End::Cut(length, reason) => receive.broke(length, reason),
            End::Network(length, Trouble::Broke(reason)) => receive.broke(length, reason),
            End::Network(length, Trouble::Stalled(reason)) => receive.stalled(length, reason),
            End::Network(_, Trouble::TooSlow(reason)) => {
                self.client.set_silent(url);
                receive.too_slow(reason)
            }
        })
    }

    /// Reads the body to its end, or until reading on is pointless.
    fn take(
        &self,
        receive: &Receive,
        answer: &mut Answer,
        start: Start,
        limit: u64,
        mut file: &File,
    ) -> io::Result<End> {
        let mut length = receive.offset;
        // A part that continues the file does not have the start of the file.
        let mut seen = if length == 0 { Some(Vec::with_capacity(Start::LENGTH)) } else { None };
        let mut buffer = vec![0; STEP];
        let received = answer.received();
        let mut longest = None;
        let failure = {
            let mut body = encoding::decoded(&receive.codings, &mut *answer);
            loop {
                let count = match body.read(&mut buffer) {
                    Ok(0) => return Ok(End::Whole(length)),
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => break error,
                };
                let bytes = buffer.get(..count).unwrap_or_default();
                length += count as u64;
                if length > limit {
                    return Ok(End::TooLong);
                }
                if let Some(longest) = longest.filter(|longest| length > *longest) {
                    let reason =
                        format!("it continues beyond {longest} bytes, which is more than its header states");
                    return Ok(End::Refused(reason));
                }
                if !receive.codings.is_empty()
                    && let Err(error) = UnpackMeter::new(received.get()).add(length)
                {
                    return Ok(End::Refused(error.to_string()));
                }
                if let Some(mut first) = seen.take() {
                    first.extend(bytes.iter().take(Start::LENGTH.saturating_sub(first.len())));
                    if first.len() < Start::LENGTH {
                        seen = Some(first);
                    } else if let Some(reason) = start.refuse(&first) {
                        return Ok(End::Refused(reason));
                    } else {
                        longest = start.longest(&first);
                    }
                }
                file.write_all(bytes)?;
                self.progress.advance(&self.step, length);
            }
        };
        Ok(match answer.trouble() {
            // An encoded body that ended early is useless.
            Some(trouble) if receive.codings.is_empty() => End::Network(length, trouble),
            Some(trouble) => End::Network(0, trouble),
            None if failure.kind() == io::ErrorKind::UnexpectedEof => {
                End::Cut(0, format!("its encoded body ends early: {failure}"))
            }
            None => End::Refused(format!("its Content-Encoding cannot be undone: {failure}")),
        })
    }
}

/// How reading a body ended.
enum End {
    /// The body is complete; the file has this many bytes.
    Whole(u64),
    /// The body is longer than the limit.
    TooLong,
    /// The body is not the requested file.
    Refused(String),
    /// The body is shorter than it should be; this many bytes can be kept.
    Cut(u64, String),
    /// The network failed; this many bytes can be kept.
    Network(u64, Trouble),
}
