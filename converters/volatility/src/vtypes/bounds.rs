//! Restores the lost bounds of arrays.
//!
//! The tool that made the vtypes of macOS packs did not support clang's attribute for bounds: since 10.11 every array
//! has 0 elements. If exactly one number of elements fits between the array and the next member, or the end of the
//! struct, that is the number. If padding could explain the difference, nothing is certain, and the array is counted
//! as one without a bound.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use profile::{Name, Profile, Report, Type, TypeId, Types};

use super::lower::{Member, Pending, Record, Widths};

/// Gives arrays without a bound the bound that the layout proves, and counts the others.
pub(super) fn infer(pending: &Pending, widths: Widths, profile: &mut Profile, report: &mut Report) {
    if !is_lost(pending, profile) {
        return;
    }
    let mut layouts = Layouts::new(pending, widths);
    let mut proved = 0u64;
    for record in &pending.records {
        let members = pending.members.get(record.members.clone()).unwrap_or_default();
        for (index, member) in members.iter().enumerate() {
            let (ty, behind_pointer) = array_of(&profile.types, member.ty);
            let Some(ty) = ty else { continue };
            let count = match behind_pointer {
                true => None,
                false => layouts.bound(&profile.types, record, members, index),
            };
            match (count, profile.types.get(ty)) {
                (Some(count), Type::Array { target, .. }) => {
                    proved += 1;
                    profile.types.set(ty, Type::Array { target, count });
                }
                _ => report.lose("arrays whose bound the pack lacks and the layout does not prove", || {
                    let owner = record.name.map_or("(unnamed)", |name| profile.names.get(name));
                    format!("{owner}.{}", profile.names.get(member.name))
                }),
            }
        }
    }
    report.warn(format!("{proved} arrays had lost their bounds; the layout of their structs proves them"));
}

/// Whether bounds are lost: there are arrays, and none of them has elements.
fn is_lost(pending: &Pending, profile: &Profile) -> bool {
    let mut arrays = 0;
    for member in &pending.members {
        if let (Some(ty), _) = array_of(&profile.types, member.ty) {
            arrays += 1;
            if !matches!(profile.types.get(ty), Type::Array { count: 0, .. }) {
                return false;
            }
        }
    }
    arrays > 1
}

/// The array type of a member, and whether the member is a pointer to it.
fn array_of(types: &Types, mut ty: TypeId) -> (Option<TypeId>, bool) {
    let mut behind_pointer = false;
    for _ in 0..Types::MAX_CHAIN {
        match types.get(ty) {
            Type::Array { .. } => return (Some(ty), behind_pointer),
            Type::Pointer { target, .. } => {
                behind_pointer = true;
                ty = target;
            }
            _ => break,
        }
    }
    (None, behind_pointer)
}

/// Sizes and alignments of a pack's types, by name and number.
struct Layouts<'a> {
    pending: &'a Pending,
    by_name: HashMap<Name, usize, RandomState>,
    by_type: HashMap<TypeId, usize, RandomState>,
    alignments: HashMap<usize, u64, RandomState>,
    widest: u64,
}

/// The alignment of unknown types: the strictest that a kernel's types have by default.
const UNKNOWN: u64 = 16;
/// How deep structs are followed to find an alignment.
const MAX_DEPTH: usize = 32;

impl<'a> Layouts<'a> {
    fn new(pending: &'a Pending, widths: Widths) -> Self {
        let records = || pending.records.iter().enumerate();
        Self {
            pending,
            by_name: records().filter_map(|(index, record)| Some((record.name?, index))).collect(),
            by_type: records().filter_map(|(index, record)| Some((record.ty?, index))).collect(),
            alignments: HashMap::default(),
            // On i386 the widest alignment is that of a pointer.
            widest: u64::from(widths.pointer),
        }
    }

    fn record(&self, types: &Types, ty: TypeId) -> Option<usize> {
        match types.get(ty) {
            Type::Named(name) => self.by_name.get(&name).copied(),
            Type::Alias { target, .. } => self.by_type.get(&target).copied(),
            _ => self.by_type.get(&ty).copied(),
        }
    }

    fn size(&self, types: &Types, ty: TypeId) -> Option<u64> {
        match self.record(types, ty) {
            Some(record) => self.pending.records.get(record).map(|record| record.size),
            None => types.size_of(ty),
        }
    }

    fn alignment(&mut self, types: &Types, ty: TypeId, depth: usize) -> u64 {
        if depth > MAX_DEPTH {
            return UNKNOWN;
        }
        if let Some(index) = self.record(types, ty) {
            return self.record_alignment(types, index, depth);
        }
        match types.get(ty) {
            Type::Array { target, .. } => self.alignment(types, target, depth + 1),
            _ => match types.size_of(ty) {
                Some(size) if size.is_power_of_two() => size.min(self.widest),
                _ => UNKNOWN,
            },
        }
    }

