use foldhash::fast::RandomState;
use hashbrown::HashMap;
use profile::{
    Choice, ChoiceOption, Label, Name, NativeKind, NewMember, Profile, Report, StorageUnit, Type, TypeId,
    Types,
};

use super::pending::{Bits, Enumeration, Member, Pending, Record};
use super::{Hints, Lowering};

/// The properties of the machine that decide the places of bit-fields and the size of pointers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) big_endian: bool,
    pub(crate) address_size: u8,
}

impl Lowering<'_> {
    /// How many records have been read so far.
    pub(crate) fn records(&self) -> usize {
        self.pending.records.len()
    }

    /// What the units say about their system.
    pub(crate) fn hints(&self) -> &Hints {
        &self.hints
    }

    /// Ends the text: every open entry has all its children.
    pub(crate) fn end(&mut self) {
        while !self.scopes.is_empty() {
            self.close();
        }
    }

    /// Resolves all pending types for `target`, and gives the profile its records, enumerations and the types of its
    /// variables.
    pub(crate) fn finish(mut self, target: Target) {
        self.end();
        let Self { profile, report, pending, types, mut variables, .. } = self;
        for (ty, pointee) in &pending.pointers {
            profile.types.set(*ty, Type::Pointer { target: *pointee, size: target.address_size });
        }
        let mut missing: Vec<u64> =
            types.iter().filter(|(_, (_, seen))| !seen).map(|(key, _)| *key).collect();
        missing.sort_unstable();
        for key in missing {
            report.lose("references to types the dump does not hold", || format!("entry 0x{key:x}"));
        }
        let bases = pending
            .has_base_classes()
            .then(|| pending.records.iter().filter_map(|record| Some((record.ty, record.name?))).collect());
        let bases = bases.unwrap_or_default();
        let mut finisher =
            Finisher { profile, report, pending: &pending, target, bases, members: Vec::new() };
        for (ty, of) in &pending.member_pointers {
            finisher.member_pointer(*ty, *of);
        }
        for item in &pending.enumerations {
            finisher.enumeration(item);
        }
        for record in &pending.records {
            finisher.record(record);
        }
        finisher.bind_declarations();
        variables.sort_by_key(|(name, _)| *name);
        variables.dedup_by_key(|(name, _)| *name);
        profile.constant_types = variables;
    }
}

struct Finisher<'a> {
    profile: &'a mut Profile,
    report: &'a mut Report,
    pending: &'a Pending,
    target: Target,
    /// The classes that may be bases of others, by their types; filled only if there are any.
    bases: HashMap<TypeId, Name, RandomState>,
    members: Vec<NewMember>,
}

