use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use foldhash::fast::RandomState;
use serde_json::{Map, Value, json};

use super::base_types::{BaseTypes, WIDE_CHARACTER, pointer_name};
use super::metadata::PE_FIELDS;
use super::{base64, machine};
use crate::json::printer::Printer;
use crate::model::last_values;
use crate::resolution::{Flaw, Place};
use crate::{
    BitRange, Compat, EnumId, Form, GuidAge, Member, Name, Profile, RecordId, RecordKind, Report, Resolution,
    Selection, System, Type, TypeId, banner_symbol,
};

/// Prints a profile as a symbol table of Volatility 3 (ISF, schema 6.2.0): compact, keys sorted by code point, the
/// same bytes on every run. The text is streamed; compression is left to the sink.
///
/// For a profile from a front-end the table is exact. For one that was read from Rekall's form it holds what that
/// form does: whether something is a struct or a union is inferred (a union has several members, none of them a
/// bit-field, all at offset 0), and an enumeration that is not used anywhere has a type of four bytes. Natives have
/// the names in tables of dwarf2json (Linux, macOS) and `pdbconv` (Windows). Data that ISF cannot express is counted
/// in `report`.
///
/// # Errors
/// Any error from the sink.
pub(crate) fn write<W: Write>(
    profile: &Profile,
    resolution: &Resolution,
    form: Form<'_>,
    report: &mut Report,
    sink: W,
) -> io::Result<W> {
    let bases = BaseTypes::new(profile, report);
    let Form { only, compat, .. } = form;
    let printer = Printer::compact(sink);
    let mut writer = Writer { profile, resolution, only, compat, bases, report, printer };
    writer.sections()?;
    writer.printer.finish()
}

/// The format that is written.
const FORMAT: &str = "6.2.0";

/// Counted for descriptors in a profile that was read which only Rekall understands.
const INEXPRESSIBLE: &str = "types that ISF cannot express";

struct Writer<'a, W: Write> {
    profile: &'a Profile,
    resolution: &'a Resolution,
    only: Option<&'a Selection>,
    compat: Compat,
    bases: BaseTypes,
    report: &'a mut Report,
    printer: Printer<W>,
}

impl<'a, W: Write> Writer<'a, W> {
    fn sections(&mut self) -> io::Result<()> {
        self.printer.open_object();
        self.printer.key("base_types")?;
        self.base_types()?;
        self.printer.key("enums")?;
        self.enumerations()?;
        self.printer.key("metadata")?;
        self.printer.value(&metadata(self.profile, self.compat))?;
        self.printer.key("symbols")?;
        self.symbols()?;
        self.printer.key("user_types")?;
        self.user_types()?;
        self.printer.close_object();
        Ok(())
    }

    fn base_types(&mut self) -> io::Result<()> {
        self.printer.open_object();
        for (name, base) in self.bases.all() {
            self.printer.key(name)?;
            self.printer.raw("{\"endian\":\"");
            self.printer.raw(self.bases.endian());
            self.printer.raw("\",\"kind\":\"");
            self.printer.raw(base.kind);
            self.printer.raw("\",\"signed\":");
            self.printer.raw(if base.signed { "true" } else { "false" });
            self.printer.raw(",\"size\":");
            self.printer.number(base.size);
            self.printer.raw("}");
        }
        self.printer.close_object();
        Ok(())
    }

    fn enumerations(&mut self) -> io::Result<()> {
        let (names, types) = (&self.profile.names, &self.profile.types);
        self.printer.open_object();
        for (key, id) in self.resolution.enumerations() {
            let Some(item) = types.enumeration(*id) else { continue };
            if self.only.is_some_and(|only| !only.has_enumeration(*key)) {
                continue;
            }
            self.printer.key(names.get(*key))?;
            self.printer.raw("{\"base\":");
            let size = self.enumeration_base(*id);
            self.printer.raw(",\"constants\":");
            self.printer.open_object();
            let labels = last_values(types.labels(*id));
            let mut sorted: Vec<(&str, u64)> =
                labels.iter().map(|label| (names.get(label.name), label.bits)).collect();
            sorted.sort_unstable();
            for (label, bits) in sorted {
                self.printer.key(label)?;
                match item.signed {
                    true => self.printer.number(bits.cast_signed()),
                    false => self.printer.number(bits),
                }
            }
            self.printer.close_object();
            self.printer.raw(",\"size\":");
            self.printer.number(size);
            self.printer.raw("}");
        }
        self.printer.close_object();
        Ok(())
    }

