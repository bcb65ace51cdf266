//! BTF, for programs that read a Linux kernel's own description of its types: bpftool, pahole, drgn, libbpf.
//!
//! A blob holds structs, unions, enumerations and the types of variables; it has no place for addresses. What it cannot
//! say is counted. Types whose names were made for want of one (`__unnamed_...`) have none in the blob, as a compiler
//! would have it.

mod blob;

use std::collections::HashMap;
use std::io::{self, Write};

use foldhash::fast::RandomState;

use crate::resolution::{Flaw, Place, is_little_endian};
use crate::{
    EnumId, Form, Member, Name, Native, NativeKind, Profile, RecordId, RecordKind, Report, Resolution,
    StorageUnit, System, Type, TypeId,
};
use blob::{Blob, Head, MAX_ELEMENTS, kind};

type Map<K, V> = HashMap<K, V, RandomState>;

/// The most bits that a member's place has where its record has bit-fields.
const PLACE_BITS: u32 = 24;

/// Prints a profile as a BTF blob.
///
/// # Errors
/// What the sink gives.
pub(crate) fn write<W: Write>(
    profile: &Profile,
    resolution: &Resolution,
    form: Form<'_>,
    report: &mut Report,
    sink: W,
) -> io::Result<W> {
    let mut writer = Writer::new(profile, resolution, form, report);
    writer.number();
    writer.records();
    writer.enumerations();
    writer.variables();
    writer.finish().write(sink)
}

/// A record whose number is known before its content is.
enum Pending {
    Integer { name: String, size: u32, encoding: u32 },
    Float { name: String, size: u32 },
    Pointer(u32),
    Array { element: u32, count: u32 },
    Signature(Vec<u32>),
    Forward { name: Name },
    Record { key: Name, record: RecordId, members: Vec<Field> },
    Enumeration { key: Name, id: EnumId },
    Variable { name: Name, ty: u32 },
}

/// A member of a record in the making.
struct Field {
    name: Option<Name>,
    ty: u32,
    /// Its first bit, counted as the processor counts.
    bit: u64,
    width: u32,
}

/// What an unnamed type is told apart by.
#[derive(PartialEq, Eq, Hash)]
enum Shape {
    Integer(String, u32),
    Pointer(u32),
    Array(u32, u32),
    Signature(Vec<u32>),
    Forward(Name),
}

struct Writer<'a> {
    profile: &'a Profile,
    resolution: &'a Resolution,
    form: Form<'a>,
    report: &'a mut Report,
    pending: Vec<Pending>,
    shapes: Map<Shape, u32>,
    records: Map<Name, u32>,
    enumerations: Map<Name, u32>,
    address: u8,
    little_endian: bool,
}

impl<'a> Writer<'a> {
    fn new(profile: &'a Profile, resolution: &'a Resolution, form: Form<'a>, report: &'a mut Report) -> Self {
        Self {
            profile,
            resolution,
            form,
            report,
            pending: Vec::new(),
            shapes: Map::default(),
            records: Map::default(),
            enumerations: Map::default(),
            address: profile.arch.address_size(),
            little_endian: is_little_endian(profile.arch),
        }
    }

    fn add(&mut self, pending: Pending) -> u32 {
        self.pending.push(pending);
        u32::try_from(self.pending.len()).unwrap_or(u32::MAX)
    }

    fn shape(&mut self, shape: Shape, pending: impl FnOnce() -> Pending) -> u32 {
        if let Some(known) = self.shapes.get(&shape) {
            return *known;
        }
        let id = self.add(pending());
        self.shapes.insert(shape, id);
        id
    }

