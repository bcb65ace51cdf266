//! The kernel's own description of its types, in memory: BTF.
//!
//! Only the compared parts are read: the members of structs and unions.

use std::collections::HashMap;
use std::ops::Range;

use btf_converter::{BtfKind, Table, TypeView};
use foldhash::fast::RandomState;

/// A member that can be reached by its name: of the struct, or of its unnamed members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its offset in bits.
    pub(crate) bit: u64,
    /// For a bit-field, its width in bits.
    pub(crate) width: Option<u64>,
}

/// Every named struct and union of a table, with its members.
#[derive(Debug, Default)]
pub(crate) struct Structs<'a> {
    members: Vec<(&'a [u8], Place)>,
    /// Where the members of each are; several of one name if the kernel has several.
    variants: HashMap<&'a [u8], Vec<Range<usize>>, RandomState>,
}

impl<'a> Structs<'a> {
    /// The number of names.
    pub(crate) fn len(&self) -> usize {
        self.variants.len()
    }

    /// The names, in no order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a [u8]> {
        self.variants.keys().copied()
    }

    /// The members of each struct of this name. Those of unnamed members are its own, as in C; of several that have one
    /// name, the first counts.
    pub(crate) fn variants(&self, name: &[u8]) -> impl Iterator<Item = &[(&'a [u8], Place)]> {
        let ranges = self.variants.get(name).into_iter().flatten();
        ranges.map(|range| self.members.get(range.clone()).unwrap_or_default())
    }
}

/// The longest table: no kernel's is longer.
pub(crate) const LONGEST: u64 = 64 << 20;

/// Deeper nesting of unnamed members is cut.
const MAX_DEPTH: usize = 32;
/// How many times the number of members in the table are read. In a kernel an unnamed struct belongs to one other
/// struct; in a hostile table each may contain the next one many times.
const MAX_MEMBERS: usize = 16;
/// Reads the structs; `None` if the bytes are not such a table.
pub(crate) fn read(bytes: &[u8]) -> Option<Structs<'_>> {
    let table = Table::open(bytes).ok()?;
    let mut structs = Structs::default();
    let mut left = (bytes.len() / 12).saturating_mul(MAX_MEMBERS).saturating_add(1);
    for id in table.own() {
        let Some(view) = table.view(id) else { continue };
        if matches!(view.kind(), BtfKind::Struct | BtfKind::Union) && !view.name().is_empty() {
            let first = structs.members.len();
            members(&table, &view, 0, 0, &mut left, &mut structs.members);
            if left == 0 {
                return None;
            }
            structs.variants.entry(view.name()).or_default().push(first..structs.members.len());
        }
    }
    Some(structs)
}

/// Adds the members of a struct. If there are too many, `left` is 0 afterwards.
fn members<'a>(
    table: &Table<'a>,
    view: &TypeView<'_, 'a>,
    base: u64,
    depth: usize,
    left: &mut usize,
    found: &mut Vec<(&'a [u8], Place)>,
) {
    let all = view.members();
    *left = left.saturating_sub(all.len());
    if *left == 0 {
        return;
    }
    for member in all {
        let bit = base.saturating_add(member.bit);
        if member.name.is_empty() {
            if let Some(inner) = record_behind(table, member.ty)
                && depth < MAX_DEPTH
            {
                members(table, &inner, bit, depth + 1, left, found);
            }
            continue;
        }
        let place = Place { bit, width: member.width.map(u64::from) };
        found.push((member.name, place));
    }
}

/// The struct or union of a type, looking through qualifiers.
fn record_behind<'t, 'a>(table: &'t Table<'a>, mut id: u32) -> Option<TypeView<'t, 'a>> {
    for _ in 0..MAX_DEPTH {
        let view = table.view(id)?;
        match view.kind() {
            BtfKind::Struct | BtfKind::Union => return Some(view),
            BtfKind::Typedef | BtfKind::Volatile | BtfKind::Const | BtfKind::TypeTag => id = view.target()?,
            _ => return None,
        }
    }
    None
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
        let table = table();
        let structs = read(&table).unwrap();
        let found: Vec<_> = structs.variants(b"s").collect();
        let expected: [(&[u8], Place); 2] =
            [(b"a", Place { bit: 0, width: None }), (b"b", Place { bit: 37, width: Some(3) })];
        assert_eq!(found, [expected]);
    }

    #[test]
    fn structs_that_contain_the_next_one_twice_are_refused() {
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
    fn a_truncated_table_is_refused() {
        let whole = table();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_none(), "{length}");
        }
    }
}
