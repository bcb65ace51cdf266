mod reason;
mod relate;
mod settled;

use std::collections::{BTreeMap, HashSet};

pub use reason::Reason;
use relate::{Relation, plain, relate};
pub use settled::Settled;

use crate::{BitRange, Name, Profile, RecordId, Tally, Type, TypeId};

/// How two profiles of one build differ in meaning. Names that only one of them has are not contradictions; a
/// different size, offset, bit range or address is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The contradictions, in order of name.
    pub differences: Vec<Difference>,
    /// How many structs both have.
    pub structs: usize,
    /// How many members were compared.
    pub members: usize,
    /// How many enumerations both have.
    pub enumerations: usize,
    /// How many symbols both have.
    pub symbols: usize,
    /// Differences that are not contradictions, by their reason.
    pub explained: BTreeMap<Reason, Tally>,
    /// Named structs only the first has.
    pub only_first: Vec<String>,
    /// Named structs only the second has.
    pub only_second: Vec<String>,
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// A struct, a member (`task_struct.pid`) or a symbol.
    pub name: String,
    /// What the first profile says.
    pub first: String,
    /// What the second says.
    pub second: String,
}

/// Compares two profiles of one build by meaning. Members of members without a name count as the struct's
/// own, so it does not matter how a source nests them; names made for unnamed types are passed over.
///
/// If a name has several layouts, each is compared with the one that fits it.
pub fn compare(first: Settled<'_>, second: Settled<'_>) -> Comparison {
    let mut result = Comparison::default();
    result.compare_structs(first, second);
    result.compare_enumerations(first, second);
    result.compare_symbols(first, second);
    result
}

impl Comparison {
    fn compare_structs(&mut self, first: Settled<'_>, second: Settled<'_>) {
        let (ours, theirs) = (structs(first), structs(second));
        let candidates = by_plain_name(theirs.keys().copied());
        let mut met: HashSet<&str> = HashSet::new();
        for (name, record) in &ours {
            let others = candidates.get(plain(name)).map(Vec::as_slice).unwrap_or_default();
            // The layout of the same name comes first, so that it is chosen if several fit.
            let in_order = others.iter().filter(|other| **other == *name);
            let in_order = in_order.chain(others.iter().filter(|other| **other != *name)).take(MOST_LAYOUTS);
            let mut best: Option<(&str, Comparison)> = None;
            for other in in_order {
                let Some(id) = theirs.get(*other) else { continue };
                let found = Self::of_structs(name, (first, *record), (second, *id));
                let fits = found.differences.is_empty();
                if best.as_ref().is_none_or(|(_, known)| found.differences.len() < known.differences.len()) {
                    best = Some((other, found));
                }
                if fits {
                    break;
                }
            }
            let Some((other, found)) = best else {
                self.only_first.push((*name).to_owned());
                continue;
            };
            met.insert(other);
            self.structs += 1;
            self.members += found.members;
            self.differences.extend(found.differences);
            for (reason, tally) in found.explained {
                self.explained.entry(reason).or_default().add(tally);
            }
            if other != *name {
                self.explain(Reason::Layouts, || format!("{name} and {other}"));
            }
        }
        let only = theirs.keys().filter(|name| !met.contains(*name) && !ours.contains_key(*name));
        self.only_second = only.map(|name| (*name).to_owned()).collect();
    }