    /// Numbers the definitions, which refer to each other. The integer of a pointer's size comes first: readers take it
    /// for the size of pointers.
    fn number(&mut self) {
        self.integer("long unsigned int", u32::from(self.address), false);
        for (key, record) in self.resolution.structs() {
            if self.form.only.is_none_or(|only| only.has_struct(*key)) {
                let id = self.add(Pending::Record { key: *key, record: *record, members: Vec::new() });
                self.records.insert(*key, id);
            }
        }
        for (key, enumeration) in self.resolution.enumerations() {
            if self.form.only.is_none_or(|only| only.has_enumeration(*key)) {
                let id = self.add(Pending::Enumeration { key: *key, id: *enumeration });
                self.enumerations.insert(*key, id);
            }
        }
    }

    fn records(&mut self) {
        let profile = self.profile;
        for (key, record) in self.resolution.structs() {
            let Some(number) = self.records.get(key).copied() else { continue };
            let mut fields = Vec::new();
            for (index, member) in self.profile.types.members(*record).iter().enumerate() {
                let place = Place { owner: *key, member: u32::try_from(index).unwrap_or(u32::MAX) };
                fields.extend(self.field(place, *record, index, member));
            }
            self.check_places(*key, &mut fields);
            if fields.len() > MAX_ELEMENTS {
                let lost = (fields.len() - MAX_ELEMENTS) as u64;
                self.report.lose_many("members beyond the 65,535th of a struct", lost, || {
                    profile.names.get(*key).to_owned()
                });
                fields.truncate(MAX_ELEMENTS);
            }
            if let Some(Pending::Record { members, .. }) = self.pending.get_mut(number as usize - 1) {
                *members = fields;
            }
        }
    }

    /// Leaves out members whose place a record has no room for.
    fn check_places(&mut self, key: Name, fields: &mut Vec<Field>) {
        let profile = self.profile;
        let has_bit_fields = fields.iter().any(|field| field.width > 0);
        let end = if has_bit_fields { 1u64 << PLACE_BITS } else { 1 << 32 };
        let before = fields.len();
        fields.retain(|field| field.bit < end);
        let lost = (before - fields.len()) as u64;
        if lost > 0 {
            self.report.lose_many("members too far behind the beginning of their struct", lost, || {
                profile.names.get(key).to_owned()
            });
        }
    }

    fn field(&mut self, place: Place, record: RecordId, index: usize, member: &Member) -> Option<Field> {
        let name = (!member.anonymous).then_some(member.name);
        let whole = |ty, offset: u64| Some(Field { name, ty, bit: offset.checked_mul(8)?, width: 0 });
        match self.resolution.flaw(record, index) {
            Some(Flaw::Dropped) => return None,
            Some(Flaw::Bytes(count)) => {
                let bytes = self.bytes(count);
                return whole(bytes, member.offset);
            }
            Some(Flaw::Pointer) => {
                let pointer = self.shape(Shape::Pointer(0), || Pending::Pointer(0));
                return whole(pointer, member.offset);
            }
            Some(Flaw::Unit(unit)) => {
                let ty = self.unsigned(unit.size);
                return self.bit_field(name, ty, unit);
            }
            None => {}
        }
        let Some(bits) = member.bits else {
            let ty = self.held(Some(place), member.ty)?;
            return whole(ty, member.offset);
        };
        let size = self.profile.types.size_of(member.ty)?;
        let ty = self.ty(Some(place), member.ty);
        self.bit_field(name, ty, StorageUnit { offset: member.offset, size, bits })
    }

    fn bit_field(&self, name: Option<Name>, ty: u32, unit: StorageUnit) -> Option<Field> {
        let (start, end) = (u64::from(unit.bits.start), u64::from(unit.bits.end));
        // A big-endian processor's first bit is the most significant one.
        let first = match self.little_endian {
            true => start,
            false => unit.size.checked_mul(8)?.checked_sub(end)?,
        };
        let bit = unit.offset.checked_mul(8)?.checked_add(first)?;
        Some(Field { name, ty, bit, width: u32::try_from(end.checked_sub(start)?).ok()? })
    }

