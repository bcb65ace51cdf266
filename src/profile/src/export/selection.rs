use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::judge::health::has;
use crate::judge::needs::{Consumer, Lookup, kernel_needs};
use crate::resolution::Place;
use crate::{Name, Profile, RecordId, Resolution, Type, TypeId, Types};

/// A part of a profile: some structs, enumerations and symbols, with all types that they hold by value.
///
/// The target of a pointer is only named, unless it is unnamed.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    structs: HashSet<Name, RandomState>,
    enums: HashSet<Name, RandomState>,
    symbols: HashSet<Name, RandomState>,
}

impl Selection {
    /// The part that the names select among structs, enumerations and symbols; `STRUCT.MEMBER` selects the struct.
    /// Also returns the names that match nothing.
    pub fn new<'n>(profile: &Profile, resolution: &Resolution, wanted: &'n [String]) -> (Self, Vec<&'n str>) {
        let mut search = Search {
            profile,
            resolution,
            records: resolution.structs().iter().copied().collect(),
            found: Self::default(),
            pending: Vec::new(),
        };
        let enums: HashSet<Name, RandomState> =
            resolution.enumerations().iter().map(|(key, _)| *key).collect();
        let symbols: HashSet<Name, RandomState> =
            profile.constants.iter().chain(&profile.functions).map(|(name, _)| *name).collect();
        let types: HashMap<Name, TypeId, RandomState> = profile.constant_types.iter().copied().collect();
        let mut missing = Vec::new();
        for wanted in wanted {
            let mut known = false;
            if let Some(name) = profile.names.find(wanted) {
                known |= search.add_struct(name);
                if enums.contains(&name) {
                    known = true;
                    search.found.enums.insert(name);
                }
                if symbols.contains(&name) {
                    known = true;
                    search.found.symbols.insert(name);
                    types.get(&name).into_iter().for_each(|ty| search.add_type(*ty, None));
                }
            }
            if let Some((owner, _)) = wanted.split_once('.').filter(|_| !known) {
                known = profile.names.find(owner).is_some_and(|owner| search.add_struct(owner));
            }
            if !known {
                missing.push(wanted.as_str());
            }
        }
        search.finish();
        (search.found, missing)
    }

    /// Adds everything that a program needs to start, as far as the profile has it; of alternatives, the first. A
    /// slim profile that lacks these is useless to the program.
    pub fn add_needs(&mut self, profile: &Profile, resolution: &Resolution, consumer: Consumer) {
        let needs = kernel_needs(profile.system, profile.arch);
        let theirs = needs.filter(|need| need.consumers.contains(&consumer));
        let found = theirs.filter_map(|need| need.names().find(|name| has(*name, profile, resolution)));
        let wanted: Vec<String> = found
            .map(|name| match name {
                Lookup::Member(name, _) | Lookup::Struct(name) | Lookup::Symbol(name) => name.to_owned(),
            })
            .collect();
        let (more, _) = Self::new(profile, resolution, &wanted);
        self.structs.extend(more.structs);
        self.enums.extend(more.enums);
        self.symbols.extend(more.symbols);
    }

    pub(crate) fn has_struct(&self, key: Name) -> bool {
        self.structs.contains(&key)
    }

    pub(crate) fn has_enumeration(&self, key: Name) -> bool {
        self.enums.contains(&key)
    }

    pub(crate) fn has_symbol(&self, name: Name) -> bool {
        self.symbols.contains(&name)
    }
}

struct Search<'a> {
    profile: &'a Profile,
    resolution: &'a Resolution,
    records: HashMap<Name, RecordId, RandomState>,
    found: Selection,
    /// Structs whose members have not been searched yet.
    pending: Vec<Name>,
}

impl Search<'_> {
    /// Whether there is a struct with this key.
    fn add_struct(&mut self, key: Name) -> bool {
        let known = self.records.contains_key(&key);
        if known && self.found.structs.insert(key) {
            self.pending.push(key);
        }
        known
    }

    fn finish(&mut self) {
        while let Some(owner) = self.pending.pop() {
            let Some(record) = self.records.get(&owner) else { continue };
            for (index, member) in self.profile.types.members(*record).iter().enumerate() {
                self.add_type(member.ty, Some(Place { owner, member: index as u32 }));
            }
        }
    }

    fn add_type(&mut self, mut ty: TypeId, place: Option<Place>) {
        let types = &self.profile.types;
        let mut by_value = true;
        for _ in 0..Types::MAX_CHAIN {
            let (alias, meant) = types.peel_named(ty);
            match meant {
                Type::Array { target, .. } => ty = target,
                Type::Pointer { target, .. } => {
                    by_value = false;
                    ty = target;
                }
                Type::Record(id) => {
                    let named =
                        alias.is_some() || types.record(id).is_some_and(|record| record.name.is_some());
                    if let Some(key) = self.resolution.record_key(types, place, alias, id)
                        && (by_value || !named)
                    {
                        self.add_struct(key);
                    }
                    return;
                }
                Type::Named(name) if by_value => {
                    self.add_struct(self.resolution.key_of(name));
                    return;
                }
                Type::Enumeration(id) => {
                    self.found.enums.extend(self.resolution.enum_key(types, place, alias, id));
                    return;
                }
                _ => return,
            }
        }
    }
}
