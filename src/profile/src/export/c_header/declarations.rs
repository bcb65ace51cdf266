use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::identifiers::Identifiers;
use crate::export::places::{Places, width};
use crate::model::vocabulary;
use crate::resolution::{Flaw, Place};
use crate::{
    BitRange, EnumId, Member, Name, NativeKind, Profile, RecordId, Resolution, System, Type, TypeId, Types,
};

/// A declaration with the size that C gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// Without the semicolon.
    pub(super) text: String,
    /// In bytes.
    pub(super) size: u64,
}

/// How a struct or union is called in the header.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) word: &'static str,
    pub(super) name: String,
    pub(super) record: RecordId,
    /// In bytes.
    pub(super) size: u64,
}

/// An enumeration of the header.
#[derive(Clone, Debug)]
pub(super) struct EnumTag {
    pub(super) name: String,
    /// Whether C gives the enumeration the size that the profile does.
    pub(super) is_exact: bool,
}

/// How deep types are followed, and how many of them for one member: functions that take functions double with each
/// level.
const MAX_DEPTH: usize = 64;
const MAX_TYPES: usize = 512;

/// Says how C declares the types of one profile.
pub(super) struct Declarations<'a> {
    pub(super) places: Places<'a>,
    profile: &'a Profile,
    resolution: &'a Resolution,
    pub(super) tags: HashMap<Name, Tag, RandomState>,
    pub(super) enums: HashMap<Name, EnumTag, RandomState>,
    /// The structs that are complete where the header is now.
    pub(super) complete: HashSet<Name, RandomState>,
    /// The names of all structs, unions and enumerations.
    names: Identifiers,
    /// Structs that the profile knows by name only.
    opaque: HashMap<Name, String, RandomState>,
    /// Those of them that the header has not declared yet.
    pub(super) undeclared: Vec<String>,
    budget: usize,
}

impl<'a> Declarations<'a> {
    /// Every struct and enumeration of the profile gets its tag, in the order of keys: a part of a profile has the same
    /// tags as the whole.
    pub(super) fn new(profile: &'a Profile, resolution: &'a Resolution, largest: u64) -> Self {
        let mut this = Self {
            places: Places { profile, resolution },
            profile,
            resolution,
            tags: HashMap::default(),
            enums: HashMap::default(),
            complete: HashSet::default(),
            names: Identifiers::default(),
            opaque: HashMap::default(),
            undeclared: Vec::new(),
            budget: 0,
        };
        for (key, id) in resolution.structs() {
            let Some(record) = profile.types.record(*id).filter(|record| record.size <= largest) else {
                continue;
            };
            let word = if this.places.is_union(*key, *id, record) { "union" } else { "struct" };
            let name = this.names.take(profile.names.get(*key));
            this.tags.insert(*key, Tag { word, name, record: *id, size: record.size });
        }
        for (key, id) in resolution.enumerations() {
            let name = this.names.take(profile.names.get(*key));
            this.enums.insert(*key, EnumTag { name, is_exact: is_exact(profile, *id) });
        }
        this
    }

    /// The declaration of a member.
    pub(super) fn member(
        &mut self,
        owner: Name,
        id: RecordId,
        index: usize,
        member: &Member,
        name: &str,
    ) -> Declared {
        let place = Some(Place { owner, member: u32::try_from(index).unwrap_or(u32::MAX) });
        self.budget = MAX_TYPES;
        match (self.resolution.flaw(id, index), member.bits) {
            (Some(Flaw::Bytes(count)), _) => bytes(name, count),
            (Some(Flaw::Pointer), _) => {
                Declared { text: format!("void *{name}"), size: self.profile.arch.address_size().into() }
            }
            (Some(Flaw::Unit(unit)), _) => bit_field(unsigned(unit.size), name, unit.bits, unit.size),
            (_, Some(bits)) => self.bit_field(member.ty, place, name, bits),
            (_, None) => self
                .declare(member.ty, place, name.to_owned(), 0)
                .unwrap_or_else(|| bytes(name, self.places.size(member.ty, place).unwrap_or(0))),
        }
    }

