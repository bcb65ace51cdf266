use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::base_types::WIDE_CHARACTER;
use super::descriptor::{Descriptors, Lowered};
use super::{SECTIONS, base64, is_section, machine};
use crate::reader::identity::{Evidence, pdb_class, settle};
use crate::reader::keyed::Keyed;
use crate::reader::{address, stream, value_bits};
use crate::resolution::is_little_endian;
use crate::{
    Arch, GuidAge, Label, Name, NativeKind, NewMember, Profile, ReadError, RecordKind, Report, StorageUnit,
    System, Type, TypeId, vocabulary,
};

/// Reads the profile that an ISF text holds.
///
/// The sections may come in any order; what is no entry of its section costs itself alone and is counted in
/// `report`. Symbols of type `void` count as symbols without one.
pub(crate) fn read(text: &str, report: &mut Report) -> Result<Profile, ReadError> {
    let sections = Sections::find(text)?;
    let metadata = sections.metadata()?;
    check_format(&metadata, report)?;
    let bases = sections.bases(report)?;
    let pointer = bases.get("pointer").and_then(|base| u8::try_from(base.size).ok());
    let identity = Identity::new(&metadata, &bases);
    let mut profile = Profile::new(identity.system.unwrap_or(System::Other), identity.arch);
    let address_size = pointer.filter(|size| *size > 0).unwrap_or(identity.arch.address_size());
    let wide = bases.get(WIDE_CHARACTER).filter(|base| base.size == 2 && identity.windows());
    let wide = wide.map(|_| profile.intern(WIDE_CHARACTER));
    let mut reader = Reader { descriptors: Descriptors::new(address_size, wide), profile, report };
    reader.add_bases(bases);
    reader.enumerations(sections.of("enums"))?;
    reader.structs(sections.of("user_types"))?;
    reader.symbols(sections.of("symbols"))?;
    let mut profile = reader.profile;
    finish(&mut profile, &identity, address_size);
    Ok(profile)
}

/// Counted for keys of an object that appear more than once.
const REPEATED: &str = "keys that appear twice";

/// The texts of the sections; of one that appears twice the last.
struct Sections<'de> {
    texts: [Option<&'de str>; SECTIONS.len()],
}

impl<'de> Sections<'de> {
    fn find(text: &'de str) -> Result<Self, ReadError> {
        let mut texts = [None; SECTIONS.len()];
        let mut other = None;
        stream::sections(text, |key, value| {
            let known = SECTIONS.iter().position(|section| *section == key);
            if let Some(slot) = known.and_then(|place| texts.get_mut(place)) {
                *slot = Some(value);
            } else if key.starts_with('$') {
                other = Some(key.into_owned());
            }
        })?;
        if let Some(other) = other {
            let isf = SECTIONS.iter().zip(&texts).find(|(_, text)| text.is_some());
            return Err(ReadError::Mixed {
                rekall: other,
                isf: isf.map_or_else(String::new, |(section, _)| (*section).to_owned()),
            });
        }
        Ok(Self { texts })
    }

    /// A section's text; an empty object where it is not there.
    fn of(&self, section: &'static str) -> (&'static str, &'de str) {
        let found = SECTIONS.iter().zip(&self.texts).find(|(name, _)| **name == section);
        (section, found.and_then(|(_, text)| *text).unwrap_or("{}"))
    }

    fn metadata(&self) -> Result<Metadata, ReadError> {
        let (section, text) = self.of("metadata");
        serde_json::from_str(text).map_err(|error| ReadError::Section {
            section: section.to_owned(),
            expected: "an object that names the format and the system",
            found: error.to_string(),
        })
    }

    fn bases(&self, report: &mut Report) -> Result<HashMap<String, BaseType>, ReadError> {
        let mut bases = HashMap::new();
        entries(self.of("base_types"), report, |name, text, report| match serde_json::from_str(text) {
            Ok(base) => {
                if bases.insert(name.clone().into_owned(), base).is_some() {
                    report.lose(REPEATED, || name.into_owned());
                }
            }
            Err(_) => report.lose("base types that are not as the schema has them", || name.into_owned()),
        })?;
        Ok(bases)
    }
}