    /// Writes the name of the base type for an enumeration's values, and returns its size.
    fn enumeration_base(&mut self, id: EnumId) -> u64 {
        let types = &self.profile.types;
        if let Some(Type::Native(native)) = types.values_of(id).map(|ty| types.peel(ty)) {
            self.printer.string(self.bases.name(native));
            return types.enumeration_size(id);
        }
        let (signed, labelled) =
            (types.enumeration(id).is_some_and(|item| item.signed), !types.labels(id).is_empty());
        // Only declared.
        let declared = types.enumeration(id).is_some_and(|item| types.peel(item.underlying) == Type::Void);
        let (name, size) = match (declared && !labelled, signed) {
            (true, _) => ("void", 0),
            (false, true) => ("int", 4),
            (false, false) => ("unsigned int", 4),
        };
        self.printer.string(name);
        size
    }

    fn symbols(&mut self) -> io::Result<()> {
        let profile = self.profile;
        let data = profile.constants.iter().map(|(name, value)| (*name, *value, false));
        let code = profile.functions.iter().map(|(name, value)| (*name, *value, true));
        let mut symbols: Vec<(&str, Name, u64, bool)> = data
            .chain(code)
            .filter(|(name, ..)| self.only.is_none_or(|only| only.has_symbol(*name)))
            .map(|(name, value, code)| (self.plain_name(name), name, value, code))
            .collect();
        // If data and code share a name, data comes first, as for LibVMI.
        symbols.sort_unstable_by_key(|(text, name, _, code)| (*text, *code, *name));
        let types: HashMap<Name, TypeId, RandomState> = profile.constant_types.iter().copied().collect();
        // Volatility 3 reads only the address of a symbol of type void, and refuses one without a type.
        let untyped = matches!(profile.system, System::Linux | System::Mac);
        let banner = banner_symbol(profile.system).and_then(|symbol| profile.names.find(symbol));
        self.printer.open_object();
        for group in symbols.chunk_by(|(a, ..), (b, ..)| a == b) {
            let Some(&(text, name, value, function)) = group.first() else { continue };
            if group.len() > 1 {
                self.report.lose("symbols whose name is another's in ISF", || text.to_owned());
            }
            self.printer.key(text)?;
            self.printer.raw("{\"address\":");
            self.printer.number(value);
            let content = profile.contents.get(&name).map(|content| base64::encode(content));
            let content = content.or_else(|| if banner == Some(name) { self.banner() } else { None });
            if let Some(content) = content {
                self.printer.raw(",\"constant_data\":");
                self.printer.string(&content);
            }
            if let Some(linkage) = profile.linkage_names.get(&name) {
                self.printer.raw(",\"linkage_name\":");
                self.printer.string(profile.names.get(*linkage));
            }
            match types.get(&name).filter(|ty| self.resolution.describes(**ty)) {
                Some(ty) => {
                    self.printer.raw(",\"type\":");
                    self.descriptor(*ty, None);
                }
                None if function => self.printer.raw(",\"type\":{\"kind\":\"function\"}"),
                None if untyped => self.printer.raw(",\"type\":{\"kind\":\"base\",\"name\":\"void\"}"),
                None => {}
            }
            self.printer.raw("}");
        }
        self.printer.close_object();
        Ok(())
    }

