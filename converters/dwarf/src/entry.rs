//! Reads single entries in full: the second pass reads the definitions that the first pass has chosen.
//!
//! An entry takes memory only for its own attributes. Nested entries are followed to a depth of 1,024.

use gimli::constants as dw;

use crate::bytes::Cursor;
use crate::plan::{EntryKind, EntryPlan, Plans, Slot};
use crate::scan::reference;
use crate::site::Reference;
use crate::units::Unit;
use crate::value::{self, Value};

/// An entry with the attributes that its kind uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// Its offset from the unit's header.
    pub(crate) at: u32,
    pub(crate) kind: EntryKind,
    pub(crate) tag: dw::DwTag,
    pub(crate) children: bool,
    pub(crate) name: Option<Value<'a>>,
    pub(crate) ty: Reference,
    pub(crate) link: Reference,
    pub(crate) size: Option<u64>,
    pub(crate) location: Option<Value<'a>>,
    pub(crate) bit_size: Option<u64>,
    pub(crate) data_bit_offset: Option<u64>,
    pub(crate) bit_offset: Option<u64>,
    pub(crate) declared: bool,
    pub(crate) external: bool,
    /// An enumerator's value as 64 bits.
    pub(crate) value: Option<u64>,
    pub(crate) upper_bound: Option<u64>,
    pub(crate) lower_bound: Option<u64>,
    pub(crate) count: Option<u64>,
    pub(crate) encoding: Option<u64>,
    /// Whether its length, or a bound, is known only at run time.
    pub(crate) dynamic: bool,
    /// The offset of the next entry.
    end: usize,
}

/// Reads the entry at `at`; `None` if there is none or it is truncated.
pub(crate) fn read<'a>(unit: &Unit<'a>, plans: &Plans, at: u32) -> Option<Entry<'a>> {
    if unit.big_endian {
        Reader::<true> { unit, plans }.entry(at as usize)
    } else {
        Reader::<false> { unit, plans }.entry(at as usize)
    }
}

/// How deep entries may be nested in a definition, including the bodies of its functions. Reading a definition's
/// members skips everything in it, so nested definitions take time proportional to the square of their number.
const MAX_NESTING: usize = 1024;

/// Reads an entry's direct children; the members of a tagged union's variants count as its children. `None` if they
/// are truncated or nested too deeply.
pub(crate) fn children<'a>(unit: &Unit<'a>, plans: &Plans, parent: &Entry<'a>) -> Option<Vec<Entry<'a>>> {
    if !parent.children {
        return Some(Vec::new());
    }
    if unit.big_endian {
        Reader::<true> { unit, plans }.children(parent)
    } else {
        Reader::<false> { unit, plans }.children(parent)
    }
}

/// Calls `visit` with every entry of a unit and its depth below the root, up to the first that cannot be read.
pub(crate) fn walk<'a>(unit: &Unit<'a>, plans: &Plans, visit: impl FnMut(&Entry<'a>, usize)) {
    if unit.big_endian {
        Reader::<true> { unit, plans }.walk(visit);
    } else {
        Reader::<false> { unit, plans }.walk(visit);
    }
}

struct Reader<'r, 'a, const BIG: bool> {
    unit: &'r Unit<'a>,
    plans: &'r Plans,
}