    /// Compares two structs that are known to both by one name.
    fn of_structs(name: &str, first: (Settled<'_>, RecordId), second: (Settled<'_>, RecordId)) -> Self {
        let mut result = Self::default();
        let size =
            |(side, id): (Settled<'_>, RecordId)| side.profile.types.record(id).map_or(0, |it| it.size);
        let (a, b) = (size(first), size(second));
        if a != b {
            result.differ(name.to_owned(), format!("{a} bytes"), format!("{b} bytes"));
        }
        let (ours, theirs) = (members(first.0, first.1), members(second.0, second.1));
        for (member, a) in &ours {
            let Some(b) = theirs.get(member) else { continue };
            result.members += 1;
            let name = || format!("{name}.{member}");
            if a.place != b.place {
                match a.holds(first.0, b) || b.holds(second.0, a) {
                    true => result.explain(Reason::BitFields, name),
                    false => result.differ(name(), a.place.to_string(), b.place.to_string()),
                }
            } else if a.place.bits.is_none() {
                match relate((first.0, a.ty), (second.0, b.ty)) {
                    Relation::Same => {}
                    Relation::Explained(reason) => result.explain(reason, name),
                    Relation::Sizes(a, b) => {
                        result.differ(name(), format!("{a} bytes"), format!("{b} bytes"))
                    }
                }
            }
        }
        result
    }

    fn compare_enumerations(&mut self, first: Settled<'_>, second: Settled<'_>) {
        let (ours, theirs) = (enumerations(first), enumerations(second));
        let candidates = by_plain_name(theirs.keys().copied());
        for (name, labels) in &ours {
            let others = candidates.get(plain(name)).map(Vec::as_slice).unwrap_or_default();
            let differing = |other: &&str| -> Vec<(String, String, String)> {
                let known = theirs.get(*other);
                let both =
                    labels.iter().filter_map(|(label, value)| Some((label, value, known?.get(label)?)));
                let wrong = both.filter(|(_, value, other)| value != other);
                wrong.map(|(label, a, b)| (format!("{name}.{label}"), a.to_string(), b.to_string())).collect()
            };
            let Some(wrong) = others.iter().take(MOST_LAYOUTS).map(differing).min_by_key(Vec::len) else {
                continue;
            };
            self.enumerations += 1;
            for (label, a, b) in wrong {
                self.differ(label, a, b);
            }
        }
    }

    fn compare_symbols(&mut self, first: Settled<'_>, second: Settled<'_>) {
        let (ours, theirs) = (symbols(first.profile), symbols(second.profile));
        let (our_types, their_types) = (variables(first), variables(second));
        for (name, value) in ours {
            let Some(other) = theirs.get(name) else { continue };
            self.symbols += 1;
            if value != *other {
                self.differ(name.to_owned(), format!("{value:#x}"), format!("{other:#x}"));
            }
            match (our_types.get(name), their_types.get(name)) {
                (Some(a), Some(b)) => match relate((first, *a), (second, *b)) {
                    Relation::Same => {}
                    Relation::Explained(reason) => self.explain(reason, || name.to_owned()),
                    Relation::Sizes(a, b) => {
                        self.differ(name.to_owned(), format!("{a} bytes"), format!("{b} bytes"));
                    }
                },
                (None, None) => {}
                _ => self.explain(Reason::Untyped, || name.to_owned()),
            }
        }
    }

    fn differ(&mut self, name: String, first: String, second: String) {
        self.differences.push(Difference { name, first, second });
    }

    fn explain(&mut self, reason: Reason, example: impl FnOnce() -> String) {
        let tally = self.explained.entry(reason).or_default();
        tally.count += 1;
        if tally.examples.len() < Tally::EXAMPLES {
            tally.examples.push(example());
        }
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.examples.extend(other.examples);
        self.examples.truncate(Self::EXAMPLES);
    }
}

/// With how many layouts of its name a layout is compared.
const MOST_LAYOUTS: usize = 64;

/// Names by what they are without a layout hash.
fn by_plain_name<'n>(names: impl Iterator<Item = &'n str>) -> BTreeMap<&'n str, Vec<&'n str>> {
    let mut by_plain: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in names {
        by_plain.entry(plain(name)).or_default().push(name);
    }
    by_plain
}

/// A member: its place and its type.
#[derive(Clone, Copy)]
struct Found {
    place: Place,
    ty: TypeId,
}

impl Found {
    /// Whether this member is whole, and the other one a bit-field within its bytes.
    fn holds(&self, side: Settled<'_>, other: &Self) -> bool {
        let Some(size) = side.size_of(self.ty).filter(|_| self.place.bits.is_none()) else { return false };
        let end = self.place.offset.saturating_add(size);
        other.place.bits.is_some() && (self.place.offset..end).contains(&other.place.offset)
    }
}

