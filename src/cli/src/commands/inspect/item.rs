use profile::{Member, Structure, Symbol, Text};

use super::address::address;
use super::pattern::Pattern;
use super::place;

/// Something a name stands for.
pub(super) enum Item {
    Structure(String, Structure),
    /// A member, or a member of one: `name` is `u1.pid` for what lies in `u1`, and `offset` counts from the owner.
    Member {
        owner: String,
        structure: Structure,
        member: Member,
        name: String,
        offset: u64,
    },
    Enumeration(String, Vec<(String, i128)>),
    Symbol(Symbol),
    /// A struct that a pattern stands for, with its size in bytes.
    StructureName(String, u64),
    /// An enumeration that a pattern stands for.
    EnumerationName(String),
    /// An address with the symbols below it, and those above it.
    Near {
        address: u64,
        below: Vec<Symbol>,
        above: Vec<Symbol>,
    },
}

impl Item {
    /// What lies at an address, and near it.
    pub(super) fn near(text: &Text, address: u64) -> Self {
        Self::Near { address, below: text.symbols_at(address), above: text.symbols_above(address) }
    }
}

/// Everything a name stands for: structs, enumerations and symbols have name spaces of their own.
pub(super) fn find(text: &Text, name: &str) -> Vec<Item> {
    let mut found = Vec::new();
    if let Some(structure) = text.structure(name) {
        found.push(Item::Structure(name.to_owned(), structure));
    }
    if let Some(labels) = text.enumeration(name) {
        found.push(Item::Enumeration(name.to_owned(), labels));
    }
    found.extend(text.symbol(name).map(Item::Symbol));
    if found.is_empty() {
        found = find_members(text, name);
    }
    if found.is_empty()
        && let Some(pattern) = Pattern::new(name)
    {
        found = find_matches(text, &pattern);
    }
    if found.is_empty()
        && name.starts_with("0x")
        && let Ok(address) = address(name)
    {
        found.push(Item::near(text, address));
    }
    found
}

/// Everything that a pattern stands for, one line each.
fn find_matches(text: &Text, pattern: &Pattern) -> Vec<Item> {
    let mut found = Vec::new();
    text.each_structure(|name, size| {
        if pattern.matches(name) {
            found.push(Item::StructureName(name.to_owned(), size));
        }
    });
    text.each_enumeration(|name| {
        if pattern.matches(name) {
            found.push(Item::EnumerationName(name.to_owned()));
        }
    });
    text.each_symbol(|name, address, function| {
        if pattern.matches(name) {
            found.push(Item::Symbol(Symbol { name: name.to_owned(), address, function }));
        }
    });
    found
}

/// How many steps a path may have.
const MOST_STEPS: usize = 64;

/// The members on the path `STRUCT.MEMBER.MEMBER`, one for each struct that it leads through: a step through a pointer
/// (`.` or `->`) begins at the struct it points to. The last step may be a pattern.
fn find_members(text: &Text, path: &str) -> Vec<Item> {
    let path = path.replace("->", ".");
    // A name may hold a point: the longest one that is a struct counts.
    let owner = path.rmatch_indices('.').find_map(|(point, _)| {
        let (owner, steps) = (path.get(..point)?, path.get(point + 1..)?);
        Some((owner, steps, text.structure(owner)?))
    });
    let Some((owner, steps, structure)) = owner else { return Vec::new() };
    let steps: Vec<&str> = steps.split('.').collect();
    if steps.len() > MOST_STEPS {
        return Vec::new();
    }
    let (mut owner, mut structure) = (owner.to_owned(), structure);
    // The struct in which the next step is looked for, where it lies in the owner, and the path to it.
    let mut inner: Option<(Structure, u64, String)> = None;
    let mut found = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let is_last = index + 1 == steps.len();
        let (at, base, prefix) = match &inner {
            Some((at, base, prefix)) => (at, *base, prefix.as_str()),
            None => (&structure, 0, ""),
        };
        if is_last && let Some(pattern) = Pattern::new(step) {
            let members = at.profile.types.members(at.record).iter();
            let matching = members.filter(|member| pattern.matches(at.profile.names.get(member.name)));
            for member in matching {
                let name = format!("{prefix}{}", at.profile.names.get(member.name));
                let item = member_item(text, &owner, at, *member, name, base);
                found.extend(item);
            }
            return found;
        }
        let Some(place) = place::member(text, at, step) else { return Vec::new() };
        let name = format!("{prefix}{}", place.name);
        let offset = base.saturating_add(place.offset);
        let target = place::target(&place.structure, &place.member);
        if is_last || target.as_ref().is_some_and(|target| target.is_pointer) {
            found.push(Item::Member {
                owner: owner.clone(),
                structure: place.structure,
                member: place.member,
                name: name.clone(),
                offset,
            });
        }
        if is_last {
            return found;
        }
        let Some((target, next)) = target.and_then(|target| Some((text.structure(&target.name)?, target)))
        else {
            return Vec::new();
        };
        if next.is_pointer {
            (owner, structure, inner) = (next.name, target, None);
        } else {
            inner = Some((target, offset, format!("{name}.")));
        }
    }
    found
}

/// A member as an item: it has a struct of its own, which is looked up again.
fn member_item(
    text: &Text,
    owner: &str,
    at: &Structure,
    member: Member,
    name: String,
    base: u64,
) -> Option<Item> {
    let own = at.profile.names.get(at.profile.types.record(at.record)?.name?);
    let structure = text.structure(own)?;
    let wanted = at.profile.names.get(member.name);
    let names = &structure.profile.names;
    let member =
        *structure.profile.types.members(structure.record).iter().find(|it| names.get(it.name) == wanted)?;
    let offset = base.saturating_add(member.offset);
    Some(Item::Member { owner: owner.to_owned(), structure, member, name, offset })
}

/// The structs that the pointers of a struct lead to, each once, in the order of its members.
pub(super) fn targets(text: &Text, structure: &Structure, known: &mut Vec<String>) -> Vec<Item> {
    let mut found = Vec::new();
    for member in structure.profile.types.members(structure.record) {
        if let Some(target) = place::target(structure, member).filter(|target| target.is_pointer)
            && !known.contains(&target.name)
            && let Some(structure) = text.structure(&target.name)
        {
            known.push(target.name.clone());
            found.push(Item::Structure(target.name, structure));
        }
    }
    found
}
