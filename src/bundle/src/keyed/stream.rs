use std::sync::Arc;

use super::Timeline;
use crate::bytes::{Cursor, Decoded, Malformed, TextColumns, Texts, push_bytes, push_number};
use crate::container::SectionKind;

/// One definition of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The size in bytes.
    pub size: u64,
    /// The members, sorted by offset, then by name.
    pub members: Vec<DefinedMember>,
}

/// A member of a struct's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinedMember {
    /// The member's name.
    pub name: Arc<str>,
    /// Its offset in bytes.
    pub offset: u64,
    /// Its descriptor: JSON, as in the canonical text.
    pub descriptor: Arc<str>,
}

/// A key to be written: its timeline and its distinct values.
pub(crate) struct StreamKey<'a, V> {
    pub(crate) key: &'a str,
    pub(crate) timeline: &'a Timeline,
    pub(crate) values: Vec<V>,
}

/// A struct whose texts are borrowed: its size, and the name, offset and descriptor of each member, sorted by offset,
/// then by name.
pub(crate) type BorrowedStructure<'a> = (u64, Vec<(&'a str, u64, &'a str)>);

fn write_keys<V>(keys: &[StreamKey<'_, V>], out: &mut Vec<u8>) {
    let mut names = TextColumns::default();
    let mut timelines = Vec::new();
    for key in keys {
        names.push(key.key);
        push_number(&mut timelines, key.values.len() as u64);
        key.timeline.write(&mut timelines);
    }
    push_number(out, keys.len() as u64);
    names.write(out);
    push_bytes(out, &timelines);
}

/// The distinct texts of a stream, sorted. The number of a text is its position.
struct Table<'a>(Vec<&'a str>);

impl<'a> Table<'a> {
    fn new(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut texts: Vec<&str> = texts.collect();
        texts.sort_unstable();
        texts.dedup();
        Self(texts)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut columns = TextColumns::default();
        self.0.iter().for_each(|text| columns.push(text));
        columns.write(out);
    }

    fn push_number_of(&self, text: &str, out: &mut Vec<u8>) {
        push_number(out, self.0.binary_search(&text).unwrap_or_default() as u64);
    }
}

/// Encodes keys whose values are texts.
pub(crate) fn write_texts(keys: &[StreamKey<'_, &str>]) -> Vec<u8> {
    let mut out = Vec::new();
    write_keys(keys, &mut out);
    let values = || keys.iter().flat_map(|key| key.values.iter().copied());
    let table = Table::new(values());
    table.write(&mut out);
    let mut numbers = Vec::new();
    values().for_each(|text| table.push_number_of(text, &mut numbers));
    push_bytes(&mut out, &numbers);
    out
}

/// Encodes keys whose values are structures.
pub(crate) fn write_structures(keys: &[StreamKey<'_, BorrowedStructure<'_>>]) -> Vec<u8> {
    let mut out = Vec::new();
    write_keys(keys, &mut out);
    let values = || keys.iter().flat_map(|key| key.values.iter());
    let members = || values().flat_map(|(_, members)| members.iter());
    let (names, descriptors) =
        (Table::new(members().map(|(name, ..)| *name)), Table::new(members().map(|(.., ty)| *ty)));
    names.write(&mut out);
    descriptors.write(&mut out);
    let [mut sizes, mut counts, mut of_names, mut offsets, mut of_descriptors] = <[Vec<u8>; 5]>::default();
    for (size, members) in values() {
        push_number(&mut sizes, *size);
        push_number(&mut counts, members.len() as u64);
        let mut before = 0;
        for (name, offset, descriptor) in members {
            names.push_number_of(name, &mut of_names);
            push_number(&mut offsets, offset - before);
            descriptors.push_number_of(descriptor, &mut of_descriptors);
            before = *offset;
        }
    }
    for column in [sizes, counts, of_names, offsets, of_descriptors] {
        push_bytes(&mut out, &column);
    }
    out
}

/// A key that was read: its name, the number of its values, and its timeline.
pub(crate) struct ReadKey<'a> {
    pub(crate) name: &'a str,
    pub(crate) versions: usize,
    pub(crate) timeline: Timeline,
}

/// A stream that was read: its keys, and a reader of their values.
pub(crate) struct Stream<'a> {
    pub(crate) keys: Vec<ReadKey<'a>>,
    pub(crate) values: Values<'a>,
}

/// Reads the values of a stream in order: all values of the first key, then those of the second, and so on.
pub(crate) enum Values<'a> {
    Texts(TextValues<'a>),
    Structures(StructureValues<'a>),
}

pub(crate) struct TextValues<'a> {
    table: Vec<&'a str>,
    numbers: Cursor<'a>,
}

pub(crate) struct StructureValues<'a> {
    pub(crate) names: Vec<&'a str>,
    pub(crate) descriptors: Vec<&'a str>,
    sizes: Cursor<'a>,
    counts: Cursor<'a>,
    of_names: Cursor<'a>,
    offsets: Cursor<'a>,
    of_descriptors: Cursor<'a>,
}

