use std::collections::{BTreeSet, HashMap, HashSet};

use foldhash::fast::RandomState;
use serde_json::{Map, Value};

use super::descriptor::{ADDRESS, Descriptors, Lowered, NOT_UNDERSTOOD, value_bits};
use super::error::ReadError;
use super::identity::{Evidence, Identity, settle};
use super::keyed::Keyed;
use super::text::INVALID_TEXT;
use crate::json::walk;
use crate::model::vocabulary;
use crate::{
    Arch, Label, Name, Native, NativeKind, NewMember, Profile, RecordId, RecordKind, Report, System, Type,
    TypeId,
};

/// Collects the entries of a profile's text, in any order of its sections, and makes a profile of them.
///
/// Of repeated keys the last counts, as for every JSON reader that fills a map. An invalid entry of a section affects
/// only itself and is counted.
pub(crate) struct Builder<'de, 'r> {
    profile: Profile,
    report: &'r mut Report,
    metadata: Map<String, Value>,
    constants: Keyed<u64>,
    functions: Keyed<u64>,
    constant_types: Keyed<TypeId>,
    structs: Keyed<Struct>,
    enums: HashMap<Name, Labels, RandomState>,
    descriptors: Descriptors<'de>,
    entered: HashSet<String>,
}

/// A struct's entry.
enum Struct {
    Defined {
        size: u64,
        members: Vec<NewMember>,
    },
    /// Another name for a struct, as in Rekall's overlays.
    Alias(Name),
}

/// What the two sections of enumerations hold about one.
#[derive(Default)]
struct Labels {
    by_value: Vec<(i128, Name)>,
    by_label: Vec<(Name, i128)>,
}

impl<'de, 'r> Builder<'de, 'r> {
    pub(crate) fn new(report: &'r mut Report) -> Self {
        Self {
            profile: Profile::new(System::Other, Arch::Amd64),
            report,
            metadata: Map::new(),
            constants: Keyed::default(),
            functions: Keyed::default(),
            constant_types: Keyed::default(),
            structs: Keyed::default(),
            enums: HashMap::default(),
            descriptors: Descriptors::default(),
            entered: HashSet::new(),
        }
    }

    /// Starts a section; an earlier one of that name is dropped.
    pub(super) fn enter(&mut self, section: &str, damaged: bool) {
        self.count_damaged(u64::from(damaged));
        if self.entered.insert(section.to_owned()) {
            return;
        }
        self.report.lose("sections that appear twice", || section.to_owned());
        match section {
            "$METADATA" => self.metadata.clear(),
            "$CONSTANTS" => self.constants = Keyed::default(),
            "$FUNCTIONS" => self.functions = Keyed::default(),
            "$CONSTANT_TYPES" => self.constant_types = Keyed::default(),
            "$STRUCTS" => self.structs = Keyed::default(),
            "$ENUMS" => self.enums.values_mut().for_each(|labels| labels.by_value.clear()),
            "$REVENUMS" => self.enums.values_mut().for_each(|labels| labels.by_label.clear()),
            "$CONFIG" => self.profile.config.clear(),
            "$MERGE" => self.profile.merge.clear(),
            _ => {}
        }
    }

    /// Counts texts that are not UTF-8.
    pub(super) fn count_damaged(&mut self, count: u64) {
        if count > 0 {
            self.report.lose_many(INVALID_TEXT, count, || "half a surrogate pair".to_owned());
        }
    }

    /// An entry of `$CONSTANTS`.
    pub(crate) fn constant(&mut self, name: &str, value: &str) {
        if let Some((name, value)) = self.symbol(name, value) {
            let replaced = self.constants.insert(name, value);
            self.count_replaced(replaced, name);
        }
    }

    /// An entry of `$FUNCTIONS`.
    pub(crate) fn function(&mut self, name: &str, value: &str) {
        if let Some((name, value)) = self.symbol(name, value) {
            let replaced = self.functions.insert(name, value);
            self.count_replaced(replaced, name);
        }
    }

    fn symbol(&mut self, name: &str, value: &str) -> Option<(Name, u64)> {
        match address(value) {
            Some(address) => Some((self.profile.intern(name), address)),
            None => {
                self.report.lose("symbols whose value is not an address", || name.to_owned());
                None
            }
        }
    }

    /// An entry of `$CONSTANT_TYPES`.
    pub(crate) fn constant_type(&mut self, name: &str, descriptor: &'de str) {
        match self.descriptors.lower(descriptor, &mut self.profile, self.report) {
            Some(Lowered { ty, bits: None }) => {
                let name = self.profile.intern(name);
                let replaced = self.constant_types.insert(name, ty);
                self.count_replaced(replaced, name);
            }
            _ => self.report.lose(NOT_UNDERSTOOD, || name.to_owned()),
        }
    }

