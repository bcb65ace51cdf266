use std::collections::HashMap;
use std::sync::Arc;

use profile::SplitMember;

use super::Timeline;
use super::stream::{BorrowedStructure, StreamKey, write_structures, write_texts};
use crate::bytes::{Cursor, Decoded, push_number};
use crate::container::SectionKind;

/// The approximate size at which a stream ends, in bytes before compression. A lookup reads a whole stream, so small
/// streams are faster to read; large ones compress better.
const STREAM: usize = 96 << 10;

/// The entries of one section of all profiles, gathered while a bundle is written.
pub(crate) struct Collected {
    kind: SectionKind,
    keys: HashMap<Arc<str>, Record>,
    texts: Interned,
}

/// The distinct values of a key, and the builds that have them.
#[derive(Default)]
struct Record {
    /// Each value as a sequence of LEB128 numbers: for a text, the number of the text; for a struct, its size, and for each
    /// member the number of its name, its offset and the number of its descriptor.
    values: Vec<Box<[u8]>>,
    timeline: Timeline,
    /// One more than the position of the last build that has the key.
    seen: usize,
}

/// Texts, numbered in the order in which they were added.
#[derive(Default)]
struct Interned {
    numbers: HashMap<Arc<str>, usize>,
    texts: Vec<Arc<str>>,
}

impl Interned {
    fn number(&mut self, text: &str) -> u64 {
        if let Some(number) = self.numbers.get(text) {
            return *number as u64;
        }
        let text: Arc<str> = text.into();
        self.numbers.insert(Arc::clone(&text), self.texts.len());
        self.texts.push(text);
        self.texts.len() as u64 - 1
    }

    fn text(&self, cursor: &mut Cursor<'_>) -> Decoded<&str> {
        let number = cursor.size()?;
        Ok(self.texts.get(number).map(|text| &**text).unwrap_or_default())
    }
}

impl Collected {
    pub(crate) fn new(kind: SectionKind) -> Self {
        Self { kind, keys: HashMap::new(), texts: Interned::default() }
    }

    pub(crate) fn kind(&self) -> SectionKind {
        self.kind
    }

    /// Records that `build` has this text under `key`.
    pub(crate) fn add_text(&mut self, build: usize, key: &str, text: &str) {
        let mut value = Vec::new();
        push_number(&mut value, self.texts.number(text));
        self.add(build, key, value);
    }

    /// Records that `build` has this struct under `key`. Sorts `members` by offset, then by name.
    pub(crate) fn add_structure(
        &mut self,
        build: usize,
        key: &str,
        size: u64,
        members: &mut [SplitMember<'_>],
    ) {
        members.sort_by(|a, b| a.offset.cmp(&b.offset).then_with(|| a.name.cmp(&b.name)));
        let mut value = Vec::with_capacity(8 + 8 * members.len());
        push_number(&mut value, size);
        for member in members {
            push_number(&mut value, self.texts.number(&member.name));
            push_number(&mut value, member.offset);
            push_number(&mut value, self.texts.number(member.descriptor));
        }
        self.add(build, key, value);
    }

    fn add(&mut self, build: usize, key: &str, value: Vec<u8>) {
        let record = match self.keys.get_mut(key) {
            Some(record) => record,
            None => self.keys.entry(key.into()).or_default(),
        };
        // Most values are those of the previous build, so that one is compared first.
        let last =
            record.timeline.last().filter(|last| record.values.get(*last).is_some_and(|one| **one == *value));
        let found = last.or_else(|| record.values.iter().rposition(|one| **one == *value));
        let version = found.unwrap_or_else(|| {
            record.values.push(value.into_boxed_slice());
            record.values.len() - 1
        });
        record.timeline.set(build, Some(version));
        record.seen = build + 1;
    }

    /// Records that `build` has no further keys: a key that was not added does not exist in it.
    pub(crate) fn end_build(&mut self, build: usize) {
        for record in self.keys.values_mut().filter(|record| record.seen != build + 1) {
            record.timeline.set(build, None);
        }
    }

    /// The encoded streams, each with its first key, sorted by key.
    pub(crate) fn streams(&self) -> Decoded<Vec<(String, Vec<u8>)>> {
        let mut keys: Vec<(&Arc<str>, &Record)> = self.keys.iter().collect();
        keys.sort_unstable_by_key(|(key, _)| *key);
        let mut streams = Vec::new();
        let mut rest = keys.as_slice();
        while !rest.is_empty() {
            let mut length = 0;
            let fits = rest.iter().take_while(|(key, record)| {
                let before = length;
                length += self.length(key, record);
                before == 0 || length <= STREAM
            });
            let (part, behind) = rest.split_at(fits.count());
            streams.push((
                part.first().map_or_else(String::new, |(key, _)| key.to_string()),
                self.stream(part)?,
            ));
            rest = behind;
        }
        Ok(streams)
    }

    /// The approximate size of a key's record in a stream.
    fn length(&self, key: &str, record: &Record) -> usize {
        let text =
            |value: &[u8]| Cursor::new(value).size().ok().and_then(|number| self.texts.texts.get(number));
        let values = record.values.iter().map(|value| match self.kind {
            SectionKind::Structures => value.len(),
            SectionKind::Texts => text(value).map_or(0, |text| text.len().min(STREAM)),
        });
        key.len() + 8 + values.sum::<usize>()
    }

    fn stream(&self, part: &[(&Arc<str>, &Record)]) -> Decoded<Vec<u8>> {
        match self.kind {
            SectionKind::Texts => {
                let keys: Decoded<Vec<_>> = part
                    .iter()
                    .map(|(key, record)| {
                        let values =
                            record.values.iter().map(|value| self.texts.text(&mut Cursor::new(value)));
                        Ok(StreamKey {
                            key,
                            timeline: &record.timeline,
                            values: values.collect::<Decoded<Vec<_>>>()?,
                        })
                    })
                    .collect();
                Ok(write_texts(&keys?))
            }
            SectionKind::Structures => {
                let keys: Decoded<Vec<_>> = part
                    .iter()
                    .map(|(key, record)| {
                        let values = record.values.iter().map(|value| self.structure(value));
                        Ok(StreamKey {
                            key,
                            timeline: &record.timeline,
                            values: values.collect::<Decoded<Vec<_>>>()?,
                        })
                    })
                    .collect();
                Ok(write_structures(&keys?))
            }
        }
    }

    fn structure(&self, value: &[u8]) -> Decoded<BorrowedStructure<'_>> {
        let mut cursor = Cursor::new(value);
        let size = cursor.number()?;
        let mut members = Vec::new();
        while cursor.len() > 0 {
            members.push((self.texts.text(&mut cursor)?, cursor.number()?, self.texts.text(&mut cursor)?));
        }
        Ok((size, members))
    }
}
