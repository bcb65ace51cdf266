use std::fs::Metadata;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::header::{self, HeaderMap, HeaderName};

/// The properties of a file on which an answer may depend (RFC 9110, section 8.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entity {
    /// Its size in bytes.
    pub size: u64,
    /// Its time and size, in quotes: the entity tag.
    pub tag: String,
    /// Its modification time, in whole seconds.
    pub modified: SystemTime,
}

/// Which part of a file is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// All of it: 200.
    Whole,
    /// Some of its bytes: 206.
    Part(Range<u64>),
    /// Nothing, because the client already has it: 304.
    NotModified,
    /// Nothing, because it has changed since the client read it: 412.
    Changed,
    /// Nothing, because it does not have the requested bytes: 416.
    Unsatisfiable,
}

impl Entity {
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            size: metadata.len(),
            tag: format!("\"{:x}-{:x}\"", since.as_nanos(), metadata.len()),
            modified: UNIX_EPOCH + Duration::from_secs(since.as_secs()),
        }
    }

    pub fn last_modified(&self) -> String {
        httpdate::fmt_http_date(self.modified)
    }
}

/// The answer to a GET (or HEAD, for which `ranges` are ignored) with these headers. Conditions are checked in the
/// order of RFC 9110, section 13.2.2. A request for several ranges gets the whole file, as section 14.2 allows.
pub(super) fn decide(headers: &HeaderMap, entity: &Entity, ranges: bool) -> Answer {
    let is_newer = |than: &str| httpdate::parse_http_date(than).map(|than| entity.modified > than);
    match (tags(headers, header::IF_MATCH), text(headers, header::IF_UNMODIFIED_SINCE)) {
        (Some(tags), _) if !lists(&tags, &entity.tag, false) => return Answer::Changed,
        (None, Some(date)) if is_newer(date).unwrap_or(false) => return Answer::Changed,
        _ => {}
    }
    match (tags(headers, header::IF_NONE_MATCH), text(headers, header::IF_MODIFIED_SINCE)) {
        (Some(tags), _) if lists(&tags, &entity.tag, true) => return Answer::NotModified,
        (None, Some(date)) if !is_newer(date).unwrap_or(true) => return Answer::NotModified,
        _ => {}
    }
    let range =
        text(headers, header::RANGE).filter(|_| ranges && headers.get_all(header::RANGE).iter().count() == 1);
    let Some(range) = range else { return Answer::Whole };
    if headers.contains_key(header::IF_RANGE) {
        let same =
            text(headers, header::IF_RANGE).is_some_and(|validator| match validator.starts_with('"') {
                true => validator == entity.tag,
                false => httpdate::parse_http_date(validator).is_ok_and(|date| date == entity.modified),
            });
        if !same {
            return Answer::Whole;
        }
    }
    part(range, entity.size)
}

/// One range of bytes (RFC 9110, section 14.1.2); any other header is ignored.
fn part(range: &str, size: u64) -> Answer {
    let Some(("bytes", range)) = range.split_once('=') else { return Answer::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Answer::Whole };
    let number = |text: &str| match text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        true => None,
        // Larger than any file.
        false => Some(text.parse().unwrap_or(u64::MAX)),
    };
    let range = match (number(first), number(last)) {
        (Some(first), None) if last.is_empty() => first..size,
        (Some(first), Some(last)) if first <= last => first..size.min(last.saturating_add(1)),
        (None, Some(length)) if first.is_empty() => {
            if length == 0 {
                return Answer::Unsatisfiable;
            }
            size.saturating_sub(length)..size
        }
        _ => return Answer::Whole,
    };
    if range.start < range.end { Answer::Part(range) } else { Answer::Unsatisfiable }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// All values of a header that lists entity tags; `None` if it is missing.
fn tags(headers: &HeaderMap, name: HeaderName) -> Option<Vec<&str>> {
    let values = headers.get_all(&name);
    headers.contains_key(&name).then(|| values.iter().filter_map(|value| value.to_str().ok()).collect())
}

