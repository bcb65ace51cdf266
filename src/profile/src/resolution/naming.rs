//! The names of records and enumerations: their own, those from typedefs or members, or their hash.

use super::bounds::{MAX_DEPTH, MAX_DESCRIPTORS, MAX_NESTING};
use super::keys::{Map, Place};
use super::resolver::{Resolver, Space};
use super::result::Conflict;
use super::standing::Rank;
use super::variants;
use crate::model::Definition;
use crate::model::layout::{LayoutHash, push_hex};
use crate::{Name, RecordId, Type, TypeId};

/// An unnamed definition found on a path from a member.
struct Found {
    owner: Name,
    member: u32,
    definition: Definition,
}

/// A struct whose members have not been searched for unnamed types yet.
struct Unsearched {
    key: Name,
    record: RecordId,
    /// The unnamed records around it, itself included, with their keys on this path.
    nested_in: Vec<(RecordId, Name)>,
}

impl Resolver<'_> {
    pub(super) fn name_records(&mut self, variables: &[(Name, TypeId)]) {
        let types = self.types;
        let mut wanted: Vec<(Name, Definition)> =
            types.records().filter_map(|(id, record)| Some((record.name?, Definition::Record(id)))).collect();
        let own = wanted.len();
        let typedefs = self.typedefs().filter_map(|(name, ty)| match ty {
            Type::Record(id) if types.record(id)?.name.is_none() => Some((name, Definition::Record(id))),
            _ => None,
        });
        let mut hashed = self.add_with_room(Space::Structs, typedefs.collect(), &mut wanted);
        variants::tell_apart(self.names, types, &mut self.layouts, &wanted);
        let keys = self.claim(Space::Structs, &wanted);
        for (position, ((name, definition), key)) in wanted.iter().zip(&keys).enumerate() {
            if position >= own {
                self.result.record_keys.by_alias.insert((*name, *definition), *key);
            } else if key != name {
                self.result.record_keys.give(*definition, *key);
            }
        }
        let level = self.keyed_records().into_iter();
        let level = level.map(|(key, record)| Unsearched { key, record, nested_in: Vec::new() });
        self.search(level.collect());

        for (_, ty) in variables {
            self.find_unnamed(*ty, None, Space::Structs, &mut Vec::new(), &mut hashed);
        }
        let added = self.claim_by_hash(Space::Structs, hashed);
        self.search(added);
        // The remaining ones hold no name and are not on a path. Each round may reach some of them.
        for (id, _) in types.records() {
            let definition = Definition::Record(id);
            if !self.result.record_keys.is_reached(definition)
                && let Some(added) = self.claim_one_by_hash(Space::Structs, definition)
            {
                self.search(vec![added]);
            }
        }
        let mut structs = self.keyed_records();
        self.names.sort_by_text(&mut structs, |(key, _)| *key);
        self.structs = structs;
    }

    /// The records that already have a key, in the order of the keys' values.
    fn keyed_records(&self) -> Vec<(Name, RecordId)> {
        let taken = self.result.record_keys.taken.iter();
        let mut keyed: Vec<(Name, RecordId)> = taken
            .filter_map(|(key, definition)| match definition {
                Definition::Record(id) => Some((*key, *id)),
                Definition::Enumeration(_) => None,
            })
            .collect();
        keyed.sort_unstable();
        keyed
    }

    pub(super) fn name_enumerations(&mut self, variables: &[(Name, TypeId)]) {
        let types = self.types;
        let mut wanted: Vec<(Name, Definition)> = types
            .enumerations()
            .filter_map(|(id, item)| Some((item.name?, Definition::Enumeration(id))))
            .collect();
        let own = wanted.len();
        let typedefs = self.typedefs().filter_map(|(name, ty)| match ty {
            Type::Enumeration(id) if types.enumeration(id)?.name.is_none() => {
                Some((name, Definition::Enumeration(id)))
            }
            _ => None,
        });
        let mut hashed = self.add_with_room(Space::Enums, typedefs.collect(), &mut wanted);
        let keys = self.claim(Space::Enums, &wanted);
        for (position, ((name, definition), key)) in wanted.iter().zip(&keys).enumerate() {
            if position >= own {
                self.result.enum_keys.by_alias.insert((*name, *definition), *key);
            } else if key != name {
                self.result.enum_keys.give(*definition, *key);
            }
        }
        let mut found = Vec::new();
        for (owner, record) in &self.structs {
            for (member, item) in types.members(*record).iter().enumerate() {
                let place = Place { owner: *owner, member: member as u32 };
                self.find_unnamed(item.ty, Some(place), Space::Enums, &mut found, &mut hashed);
            }
        }
        for (_, ty) in variables {
            self.find_unnamed(*ty, None, Space::Enums, &mut found, &mut hashed);
        }
        found.retain(|found| {
            let has_room = self.has_room(Space::Enums, found.definition);
            if !has_room {
                hashed.push(found.definition);
            }
            has_room
        });
        self.claim_paths(Space::Enums, &found);
        let keys = &self.result.enum_keys;
        let rest = types.enumerations().map(|(id, _)| Definition::Enumeration(id));
        hashed.extend(rest.filter(|definition| !keys.is_reached(*definition)));
        self.claim_by_hash(Space::Enums, hashed);
    }

    /// Adds those of the typedefs of unnamed definitions for which there is room to `wanted`; returns the other definitions.
    fn add_with_room(
        &mut self,
        space: Space,
        typedefs: Vec<(Name, Definition)>,
        wanted: &mut Vec<(Name, Definition)>,
    ) -> Vec<Definition> {
        let (with, without): (Vec<_>, Vec<_>) =
            typedefs.into_iter().partition(|(_, definition)| self.has_room(space, *definition));
        wanted.extend(with);
        without.into_iter().map(|(_, definition)| definition).collect()
    }

    /// Whether an unnamed definition may be listed under one name more.
    fn has_room(&mut self, space: Space, definition: Definition) -> bool {
        let (_, parts) = self.types.extent(definition);
        self.keys(space).has_room(parts)
    }

    /// Every typedef with its direct target.
    fn typedefs(&self) -> impl Iterator<Item = (Name, Type)> {
        let types = self.types;
        types.all().filter_map(move |ty| match ty {
            Type::Alias { name: Some(name), target } => match types.peel_named(target) {
                (None, target) => Some((name, target)),
                // The inner typedef names it.
                _ => None,
            },
            _ => None,
        })
    }

    /// Gives each definition the name it wants, or the one that the rule for conflicts gives it.
    fn claim(&mut self, space: Space, wanted: &[(Name, Definition)]) -> Vec<Name> {
        let mut order: Vec<usize> = (0..wanted.len()).collect();
        order.sort_unstable_by_key(|position| wanted[*position]);
        let mut keys: Vec<Name> = wanted.iter().map(|(name, _)| *name).collect();
        self.keys(space).taken.reserve(wanted.len());
        for group in order.chunk_by(|a, b| wanted[*a].0 == wanted[*b].0) {
            let Some((name, first)) = group.first().map(|position| wanted[*position]) else { continue };
            let holder = self.keys(space).taken.get(&name).copied();
            let reserved = space == Space::Structs && self.reserved.contains(&name);
            if holder.is_none() && group.len() == 1 && !reserved {
                self.keys(space).taken.insert(name, first);
                self.keys(space).reach(first);
                continue;
            }
            let members: Vec<Definition> = group.iter().map(|position| wanted[*position].1).collect();
            for (position, key) in group.iter().zip(self.settle(space, name, holder, &members)) {
                keys[*position] = key;
            }
        }
        keys
    }

    /// The keys of definitions that all want `name`, which `holder` may already have.
    fn settle(
        &mut self,
        space: Space,
        name: Name,
        holder: Option<Definition>,
        definitions: &[Definition],
    ) -> Vec<Name> {
        // The owner keeps the name, because others were named after it.
        let held = holder.map(|holder| (self.layouts.hash(self.names, self.types, holder), holder));
        let hashes: Vec<LayoutHash> = definitions
            .iter()
            .map(|definition| self.layouts.hash(self.names, self.types, *definition))
            .collect();
        for definition in definitions {
            self.keys(space).reach(*definition);
        }
        let context = (self.variables, self.address);
        let ranked = self.standing.rank(self.names, self.types, &mut self.layouts, context, definitions);
        let ranked = ranked.iter().map(|Rank { hash, definition, .. }| (*hash, *definition));
        let mut ranked: Vec<(LayoutHash, Definition)> =
            ranked.filter(|(hash, _)| held.is_none_or(|(held, _)| held != *hash)).collect();
        ranked.splice(0..0, held);
        let reserved = space == Space::Structs && self.reserved.contains(&name);
        let mut by_hash: Map<LayoutHash, Name> = Map::default();
        let mut renamed = Vec::new();
        for (rank, (hash, definition)) in ranked.iter().enumerate() {
            let mut key = name;
            if rank > 0 || reserved {
                key = self.suffixed(space, name, hash, *definition);
            }
            if rank > 0 {
                renamed.push((self.names.get(key).to_owned(), self.types.extent(*definition).0));
            } else if reserved {
                self.keys(space).moved.entry(name).or_insert(key);
            }
            self.keys(space).taken.insert(key, *definition);
            by_hash.insert(*hash, key);
        }
        if let (Some((_, kept)), false) = (ranked.first(), renamed.is_empty()) {
            let kept = self.types.extent(*kept).0;
            let name = self.names.get(name).to_owned();
            self.result.conflicts.push(Conflict { name, kept, renamed });
        }
        hashes.iter().map(|hash| by_hash.get(hash).copied().unwrap_or(name)).collect()
    }

    /// `<name>__` and as many digits of the hash as make the key unique, at least eight.
    fn suffixed(&mut self, space: Space, name: Name, hash: &LayoutHash, definition: Definition) -> Name {
        let mut key = name;
        for digits in 8..=64 {
            let mut text = format!("{}__", self.names.get(name));
            push_hex(&mut text, hash, digits);
            key = self.names.intern(&text);
            if self.keys(space).taken.get(&key).is_none_or(|holder| *holder == definition) {
                break;
            }
        }
        key
    }

    /// Names the unnamed records that members of `level` hold or point to, level by level.
    fn search(&mut self, mut level: Vec<Unsearched>) {
        let types = self.types;
        // In a hostile file the number of paths can double with each level. After twice as many as the source has
        // definitions, unnamed types are named by their hash.
        let limit = 2 * (types.records().len() + types.member_count()) + 1024;
        while !level.is_empty() {
            self.names.sort_by_text(&mut level, |it| it.key);
            let (mut fresh, mut parents, mut hashed) = (Vec::new(), Vec::new(), Vec::new());
            for parent in &level {
                let mut found = Vec::new();
                for (member, item) in types.members(parent.record).iter().enumerate() {
                    let place = Place { owner: parent.key, member: member as u32 };
                    self.find_unnamed(item.ty, Some(place), Space::Structs, &mut found, &mut hashed);
                }
                let room = limit.saturating_sub(self.result.record_keys.taken.len() + fresh.len());
                for (position, found) in found.into_iter().enumerate() {
                    // A record inside itself keeps the key it has on this path.
                    let mut nested_in = parent.nested_in.iter();
                    let again = nested_in.find(|(record, _)| Definition::Record(*record) == found.definition);
                    if let Some((_, key)) = again {
                        self.result.record_keys.by_path.insert((found.owner, found.member), *key);
                    } else if position < room
                        && parent.nested_in.len() < MAX_NESTING
                        && self.has_room(Space::Structs, found.definition)
                    {
                        fresh.push(found);
                        parents.push(parent);
                    } else {
                        hashed.push(found.definition);
                    }
                }
            }
            let keys = self.claim_paths(Space::Structs, &fresh);
            let mut next = Vec::new();
            for ((found, key), parent) in fresh.iter().zip(keys).zip(parents) {
                if let Definition::Record(record) = found.definition {
                    let mut nested_in = parent.nested_in.clone();
                    nested_in.push((record, key));
                    next.push(Unsearched { key, record, nested_in });
                }
            }
            next.extend(self.claim_by_hash(Space::Structs, hashed));
            level = next;
        }
    }

    /// Names unnamed definitions by owner and member.
    fn claim_paths(&mut self, space: Space, found: &[Found]) -> Vec<Name> {
        let mut wanted = Vec::with_capacity(found.len());
        for found in found {
            let member = match self.result.record_keys.taken.get(&found.owner) {
                Some(Definition::Record(id)) => self.types.members(*id).get(found.member as usize),
                _ => None,
            };
            let owner = self.names.get(found.owner);
            let owner = owner.strip_prefix("__unnamed_").unwrap_or(owner);
            let member = member.map_or("", |member| self.names.get(member.name));
            let text = format!("__unnamed_{owner}_{member}");
            wanted.push((self.names.intern(&text), found.definition));
        }
        let keys = self.claim(space, &wanted);
        for (found, key) in found.iter().zip(&keys) {
            self.keys(space).by_path.insert((found.owner, found.member), *key);
        }
        keys
    }

    /// Names unnamed definitions by their layout hash; returns the new ones, whose members are to be searched.
    fn claim_by_hash(&mut self, space: Space, mut definitions: Vec<Definition>) -> Vec<Unsearched> {
        definitions.sort_unstable();
        definitions.dedup();
        definitions.into_iter().filter_map(|definition| self.claim_one_by_hash(space, definition)).collect()
    }

    fn claim_one_by_hash(&mut self, space: Space, definition: Definition) -> Option<Unsearched> {
        if self.keys(space).given(definition).is_some() {
            return None;
        }
        let hash = self.layouts.hash(self.names, self.types, definition);
        let (key, new) = self.hash_key(space, &hash, definition);
        self.keys(space).reach(definition);
        self.keys(space).give(definition, key);
        if !new {
            return None;
        }
        self.keys(space).taken.insert(key, definition);
        match definition {
            Definition::Record(record) => Some(Unsearched { key, record, nested_in: vec![(record, key)] }),
            Definition::Enumeration(_) => None,
        }
    }

    /// `__unnamed_` and as many digits of the hash as distinguish it from others, at least eight; and whether nothing
    /// has that key yet.
    fn hash_key(&mut self, space: Space, hash: &LayoutHash, definition: Definition) -> (Name, bool) {
        let mut digits = 8;
        loop {
            let mut text = String::with_capacity("__unnamed_".len() + digits);
            text.push_str("__unnamed_");
            push_hex(&mut text, hash, digits);
            let name = self.names.intern(&text);
            match self.keys(space).taken.get(&name).copied() {
                None => return (name, true),
                Some(holder)
                    if holder == definition
                        || digits == 64
                        || self.layouts.hash(self.names, self.types, holder) == *hash =>
                {
                    return (name, false);
                }
                Some(_) => digits += 1,
            }
        }
    }

    /// The unnamed definitions to which a type leads, through pointers, arrays and function arguments: those that a
    /// path from `place` can name, and those that only their hash can.
    fn find_unnamed(
        &self,
        ty: TypeId,
        place: Option<Place>,
        space: Space,
        found: &mut Vec<Found>,
        hashed: &mut Vec<Definition>,
    ) {
        if self.result.plain.contains(ty) {
            return;
        }
        let mut pending = vec![(ty, place, 0usize)];
        let mut budget = MAX_DESCRIPTORS;
        while let Some((ty, place, depth)) = pending.pop() {
            budget = budget.saturating_sub(1);
            if depth > MAX_DEPTH || budget == 0 {
                continue;
            }
            let (alias, ty) = self.types.peel_named(ty);
            let definition = match ty {
                Type::Pointer { target, .. } | Type::Array { target, .. } => {
                    pending.push((target, place, depth + 1));
                    continue;
                }
                Type::Function(arguments) => {
                    let arguments = self.types.arguments(arguments).iter().take(MAX_DESCRIPTORS);
                    pending.extend(arguments.map(|argument| (*argument, None, depth + 1)));
                    continue;
                }
                Type::Record(id) if space == Space::Structs => {
                    (self.types.record(id).is_some_and(|record| record.name.is_none()))
                        .then_some(Definition::Record(id))
                }
                Type::Enumeration(id) if space == Space::Enums => {
                    (self.types.enumeration(id).is_some_and(|item| item.name.is_none()))
                        .then_some(Definition::Enumeration(id))
                }
                _ => None,
            };
            if let (Some(definition), None) = (definition, alias) {
                match place {
                    Some(Place { owner, member }) => found.push(Found { owner, member, definition }),
                    None => hashed.push(definition),
                }
            }
        }
    }
}
