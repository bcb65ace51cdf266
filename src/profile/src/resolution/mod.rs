mod plain;
mod standing;
mod variants;

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::model::layout::{Definition, LayoutHash, Layouts, push_hex};
use crate::model::vocabulary::reserved_words;
use crate::resolution::plain::PlainTypes;
use crate::{
    Arch, BitRange, EnumId, Member, Name, Names, Profile, RecordId, Report, StorageUnit, Type, TypeId, Types,
};
use standing::{Rank, Standing};

/// The names under which a profile's records and enumerations are written, and what had to be settled for
/// that: unnamed types, duplicates, conflicts, members no reader could follow.
///
/// This is the one place where those are decided, for every front-end (docs/format.md, invariants 4 to 6):
///
/// - a definition keeps its own name; an unnamed one is named by the typedef through which it is reached,
///   else `__unnamed_<owner>_<member>`, else `__unnamed_` and its layout hash;
/// - of several different definitions under one name, one with pointers of the architecture's width goes
///   before one that has other pointers only; then the one that the source means most often keeps the name,
///   then the larger, then the one with more members, then the one with the smaller layout hash; the others
///   are `<name>__` and their layout hash;
/// - a use that several definitions fit alike means the one of them that ranks first, and is counted and
///   listed ([`crate::Choice`]);
/// - a second member of one name in a struct is `<name>_1`;
/// - a struct may not bear a name that means something else to readers (`Pointer`, `unsigned long`): it is
///   `<name>__` and its layout hash;
/// - members that begin outside their struct are left out; members that reach beyond its end, or whose
///   layout is not known by value, become bytes; both are counted.
#[derive(Debug, Default)]
pub struct Resolution {
    structs: Vec<(Name, RecordId)>,
    enums: Vec<(Name, EnumId)>,
    record_keys: Keys,
    enum_keys: Keys,
    plain: PlainTypes,
    flaws: Map<(RecordId, u32), Flaw>,
    /// Variables whose type cannot be described.
    untyped: HashSet<TypeId, RandomState>,
    conflicts: Vec<Conflict>,
    ambiguities: Vec<Ambiguity>,
    oversized: u64,
}

/// Several different definitions under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The name they share.
    pub name: String,
    /// The size in bytes of the definition that keeps it.
    pub kept: u64,
    /// The others: the name each got, and its size in bytes.
    pub renamed: Vec<(String, u64)>,
}

/// A use of a name that several definitions fit alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ambiguity {
    /// Where the use is: `owner.member`, or the name of a variable.
    pub place: String,
    /// The name under which the definition is written that was taken.
    pub taken: String,
    /// Those under which the others are written, sorted.
    pub others: Vec<String>,
}

/// Why a member is not written as the source has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is left out.
    Dropped,
    /// It is written as this many bytes.
    Bytes(u64),
    /// It is written as a pointer to nothing known.
    Pointer,
    /// The bit-field is written in this unit.
    Unit(StorageUnit),
}

type Map<K, V> = HashMap<K, V, RandomState>;

/// Where a type stands: in the member with this index of the struct with this key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) owner: Name,
    pub(crate) member: u32,
}

/// How deep unnamed types nest before their path stops naming them.
const MAX_NESTING: usize = 16;
/// How deep a descriptor may nest, and how many descriptors it may hold, before it is cut.
const MAX_DEPTH: usize = 32;
const MAX_DESCRIPTORS: usize = 1024;

/// No memory is larger: a size or an offset above it is damage.
const MAX_SIZE: u64 = 1 << 40;

/// Counted for sizes and offsets beyond that.
const OVERSIZED: &str = "sizes and offsets above 2^40";
/// Counted for uses of a name that several definitions fit alike.
const AMBIGUOUS: &str = "uses that several definitions fit alike";
/// Counted for members that do not lie within their struct.
const OUTSIDE: &str = "members outside their struct";
/// Counted for members and variables whose descriptor would have no end.
const TOO_DEEP: &str = "types nested too deeply to describe";