    fn bit_field(&self, ty: TypeId, place: Option<Place>, name: &str, bits: BitRange) -> Declared {
        let size = self.places.size(ty, place).unwrap_or(4);
        let word = match self.profile.types.peel_named(ty) {
            (_, Type::Native(native)) => {
                let native = self.profile.types.native_of(native);
                native.and_then(|native| self.native(self.profile.names.get(native.name), native.kind, size))
            }
            (alias, Type::Enumeration(id)) if width(bits).is_some_and(|width| width <= 32) => {
                self.enum_tag(id, place, alias).map(|tag| format!("enum {}", tag.name))
            }
            _ => None,
        };
        let is_integer = |word: &String| !matches!(word.as_str(), "float" | "double" | "long double");
        // A truth value has one bit.
        let fits = |word: &String| word != "_Bool" || bits.end.saturating_sub(bits.start) == 1;
        let word = word.filter(is_integer).filter(fits);
        bit_field(&word.unwrap_or_else(|| unsigned(size).to_owned()), name, bits, size)
    }

    /// The structs that a type holds by value, so that they have to be complete before it.
    pub(super) fn held(&self, mut ty: TypeId, place: Option<Place>) -> Option<Name> {
        for _ in 0..Types::MAX_CHAIN {
            match self.profile.types.peel_named(ty) {
                (_, Type::Array { target, .. }) => ty = target,
                (alias, meant) => {
                    return self.key(meant, place, alias).filter(|key| self.tags.contains_key(key));
                }
            }
        }
        None
    }

    fn key(&self, meant: Type, place: Option<Place>, alias: Option<Name>) -> Option<Name> {
        self.places.record(meant, place, alias).map(|(key, _)| key)
    }

    fn enum_tag(&self, id: EnumId, place: Option<Place>, alias: Option<Name>) -> Option<&EnumTag> {
        let key = self.resolution.enum_key(&self.profile.types, place, alias, id)?;
        self.enums.get(&key).filter(|tag| tag.is_exact)
    }

    /// A descriptor of Rekall's alone: the plain type behind it, how many bytes it has, and whether it is an array of
    /// characters.
    fn verbatim(&self, number: u32) -> Option<(String, u64)> {
        let (word, arguments) = self.profile.types.verbatim(number)?;
        let argument = |key: &str| arguments.get(key).and_then(serde_json::Value::as_u64);
        let target = arguments.get("target").and_then(serde_json::Value::as_str);
        let by_name = |name: &str| {
            let size = self.places.usual_size(name)?;
            let kind = vocabulary::known(name)?.kind;
            Some((self.native(name, kind, size)?, size))
        };
        match (word, argument("length"), target) {
            ("String", Some(length), _) => Some(("char".to_owned(), length)),
            ("Enumeration" | "Flags", _, Some(target)) => by_name(target),
            ("UnixTimeStamp", ..) => Some(("unsigned int".to_owned(), 4)),
            ("WinFileTime" | "ThreadCreateTimeStamp", ..) => Some(("unsigned long long".to_owned(), 8)),
            (name, ..) => by_name(name),
        }
    }

    /// What C calls a native type of this size on any machine with these addresses; `None` where it has no word.
    fn native(&self, name: &str, kind: NativeKind, size: u64) -> Option<String> {
        let is_long = matches!(name, "long" | "unsigned long");
        // Windows has a `long` of four bytes, which other compilers do not.
        if is_long
            && self.profile.system != System::Windows
            && size == u64::from(self.profile.arch.address_size())
        {
            return Some(name.to_owned());
        }
        let integer = |signed: bool| {
            let word = match size {
                1 => "char",
                2 => "short",
                4 => "int",
                8 => "long long",
                16 => "__int128",
                _ => return None,
            };
            let sign = match (signed, size) {
                (true, 1) => "signed ",
                (true, _) => "",
                (false, _) => "unsigned ",
            };
            Some(format!("{sign}{word}"))
        };
        match kind {
            NativeKind::Char | NativeKind::Unsigned if size == 1 && name == "char" => Some("char".to_owned()),
            NativeKind::Char => integer(name.starts_with("signed")),
            NativeKind::Signed => integer(true),
            NativeKind::Unsigned => integer(false),
            NativeKind::Bool if size == 1 => Some("_Bool".to_owned()),
            NativeKind::Bool => integer(false),
            NativeKind::Float if size == 4 => Some("float".to_owned()),
            NativeKind::Float if size == 8 => Some("double".to_owned()),
            NativeKind::Float | NativeKind::Other => None,
        }
    }

