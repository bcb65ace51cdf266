use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use profile::{
    BitRange, Label, Name, NativeKind, NewMember, Profile, RecordKind, Report, StorageUnit, System, Type,
    TypeId,
};

use super::bounds;
use super::literal::{Literals, Problem};
use super::tree::{Tree, Value};

/// The meaning of Volatility's short type names on a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Widths {
    /// The size of a pointer in bytes.
    pub(crate) pointer: u8,
    /// The size of `long` in bytes.
    pub(crate) long: u8,
}

/// Structs in a file of vtypes, before lost information is reconstructed.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(super) records: Vec<Record>,
    pub(super) members: Vec<Member>,
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) ty: Option<TypeId>,
    pub(super) name: Option<Name>,
    pub(super) size: u64,
    pub(super) members: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) name: Name,
    /// Whether the name was made from a record's number, so that the source gives none.
    pub(super) anonymous: bool,
    pub(super) offset: u64,
    pub(super) ty: TypeId,
    pub(super) bits: Option<RawBits>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct RawBits {
    pub(super) start: i128,
    pub(super) end: i128,
    /// Whether `ty` is the type of its storage, so that none has to be chosen.
    pub(super) has_storage: bool,
}

/// Reads a file of vtypes into `profile`, and counts losses in `report`.
pub(crate) fn lower(
    text: &[u8],
    widths: Widths,
    profile: &mut Profile,
    report: &mut Report,
) -> Result<(), Problem> {
    let mut pending = read(text, widths, profile, report)?;
    repair_widths(&mut pending, report);
    bounds::infer(&pending, widths, profile, report);
    finish(pending, profile, report);
    Ok(())
}

/// Reads the structs without corrections.
pub(crate) fn read(
    text: &[u8],
    widths: Widths,
    profile: &mut Profile,
    report: &mut Report,
) -> Result<Pending, Problem> {
    let mut reader = Reader {
        profile,
        report,
        widths,
        reversed: false,
        unnamed: HashMap::default(),
        named: HashMap::default(),
        pending: Pending::default(),
    };
    Literals::new(text).read(|item, tree| {
        // Volatility's own readers of DWARF wrap each bound around the previous ones, so the last bound is the
        // outermost.
        reader.reversed = matches!(item.variable, b"mac_types" | b"linux_types");
        reader.entry(tree);
        Ok::<(), Problem>(())
    })?;
    let Reader { profile, report, unnamed, pending, .. } = reader;
    let mut missing: Vec<Name> =
        unnamed.iter().filter(|(_, (_, defined))| !defined).map(|(name, _)| *name).collect();
    missing.sort_unstable();
    for name in missing {
        report.lose("references to types the pack does not hold", || profile.names.get(name).to_owned());
    }
    Ok(pending)
}

struct Reader<'p> {
    profile: &'p mut Profile,
    report: &'p mut Report,
    widths: Widths,
    /// Whether the bounds of arrays of arrays are in reverse order.
    reversed: bool,
    /// Types without a name in the source, by the number in their made-up name, and whether they are defined.
    unnamed: HashMap<Name, (TypeId, bool), RandomState>,
    /// The types that names have been resolved to.
    named: HashMap<Name, Type, RandomState>,
    pending: Pending,
}