/// Whether a bit-field's bits are counted from the byte at the lowest address.
pub(crate) fn is_little_endian(arch: Arch) -> bool {
    !matches!(arch, Arch::Mips | Arch::Mips64 | Arch::Ppc | Arch::S390x)
}

impl Resolution {
    /// Settles all names of `profile`, adding those it makes to its table; what had to be changed or left
    /// out is counted in `report`.
    pub fn new(profile: &mut Profile, report: &mut Report) -> Self {
        number_repeated_members(profile, report);
        let address = profile.arch.address_size();
        let (mut layouts, mut standing) = (Layouts::default(), Standing::default());
        let settled = settle_choices(profile, &mut layouts, &mut standing);
        let mut resolver = Resolver {
            reserved: reserved_words(&profile.names, profile.types.natives()),
            names: &mut profile.names,
            types: &profile.types,
            structs: Vec::new(),
            little_endian: is_little_endian(profile.arch),
            address,
            layouts,
            standing,
            variables: &profile.constant_types,
            result: Resolution {
                record_keys: Keys::new(profile.types.records().len()),
                enum_keys: Keys::new(profile.types.enumerations().len()),
                plain: PlainTypes::new(&profile.types),
                ..Resolution::default()
            },
        };
        resolver.name_records(&profile.constant_types);
        resolver.name_enumerations(&profile.constant_types);
        resolver.find_flaws(report);
        resolver.check_variables(&profile.constant_types, report);
        resolver.list_ambiguities(settled, report);
        resolver.finish(report)
    }

    /// The records to write with their keys, sorted by key.
    pub fn structs(&self) -> &[(Name, RecordId)] {
        &self.structs
    }

    /// The enumerations to write with their keys, sorted by key.
    pub fn enumerations(&self) -> &[(Name, EnumId)] {
        &self.enums
    }

    /// Names that had several different definitions, sorted.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// Uses that several definitions fit alike, sorted by place.
    pub fn ambiguities(&self) -> &[Ambiguity] {
        &self.ambiguities
    }

    /// How many sizes and offsets are larger than any memory (2^40).
    pub fn oversized(&self) -> u64 {
        self.oversized
    }

    /// The record that bears `name`, or was renamed because it did.
    pub fn record(&self, name: Name) -> Option<RecordId> {
        match self.record_keys.taken.get(&self.key_of(name)) {
            Some(Definition::Record(id)) => Some(*id),
            _ => None,
        }
    }

    /// The key of the struct that the source calls `name`, wherever it is defined.
    pub(crate) fn key_of(&self, name: Name) -> Name {
        self.record_keys.moved.get(&name).copied().unwrap_or(name)
    }

    /// Whether a variable's type can be described.
    pub(crate) fn describes(&self, variable: TypeId) -> bool {
        !self.untyped.contains(&variable)
    }

    /// Whether a type's descriptor is small, and the same wherever it stands ([`PlainTypes`]).
    pub(crate) fn is_plain(&self, ty: TypeId) -> bool {
        self.plain.contains(ty)
    }

    pub(crate) fn flaw(&self, record: RecordId, member: usize) -> Option<Flaw> {
        self.flaws.get(&(record, u32::try_from(member).ok()?)).copied()
    }

    pub(crate) fn record_key(
        &self,
        types: &Types,
        place: Option<Place>,
        alias: Option<Name>,
        id: RecordId,
    ) -> Option<Name> {
        let own = types.record(id).and_then(|record| record.name);
        self.record_keys.key(own, place, alias, Definition::Record(id))
    }

    pub(crate) fn enum_key(
        &self,
        types: &Types,
        place: Option<Place>,
        alias: Option<Name>,
        id: EnumId,
    ) -> Option<Name> {
        let own = types.enumeration(id).and_then(|item| item.name);
        self.enum_keys.key(own, place, alias, Definition::Enumeration(id))
    }
}