    /// A declaration of what is held by value; `None` where C has none of the size, or the struct is not complete.
    fn declare(&mut self, ty: TypeId, place: Option<Place>, name: String, depth: usize) -> Option<Declared> {
        self.budget = self.budget.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let types = &self.profile.types;
        let address = self.profile.arch.address_size();
        let (alias, meant) = types.peel_named(ty);
        let declared = |word: &str, size: u64| Some(Declared { text: format!("{word} {name}"), size });
        match meant {
            Type::Void | Type::Function(_) | Type::Alias { .. } => None,
            Type::Native(id) => {
                let native = *types.native_of(id)?;
                let size = self.places.size(ty, place)?;
                match self.native(self.profile.names.get(native.name), native.kind, size) {
                    Some(word) => declared(&word, size),
                    None => Some(bytes(&name, size)),
                }
            }
            Type::Pointer { target, size } if size == address => {
                let text = self.pointee(target, place, format!("*{name}"), depth + 1);
                Some(Declared { text, size: size.into() })
            }
            // A pointer of another width than the machine's: its number is right as an integer.
            Type::Pointer { size, .. } => match size {
                1 | 2 | 4 | 8 => declared(unsigned(size.into()), size.into()),
                _ => Some(bytes(&name, size.into())),
            },
            Type::Array { target, count } => {
                let element =
                    self.declare(target, place, format!("{}[{count}]", operand(&name)), depth + 1)?;
                Some(Declared { size: element.size.checked_mul(count)?, ..element })
            }
            Type::Record(_) | Type::Named(_) => {
                let key = self.key(meant, place, alias).filter(|key| self.complete.contains(key))?;
                let tag = self.tags.get(&key)?;
                declared(&format!("{} {}", tag.word, tag.name), tag.size)
            }
            Type::Enumeration(id) => {
                let size = types.enumeration_size(id);
                match self.enum_tag(id, place, alias) {
                    Some(tag) => declared(&format!("enum {}", tag.name), size),
                    None => match size {
                        1 | 2 | 4 | 8 | 16 => declared(unsigned(size), size),
                        _ => Some(bytes(&name, size)),
                    },
                }
            }
            Type::WideString { bytes } => {
                let bytes = bytes?;
                let text = format!("unsigned short {}[{}]", operand(&name), bytes / 2);
                (bytes % 2 == 0).then_some(Declared { text, size: bytes })
            }
            Type::Verbatim(number) => {
                let (word, size) = self.verbatim(number)?;
                match word.as_str() {
                    "char" if size != 1 => {
                        Some(Declared { text: format!("char {}[{size}]", operand(&name)), size })
                    }
                    word => declared(word, size),
                }
            }
        }
    }

    /// A declaration of what a pointer leads to. Structs need not be complete here, so arrays of them are left out.
    fn pointee(&mut self, ty: TypeId, place: Option<Place>, name: String, depth: usize) -> String {
        let Some(budget) = self.budget.checked_sub(1).filter(|_| depth <= MAX_DEPTH) else {
            return format!("void {name}");
        };
        self.budget = budget;
        let types = &self.profile.types;
        let (alias, meant) = types.peel_named(ty);
        match meant {
            Type::Pointer { target, size } if size == self.profile.arch.address_size() => {
                self.pointee(target, place, format!("*{name}"), depth + 1)
            }
            Type::Array { target, count } => {
                let is_plain = matches!(
                    self.innermost(target),
                    Type::Native(_) | Type::Pointer { .. } | Type::Enumeration(_)
                );
                let name = if is_plain { format!("{}[{count}]", operand(&name)) } else { name };
                self.pointee(target, place, name, depth + 1)
            }
            Type::Function(arguments) => {
                let arguments = types.arguments(arguments);
                let arguments: Vec<String> =
                    arguments.iter().map(|ty| self.argument(*ty, depth + 1)).collect();
                let list = if arguments.is_empty() { "void".to_owned() } else { arguments.join(", ") };
                format!("void {}({list})", operand(&name))
            }
            Type::Record(_) | Type::Named(_) => match self.word_of(meant, place, alias) {
                Some(word) => format!("{word} {name}"),
                None => format!("void {name}"),
            },
            _ => match self.declare(ty, place, name.clone(), depth + 1) {
                Some(declared) => declared.text,
                None => format!("void {name}"),
            },
        }
    }