impl Reader<'_> {
    /// `'name': [size, {'member': [offset, type], ...}]`, or a variable `'name': [address, type]`.
    fn entry(&mut self, tree: &Tree<'_>) {
        let Some(mut pair) = tree.root().and_then(Value::items) else { return };
        let (Some(key), Some(value)) = (pair.next(), pair.next()) else { return };
        let (Some(name), Some(mut items)) = (key.text(), value.items()) else {
            return self.unreadable(key);
        };
        match (items.next(), items.next(), items.next()) {
            (Some(size), Some(members), None) if members.pairs().is_some() => {
                self.record(name, size, members)
            }
            (Some(address), Some(ty), None) if ty.items().is_some() => self.variable(name, address, ty),
            _ => self.unreadable(key),
        }
    }

    fn unreadable(&mut self, key: Value<'_, '_>) {
        self.report.lose("entries that do not describe a struct", || match key.text() {
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => "(a key that is not a text)".to_owned(),
        });
    }

    fn variable(&mut self, name: &[u8], address: Value<'_, '_>, ty: Value<'_, '_>) {
        let name = self.intern(name);
        let Some(address) = address.integer().and_then(|address| u64::try_from(address).ok()) else {
            return;
        };
        if let Some(ty) = self.ty(ty) {
            self.profile.constants.push((name, address));
            self.profile.constant_types.push((name, ty));
        }
    }

    fn record(&mut self, name: &[u8], size: Value<'_, '_>, members: Value<'_, '_>) {
        let own = self.intern(name);
        let start = self.pending.members.len();
        for (key, value) in members.pairs().into_iter().flatten() {
            self.member(name, key, value);
        }
        let added = start..self.pending.members.len();
        let size = match size.integer().and_then(|size| u64::try_from(size).ok()) {
            Some(size) => size,
            None => {
                self.report.lose("structs without a size, assumed to end with their last member", || {
                    String::from_utf8_lossy(name).into_owned()
                });
                self.end_of(added.clone())
            }
        };
        let (ty, name) = match is_unnamed(name) {
            true => {
                let (ty, defined) = self.unnamed_type(own);
                // Users of a number cannot say which of its two definitions they refer to.
                let ty = if defined { None } else { Some(ty) };
                self.unnamed.entry(own).and_modify(|(_, defined)| *defined = true);
                (ty, None)
            }
            false => (None, Some(own)),
        };
        self.pending.records.push(Record { ty, name, size, members: added });
    }

    fn end_of(&self, members: Range<usize>) -> u64 {
        let members = self.pending.members.get(members).unwrap_or_default();
        let ends = members.iter().map(|member| {
            let size = match member.bits {
                Some(bits) => u64::try_from(bits.end).map_or(0, |bits| bits.div_ceil(8)),
                None => self.profile.types.size_of(member.ty).unwrap_or(0),
            };
            member.offset.saturating_add(size)
        });
        ends.max().unwrap_or(0)
    }

    /// `'member': [offset, type]`
    fn member(&mut self, owner: &[u8], key: Value<'_, '_>, value: Value<'_, '_>) {
        let place = || {
            let name = String::from_utf8_lossy(key.text().unwrap_or_default()).into_owned();
            format!("{}.{name}", String::from_utf8_lossy(owner))
        };
        let mut items = value.items();
        let mut next = || items.as_mut().and_then(Iterator::next);
        let (offset, ty) = (next(), next());
        let Some(name) = key.text() else {
            return self.report.lose("members that are not described", place);
        };
        let (Some(offset), Some(ty)) = (offset, ty) else {
            return self.report.lose("members that are not described", place);
        };
        let Some(offset) = offset.integer().and_then(|offset| u64::try_from(offset).ok()) else {
            return self.report.lose("members without an offset", place);
        };
        let bits = self.bits(ty);
        let target = match bits {
            Some(_) => self.storage(ty),
            None => self.ty(ty),
        };
        let (Some(ty), true) = (target, bits.is_some() || target.is_some()) else {
            return self.report.lose("members with an unknown type", place);
        };
        let anonymous = is_unnamed(name);
        let name = self.intern(name);
        self.pending.members.push(Member { name, anonymous, offset, ty, bits });
    }

    /// `['BitField', {'start_bit': 0, 'end_bit': 4}]`
    fn bits(&self, ty: Value<'_, '_>) -> Option<RawBits> {
        let mut items = ty.items()?;
        if items.next()?.text()? != b"BitField" {
            return None;
        }
        let arguments = items.next()?;
        let bit = |name| arguments.get(name).and_then(Value::integer);
        let has_storage = arguments.get("native_type").or(arguments.get("target")).is_some();
        // Rekall's defaults for omitted values.
        Some(RawBits { start: bit("start_bit").unwrap_or(0), end: bit("end_bit").unwrap_or(32), has_storage })
    }

    /// The type in which a bit-field is stored: the one that it names, otherwise a byte, to be replaced later.
    fn storage(&mut self, ty: Value<'_, '_>) -> Option<TypeId> {
        let arguments = ty.items()?.nth(1)?;
        match arguments.get("native_type").or(arguments.get("target")).and_then(Value::text) {
            Some(name) => {
                let ty = self.named(name);
                Some(self.profile.types.add(ty))
            }
            None => self.integer(1),
        }
    }

    fn integer(&mut self, size: u32) -> Option<TypeId> {
        let integer = self.profile.c_integer(size, false)?;
        Some(self.profile.types.add(integer))
    }

    /// A descriptor: `['int']`, `['pointer', [...]]`, `['array', 3, [...]]`, `['Enumeration', {...}]`, and the forms
    /// that Rekall writes today.
    fn ty(&mut self, value: Value<'_, '_>) -> Option<TypeId> {
        if let Some(name) = value.text() {
            let ty = self.named(name);
            return Some(self.profile.types.add(ty));
        }
        let mut items = value.items()?;
        let name = items.next()?.text()?;
        let (first, second) = (items.next(), items.next());
        let ty = match (name, first) {
            (b"pointer", Some(target)) => self.pointer(target, self.widths.pointer)?,
            (b"pointer32", Some(target)) => self.pointer(target, 4)?,
            (b"pointer64", Some(target)) => self.pointer(target, 8)?,
            (b"pointer" | b"pointer32" | b"pointer64", None) => {
                let target = self.profile.types.add(Type::Void);
                let size = match name {
                    b"pointer32" => 4,
                    b"pointer64" => 8,
                    _ => self.widths.pointer,
                };
                Type::Pointer { target, size }
            }
            (b"array", Some(count)) => self.array(count, second?)?,
            (b"Pointer", Some(arguments)) => self.modern_pointer(arguments, self.widths.pointer)?,
            (b"Pointer32", Some(arguments)) => self.modern_pointer(arguments, 4)?,
            (b"Array", Some(arguments)) => {
                let target = self.argument_target(arguments)?;
                let count = arguments.get("count").and_then(Value::integer);
                Type::Array { target, count: count.and_then(|count| count.try_into().ok()).unwrap_or(0) }
            }
            (b"Enumeration", Some(arguments)) if arguments.get("choices").is_some() => {
                self.enumeration(arguments)?
            }
            // A bit-field that is not a member (an array's element) has no place of its own.
            (b"BitField", Some(_)) => return None,
            (_, Some(arguments)) if arguments.pairs().is_some_and(|mut pairs| pairs.next().is_some()) => {
                let text = String::from_utf8_lossy(name).into_owned();
                let arguments = json(arguments);
                self.profile.types.add_verbatim(text, arguments)
            }
            _ => self.named(name),
        };
        Some(self.profile.types.add(ty))
    }

    /// `['array', 3, ['array', 2, [...]]]`
    fn array(&mut self, count: Value<'_, '_>, mut element: Value<'_, '_>) -> Option<Type> {
        let count_of =
            |value: Value<'_, '_>| value.integer().and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        let mut counts = vec![count_of(count)];
        while let Some(mut items) = element.items() {
            match (items.next().and_then(Value::text), items.next(), items.next()) {
                (Some(b"array"), Some(count), Some(inner)) => {
                    counts.push(count_of(count));
                    element = inner;
                }
                _ => break,
            }
        }
        if self.reversed {
            counts.reverse();
        }
        let mut target = self.ty(element)?;
        let (outermost, inner) = counts.split_first()?;
        for count in inner.iter().rev() {
            target = self.profile.types.add(Type::Array { target, count: *count });
        }
        Some(Type::Array { target, count: *outermost })
    }

    fn pointer(&mut self, target: Value<'_, '_>, size: u8) -> Option<Type> {
        Some(Type::Pointer { target: self.ty(target)?, size })
    }

    fn modern_pointer(&mut self, arguments: Value<'_, '_>, size: u8) -> Option<Type> {
        Some(Type::Pointer { target: self.argument_target(arguments)?, size })
    }

    /// `{'target': 'Array', 'target_args': {...}}`, or the same with a descriptor as target.
    fn argument_target(&mut self, arguments: Value<'_, '_>) -> Option<TypeId> {
        let target = arguments.get("target")?;
        let Some(name) = target.text() else { return self.ty(target) };
        let inner = arguments.get("target_args").filter(|inner| inner.pairs().is_some());
        let ty = match (name, inner) {
            (b"Pointer", Some(inner)) => self.modern_pointer(inner, self.widths.pointer)?,
            (b"Pointer32", Some(inner)) => self.modern_pointer(inner, 4)?,
            (b"Array", Some(inner)) => {
                let target = self.argument_target(inner)?;
                let count = inner.get("count").and_then(Value::integer);
                Type::Array { target, count: count.and_then(|count| count.try_into().ok()).unwrap_or(0) }
            }
            (b"Enumeration", Some(inner)) if inner.get("choices").is_some() => self.enumeration(inner)?,
            _ => self.named(name),
        };
        Some(self.profile.types.add(ty))
    }

    /// `{'target': 'int', 'choices': {0: 'NAME', ...}}`
    fn enumeration(&mut self, arguments: Value<'_, '_>) -> Option<Type> {
        let target = arguments.get("target");
        let underlying = match target.and_then(Value::text) {
            Some(name) => self.named(name),
            None => self.named(b"unsigned long"),
        };
        let mut values = Vec::new();
        for (value, label) in arguments.get("choices")?.pairs()? {
            // Volatility's own files write keys as numbers, those derived from JSON as texts.
            let number = value.integer().or_else(|| str::from_utf8(value.text()?).ok()?.parse().ok());
            match (number, label.text()) {
                (Some(number), Some(label)) => {
                    let label = self.intern(label);
                    values.push((number, label));
                }
                _ => self.report.lose("labels without a value", || {
                    String::from_utf8_lossy(label.text().unwrap_or_default()).into_owned()
                }),
            }
        }
        // The order of a dict has no meaning.
        values.sort_unstable();
        let signed = values.iter().any(|(value, _)| *value < 0);
        let labels: Vec<Label> =
            values.into_iter().map(|(value, name)| Label { name, bits: value as u64 }).collect();
        let underlying = self.profile.types.add(underlying);
        Some(Type::Enumeration(self.profile.types.add_enumeration(None, underlying, signed, &labels)))
    }

    /// A type by its name: Volatility's natives, `void`, and structs.
    fn named(&mut self, name: &[u8]) -> Type {
        let interned = self.intern(name);
        if let Some(known) = self.named.get(&interned) {
            return *known;
        }
        let ty = self.meant(name, interned);
        self.named.insert(interned, ty);
        ty
    }

    fn meant(&mut self, name: &[u8], interned: Name) -> Type {
        if let Some((size, kind)) = native(name, self.widths) {
            let name = String::from_utf8_lossy(name);
            return self.profile.c_native(&name, size, kind);
        }
        match name {
            b"void" | b"Void" => return Type::Void,
            b"Pointer" | b"pointer" | b"Function" => {
                let target = self.profile.types.add(Type::Void);
                return Type::Pointer { target, size: self.widths.pointer };
            }
            _ => {}
        }
        if is_unnamed(name) {
            let (target, _) = self.unnamed_type(interned);
            return Type::Alias { name: None, target };
        }
        Type::Named(interned)
    }

    fn unnamed_type(&mut self, name: Name) -> (TypeId, bool) {
        let types = &mut self.profile.types;
        *self.unnamed.entry(name).or_insert_with(|| (types.reserve(1), false))
    }

    fn intern(&mut self, name: &[u8]) -> Name {
        match str::from_utf8(name) {
            Ok(name) => self.profile.names.intern(name),
            Err(_) => {
                let name = String::from_utf8_lossy(name);
                self.report.lose("names that are not UTF-8", || name.clone().into_owned());
                self.profile.names.intern(&name)
            }
        }
    }
}

