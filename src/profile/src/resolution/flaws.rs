//! Members and variables that no reader could follow, and their replacements.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::thread;

use super::bounds::{MAX_DEPTH, MAX_DESCRIPTORS, MAX_SIZE, OUTSIDE, OVERSIZED, TOO_DEEP};
use super::resolver::Resolver;
use super::result::Flaw;
use crate::{BitRange, Member, Name, RecordId, Report, StorageUnit, Type, TypeId, Types};

/// What was found in a share of the records.
#[derive(Default)]
struct Checked {
    flaws: Vec<((RecordId, u32), Flaw)>,
    oversized: u64,
    report: Report,
}

/// How many records are worth a thread of their own.
const LEAST_SHARE: usize = 4096;

/// The offsets of the members of those records that were asked for, in order. A record of many members that cannot be
/// described asks once for each.
#[derive(Default)]
struct Offsets(HashMap<RecordId, Vec<u64>>);

impl Offsets {
    /// The first offset behind this one.
    fn after(&mut self, types: &Types, record: RecordId, offset: u64) -> Option<u64> {
        let all = self.0.entry(record).or_insert_with(|| {
            let mut all: Vec<u64> = types.members(record).iter().map(|member| member.offset).collect();
            all.sort_unstable();
            all
        });
        all.get(all.partition_point(|other| *other <= offset)).copied()
    }
}

