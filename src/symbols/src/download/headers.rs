//! The meaning of the headers of an answer.

use std::time::{Duration, SystemTime};

use url::Url;

use super::Head;

/// Identifies one version of a file reliably, so that parts of it may be joined (RFC 9110, sections 8.8 and
/// 15.3.7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Validator {
    /// A strong entity tag, with its quotation marks.
    Tag(String),
    /// A modification date that is strong by the rule in section 8.8.2.2.
    Date(String),
}

/// How much older than the answer a modification date has to be. This excludes a second change within the same
/// second, and two clocks that differ a little.
const SETTLED: Duration = Duration::from_secs(60);

impl Validator {
    /// The strong validator in the head of an answer, if there is one. A weak entity tag is not strong, and neither
    /// is a modification date shortly before the date of the answer.
    pub fn of(head: &Head) -> Option<Self> {
        if let Some(tag) = head.etag.as_deref().map(str::trim)
            && tag.len() >= 2
            && tag.starts_with('"')
            && tag.ends_with('"')
        {
            return Some(Self::Tag(tag.to_owned()));
        }
        let text = head.last_modified.as_deref()?.trim();
        let changed = httpdate::parse_http_date(text).ok()?;
        let answered = httpdate::parse_http_date(head.date.as_deref()?).ok()?;
        (answered.duration_since(changed).ok()? >= SETTLED).then(|| Self::Date(text.to_owned()))
    }

    /// Its form in `If-Range`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(text) | Self::Date(text) => text,
        }
    }
}

/// The part of a file in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub start: u64,
    /// The offset after its last byte.
    pub end: u64,
    /// The length of the whole file, if the server knows it.
    pub total: Option<u64>,
}

impl Part {
    /// Reads `bytes 10-99/100`. RFC 9110, section 14.4.
    pub fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
        let (start, last) = range.split_once('-')?;
        let (start, last): (u64, u64) = (start.trim().parse().ok()?, last.trim().parse().ok()?);
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let end = last.checked_add(1)?;
        (start < end && total.is_none_or(|total| end <= total)).then_some(Self { start, end, total })
    }
}

/// How long a server asks clients to wait: seconds or a date. RFC 9110, section 10.2.3.
pub(crate) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Whether credentials for `server` may be sent to `url`: the same host and port, or the same host's https port if
/// the server's address is http.
pub(crate) fn same_party(server: &Url, url: &Url) -> bool {
    let ports = (server.port_or_known_default(), url.port_or_known_default());
    server.host() == url.host()
        && match (server.scheme(), url.scheme()) {
            ("http", "https") => ports == (Some(80), Some(443)),
            (from, to) => from == to && ports.0 == ports.1,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strong_validators_count() {
        let head = |etag: &str, changed: &str, date: &str| {
            let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            Head { etag: some(etag), last_modified: some(changed), date: some(date), ..Head::default() }
        };
        let (noon, later) = ("Thu, 01 Jan 2026 12:00:00 GMT", "Thu, 01 Jan 2026 12:01:00 GMT");
        let soon = "Thu, 01 Jan 2026 12:00:59 GMT";
        for (etag, changed, date, expected) in [
            ("\"a\"", "", "", Some(Validator::Tag("\"a\"".into()))),
            ("W/\"a\"", "", "", None),
            ("a", "", "", None),
            ("\"", "", "", None),
            ("", noon, later, Some(Validator::Date(noon.into()))),
            ("W/\"a\"", noon, later, Some(Validator::Date(noon.into()))),
            ("", noon, soon, None),
            ("", noon, "", None),
            ("", later, noon, None),
            ("", "yesterday", later, None),
        ] {
            assert_eq!(Validator::of(&head(etag, changed, date)), expected, "{etag} {changed} {date}");
        }
    }

    #[test]
    fn impossible_ranges_are_refused() {
        let part = |start, end, total| Some(Part { start, end, total });
        for (text, expected) in [
            ("bytes 10-99/100", part(10, 100, Some(100))),
            ("bytes 10-98/100", part(10, 99, Some(100))),
            ("bytes 0-0/*", part(0, 1, None)),
            ("bytes 10-100/100", None),
            ("bytes 9-5/10", None),
            ("bytes */100", None),
            ("bytes 0-18446744073709551615/*", None),
            ("lines 1-2/3", None),
            ("", None),
        ] {
            assert_eq!(Part::parse(text), expected, "{text}");
        }
    }
}