/// Whether a list contains the tag. Our own tags contain no commas; tags that do belong to other servers and do not
/// match in pieces.
fn lists(lists: &[&str], tag: &str, weak: bool) -> bool {
    lists.iter().flat_map(|list| list.split(',')).map(str::trim).any(|one| {
        let one = if weak { one.strip_prefix("W/").unwrap_or(one) } else { one };
        one == "*" || one == tag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    fn decided(lines: &[(HeaderName, &str)]) -> Answer {
        let modified = httpdate::parse_http_date(DATE).unwrap();
        let entity = Entity { size: 100, tag: "\"t\"".to_owned(), modified };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value.parse().unwrap());
        }
        decide(&headers, &entity, true)
    }

    #[test]
    fn one_range_is_given() {
        for (range, expected) in [
            ("bytes=0-0", Answer::Part(0..1)),
            ("bytes=10-", Answer::Part(10..100)),
            ("bytes=10-19", Answer::Part(10..20)),
            ("bytes=90-1000", Answer::Part(90..100)),
            ("bytes=-10", Answer::Part(90..100)),
            ("bytes=-1000", Answer::Part(0..100)),
            ("bytes=0-99999999999999999999999", Answer::Part(0..100)),
            ("bytes=100-", Answer::Unsatisfiable),
            ("bytes=99999999999999999999999-", Answer::Unsatisfiable),
            ("bytes=-0", Answer::Unsatisfiable),
            ("bytes=20-10", Answer::Whole),
            ("bytes=0-1,5-6", Answer::Whole),
            ("bytes=", Answer::Whole),
            ("bytes=-", Answer::Whole),
            ("bytes=a-b", Answer::Whole),
            ("bytes=+1-2", Answer::Whole),
            ("bytes=0x1-2", Answer::Whole),
            ("lines=0-1", Answer::Whole),
        ] {
            assert_eq!(decided(&[(header::RANGE, range)]), expected, "{range}");
        }
        assert_eq!(decided(&[(header::RANGE, "bytes=0-1"), (header::RANGE, "bytes=0-1")]), Answer::Whole);
        assert_eq!(part("bytes=0-", 0), Answer::Unsatisfiable);
    }

    #[test]
    fn a_range_of_another_version_gives_the_whole_file() {
        for (validator, whole) in [
            ("\"t\"", false),
            (DATE, false),
            ("\"u\"", true),
            ("W/\"t\"", true),
            (LATER, true),
            (EARLIER, true),
            ("nonsense", true),
        ] {
            let answer = decided(&[(header::RANGE, "bytes=5-"), (header::IF_RANGE, validator)]);
            assert_eq!(answer, if whole { Answer::Whole } else { Answer::Part(5..100) }, "{validator}");
        }
    }

    #[test]
    fn conditions_in_their_order() {
        use header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, RANGE};
        for (lines, expected) in [
            (&[(IF_NONE_MATCH, "\"t\"")][..], Answer::NotModified),
            (&[(IF_NONE_MATCH, "\"a\", W/\"t\"")], Answer::NotModified),
            (&[(IF_NONE_MATCH, "\"a\""), (IF_NONE_MATCH, "\"t\"")], Answer::NotModified),
            (&[(IF_NONE_MATCH, "*")], Answer::NotModified),
            (&[(IF_NONE_MATCH, "\"u\"")], Answer::Whole),
            (&[(IF_NONE_MATCH, "\"u\""), (IF_MODIFIED_SINCE, LATER)], Answer::Whole),
            (&[(IF_MODIFIED_SINCE, DATE)], Answer::NotModified),
            (&[(IF_MODIFIED_SINCE, LATER)], Answer::NotModified),
            (&[(IF_MODIFIED_SINCE, EARLIER)], Answer::Whole),
            (&[(IF_MODIFIED_SINCE, "nonsense")], Answer::Whole),
            (&[(IF_NONE_MATCH, "\"t\""), (RANGE, "bytes=0-1")], Answer::NotModified),
            (&[(IF_MATCH, "\"u\""), (IF_NONE_MATCH, "\"t\"")], Answer::Changed),
            (&[(IF_MATCH, "W/\"t\"")], Answer::Changed),
            (&[(IF_MATCH, "\"t\""), (RANGE, "bytes=0-1")], Answer::Part(0..2)),
            (&[(IF_MATCH, "*")], Answer::Whole),
            (&[(IF_UNMODIFIED_SINCE, EARLIER)], Answer::Changed),
            (&[(IF_UNMODIFIED_SINCE, DATE)], Answer::Whole),
        ] {
            assert_eq!(decided(lines), expected, "{lines:?}");
        }
    }
}