/// Whether Volatility made up the name for an unnamed type: `__unnamed_` and the number of its record.
fn is_unnamed(name: &[u8]) -> bool {
    let number = name.strip_prefix(b"__unnamed_").unwrap_or_default();
    let digits = number.strip_prefix(b"0x").unwrap_or(number);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)
}

/// The size and kind of a native in Volatility's and Rekall's spelling.
fn native(name: &[u8], widths: Widths) -> Option<(u32, NativeKind)> {
    use NativeKind::{Bool, Char, Float, Signed, Unsigned};
    let (long, pointer) = (u32::from(widths.long), u32::from(widths.pointer));
    Some(match name {
        b"char" | b"signed char" | b"signed byte" => (1, Char),
        b"unsigned char" | b"byte" | b"uint8_t" | b"unsigned byte" => (1, Unsigned),
        b"int8_t" => (1, Signed),
        b"bool" | b"_Bool" => (1, Bool),
        b"short" | b"short int" | b"int16_t" => (2, Signed),
        b"unsigned short"
        | b"unsigned short int"
        | b"short unsigned int"
        | b"uint16_t"
        | b"unsigned be short" => (2, Unsigned),
        b"int" | b"int32_t" | b"signed int" => (4, Signed),
        b"unsigned int" | b"unsigned" | b"uint32_t" | b"unsigned be int" => (4, Unsigned),
        b"long" | b"long int" | b"ssizetype" => (long, Signed),
        b"unsigned long" | b"unsigned long int" | b"long unsigned int" | b"sizetype" => (long, Unsigned),
        b"long long" | b"long long int" | b"int64_t" => (8, Signed),
        b"unsigned long long" | b"unsigned long long int" | b"long long unsigned int" | b"uint64_t" => {
            (8, Unsigned)
        }
        b"__int128" => (16, Signed),
        b"unsigned __int128" => (16, Unsigned),
        b"address" => (pointer, Unsigned),
        b"float" => (4, Float),
        b"double" => (8, Float),
        b"long double" => (if pointer == 8 { 16 } else { 12 }, Float),
        _ => return None,
    })
}

