//! The table of a profile's types: `id` numbers them, `kind` is the kind of a type, and `definition` the contents of
//! records and enumerations.

mod definition;
mod id;
mod kind;

use std::collections::{HashMap, HashSet};

pub(crate) use definition::Definition;
use definition::Span;
pub use definition::{Enumeration, Label, Member, NewMember, Record, RecordKind};
use foldhash::fast::RandomState;
use id::index;
pub use id::{EnumId, NativeId, RecordId, TypeId};
pub use kind::{Arguments, Native, NativeKind, Type};

use crate::{Choice, Name};

/// Every type of a profile, as the source defines them.
///
/// A front-end adds types in any order, and reserves those that come later ([`Types::reserve`], [`Types::set`]).
/// Names, duplicates and conflicts are settled afterwards, in one place, by [`crate::Resolution`].
#[derive(Clone, Debug, Default)]
pub struct Types {
    types: Vec<Type>,
    natives: Vec<Native>,
    records: Vec<Record>,
    members: Vec<Member>,
    enums: Vec<Enumeration>,
    labels: Vec<Label>,
    arguments: Vec<TypeId>,
    verbatim: Vec<(String, serde_json::Value)>,
    choices: Vec<Choice>,
    units: HashMap<Definition, u32, RandomState>,
}

impl Types {
    /// How many alias, pointer or array steps are followed before a chain is treated as circular.
    pub const MAX_CHAIN: usize = 256;

    /// Adds a type.
    pub fn add(&mut self, ty: Type) -> TypeId {
        self.types.push(ty);
        TypeId(index(self.types.len() - 1))
    }

    /// Adds `count` types that are [`Type::Void`] until they are set, and returns the id of the first. The others
    /// follow it ([`TypeId::offset`]).
    pub fn reserve(&mut self, count: usize) -> TypeId {
        let first = TypeId(index(self.types.len()));
        self.types.resize(self.types.len() + count, Type::Void);
        first
    }

    /// Sets a reserved type.
    pub fn set(&mut self, id: TypeId, ty: Type) {
        if let Some(slot) = self.types.get_mut(id.0 as usize) {
            *slot = ty;
        }
    }

    /// A type; [`Type::Void`] for an id of another table.
    pub fn get(&self, id: TypeId) -> Type {
        self.types.get(id.0 as usize).copied().unwrap_or(Type::Void)
    }

    /// The number of types.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there are no types.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The native type with this name and size; it is added if it is new. A size of 0 means unknown and matches any.
    /// The kind is that of the first appearance.
    pub fn native(&mut self, native: Native) -> NativeId {
        let fits = |known: &Native| {
            known.name == native.name && (known.size == native.size || known.size == 0 || native.size == 0)
        };
        // A profile has a few dozen natives: a linear search is faster than a table.
        match self.natives.iter().position(fits) {
            Some(position) => NativeId(index(position)),
            None => {
                self.natives.push(native);
                NativeId(index(self.natives.len() - 1))
            }
        }
    }

    /// Gives a native type another name.
    pub(crate) fn rename_native(&mut self, index: usize, name: Name) {
        if let Some(native) = self.natives.get_mut(index) {
            native.name = name;
        }
    }

    /// A native type by its id.
    pub fn native_of(&self, id: NativeId) -> Option<&Native> {
        self.natives.get(id.0 as usize)
    }

    /// All native types, in the order added.
    pub fn natives(&self) -> &[Native] {
        &self.natives
    }

    /// Adds a record with its members in the order of declaration. Unnamed members become `u1`, `u2`, ...; numbers
    /// that a named member uses are skipped (docs/format.md, invariant 5).
    pub fn add_record(
        &mut self,
        names: &mut crate::Names,
        name: Option<Name>,
        kind: RecordKind,
        size: u64,
        members: &[NewMember],
    ) -> RecordId {
        let start = self.members.len();
        // The numbers that named members already use; computed only if a member has no name.
        let taken: HashSet<u32> = if members.iter().any(|member| member.name.is_none()) {
            let named = members.iter().filter_map(|member| member.name);
            named.filter_map(|name| names.get(name).strip_prefix('u')?.parse().ok()).collect()
        } else {
            HashSet::new()
        };
        let mut numbers = (1u32..).filter(|number| !taken.contains(number));
        for member in members {
            let name = match member.name {
                Some(name) => name,
                None => names.intern(&format!("u{}", numbers.next().unwrap_or_default())),
            };
            self.members.push(Member {
                name,
                anonymous: member.name.is_none(),
                offset: member.offset,
                ty: member.ty,
                bits: member.bits,
            });
        }
        let members = Span { start: index(start), len: index(members.len()) };
        self.records.push(Record { name, kind, size, members });
        RecordId(index(self.records.len() - 1))
    }