/// Calls `each` with every entry of a section.
fn entries<'de>(
    (section, text): (&'static str, &'de str),
    report: &mut Report,
    mut each: impl FnMut(Cow<'de, str>, &'de str, &mut Report),
) -> Result<(), ReadError> {
    let damaged = stream::entries(text, |name, text| each(name, text, report)).map_err(|error| {
        let (expected, found) = ("an object", error.to_string());
        ReadError::Section { section: section.to_owned(), expected, found }
    })?;
    if damaged > 0 {
        report.lose_many(crate::reader::INVALID_TEXT, damaged, || section.to_owned());
    }
    Ok(())
}

/// `metadata`, as far as it is used.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    format: Option<String>,
    producer: Option<Producer>,
    windows: Option<Windows>,
    linux: Option<Map<String, Value>>,
    mac: Option<Map<String, Value>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Producer {
    name: String,
    version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Windows {
    pdb: Option<Pdb>,
    pe: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Pdb {
    #[serde(rename = "GUID")]
    guid: String,
    age: u32,
    database: String,
    machine_type: u64,
}

/// Refuses formats whose meaning is not known here.
fn check_format(metadata: &Metadata, report: &mut Report) -> Result<(), ReadError> {
    let refuse = |found: String| {
        let expected = "a table of format 4.x.y or 6.x.y";
        Err(ReadError::Section { section: "metadata".to_owned(), expected, found })
    };
    let Some(format) = &metadata.format else { return refuse("none named".to_owned()) };
    let mut numbers = format.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(4)), Some(Ok(_))) | (Some(Ok(6)), Some(Ok(..=NEWEST_MINOR))) => Ok(()),
        (Some(Ok(6)), Some(Ok(_))) => {
            report.warn(format!(
                "the table's format is {format}; what it adds to 6.{NEWEST_MINOR} is not read"
            ));
            Ok(())
        }
        _ => refuse(format!("format {format}")),
    }
}

/// The newest format known here is 6.3.0.
const NEWEST_MINOR: u32 = 3;

/// What a table is of.
struct Identity {
    system: Option<System>,
    arch: Arch,
    /// Whether `arch` was told, not guessed.
    told: bool,
    metadata: Map<String, Value>,
}

impl Identity {
    fn new(metadata: &Metadata, bases: &HashMap<String, BaseType>) -> Self {
        let mut fields = Map::new();
        let mut set = |key: &str, value: Value| drop(fields.insert(key.to_owned(), value));
        set("Type", "Profile".into());
        if let Some(Producer { name, version }) = &metadata.producer
            && !name.is_empty()
        {
            set("Generator", format!("{name} {version}").trim_end().into());
        }
        let (mut system, mut told) = (None, None);
        if let Some(Windows { pdb, pe }) = &metadata.windows {
            system = Some(System::Windows);
            set("ProfileClass", "BasicPEProfile".into());
            if let Some(Pdb { guid, age, database, machine_type }) = pdb {
                set("ProfileClass", pdb_class(database).into());
                set("PDBFile", database.clone().into());
                match format!("{guid}{age:X}").parse::<GuidAge>() {
                    Ok(guid_age) => set("GUID_AGE", guid_age.to_string().into()),
                    Err(_) => set("GUID_AGE", format!("{guid}{age:X}").into()),
                }
                told = machine::of_pe(*machine_type);
            }
            for (field, key) in PE_FIELDS {
                if let Some(number) = pe.as_ref().and_then(|pe| pe.get(field)?.as_u64()) {
                    set(key, number.to_string().into());
                }
            }
        } else if let Some(sources) = metadata.linux.as_ref().or(metadata.mac.as_ref()) {
            let linux = metadata.linux.is_some();
            system = Some(if linux { System::Linux } else { System::Mac });
            set("ProfileClass", if linux { "Linux" } else { "Darwin" }.into());
            if !sources.is_empty() {
                set("Sources", Value::Object(sources.clone()));
            }
        }
        let big = bases.values().any(|base| base.endian == "big");
        let guess = match (bases.get("pointer").map(|base| base.size), big) {
            (Some(4), true) => Arch::Ppc,
            (_, true) => Arch::Ppc64,
            (Some(4), false) => Arch::I386,
            (_, false) => Arch::Amd64,
        };
        Self { system, arch: told.unwrap_or(guess), told: told.is_some(), metadata: fields }
    }

