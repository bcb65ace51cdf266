use std::ops::Range;

use crate::read::ISF_SECTIONS;

/// The places of the sections of an ISF text, and of the structs and enumerations in them, found in one pass that
/// examines only braces and quotes.
#[derive(Debug)]
pub(super) struct Skeleton {
    sections: [Option<Range<usize>>; ISF_SECTIONS.len()],
    /// The entries of `user_types` and `enums`, each sorted by the bytes of the key.
    structs: Vec<Entry>,
    enums: Vec<Entry>,
    /// Whether a key of `user_types` or `enums` contains an escape, so that its bytes are not its text.
    pub(super) escapes: bool,
}

/// An entry of a section. Texts are never longer than [`crate::MAX_TEXT`], so a place in one fits into 32 bits.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: (u32, u32),
    value: (u32, u32),
}

/// The role of a byte outside of strings.
#[derive(Clone, Copy, PartialEq)]
enum Byte {
    Other,
    Quote,
    Open,
    Close,
}

static BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Other; 256];
    bytes[b'"' as usize] = Byte::Quote;
    bytes[b'{' as usize] = Byte::Open;
    bytes[b'[' as usize] = Byte::Open;
    bytes[b'}' as usize] = Byte::Close;
    bytes[b']' as usize] = Byte::Close;
    bytes
};

impl Skeleton {
    /// Finds the sections; `None` if the text is not an object with matching braces, or has a repeated section or a
    /// key of another format. The reader of whole tables reports what is wrong with such a text.
    pub(super) fn find(text: &[u8]) -> Option<Self> {
        u32::try_from(text.len()).ok()?;
        let mut found = Self {
            sections: [const { None }; ISF_SECTIONS.len()],
            structs: Vec::new(),
            enums: Vec::new(),
            escapes: false,
        };
        let start = text.iter().position(|byte| !byte.is_ascii_whitespace())?;
        if text.get(start) != Some(&b'{') {
            return None;
        }
        // The current section, and the start of its value.
        let (mut section, mut section_start): (Option<usize>, usize) = (None, 0);
        // The last string at the depth of entries, and the start of the entry's value.
        let (mut key, mut entry_start): (Option<(u32, u32)>, usize) = (None, 0);
        let (mut depth, mut at) = (0usize, start);
        while let Some(byte) = text.get(at) {
            match BYTES.get(usize::from(*byte)).copied().unwrap_or(Byte::Other) {
                Byte::Other => at += 1,
                Byte::Quote => {
                    let end = string_end(text, at + 1)?;
                    if depth == 1 {
                        let name = text.get(at + 1..end)?;
                        if name.starts_with(b"$") || name.contains(&b'\\') {
                            return None;
                        }
                        section = ISF_SECTIONS.iter().position(|known| known.as_bytes() == name);
                    } else if depth == 2 && section.is_some() {
                        key = Some((at as u32 + 1, end as u32));
                    }
                    at = end + 1;
                }
                Byte::Open => {
                    match depth {
                        1 => section_start = at,
                        2 => entry_start = at,
                        _ => {}
                    }
                    depth += 1;
                    at += 1;
                }
                Byte::Close => {
                    at += 1;
                    depth = depth.checked_sub(1)?;
                    match depth {
                        0 => break,
                        1 => {
                            if let Some(slot) = section.take().and_then(|place| found.sections.get_mut(place))
                                && slot.replace(section_start..at).is_some()
                            {
                                return None;
                            }
                            key = None;
                        }
                        2 => {
                            if let (Some(section), Some(key)) = (section, key.take()) {
                                found.add(
                                    text,
                                    section,
                                    Entry { key, value: (entry_start as u32, at as u32) },
                                );
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
        let rest = text.get(at..)?;
        if depth > 0 || !rest.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        for entries in [&mut found.structs, &mut found.enums] {
            // The last of repeated keys counts: the sort is stable, and the search returns the last.
            entries.sort_by(|a, b| a.key(text).cmp(b.key(text)));
        }
        Some(found)
    }

    fn add(&mut self, text: &[u8], section: usize, entry: Entry) {
        let entries = match ISF_SECTIONS.get(section) {
            Some(&"user_types") => &mut self.structs,
            Some(&"enums") => &mut self.enums,
            _ => return,
        };
        self.escapes |= entry.key(text).contains(&b'\\');
        entries.push(entry);
    }

    /// A section's bytes.
    pub(super) fn section<'t>(&self, text: &'t [u8], section: &str) -> Option<&'t [u8]> {
        let (_, range) = ISF_SECTIONS.iter().zip(&self.sections).find(|(name, _)| **name == section)?;
        text.get(range.clone()?)
    }

    /// The bytes of the struct with this key.
    pub(super) fn structure<'t>(&self, text: &'t [u8], key: &str) -> Option<&'t [u8]> {
        find(&self.structs, text, key)
    }

    /// The bytes of the enumeration with this key.
    pub(super) fn enumeration<'t>(&self, text: &'t [u8], key: &str) -> Option<&'t [u8]> {
        find(&self.enums, text, key)
    }
}

impl Entry {
    fn key<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        slice(text, self.key)
    }
}

fn slice(text: &[u8], (start, end): (u32, u32)) -> &[u8] {
    text.get(start as usize..end as usize).unwrap_or_default()
}

fn find<'t>(entries: &[Entry], text: &'t [u8], key: &str) -> Option<&'t [u8]> {
    let behind = entries.partition_point(|entry| entry.key(text) <= key.as_bytes());
    let entry = entries.get(behind.checked_sub(1)?)?;
    (entry.key(text) == key.as_bytes()).then(|| slice(text, entry.value))
}

/// Where the string that begins at `at` has its closing quote.
fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#" {"symbols": {"user_types": {"address": 1}}, "enums": {"e": {"size": 4, "x": "}{"}},
        "user_types": {"b": {"fields": {"a": {"offset": 0}}}, "a": {"size": 1}, "n": null, "a": {"size": 2}},
        "other": [{"enums": {}}], "metadata": {}} "#;

    #[test]
    fn sections_and_entries_are_found() {
        let text = TABLE.as_bytes();
        let found = Skeleton::find(text).unwrap();
        let at = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        assert_eq!(at(found.section(text, "metadata")).as_deref(), Some("{}"));
        assert_eq!(at(found.section(text, "symbols")).as_deref(), Some(r#"{"user_types": {"address": 1}}"#));
        assert_eq!(found.section(text, "base_types"), None);
        assert_eq!(at(found.enumeration(text, "e")).as_deref(), Some(r#"{"size": 4, "x": "}{"}"#));
        // Of two the last counts; members and symbols are not structs.
        assert_eq!(at(found.structure(text, "a")).as_deref(), Some(r#"{"size": 2}"#));
        assert_eq!(at(found.structure(text, "b")).as_deref(), Some(r#"{"fields": {"a": {"offset": 0}}}"#));
        for missing in ["n", "fields", "offset", "user_types", "", "e"] {
            assert_eq!(found.structure(text, missing), None, "{missing}");
        }
        assert!(!found.escapes);
    }

    #[test]
    fn texts_of_another_kind_are_left_to_the_whole_reader() {
        for text in
            ["", "[]", "{", "{}}", "{\"a", "{\"$STRUCTS\": {}}", "{\"enums\": {}, \"enums\": {}}", "{} x"]
        {
            assert!(Skeleton::find(text.as_bytes()).is_none(), "{text}");
        }
        for end in 0..TABLE.len() {
            // Nothing is found outside of the text, wherever it ends.
            let _ = Skeleton::find(&TABLE.as_bytes()[..end]);
        }
    }
}
