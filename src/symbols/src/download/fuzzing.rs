//! Plays a hostile server against the part of a download that opens no sockets, for the fuzz target
//! `download_answers` and for tests. It is compiled only for them.

use std::io::Read;
use std::time::SystemTime;

use url::Url;

use super::{Ask, Download, Habits, Head, Patience, Receive, Reply, Step, Validator};
use crate::encoding;
use crate::layout::Form;
use crate::manifest::Wanted;
use crate::pointer::Pointer;

/// The separator between two answers.
const SEPARATOR: &[u8] = b"~@~@";
/// A download never sends more requests than this: ten places with ten redirects each, and the allowed retries.
const MOST_REQUESTS: usize = 2000;
/// At most this much of one body is read, after decoding.
const LIMIT: u64 = 1 << 20;

/// Plays a server whose answers are in `input`, one after the other. Each has a status, header lines, an empty line
/// and a body. After the last one the server is silent.
///
/// # Panics
/// If an invariant is broken: the search has to end; a body is continued only with the same strong validator and
/// without a gap; credentials go only to the first server; no redirect leads from https to http.
pub fn play(input: &[u8]) {
    let (Ok(server), Ok(name), Ok(guid_age)) = (
        Url::parse("https://server.example/store"),
        "ntkrnlmp.pdb".parse(),
        "F8E2A8B5C9B74BF4A6E4A48F180099942".parse(),
    ) else {
        unreachable!("these are an address, a name and an identity");
    };
    let mut play = Play { answers: answers(input).into_iter(), requests: 0, file: Vec::new(), version: None };
    let random = fastrand::Rng::with_seed(7);
    let wanted = Wanted::new(name, guid_age);
    let mut step = Download::begin(&server, &wanted, Habits::default(), Patience::default(), random);
    loop {
        step = match step {
            Step::Ask(ask) => play.ask(ask, &server),
            Step::Pause(pause) => pause.over(),
            Step::Judge(judge) => match (judge.form(), play.file.first()) {
                (Form::Pointer, _) => match Pointer::parse(&play.file) {
                    Ok(pointer) => judge.points(pointer),
                    Err(error) => judge.refused(error.to_string()),
                },
                // The first byte decides: M for Microsoft's PDBs, C for a cabinet that is cut off.
                (_, Some(b'M')) => judge.accepted(),
                (_, Some(b'C')) => judge.cut("it ends early".to_owned()),
                _ => judge.refused("it is something else".to_owned()),
            },
            Step::Over(outcome) => {
                assert!(outcome.tried.len() <= MOST_REQUESTS);
                return;
            }
        };
    }
}

struct Play {
    answers: std::vec::IntoIter<(Head, Vec<u8>)>,
    requests: usize,
    /// The state of the file.
    file: Vec<u8>,
    /// The validator of the version that its bytes are from.
    version: Option<Validator>,
}

impl Play {
    fn ask(&mut self, ask: Ask, server: &Url) -> Step {
        self.requests += 1;
        assert!(self.requests <= MOST_REQUESTS, "it never ends");
        let url = &ask.request.url;
        assert_eq!(url.scheme(), "https");
        assert!(!ask.request.credentials || url.host_str() == server.host_str(), "credentials go to {url}");
        let resumed = ask.request.resume.as_ref().map(|resume| resume.offset);
        assert!(resumed.is_none_or(|offset| offset as usize == self.file.len()));
        let Some((head, body)) = self.answers.next() else { return ask.failed("no answer".to_owned()) };
        match ask.answered(&head, SystemTime::UNIX_EPOCH) {
            Reply::Next(step) => step,
            Reply::Body(receive) => self.receive(receive, &head, &body),
        }
    }

    fn receive(&mut self, receive: Receive, head: &Head, body: &[u8]) -> Step {
        let validator = Validator::of(head);
        if receive.offset > 0 {
            assert_eq!(head.status, 206);
            assert_eq!(receive.offset as usize, self.file.len(), "no gap between parts");
            assert!(validator.is_some() && validator == self.version, "parts of one version");
            assert!(receive.codings.is_empty());
        } else {
            self.file.clear();
            self.version = validator;
        }
        let mut decoded = Vec::new();
        let read = encoding::decoded(&receive.codings, body).take(LIMIT + 1).read_to_end(&mut decoded);
        assert!(decoded.len() as u64 <= LIMIT + 1);
        self.file.extend_from_slice(&decoded);
        let length = self.file.len() as u64;
        match read {
            Err(error) if receive.codings.is_empty() => receive.broke(length, error.to_string()),
            Err(error) => receive.refused(error.to_string()),
            Ok(_) if decoded.len() as u64 > LIMIT => receive.too_long(LIMIT),
            // The first byte of the body also determines how its connection ends.
            Ok(_) => match body.first() {
                Some(b'B') => receive.broke(length, "the connection broke".to_owned()),
                Some(b'S') => receive.stalled(length, "nothing came".to_owned()),
                Some(b'L') => receive.too_slow("it came too slowly".to_owned()),
                _ => receive.complete(length),
            },
        }
    }
}

fn answers(input: &[u8]) -> Vec<(Head, Vec<u8>)> {
    let mut answers = Vec::new();
    let mut rest = input;
    while let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
        answers.push(answer(&rest[..at]));
        rest = &rest[at + SEPARATOR.len()..];
    }
    answers.push(answer(rest));
    answers
}

fn answer(bytes: &[u8]) -> (Head, Vec<u8>) {
    let end = bytes.windows(2).position(|window| window == b"\n\n");
    let (head, body) = match end {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[][..]),
    };
    let text = String::from_utf8_lossy(head);
    let mut lines = text.lines();
    let status = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(200);
    let mut parsed = Head { status, ..Head::default() };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = Some(value.trim().to_owned());
        match name.to_ascii_lowercase().as_str() {
            "location" => parsed.location = value,
            "retry-after" => parsed.retry_after = value,
            "content-length" => parsed.content_length = value.and_then(|value| value.parse().ok()),
            "content-range" => parsed.content_range = value,
            "content-type" => parsed.content_type = value,
            "content-encoding" => parsed.content_encoding = value,
            "etag" => parsed.etag = value,
            "last-modified" => parsed.last_modified = value,
            "date" => parsed.date = value,
            _ => {}
        }
    }
    (parsed, body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::play;

    /// The seeds of the fuzz target keep every invariant.
    #[test]
    fn seeds_play_to_their_end() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/download_answers");
        let mut played = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            play(&std::fs::read(entry.unwrap().path()).unwrap());
            played += 1;
        }
        assert!(played > 3);
    }
}