/// The place of a member in bits, independent of its storage unit.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    offset: u64,
    bits: Option<BitRange>,
}

impl Place {
    fn new(offset: u64, bits: Option<BitRange>) -> Self {
        let Some(range) = bits else { return Self { offset, bits } };
        // The same bits may be in an `unsigned int` at 0 or in an `unsigned char` at 3.
        let (bytes, start) = (u64::from(range.start / 8), range.start % 8);
        let bits = BitRange { start, end: start + (range.end.saturating_sub(range.start)) };
        Self { offset: offset.saturating_add(bytes), bits: Some(bits) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "offset {}", self.offset)?;
        match self.bits {
            Some(bits) => write!(f, ", bits {} to {}", bits.start, bits.end),
            None => Ok(()),
        }
    }
}

fn structs(side: Settled<'_>) -> BTreeMap<&str, RecordId> {
    let named = side.resolution.structs().iter().map(|(key, id)| (side.profile.names.get(*key), *id));
    named.filter(|(name, _)| !name.starts_with("__unnamed_")).collect()
}

/// The labels of every enumeration that has a name of its own, with their values.
fn enumerations(side: Settled<'_>) -> BTreeMap<&str, BTreeMap<&str, i128>> {
    let names = &side.profile.names;
    let named = side.resolution.enumerations().iter().map(|(key, id)| (names.get(*key), *id));
    let named = named.filter(|(name, _)| !name.starts_with("__unnamed_"));
    let labels = |id| {
        let signed = side.profile.types.enumeration(id).is_some_and(|item| item.signed);
        let labels = side.profile.types.labels(id).iter();
        labels.map(|label| (names.get(label.name), label.value(signed))).collect()
    };
    named.map(|(name, id)| (name, labels(id))).collect()
}

/// The types of variables.
fn variables(side: Settled<'_>) -> BTreeMap<&str, TypeId> {
    let types = side.profile.constant_types.iter();
    types.map(|(name, ty)| (side.profile.names.get(*name), *ty)).collect()
}

fn symbols(profile: &Profile) -> BTreeMap<&str, u64> {
    let all = profile.constants.iter().chain(&profile.functions);
    all.map(|(name, value)| (profile.names.get(*name), *value)).collect()
}

/// How many unnamed structs are opened in one: each may contain the next one many times.
const MOST_UNNAMED: usize = 4096;

/// Every member by name, including those of unnamed members; of two with one name the first declared.
fn members(side: Settled<'_>, record: RecordId) -> BTreeMap<&str, Found> {
    let mut found = BTreeMap::new();
    let mut pending = vec![(record, 0u64, 0usize)];
    let mut left = MOST_UNNAMED;
    while let Some((record, base, depth)) = pending.pop() {
        for member in side.profile.types.members(record) {
            let Some(offset) = base.checked_add(member.offset) else { continue };
            let name: Name = member.name;
            let name = side.profile.names.get(name);
            match side.unnamed(member.ty, name) {
                // Sources have fewer than sixteen levels of anonymous structs.
                Some(inner) if depth < 16 && left > 0 => {
                    left -= 1;
                    pending.push((inner, offset, depth + 1));
                }
                _ => {
                    let place = Place::new(offset, member.bits);
                    found.entry(name).or_insert(Found { place, ty: member.ty });
                }
            }
        }
    }
    found
}

impl Settled<'_> {
    /// The unnamed record of a member with a name for unnamed members.
    fn unnamed(self, ty: TypeId, member: &str) -> Option<RecordId> {
        if !crate::judge::health::is_numbered(member) {
            return None;
        }
        let (key, record) = match self.profile.types.peel(ty) {
            Type::Record(id) => (self.profile.types.record(id)?.name, id),
            Type::Named(name) => (Some(name), self.resolution.record(name)?),
            _ => return None,
        };
        key.is_none_or(|key| self.profile.names.get(key).starts_with("__unnamed_")).then_some(record)
    }
}