    /// An entry of `$STRUCTS`.
    pub(crate) fn structure(&mut self, name: &str, entry: &'de str) {
        let entry = if entry.starts_with('"') {
            walk::string(entry).map(|(target, _)| Struct::Alias(self.profile.intern(&target)))
        } else {
            walk::pair(entry).and_then(|(size, members)| {
                let size = u64::try_from(walk::integer(size)?).ok()?;
                Some(Struct::Defined { size, members: self.members(name, members)? })
            })
        };
        match entry {
            Some(entry) => {
                let name = self.profile.intern(name);
                let replaced = self.structs.insert(name, entry);
                self.count_replaced(replaced, name);
            }
            None => self.report.lose("structs that are not [size, {members}]", || name.to_owned()),
        }
    }

    fn members(&mut self, owner: &str, text: &'de str) -> Option<Vec<NewMember>> {
        let mut members: Vec<NewMember> = Vec::new();
        let damaged = walk::entries(text, |name, entry| {
            let member = walk::pair(entry).and_then(|(offset, descriptor)| {
                let offset = u64::try_from(walk::integer(offset)?).ok()?;
                let Lowered { ty, bits } =
                    self.descriptors.lower(descriptor, &mut self.profile, self.report)?;
                Some(NewMember { name: Some(self.profile.intern(&name)), offset, ty, bits })
            });
            match member {
                Some(member) => members.push(member),
                None => {
                    self.report.lose("members that are not [offset, [type]]", || format!("{owner}.{name}"))
                }
            }
        });
        self.count_damaged(damaged.ok()?);
        // The last of repeated names counts: after reversing it is the first, which `dedup` keeps.
        members.reverse();
        members.sort_by_key(|member| member.name);
        let before = members.len();
        members.dedup_by_key(|member| member.name);
        if members.len() < before {
            self.report.lose_many(REPEATED, (before - members.len()) as u64, || owner.to_owned());
        }
        // The text sorts members by name. Except in unions, they were declared in this order.
        let names = &self.profile.names;
        members.sort_by_key(|member| {
            let name = member.name.map_or("", |name| names.get(name));
            (member.offset, member.bits.map(|bits| bits.start), number_of_unnamed(name), name)
        });
        Some(members)
    }

    /// An entry of `$ENUMS`, or of `$REVENUMS` where `by_label`.
    pub(crate) fn labels(&mut self, name: &str, entry: &'de str, by_label: bool) {
        let key = self.profile.intern(name);
        let (names, report) = (&mut self.profile.names, &mut *self.report);
        let labels = self.enums.entry(key).or_default();
        let filled = if by_label { !labels.by_label.is_empty() } else { !labels.by_value.is_empty() };
        let mut by_value = Vec::new();
        let walked = walk::entries(entry, |key, value| {
            let (value, label) = if by_label {
                (walk::integer(value), Some((key.clone(), false)))
            } else {
                (walk::integer(&key), walk::string(value))
            };
            match (value, label) {
                (Some(value), Some((label, _))) => by_value.push((value, names.intern(&label))),
                _ => report.lose("labels whose value is not an integer", || format!("{name}: {key}")),
            }
        });
        if by_label {
            labels.by_label = by_value.into_iter().map(|(value, label)| (label, value)).collect();
        } else {
            labels.by_value = by_value;
        }
        match walked {
            Ok(damaged) => self.count_damaged(damaged),
            Err(_) => self.report.lose("enumerations that are not objects", || name.to_owned()),
        }
        self.count_replaced(filled, key);
    }

