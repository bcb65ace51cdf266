//! Structs and unions.

use profile::{NewMember, RecordKind, StorageUnit, Type, TypeId};

use super::Lowering;
use crate::kind::BtfKind;
use crate::record::RawMember;
use crate::table::TypeView;

/// The largest struct of a kernel: a size above it is damage.
const LARGEST: u32 = 1 << 30;

impl<'t, 'a> Lowering<'t, 'a, '_> {
    pub(super) fn record(&mut self, id: u32, view: &TypeView<'t, 'a>) -> Type {
        let record = view.record;
        if view.is_distilled() {
            return self.named(id, view);
        }
        if record.size() > LARGEST {
            self.report.lose("structs of more than 1 GiB", || format!("type {id}, {} bytes", record.size()));
            return self.named(id, view);
        }
        let mut members = Vec::with_capacity(record.count as usize);
        for member in record.members() {
            members.extend(self.member(id, view, member));
        }
        let name = self.name(id, record.name, view);
        let kind = if record.kind == BtfKind::Union { RecordKind::Union } else { RecordKind::Struct };
        let size = u64::from(record.size());
        let profile = &mut *self.profile;
        Type::Record(profile.types.add_record(&mut profile.names, name, kind, size, &members))
    }

    fn member(&mut self, id: u32, view: &TypeView<'t, 'a>, member: RawMember) -> Option<NewMember> {
        let mut name = self.name(id, member.name, view);
        if let Some(text) = name.map(|name| self.profile.names.get(name))
            && (text.starts_with("_vptr.") || text.starts_with("_vptr$"))
        {
            name = Some(self.profile.names.intern("__vfptr"));
        }
        let target = view.id(member.ty);
        let ty = self.reference(id, target);
        let bit = u64::from(member.bit);
        let Some((first_bit, width)) = self.bit_field(target, member) else {
            if bit % 8 != 0 {
                self.report.lose("members that do not begin at a byte", || format!("type {id}, bit {bit}"));
                return None;
            }
            return Some(NewMember { name, offset: bit / 8, ty, bits: None });
        };
        let (type_size, ty) = self.declared(target, ty);
        let (record_size, big_endian) = (u64::from(view.record.size()), self.table.is_big_endian());
        let storage = StorageUnit::in_record(
            first_bit,
            u64::from(width),
            u64::from(type_size),
            record_size,
            big_endian,
        );
        let Some(storage) = storage else {
            self.report.lose("bit-fields no native can hold", || format!("type {id}, bit {bit}"));
            return None;
        };
        let ty = match storage.size == u64::from(type_size) {
            true => ty,
            false => self.integer(u32::try_from(storage.size).unwrap_or(0), false),
        };
        Some(NewMember { name, offset: storage.offset, ty, bits: Some(storage.bits) })
    }

    /// The first bit of a bit-field and its width in bits; `None` for a whole member. Tables before Linux 5.0 have no
    /// widths at members: there an integer says which of its bits it has.
    fn bit_field(&self, ty: Option<u32>, member: RawMember) -> Option<(u64, u32)> {
        if let Some(width) = member.width {
            return Some((member.bit.into(), width));
        }
        let view = self.table.view(self.meanings.of(ty?))?;
        if view.kind() != BtfKind::Int {
            return None;
        }
        let integer = view.record.integer();
        let partial = integer.bits != 0
            && (integer.offset != 0 || u64::from(integer.bits) != u64::from(view.record.size()) * 8);
        partial.then(|| (u64::from(member.bit) + u64::from(integer.offset), integer.bits))
    }

    /// The size in bytes of a bit-field's declared type, and that type. If an integer has only some bits, it is the
    /// whole integer with its name.
    fn declared(&mut self, target: Option<u32>, ty: TypeId) -> (u32, TypeId) {
        let mut id = self.meanings.of(target.unwrap_or_default());
        // The typedef of an unnamed enumeration precedes it.
        for _ in 0..2 {
            let Some(view) = self.table.view(id) else { break };
            match view.kind() {
                BtfKind::Typedef => {
                    let target = view.target().unwrap_or_default();
                    id = self.meanings.of(target);
                }
                BtfKind::Int => {
                    let (size, integer) = (view.record.size(), view.record.integer());
                    if u64::from(integer.bits) == u64::from(size) * 8 {
                        return (size, ty);
                    }
                    let size = size.checked_next_power_of_two().unwrap_or(4);
                    return (size, self.integer(size, integer.signed));
                }
                BtfKind::Enum | BtfKind::Enum64 => return (view.record.size(), ty),
                _ => break,
            }
        }
        (4, ty)
    }
}
