//! From type records to the model's types.

use profile::{
    Label, Name, Native, NativeKind, NewMember, Profile, RecordKind, Report, StorageUnit, Type, TypeId,
};

use crate::cursor::{Cursor, Malformed};
use crate::leaf::{
    BitField, Class, ClassKind, Enumeration, Field, FieldError, Leaf, Pointer, PointerKind, next_field,
};
use crate::primitive::{FIRST_RECORD, Mode, Primitive, is_signed, primitive};
use crate::text::{TextReader, is_unnamed};
use crate::type_stream::TypeStream;

/// How many records one field list may be spread over.
const MAX_CONTINUATIONS: usize = 4096;

/// The model's types for a PDB's type indexes.
pub(crate) struct TypeMap {
    /// The type of the first record; the others follow it.
    first: TypeId,
    primitives: Vec<Option<TypeId>>,
    void: TypeId,
    /// A text of any length, for pointers to wide characters.
    wide_text: TypeId,
}

/// Lowers every record of `stream` into `profile`.
pub(crate) fn lower(
    stream: &TypeStream<'_>,
    address: u8,
    profile: &mut Profile,
    report: &mut Report,
    texts: &mut TextReader,
    progress: &mut dyn FnMut(usize),
) -> TypeMap {
    let first = profile.types.reserve(stream.len());
    let void = profile.types.add(Type::Void);
    let wide_text = profile.types.add(Type::WideString { bytes: None });
    let map = TypeMap { first, primitives: vec![None; FIRST_RECORD as usize], void, wide_text };
    let mut lowering = Lowering {
        stream,
        address,
        profile,
        report,
        texts,
        map,
        members: Vec::new(),
        labels: Vec::new(),
        chain: Vec::new(),
        field_bytes: (stream.size() as u64).saturating_mul(4).saturating_add(16 << 20),
        forwards: Vec::new(),
    };
    for position in 0..stream.len() {
        lowering.record(position);
        if position % 65536 == 0 {
            progress(position);
        }
    }
    lowering.connect_forwards();
    lowering.map
}

impl TypeMap {
    /// The type of the record at `position`.
    pub(crate) fn record(&self, position: usize) -> TypeId {
        self.first.offset(position)
    }

    /// The type with this index.
    pub(crate) fn get(
        &mut self,
        index: u32,
        stream: &TypeStream<'_>,
        profile: &mut Profile,
    ) -> Option<TypeId> {
        if index >= FIRST_RECORD {
            return stream.position(index).map(|position| self.first.offset(position));
        }
        let slot = self.primitives.get(index as usize).copied()?;
        if slot.is_some() {
            return slot;
        }
        let (kind, mode) = primitive(index)?;
        let base = match kind {
            Primitive::None | Primitive::Void => self.void,
            // One by value, or a text behind a pointer.
            Primitive::WideChar if mode == Mode::Direct => {
                profile.types.add(Type::WideString { bytes: Some(2) })
            }
            Primitive::WideChar => self.wide_text,
            Primitive::Native(name, size, kind) => {
                let native = profile.native(name, size, kind);
                profile.types.add(native)
            }
        };
        let id = match mode {
            Mode::Direct => base,
            Mode::Pointer(size) => profile.types.add(Type::Pointer { target: base, size }),
            Mode::NativePointer => {
                let size = profile.arch.address_size();
                profile.types.add(Type::Pointer { target: base, size })
            }
        };
        if let Some(slot) = self.primitives.get_mut(index as usize) {
            *slot = Some(id);
        }
        Some(id)
    }
}

struct Lowering<'a, 's> {
    stream: &'s TypeStream<'a>,
    address: u8,
    profile: &'s mut Profile,
    report: &'s mut Report,
    texts: &'s mut TextReader,
    map: TypeMap,
    members: Vec<NewMember>,
    labels: Vec<Label>,
    /// The records of the field list at hand.
    chain: Vec<u32>,
    /// How many bytes of field lists may still be read. A list can serve many records, so a hostile file
    /// could make it be read without end.
    field_bytes: u64,
    /// Forward references, with the position of their definition.
    forwards: Vec<(usize, usize)>,
}