/// A literal as JSON, for descriptors that are kept unchanged.
fn json(value: Value<'_, '_>) -> serde_json::Value {
    use serde_json::Value as Json;
    if let Some(items) = value.items() {
        return Json::Array(items.map(json).collect());
    }
    if let Some(pairs) = value.pairs() {
        let pairs = pairs.map(|(key, value)| {
            let key = match json(key) {
                Json::String(text) => text,
                other => other.to_string(),
            };
            (key, json(value))
        });
        return Json::Object(pairs.collect());
    }
    if let Some(text) = value.text() {
        return Json::String(String::from_utf8_lossy(text).into_owned());
    }
    match (value.boolean(), value.integer(), value.float()) {
        (Some(value), ..) => Json::Bool(value),
        (_, Some(number), _) => match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => Json::from(number),
            (_, Ok(number)) => Json::from(number),
            _ => Json::String(number.to_string()),
        },
        (_, _, Some(number)) => Json::from(number),
        _ => Json::Null,
    }
}

/// Corrects two mistakes of the tool that made the vtypes of macOS packs.
///
/// A small negative bit offset was wrapped to 64 bits (32 on i386), which gives a start far below zero. And the packs
/// of macOS 10.13 have bit-field widths that were printed in decimal and read as hexadecimal: 10 bits became 16, 48
/// became 72. That is certain if no width in the whole pack has a letter among its hexadecimal digits, although many
/// are wide enough, and some field does not fit its place.
pub(super) fn repair_widths(pending: &mut Pending, report: &mut Report) {
    /// How many wide fields there must be before missing letters are significant.
    const MANY: usize = 8;
    for bits in pending.members.iter_mut().filter_map(|member| member.bits.as_mut()) {
        let wrap = if bits.start < -(1 << 33) { 1i128 << 64 } else { 1 << 32 };
        if bits.start < 0 {
            bits.start += wrap;
            bits.end += wrap;
        }
    }
    let decimal = |width: i128| format!("{width:x}").parse::<i128>().ok();
    let widths = || pending.members.iter().filter_map(|member| member.bits).map(|bits| bits.end - bits.start);
    let wide = widths().filter(|width| *width >= 10).count();
    let impossible = pending.records.iter().any(|record| {
        let members = pending.members.get(record.members.clone()).unwrap_or_default();
        members.iter().any(|member| {
            member.bits.is_some_and(|bits| {
                let end = i128::from(member.offset) * 8 + bits.end;
                bits.end - bits.start > 64 || end > i128::from(record.size) * 8
            })
        })
    });
    if wide < MANY || !impossible || widths().any(|width| decimal(width).is_none()) {
        return;
    }
    for bits in pending.members.iter_mut().filter_map(|member| member.bits.as_mut()) {
        if let Some(width) = decimal(bits.end - bits.start) {
            bits.end = bits.start + width;
        }
    }
    report.warn(format!(
        "the widths of {wide} bit-fields were read as hexadecimal when the pack was made; they have been corrected"
    ));
}

