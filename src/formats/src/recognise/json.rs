//! JSON texts, by the keys of their outermost object.

use crate::look::Look;
use crate::{FileKind, Identified};

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    let head = look.head();
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if !matches!(text.first(), Some(b'{' | b'[')) || head.iter().take(512).any(|byte| *byte == 0) {
        return None;
    }
    // After the bracket comes the start of a value or key. Memory and other texts can have any byte there.
    let next = text.get(1..).unwrap_or_default().trim_ascii_start().first();
    let starts = |byte: &u8| {
        matches!(byte, b'"' | b'{' | b'[' | b']' | b'}' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')
    };
    if !next.is_none_or(starts) {
        return None;
    }
    // If the head holds the whole text, all of its keys are known.
    let tail = if look.length.is_some_and(|length| length > head.len() as u64) {
        look.tail(TAIL)
    } else {
        Vec::new()
    };
    Some(kind(&Keys::of(text), &tail).into())
}

/// How many bytes at the end are searched, since metadata may come last.
const TAIL: usize = 4096;

fn kind(keys: &Keys<'_>, tail: &[u8]) -> FileKind {
    let has = |key: &str| keys.outer.contains(&key.as_bytes());
    if has("$INDEX") || has("$EXPORTS") {
        return FileKind::Index;
    }
    if has("$INVENTORY") {
        return FileKind::Inventory;
    }
    if has("$METADATA") && keys.symlink {
        return FileKind::SymlinkProfile;
    }
    let sections =
        ["$METADATA", "$STRUCTS", "$CONSTANTS", "$FUNCTIONS", "$ENUMS", "$REVENUMS", "$CONFIG", "$MERGE"];
    if sections.into_iter().any(has) || find(tail, b"\"$METADATA\"") {
        return FileKind::Profile;
    }
    if ["base_types", "user_types"].into_iter().any(has)
        || has("metadata") && (has("enums") || has("symbols"))
    {
        return FileKind::Isf;
    }
    if has("version") && ["linux", "mac", "windows"].into_iter().any(has) {
        return FileKind::Banners;
    }
    if has("wanted") {
        return FileKind::PdbList;
    }
    FileKind::Json
}

fn find(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// The keys of the outermost object, as far as the head holds them.
struct Keys<'a> {
    outer: Vec<&'a [u8]>,
    /// Whether `$METADATA` says `"Type": "Symlink"`.
    symlink: bool,
}

impl<'a> Keys<'a> {
    fn of(text: &'a [u8]) -> Self {
        let mut keys = Self { outer: Vec::new(), symlink: false };
        let (mut depth, mut at) = (0usize, 0);
        let mut inner: &[u8] = b"";
        while let Some(byte) = text.get(at) {
            at += 1;
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'"' => {
                    let Some((string, end)) = string(text, at) else { break };
                    at = end;
                    let is_key = text.get(at..).unwrap_or_default().trim_ascii_start().starts_with(b":");
                    match depth {
                        1 if is_key => keys.outer.push(string),
                        2 if is_key => inner = string,
                        2 => {
                            let metadata = keys.outer.last().is_some_and(|key| *key == b"$METADATA");
                            keys.symlink |= metadata && inner == b"Type" && string == b"Symlink";
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        keys
    }
}

/// The raw text of a string whose content begins at `start`, and its end.
fn string(text: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let mut at = start;
    loop {
        match text.get(at)? {
            b'"' => return Some((text.get(start..at)?, at + 1)),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