    fn windows(&self) -> bool {
        self.system == Some(System::Windows)
    }
}

/// `metadata.windows.pe` and the fields of `$METADATA` that hold the same.
pub(super) const PE_FIELDS: [(&str, &str); 4] =
    [("major", "major"), ("minor", "minor"), ("revision", "rev"), ("build", "build")];

/// `element_base_type`.
#[derive(Deserialize)]
struct BaseType {
    size: u32,
    #[serde(default)]
    signed: bool,
    kind: String,
    #[serde(default)]
    endian: String,
}

impl BaseType {
    fn kind(&self) -> NativeKind {
        match (self.kind.as_str(), self.signed) {
            ("bool", _) => NativeKind::Bool,
            ("float", _) => NativeKind::Float,
            ("char", true) => NativeKind::Char,
            ("char" | "int", false) => NativeKind::Unsigned,
            ("int", true) => NativeKind::Signed,
            _ => NativeKind::Other,
        }
    }
}

/// `element_user_type`.
#[derive(Deserialize)]
struct UserType<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    size: u64,
    #[serde(borrow)]
    fields: &'a RawValue,
}

/// `field`.
#[derive(Deserialize)]
struct Field<'a> {
    offset: u64,
    #[serde(borrow, rename = "type")]
    ty: &'a RawValue,
    #[serde(default)]
    anonymous: bool,
}

/// `element_enum`.
#[derive(Deserialize)]
struct Enumeration<'a> {
    size: u64,
    base: String,
    #[serde(borrow)]
    constants: &'a RawValue,
}

/// `element_symbol`.
#[derive(Deserialize)]
struct Symbol<'a> {
    #[serde(borrow)]
    address: &'a RawValue,
    #[serde(borrow, default, rename = "type")]
    ty: Option<&'a RawValue>,
    #[serde(default)]
    constant_data: Option<String>,
    #[serde(default)]
    linkage_name: Option<String>,
}

/// A struct's entry, its members in order of place.
struct Struct {
    kind: RecordKind,
    size: u64,
    members: Vec<NewMember>,
}

struct Reader<'de, 'r> {
    descriptors: Descriptors<'de>,
    profile: Profile,
    report: &'r mut Report,
}