    /// A section that is small, or that is kept unchanged.
    pub(crate) fn section(&mut self, section: &str, text: &'de str) -> Result<(), ReadError> {
        let refuse = |expected: &'static str, found: String| {
            Err(ReadError::Section { section: section.to_owned(), expected, found })
        };
        if text == "null" {
            return Ok(());
        }
        match section {
            "$CONFIG" => {
                let config = &mut self.profile.config;
                let report = &mut *self.report;
                let walked = walk::entries(text, |key, value| {
                    let setting = match walk::string(value) {
                        Some((setting, _)) => setting.into_owned(),
                        None if value.starts_with(['{', '[']) => {
                            return report.lose("settings that are not texts", || key.into_owned());
                        }
                        None => value.to_owned(),
                    };
                    config.insert(key.into_owned(), setting);
                });
                match walked {
                    Ok(damaged) => self.count_damaged(damaged),
                    Err(_) => return refuse("an object of settings", kind(text)),
                }
            }
            "$MERGE" => match walk::items(text) {
                Some(items) => {
                    for item in items {
                        match walk::string(item) {
                            Some((name, _)) => self.profile.merge.push(name.into_owned()),
                            None => {
                                self.report.lose("names of profiles that are not texts", || item.to_owned())
                            }
                        }
                    }
                }
                None => return refuse("a list of names", kind(text)),
            },
            _ if text.len() > MAX_OTHER => {
                return refuse("at most 33,554,432 bytes", format!("{} bytes", text.len()));
            }
            _ => match (section, serde_json::from_str(text)) {
                ("$METADATA", Ok(Value::Object(metadata))) => self.metadata = metadata,
                ("$METADATA", Ok(_)) => return refuse("an object", kind(text)),
                (_, Ok(value)) => {
                    self.profile.other.insert(section.to_owned(), value);
                }
                (_, Err(error)) => return refuse("a value", error.to_string()),
            },
        }
        Ok(())
    }

    fn count_replaced(&mut self, replaced: bool, name: Name) {
        if replaced {
            self.report.lose(REPEATED, || self.profile.names.get(name).to_owned());
        }
    }

    /// Makes the profile from everything that was collected.
    pub(crate) fn finish(mut self) -> Profile {
        let mut metadata = std::mem::take(&mut self.metadata);
        let names = &self.profile.names;
        let all = self.constants.entries.iter().chain(&self.functions.entries);
        let evidence = Evidence {
            structure: &|name| match self.structs.get(names.find(name)?)? {
                Struct::Defined { size, .. } => Some(*size),
                Struct::Alias(_) => None,
            },
            constant: &|name| self.constants.get(names.find(name)?).copied(),
            highest: &|| all.clone().map(|(_, value)| *value).max().unwrap_or(0),
            config: &|name| self.profile.config.get(name).cloned(),
            empty_arguments: &|| self.descriptors.empty_arguments,
        };
        let identity = settle(&mut metadata, &evidence);
        self.finish_as(identity, metadata, None)
    }

    /// Makes the profile, given its identity. If the text is only a part, `elsewhere` gives the sizes of other
    /// structs.
    pub(crate) fn finish_as(
        mut self,
        identity: Identity,
        metadata: Map<String, Value>,
        elsewhere: Option<Sizes<'_>>,
    ) -> Profile {
        let Identity { system, arch } = identity;
        (self.profile.system, self.profile.arch) = (system, arch);
        self.profile.metadata = metadata.into_iter().collect();
        let records = self.records();
        self.settle_names(&records, elsewhere.is_none());
        self.settle_pointers();
        self.settle_enumerations();
        self.settle_arrays(elsewhere);
        self.mark_anonymous();
        self.profile.constants = self.constants.entries;
        self.profile.functions = self.functions.entries;
        self.profile.constant_types = self.constant_types.entries;
        self.profile
    }

    /// Adds every struct; aliases get the members of their targets.
    fn records(&mut self) -> HashMap<Name, RecordId, RandomState> {
        let mut records = HashMap::default();
        let Profile { types, names, .. } = &mut self.profile;
        for (name, entry) in &self.structs.entries {
            if let Struct::Defined { size, members } = entry {
                let kind = kind_of(names.get(*name), members);
                records.insert(*name, types.add_record(names, Some(*name), kind, *size, members));
            }
        }
        // Many aliases of one large struct would become larger than the text.
        let mut room = types.member_count() + self.structs.entries.len();
        for (name, entry) in &self.structs.entries {
            let Struct::Alias(target) = entry else { continue };
            let mut target = *target;
            let mut found = self.structs.get(target);
            for _ in 0..MAX_ALIASES {
                let Some(Struct::Alias(next)) = found else { break };
                target = *next;
                found = self.structs.get(target);
            }
            match found {
                Some(Struct::Defined { size, members }) if members.len() <= room => {
                    room -= members.len();
                    let kind = kind_of(names.get(target), members);
                    records.insert(*name, types.add_record(names, Some(*name), kind, *size, members));
                }
                _ => self.report.lose("aliases of unknown structs", || names.get(*name).to_owned()),
            }
        }
        records
    }

    /// Resolves each name that a descriptor used.
    fn settle_names(&mut self, records: &HashMap<Name, RecordId, RandomState>, complete: bool) {
        let held = if complete { self.held_by_value() } else { HashSet::default() };
        let mut named: Vec<(Name, TypeId)> = self.descriptors.named.iter().map(|(n, ty)| (*n, *ty)).collect();
        named.sort_unstable();
        for (name, ty) in named {
            let text = self.profile.names.get(name);
            let meaning = if let Some(record) = records.get(&name) {
                Type::Record(*record)
            } else if let Some(native) = vocabulary::known(text) {
                self.native(native.name)
            } else if vocabulary::sized(text).is_some() {
                let text = text.to_owned();
                self.native(&text)
            } else if text == "UnicodeString" {
                Type::WideString { bytes: None }
            } else if vocabulary::is_reserved(text) || held.contains(&ty) {
                // A word without its arguments, or a native type that only one compiler knows.
                let text = text.to_owned();
                self.profile.types.add_verbatim(text, Value::Null)
            } else {
                Type::Named(name)
            };
            self.profile.types.set(ty, meaning);
        }
        // Rekall's DWARF front-end stores every enumeration of 4 bytes as `long`, which has 8 bytes on such a system;
        // it supports none of 8 bytes.
        let four = self.descriptors.null_arguments && system_has_wide_long(&self.profile);
        if let Some(ty) = self.descriptors.enum_long {
            let meaning = self.native(if four { "int" } else { "long" });
            self.profile.types.set(ty, meaning);
        }
        // Bits are counted from the other end there, so that a smaller unit would hold other bits.
        let big_endian = self.profile.arch == Arch::Mips;
        for (index, name) in UNITS.into_iter().enumerate() {
            if let Some(ty) = self.descriptors.units[index] {
                let meaning = self.native(if big_endian && index < 2 { UNITS[2] } else { name });
                self.profile.types.set(ty, meaning);
            }
        }
    }

    /// The types of members, of array elements and of enumeration values.
    fn held_by_value(&self) -> HashSet<TypeId, RandomState> {
        let types = &self.profile.types;
        let mut held: HashSet<TypeId, RandomState> =
            self.descriptors.enums.values().filter_map(|found| found.underlying).collect();
        held.extend(types.enumerations().map(|(_, item)| item.underlying));
        for (id, _) in types.records() {
            for member in types.members(id) {
                let mut ty = member.ty;
                while let (true, Type::Array { target, .. }) = (held.insert(ty), types.get(ty)) {
                    ty = target;
                }
            }
        }
        held
    }

    fn native(&mut self, name: &str) -> Type {
        let (system, arch) = (self.profile.system, self.profile.arch);
        let (size, kind) = vocabulary::known(name)
            .map(|native| (native.size(system, arch), native.kind))
            .or_else(|| vocabulary::sized(name))
            .unwrap_or((0, NativeKind::Other));
        let name = self.profile.intern(name);
        Type::Native(self.profile.types.native(Native { name, size, kind }))
    }

    /// Gives every pointer without a width of its own the width of the system's addresses.
    fn settle_pointers(&mut self) {
        let address = self.profile.arch.address_size();
        for ty in self.profile.types.all_mut() {
            if let Type::Pointer { size: size @ ADDRESS, .. } = ty {
                *size = address;
            }
        }
    }

    /// Adds every enumeration that has labels or is used.
    fn settle_enumerations(&mut self) {
        let mut names: BTreeSet<Name> = self.enums.keys().copied().collect();
        names.extend(self.descriptors.enums.keys());
        for name in names {
            let labels = self.enums.remove(&name).unwrap_or_default();
            let (signed, labels) = self.join_labels(name, labels);
            let used = self.descriptors.enums.get(&name);
            let (ty, known, bits) =
                used.map_or((None, None, 32), |found| (Some(found.ty), found.underlying, found.bits));
            let underlying = known.unwrap_or_else(|| {
                let unit = match bits {
                    0..=8 => UNITS[0],
                    9..=16 => UNITS[1],
                    17..=32 if signed => "int",
                    17..=32 => UNITS[2],
                    _ => UNITS[3],
                };
                let unit = self.native(unit);
                self.profile.types.add(unit)
            });
            let id = self.profile.types.add_enumeration(Some(name), underlying, signed, &labels);
            if let Some(ty) = ty {
                self.profile.types.set(ty, Type::Enumeration(id));
            }
        }
    }

    /// One list of labels in an order that gives the same two sections: of labels that share a value, the one in
    /// `$ENUMS` is the last.
    fn join_labels(&mut self, name: Name, labels: Labels) -> (bool, Vec<Label>) {
        let Labels { by_value, by_label } = labels;
        // The last of repeated keys counts.
        let by_value: HashMap<i128, Name, RandomState> = by_value.into_iter().collect();
        let by_label: HashMap<Name, i128, RandomState> = by_label.into_iter().collect();
        let mut joined: Vec<(bool, bool, i128, Name)> = Vec::new();
        for (label, value) in &by_label {
            if by_value.get(value) != Some(label) {
                joined.push((false, false, *value, *label));
            }
        }
        for (value, label) in &by_value {
            joined.push((true, by_label.get(label) == Some(value), *value, *label));
        }
        joined.sort_unstable_by_key(|(chosen, last, value, label)| {
            (*chosen, *last, *value, self.profile.names.get(*label))
        });
        let signed = joined.iter().any(|(_, _, value, _)| *value < 0);
        let mut labels = Vec::with_capacity(joined.len());
        for (_, _, value, label) in joined {
            match value_bits(value, signed) {
                Some(bits) => labels.push(Label { name: label, bits }),
                None => self.report.lose("labels whose value 64 bits cannot hold", || {
                    self.profile.names.get(name).to_owned()
                }),
            }
        }
        (signed, labels)
    }

    /// Computes the number of elements of arrays that are given by their size.
    fn settle_arrays(&mut self, elsewhere: Option<Sizes<'_>>) {
        for array in std::mem::take(&mut self.descriptors.sized) {
            let Profile { types, names, .. } = &self.profile;
            let size = types.size_of(array.element).or_else(|| match types.get(array.element) {
                Type::Named(name) => elsewhere.and_then(|size| size(names.get(name))),
                _ => None,
            });
            let array_type = match size.and_then(|size| array.bytes.checked_div(size)) {
                Some(count) => Type::Array { target: array.element, count },
                None => {
                    self.report.lose("arrays of elements whose size is not known", || {
                        format!("{} bytes", array.bytes)
                    });
                    let byte = self.native(UNITS[0]);
                    Type::Array { target: self.profile.types.add(byte), count: array.bytes }
                }
            };
            self.profile.types.set(array.ty, array_type);
        }
    }

    /// Marks members whose name and type show that they are unnamed in the source.
    fn mark_anonymous(&mut self) {
        let Profile { types, names, .. } = &mut self.profile;
        types.mark_anonymous(|types, member| {
            let unnamed = |record: RecordId| {
                let name = types.record(record).and_then(|record| record.name);
                name.is_some_and(|name| names.get(name).starts_with("__unnamed_"))
            };
            number_of_unnamed(names.get(member.name)).is_some()
                && matches!(types.get(member.ty), Type::Record(record) if unnamed(record))
        });
    }
}

