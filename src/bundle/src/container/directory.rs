use crate::bytes::{Cursor, Decoded, Malformed, push_bytes, push_number};

/// One block, which is compressed and checked separately from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its offset in the file.
    pub(crate) offset: u64,
    /// Its length in the file.
    pub(crate) packed: u64,
    /// Its length unpacked.
    pub(crate) raw: usize,
    /// SHA-256 of the packed bytes.
    pub(crate) hash: [u8; 32],
}

/// Consecutive blocks that hold one stream of bytes: the number of the first block, and how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl Blocks {
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        push_number(out, self.first as u64);
        push_number(out, self.count as u64);
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Decoded<Self> {
        Ok(Self { first: cursor.size()?, count: cursor.size()? })
    }
}

/// How the values of a section are stored. The directory holds the number of the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SectionKind {
    /// Each value is a text.
    Texts,
    /// Each value is a struct: a size and members.
    Structures,
}

/// A section of profiles whose entries are stored by key, for all builds together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SectionEntry {
    /// The section's name in a profile: `$STRUCTS`.
    pub(crate) name: String,
    pub(crate) kind: SectionKind,
    /// The first key and the blocks of each stream, sorted by key.
    pub(crate) streams: Vec<(String, Blocks)>,
}

/// The contents of the file, and their places in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) blocks: Vec<Block>,
    /// The blocks with the list of builds.
    pub(crate) builds: Blocks,
    pub(crate) sections: Vec<SectionEntry>,
}

impl Directory {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_number(&mut out, self.blocks.len() as u64);
        for block in &self.blocks {
            push_number(&mut out, block.packed);
            push_number(&mut out, block.raw as u64);
        }
        self.blocks.iter().for_each(|block| out.extend_from_slice(&block.hash));
        self.builds.write(&mut out);
        push_number(&mut out, self.sections.len() as u64);
        for section in &self.sections {
            push_bytes(&mut out, section.name.as_bytes());
            push_number(&mut out, section.kind as u64);
            push_number(&mut out, section.streams.len() as u64);
            for (first, blocks) in &section.streams {
                push_bytes(&mut out, first.as_bytes());
                blocks.write(&mut out);
            }
        }
        out
    }

    /// Reads a directory. The blocks have to fill the file from `start` to `end` without gaps, and every reference has to
    /// lead to one of them.
    pub(crate) fn decode(raw: &[u8], start: u64, end: u64) -> Decoded<Self> {
        let mut cursor = Cursor::new(raw);
        let count = cursor.count(raw.len())?;
        let mut blocks = Vec::with_capacity(count);
        let mut offset = start;
        for _ in 0..count {
            let (packed, raw) = (cursor.number()?, cursor.size()?);
            blocks.push(Block { offset, packed, raw, hash: [0; 32] });
            offset = offset.checked_add(packed).ok_or(Malformed("the blocks exceed the file"))?;
        }
        if offset != end {
            return Err(Malformed("the blocks do not fill the file up to the directory"));
        }
        for block in &mut blocks {
            block.hash =
                cursor.take(32)?.try_into().map_err(|_| Malformed("a hash does not have 32 bytes"))?;
        }
        let check = |part: Blocks| match part.first.checked_add(part.count) {
            Some(end) if end <= blocks.len() => Ok(part),
            _ => Err(Malformed("a part refers to blocks that do not exist")),
        };
        let builds = check(Blocks::read(&mut cursor)?)?;
        let mut sections: Vec<SectionEntry> = Vec::new();
        for _ in 0..cursor.count(cursor.len())? {
            let name = cursor.text()?.to_owned();
            if sections.last().is_some_and(|last| last.name >= name) {
                return Err(Malformed("the sections are not sorted"));
            }
            let kind = match cursor.number()? {
                0 => SectionKind::Texts,
                1 => SectionKind::Structures,
                _ => return Err(Malformed("a section is of a kind that does not exist")),
            };
            let mut streams: Vec<(String, Blocks)> = Vec::new();
            for _ in 0..cursor.count(cursor.len())? {
                let first = cursor.text()?.to_owned();
                if streams.last().is_some_and(|(last, _)| *last >= first) {
                    return Err(Malformed("the first keys of a section are not sorted"));
                }
                streams.push((first, check(Blocks::read(&mut cursor)?)?));
            }
            sections.push(SectionEntry { name, kind, streams });
        }
        cursor.end()?;
        Ok(Self { blocks, builds, sections })
    }
}