    /// A type held by value; bytes where BTF has no such type. `None` if it has no size either.
    fn held(&mut self, place: Option<Place>, ty: TypeId) -> Option<u32> {
        let profile = self.profile;
        match self.ty(place, ty) {
            0 => {
                let size = self.profile.types.size_of(ty);
                self.report.lose("types that BTF cannot say", || match place {
                    Some(place) => profile.names.get(place.owner).to_owned(),
                    None => String::new(),
                });
                Some(self.bytes(size?))
            }
            known => Some(known),
        }
    }

    /// The number of a type; 0 for `void` and for what BTF cannot say.
    fn ty(&mut self, place: Option<Place>, ty: TypeId) -> u32 {
        let profile = self.profile;
        let types = &self.profile.types;
        let (alias, meant) = types.peel_named(ty);
        match meant {
            Type::Void | Type::Alias { .. } | Type::Verbatim(_) => 0,
            Type::Native(id) => types.native_of(id).copied().map_or(0, |native| self.native(&native)),
            Type::Pointer { target, size } if size == self.address => {
                let target = self.ty(place, target);
                self.shape(Shape::Pointer(target), || Pending::Pointer(target))
            }
            Type::Pointer { size, .. } => {
                self.report.lose("pointers of another size than an address", || match place {
                    Some(place) => profile.names.get(place.owner).to_owned(),
                    None => String::new(),
                });
                self.unsigned(size.into())
            }
            Type::Array { target, count } => {
                let element = self.held(place, target).unwrap_or_else(|| self.byte());
                self.array(element, count)
            }
            Type::WideString { bytes } => {
                let element = self.unsigned(2);
                self.array(element, bytes.unwrap_or(0) / 2)
            }
            Type::Function(arguments) => {
                let arguments = types.arguments(arguments);
                let arguments: Vec<u32> =
                    arguments.iter().map(|argument| self.ty(place, *argument)).collect();
                let pending = Pending::Signature(arguments.clone());
                self.shape(Shape::Signature(arguments), || pending)
            }
            Type::Record(id) => match self.resolution.record_key(types, place, alias, id) {
                Some(key) => self.record(key),
                None => 0,
            },
            Type::Named(name) => {
                let key = self.resolution.key_of(name);
                self.record(key)
            }
            Type::Enumeration(id) => {
                let key = self.resolution.enum_key(types, place, alias, id);
                match key.and_then(|key| self.enumerations.get(&key)) {
                    Some(known) => *known,
                    None => self.unsigned(types.enumeration_size(id)),
                }
            }
        }
    }

    /// A struct with this key, or its declaration where it is not in the blob.
    fn record(&mut self, key: Name) -> u32 {
        match self.records.get(&key) {
            Some(known) => *known,
            None => self.shape(Shape::Forward(key), || Pending::Forward { name: key }),
        }
    }

    fn native(&mut self, native: &Native) -> u32 {
        let name = self.profile.names.get(native.name);
        let signed = match native.kind {
            NativeKind::Signed => true,
            NativeKind::Char => matches!(name, "char" | "signed char"),
            _ => false,
        };
        match native.kind {
            NativeKind::Float if matches!(native.size, 2 | 4 | 8 | 12 | 16) => {
                let shape = Shape::Integer(name.to_owned(), native.size);
                self.shape(shape, || Pending::Float { name: name.to_owned(), size: native.size })
            }
            NativeKind::Float | NativeKind::Other if native.size > 0 => {
                self.report.lose("types that BTF cannot say", || name.to_owned());
                self.bytes(native.size.into())
            }
            _ if !matches!(native.size, 1 | 2 | 4 | 8 | 16) => 0,
            NativeKind::Bool => {
                let shape = Shape::Integer(name.to_owned(), native.size);
                let (name, size) = (name.to_owned(), native.size);
                self.shape(shape, || Pending::Integer { name, size, encoding: BOOLEAN })
            }
            _ => self.integer(self.in_c(name, native.size, signed), native.size, signed),
        }
    }