impl<'a> Stream<'a> {
    /// Reads a stream of a bundle with `builds` builds.
    pub(crate) fn read(raw: &'a [u8], kind: SectionKind, builds: usize) -> Decoded<Self> {
        let mut cursor = Cursor::new(raw);
        let count = cursor.count(raw.len())?;
        let mut names = Texts::read(&mut cursor)?;
        let mut timelines = cursor.column()?;
        let mut keys: Vec<ReadKey<'_>> = Vec::with_capacity(count);
        for _ in 0..count {
            let name = names.next()?;
            if keys.last().is_some_and(|last| last.name >= name) {
                return Err(Malformed("keys are not sorted"));
            }
            let versions = timelines.count(raw.len())?;
            keys.push(ReadKey {
                name,
                versions,
                timeline: Timeline::read(&mut timelines, versions, builds)?,
            });
        }
        names.end()?;
        timelines.end()?;
        let values = match kind {
            SectionKind::Texts => Values::Texts(TextValues {
                table: Texts::read(&mut cursor)?.all()?,
                numbers: cursor.column()?,
            }),
            SectionKind::Structures => Values::Structures(StructureValues {
                names: Texts::read(&mut cursor)?.all()?,
                descriptors: Texts::read(&mut cursor)?.all()?,
                sizes: cursor.column()?,
                counts: cursor.column()?,
                of_names: cursor.column()?,
                offsets: cursor.column()?,
                of_descriptors: cursor.column()?,
            }),
        };
        cursor.end()?;
        if let Values::Structures(StructureValues { names, .. }) = &values
            && !names.is_sorted_by(|a, b| a < b)
        {
            return Err(Malformed("the names of members are not sorted"));
        }
        Ok(Self { keys, values })
    }

    /// Checks that its keys are those that the directory says: from `first` on, and before the `next` stream's first.
    /// Otherwise a key would be listed and not found.
    pub(crate) fn within(self, first: &str, next: Option<&str>) -> Decoded<Self> {
        let begins = self.keys.first().is_some_and(|key| key.name == first);
        let ends = self.keys.last().zip(next).is_none_or(|(key, next)| key.name < next);
        if begins && ends { Ok(self) } else { Err(Malformed("its keys are not those of the directory")) }
    }
}

impl<'a> TextValues<'a> {
    /// The next value.
    pub(crate) fn next(&mut self) -> Decoded<&'a str> {
        let number = self.numbers.size()?;
        self.table.get(number).copied().ok_or(Malformed("a text has a number that does not exist"))
    }
}

impl<'a> StructureValues<'a> {
    /// Reads the next value. Passes each member to `member`, with the number of its name, its offset and the number of its
    /// descriptor. Returns the size of the struct.
    pub(crate) fn next(&mut self, mut member: impl FnMut(usize, u64, usize) -> Decoded<()>) -> Decoded<u64> {
        let size = self.sizes.number()?;
        let mut offset = 0_u64;
        for _ in 0..self.counts.count(self.of_names.len())? {
            let distance = self.offsets.number()?;
            offset = offset.checked_add(distance).ok_or(Malformed("an offset has more than 64 bits"))?;
            member(self.of_names.size()?, offset, self.of_descriptors.size()?)?;
        }
        Ok(size)
    }

    /// The next value, with the texts of its members.
    pub(crate) fn next_borrowed(&mut self) -> Decoded<BorrowedStructure<'a>> {
        let mut members = Vec::new();
        let mut numbers = Vec::new();
        let size = self.next(|name, offset, descriptor| {
            numbers.push((name, offset, descriptor));
            Ok(())
        })?;
        for (name, offset, descriptor) in numbers {
            members.push((self.name(name)?, offset, self.descriptor(descriptor)?));
        }
        Ok((size, members))
    }

    pub(crate) fn name(&self, number: usize) -> Decoded<&'a str> {
        self.names.get(number).copied().ok_or(Malformed("a member's name has a number that does not exist"))
    }

    pub(crate) fn descriptor(&self, number: usize) -> Decoded<&'a str> {
        self.descriptors
            .get(number)
            .copied()
            .ok_or(Malformed("a descriptor has a number that does not exist"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_and_texts_survive() {
        let mut timeline = Timeline::default();
        timeline.set(0, Some(0));
        timeline.set(2, Some(1));
        let first = (16, vec![("next", 0, "[\"Pointer\"]"), ("prev", 8, "[\"Pointer\"]")]);
        let second = (24, vec![("prev", 8, "[\"Pointer\"]"), ("next", 16, "[\"int\"]")]);
        let key =
            StreamKey { key: "list_head", timeline: &timeline, values: vec![first.clone(), second.clone()] };
        let raw = write_structures(&[key]);
        let stream = Stream::read(&raw, SectionKind::Structures, 3).unwrap();
        assert_eq!((stream.keys[0].name, stream.keys[0].versions), ("list_head", 2));
        let Values::Structures(mut values) = stream.values else { panic!("structures") };
        assert_eq!(values.next_borrowed(), Ok(first));
        assert_eq!(values.next_borrowed(), Ok(second));
        assert!(values.next_borrowed().is_err());

        let raw = write_texts(&[StreamKey { key: "jiffies", timeline: &timeline, values: vec!["b", "a"] }]);
        let Values::Texts(mut values) = Stream::read(&raw, SectionKind::Texts, 3).unwrap().values else {
            panic!("texts")
        };
        assert_eq!((values.next(), values.next()), (Ok("b"), Ok("a")));
        assert!(Stream::read(&raw, SectionKind::Structures, 3).is_err());
    }
}