/// Gives the profile its records.
pub(crate) fn finish(pending: Pending, profile: &mut Profile, report: &mut Report) {
    let mut members = Vec::new();
    for record in &pending.records {
        members.clear();
        for member in pending.members.get(record.members.clone()).unwrap_or_default() {
            let name = (!member.anonymous).then_some(member.name);
            let new = match member.bits {
                None => Some(NewMember { name, offset: member.offset, ty: member.ty, bits: None }),
                Some(bits) => {
                    bit_field(profile, record.size, member, bits).map(|new| NewMember { name, ..new })
                }
            };
            match new {
                Some(new) => members.push(new),
                None => report.lose("bit-fields that no storage unit holds", || {
                    profile.names.get(member.name).to_owned()
                }),
            }
        }
        // Members of a literal have no meaningful order.
        members.sort_by_key(|member| (member.offset, member.bits.map(|bits| bits.start)));
        let id = profile.types.add_record(
            &mut profile.names,
            record.name,
            RecordKind::Struct,
            record.size,
            &members,
        );
        if let Some(ty) = record.ty {
            profile.types.set(ty, Type::Record(id));
        }
    }
}

/// A bit-field in the storage that it names, otherwise in the smallest integer at its offset that holds it.
fn bit_field(profile: &mut Profile, struct_size: u64, member: &Member, bits: RawBits) -> Option<NewMember> {
    let range = BitRange { start: u16::try_from(bits.start).ok()?, end: u16::try_from(bits.end).ok()? };
    if range.start >= range.end {
        return None;
    }
    let place = |offset, ty, bits| Some(NewMember { name: None, offset, ty, bits: Some(bits) });
    if bits.has_storage {
        return place(member.offset, member.ty, range);
    }
    let fits = |size: &u32| {
        u32::from(range.end) <= size * 8
            && member.offset.checked_add(u64::from(*size)).is_some_and(|end| end <= struct_size)
    };
    let (offset, size, range) = match [1u32, 2, 4, 8, 16].into_iter().find(fits) {
        Some(size) => (member.offset, size, range),
        None => {
            let first = member.offset.checked_mul(8)?.checked_add(u64::from(range.start))?;
            let width = u64::from(range.end - range.start);
            let unit = StorageUnit::in_record(first, width, 1, struct_size, false)?;
            (unit.offset, u32::try_from(unit.size).ok()?, unit.bits)
        }
    };
    let integer = profile.c_integer(size, false)?;
    let ty = profile.types.add(integer);
    place(offset, ty, range)
}

