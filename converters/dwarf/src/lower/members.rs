//! Members, bit-fields and base classes.

use profile::{NewMember, StorageUnit, Type};

use super::lowering::{Lowering, MAX_DEPTH};
use crate::entry::Entry;
use crate::plan::EntryKind;
use crate::site::Site;
use crate::value::{Place, Value, place};

impl<'a> Lowering<'_, '_, 'a> {
    /// The members of a record, in the order of declaration.
    pub(super) fn members(&mut self, site: Site, record: &Entry<'a>, size: Option<u64>) -> Vec<NewMember> {
        let mut members = Vec::new();
        for child in self.children(site, record) {
            let member = match child.kind {
                // A static member is a variable and not part of the record.
                EntryKind::Member if child.declared || child.external => None,
                EntryKind::Member => self.member(site, &child, size.unwrap_or(u64::MAX)),
                EntryKind::Base => self.base(site, &child),
                _ => None,
            };
            members.extend(member);
        }
        members
    }

    fn member(&mut self, site: Site, member: &Entry<'a>, record_size: u64) -> Option<NewMember> {
        let mut name = self.text(site, member);
        if let Some(text) = name.map(|name| self.profile.names.get(name))
            && (text.starts_with("_vptr.") || text.starts_with("_vptr$"))
        {
            name = Some(self.profile.names.intern("__vfptr"));
        }
        let ty = self.held(site, member.ty);
        let Some(offset) = self.offset(site, member) else {
            self.report.lose("members at places only known at run time", || self.units.place(site));
            return None;
        };
        let Some(width) = self.width(site, member) else {
            return Some(NewMember { name, offset, ty, bits: None });
        };
        let unit = self.units.units.get(site.unit as usize)?;
        let big_endian = unit.big_endian;
        let type_size = self.profile.types.size_of(ty).or(member.size).unwrap_or(4);
        let storage = first_bit(member, offset, width, type_size, big_endian).and_then(|first_bit| {
            StorageUnit::in_record(first_bit, width, type_size, record_size, big_endian)
        });
        let Some(storage) = storage else {
            self.report.lose("bit-fields no native can hold", || self.units.place(site));
            return None;
        };
        let is_record = matches!(self.profile.types.peel(ty), Type::Record(_));
        if member.bit_size.is_none()
            && u64::from(storage.bits.end.saturating_sub(storage.bits.start)) == type_size.saturating_mul(8)
        {
            return Some(NewMember { name, offset: storage.offset, ty, bits: None });
        }
        let ty = if storage.size == type_size && !is_record { ty } else { self.integer(storage.size, false) };
        Some(NewMember { name, offset: storage.offset, ty, bits: Some(storage.bits) })
    }

    /// How many bits a member has, if it is a bit-field: as many as it says, or, if it says only at which bit it
    /// begins, as many as its type has (Zig's packed structs).
    fn width(&mut self, site: Site, member: &Entry<'a>) -> Option<u64> {
        if member.bit_size.is_some() || member.data_bit_offset.is_none() {
            return member.bit_size;
        }
        let (mut unit, mut reference) = (site.unit, member.ty);
        for _ in 0..MAX_DEPTH {
            let (found, entry) = self.behind_names(unit, reference)?;
            match (entry.kind, entry.size) {
                (EntryKind::Native, _) if entry.bit_size.is_some() => return entry.bit_size,
                // The bits of an enumeration or a packed struct are those of its type.
                (EntryKind::Enumeration, _) | (EntryKind::Record, None) => {
                    (unit, reference) = (found, entry.ty)
                }
                (EntryKind::Pointer, None) => {
                    return Some(u64::from(self.encoding(site)?.address_size).saturating_mul(8));
                }
                (_, size) => return size?.checked_mul(8),
            }
        }
        None
    }

    /// A base class as the member `__base_<class>`.
    fn base(&mut self, site: Site, base: &Entry<'a>) -> Option<NewMember> {
        let Some(offset) = self.offset(site, base) else {
            self.report.lose("virtual base classes", || self.units.place(site));
            return None;
        };
        let ty = self.reference(site.unit, base.ty);
        let (alias, meant) = self.profile.types.peel_named(ty);
        let class = match meant {
            Type::Record(id) => self.profile.types.record(id).and_then(|record| record.name),
            Type::Named(name) => Some(name),
            // Reserves a type for a class that has not been read yet.
            _ => self.reserved.get(&ty).copied(),
        };
        let name = class.or(alias).map(|class| {
            let text = format!("__base_{}", self.profile.names.get(class));
            self.profile.names.intern(&text)
        });
        Some(NewMember { name, offset, ty, bits: None })
    }

    /// A member's offset in bytes; `None` if it is known only at run time.
    fn offset(&self, site: Site, member: &Entry<'a>) -> Option<u64> {
        match member.location {
            None => Some(0),
            Some(Value::Number(offset)) => Some(offset),
            Some(Value::Block(expression)) => {
                let unit = self.units.units.get(site.unit as usize)?;
                let place = if unit.big_endian {
                    place::<true>(expression, unit.encoding)
                } else {
                    place::<false>(expression, unit.encoding)
                };
                match place {
                    Some(Place::Offset(offset)) => Some(offset),
                    _ => None,
                }
            }
            Some(_) => None,
        }
    }
}

/// The start of a bit-field, in bits from the start of its record. Counted from the least significant bit on
/// little-endian systems, otherwise from the most significant one (DWARF 5, section 5.7.6).
fn first_bit(member: &Entry<'_>, offset: u64, width: u64, type_size: u64, big_endian: bool) -> Option<u64> {
    let base = offset.checked_mul(8)?;
    if let Some(bit) = member.data_bit_offset {
        return base.checked_add(bit);
    }
    // DWARF 2 counts from the most significant bit of a unit at the member's offset. Negative if the field begins
    // before that.
    let Some(from_top) = member.bit_offset.map(|bits| bits as i64) else { return Some(base) };
    let unit_bits = i128::from(member.size.unwrap_or(type_size)) * 8;
    let bit = if big_endian {
        i128::from(base) + i128::from(from_top)
    } else {
        i128::from(base) + unit_bits - i128::from(from_top) - i128::from(width)
    };
    u64::try_from(bit).ok()
}