impl Finisher<'_> {
    /// For a data member an offset; for a function the function and an adjustment of `this` (Itanium C++ ABI, section
    /// 2.3).
    fn member_pointer(&mut self, ty: TypeId, of: TypeId) {
        let size = self.target.address_size;
        let meaning = if matches!(self.profile.types.peel(of), Type::Function(_)) {
            let target = self.profile.types.add(Type::Pointer { target: of, size });
            Type::Array { target, count: 2 }
        } else {
            self.profile.c_integer(u32::from(size), true).unwrap_or(Type::Void)
        };
        self.profile.types.set(ty, meaning);
    }

    fn enumeration(&mut self, item: &Enumeration) {
        let declared = item.underlying.and_then(|ty| match self.profile.types.peel(ty) {
            Type::Native(id) => self.profile.types.native_of(id).map(|native| (ty, *native)),
            _ => None,
        });
        let size = item.size.or(declared.map(|(_, native)| u64::from(native.size))).unwrap_or(4);
        // A value that is too wide for the enumeration is a negative one that was printed without its sign.
        let fits = |value: i128| {
            let bits = u32::try_from(size * 8).unwrap_or(64).clamp(8, 64);
            value >= -(1i128 << (bits - 1)) && value < 1i128 << bits
        };
        let labels: Vec<(Name, i128)> = self
            .pending
            .labels(item.labels.clone())
            .iter()
            .map(|(name, value)| {
                (*name, if fits(value.plain) { value.plain } else { value.note.unwrap_or(value.plain) })
            })
            .collect();
        let (underlying, signed) = match declared {
            Some((ty, native)) => {
                let unsigned_char = self.profile.names.get(native.name) == "unsigned char";
                (ty, native.kind == NativeKind::Signed || native.kind == NativeKind::Char && !unsigned_char)
            }
            None => {
                let signed = labels.iter().any(|(_, value)| *value < 0);
                let integer = self
                    .profile
                    .c_integer(u32::try_from(size).unwrap_or(4), signed)
                    .or_else(|| self.profile.c_integer(4, signed))
                    .unwrap_or(Type::Void);
                (self.profile.types.add(integer), signed)
            }
        };
        let labels: Vec<Label> = labels
            .into_iter()
            .map(|(name, value)| Label { name, bits: wrapped(value, size, signed) })
            .collect();
        let id = self.profile.types.add_enumeration(item.name, underlying, signed, &labels);
        self.profile.types.set(item.ty, Type::Enumeration(id));
        self.profile.types.set_enumeration_units(id, 1);
    }

    fn record(&mut self, record: &Record) {
        self.members.clear();
        let pending = self.pending;
        for member in pending.members(record.members.clone()) {
            let new = match member.bits {
                Some(bits) => self.bit_field(record.size, member, bits),
                None => {
                    let name = if member.base_class { self.base_name(member.ty) } else { member.name };
                    Some(NewMember { name, offset: member.offset, ty: member.ty, bits: None })
                }
            };
            match new {
                Some(new) => self.members.push(new),
                None => self.report.lose("bit-fields that no storage unit holds", || {
                    member.name.map_or_else(String::new, |name| self.profile.names.get(name).to_owned())
                }),
            }
        }
        let id = self.profile.types.add_record(
            &mut self.profile.names,
            record.name,
            record.kind,
            record.size,
            &self.members,
        );
        self.profile.types.set(record.ty, Type::Record(id));
        // Equal ones from several units are counted together.
        self.profile.types.set_record_units(id, 1);
    }

    /// Resolves declarations of names that have several definitions: to the one in their own unit, otherwise to the
    /// one that keeps the name. The latter is counted as ambiguous if the definitions differ (docs/format.md,
    /// invariant 6).
    fn bind_declarations(&mut self) {
        let mut definitions: HashMap<Name, Vec<(u32, TypeId)>, RandomState> = HashMap::default();
        for record in &self.pending.records {
            if let Some(name) = record.name {
                definitions.entry(name).or_default().push((record.unit, record.ty));
            }
        }
        for (slot, name, unit) in &self.pending.forward {
            let Some(known) = definitions.get(name).filter(|known| known.len() > 1) else { continue };
            let mut own = known.iter().filter(|(of, _)| of == unit).map(|(_, ty)| *ty);
            if let (Some(target), None) = (own.next(), own.next()) {
                self.profile.types.set(*slot, Type::Alias { name: None, target });
                continue;
            }
            let options = known.iter().map(|(_, ty)| {
                let definition = self.profile.types.get(*ty);
                ChoiceOption { definition, whole: definition }
            });
            let options = options.collect();
            let place = format!("struct {}, where it is declared only", self.profile.names.get(*name));
            self.profile.types.add_choice(Choice { slot: *slot, options, ordered: false, place });
        }
    }

    /// `__base_` and the name of the class, looking through typedefs.
    fn base_name(&mut self, mut ty: TypeId) -> Option<Name> {
        for _ in 0..Types::MAX_CHAIN {
            match self.profile.types.get(ty) {
                Type::Alias { target, .. } => ty = target,
                _ => break,
            }
        }
        let name = match self.profile.types.get(ty) {
            Type::Named(name) => name,
            _ => *self.bases.get(&ty)?,
        };
        let text = format!("__base_{}", self.profile.names.get(name));
        Some(self.profile.names.intern(&text))
    }

    fn bit_field(&mut self, struct_size: u64, member: &Member, bits: Bits) -> Option<NewMember> {
        let declared = self.profile.types.size_of(member.ty).filter(|size| *size > 0);
        let base = i128::from(member.offset) * 8;
        let (first, width) = match bits {
            Bits::FromStart { first, width } => (base + i128::from(first), width),
            Bits::FromTop { offset, width, storage } => {
                let storage = i128::from(storage.or(declared)?) * 8;
                let first = match self.target.big_endian {
                    true => base + i128::from(offset),
                    false => base + storage - i128::from(offset) - i128::from(width),
                };
                (first, width)
            }
        };
        let first = u64::try_from(first).ok()?;
        let size = declared.unwrap_or(1);
        let unit = StorageUnit::in_record(first, width, size, struct_size, self.target.big_endian)?;
        let ty = if declared == Some(unit.size) {
            member.ty
        } else {
            let integer = self.profile.c_integer(u32::try_from(unit.size).ok()?, false)?;
            self.profile.types.add(integer)
        };
        Some(NewMember { name: member.name, offset: unit.offset, ty, bits: Some(unit.bits) })
    }
}

/// The 64 bits of a label: truncated to `size` bytes, and sign-extended if the values are signed.
fn wrapped(value: i128, size: u64, signed: bool) -> u64 {
    let bits = u32::try_from(size.saturating_mul(8)).unwrap_or(64).clamp(8, 64);
    let unused = 64 - bits;
    let value = value as u64;
    if signed { ((value << unused) as i64 >> unused) as u64 } else { value << unused >> unused }
}