impl<'de> Reader<'de, '_> {
    fn add_bases(&mut self, bases: HashMap<String, BaseType>) {
        let mut bases: Vec<(String, BaseType)> = bases.into_iter().collect();
        bases.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (name, base) in bases {
            let ty = match name.as_str() {
                "void" => Type::Void,
                // The storage of pointers; as a type of its own one to anything.
                "pointer" | "pointer16" | "pointer32" | "pointer64" => {
                    let target = self.profile.types.add(Type::Void);
                    Type::Pointer { target, size: u8::try_from(base.size).unwrap_or_default() }
                }
                _ => self.native(&name, &base),
            };
            let ty = self.profile.types.add(ty);
            let name = self.profile.intern(&name);
            self.descriptors.add_base(name, ty, base.size);
        }
    }

    /// The native type that a base type is. One whose name means another size, or something else, to readers of
    /// profiles is the integer of its size.
    fn native(&mut self, name: &str, base: &BaseType) -> Type {
        let (system, arch) = (self.profile.system, self.profile.arch);
        let means_another = match vocabulary::known(name) {
            Some(known) => !matches!(known.size(system, arch), 0) && known.size(system, arch) != base.size,
            None => vocabulary::is_reserved(name),
        };
        if !means_another {
            let native = self.profile.c_native(name, base.size, base.kind());
            let size = match native {
                Type::Native(id) => self.profile.types.native_of(id).map(|native| native.size),
                _ => None,
            };
            if size == Some(base.size) {
                return native;
            }
        }
        self.report.lose("base types whose name means something else", || name.to_owned());
        self.profile.c_integer(base.size, base.signed).unwrap_or(Type::Void)
    }

    fn enumerations(&mut self, section: (&'static str, &'de str)) -> Result<(), ReadError> {
        let Self { descriptors, profile, report } = self;
        let mut enums = Keyed::default();
        entries(section, report, |name, text, report| match serde_json::from_str::<Enumeration<'_>>(text) {
            Ok(entry) => {
                let key = profile.intern(&name);
                if enums.insert(key, entry) {
                    report.lose(REPEATED, || name.into_owned());
                }
            }
            Err(_) => report.lose("enumerations that are not as the schema has them", || name.into_owned()),
        })?;
        for (key, Enumeration { size, base, constants }) in enums.entries {
            let underlying = descriptors.base(&base, profile, report);
            let mut labels: Vec<(Name, i128)> = Vec::new();
            let walked = stream::entries(constants.get(), |label, value| match stream::integer(value) {
                Some(value) => labels.push((profile.intern(&label), value)),
                None => report.lose("labels whose value is no integer", || label.into_owned()),
            });
            if walked.is_err() {
                report.lose("enumerations that are not as the schema has them", || {
                    profile.names.get(key).to_owned()
                });
            }
            let of_type = match profile.types.get(underlying) {
                Type::Native(native) => profile.types.native_of(native).map(|native| native.kind),
                _ => None,
            };
            let signed = of_type == Some(NativeKind::Signed)
                || of_type == Some(NativeKind::Char)
                || labels.iter().any(|(_, value)| *value < 0);
            let mut kept = Vec::with_capacity(labels.len());
            for (name, value) in labels {
                match value_bits(value, signed) {
                    Some(bits) => kept.push(Label { name, bits }),
                    None => report
                        .lose("labels whose value 64 bits cannot hold", || profile.names.get(key).to_owned()),
                }
            }
            let own = own_name(profile, key);
            let id = profile.types.add_enumeration(own, underlying, signed, &kept);
            if of_type.is_some() && profile.types.enumeration_size(id) != size {
                report.lose("enumerations of another size than their type's", || {
                    profile.names.get(key).to_owned()
                });
            }
            let ty = profile.types.add(Type::Enumeration(id));
            descriptors.add_enumeration(key, ty);
        }
        Ok(())
    }

    fn structs(&mut self, section: (&'static str, &'de str)) -> Result<(), ReadError> {
        let Self { descriptors, profile, report } = self;
        let mut structs: Keyed<Struct> = Keyed::default();
        entries(section, report, |name, text, report| {
            match structure(&name, text, descriptors, profile, report) {
                Some(entry) => {
                    let key = profile.intern(&name);
                    if structs.insert(key, entry) {
                        report.lose(REPEATED, || name.into_owned());
                    }
                }
                None => report.lose("structs that are not as the schema has them", || name.into_owned()),
            }
        })?;
        for (key, Struct { kind, size, members }) in structs.entries {
            let own = own_name(profile, key);
            let Profile { types, names, .. } = &mut *profile;
            let id = types.add_record(names, own, kind, size, &members);
            // Symbols, which come later, may be the first to use it.
            let ty = *descriptors.records.entry(key).or_insert_with(|| types.add(Type::Void));
            types.set(ty, Type::Record(id));
        }
        Ok(())
    }

    fn symbols(&mut self, section: (&'static str, &'de str)) -> Result<(), ReadError> {
        let Self { descriptors, profile, report } = self;
        let windows = profile.system == System::Windows;
        let mut symbols: Keyed<(u64, Option<TypeId>)> = Keyed::default();
        entries(section, report, |name, text, report| {
            let symbol = serde_json::from_str::<Symbol<'_>>(text).ok();
            let Some((symbol, at)) =
                symbol.and_then(|symbol| address(symbol.address.get()).map(|at| (symbol, at)))
            else {
                return report.lose("symbols that are not as the schema has them", || name.into_owned());
            };
            let key = match profile.system {
                System::Mac => profile.intern(&format!("_{name}")),
                _ => profile.intern(&name),
            };
            let ty = symbol.ty.and_then(|ty| match descriptors.lower(ty.get(), profile, report) {
                Some(Lowered { ty, bits: None }) => Some(ty),
                _ => {
                    report.lose(NOT_UNDERSTOOD, || name.clone().into_owned());
                    None
                }
            });
            let ty = ty.filter(|ty| profile.types.get(*ty) != Type::Void);
            if symbols.insert(key, (at, ty)) {
                report.lose(REPEATED, || name.clone().into_owned());
            }
            if let Some(data) = symbol.constant_data {
                match base64::decode(&data) {
                    Some(content) => drop(profile.contents.insert(key, content)),
                    None => report.lose("contents that are no base 64", || name.into_owned()),
                }
            }
            if let Some(linkage) = symbol.linkage_name {
                let linkage = profile.intern(&linkage);
                profile.linkage_names.insert(key, linkage);
            }
        })?;
        for (name, (at, ty)) in symbols.entries {
            let function = ty.is_some_and(|ty| matches!(profile.types.get(ty), Type::Function(_)));
            match function && windows {
                true => profile.functions.push((name, at)),
                false => profile.constants.push((name, at)),
            }
            profile.constant_types.extend(ty.map(|ty| (name, ty)));
        }
        Ok(())
    }
}

