//! Converts entries of a dump into types of the profile.
//!
//! [`Lowering`] takes entries in order and keeps those that cannot be resolved yet: types are used before they are
//! defined, and the place of a bit-field depends on its type's size and on the byte order, which the text does not
//! give. [`Lowering::finish`] resolves them after everything has been read.

mod finish;
mod pending;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry as Slot;
use profile::{Name, NativeKind, Profile, RecordKind, Report, Type, TypeId};

use crate::dump::entry::{Attribute, Entry, Id, Tag};
use crate::dump::value;
pub(crate) use finish::Target;
use pending::{Bits, Enumeration, Member, Pending, Record};

/// What a dump's units say about the system they were compiled for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hints {
    /// The compilers' command lines in the units; each once, up to [`KEPT`].
    pub(crate) producers: Vec<String>,
    /// The folders in the units; each once, up to the same number.
    pub(crate) folders: Vec<String>,
    /// The size of a pointer, from the first that has one.
    pub(crate) pointer_size: Option<u8>,
}

/// How many different producers and folders are kept.
const HINTS: usize = 8;

/// A name of two different base types in one unit: the dump's strings are destroyed, because it was made from a file
/// whose string table had not been relocated.
#[derive(Debug)]
pub(crate) struct NamesDestroyed {
    pub(crate) name: String,
    /// The place of the second one in the text.
    pub(crate) position: usize,
}

/// Turns entries into types.
pub(crate) struct Lowering<'p> {
    profile: &'p mut Profile,
    report: &'p mut Report,
    pub(crate) hints: Hints,
    /// Types by the place of their entry in the section, and whether the entry has been read.
    types: HashMap<u64, (TypeId, bool), RandomState>,
    /// An amount that is added to offsets, so that those of concatenated dumps do not collide.
    epoch: u64,
    /// The start of the current unit, including the epoch.
    unit: u64,
    /// How many units have begun.
    unit_number: u32,
    /// The largest key used so far.
    last: u64,
    skipping: bool,
    cplusplus: bool,
    base_types: Vec<(Name, u64, NativeKind)>,
    scopes: Vec<Scope>,
    dimensions: Vec<u64>,
    labels: Vec<(Name, value::Integer)>,
    arguments: Vec<TypeId>,
    members: Vec<Member>,
    pending: Pending,
    variables: Vec<(Name, TypeId)>,
}

/// An entry whose children are being read.
struct Scope {
    level: u32,
    kind: ScopeKind,
    /// The length of its kind's list of children when the entry began.
    start: usize,
}

enum ScopeKind {
    /// `around` is the scope that qualifies the names of the types in it.
    Record {
        ty: TypeId,
        kind: RecordKind,
        name: Option<Name>,
        around: Option<Name>,
        size: u64,
    },
    Array {
        ty: TypeId,
        target: TypeId,
    },
    Enumeration {
        ty: TypeId,
        name: Option<Name>,
        size: Option<u64>,
        underlying: Option<TypeId>,
    },
    Subroutine {
        ty: TypeId,
    },
    Namespace {
        around: Option<Name>,
    },
}

impl<'p> Lowering<'p> {
    pub(crate) fn new(profile: &'p mut Profile, report: &'p mut Report) -> Self {
        Self {
            profile,
            report,
            hints: Hints::default(),
            types: HashMap::default(),
            epoch: 0,
            unit: 0,
            unit_number: 0,
            last: 0,
            skipping: false,
            cplusplus: false,
            base_types: Vec::new(),
            scopes: Vec::new(),
            dimensions: Vec::new(),
            labels: Vec::new(),
            arguments: Vec::new(),
            members: Vec::new(),
            pending: Pending::default(),
            variables: Vec::new(),
        }
    }