/// The system of the types, by the names of the kernel's central structs.
pub(crate) fn system(text: &[u8]) -> Option<System> {
    let (mut windows, mut linux, mut mac) = (false, false, false);
    let result: Result<(), Problem> = Literals::new(text).read(|item, tree| {
        let name = tree.root().and_then(Value::items).and_then(|mut pair| pair.next()?.text());
        windows |= matches!(name, Some(b"_EPROCESS" | b"_KPROCESS" | b"_LIST_ENTRY" | b"_UNICODE_STRING"));
        linux |= name == Some(b"task_struct") || item.variable == b"linux_types";
        mac |= item.variable == b"mac_types";
        Ok(())
    });
    // Errors are reported when the file is read completely.
    let _ = result;
    match (windows, linux, mac) {
        (true, _, _) => Some(System::Windows),
        (_, true, _) => Some(System::Linux),
        (_, _, true) => Some(System::Mac),
        _ => None,
    }
}

/// The size of a pointer, by the distance between consecutive pointers; `None` if no struct shows it.
pub(crate) fn pointer_size(text: &[u8]) -> Option<u8> {
    let (mut narrow, mut wide) = (0u64, 0u64);
    let mut offsets: Vec<i128> = Vec::new();
    let result: Result<(), Problem> = Literals::new(text).read(|_, tree| {
        offsets.clear();
        let members = tree.root().and_then(Value::items).and_then(|mut pair| pair.nth(1)?.items()?.nth(1));
        for (_, member) in members.and_then(Value::pairs).into_iter().flatten() {
            let Some(mut items) = member.items() else { continue };
            let (Some(offset), Some(ty)) = (items.next().and_then(Value::integer), items.next()) else {
                continue;
            };
            let name = ty.items().and_then(|mut items| items.next()?.text());
            if matches!(name, Some(b"pointer" | b"Pointer")) {
                offsets.push(offset);
            }
        }
        offsets.sort_unstable();
        for pair in offsets.windows(2) {
            match pair[1] - pair[0] {
                4 => narrow += 1,
                8 => wide += 1,
                _ => {}
            }
        }
        Ok(())
    });
    // Errors are reported when the file is read completely.
    let _ = result;
    match (narrow, wide) {
        (0, 0) => None,
        // Two wide pointers cannot be four bytes apart.
        (1.., _) if narrow * 4 > wide => Some(4),
        _ => Some(8),
    }
}
