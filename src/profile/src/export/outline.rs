use serde_json::Value;

use super::places::Places;
use crate::model::last_values;
use crate::model::vocabulary;
use crate::resolution::{Flaw, Place};
use crate::{EnumId, Member, Name, Profile, RecordId, Resolution, Type, TypeId};

/// A profile as pages show it: one line of compact JSON for each definition, which holds all that the definition depends
/// on. Equal definitions of two builds are equal lines.
///
/// The forms of types and definitions are described in `src/pages/assets/data.js`.
#[derive(Clone, Copy)]
pub struct Outline<'a> {
    places: Places<'a>,
}

/// A definition of a struct or an enumeration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlined<'a> {
    /// The name under which the profile has it.
    pub name: &'a str,
    /// The definition.
    pub line: String,
    /// The names of its members, in the order of their places; none of an enumeration.
    pub members: Vec<&'a str>,
    /// The structs that its members hold or point to, with repetitions.
    pub structs: Vec<&'a str>,
    /// Likewise the enumerations.
    pub enums: Vec<&'a str>,
}

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlinedSymbol<'a> {
    /// Its RVA (Windows) or address.
    pub address: u64,
    /// Its name.
    pub name: &'a str,
    /// Whether it is among the functions, which only Windows profiles keep apart.
    pub function: bool,
    /// Its type, where the profile has it.
    pub ty: Option<String>,
}

/// How deep types are followed, and how many of them for one member: functions that take functions double with each
/// level.
const MAX_DEPTH: usize = 64;
const MAX_TYPES: usize = 256;

impl<'a> Outline<'a> {
    /// The outline of a profile with its names settled.
    pub fn new(profile: &'a Profile, resolution: &'a Resolution) -> Self {
        Self { places: Places { profile, resolution } }
    }

    /// The structs and unions, sorted by name.
    pub fn structures(self) -> impl Iterator<Item = Outlined<'a>> {
        self.places.resolution.structs().iter().filter_map(move |(key, id)| self.structure(*key, *id))
    }

    /// The enumerations, sorted by name.
    pub fn enumerations(self) -> impl Iterator<Item = Outlined<'a>> {
        self.places.resolution.enumerations().iter().map(move |(key, id)| self.enumeration(*key, *id))
    }

    /// The symbols in the order of their addresses.
    pub fn symbols(self) -> Vec<OutlinedSymbol<'a>> {
        let profile = self.places.profile;
        let types: std::collections::HashMap<Name, TypeId, foldhash::fast::RandomState> =
            profile.constant_types.iter().copied().collect();
        let of = |list: &'a [(Name, u64)], function: bool| {
            let types = &types;
            list.iter().map(move |(name, address)| {
                let described = types.get(name).filter(|ty| self.places.resolution.describes(**ty));
                let ty = described.filter(|_| !function).map(|ty| Writer::new(self.places).text_of(*ty));
                OutlinedSymbol { address: *address, name: profile.names.get(*name), function, ty }
            })
        };
        let mut all: Vec<_> = of(&profile.constants, false).chain(of(&profile.functions, true)).collect();
        all.sort_by(|a, b| (a.address, a.name, a.function).cmp(&(b.address, b.name, b.function)));
        all
    }

    fn structure(self, key: Name, id: RecordId) -> Option<Outlined<'a>> {
        let profile = self.places.profile;
        let record = profile.types.record(id)?;
        let mut members = Vec::new();
        for (index, member) in profile.types.members(id).iter().enumerate() {
            let flaw = self.places.resolution.flaw(id, index);
            let place = Place { owner: key, member: u32::try_from(index).unwrap_or(u32::MAX) };
            if flaw != Some(Flaw::Dropped) {
                let (offset, bits) = match flaw {
                    Some(Flaw::Unit(unit)) => (unit.offset, Some(unit.bits)),
                    Some(_) => (member.offset, None),
                    None => (member.offset, member.bits),
                };
                let bits = bits.map(|bits| (bits.start, bits.end));
                members.push((offset, bits, profile.names.get(member.name), member, flaw, place));
            }
        }
        members.sort_by_key(|(offset, bits, name, ..)| (*offset, *bits, *name));
        let mut writer = Writer::new(self.places);
        let union = u8::from(self.places.is_union(key, id, record));
        writer.line = format!("[{},{union},[", record.size);
        for (index, (offset, bits, name, member, flaw, place)) in members.iter().enumerate() {
            writer.line.push_str(if index > 0 { ",[" } else { "[" });
            writer.text(name);
            writer.line.push_str(&format!(",{offset},"));
            writer.member(member, *flaw, *place);
            if let Some((start, end)) = bits {
                writer.line.push_str(&format!(",{start},{end}"));
            }
            writer.line.push(']');
        }
        writer.line.push_str("]]");
        let names = members.iter().map(|(_, _, name, ..)| *name).collect();
        let Writer { line, structs, enums, .. } = writer;
        Some(Outlined { name: profile.names.get(key), line, members: names, structs, enums })
    }

    fn enumeration(self, key: Name, id: EnumId) -> Outlined<'a> {
        let profile = self.places.profile;
        let types = &profile.types;
        let signed = types.enumeration(id).is_some_and(|item| item.signed);
        let mut labels: Vec<(i128, &str)> = last_values(types.labels(id))
            .iter()
            .map(|label| (label.value(signed), profile.names.get(label.name)))
            .collect();
        labels.sort_unstable();
        let mut writer = Writer::new(self.places);
        writer.line = format!("[{},[", types.enumeration_size(id));
        for (index, (value, label)) in labels.iter().enumerate() {
            writer.line.push_str(if index > 0 { ",[" } else { "[" });
            writer.text(label);
            // As text: numbers of JavaScript have 53 bits.
            writer.line.push_str(&format!(",\"{value}\"]"));
        }
        writer.line.push_str("]]");
        let name = profile.names.get(key);
        Outlined { name, line: writer.line, members: Vec::new(), structs: Vec::new(), enums: Vec::new() }
    }
}