    /// Adds a record whose members already have their names.
    pub(crate) fn add_named_record(
        &mut self,
        name: Option<Name>,
        kind: RecordKind,
        size: u64,
        members: impl IntoIterator<Item = Member>,
    ) -> RecordId {
        let start = self.members.len();
        self.members.extend(members);
        let members = Span { start: index(start), len: index(self.members.len() - start) };
        self.records.push(Record { name, kind, size, members });
        RecordId(index(self.records.len() - 1))
    }

    /// Sets the size of a record whose source does not give it, after its members are known.
    pub fn set_record_size(&mut self, id: RecordId, size: u64) {
        if let Some(record) = self.records.get_mut(id.0 as usize) {
            record.size = size;
        }
    }

    /// All records, in the order in which they were added.
    pub fn records(&self) -> impl ExactSizeIterator<Item = (RecordId, &Record)> {
        self.records.iter().enumerate().map(|(position, record)| (RecordId(index(position)), record))
    }

    /// A record by its id.
    pub fn record(&self, id: RecordId) -> Option<&Record> {
        self.records.get(id.0 as usize)
    }

    /// A record's members, in the order declared.
    pub fn members(&self, id: RecordId) -> &[Member] {
        self.record(id).and_then(|record| self.members.get(record.members.range())).unwrap_or_default()
    }

    /// The members of all records, in the order added.
    pub(crate) fn all_members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    /// The number of members in all records.
    pub fn member_count(&self) -> usize {
        self.members.len()
    }

    /// Adds an enumeration with its labels in the order declared.
    pub fn add_enumeration(
        &mut self,
        name: Option<Name>,
        underlying: TypeId,
        signed: bool,
        labels: &[Label],
    ) -> EnumId {
        let span = Span { start: index(self.labels.len()), len: index(labels.len()) };
        self.labels.extend_from_slice(labels);
        self.enums.push(Enumeration { name, underlying, signed, labels: span });
        EnumId(index(self.enums.len() - 1))
    }

    /// All enumerations, in the order added.
    pub fn enumerations(&self) -> impl ExactSizeIterator<Item = (EnumId, &Enumeration)> {
        self.enums.iter().enumerate().map(|(position, item)| (EnumId(index(position)), item))
    }

    /// An enumeration by its id.
    pub fn enumeration(&self, id: EnumId) -> Option<&Enumeration> {
        self.enums.get(id.0 as usize)
    }

    /// An enumeration's labels, in the order declared.
    pub fn labels(&self, id: EnumId) -> &[Label] {
        self.enumeration(id).and_then(|item| self.labels.get(item.labels.range())).unwrap_or_default()
    }

    /// The number of labels in all enumerations.
    pub(crate) fn label_count(&self) -> usize {
        self.labels.len()
    }

    /// Records a use of a name that several definitions fit equally. [`crate::Resolution`] settles it.
    pub fn add_choice(&mut self, choice: Choice) {
        self.choices.push(choice);
    }

    /// Returns the uses that have not been settled.
    pub(crate) fn take_choices(&mut self) -> Vec<Choice> {
        std::mem::take(&mut self.choices)
    }

    /// Sets how many compile units hold this definition of its name. If a front-end sets this for any definition,
    /// these numbers decide which of several keeps the name (docs/format.md, invariant 6); otherwise the members and
    /// variables that hold it by value are counted.
    pub fn set_record_units(&mut self, id: RecordId, units: u32) {
        self.units.insert(Definition::Record(id), units);
    }

    /// The same for an enumeration.
    pub fn set_enumeration_units(&mut self, id: EnumId, units: u32) {
        self.units.insert(Definition::Enumeration(id), units);
    }

    pub(crate) fn has_units(&self) -> bool {
        !self.units.is_empty()
    }

    pub(crate) fn units(&self, definition: Definition) -> u32 {
        self.units.get(&definition).copied().unwrap_or(0)
    }

    /// Renames members: each is given by its record, its index in it, and the new name.
    pub(crate) fn rename_members(&mut self, renamed: impl IntoIterator<Item = (RecordId, usize, Name)>) {
        for (id, position, name) in renamed {
            let Some(range) = self.record(id).map(|record| record.members.range()) else { continue };
            if let Some(member) = self.members.get_mut(range).and_then(|members| members.get_mut(position)) {
                member.name = name;
            }
        }
    }

    /// Stores a list of argument types.
    pub fn add_arguments(&mut self, arguments: &[TypeId]) -> Arguments {
        let start = index(self.arguments.len());
        self.arguments.extend_from_slice(arguments);
        Arguments { start, len: index(arguments.len()) }
    }