impl<'a> Lowering<'a, '_> {
    fn record(&mut self, position: usize) {
        let Some(record) = self.stream.at(position) else { return };
        let place = || format!("record {:#x}", self.stream.index_of(position));
        let leaf = match record.parse() {
            Ok(leaf) => leaf,
            // What cannot be read stays void.
            Err(error) => {
                let kind = match error {
                    Malformed::Short => format!("leaf {:#06x} that ends too early", record.kind),
                    Malformed::Numeric => format!("leaf {:#06x} with a number that cannot be", record.kind),
                };
                return self.report.lose(&kind, place);
            }
        };
        let ty = match leaf {
            Leaf::Modifier(target) => Type::Alias { name: None, target: self.type_of(target) },
            Leaf::Alias { target, name } => {
                let name = Some(self.name(name));
                Type::Alias { name, target: self.type_of(target) }
            }
            // By itself, a bit-field is what it is a part of.
            Leaf::BitField(field) => Type::Alias { name: None, target: self.type_of(field.base) },
            Leaf::Pointer(pointer) => self.pointer(pointer),
            Leaf::Array { element, bytes } => self.array(position, element, bytes),
            Leaf::Arguments(indexes) => self.arguments(indexes),
            Leaf::Procedure(arguments) => match self.stream.position(arguments) {
                Some(listed) if listed < position => self.profile.types.get(self.map.first.offset(listed)),
                Some(listed) => Type::Alias { name: None, target: self.map.first.offset(listed) },
                None => Type::Function(self.profile.types.add_arguments(&[])),
            },
            Leaf::Class(class) if class.forward => {
                let Some(ty) = self.forward(position, class.name, class.unique_name) else { return };
                ty
            }
            Leaf::Class(class) => self.class(class),
            Leaf::Enumeration(item) if item.forward => {
                match self.stream.definition(item.name, item.unique_name) {
                    Some(definition) => {
                        self.forwards.push((position, definition.position));
                        return;
                    }
                    // Its labels are nowhere; its values are still numbers.
                    None => Type::Alias { name: None, target: self.type_of(item.underlying) },
                }
            }
            Leaf::Enumeration(item) => self.enumeration(item),
            Leaf::Auxiliary => return,
            Leaf::Unknown => return self.report.lose(&format!("unknown leaf {:#06x}", record.kind), place),
        };
        self.profile.types.set(self.map.first.offset(position), ty);
    }

    /// The type with this index; void, and counted, where there is none.
    fn type_of(&mut self, index: u32) -> TypeId {
        match self.map.get(index, self.stream, self.profile) {
            Some(id) => id,
            None => {
                self.report.lose("references to types that are not there", || format!("type {index:#x}"));
                self.map.void
            }
        }
    }

    fn name(&mut self, bytes: &[u8]) -> Name {
        self.texts.intern(bytes, &mut self.profile.names)
    }

    fn own_name(&mut self, bytes: &[u8]) -> Option<Name> {
        (!is_unnamed(bytes)).then(|| self.name(bytes))
    }

    fn native(&mut self, name: &str, size: u32) -> TypeId {
        let name = self.profile.names.intern(name);
        let native = Native { name, size, kind: NativeKind::Unsigned };
        let native = Type::Native(self.profile.types.native(native));
        self.profile.types.add(native)
    }

    /// An unsigned native of `size` bytes, or as many bytes.
    fn opaque(&mut self, size: u64) -> Type {
        let bytes = self.type_of(0x20);
        let native = match size {
            1 => 0x20,
            2 => 0x21,
            4 => 0x22,
            8 => 0x23,
            count => return Type::Array { target: bytes, count },
        };
        Type::Alias { name: None, target: self.type_of(native) }
    }

    fn pointer(&mut self, pointer: Pointer) -> Type {
        let size = pointer.size(self.address);
        if pointer.kind() == PointerKind::Member {
            return self.opaque(size.into());
        }
        let target = match self.stream.unmodified(pointer.target) {
            0x71 | 0x7a => self.map.wide_text,
            _ => self.type_of(pointer.target),
        };
        Type::Pointer { target, size }
    }

    /// CodeView gives an array's size in bytes; how many elements that makes is for us to find out.
    fn array(&mut self, position: usize, element: u32, bytes: u64) -> Type {
        if matches!(self.stream.unmodified(element), 0x71 | 0x7a) {
            return Type::WideString { bytes: Some(bytes) };
        }
        let target = self.type_of(element);
        let place = |stream: &TypeStream<'_>| format!("record {:#x}", stream.index_of(position));
        match self.stream.size_of(element, self.address) {
            _ if bytes == 0 => Type::Array { target, count: 0 },
            Some(size) if size > 0 && bytes.is_multiple_of(size) => {
                Type::Array { target, count: bytes / size }
            }
            Some(size) if size > 0 => {
                self.report
                    .lose("arrays whose size is no multiple of their element's", || place(self.stream));
                Type::Array { target, count: bytes / size }
            }
            _ => {
                self.report.lose("arrays of elements whose size is not known", || place(self.stream));
                Type::Array { target: self.type_of(0x20), count: bytes }
            }
        }
    }

    fn arguments(&mut self, indexes: &[u8]) -> Type {
        let mut types = Vec::with_capacity(indexes.len() / 4);
        for index in indexes.chunks_exact(4) {
            let index = index.first_chunk().copied().map_or(0, u32::from_le_bytes);
            // No type at all stands for `...`.
            if index != 0 {
                types.push(self.type_of(index));
            }
        }
        Type::Function(self.profile.types.add_arguments(&types))
    }

    /// What a declaration without a body means; nothing yet where its definition is to be copied.
    fn forward(&mut self, position: usize, name: &[u8], unique_name: Option<&[u8]>) -> Option<Type> {
        match self.stream.definition(name, unique_name) {
            // Which of several is meant is not said; the name will stand for the one that keeps it.
            Some(definition) if definition.repeated && !is_unnamed(name) => {}
            Some(definition) => {
                self.forwards.push((position, definition.position));
                return None;
            }
            None => {}
        }
        Some(Type::Named(self.name(name)))
    }

    /// Gives forward references the meaning of their definitions, which may stand behind them.
    fn connect_forwards(&mut self) {
        for (position, definition) in std::mem::take(&mut self.forwards) {
            let definition = self.map.first.offset(definition);
            let types = &self.profile.types;
            let ty = types.get(definition);
            let named = match ty {
                Type::Record(id) => types.record(id).is_some_and(|it| it.name.is_some()),
                Type::Enumeration(id) => types.enumeration(id).is_some_and(|it| it.name.is_some()),
                _ => true,
            };
            // A typedef may still name what has no name.
            let ty = if named { ty } else { Type::Alias { name: None, target: definition } };
            self.profile.types.set(self.map.first.offset(position), ty);
        }
    }

    fn class(&mut self, class: Class<'a>) -> Type {
        let name = self.own_name(class.name);
        let kind = match class.kind {
            ClassKind::Struct => RecordKind::Struct,
            ClassKind::Class => RecordKind::Class,
            ClassKind::Union => RecordKind::Union,
        };
        let mut members = std::mem::take(&mut self.members);
        members.clear();
        let mut tables = 0;
        self.fields(class.fields, class.name, |lowering, field| {
            lowering.member(field, class.name, &mut tables, &mut members);
        });
        let profile = &mut *self.profile;
        let id = profile.types.add_record(&mut profile.names, name, kind, class.size, &members);
        self.members = members;
        Type::Record(id)
    }

    fn enumeration(&mut self, item: Enumeration<'a>) -> Type {
        let name = self.own_name(item.name);
        let base = self.stream.unmodified(item.underlying);
        let (size, signed) = (self.stream.size_of(base, self.address), is_signed(base));
        // Plain char has a sign, which the native that arrays of text are made of has not.
        let underlying = self.type_of(if base == 0x70 { 0x10 } else { item.underlying });
        let mut labels = std::mem::take(&mut self.labels);
        labels.clear();
        self.fields(item.fields, item.name, |lowering, field| {
            let Field::Label { value, name: label } = field else { return };
            let (bits, whole) = value.low_bits();
            if !whole {
                lowering.report.lose("enumeration values of more than 64 bits", || {
                    String::from_utf8_lossy(label).into_owned()
                });
            }
            let name = lowering.name(label);
            labels.push(Label { name, bits: fit(bits, size.unwrap_or(8), signed) });
        });
        let id = self.profile.types.add_enumeration(name, underlying, signed, &labels);
        self.labels = labels;
        Type::Enumeration(id)
    }

    /// Hands on every entry of a field list, wherever it continues.
    fn fields(&mut self, list: u32, owner: &[u8], mut each: impl FnMut(&mut Self, Field<'a>)) {
        let owner = || String::from_utf8_lossy(owner).into_owned();
        self.chain.clear();
        let mut next = (list != 0).then_some(list);
        while let Some(index) = next.take() {
            let Some(record) = self.stream.get(index).filter(|record| record.kind == 0x1203) else {
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

    fn member(&mut self, field: Field<'_>, owner: &[u8], tables: &mut u32, members: &mut Vec<NewMember>) {
        match field {
            Field::Member { ty, offset, name } => {
                let name = (!name.is_empty()).then(|| self.name(name));
                members.push(match self.stream.bit_field(ty) {
                    Some(bits) => self.bits(name, offset, bits),
                    None => NewMember { name, offset, ty: self.type_of(ty), bits: None },
                });
            }
            Field::Base { ty, offset } => {
                let name = Some(self.base_name(ty));
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
                // All virtual bases a class names itself are found by one table.
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

    fn bits(&mut self, name: Option<Name>, offset: u64, field: BitField) -> NewMember {
        let base = self.type_of(field.base);
        let size = self.stream.size_of(field.base, self.address).unwrap_or(0);
        let first = offset.checked_mul(8).and_then(|bit| bit.checked_add(field.position.into()));
        let unit = first.and_then(|first| StorageUnit::little_endian(first, field.length.into(), size));
        let Some(unit) = unit else {
            // A width of 0, or an absurd place: all of its type stands for it.
            self.report.lose("bit-fields that no storage unit holds", || {
                name.map_or_else(String::new, |name| self.profile.names.get(name).to_owned())
            });
            return NewMember { name, offset, ty: base, bits: None };
        };
        let ty = match unit.size == size {
            true => base,
            false => match unit.size {
                1 => self.type_of(0x20),
                2 => self.type_of(0x21),
                4 => self.type_of(0x22),
                8 => self.type_of(0x23),
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
}

/// What a value of an enumeration is in `size` bytes: Clang writes -1 as 4294967295 over an int, Visual C++
/// writes 4294967295 as -1.
fn fit(bits: u64, size: u64, signed: bool) -> u64 {
    let unused = match size {
        1..=7 => 64 - 8 * size as u32,
        _ => return bits,
    };
    match signed {
        true => ((bits << unused) as i64 >> unused) as u64,
        false => bits << unused >> unused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enumeration_values_fit_their_type() {
        assert_eq!(fit(0xffff_ffff, 4, true), u64::MAX);
        assert_eq!(fit(u64::MAX, 4, false), 0xffff_ffff);
        assert_eq!(fit(u64::MAX, 1, false), 0xff);
        assert_eq!(fit(0x80, 1, true), 0xffff_ffff_ffff_ff80);
        assert_eq!(fit(u64::MAX, 8, false), u64::MAX);
    }
}