    /// Processes the next entry.
    pub(crate) fn entry(&mut self, entry: &Entry<'_>) -> Result<(), NamesDestroyed> {
        while self.scopes.last().is_some_and(|scope| scope.level >= entry.level) {
            self.close();
        }
        if entry.tag == Tag::Unit {
            self.begin_unit(entry);
            return Ok(());
        }
        if self.skipping {
            return Ok(());
        }
        match entry.tag {
            Tag::Member => self.member(entry),
            Tag::Inheritance => self.inheritance(entry),
            Tag::Enumerator => self.enumerator(entry),
            Tag::Subrange => self.subrange(entry),
            Tag::Parameter => self.parameter(entry),
            Tag::Variable => self.variable(entry),
            Tag::Structure => self.record(entry, RecordKind::Struct),
            Tag::Class => self.record(entry, RecordKind::Class),
            Tag::Union => self.record(entry, RecordKind::Union),
            Tag::Enumeration => self.enumeration(entry),
            Tag::Array => {
                let target = self.target(entry);
                let ty = self.define(entry, None);
                self.open(entry, ScopeKind::Array { ty, target });
            }
            Tag::Subroutine => {
                let ty = self.define(entry, None);
                self.open(entry, ScopeKind::Subroutine { ty });
            }
            Tag::Namespace => {
                let around = match entry.name() {
                    Some(name) => Some(self.qualified(entry, name)),
                    None => self.around(entry),
                };
                self.open(entry, ScopeKind::Namespace { around });
            }
            Tag::BaseType => self.base_type(entry)?,
            Tag::Pointer | Tag::Reference => self.pointer(entry),
            Tag::PointerToMember => self.pointer_to_member(entry),
            Tag::Typedef | Tag::Qualifier => {
                let target = self.target(entry);
                let name = match entry.tag {
                    Tag::Typedef => entry.name().map(|name| self.qualified(entry, name)),
                    _ => None,
                };
                self.define(entry, Some(Type::Alias { name, target }));
            }
            Tag::Unspecified => {
                self.define(entry, Some(Type::Void));
            }
            Tag::Unit | Tag::Other => {}
        }
        Ok(())
    }

    fn begin_unit(&mut self, entry: &Entry<'_>) {
        self.base_types.clear();
        self.unit_number = self.unit_number.saturating_add(1);
        let (start, offset) = match entry.id {
            Id::Unit { start, offset } => (Some(start), offset),
            // Offsets are already relative to the section.
            Id::InSection(offset) => (Some(0), offset),
            Id::InUnit(offset) => (None, offset),
        };
        let first = start.map(|start| start.saturating_add(offset).saturating_add(self.epoch));
        if first.is_none_or(|first| first <= self.last) && self.last > 0 {
            // Another section begins, or the start of the unit is not given.
            self.epoch = self.last.saturating_add(1);
        }
        self.unit = start.unwrap_or(0).saturating_add(self.epoch);
        self.last = self.last.max(self.unit.saturating_add(offset));
        let language = entry.raw(Attribute::Language).map_or(Language::C, language);
        self.cplusplus = language == Language::CPlusPlus;
        self.skipping = language == Language::Other;
        if self.skipping {
            self.report.lose("units in other languages than C, C++ and assembly", || {
                String::from_utf8_lossy(entry.name().unwrap_or_default()).into_owned()
            });
        }
        let keep = |list: &mut Vec<String>, attribute| {
            let Some(text) = entry.raw(attribute) else { return };
            let text = String::from_utf8_lossy(value::text(text));
            if list.len() < HINTS && !list.iter().any(|known| *known == text) {
                list.push(text.into_owned());
            }
        };
        keep(&mut self.hints.producers, Attribute::Producer);
        keep(&mut self.hints.folders, Attribute::CompilationFolder);
        keep(&mut self.hints.folders, Attribute::Name);
    }

    fn key(&mut self, id: Id) -> u64 {
        let key = match id {
            Id::InUnit(offset) => self.unit.saturating_add(offset),
            Id::InSection(offset) => self.epoch.saturating_add(offset),
            Id::Unit { start, offset } => self.epoch.saturating_add(start).saturating_add(offset),
        };
        self.last = self.last.max(key);
        key
    }

    /// The type of an entry; an entry without one has the type `void`.
    fn target(&mut self, entry: &Entry<'_>) -> TypeId {
        match entry.type_id() {
            Some(id) => {
                let before = self.last;
                let key = self.key(id);
                // A reference may point forward; only entries themselves show how large a section is.
                self.last = before;
                match self.types.entry(key) {
                    Slot::Occupied(slot) => slot.get().0,
                    Slot::Vacant(slot) => slot.insert((self.profile.types.reserve(1), false)).0,
                }
            }
            None => self.pending.void(&mut self.profile.types),
        }
    }

    /// The type that an entry defines, or `ty` if it is already known.
    fn define(&mut self, entry: &Entry<'_>, ty: Option<Type>) -> TypeId {
        let key = self.key(entry.id);
        let id = match self.types.entry(key) {
            Slot::Occupied(mut slot) => {
                slot.get_mut().1 = true;
                slot.get().0
            }
            Slot::Vacant(slot) => slot.insert((self.profile.types.reserve(1), true)).0,
        };
        if let Some(ty) = ty {
            self.profile.types.set(id, ty);
        }
        id
    }