/// Counted for descriptors that are none.
const NOT_UNDERSTOOD: &str = "type descriptors that are not as the schema has them";

/// An entry of `user_types`.
fn structure<'de>(
    owner: &str,
    text: &'de str,
    descriptors: &mut Descriptors<'de>,
    profile: &mut Profile,
    report: &mut Report,
) -> Option<Struct> {
    let UserType { kind, size, fields } = serde_json::from_str(text).ok()?;
    let kind = match &*kind {
        "struct" => RecordKind::Struct,
        "union" => RecordKind::Union,
        "class" => RecordKind::Class,
        _ => return None,
    };
    let mut members: Vec<(Name, bool, NewMember)> = Vec::new();
    let damaged = stream::entries(fields.get(), |name, text| {
        let lowered = serde_json::from_str(text).ok().and_then(|field: Field<'de>| {
            let Lowered { ty, bits } = descriptors.lower(field.ty.get(), profile, report)?;
            Some((field.anonymous, NewMember { name: None, offset: field.offset, ty, bits }))
        });
        match lowered {
            Some((anonymous, member)) => members.push((profile.intern(&name), anonymous, member)),
            None => report.lose(NOT_UNDERSTOOD, || format!("{owner}.{name}")),
        }
    });
    damaged.ok()?;
    // Of a name that appears twice the last counts: reversed, it is the first, which `dedup` keeps.
    members.reverse();
    members.sort_by_key(|(name, ..)| *name);
    let before = members.len();
    members.dedup_by_key(|(name, ..)| *name);
    if members.len() < before {
        report.lose_many(REPEATED, (before - members.len()) as u64, || owner.to_owned());
    }
    // Some producers sort members by name; declared they were, but for unions, in this order.
    members.sort_by_key(|(name, _, member)| {
        let name = profile.names.get(*name);
        let number = name.trim_start_matches(|letter: char| !letter.is_ascii_digit()).parse::<u32>().ok();
        (member.offset, member.bits.map(|bits| bits.start), number, name)
    });
    let members = members.into_iter().map(|(name, anonymous, member)| NewMember {
        name: (!anonymous).then_some(name),
        ..in_its_unit(member, size, profile)
    });
    Some(Struct { kind, size, members: members.collect() })
}