    /// A symbol's name in C: macOS adds an underscore before each.
    fn plain_name(&self, name: Name) -> &'a str {
        let text = self.profile.names.get(name);
        match self.profile.system {
            System::Mac => text.strip_prefix('_').unwrap_or(text),
            _ => text,
        }
    }

    /// The banner's bytes in memory, in Base64: Volatility searches for them.
    fn banner(&self) -> Option<String> {
        let text = self.profile.metadata_text("Banner")?;
        let end = if self.profile.system == System::Linux { "\n\0" } else { "\0" };
        Some(base64::encode(format!("{text}{end}").as_bytes()))
    }

    fn user_types(&mut self) -> io::Result<()> {
        let (names, types) = (&self.profile.names, &self.profile.types);
        let all = self.resolution.structs().iter().flat_map(|(_, id)| types.members(*id));
        let ranks = names.ranks(all.map(|member| member.name));
        let mut members: Vec<(u32, usize, &Member)> = Vec::new();
        self.printer.open_object();
        for (name, key, id) in self.named_records() {
            let Some(record) = types.record(id) else { continue };
            self.printer.key(names.get(name))?;
            self.printer.raw("{\"fields\":");
            self.printer.open_object();
            members.clear();
            let unsorted = types.members(id).iter().enumerate();
            members.extend(unsorted.map(|(index, member)| (ranks.of(member.name), index, member)));
            members.sort_unstable_by_key(|(rank, index, _)| (*rank, *index));
            for (_, index, member) in &members {
                self.member(key, id, *index, member)?;
            }
            self.printer.close_object();
            self.printer.raw(",\"kind\":\"");
            self.printer.raw(word(record.kind));
            self.printer.raw("\",\"size\":");
            self.printer.number(record.size);
            self.printer.raw("}");
        }
        self.printer.close_object();
        Ok(())
    }

    /// Every struct to write, sorted by name: the name, the struct's key, and the struct. A typedef of a struct with
    /// another name counts as a name of it, as in the tables of dwarf2json; a slim table omits these.
    fn named_records(&self) -> Vec<(Name, Name, RecordId)> {
        let (names, types) = (&self.profile.names, &self.profile.types);
        let all = self.resolution.structs().iter().copied();
        let taken = all.filter(|(key, _)| self.only.is_none_or(|only| only.has_struct(*key)));
        let mut records: Vec<(Name, Name, RecordId)> = taken.map(|(key, id)| (key, key, id)).collect();
        if self.only.is_none() {
            let mut keys: HashMap<Name, Option<(Name, RecordId)>, RandomState> = HashMap::default();
            for (name, ty) in &self.profile.typedefs {
                let Type::Record(id) = types.peel(*ty) else { continue };
                let Some(key) = self.resolution.record_key(types, None, None, id) else { continue };
                // A name with several meanings is left out.
                let meaning = keys.entry(*name).or_insert(Some((key, id)));
                *meaning = meaning.filter(|(known, _)| *known == key);
            }
            let known: HashSet<Name, RandomState> = records.iter().map(|(key, ..)| *key).collect();
            let free = keys.into_iter().filter(|(name, _)| !known.contains(name));
            records.extend(free.filter_map(|(name, meaning)| meaning.map(|(key, id)| (name, key, id))));
            records.sort_unstable_by_key(|(name, ..)| names.get(*name));
        }
        records
    }

    fn member(&mut self, owner: Name, record: RecordId, index: usize, member: &Member) -> io::Result<()> {
        let types = &self.profile.types;
        let flaw = self.resolution.flaw(record, index);
        if flaw == Some(Flaw::Dropped) {
            return Ok(());
        }
        self.printer.key(self.profile.names.get(member.name))?;
        self.printer.raw("{");
        let whole = flaw.is_none() && member.bits.is_none();
        if whole && member.anonymous && matches!(types.peel(member.ty), Type::Record(_)) {
            self.printer.raw("\"anonymous\":true,");
        }
        self.printer.raw("\"offset\":");
        self.printer.number(match flaw {
            Some(Flaw::Unit(unit)) => unit.offset,
            _ => member.offset,
        });
        self.printer.raw(",\"type\":");
        let place = Some(Place { owner, member: index as u32 });
        match (flaw, member.bits) {
            (Some(Flaw::Bytes(count)), _) => self.bytes(count),
            (Some(Flaw::Pointer), _) => {
                self.printer.raw("{\"kind\":\"pointer\",\"subtype\":{\"kind\":\"base\",\"name\":\"void\"}}");
            }
            (Some(Flaw::Unit(unit)), _) => self.bit_field(unit.bits, |writer| {
                let name = writer.bases.unsigned(unit.size);
                writer.base(name);
            }),
            (_, Some(bits)) => self.bit_field(bits, |writer| writer.descriptor(member.ty, place)),
            (_, None) => self.descriptor(member.ty, place),
        }
        self.printer.raw("}");
        Ok(())
    }

    fn bit_field(&mut self, bits: BitRange, stored: impl FnOnce(&mut Self)) {
        self.printer.raw("{\"bit_length\":");
        self.printer.number(bits.end.saturating_sub(bits.start));
        self.printer.raw(",\"bit_position\":");
        self.printer.number(bits.start);
        self.printer.raw(",\"kind\":\"bitfield\",\"type\":");
        stored(self);
        self.printer.raw("}");
    }

    fn bytes(&mut self, count: u64) {
        self.array(count, |writer| writer.base("unsigned char"));
    }

    fn array(&mut self, count: u64, element: impl FnOnce(&mut Self)) {
        self.printer.raw("{\"count\":");
        self.printer.number(count);
        self.printer.raw(",\"kind\":\"array\",\"subtype\":");
        element(self);
        self.printer.raw("}");
    }

    fn base(&mut self, name: &str) {
        self.named("base", name);
    }

    fn named(&mut self, kind: &str, name: &str) {
        self.printer.raw("{\"kind\":\"");
        self.printer.raw(kind);
        self.printer.raw("\",\"name\":");
        self.printer.string(name);
        self.printer.raw("}");
    }

    fn descriptor(&mut self, ty: TypeId, place: Option<Place>) {
        let (names, types) = (&self.profile.names, &self.profile.types);
        let (alias, ty) = types.peel_named(ty);
        match ty {
            Type::Void | Type::Alias { .. } => self.base("void"),
            Type::Native(native) => {
                self.printer.raw("{\"kind\":\"base\",\"name\":");
                self.printer.string(self.bases.name(native));
                self.printer.raw("}");
            }
            Type::Pointer { target, size } => {
                let narrow = size != self.profile.arch.address_size();
                match (narrow, pointer_name(size)) {
                    (false, _) => self.printer.raw("{\"kind\":\"pointer\",\"subtype\":"),
                    (true, Some(base)) => {
                        self.printer.raw("{\"base\":\"");
                        self.printer.raw(base);
                        self.printer.raw("\",\"kind\":\"pointer\",\"subtype\":");
                    }
                    // A far pointer.
                    (true, None) => return self.bytes(size.into()),
                }
                self.descriptor(target, place);
                self.printer.raw("}");
            }
            Type::Array { target, count } => self.array(count, |writer| writer.descriptor(target, place)),
            Type::Function(_) => self.printer.raw("{\"kind\":\"function\"}"),
            Type::Record(id) => {
                let kind = types.record(id).map_or("struct", |record| word(record.kind));
                let key = self.resolution.record_key(types, place, alias, id);
                self.named(kind, key.map_or("void", |key| names.get(key)));
            }
            Type::Enumeration(id) => {
                let key = self.resolution.enum_key(types, place, alias, id);
                self.named("enum", key.map_or("void", |key| names.get(key)));
            }
            Type::Named(name) => {
                let defined = self.resolution.record(name).and_then(|id| types.record(id));
                let kind = defined.map_or("struct", |record| word(record.kind));
                self.named(kind, names.get(self.resolution.key_of(name)));
            }
            Type::WideString { bytes: Some(bytes) } => {
                self.array(bytes / 2, |writer| writer.base(WIDE_CHARACTER));
            }
            Type::WideString { bytes: None } => self.base(WIDE_CHARACTER),
            Type::Verbatim(number) => self.verbatim(number),
        }
    }

    /// A descriptor of Rekall's that is based on a plain type: its target's, or that of the bytes it reads.
    fn verbatim(&mut self, number: u32) {
        let Some((word, arguments)) = self.profile.types.verbatim(number) else { return self.base("void") };
        let number = |key: &str| arguments.get(key).and_then(Value::as_u64);
        let target = arguments.get("target").and_then(Value::as_str);
        let target =
            target.filter(|target| self.bases.all().any(|(name, _)| name == self.bases.spelled(target)));
        match (word, number("length"), target) {
            ("String", Some(length), _) => self.array(length, |writer| writer.base("char")),
            ("Enumeration" | "Flags", _, Some(target)) => {
                let name = self.bases.spelled(target).to_owned();
                self.base(&name);
            }
            ("UnixTimeStamp", ..) => self.base("unsigned int"),
            ("WinFileTime" | "ThreadCreateTimeStamp", ..) => {
                let name = self.bases.unsigned(8);
                self.base(name);
            }
            _ => {
                self.report.lose(INEXPRESSIBLE, || word.to_owned());
                self.base("void");
            }
        }
    }
}