    fn open(&mut self, entry: &Entry<'_>, kind: ScopeKind) {
        let start = match kind {
            ScopeKind::Record { .. } => self.members.len(),
            ScopeKind::Array { .. } => self.dimensions.len(),
            ScopeKind::Enumeration { .. } => self.labels.len(),
            ScopeKind::Subroutine { .. } => self.arguments.len(),
            ScopeKind::Namespace { .. } => 0,
        };
        self.scopes.push(Scope { level: entry.level, kind, start });
    }

    /// The entry that directly encloses this one.
    fn parent(&self, entry: &Entry<'_>) -> Option<&ScopeKind> {
        let scope = self.scopes.last()?;
        (scope.level.checked_add(1) == Some(entry.level)).then_some(&scope.kind)
    }

    fn close(&mut self) {
        let Some(Scope { kind, start, .. }) = self.scopes.pop() else { return };
        let types = &mut self.profile.types;
        match kind {
            ScopeKind::Record { ty, kind, name, size, .. } => {
                let members = self.pending.keep_members(self.members.drain(start..));
                let unit = self.unit_number;
                self.pending.records.push(Record { ty, kind, name, size, members, unit });
            }
            ScopeKind::Array { ty, target } => {
                let mut element = target;
                let mut outer = Type::Array { target, count: 0 };
                for (position, count) in self.dimensions.drain(start..).rev().enumerate() {
                    if position > 0 {
                        element = types.add(outer);
                    }
                    outer = Type::Array { target: element, count };
                }
                types.set(ty, outer);
            }
            ScopeKind::Enumeration { ty, name, size, underlying } => {
                let labels = self.pending.keep_labels(self.labels.drain(start..));
                self.pending.enumerations.push(Enumeration { ty, name, size, underlying, labels });
            }
            ScopeKind::Subroutine { ty } => {
                let arguments = types.add_arguments(self.arguments.get(start..).unwrap_or_default());
                self.arguments.truncate(start);
                types.set(ty, Type::Function(arguments));
            }
            ScopeKind::Namespace { .. } => {}
        }
    }

    fn record(&mut self, entry: &Entry<'_>, kind: RecordKind) {
        let name = entry.name().map(|name| self.qualified(entry, name));
        let size = entry.unsigned(Attribute::ByteSize);
        let ty = self.define(entry, None);
        if size.is_none() || entry.flag(Attribute::Declaration) {
            // Only declared: the name refers to whichever definition has it.
            let declared = name.map_or(Type::Void, Type::Named);
            self.profile.types.set(ty, declared);
            self.pending.forward.extend(name.map(|name| (ty, name, self.unit_number)));
            if entry.flag(Attribute::Declaration) || name.is_none() {
                return;
            }
        }
        let size = size.unwrap_or(0);
        let around = name.or_else(|| self.around(entry));
        self.open(entry, ScopeKind::Record { ty, kind, name, around, size });
    }

    fn member(&mut self, entry: &Entry<'_>) {
        let in_record = matches!(self.parent(entry), Some(ScopeKind::Record { .. }));
        // A static member is a variable outside the record.
        if !in_record || entry.flag(Attribute::Declaration) || entry.flag(Attribute::External) {
            return;
        }
        let name = entry.name().map(|name| {
            let pointer_to_virtual_table = name.starts_with(b"_vptr.") || name.starts_with(b"_vptr$");
            self.intern(if pointer_to_virtual_table { b"__vfptr" } else { name })
        });
        let ty = self.target(entry);
        let offset = match entry.raw(Attribute::Location) {
            Some(location) => {
                value::member_location(location).and_then(|location| value::unsign(location.plain))
            }
            // At the start (DWARF 5, section 5.7.6), as all members of a union are.
            None => Some(0),
        };
        let Some(offset) = offset else {
            self.report.lose("members whose offset the dump does not tell", || lossy(entry.name()));
            return;
        };
        let bits = bits(entry);
        self.members.push(Member { name, offset, ty, bits, base_class: false });
    }

    fn inheritance(&mut self, entry: &Entry<'_>) {
        if !matches!(self.parent(entry), Some(ScopeKind::Record { .. })) {
            return;
        }
        let location = entry
            .raw(Attribute::Location)
            .map_or(Some(0), |location| value::unsign(value::member_location(location)?.plain));
        let ty = self.target(entry);
        match location {
            Some(offset) => {
                self.members.push(Member { name: None, offset, ty, bits: None, base_class: true });
            }
            // The place of a virtual base is known only at run time.
            None => self.report.lose("virtual base classes", || lossy(entry.name())),
        }
    }

