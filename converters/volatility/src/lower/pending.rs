use std::ops::Range;

use profile::{Name, RecordKind, Type, TypeId, Types};

use crate::dump::value::Integer;

/// Types that cannot be resolved before every entry has been read.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) records: Vec<Record>,
    pub(super) enumerations: Vec<Enumeration>,
    /// Pointers whose size depends on the architecture, with their targets.
    pub(super) pointers: Vec<(TypeId, TypeId)>,
    /// C++ pointers to members, with the type of the member.
    pub(super) member_pointers: Vec<(TypeId, TypeId)>,
    /// Structs that are only declared: the type, the name, and the number of the unit.
    pub(super) forward: Vec<(TypeId, Name, u32)>,
    members: Vec<Member>,
    labels: Vec<(Name, Integer)>,
    void: Option<TypeId>,
}

pub(super) struct Record {
    pub(super) ty: TypeId,
    pub(super) kind: RecordKind,
    pub(super) name: Option<Name>,
    pub(super) size: u64,
    pub(super) members: Range<usize>,
    /// The number of its unit.
    pub(super) unit: u32,
}

pub(super) struct Enumeration {
    pub(super) ty: TypeId,
    pub(super) name: Option<Name>,
    pub(super) size: Option<u64>,
    pub(super) underlying: Option<TypeId>,
    pub(super) labels: Range<usize>,
}

#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) name: Option<Name>,
    pub(super) offset: u64,
    pub(super) ty: TypeId,
    pub(super) bits: Option<Bits>,
    /// Named after its type at the end.
    pub(super) base_class: bool,
}

/// The place of a bit-field, in the two forms of DWARF.
#[derive(Clone, Copy)]
pub(super) enum Bits {
    /// `DW_AT_bit_offset` (until DWARF 3): from the highest bit of a storage unit at the member's offset.
    FromTop { offset: i64, width: u64, storage: Option<u64> },
    /// `DW_AT_data_bit_offset` (since DWARF 4): from the start of the struct.
    FromStart { first: u64, width: u64 },
}

impl Pending {
    pub(super) fn void(&mut self, types: &mut Types) -> TypeId {
        *self.void.get_or_insert_with(|| types.add(Type::Void))
    }

    pub(super) fn keep_members(&mut self, members: impl Iterator<Item = Member>) -> Range<usize> {
        let start = self.members.len();
        self.members.extend(members);
        start..self.members.len()
    }

    pub(super) fn keep_labels(&mut self, labels: impl Iterator<Item = (Name, Integer)>) -> Range<usize> {
        let start = self.labels.len();
        self.labels.extend(labels);
        start..self.labels.len()
    }

    pub(super) fn has_base_classes(&self) -> bool {
        self.members.iter().any(|member| member.base_class)
    }

    pub(super) fn members(&self, range: Range<usize>) -> &[Member] {
        self.members.get(range).unwrap_or_default()
    }

    pub(super) fn labels(&self, range: Range<usize>) -> &[(Name, Integer)] {
        self.labels.get(range).unwrap_or_default()
    }
}