fn word(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Struct => "struct",
        RecordKind::Union => "union",
        RecordKind::Class => "class",
    }
}

/// `metadata`: Volatility 3 selects the table by it or by the content of the banner's symbol.
fn metadata(profile: &Profile, compat: Compat) -> Value {
    let producer = compat.producer();
    let mut metadata = json!({
        "format": FORMAT,
        "producer": {"name": producer.name, "version": producer.version},
    });
    let described = match profile.system {
        System::Windows => ("windows", windows(profile)),
        System::Linux => ("linux", sources(profile)),
        System::Mac => ("mac", sources(profile)),
        System::Other => return metadata,
    };
    if let Some(entries) = metadata.as_object_mut() {
        entries.insert(described.0.to_owned(), described.1);
    }
    metadata
}

fn windows(profile: &Profile) -> Value {
    let mut windows = Map::new();
    if let Some(guid_age) = guid_age(profile) {
        let database = profile.metadata_text("PDBFile").unwrap_or("unknown.pdb");
        let pdb = json!({
            "GUID": guid_age.guid_text(),
            "age": guid_age.age(),
            "database": database,
            "machine_type": machine::pe_number(profile.arch),
        });
        windows.insert("pdb".to_owned(), pdb);
    }
    let number = |key: &str| -> Option<u64> {
        let value = profile.metadata.get(key)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    let pe: Map<String, Value> = PE_FIELDS
        .into_iter()
        .filter_map(|(field, key)| Some((field.to_owned(), Value::from(number(key)?))))
        .collect();
    // The schema requires the first three.
    if PE_FIELDS.iter().take(3).all(|(field, _)| pe.contains_key(*field)) {
        windows.insert("pe".to_owned(), Value::Object(pe));
    }
    Value::Object(windows)
}

/// The GUID and age of a Windows profile.
pub(super) fn guid_age(profile: &Profile) -> Option<GuidAge> {
    profile.metadata_text("GUID_AGE")?.parse().ok()
}

/// The sources of symbols and types.
fn sources(profile: &Profile) -> Value {
    if let Some(Value::Object(sources)) = profile.metadata.get("Sources") {
        return Value::Object(sources.clone());
    }
    let name = ["Release", "BuildID", "UUID"].iter().find_map(|key| profile.metadata_text(key));
    let item = |kind: &str| {
        let mut item = Map::new();
        item.insert("kind".to_owned(), kind.into());
        if let Some(name) = name {
            item.insert("name".to_owned(), name.into());
        }
        if let Some(hash) = profile.metadata_text("SourceSHA256") {
            item.insert("hash_type".to_owned(), "sha256".into());
            item.insert("hash_value".to_owned(), hash.into());
        }
        vec![Value::Object(item)]
    };
    // The schema has no value for BTF.
    let btf = profile.metadata_text("Generator").is_some_and(|generator| generator.contains("btf"));
    json!({
        "symbols": if profile.constants.is_empty() { Vec::new() } else { item("symtab") },
        "types": if btf { Vec::new() } else { item("dwarf") },
    })
}