impl<'a, const BIG: bool> Reader<'_, 'a, BIG> {
    fn entry(&self, at: usize) -> Option<Entry<'a>> {
        let mut cursor = Cursor::<BIG>::new(self.unit.bytes, at);
        let code = cursor.uleb()?;
        if code == 0 {
            return None;
        }
        let plan = self.plans.get(code)?;
        let mut entry = Entry {
            at: u32::try_from(at).ok()?,
            kind: plan.kind,
            tag: plan.tag,
            children: plan.children,
            name: None,
            ty: Reference::Nothing,
            link: Reference::Nothing,
            size: None,
            location: None,
            bit_size: None,
            data_bit_offset: None,
            bit_offset: None,
            declared: false,
            external: false,
            value: None,
            upper_bound: None,
            lower_bound: None,
            count: None,
            encoding: None,
            dynamic: false,
            end: 0,
        };
        for step in self.plans.steps(plan) {
            let value = value::read(&mut cursor, step, self.plans, self.unit.encoding)?;
            let number = match value {
                Value::Number(number) => Some(number),
                _ => None,
            };
            match step.slot {
                Slot::Name => entry.name = Some(value),
                Slot::Type => entry.ty = reference(value),
                Slot::Link => entry.link = reference(value),
                Slot::Size => entry.size = number,
                Slot::Location => entry.location = Some(value),
                Slot::BitSize => entry.bit_size = number,
                Slot::DataBitOffset => entry.data_bit_offset = number,
                // A signed number, if a field begins before its declared type does.
                Slot::BitOffset => entry.bit_offset = number,
                Slot::Declared => entry.declared = number.is_some_and(|flag| flag != 0),
                Slot::External => entry.external = number.is_some_and(|flag| flag != 0),
                Slot::Value => entry.value = number.or_else(|| low_bits(value, BIG)),
                Slot::UpperBound | Slot::LowerBound | Slot::Count if number.is_none() => entry.dynamic = true,
                Slot::UpperBound => entry.upper_bound = number,
                Slot::LowerBound => entry.lower_bound = number,
                Slot::Count => entry.count = number,
                Slot::Encoding => entry.encoding = number,
                Slot::Length => entry.dynamic = true,
                _ => {}
            }
        }
        cursor.skip(plan.tail as usize);
        entry.end = cursor.at;
        (entry.end <= cursor.len()).then_some(entry)
    }

    fn children(&self, parent: &Entry<'a>) -> Option<Vec<Entry<'a>>> {
        let mut found = Vec::new();
        let mut at = parent.end;
        // Whether the entries on each level count as children of the parent.
        let mut levels = vec![true];
        while let Some(direct) = levels.last().copied() {
            let mut cursor = Cursor::<BIG>::new(self.unit.bytes, at);
            let code = cursor.uleb()?;
            if code == 0 {
                levels.pop();
                at = cursor.at;
                continue;
            }
            let plan = self.plans.get(code)?;
            if direct {
                let entry = self.entry(at)?;
                at = entry.end;
                found.push(entry);
            } else {
                self.pass_over(&mut cursor, plan)?;
                at = cursor.at;
            }
            if plan.children {
                if levels.len() >= MAX_NESTING {
                    return None;
                }
                levels.push(direct && plan.kind == EntryKind::Variant);
            }
        }
        Some(found)
    }

    fn walk(&self, mut visit: impl FnMut(&Entry<'a>, usize)) {
        let mut at = self.unit.entries_at;
        let mut depth = 0usize;
        loop {
            let mut cursor = Cursor::<BIG>::new(self.unit.bytes, at);
            match cursor.uleb() {
                None => return,
                Some(0) => {
                    at = cursor.at;
                    let Some(above) = depth.checked_sub(1).filter(|above| *above > 0) else { return };
                    depth = above;
                }
                Some(_) => {
                    let Some(entry) = self.entry(at) else { return };
                    at = entry.end;
                    visit(&entry, depth);
                    depth += usize::from(entry.children);
                    if depth == 0 {
                        return;
                    }
                }
            }
        }
    }

    fn pass_over(&self, cursor: &mut Cursor<'a, BIG>, plan: &EntryPlan) -> Option<()> {
        for step in self.plans.over(plan) {
            value::read(cursor, step, self.plans, self.unit.encoding)?;
        }
        cursor.skip(plan.over_tail as usize);
        Some(())
    }
}

/// The low 64 bits of a constant that is too long for a number.
fn low_bits(value: Value<'_>, big_endian: bool) -> Option<u64> {
    let Value::Block(bytes) = value else { return None };
    let byte = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
    Some(if big_endian { bytes.iter().fold(0, byte) } else { bytes.iter().rev().fold(0, byte) })
}