/// Prints one line, and notes what it mentions.
struct Writer<'a> {
    places: Places<'a>,
    line: String,
    structs: Vec<&'a str>,
    enums: Vec<&'a str>,
    budget: usize,
}

impl<'a> Writer<'a> {
    fn new(places: Places<'a>) -> Self {
        Self { places, line: String::new(), structs: Vec::new(), enums: Vec::new(), budget: MAX_TYPES }
    }

    /// The type of a variable.
    fn text_of(mut self, ty: TypeId) -> String {
        self.ty(ty, None, true, 0);
        self.line
    }

    fn text(&mut self, text: &str) {
        self.line.push_str(&Value::from(text).to_string());
    }

    fn native(&mut self, name: &str, size: u64) {
        self.line.push_str("[0,");
        self.text(name);
        self.line.push_str(&format!(",{size}]"));
    }

    fn member(&mut self, member: &Member, flaw: Option<Flaw>, place: Place) {
        self.budget = MAX_TYPES;
        match flaw {
            Some(Flaw::Bytes(count)) => {
                self.line.push_str("[2,");
                self.native("unsigned char", 1);
                self.line.push_str(&format!(",{count}]"));
            }
            Some(Flaw::Pointer) => {
                self.line.push_str(&format!("[1,null,{}]", self.places.profile.arch.address_size()));
            }
            Some(Flaw::Unit(unit)) => {
                let word = match unit.size {
                    1 => "unsigned char",
                    2 => "unsigned short",
                    4 => "unsigned int",
                    8 => "unsigned long long",
                    _ => "unsigned __int128",
                };
                self.native(word, unit.size);
            }
            Some(Flaw::Dropped) | None => self.ty(member.ty, Some(place), true, 0),
        }
    }

    /// A type; a struct has its size only where it is held by value.
    fn ty(&mut self, ty: TypeId, place: Option<Place>, by_value: bool, depth: usize) {
        let Some(budget) = self.budget.checked_sub(1).filter(|_| depth < MAX_DEPTH) else {
            self.line.push_str("null");
            return;
        };
        self.budget = budget;
        let places = self.places;
        let (profile, types) = (places.profile, &places.profile.types);
        let names = &profile.names;
        let (alias, meant) = types.peel_named(ty);
        match meant {
            Type::Void | Type::Alias { .. } => self.line.push_str("null"),
            Type::Native(id) => {
                let name = types.native_of(id).map_or("", |native| names.get(native.name));
                self.native(name, places.size(ty, place).unwrap_or(0));
            }
            Type::Pointer { target, size } => {
                self.line.push_str("[1,");
                self.ty(target, place, false, depth + 1);
                self.line.push_str(&format!(",{size}]"));
            }
            Type::Array { target, count } => {
                self.line.push_str("[2,");
                self.ty(target, place, by_value, depth + 1);
                self.line.push_str(&format!(",{count}]"));
            }
            Type::Function(arguments) => {
                self.line.push_str("[3,[");
                for (index, argument) in types.arguments(arguments).iter().enumerate() {
                    if index > 0 {
                        self.line.push(',');
                    }
                    self.ty(*argument, None, false, depth + 1);
                }
                self.line.push_str("]]");
            }
            Type::Record(_) | Type::Named(_) => {
                let known = places.record(meant, place, alias);
                let name = match (known, meant) {
                    (Some((key, _)), _) => names.get(key),
                    (None, Type::Named(name)) => names.get(name),
                    (None, _) => "",
                };
                if vocabulary::is_reserved(name) {
                    self.line.push_str("null");
                    return;
                }
                let size = known.filter(|_| by_value).and_then(|(_, id)| types.record(id));
                self.line.push_str("[4,");
                self.text(name);
                match size {
                    Some(record) => self.line.push_str(&format!(",{}]", record.size)),
                    None => self.line.push_str(",null]"),
                }
                self.structs.push(name);
            }
            Type::Enumeration(id) => {
                let key = places.resolution.enum_key(types, place, alias, id);
                let name = key.map_or("", |key| names.get(key));
                self.line.push_str("[5,");
                self.text(name);
                self.line.push_str(&format!(",{}]", types.enumeration_size(id)));
                self.enums.push(name);
            }
            Type::WideString { bytes } => self.line.push_str(&format!("[6,{}]", bytes.unwrap_or(0))),
            Type::Verbatim(number) => {
                let word = types.verbatim(number).map_or("", |(word, _)| word);
                self.native(word, places.size(ty, place).unwrap_or(0));
            }
        }
    }
}