/// The size in bytes of the struct with this name.
type Sizes<'a> = &'a dyn Fn(&str) -> Option<u64>;

/// Counted for keys of an object that appear more than once.
const REPEATED: &str = "keys that appear twice";

/// How many aliases of structs are followed.
const MAX_ALIASES: usize = 16;

/// Sections that are kept unchanged are trees, which take up to sixteen times the size of their text; the largest
/// real one, the index of a large public repository, has some megabytes.
const MAX_OTHER: usize = 32 << 20;

/// The unsigned natives of 1, 2, 4 and 8 bytes.
const UNITS: [&str; 4] = ["unsigned char", "unsigned short", "unsigned int", "unsigned long long"];

/// The number in `u1`, `u2`, ..., the names of unnamed members.
fn number_of_unnamed(name: &str) -> Option<u32> {
    let digits = name.strip_prefix('u')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Profiles do not distinguish unions from structs: a record with several whole members at offset 0 is a union.
fn kind_of(name: &str, members: &[NewMember]) -> RecordKind {
    let whole = members.iter().filter(|member| member.bits.is_none()).count();
    if name.ends_with("_class") {
        RecordKind::Class
    } else if whole > 1 && members.iter().all(|member| member.offset == 0) {
        RecordKind::Union
    } else {
        RecordKind::Struct
    }
}

/// An address or RVA; a negative one, which some writers use, has the same 64 bits as the unsigned one.
pub(crate) fn address(text: &str) -> Option<u64> {
    let value = walk::integer(text)?;
    u64::try_from(value).ok().or_else(|| i64::try_from(value).ok().map(|value| value as u64))
}

fn system_has_wide_long(profile: &Profile) -> bool {
    matches!(profile.system, System::Linux | System::Mac) && profile.arch.address_size() == 8
}

/// The kind of a value, for messages.
fn kind(text: &str) -> String {
    match text.bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a truth value",
        _ => "a number",
    }
    .to_owned()
}