/// A bit-field in its storage unit. dwarf2json places fields at their first byte, so that the type's bytes there
/// may reach beyond the struct; where the type's size at an aligned offset holds the same bits, that is its unit
/// (docs/format.md, invariant 4).
fn in_its_unit(member: NewMember, record_size: u64, profile: &Profile) -> NewMember {
    let unit = || {
        let bits = member.bits?;
        let size = profile.types.size_of(member.ty).filter(|size| *size > 0)?;
        if member.offset.is_multiple_of(size) && member.offset.checked_add(size)? <= record_size {
            return None;
        }
        let first = member.offset.checked_mul(8)?.checked_add(bits.start.into())?;
        let width = u64::from(bits.end - bits.start);
        let unit = StorageUnit::in_record(first, width, size, record_size, false)?;
        (unit.size == size).then_some(unit)
    };
    match unit().filter(|_| is_little_endian(profile.arch)) {
        Some(unit) => NewMember { offset: unit.offset, bits: Some(unit.bits), ..member },
        None => member,
    }
}

/// The name that the source gives to a definition with this key; `None` where the key is made of a number of
/// its producer's: `unnamed_` and sixteen digits (dwarf2json), `__unnamed_` or `__anonymous_` and a type index
/// (Volatility's `pdbconv`).
fn own_name(profile: &Profile, key: Name) -> Option<Name> {
    let text = profile.names.get(key);
    let number = |prefix: &str, lengths: std::ops::RangeInclusive<usize>| {
        let digits = text.strip_prefix(prefix).unwrap_or_default();
        lengths.contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    let made = number("unnamed_", 16..=16) || number("__unnamed_", 1..=7) || number("__anonymous_", 1..=7);
    (!made).then_some(key)
}

/// Puts system, architecture and metadata into place.
fn finish(profile: &mut Profile, identity: &Identity, address_size: u8) {
    let mut metadata = identity.metadata.clone();
    let has = |name: &str| profile.names.find(name).is_some_and(|name| record_size(profile, name).is_some());
    let arch = match identity.told {
        true => identity.arch,
        false => machine::of_structs(address_size, has).unwrap_or(identity.arch),
    };
    if identity.system.is_some() {
        metadata.insert("arch".to_owned(), arch.name().into());
    }
    let settled = settle(
        &mut metadata,
        &Evidence {
            structure: &|name| record_size(profile, profile.names.find(name)?),
            constant: &|name| {
                let name = profile.names.find(name)?;
                profile.constants.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
            },
            highest: &|| profile.constants.iter().map(|(_, value)| *value).max().unwrap_or(0),
            config: &|_| None,
            empty_arguments: &|| false,
        },
    );
    profile.system = settled.system;
    profile.arch = if settled.system == System::Other { arch } else { settled.arch };
    if let Some(banner) = banner(profile) {
        let release = banner.strip_prefix("Linux version ").and_then(|rest| rest.split(' ').next());
        if let Some(release) = release {
            metadata.insert("Release".to_owned(), release.into());
        }
        metadata.insert("Banner".to_owned(), banner.into());
    }
    profile.metadata = metadata.into_iter().collect();
}

fn record_size(profile: &Profile, name: Name) -> Option<u64> {
    let mut records = profile.types.records();
    records.find(|(_, record)| record.name == Some(name)).map(|(_, record)| record.size)
}

/// The kernel's own first line, where the table holds it.
fn banner(profile: &Profile) -> Option<String> {
    let symbol = profile.names.find(super::banner_symbol(profile.system)?)?;
    let text = String::from_utf8_lossy(profile.contents.get(&symbol)?).into_owned();
    let line = text.split(['\0', '\n']).next().filter(|line| !line.is_empty())?;
    Some(line.to_owned())
}

/// Whether the first key of an object that tells is one of ISF's.
pub(crate) fn is_isf(text: &str) -> bool {
    stream::first_key(text, |key| key.starts_with('$') || is_section(key)).is_some_and(|key| is_section(&key))
}