    /// The name that C compilers of Linux have for an integer. Windows calls four bytes `long`.
    fn in_c<'n>(&self, name: &'n str, size: u32, signed: bool) -> &'n str {
        let windows = self.profile.system == System::Windows;
        match (name, size) {
            ("long", 4) if windows && self.address == 8 => "int",
            ("unsigned long", 4) if windows && self.address == 8 => "unsigned int",
            ("unsigned long", _) if !signed => "long unsigned int",
            ("long", _) if signed => "long int",
            ("short", _) => "short int",
            ("unsigned short", _) => "short unsigned int",
            ("long long", _) => "long long int",
            ("unsigned long long", _) => "long long unsigned int",
            _ => name,
        }
    }

    fn integer(&mut self, name: &str, size: u32, signed: bool) -> u32 {
        let encoding = if signed { SIGNED } else { 0 };
        let shape = Shape::Integer(name.to_owned(), size);
        self.shape(shape, || Pending::Integer { name: name.to_owned(), size, encoding })
    }

    /// The unsigned integer of a size; bytes where there is none.
    fn unsigned(&mut self, size: u64) -> u32 {
        match size {
            1 => self.byte(),
            2 => self.integer("short unsigned int", 2, false),
            4 => self.integer("unsigned int", 4, false),
            8 => self.integer("long long unsigned int", 8, false),
            16 => self.integer("__int128 unsigned", 16, false),
            size => self.bytes(size),
        }
    }

    fn byte(&mut self) -> u32 {
        self.integer("unsigned char", 1, false)
    }

    fn bytes(&mut self, count: u64) -> u32 {
        let byte = self.byte();
        self.array(byte, count)
    }

    fn array(&mut self, element: u32, count: u64) -> u32 {
        let count = u32::try_from(count).unwrap_or_else(|_| {
            self.report.lose("arrays of more than 2^32 elements", || count.to_string());
            u32::MAX
        });
        self.shape(Shape::Array(element, count), || Pending::Array { element, count })
    }

    fn enumerations(&mut self) {
        let profile = self.profile;
        for (key, id) in self.resolution.enumerations() {
            let labels = self.profile.types.labels(*id).len();
            if labels > MAX_ELEMENTS {
                let lost = (labels - MAX_ELEMENTS) as u64;
                self.report.lose_many("labels beyond the 65,535th of an enumeration", lost, || {
                    profile.names.get(*key).to_owned()
                });
            }
        }
    }

    fn variables(&mut self) {
        for (name, ty) in &self.profile.constant_types {
            let wanted = self.form.only.is_none_or(|only| only.has_symbol(*name));
            if wanted && self.resolution.describes(*ty) {
                let number = self.ty(None, *ty);
                self.add(Pending::Variable { name: *name, ty: number });
            }
        }
        let symbols = self.profile.constants.len() + self.profile.functions.len();
        if symbols > 0 {
            self.report.lose_many("addresses of symbols, for which BTF has no place", symbols as u64, || {
                "a System.map or kallsyms holds them".to_owned()
            });
        }
    }

    /// The name of a definition; none where it was made for want of one.
    fn own_name(&self, key: Name) -> &'a str {
        let name = self.profile.names.get(key);
        if name.starts_with("__unnamed_") { "" } else { name }
    }

    /// Writes the records in the order of their numbers.
    fn finish(self) -> Blob {
        let mut blob = Blob::new(!self.little_endian);
        let index = self.shapes.get(&Shape::Integer("long unsigned int".to_owned(), self.address.into()));
        let index = index.copied().unwrap_or(0);
        for pending in &self.pending {
            self.put(&mut blob, pending, index);
        }
        blob
    }

    fn put(&self, blob: &mut Blob, pending: &Pending, index: u32) {
        let nothing = Head { kind: 0, name: "", flag: false, count: 0, size_or_type: 0 };
        match pending {
            Pending::Integer { name, size, encoding } => {
                let head = Head { kind: kind::INT, name, size_or_type: *size, ..nothing };
                blob.add(head, &[(encoding << 24) | (size * 8)]);
            }
            Pending::Float { name, size } => {
                blob.add(Head { kind: kind::FLOAT, name, size_or_type: *size, ..nothing }, &[]);
            }
            Pending::Pointer(target) => {
                blob.add(Head { kind: kind::POINTER, size_or_type: *target, ..nothing }, &[]);
            }
            Pending::Array { element, count } => {
                blob.add(Head { kind: kind::ARRAY, ..nothing }, &[*element, index, *count]);
            }
            Pending::Signature(arguments) => {
                // An argument without name and type would stand for any number of further ones.
                let arguments =
                    arguments.iter().map(|argument| if *argument == 0 { index } else { *argument });
                let rest: Vec<u32> =
                    arguments.take(MAX_ELEMENTS).flat_map(|argument| [0, argument]).collect();
                blob.add(Head { kind: kind::SIGNATURE, count: rest.len() / 2, ..nothing }, &rest);
            }
            Pending::Forward { name } => {
                blob.add(Head { kind: kind::FORWARD, name: self.own_name(*name), ..nothing }, &[]);
            }
            Pending::Record { key, record, members } => self.put_record(blob, *key, *record, members),
            Pending::Enumeration { key, id } => self.put_enumeration(blob, *key, *id),
            Pending::Variable { name, ty } => {
                let name = self.profile.names.get(*name);
                blob.add(Head { kind: kind::VARIABLE, name, size_or_type: *ty, ..nothing }, &[GLOBAL]);
            }
        }
    }

    fn put_record(&self, blob: &mut Blob, key: Name, record: RecordId, members: &[Field]) {
        let flag = members.iter().any(|member| member.width > 0);
        let mut rest = Vec::with_capacity(members.len() * 3);
        for member in members {
            let name = member.name.map_or("", |name| self.profile.names.get(name));
            let bit = u32::try_from(member.bit).unwrap_or(0);
            rest.extend([blob.text(name), member.ty, (member.width << PLACE_BITS) | bit]);
        }
        let record = self.profile.types.record(record);
        let is_union = record.is_some_and(|record| record.kind == RecordKind::Union);
        let head = Head {
            kind: if is_union { kind::UNION } else { kind::STRUCT },
            name: self.own_name(key),
            flag,
            count: members.len(),
            size_or_type: record.and_then(|record| u32::try_from(record.size).ok()).unwrap_or(u32::MAX),
        };
        blob.add(head, &rest);
    }

    fn put_enumeration(&self, blob: &mut Blob, key: Name, id: EnumId) {
        let types = &self.profile.types;
        let signed = types.enumeration(id).is_some_and(|item| item.signed);
        let labels = types.labels(id).get(..MAX_ELEMENTS).unwrap_or(types.labels(id));
        // A profile that was read does not say how wide an enumeration is that no member has.
        let fits = |bits: u64| match signed {
            true => i32::try_from(bits.cast_signed()).is_ok(),
            false => u32::try_from(bits).is_ok(),
        };
        let wide = types.enumeration_size(id) > 4 || !labels.iter().all(|label| fits(label.bits));
        let size = if wide { 8 } else { u32::try_from(types.enumeration_size(id)).unwrap_or(4) };
        let mut rest = Vec::with_capacity(labels.len() * 3);
        for label in labels {
            // Values of 64 bits are written in two halves.
            rest.extend([blob.text(self.profile.names.get(label.name)), label.bits as u32]);
            if wide {
                rest.push((label.bits >> 32) as u32);
            }
        }
        let kind = if wide { kind::ENUM64 } else { kind::ENUM };
        let name = self.own_name(key);
        blob.add(Head { kind, name, flag: signed, count: labels.len(), size_or_type: size }, &rest);
    }
}

/// What an integer's encoding says.
const SIGNED: u32 = 1;
const BOOLEAN: u32 = 4;
/// The linkage of a variable that is seen everywhere.
const GLOBAL: u32 = 1;
