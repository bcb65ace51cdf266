//! The kernel's own description of its types, in memory: BTF.
//!
//! Only what is compared is read: the members of structs and unions. Source of the format:
//! Documentation/bpf/btf.rst of the kernel's sources.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// A member that is reached by its name: of the struct, or of its members without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where it begins, in bits.
    pub(crate) bit: u64,
    /// For a bit-field, how many bits it has.
    pub(crate) width: Option<u64>,
}

/// A struct's members.
pub(crate) type Members = HashMap<String, Place, RandomState>;

/// Every struct and union with a name; several of one name where the kernel has several.
pub(crate) type Structs = HashMap<String, Vec<Members>, RandomState>;

/// What the table begins with, little-endian.
const MAGIC: u16 = 0xeb9f;
/// The header and all that follows: no kernel's is longer.
pub(crate) const LONGEST: u64 = 64 << 20;

/// The bits of a record's second word that count its members: 24 since the wider format of 2026, where older
/// tables, which use 16, have zeros above them.
const MEMBER_COUNT: u32 = 0x00ff_ffff;
/// The bits of the kind, shifted down: seven since then, five before.
const KIND: u32 = 0x7f;

const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;

/// Deeper nesting of members without a name is cut.
const MAX_DEPTH: usize = 32;
/// How many times as many members as the table has are read. A struct without a name belongs to one other in a kernel;
/// in a hostile table each may hold the next one many times.
const MAX_MEMBERS: usize = 16;
/// No name in a kernel is longer (`KSYM_NAME_LEN`).
const LONGEST_NAME: usize = 512;

struct Table<'a> {
    bytes: &'a [u8],
    strings: &'a [u8],
    /// Where each type's record begins; type 0 is `void`.
    starts: Vec<usize>,
}

/// Reads the structs; `None` where the bytes are no such table.
pub(crate) fn read(bytes: &[u8]) -> Option<Structs> {
    let word =
        |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_le_bytes(*bytes));
    let half =
        |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u16::from_le_bytes(*bytes));
    if half(0)? != MAGIC {
        return None;
    }
    let header = word(4)? as usize;
    let part = |offset: usize, length: usize| {
        let start = header.checked_add(word(offset)? as usize)?;
        bytes.get(start..start.checked_add(word(length)? as usize)?)
    };
    let (types, strings) = (part(8, 12)?, part(16, 20)?);
    let mut table = Table { bytes: types, strings, starts: vec![usize::MAX] };
    let mut at = 0;
    while at < types.len() {
        table.starts.push(at);
        at = at.checked_add(table.length(at)?)?;
    }
    let mut structs = Structs::default();
    let mut left = (types.len() / 12).saturating_mul(MAX_MEMBERS).saturating_add(1);
    for id in 1..table.starts.len() {
        let Some((name, kind, _)) = table.record(id) else { continue };
        if matches!(kind, KIND_STRUCT | KIND_UNION) && name != 0 {
            let mut found = Members::default();
            table.members(id, 0, 0, &mut left, &mut found);
            if left == 0 {
                return None;
            }
            structs.entry(table.text(name).into_owned()).or_default().push(found);
        }
    }
    Some(structs)
}