    fn subrange(&mut self, entry: &Entry<'_>) {
        if matches!(self.parent(entry), Some(ScopeKind::Array { .. })) {
            self.dimensions.push(count(entry));
        }
    }

    fn enumeration(&mut self, entry: &Entry<'_>) {
        let name = entry.name().map(|name| self.qualified(entry, name));
        let underlying = entry.has(Attribute::Type).then(|| self.target(entry));
        let size = entry.unsigned(Attribute::ByteSize);
        let ty = self.define(entry, None);
        if entry.flag(Attribute::Declaration) {
            // An enumeration that is only declared is as large as an int.
            let integer = self.profile.c_integer(4, false).unwrap_or(Type::Void);
            self.profile.types.set(ty, integer);
        } else {
            self.open(entry, ScopeKind::Enumeration { ty, name, size, underlying });
        }
    }

    fn enumerator(&mut self, entry: &Entry<'_>) {
        if !matches!(self.parent(entry), Some(ScopeKind::Enumeration { .. })) {
            return;
        }
        let value = entry.raw(Attribute::ConstValue).and_then(value::integer);
        match (entry.name(), value) {
            (Some(name), Some(value)) => {
                let name = self.intern(name);
                self.labels.push((name, value));
            }
            _ => self.report.lose("labels without a value", || lossy(entry.name())),
        }
    }

    fn parameter(&mut self, entry: &Entry<'_>) {
        if matches!(self.parent(entry), Some(ScopeKind::Subroutine { .. })) {
            let argument = self.target(entry);
            self.arguments.push(argument);
        }
    }

    /// A global variable; those of a function or file may share their name with others.
    fn variable(&mut self, entry: &Entry<'_>) {
        if entry.level != 1 || !entry.flag(Attribute::External) || !entry.has(Attribute::Type) {
            return;
        }
        if let Some(name) = entry.name() {
            let name = self.intern(name);
            let ty = self.target(entry);
            self.variables.push((name, ty));
        }
    }

    fn base_type(&mut self, entry: &Entry<'_>) -> Result<(), NamesDestroyed> {
        let size = entry.unsigned(Attribute::ByteSize).unwrap_or(0);
        let kind = entry.raw(Attribute::Encoding).map_or(NativeKind::Other, native_kind);
        let text = String::from_utf8_lossy(entry.name().unwrap_or_default());
        let name = self.intern(text.as_bytes());
        // Clang uses one name for bit-precise integers of all sizes, and one for all complex numbers.
        let of_any_size = text.ends_with("_BitInt") || matches!(&*text, "complex" | "_Complex");
        if entry.has(Attribute::Name) && !of_any_size {
            let known = self.base_types.iter().find(|(known, ..)| *known == name);
            match known {
                Some((_, known_size, known_kind)) if (*known_size, *known_kind) != (size, kind) => {
                    return Err(NamesDestroyed { name: text.into_owned(), position: entry.position });
                }
                Some(_) => {}
                None => self.base_types.push((name, size, kind)),
            }
        }
        let native = self.profile.c_native(&text, u32::try_from(size).unwrap_or(0), kind);
        self.define(entry, Some(native));
        Ok(())
    }

    fn pointer(&mut self, entry: &Entry<'_>) {
        let target = self.target(entry);
        let size = entry.unsigned(Attribute::ByteSize).and_then(|size| u8::try_from(size).ok());
        match size {
            Some(size) => {
                self.hints.pointer_size.get_or_insert(size);
                self.define(entry, Some(Type::Pointer { target, size }));
            }
            None => {
                let ty = self.define(entry, None);
                self.pending.pointers.push((ty, target));
            }
        }
    }

    /// A C++ pointer to a member is not an address; its layout depends on the member's type.
    fn pointer_to_member(&mut self, entry: &Entry<'_>) {
        let target = self.target(entry);
        let ty = self.define(entry, None);
        self.pending.member_pointers.push((ty, target));
    }

    /// The names of the enclosing C++ classes and namespaces of an entry.
    fn around(&self, entry: &Entry<'_>) -> Option<Name> {
        match self.parent(entry) {
            Some(ScopeKind::Record { around, .. } | ScopeKind::Namespace { around }) if self.cplusplus => {
                *around
            }
            _ => None,
        }
    }

