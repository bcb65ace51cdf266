use std::ops::Range;

use memchr::memmem;

use crate::ReadError;
use crate::read::{document, judge_keys};

/// The places of the sections in a profile's text.
#[derive(Debug)]
pub(super) struct Sections {
    /// Name and value, in the text's order.
    all: Vec<(String, Range<usize>)>,
}

/// With more keys on the top level it is not a profile with sections, whatever its layout suggests.
const MAX_SECTIONS: usize = 64;

impl Sections {
    /// Finds them by the text's layout if it has lines, otherwise by walking it.
    pub(super) fn find(text: &str) -> Result<Self, ReadError> {
        let all = match by_lines(text) {
            Some(all) => all,
            None => by_walking(text)?,
        };
        judge_keys(all.iter().map(|(name, _)| name.clone()).collect())?;
        Ok(Self { all })
    }

    /// The value of a section; the last one if it is repeated.
    pub(super) fn of<'a>(&self, text: &'a str, section: &str) -> Option<&'a str> {
        let (_, range) = self.all.iter().rev().find(|(name, _)| name == section)?;
        text.get(range.clone())
    }
}

/// By layout: printers that put every entry on its own line indent the sections by the same number of spaces and
/// everything inside them by more. `None` if the text has another layout.
fn by_lines(text: &str) -> Option<Vec<(String, Range<usize>)>> {
    let indent = text.strip_prefix("{\n")?.bytes().take_while(|byte| *byte == b' ').count();
    if indent == 0 {
        return None;
    }
    let line = format!("\n{}\"", " ".repeat(indent));
    let mut found: Vec<(String, Range<usize>)> = Vec::new();
    for start in memmem::find_iter(text.as_bytes(), line.as_bytes()) {
        let before = text.get(..start)?.trim_end_matches(' ');
        if !before.ends_with(['{', ',']) || found.len() == MAX_SECTIONS {
            return None;
        }
        let key = text.get(start + line.len()..)?;
        let name = key.get(..memchr::memchr(b'"', key.as_bytes())?)?;
        let value = key.get(name.len() + 1..)?.trim_start().strip_prefix(':')?.trim_start();
        if let Some((_, last)) = found.last_mut() {
            last.end = before.len() - 1;
        }
        found.push((name.to_owned(), text.len() - value.len()..text.len()));
    }
    // The last section ends where the object does.
    let (_, last) = found.last_mut()?;
    last.end = text.trim_ascii_end().strip_suffix('}')?.trim_ascii_end().len();
    // A key that needs escapes is not a known section.
    found.iter().all(|(name, range)| !name.contains('\\') && range.start < range.end).then_some(found)
}

fn by_walking(text: &str) -> Result<Vec<(String, Range<usize>)>, ReadError> {
    let mut found = Vec::new();
    let base = text.as_ptr().addr();
    document::sections(text, |name, value| {
        let start = value.as_ptr().addr() - base;
        found.push((name.into_owned(), start..start + value.len()));
    })?;
    Ok(found)
}