    fn record_alignment(&mut self, types: &Types, index: usize, depth: usize) -> u64 {
        if let Some(alignment) = self.alignments.get(&index) {
            return *alignment;
        }
        // A struct that contains itself adds no alignment.
        self.alignments.insert(index, 1);
        let pending = self.pending;
        let Some(record) = pending.records.get(index) else { return UNKNOWN };
        let mut alignment = 1;
        for member in pending.members.get(record.members.clone()).unwrap_or_default() {
            let own = match member.bits {
                Some(_) => self.widest,
                None => self.alignment(types, member.ty, depth + 1),
            };
            // A member at an offset that does not fit its alignment is packed.
            if member.offset % own == 0 {
                alignment = alignment.max(own);
            }
        }
        if record.size % alignment != 0 {
            alignment = 1;
        }
        self.alignments.insert(index, alignment);
        alignment
    }

    /// The number of elements of the array that is member `index`, if only one number is possible.
    fn bound(&mut self, types: &Types, record: &Record, members: &[Member], index: usize) -> Option<u64> {
        let array = members.get(index)?;
        let Type::Array { target, .. } = types.get(array.ty) else { return None };
        let element = self.size(types, target).filter(|size| *size > 0)?;
        let others =
            || members.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
        let in_union = members.len() > 1 && others().all(|other| other.offset == 0) && array.offset == 0;
        if in_union {
            return self.bound_in_union(types, record, members, index, element);
        }
        let beside = |other: &&Member| other.offset == array.offset;
        if others().any(|other| beside(&other)) {
            // Of two members at one offset, the other one has the bytes. Static members of a class, which these packs
            // list at offset 0, have none.
            let other_has_bytes = others()
                .filter(beside)
                .any(|other| other.bits.is_some() || self.size(types, other.ty).is_some_and(|size| size > 0));
            return (other_has_bytes && array.offset > 0).then_some(0);
        }
        let next = others().filter(|other| other.offset > array.offset).min_by_key(|other| other.offset);
        let (end, alignment) = match next {
            Some(next) => match next.bits {
                Some(bits) if bits.start == 0 => {
                    (next.offset, self.widest.min(1 << next.offset.trailing_zeros()))
                }
                Some(_) => return None,
                None => (next.offset, self.alignment(types, next.ty, 0)),
            },
            None => {
                let alignment = members.iter().map(|member| self.alignment(types, member.ty, 0)).max();
                (record.size, alignment.unwrap_or(UNKNOWN))
            }
        };
        let alignment = if end.is_multiple_of(alignment) { alignment } else { 1 };
        only_count(end.checked_sub(array.offset)?, element, array.offset, end, alignment)
    }

    /// In a union the array has the whole size if no other member is large enough to determine it.
    fn bound_in_union(
        &mut self,
        types: &Types,
        record: &Record,
        members: &[Member],
        index: usize,
        element: u64,
    ) -> Option<u64> {
        let mut alignment = self.alignment(types, members.get(index)?.ty, 0);
        for (other, member) in members.iter().enumerate() {
            if other == index {
                continue;
            }
            if matches!(types.get(member.ty), Type::Array { count: 0, .. }) {
                return None;
            }
            let own = self.alignment(types, member.ty, 0);
            alignment = alignment.max(own);
            let size = self.size(types, member.ty)?;
            if size.checked_next_multiple_of(alignment)? >= record.size {
                return None;
            }
        }
        only_count(record.size, element, 0, record.size, alignment)
    }
}

/// The number of elements that fill `room` up to padding of less than `alignment`, if only one number does.
fn only_count(room: u64, element: u64, start: u64, end: u64, alignment: u64) -> Option<u64> {
    let most = room / element;
    let fits = |count: u64| {
        let reached = start.checked_add(count.checked_mul(element)?)?;
        (reached.checked_next_multiple_of(alignment)? == end).then_some(count)
    };
    let count = fits(most)?;
    match most.checked_sub(1) {
        Some(fewer) if fits(fewer).is_some() => None,
        _ => Some(count),
    }
}

#[cfg(test)]
mod tests {
    use super::only_count;

    #[test]
    fn padding_makes_a_bound_uncertain() {
        // char name[17] before a char
        assert_eq!(only_count(17, 1, 724, 741, 1), Some(17));
        // char name[33], three bytes of padding, a pointer
        assert_eq!(only_count(35, 1, 741, 776, 8), None);
        // unsigned counts[3], four bytes of padding, a pointer
        assert_eq!(only_count(16, 4, 0, 16, 8), None);
        assert_eq!(only_count(12, 4, 4, 16, 8), None);
        assert_eq!(only_count(16, 8, 8, 24, 8), Some(2));
        assert_eq!(only_count(0, 4, 8, 8, 8), Some(0));
        // The space does not hold a whole number of elements.
        assert_eq!(only_count(7, 4, 0, 7, 1), None);
    }
}