    /// The types in a list of arguments.
    pub fn arguments(&self, arguments: Arguments) -> &[TypeId] {
        let start = arguments.start as usize;
        self.arguments.get(start..start + arguments.len as usize).unwrap_or_default()
    }

    /// Stores a descriptor of a profile that was read: its target and its arguments object.
    pub fn add_verbatim(&mut self, target: String, arguments: serde_json::Value) -> Type {
        self.verbatim.push((target, arguments));
        Type::Verbatim(index(self.verbatim.len() - 1))
    }

    /// Whether descriptors were kept unchanged.
    pub(crate) fn has_verbatim(&self) -> bool {
        !self.verbatim.is_empty()
    }

    /// A descriptor that was kept unchanged.
    pub fn verbatim(&self, number: u32) -> Option<(&str, &serde_json::Value)> {
        self.verbatim.get(number as usize).map(|(target, arguments)| (target.as_str(), arguments))
    }

    /// All types, in the order added.
    pub fn all(&self) -> impl Iterator<Item = Type> {
        self.types.iter().copied()
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Type> {
        self.types.iter_mut()
    }

    /// For every member, records whether it is unnamed in the source.
    pub(crate) fn mark_anonymous(&mut self, anonymous: impl Fn(&Self, &Member) -> bool) {
        let marks: Vec<bool> = self.members.iter().map(|member| anonymous(self, member)).collect();
        for (member, mark) in self.members.iter_mut().zip(marks) {
            member.anonymous = mark;
        }
    }

    /// The size in bytes of a type held by value; `None` if it has none, or none that is known here ([`Type::Named`]
    /// stands for whichever definition has the name in the end). A size beyond 64 bits is limited to the maximum.
    pub fn size_of(&self, ty: TypeId) -> Option<u64> {
        let mut ty = ty;
        let mut factor = 1u64;
        for _ in 0..Self::MAX_CHAIN {
            let size = match self.peel(ty) {
                Type::Array { target, count } => {
                    factor = factor.saturating_mul(count);
                    ty = target;
                    continue;
                }
                Type::Enumeration(id) => match self.values_of(id) {
                    Some(underlying) => {
                        ty = underlying;
                        continue;
                    }
                    None => u64::from(Self::ENUMERATION),
                },
                Type::Native(id) => {
                    self.native_of(id).map(|native| u64::from(native.size)).filter(|size| *size > 0)?
                }
                Type::Pointer { size, .. } => u64::from(size),
                Type::Record(id) => self.record(id)?.size,
                Type::WideString { bytes } => bytes?,
                Type::Void | Type::Function(_) | Type::Named(_) | Type::Verbatim(_) | Type::Alias { .. } => {
                    return None;
                }
            };
            return Some(size.saturating_mul(factor));
        }
        None
    }

    /// The size in bytes of an enumeration whose value type is invalid.
    pub(crate) const ENUMERATION: u32 = 4;

    /// The native type of an enumeration's values; `None` if it names something else.
    pub(crate) fn values_of(&self, id: EnumId) -> Option<TypeId> {
        self.enumeration(id).map(|item| item.underlying).filter(|ty| self.is_native(*ty))
    }

    /// Whether a type is native: a known one, or one that is kept by its name.
    pub(crate) fn is_native(&self, ty: TypeId) -> bool {
        match self.peel(ty) {
            Type::Native(_) => true,
            Type::Verbatim(number) => {
                self.verbatim(number).is_some_and(|(_, arguments)| !arguments.is_object())
            }
            _ => false,
        }
    }

    /// The size in bytes of an enumeration's values; 0 if unknown.
    pub fn enumeration_size(&self, id: EnumId) -> u64 {
        self.values_of(id).map_or(Some(u64::from(Self::ENUMERATION)), |ty| self.size_of(ty)).unwrap_or(0)
    }

    /// A definition's size in bytes, and the number of its members or labels.
    pub(crate) fn extent(&self, definition: Definition) -> (u64, usize) {
        match definition {
            Definition::Record(id) => {
                (self.record(id).map_or(0, |record| record.size), self.members(id).len())
            }
            Definition::Enumeration(id) => (self.enumeration_size(id), self.labels(id).len()),
        }
    }

    /// The type after looking through aliases; [`Type::Void`] if they form a circle.
    pub fn peel(&self, id: TypeId) -> Type {
        self.peel_named(id).1
    }

    /// Like [`Types::peel`], with the name of the last typedef on the way.
    pub fn peel_named(&self, mut id: TypeId) -> (Option<Name>, Type) {
        let mut last = None;
        for _ in 0..Self::MAX_CHAIN {
            match self.get(id) {
                Type::Alias { name, target } => {
                    last = name.or(last);
                    id = target;
                }
                other => return (last, other),
            }
        }
        (last, Type::Void)
    }
}