/// The keys of one name space, and by which way each is found.
#[derive(Debug, Default)]
struct Keys {
    /// Who bears a key.
    taken: Map<Name, Definition>,
    /// Whether a definition has a key, or its equal has, by the definition's index.
    reached: Vec<bool>,
    /// By the definition's index: the key it has instead of its own name, or has by its hash.
    given: Vec<Option<Name>>,
    by_alias: Map<(Name, Definition), Name>,
    by_path: Map<(Name, u32), Name>,
    /// The keys of structs whose names mean something else to readers.
    moved: Map<Name, Name>,
}

impl Keys {
    /// No keys yet, of a name space with so many definitions.
    fn new(definitions: usize) -> Self {
        Self { reached: vec![false; definitions], given: vec![None; definitions], ..Self::default() }
    }

    fn is_reached(&self, definition: Definition) -> bool {
        self.reached.get(definition.index()).copied().unwrap_or_default()
    }

    fn reach(&mut self, definition: Definition) {
        if let Some(reached) = self.reached.get_mut(definition.index()) {
            *reached = true;
        }
    }

    fn given(&self, definition: Definition) -> Option<Name> {
        self.given.get(definition.index()).copied().flatten()
    }

    fn give(&mut self, definition: Definition, key: Name) {
        if let Some(given) = self.given.get_mut(definition.index()) {
            *given = Some(key);
        }
    }

    fn key(
        &self,
        own: Option<Name>,
        place: Option<Place>,
        alias: Option<Name>,
        it: Definition,
    ) -> Option<Name> {
        if own.is_some() {
            return self.given(it).or(own);
        }
        let by_alias = alias.and_then(|alias| self.by_alias.get(&(alias, it)));
        let by_path = || {
            alias.is_none().then(|| place.and_then(|place| self.by_path.get(&(place.owner, place.member))))
        };
        by_alias.or_else(|| by_path().flatten()).copied().or_else(|| self.given(it))
    }
}

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
    /// The unnamed records it stands in, itself included, with the keys they got on this path.
    nested_in: Vec<(RecordId, Name)>,
}

struct Resolver<'a> {
    names: &'a mut Names,
    types: &'a Types,
    /// Every record that has a key, sorted by key, once all have theirs.
    structs: Vec<(Name, RecordId)>,
    /// Names that no struct may bear.
    reserved: HashSet<Name>,
    little_endian: bool,
    /// The size of an address in bytes.
    address: u8,
    layouts: Layouts,
    standing: Standing,
    variables: &'a [(Name, TypeId)],
    result: Resolution,
}

/// Which of the two name spaces is meant.
#[derive(Clone, Copy, PartialEq)]
enum Space {
    Structs,
    Enums,
}