impl Resolver<'_> {
    /// Finds the members that no reader could follow, and decides how they are written instead. Up to `threads` threads
    /// look at them.
    pub(super) fn find_flaws(&mut self, threads: usize, report: &mut Report) {
        let mut records: Vec<RecordId> = self.structs.iter().map(|(_, id)| *id).collect();
        records.sort_unstable();
        records.dedup();
        let share = records.len().div_ceil(threads.max(1)).max(LEAST_SHARE);
        let resolver = &*self;
        let checked: Vec<Checked> = thread::scope(|scope| {
            let mut shares = records.chunks(share);
            let first = shares.next().unwrap_or_default();
            let others: Vec<_> = shares.map(|share| scope.spawn(|| resolver.check_records(share))).collect();
            let first = resolver.check_records(first);
            let others = others.into_iter();
            let others = others.map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            [first].into_iter().chain(others).collect()
        });
        for part in checked {
            self.result.oversized += part.oversized;
            self.result.flaws.extend(part.flaws);
            report.absorb(part.report);
        }
        self.cut_cycles(&records, report);
    }

    fn check_records(&self, records: &[RecordId]) -> Checked {
        let mut checked = Checked::default();
        for id in records {
            self.check_members(*id, &mut checked);
        }
        checked
    }

    fn check_members(&self, id: RecordId, checked: &mut Checked) {
        let Checked { flaws, oversized, report } = checked;
        let types = self.types;
        let Some(record) = types.record(id) else { return };
        if record.size > MAX_SIZE {
            *oversized += 1;
            report.lose(OVERSIZED, || {
                let name = record.name.map_or("(unnamed)", |name| self.names.get(name));
                format!("{name}: {} bytes", record.size)
            });
        }
        let mut offsets = Offsets::default();
        for (index, member) in types.members(id).iter().enumerate() {
            let place = || {
                let owner = record.name.map_or("(unnamed)", |name| self.names.get(name));
                format!("{owner}.{}", self.names.get(member.name))
            };
            let bit_field = member.bits.filter(|_| !self.has_unit(member.ty));
            let flaw = if member.offset > MAX_SIZE {
                *oversized += 1;
                report.lose(OVERSIZED, || format!("{} at {}", place(), member.offset));
                Some(Flaw::Dropped)
            } else if member.offset > record.size {
                report.lose(OUTSIDE, place);
                Some(Flaw::Dropped)
            } else if let Some(bits) = bit_field {
                report.lose("bit-fields of no native type", place);
                let unit = self.smaller_unit(member, bits, 0, record.size);
                Some(unit.unwrap_or(Flaw::Bytes(record.size - member.offset)))
            } else if !self.describable(member.ty) {
                report.lose(TOO_DEEP, place);
                Some(self.opaque(id, member, &mut offsets))
            } else {
                match self.size_of(member.ty, 0) {
                    Some(size) if member.offset.checked_add(size).is_none_or(|end| end > record.size) => {
                        let bits = member.bits;
                        let flaw = bits.and_then(|bits| self.smaller_unit(member, bits, size, record.size));
                        if flaw.is_none() {
                            report.lose(OUTSIDE, place);
                        }
                        flaw.or(Some(match record.size - member.offset {
                            0 => Flaw::Dropped,
                            left => Flaw::Bytes(left),
                        }))
                    }
                    None if self.incomplete(member.ty) => {
                        report.lose("members of incomplete type held by value", place);
                        Some(self.opaque(id, member, &mut offsets))
                    }
                    _ => None,
                }
            };
            if let Some(flaw) = flaw {
                flaws.push(((id, index as u32), flaw));
            }
        }
    }

    /// Whether a bit-field of this type shows what to load: a native, or an enumeration.
    fn has_unit(&self, ty: TypeId) -> bool {
        self.types.is_native(ty) || matches!(self.types.peel(ty), Type::Enumeration(_))
    }

    /// The smallest unit for a bit-field of a packed struct, whose declared type of `size` bytes would reach beyond
    /// the struct's end (docs/format.md, invariant 4).
    fn smaller_unit(&self, member: &Member, bits: BitRange, size: u64, end: u64) -> Option<Flaw> {
        let width = u64::from(bits.end.checked_sub(bits.start)?);
        let first_bit = member.offset.checked_mul(8)?;
        let unit = if self.little_endian {
            StorageUnit::little_endian(first_bit.checked_add(bits.start.into())?, width, 1)?
        } else {
            let from_top = size.checked_mul(8)?.checked_sub(bits.end.into())?;
            StorageUnit::big_endian(first_bit.checked_add(from_top)?, width, 1)?
        };
        (unit.offset.checked_add(unit.size)? <= end).then_some(Flaw::Unit(unit))
    }

    /// Drops the types of variables that cannot be described.
    pub(super) fn check_variables(&mut self, variables: &[(Name, TypeId)], report: &mut Report) {
        for (name, ty) in variables {
            if !self.describable(*ty) {
                report.lose(TOO_DEEP, || self.names.get(*name).to_owned());
                self.result.untyped.insert(*ty);
            }
        }
    }

    /// A pointer to an unknown target, or bytes up to the next member.
    fn opaque(&self, record: RecordId, member: &Member, offsets: &mut Offsets) -> Flaw {
        let offset = member.offset;
        let end = self.types.record(record).map_or(offset, |record| record.size);
        if let Type::Pointer { size, .. } = self.types.peel(member.ty)
            && size == self.address
            && offset.checked_add(size.into()).is_some_and(|behind| behind <= end)
        {
            return Flaw::Pointer;
        }
        let next = offsets.after(self.types, record, offset);
        Flaw::Bytes(next.unwrap_or(end).min(end).saturating_sub(offset))
    }

    /// Whether a descriptor of this type stays within the limits.
    fn describable(&self, ty: TypeId) -> bool {
        if self.result.plain.contains(ty) {
            return true;
        }
        let mut pending = vec![(ty, 0usize)];
        let mut count = 0;
        while let Some((ty, depth)) = pending.pop() {
            count += 1;
            if depth > MAX_DEPTH || count > MAX_DESCRIPTORS {
                return false;
            }
            match self.types.peel(ty) {
                Type::Pointer { target, .. } | Type::Array { target, .. } => {
                    pending.push((target, depth + 1))
                }
                Type::Function(arguments) => {
                    let arguments = self.types.arguments(arguments);
                    if arguments.len() > MAX_DESCRIPTORS {
                        return false;
                    }
                    pending.extend(arguments.iter().map(|argument| (*argument, depth + 1)));
                }
                _ => {}
            }
        }
        true
    }

    /// Whether a type held by value has no layout here: void, a function, a struct that is only declared.
    fn incomplete(&self, ty: TypeId) -> bool {
        match self.types.peel(ty) {
            Type::Void | Type::Function(_) => true,
            Type::Named(name) => self.result.record(name).is_none(),
            Type::Array { target, .. } => self.incomplete_element(target),
            _ => false,
        }
    }

    fn incomplete_element(&self, mut ty: TypeId) -> bool {
        for _ in 0..MAX_DEPTH {
            match self.types.peel(ty) {
                Type::Array { target, .. } => ty = target,
                Type::Void | Type::Function(_) => return true,
                Type::Named(name) => return self.result.record(name).is_none(),
                _ => return false,
            }
        }
        true
    }

    /// The size in bytes of a type held by value, if it is known.
    fn size_of(&self, ty: TypeId, depth: usize) -> Option<u64> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.types.peel(ty) {
            Type::Named(name) => self.types.record(self.result.record(name)?).map(|record| record.size),
            Type::Array { target, count } => Some(self.size_of(target, depth + 1)?.saturating_mul(count)),
            _ => self.types.size_of(ty),
        }
    }

    /// Cuts structs that contain themselves by value: a reader that walks into them would never return.
    fn cut_cycles(&mut self, records: &[RecordId], report: &mut Report) {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut states = vec![State::New; self.types.records().len()];
        let mut offsets = Offsets::default();
        for start in records {
            if states[start.index()] != State::New {
                continue;
            }
            states[start.index()] = State::Open;
            let mut stack = vec![(*start, 0usize)];
            while let Some((record, next)) = stack.last_mut() {
                let (record, index) = (*record, *next);
                *next += 1;
                let Some(member) = self.types.members(record).get(index) else {
                    states[record.index()] = State::Done;
                    stack.pop();
                    continue;
                };
                if self.result.flaws.contains_key(&(record, index as u32)) {
                    continue;
                }
                let Some(inner) = self.held(member.ty) else { continue };
                match states.get(inner.index()) {
                    Some(State::New) => {
                        states[inner.index()] = State::Open;
                        stack.push((inner, 0));
                    }
                    Some(State::Open) => {
                        let flaw = self.opaque(record, member, &mut offsets);
                        self.result.flaws.insert((record, index as u32), flaw);
                        report.lose("structs that hold themselves by value", || {
                            self.names.get(member.name).to_owned()
                        });
                    }
                    _ => {}
                }
            }
        }
    }

    /// The record that a type holds by value.
    fn held(&self, mut ty: TypeId) -> Option<RecordId> {
        for _ in 0..=MAX_DEPTH {
            match self.types.peel(ty) {
                Type::Array { target, .. } => ty = target,
                Type::Record(id) => return Some(id),
                Type::Named(name) => return self.result.record(name),
                _ => return None,
            }
        }
        None
    }
}
