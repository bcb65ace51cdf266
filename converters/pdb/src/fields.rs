//! From field lists to members.

use profile::{Name, Native, NativeKind, NewMember, StorageUnit, Type, TypeId};

use crate::codeview::{LF_FIELDLIST, T_CHAR8, T_NOTYPE, T_UCHAR, T_ULONG, T_UQUAD, T_USHORT};
use crate::cursor::{Cursor, Malformed};
use crate::leaf::{BitField, Field, FieldError, Leaf, next_field};
use crate::types::Lowering;

/// How many records one field list may span.
const MAX_CONTINUATIONS: usize = 4096;

impl<'a> Lowering<'a, '_> {
    /// Passes every entry of the field list at the type index `list` to `each`, and those of the lists that continue it.
    /// `owner` is the name of the type in the report.
    pub(crate) fn fields(&mut self, list: u32, owner: &[u8], mut each: impl FnMut(&mut Self, Field<'a>)) {
        let owner = || String::from_utf8_lossy(owner).into_owned();
        self.chain.clear();
        let mut next = (list != 0).then_some(list);
        while let Some(index) = next.take() {
            let Some(record) = self.stream.get(index).filter(|record| record.kind == LF_FIELDLIST) else {
                self.report.lose("field lists that are not there", owner);
                return;
            };
            if self.chain.contains(&index) || self.chain.len() >= MAX_CONTINUATIONS {
                self.report.lose("field lists that continue in a circle", owner);
                return;
            }
            self.chain.push(index);
            let Some(left) = self.field_bytes.checked_sub(record.body.len() as u64) else {
                self.report.lose("field lists that serve too many types", owner);
                return;
            };
            self.field_bytes = left;
            let mut cursor = Cursor::new(record.body);
            loop {
                match next_field(&mut cursor) {
                    Ok(Some(Field::Continued(index))) => next = Some(index),
                    Ok(Some(field)) => each(self, field),
                    Ok(None) => break,
                    Err(error) => {
                        let kind = match error {
                            FieldError::Unknown(kind) => {
                                format!("unknown field leaf {kind:#06x} (the rest of its list is lost)")
                            }
                            FieldError::Malformed(Malformed::Short) => {
                                "field lists that end within an entry".to_owned()
                            }
                            FieldError::Malformed(Malformed::Numeric) => {
                                "field lists with a number that cannot be (the rest is lost)".to_owned()
                            }
                        };
                        self.report.lose(&kind, owner);
                        break;
                    }
                }
            }
        }
    }

    /// Adds the member that an entry of a field list describes to `members`, if it describes one. `tables` counts the entries of
    /// the class that name its table of virtual bases.
    pub(crate) fn member(
        &mut self,
        field: Field<'_>,
        owner: &[u8],
        tables: &mut u32,
        members: &mut Vec<NewMember>,
    ) {
        match field {
            Field::Member { ty, offset, name } => {
                let name = (!name.is_empty()).then(|| self.name(name));
                self.note_ambiguous(members.len(), ty);
                members.push(match self.stream.bit_field(ty) {
                    Some(bits) => self.bits(name, offset, bits),
                    None => NewMember { name, offset, ty: self.type_of(ty), bits: None },
                });
            }
            Field::Base { ty, offset } => {
                let name = Some(self.base_name(ty));
                self.note_ambiguous(members.len(), ty);
                members.push(NewMember { name, offset, ty: self.type_of(ty), bits: None });
            }
            Field::TablePointer { ty, offset } => {
                let name = Some(self.profile.names.intern("__vfptr"));
                members.push(NewMember { name, offset, ty: self.type_of(ty), bits: None });
            }
            Field::VirtualBase { ty, direct, table, table_offset } => {
                let base = self.class_name(ty).unwrap_or_default();
                self.report.lose("virtual base classes (placed at run time)", || {
                    format!("{} in {}", String::from_utf8_lossy(base), String::from_utf8_lossy(owner))
                });
                // One table leads to all virtual bases that a class names itself.
                *tables += u32::from(direct);
                if direct && *tables == 1 {
                    let name = Some(self.profile.names.intern("__vbptr"));
                    members.push(NewMember {
                        name,
                        offset: table_offset,
                        ty: self.type_of(table),
                        bits: None,
                    });
                }
            }
            Field::Label { .. } | Field::Continued(_) | Field::Nothing => {}
        }
    }

    /// Remembers a member whose type may be one of several; `uses` decides later.
    fn note_ambiguous(&mut self, member: usize, ty: u32) {
        if self.stream.is_ambiguous(ty) {
            self.ambiguous.push((member, ty));
        }
    }

    /// A bit-field as a member of the storage unit that contains it.
    fn bits(&mut self, name: Option<Name>, offset: u64, field: BitField) -> NewMember {
        let base = self.number_type(field.base);
        let number = match self.stream.unmodified(field.base) {
            T_NOTYPE => T_CHAR8,
            index => index,
        };
        let size = self.stream.size_of(number, self.address).unwrap_or(0);
        let first = offset.checked_mul(8).and_then(|bit| bit.checked_add(field.position.into()));
        let unit = first.and_then(|first| StorageUnit::little_endian(first, field.length.into(), size));
        let Some(unit) = unit else {
            // A width of 0, or an impossible place: the member gets its whole type.
            self.report.lose("bit-fields that no storage unit holds", || {
                name.map_or_else(String::new, |name| self.profile.names.get(name).to_owned())
            });
            return NewMember { name, offset, ty: base, bits: None };
        };
        let ty = match unit.size == size {
            true => base,
            false => match unit.size {
                1 => self.type_of(T_UCHAR),
                2 => self.type_of(T_USHORT),
                4 => self.type_of(T_ULONG),
                8 => self.type_of(T_UQUAD),
                _ => self.native("unsigned __int128", 16),
            },
        };
        NewMember { name, offset: unit.offset, ty, bits: Some(unit.bits) }
    }

    fn base_name(&mut self, index: u32) -> Name {
        let base = self.class_name(index).unwrap_or(b"unknown");
        let text = format!("__base_{}", String::from_utf8_lossy(base));
        self.profile.names.intern(&text)
    }

    fn class_name(&self, index: u32) -> Option<&'a [u8]> {
        match self.stream.get(self.stream.unmodified(index))?.parse() {
            Ok(Leaf::Class(class)) => Some(class.name),
            _ => None,
        }
    }

    fn native(&mut self, name: &str, size: u32) -> TypeId {
        let name = self.profile.names.intern(name);
        let native = Native { name, size, kind: NativeKind::Unsigned };
        let native = Type::Native(self.profile.types.native(native));
        self.profile.types.add(native)
    }
}
