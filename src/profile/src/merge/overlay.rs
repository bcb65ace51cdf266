use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use serde_json::{Value, json};

use crate::{EnumId, Label, Member, Name, Native, Profile, RecordId, Type, TypeId};

/// `base` with the sections of `top` applied to it.
pub(super) fn laid_over(base: &Profile, top: &Profile) -> Profile {
    let mut profile = Profile::new(base.system, base.arch);
    profile.metadata = base.metadata.clone();
    profile.config = base.config.clone();
    profile.config.extend(top.config.iter().map(|(key, value)| (key.clone(), value.clone())));
    profile.other = base.other.clone();
    for (section, value) in &top.other {
        match (profile.other.get_mut(section), value) {
            (Some(Value::Object(ours)), Value::Object(theirs)) => {
                ours.extend(theirs.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            _ => {
                profile.other.insert(section.clone(), value.clone());
            }
        }
    }
    let records = |of: &Profile| -> HashSet<String> {
        let names = of.types.records().filter_map(|(_, record)| record.name);
        names.map(|name| of.names.get(name).to_owned()).collect()
    };
    let mut defined = records(base);
    defined.extend(records(top));

    let mut copied = Copied::default();
    for source in [top, base] {
        Copy { source, profile: &mut profile, copied: &mut copied, defined: &defined }.all();
    }
    profile
}

/// The entries that the profile already has and that are not replaced.
#[derive(Default)]
struct Copied {
    records: HashMap<Name, RecordId, RandomState>,
    enums: HashMap<Name, EnumId, RandomState>,
    symbols: HashSet<Name, RandomState>,
    variables: HashSet<Name, RandomState>,
}

/// Copies one profile's types and symbols into another.
struct Copy<'a> {
    source: &'a Profile,
    profile: &'a mut Profile,
    copied: &'a mut Copied,
    /// The names of all structs of both profiles.
    defined: &'a HashSet<String>,
}

impl Copy<'_> {
    fn all(&mut self) {
        let source = self.source;
        let first = self.profile.types.reserve(source.types.len());
        let (enums, other_values) = self.enumerations(first);
        let records = self.records(first);
        for (number, ty) in source.types.all().enumerate() {
            let ty = match ty {
                Type::Void => Type::Void,
                Type::Native(id) => match source.types.native_of(id) {
                    Some(native) => {
                        let native = Native { name: self.name(native.name), ..*native };
                        Type::Native(self.profile.types.native(native))
                    }
                    None => Type::Void,
                },
                Type::Pointer { target, size } => Type::Pointer { target: moved(first, target), size },
                Type::Array { target, count } => Type::Array { target: moved(first, target), count },
                Type::Function(arguments) => {
                    let arguments = source.types.arguments(arguments);
                    let arguments: Vec<TypeId> = arguments.iter().map(|ty| moved(first, *ty)).collect();
                    Type::Function(self.profile.types.add_arguments(&arguments))
                }
                Type::Record(id) => records.get(id.index()).map_or(Type::Void, |id| Type::Record(*id)),
                Type::Enumeration(id) if other_values.contains(&id) => self.spelled_out(id),
                Type::Enumeration(id) => {
                    enums.get(id.index()).map_or(Type::Void, |id| Type::Enumeration(*id))
                }
                Type::Alias { name, target } => {
                    Type::Alias { name: name.map(|name| self.name(name)), target: moved(first, target) }
                }
                Type::Named(name) => Type::Named(self.name(name)),
                Type::WideString { bytes } => Type::WideString { bytes },
                Type::Verbatim(number) => match source.types.verbatim(number) {
                    // It was unknown when it was read; the other profile defines it.
                    Some((name, arguments)) if !arguments.is_object() && self.defined.contains(name) => {
                        Type::Named(self.profile.intern(name))
                    }
                    Some((name, arguments)) => {
                        self.profile.types.add_verbatim(name.to_owned(), arguments.clone())
                    }
                    None => Type::Void,
                },
            };
            self.profile.types.set(first.offset(number), ty);
        }
        self.symbols(first);
    }

    fn records(&mut self, first: TypeId) -> Vec<RecordId> {
        let source = self.source;
        let mut ids = Vec::with_capacity(source.types.records().len());
        for (id, record) in source.types.records() {
            let name = record.name.map(|name| self.name(name));
            if let Some(known) = name.and_then(|name| self.copied.records.get(&name)) {
                ids.push(*known);
                continue;
            }
            let members: Vec<Member> = source
                .types
                .members(id)
                .iter()
                .map(|member| Member { name: self.name(member.name), ty: moved(first, member.ty), ..*member })
                .collect();
            ids.push(self.profile.types.add_named_record(name, record.kind, record.size, members));
        }
        // Several definitions under one name in this profile do not replace each other: they are settled when it is
        // written.
        for (position, (_, record)) in source.types.records().enumerate() {
            if let (Some(name), Some(id)) = (record.name, ids.get(position)) {
                let name = self.name(name);
                self.copied.records.entry(name).or_insert(*id);
            }
        }
        ids
    }

    /// The new ids of the enumerations, and those whose values have another type in the profile that replaces them.
    fn enumerations(&mut self, first: TypeId) -> (Vec<EnumId>, HashSet<EnumId>) {
        let source = self.source;
        let mut ids = Vec::with_capacity(source.types.enumerations().len());
        let mut other_values = HashSet::new();
        for (id, item) in source.types.enumerations() {
            let name = item.name.map(|name| self.name(name));
            if let Some(known) = name.and_then(|name| self.copied.enums.get(&name)).copied() {
                if native_name(source, id) != native_name(self.profile, known) {
                    other_values.insert(id);
                }
                ids.push(known);
                continue;
            }
            let labels: Vec<Label> = source
                .types
                .labels(id)
                .iter()
                .map(|label| Label { name: self.name(label.name), ..*label })
                .collect();
            let underlying = moved(first, item.underlying);
            ids.push(self.profile.types.add_enumeration(name, underlying, item.signed, &labels));
        }
        for (position, (_, item)) in source.types.enumerations().enumerate() {
            if let (Some(name), Some(id)) = (item.name, ids.get(position)) {
                let name = self.name(name);
                self.copied.enums.entry(name).or_insert(*id);
            }
        }
        (ids, other_values)
    }

    /// The descriptor of an enumeration with the labels of one profile and the value type of another.
    fn spelled_out(&mut self, id: EnumId) -> Type {
        let name = self.source.types.enumeration(id).and_then(|item| item.name);
        let name = name.map_or("", |name| self.source.names.get(name));
        let target = native_name(self.source, id).unwrap_or("unsigned int");
        let arguments = json!({"enum_name": name, "target": target});
        self.profile.types.add_verbatim("Enumeration".to_owned(), arguments)
    }

    fn symbols(&mut self, first: TypeId) {
        let source = self.source;
        // Constants and functions share one name space: a function replaces a constant.
        let mut own: Vec<Name> = Vec::new();
        for (symbols, function) in [(&source.constants, false), (&source.functions, true)] {
            for (name, value) in symbols {
                let name = self.name(*name);
                if self.copied.symbols.contains(&name) {
                    continue;
                }
                own.push(name);
                let into = if function { &mut self.profile.functions } else { &mut self.profile.constants };
                into.push((name, *value));
            }
        }
        self.copied.symbols.extend(own);
        for (name, ty) in &source.constant_types {
            let name = self.name(*name);
            if self.copied.variables.insert(name) {
                self.profile.constant_types.push((name, moved(first, *ty)));
            }
        }
    }

    fn name(&mut self, name: Name) -> Name {
        self.profile.names.intern(self.source.names.get(name))
    }
}

/// The id of a type in the profile that it is copied into.
fn moved(first: TypeId, ty: TypeId) -> TypeId {
    first.offset(ty.index())
}

/// The name of the native type of an enumeration's values.
fn native_name(profile: &Profile, id: EnumId) -> Option<&str> {
    match profile.types.peel(profile.types.values_of(id)?) {
        Type::Native(native) => profile.types.native_of(native).map(|native| profile.names.get(native.name)),
        Type::Verbatim(number) => profile.types.verbatim(number).map(|(name, _)| name),
        _ => None,
    }
}