    /// What the elements of an array of arrays are.
    fn innermost(&self, mut ty: TypeId) -> Type {
        for _ in 0..Types::MAX_CHAIN {
            match self.profile.types.peel(ty) {
                Type::Array { target, .. } => ty = target,
                other => return other,
            }
        }
        Type::Void
    }

    fn argument(&mut self, ty: TypeId, depth: usize) -> String {
        let text = match self.profile.types.peel(ty) {
            // Arrays and functions are passed as pointers.
            Type::Array { target, .. } => self.pointee(target, None, "*".to_owned(), depth),
            Type::Void | Type::Function(_) | Type::WideString { .. } | Type::Verbatim(_) => {
                self.pointee(ty, None, "*".to_owned(), depth)
            }
            _ => self.pointee(ty, None, String::new(), depth),
        };
        // Bytes without a name, or a type that nothing is known of.
        match text.trim_end() {
            "void" => "void *".to_owned(),
            text => text.to_owned(),
        }
    }

    /// `struct NAME`, of a struct that may be opaque.
    fn word_of(&mut self, meant: Type, place: Option<Place>, alias: Option<Name>) -> Option<String> {
        if let Some(key) = self.key(meant, place, alias)
            && let Some(tag) = self.tags.get(&key)
        {
            return Some(format!("{} {}", tag.word, tag.name));
        }
        let Type::Named(name) = meant else { return None };
        if let Some(opaque) = self.opaque.get(&name) {
            return Some(format!("struct {opaque}"));
        }
        let tag = self.names.take(self.profile.names.get(name));
        self.undeclared.push(tag.clone());
        let word = format!("struct {tag}");
        self.opaque.insert(name, tag);
        Some(word)
    }
}

/// Whether C gives an enumeration four bytes, as the profile does: of all values that have a sign, or none.
fn is_exact(profile: &Profile, id: EnumId) -> bool {
    let types = &profile.types;
    let Some(enumeration) = types.enumeration(id).filter(|_| types.enumeration_size(id) == 4) else {
        return false;
    };
    let values = || types.labels(id).iter().map(|label| label.value(enumeration.signed));
    let all = |low: i128, high: i128| values().all(|value| (low..=high).contains(&value));
    values().next().is_some() && (all(i32::MIN.into(), i32::MAX.into()) || all(0, u32::MAX.into()))
}

/// A bit-field, in a type that is wide enough.
fn bit_field(word: &str, name: &str, bits: BitRange, size: u64) -> Declared {
    let width = width(bits).unwrap_or(1);
    let word = match width <= size.saturating_mul(8) {
        // Compilers do not agree on bit-fields of this type.
        true if word.ends_with("__int128") => "unsigned long long",
        true => word,
        false => "unsigned long long",
    };
    Declared { text: format!("{word} {name} : {width}"), size: 0 }
}

fn bytes(name: &str, count: u64) -> Declared {
    Declared { text: format!("unsigned char {}[{count}]", operand(name)), size: count }
}

/// The unsigned integer of so many bytes.
fn unsigned(size: u64) -> &'static str {
    match size {
        1 => "unsigned char",
        2 => "unsigned short",
        4 => "unsigned int",
        16 => "unsigned __int128",
        _ => "unsigned long long",
    }
}

/// A declarator as the operand of `[]` or `()`, which bind tighter than `*`.
fn operand(name: &str) -> String {
    if name.starts_with('*') { format!("({name})") } else { name.to_owned() }
}