impl Resolver<'_> {
    fn name_records(&mut self, variables: &[(Name, TypeId)]) {
        let types = self.types;
        let mut wanted: Vec<(Name, Definition)> =
            types.records().filter_map(|(id, record)| Some((record.name?, Definition::Record(id)))).collect();
        let own = wanted.len();
        wanted.extend(self.typedefs().filter_map(|(name, ty)| match ty {
            Type::Record(id) if types.record(id)?.name.is_none() => Some((name, Definition::Record(id))),
            _ => None,
        }));
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

        let mut hashed = Vec::new();
        for (_, ty) in variables {
            self.find_unnamed(*ty, None, Space::Structs, &mut Vec::new(), &mut hashed);
        }
        let added = self.claim_by_hash(Space::Structs, hashed);
        self.search(added);
        // What is left holds no name and stands on no path. Each round may reach some of the rest.
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

    /// The records that have a key by now, in the order of the keys' values.
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

    fn name_enumerations(&mut self, variables: &[(Name, TypeId)]) {
        let types = self.types;
        let mut wanted: Vec<(Name, Definition)> = types
            .enumerations()
            .filter_map(|(id, item)| Some((item.name?, Definition::Enumeration(id))))
            .collect();
        let own = wanted.len();
        wanted.extend(self.typedefs().filter_map(|(name, ty)| match ty {
            Type::Enumeration(id) if types.enumeration(id)?.name.is_none() => {
                Some((name, Definition::Enumeration(id)))
            }
            _ => None,
        }));
        let keys = self.claim(Space::Enums, &wanted);
        for (position, ((name, definition), key)) in wanted.iter().zip(&keys).enumerate() {
            if position >= own {
                self.result.enum_keys.by_alias.insert((*name, *definition), *key);
            } else if key != name {
                self.result.enum_keys.give(*definition, *key);
            }
        }
        let (mut found, mut hashed) = (Vec::new(), Vec::new());
        for (owner, record) in &self.structs {
            for (member, item) in types.members(*record).iter().enumerate() {
                let place = Place { owner: *owner, member: member as u32 };
                self.find_unnamed(item.ty, Some(place), Space::Enums, &mut found, &mut hashed);
            }
        }
        for (_, ty) in variables {
            self.find_unnamed(*ty, None, Space::Enums, &mut found, &mut hashed);
        }
        self.claim_paths(Space::Enums, &found);
        let keys = &self.result.enum_keys;
        let rest = types.enumerations().map(|(id, _)| Definition::Enumeration(id));
        hashed.extend(rest.filter(|definition| !keys.is_reached(*definition)));
        self.claim_by_hash(Space::Enums, hashed);
    }

    /// Every typedef with what it stands for directly.
    fn typedefs(&self) -> impl Iterator<Item = (Name, Type)> {
        let types = self.types;
        types.all().filter_map(move |ty| match ty {
            Type::Alias { name: Some(name), target } => match types.peel_named(target) {
                (None, target) => Some((name, target)),
                // The typedef further in names it.
                _ => None,
            },
            _ => None,
        })
    }

    /// Gives each definition the name it wants, or the one the rule for conflicts leaves it.
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

    /// The keys of definitions that all want `name`, which `holder` may have already.
    fn settle(
        &mut self,
        space: Space,
        name: Name,
        holder: Option<Definition>,
        definitions: &[Definition],
    ) -> Vec<Name> {
        // Who holds the name keeps it: others were named after it.
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

    /// `<name>__` and as many digits of the hash as make the key unique, eight at least.
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
        // A hostile file can make the paths outgrow it without end (each level doubling): beyond twice
        // what the source defines, unnamed types are named by their hash.
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
                    // A record met again inside itself keeps the key it has on this path.
                    let mut nested_in = parent.nested_in.iter();
                    let again = nested_in.find(|(record, _)| Definition::Record(*record) == found.definition);
                    if let Some((_, key)) = again {
                        self.result.record_keys.by_path.insert((found.owner, found.member), *key);
                    } else if position < room && parent.nested_in.len() < MAX_NESTING {
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

    /// Names unnamed definitions by their layout hash; those that are new, to be searched.
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

    /// `__unnamed_` and as many digits of the hash as tell it from others, eight at least; and whether
    /// nobody bears that key yet.
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

    /// The unnamed definitions a type leads to, through pointers, arrays and function arguments: those a
    /// path from `place` can name, and those only their hash can.
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

    fn keys(&mut self, space: Space) -> &mut Keys {
        match space {
            Space::Structs => &mut self.result.record_keys,
            Space::Enums => &mut self.result.enum_keys,
        }
    }

    /// Finds the members that no reader could follow, and decides what is written in their place.
    fn find_flaws(&mut self, report: &mut Report) {
        let mut records: Vec<RecordId> = self.structs.iter().map(|(_, id)| *id).collect();
        records.sort_unstable();
        records.dedup();
        for id in &records {
            self.check_members(*id, report);
        }
        self.cut_cycles(&records, report);
    }

    fn check_members(&mut self, id: RecordId, report: &mut Report) {
        let types = self.types;
        let Some(record) = types.record(id) else { return };
        if record.size > MAX_SIZE {
            self.result.oversized += 1;
            report.lose(OVERSIZED, || {
                let name = record.name.map_or("(unnamed)", |name| self.names.get(name));
                format!("{name}: {} bytes", record.size)
            });
        }
        for (index, member) in types.members(id).iter().enumerate() {
            let place = || {
                let owner = record.name.map_or("(unnamed)", |name| self.names.get(name));
                format!("{owner}.{}", self.names.get(member.name))
            };
            let bit_field = member.bits.filter(|_| !self.has_unit(member.ty));
            let flaw = if member.offset > MAX_SIZE {
                self.result.oversized += 1;
                report.lose(OVERSIZED, || format!("{} at {}", place(), member.offset));
                Some(Flaw::Dropped)
            } else if member.offset > record.size {
                report.lose(OUTSIDE, place);
                Some(Flaw::Dropped)
            } else if let Some(bits) = bit_field {
                report.lose("bit-fields of no native type", place);
                let unit = self.smaller_unit(member, bits, 0, record.size);
                Some(unit.unwrap_or(Flaw::Bytes(record.size - member.offset)))
            } else if !self.describable(member.ty) {
                report.lose(TOO_DEEP, place);
                Some(self.opaque(id, member.offset, member.ty))
            } else {
                match self.size_of(member.ty, 0) {
                    Some(size) if member.offset.checked_add(size).is_none_or(|end| end > record.size) => {
                        let bits = member.bits;
                        let flaw = bits.and_then(|bits| self.smaller_unit(member, bits, size, record.size));
                        if flaw.is_none() {
                            report.lose(OUTSIDE, place);
                        }
                        flaw.or(Some(match record.size - member.offset {
                            0 => Flaw::Dropped,
                            left => Flaw::Bytes(left),
                        }))
                    }
                    None if self.incomplete(member.ty) => {
                        report.lose("members of incomplete type held by value", place);
                        Some(self.opaque(id, member.offset, member.ty))
                    }
                    _ => None,
                }
            };
            if let Some(flaw) = flaw {
                self.result.flaws.insert((id, index as u32), flaw);
            }
        }
    }

    /// Whether a bit-field of this type says what to load: a native, or an enumeration.
    fn has_unit(&self, ty: TypeId) -> bool {
        self.types.is_native(ty) || matches!(self.types.peel(ty), Type::Enumeration(_))
    }

    /// The smallest unit that holds a bit-field of a packed struct, whose declared type of `size` bytes would
    /// reach beyond the struct's end (docs/format.md, invariant 4).
    fn smaller_unit(&self, member: &Member, bits: BitRange, size: u64, end: u64) -> Option<Flaw> {
        let width = u64::from(bits.end.checked_sub(bits.start)?);
        let first_bit = member.offset.checked_mul(8)?;
        let unit = if self.little_endian {
            StorageUnit::little_endian(first_bit.checked_add(bits.start.into())?, width, 1)?
        } else {
            let from_top = size.checked_mul(8)?.checked_sub(bits.end.into())?;
            StorageUnit::big_endian(first_bit.checked_add(from_top)?, width, 1)?
        };
        (unit.offset.checked_add(unit.size)? <= end).then_some(Flaw::Unit(unit))
    }

    /// Counts and lists the uses that several definitions fit alike.
    fn list_ambiguities(&mut self, settled: Vec<Settled>, report: &mut Report) {
        for Settled { place, taken, others } in settled {
            let taken = self.shown_key(taken);
            let mut others: Vec<String> =
                others.into_iter().map(|definition| self.shown_key(definition)).collect();
            others.sort_unstable();
            self.result.ambiguities.push(Ambiguity { place, taken, others });
        }
        self.result.ambiguities.sort_unstable();
        self.result.ambiguities.dedup();
        for ambiguity in &self.result.ambiguities {
            report.list(AMBIGUOUS, || ambiguity.place.clone());
        }
    }

    fn shown_key(&self, definition: Definition) -> String {
        let (keys, own) = match definition {
            Definition::Record(id) => {
                (&self.result.record_keys, self.types.record(id).and_then(|record| record.name))
            }
            Definition::Enumeration(id) => {
                (&self.result.enum_keys, self.types.enumeration(id).and_then(|item| item.name))
            }
        };
        let key = keys.given(definition).or(own);
        key.map_or_else(|| "(unnamed)".to_owned(), |key| self.names.get(key).to_owned())
    }

    /// Leaves out the types of variables that no descriptor can hold.
    fn check_variables(&mut self, variables: &[(Name, TypeId)], report: &mut Report) {
        for (name, ty) in variables {
            if !self.describable(*ty) {
                report.lose(TOO_DEEP, || self.names.get(*name).to_owned());
                self.result.untyped.insert(*ty);
            }
        }
    }

    /// A pointer to nothing known, or bytes up to the next member.
    fn opaque(&self, record: RecordId, offset: u64, ty: TypeId) -> Flaw {
        let end = self.types.record(record).map_or(offset, |record| record.size);
        if let Type::Pointer { size, .. } = self.types.peel(ty)
            && size == self.address
            && offset.checked_add(size.into()).is_some_and(|behind| behind <= end)
        {
            return Flaw::Pointer;
        }
        let next =
            self.types.members(record).iter().map(|member| member.offset).filter(|next| *next > offset).min();
        Flaw::Bytes(next.unwrap_or(end).min(end).saturating_sub(offset))
    }

    /// Whether a descriptor of this type stays within bounds.
    fn describable(&self, ty: TypeId) -> bool {
        if self.result.plain.contains(ty) {
            return true;
        }
        let mut pending = vec![(ty, 0usize)];
        let mut count = 0;
        while let Some((ty, depth)) = pending.pop() {
            count += 1;
            if depth > MAX_DEPTH || count > MAX_DESCRIPTORS {
                return false;
            }
            match self.types.peel(ty) {
                Type::Pointer { target, .. } | Type::Array { target, .. } => {
                    pending.push((target, depth + 1))
                }
                Type::Function(arguments) => {
                    let arguments = self.types.arguments(arguments);
                    if arguments.len() > MAX_DESCRIPTORS {
                        return false;
                    }
                    pending.extend(arguments.iter().map(|argument| (*argument, depth + 1)));
                }
                _ => {}
            }
        }
        true
    }

    /// Whether a type held by value has no layout here: void, a function, a struct that is only declared.
    fn incomplete(&self, ty: TypeId) -> bool {
        match self.types.peel(ty) {
            Type::Void | Type::Function(_) => true,
            Type::Named(name) => self.result.record(name).is_none(),
            Type::Array { target, .. } => self.incomplete_element(target),
            _ => false,
        }
    }

    fn incomplete_element(&self, mut ty: TypeId) -> bool {
        for _ in 0..MAX_DEPTH {
            match self.types.peel(ty) {
                Type::Array { target, .. } => ty = target,
                Type::Void | Type::Function(_) => return true,
                Type::Named(name) => return self.result.record(name).is_none(),
                _ => return false,
            }
        }
        true
    }

    /// The size in bytes of a type held by value, where it is known.
    fn size_of(&self, ty: TypeId, depth: usize) -> Option<u64> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.types.peel(ty) {
            Type::Named(name) => self.types.record(self.result.record(name)?).map(|record| record.size),
            Type::Array { target, count } => Some(self.size_of(target, depth + 1)?.saturating_mul(count)),
            _ => self.types.size_of(ty),
        }
    }

    /// Cuts structs that hold themselves by value: a reader that walks into them would never return.
    fn cut_cycles(&mut self, records: &[RecordId], report: &mut Report) {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut states = vec![State::New; self.types.records().len()];
        for start in records {
            if states[start.index()] != State::New {
                continue;
            }
            states[start.index()] = State::Open;
            let mut stack = vec![(*start, 0usize)];
            while let Some((record, next)) = stack.last_mut() {
                let (record, index) = (*record, *next);
                *next += 1;
                let Some(member) = self.types.members(record).get(index) else {
                    states[record.index()] = State::Done;
                    stack.pop();
                    continue;
                };
                if self.result.flaws.contains_key(&(record, index as u32)) {
                    continue;
                }
                let Some(inner) = self.held(member.ty) else { continue };
                match states.get(inner.index()) {
                    Some(State::New) => {
                        states[inner.index()] = State::Open;
                        stack.push((inner, 0));
                    }
                    Some(State::Open) => {
                        let flaw = self.opaque(record, member.offset, member.ty);
                        self.result.flaws.insert((record, index as u32), flaw);
                        report.lose("structs that hold themselves by value", || {
                            self.names.get(member.name).to_owned()
                        });
                    }
                    _ => {}
                }
            }
        }
    }

    /// The record a type holds by value.
    fn held(&self, mut ty: TypeId) -> Option<RecordId> {
        for _ in 0..=MAX_DEPTH {
            match self.types.peel(ty) {
                Type::Array { target, .. } => ty = target,
                Type::Record(id) => return Some(id),
                Type::Named(name) => return self.result.record(name),
                _ => return None,
            }
        }
        None
    }

    fn finish(mut self, report: &mut Report) -> Resolution {
        for name in self.result.record_keys.moved.keys() {
            report.lose("structs named like a word of descriptors", || self.names.get(*name).to_owned());
        }
        let names = &*self.names;
        let mut enums: Vec<(Name, EnumId)> = Vec::new();
        for (key, definition) in &self.result.enum_keys.taken {
            if let Definition::Enumeration(id) = definition {
                enums.push((*key, *id));
            }
        }
        names.sort_by_text(&mut enums, |(key, _)| *key);
        self.result.conflicts.sort_by(|a, b| a.name.cmp(&b.name));
        for conflict in &self.result.conflicts {
            report.lose("name conflicts", || conflict.name.clone());
        }
        Resolution { structs: self.structs, enums, ..self.result }
    }
}

/// A use that several definitions fit alike, with the one that was taken.
struct Settled {
    place: String,
    taken: Definition,
    others: Vec<Definition>,
}

/// Gives a second member of one name in a struct the name `<name>_1`, a third `<name>_2`, and so on; numbers
/// that other members bear already are passed over.
fn number_repeated_members(profile: &mut Profile, report: &mut Report) {
    let (names, types) = (&mut profile.names, &profile.types);
    // For each name the record looked at last that has a member of that name.
    let mut last_owners: Vec<Option<RecordId>> = vec![None; names.len()];
    let mut repeating: Vec<RecordId> = Vec::new();
    for (id, _) in types.records() {
        for member in types.members(id) {
            let last_owner = last_owners.get_mut(member.name.index());
            if last_owner.is_some_and(|owner| owner.replace(id) == Some(id)) && repeating.last() != Some(&id)
            {
                repeating.push(id);
            }
        }
    }
    let mut renamed: Vec<(RecordId, usize, Name)> = Vec::new();
    for id in repeating {
        let members = types.members(id);
        let mut held: HashSet<Name, RandomState> = members.iter().map(|member| member.name).collect();
        let mut counts: Map<Name, u32> = Map::default();
        for (position, member) in members.iter().enumerate() {
            let Some(number) = counts.get_mut(&member.name) else {
                counts.insert(member.name, 0);
                continue;
            };
            report.lose("members that repeat a name in their struct (numbered)", || {
                let owner = types.record(id).and_then(|record| record.name);
                let owner = owner.map_or("(unnamed)", |name| names.get(name));
                format!("{owner}.{}", names.get(member.name))
            });
            loop {
                *number += 1;
                let text = format!("{}_{number}", names.get(member.name));
                let name = names.intern(&text);
                if held.insert(name) {
                    renamed.push((id, position, name));
                    break;
                }
            }
        }
    }
    profile.types.rename_members(renamed);
}

/// Gives every use that several definitions may be meant by the meaning that ranks first. Those of which
/// the layouts differ are handed back.
fn settle_choices(profile: &mut Profile, layouts: &mut Layouts, standing: &mut Standing) -> Vec<Settled> {
    let choices = profile.types.take_choices();
    if choices.is_empty() {
        return Vec::new();
    }
    let (names, types) = (&profile.names, &profile.types);
    // All definitions of each name: a layout counts for as much as all of its definitions do.
    let mut by_name: Map<Name, Vec<Definition>> = Map::default();
    for (id, record) in types.records() {
        if let Some(name) = record.name {
            by_name.entry(name).or_default().push(Definition::Record(id));
        }
    }
    let mut enums_by_name: Map<Name, Vec<Definition>> = Map::default();
    for (id, item) in types.enumerations() {
        if let Some(name) = item.name {
            enums_by_name.entry(name).or_default().push(Definition::Enumeration(id));
        }
    }
    let wanted: Vec<(Name, Definition)> = by_name
        .iter()
        .flat_map(|(name, definitions)| definitions.iter().map(|definition| (*name, *definition)))
        .collect();
    variants::tell_apart(names, types, layouts, &wanted);
    let context = (profile.constant_types.as_slice(), profile.arch.address_size());
    let mut ranked_names: Map<Definition, Vec<Rank>> = Map::default();
    let mut settled = Vec::new();
    let mut meanings: Vec<(TypeId, Type)> = Vec::new();
    for choice in choices {
        let options: Vec<(Definition, Type)> = choice
            .options
            .iter()
            .filter_map(|option| match option.definition {
                Type::Record(id) => Some((Definition::Record(id), option.whole)),
                Type::Enumeration(id) => Some((Definition::Enumeration(id), option.whole)),
                _ => None,
            })
            .collect();
        let Some((first, _)) = options.first() else { continue };
        let named = match first {
            Definition::Record(id) => {
                types.record(*id).and_then(|it| it.name).and_then(|name| by_name.get(&name))
            }
            Definition::Enumeration(id) => {
                types.enumeration(*id).and_then(|it| it.name).and_then(|name| enums_by_name.get(&name))
            }
        };
        let ranked = match named.and_then(|group| Some((group, *group.first()?))) {
            Some((group, key)) => ranked_names
                .entry(key)
                .or_insert_with(|| standing.rank(names, types, layouts, context, group)),
            None => {
                let group: Vec<Definition> = options.iter().map(|(definition, _)| *definition).collect();
                &mut standing.rank(names, types, layouts, context, &group)
            }
        };
        let likeliest = choice.ordered.then_some(layouts.hash(names, types, *first));
        let mut of_hash: Map<LayoutHash, (Definition, Type)> = Map::default();
        for (definition, whole) in options {
            of_hash.entry(layouts.hash(names, types, definition)).or_insert((definition, whole));
        }
        let likeliest = likeliest.and_then(|hash| of_hash.remove(&hash));
        let in_order = ranked.iter().filter_map(|rank| of_hash.get(&rank.hash).copied());
        let mut in_order = likeliest.into_iter().chain(in_order);
        let Some((taken, whole)) = in_order.next() else { continue };
        meanings.push((choice.slot, whole));
        let others: Vec<Definition> = in_order.map(|(definition, _)| definition).collect();
        if !others.is_empty() {
            settled.push(Settled { place: choice.place, taken, others });
        }
    }
    for (slot, meaning) in meanings {
        profile.types.set(slot, meaning);
    }
    // What holds a settled use may have another hash now.
    *layouts = Layouts::default();
    settled
}