impl Table<'_> {
    fn word(&self, at: usize) -> Option<u32> {
        self.bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// How many bytes the record at `at` takes.
    fn length(&self, at: usize) -> Option<usize> {
        let info = self.word(at + 4)?;
        let count = (info & MEMBER_COUNT) as usize;
        Some(
            12 + match info >> 24 & KIND {
                // An integer's encoding, a variable's linkage, a declaration's component.
                1 | 14 | 17 => 4,
                3 => 12,
                KIND_STRUCT | KIND_UNION | 15 | 19 => 12 * count,
                6 | 13 => 8 * count,
                2 | 7 | 8..=12 | 16 | 18 => 0,
                _ => return None,
            },
        )
    }

    /// A type's name, kind and the flag of its kind.
    fn record(&self, id: usize) -> Option<(u32, u32, bool)> {
        let at = *self.starts.get(id)?;
        let info = self.word(at.checked_add(4)?)?;
        Some((self.word(at)?, info >> 24 & KIND, info >> 31 != 0))
    }

    /// The type that another one refers to.
    fn target(&self, id: usize) -> Option<u32> {
        self.word(self.starts.get(id)?.checked_add(8)?)
    }

    fn text(&self, offset: u32) -> std::borrow::Cow<'_, str> {
        let text = self.strings.get(offset as usize..).unwrap_or_default();
        let text = text.get(..LONGEST_NAME).unwrap_or(text);
        let end = memchr::memchr(0, text).unwrap_or(text.len());
        String::from_utf8_lossy(text.get(..end).unwrap_or_default())
    }

    /// Adds the members of a struct. `None` if the table breaks off, or if there are too many: then `left` is 0.
    fn members(
        &self,
        id: usize,
        base: u64,
        depth: usize,
        left: &mut usize,
        found: &mut Members,
    ) -> Option<()> {
        let at = *self.starts.get(id)?;
        let (_, _, with_widths) = self.record(id)?;
        let count = (self.word(at.checked_add(4)?)? & MEMBER_COUNT) as usize;
        *left = left.saturating_sub(count);
        if *left == 0 {
            return None;
        }
        for member in 0..count {
            let entry = at + 12 + 12 * member;
            let (name, ty, place) = (self.word(entry)?, self.word(entry + 4)?, self.word(entry + 8)?);
            let (bit, width) = match with_widths {
                true => (u64::from(place & 0x00ff_ffff), u64::from(place >> 24)),
                false => (u64::from(place), 0),
            };
            let bit = base.saturating_add(bit);
            if name == 0 {
                if let Some(inner) = self.record_behind(ty as usize)
                    && depth < MAX_DEPTH
                {
                    self.members(inner, bit, depth + 1, left, found);
                }
                continue;
            }
            let place = Place { bit, width: (width > 0).then_some(width) };
            found.entry(self.text(name).into_owned()).or_insert(place);
        }
        Some(())
    }

    /// The struct or union that a type is, behind its qualifiers.
    fn record_behind(&self, mut id: usize) -> Option<usize> {
        for _ in 0..MAX_DEPTH {
            match self.record(id)?.1 {
                KIND_STRUCT | KIND_UNION => return Some(id),
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST => id = self.target(id)? as usize,
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct s { int a; struct { int b:3; }; };`
    fn table() -> Vec<u8> {
        let strings = b"\0int\0s\0a\0b\0";
        let mut types = Vec::new();
        let mut word = |words: &[u32]| words.iter().for_each(|word| types.extend(word.to_le_bytes()));
        word(&[1, 1 << 24, 4, 32]);
        word(&[0, 1 << 31 | 4 << 24 | 1, 4, 9, 1, 3 << 24 | 5]);
        word(&[5, 4 << 24 | 2, 8, 7, 1, 0, 0, 2, 32]);
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, types.len() as u32, types.len() as u32, strings.len() as u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(types);
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn members_of_members_without_a_name_are_found() {
        let structs = read(&table()).unwrap();
        let found = &structs["s"][0];
        assert_eq!(found.len(), 2);
        assert_eq!(found["a"], Place { bit: 0, width: None });
        assert_eq!(found["b"], Place { bit: 37, width: Some(3) });
    }

    #[test]
    fn structs_that_hold_the_next_one_twice_are_given_up() {
        let mut types = Vec::new();
        for next in 2..34u32 {
            for word in [1, 4 << 24 | 2, 8, 0, next, 0, 0, next, 32] {
                types.extend(u32::to_le_bytes(word));
            }
        }
        let strings = b"\0s\0";
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, types.len() as u32, types.len() as u32, strings.len() as u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(types);
        bytes.extend(strings);
        assert!(read(&bytes).is_none());
    }

    #[test]
    fn what_is_cut_is_no_table() {
        let whole = table();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_none(), "{length}");
        }
    }
}