    /// A name with the names of its scopes.
    fn qualified(&mut self, entry: &Entry<'_>, name: &[u8]) -> Name {
        let Some(around) = self.around(entry) else { return self.intern(name) };
        let text = format!("{}::{}", self.profile.names.get(around), String::from_utf8_lossy(name));
        self.profile.names.intern(&text)
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

fn lossy(name: Option<&[u8]>) -> String {
    name.map_or_else(|| "(unnamed)".to_owned(), |name| String::from_utf8_lossy(name).into_owned())
}

/// The bits of a bit-field, as far as its own entry gives them.
fn bits(entry: &Entry<'_>) -> Option<Bits> {
    let width = entry.unsigned(Attribute::BitSize)?;
    let integer = |attribute| value::integer(entry.raw(attribute)?).map(|integer| integer.plain);
    if let Some(first) = integer(Attribute::DataBitOffset) {
        return Some(Bits::FromStart { first: value::unsign(first)?, width });
    }
    Some(match integer(Attribute::BitOffset) {
        Some(offset) => {
            Bits::FromTop { offset: sign(offset), width, storage: entry.unsigned(Attribute::ByteSize) }
        }
        // A bit-field that begins at the member's offset.
        None => Bits::FromStart { first: 0, width },
    })
}

/// Packed bit-fields can begin before their storage: a negative offset that is printed without its sign.
fn sign(offset: i128) -> i64 {
    let offset = match offset {
        0x8000_0000_0000_0000.. => offset - (1 << 64),
        0x8000_0000..=0xffff_ffff => offset - (1 << 32),
        _ => offset,
    };
    i64::try_from(offset).unwrap_or(0)
}

/// The number of elements in a subrange; 0 if it has no bound, or one that is known only at run time.
fn count(entry: &Entry<'_>) -> u64 {
    let integer = |attribute| value::integer(entry.raw(attribute)?).map(|integer| integer.plain);
    if let Some(count) = integer(Attribute::Count) {
        return value::unsign(count).unwrap_or(0);
    }
    match integer(Attribute::UpperBound) {
        // The bound of an empty array is -1, printed with or without its sign.
        Some(-1 | 0xffff_ffff | 0xffff_ffff_ffff_ffff) | None => 0,
        Some(bound) => value::unsign(bound).and_then(|bound| bound.checked_add(1)).unwrap_or(0),
    }
}

/// `DW_ATE_signed`, `5 (signed)` (DWARF 5, section 7.8).
fn native_kind(encoding: &[u8]) -> NativeKind {
    let code = value::integer(encoding).map(|code| code.plain);
    let name = encoding.strip_prefix(b"DW_ATE_").unwrap_or_default();
    match (code, name) {
        (Some(2), _) | (_, b"boolean") => NativeKind::Bool,
        (Some(4), _) | (_, b"float") => NativeKind::Float,
        (Some(5), _) | (_, b"signed") => NativeKind::Signed,
        (Some(6 | 8 | 16), _) | (_, b"signed_char" | b"unsigned_char" | b"UTF") => NativeKind::Char,
        (Some(7), _) | (_, b"unsigned" | b"address") => NativeKind::Unsigned,
        _ => NativeKind::Other,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    C,
    CPlusPlus,
    /// A language whose definitions are left out of profiles.
    Other,
}

/// `DW_LANG_C89`, `12 (ANSI C99)`; an unknown name counts as C.
fn language(text: &[u8]) -> Language {
    if let Some(code) = value::integer(text) {
        // DWARF 5, section 7.12; 0x10 and 0x11 are Objective-C's, 0x8001 is MIPS's assembler.
        return match code.plain {
            0x01 | 0x02 | 0x0c | 0x10 | 0x1d | 0x2c | 0x3e | 0x8001 => Language::C,
            0x04 | 0x11 | 0x1a | 0x21 | 0x2b | 0x3a => Language::CPlusPlus,
            _ => Language::Other,
        };
    }
    let Some(name) = memchr::memmem::find(text, b"DW_LANG_").and_then(|start| text.get(start + 8..)) else {
        return Language::C;
    };
    match name {
        b"C" => Language::C,
        [b'C', version, ..] if version.is_ascii_digit() => Language::C,
        _ if name.starts_with(b"C_plus_plus") || name.starts_with(b"ObjC_plus_plus") => Language::CPlusPlus,
        _ if name.starts_with(b"ObjC") || memchr::memmem::find(name, b"ssembler").is_some() => Language::C,
        _ => Language::Other,
    }
}
