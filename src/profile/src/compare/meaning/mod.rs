//! Whether two sources of one build contradict each other.

mod reason;
mod relate;
mod settled;

use std::collections::{BTreeMap, HashSet};

pub use reason::Reason;
use relate::{Relation, plain, relate};
pub use settled::Settled;

use super::walk::{Build, Presentation, pairs, walk};
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
    let (first, second) = (Side::new(first), Side::new(second));
    let mut judge =
        Judge { first: &first, second: &second, met: HashSet::new(), result: Comparison::default() };
    walk(&first, &second, &mut judge);
    let Judge { met, mut result, .. } = judge;
    result.only_second.retain(|name| !met.contains(name.as_str()));
    result
}

/// One of the two profiles, with its named structs and enumerations by name, and by name without a layout hash.
struct Side<'a> {
    settled: Settled<'a>,
    structs: BTreeMap<&'a str, RecordId>,
    structs_by_plain_name: BTreeMap<&'a str, Vec<&'a str>>,
    enumerations: BTreeMap<&'a str, BTreeMap<&'a str, i128>>,
    enumerations_by_plain_name: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Side<'a> {
    fn new(settled: Settled<'a>) -> Self {
        let (structs, enumerations) = (structs(settled), enumerations(settled));
        Self {
            structs_by_plain_name: by_plain_name(structs.keys().copied()),
            enumerations_by_plain_name: by_plain_name(enumerations.keys().copied()),
            settled,
            structs,
            enumerations,
        }
    }
}

impl<'a> Build<'a> for Side<'a> {
    type Struct = RecordId;
    /// The name alone: the labels stay with the side.
    type Enumeration = ();
    type Variable = TypeId;
    /// The address, and the type of a variable.
    type Symbol = (u64, Option<TypeId>);

    fn structs(&self) -> impl Iterator<Item = (&'a str, RecordId)> {
        self.structs.iter().map(|(name, id)| (*name, *id))
    }

    fn enumerations(&self) -> impl Iterator<Item = (&'a str, ())> {
        self.enumerations.keys().map(|name| (*name, ()))
    }

    fn variables(&self) -> impl Iterator<Item = (&'a str, TypeId)> {
        std::iter::empty()
    }

    fn symbols(&self) -> [impl Iterator<Item = (&'a str, (u64, Option<TypeId>))>; 2] {
        let types = variables(self.settled);
        let all = symbols(self.settled.profile).into_iter();
        let all: BTreeMap<_, _> =
            all.map(|(name, value)| (name, (value, types.get(name).copied()))).collect();
        [all, BTreeMap::new()].map(BTreeMap::into_iter)
    }
}

/// Judges the pairs of the walk.
struct Judge<'a, 's> {
    first: &'s Side<'a>,
    second: &'s Side<'a>,
    /// The structs of the second profile that one of the first was compared with.
    met: HashSet<&'a str>,
    result: Comparison,
}

impl<'a> Presentation<'a, Side<'a>> for Judge<'a, '_> {
    fn structure(&mut self, name: &'a str, first: Option<RecordId>, second: Option<RecordId>) {
        let Some(record) = first else {
            self.result.only_second.push(name.to_owned());
            return;
        };
        let others =
            self.second.structs_by_plain_name.get(plain(name)).map(Vec::as_slice).unwrap_or_default();
        let others = others.iter().filter_map(|other| Some((*other, *self.second.structs.get(other)?)));
        // The layout of the same name comes first, so that it is chosen if several fit.
        let in_order = second.map(|id| (name, id)).into_iter();
        let in_order = in_order.chain(others.filter(|(other, _)| *other != name)).take(MOST_LAYOUTS);
        let mut best: Option<(&str, Comparison)> = None;
        for (other, id) in in_order {
            let found = Comparison::of_structs(name, (self.first.settled, record), (self.second.settled, id));
            let fits = found.differences.is_empty();
            if best.as_ref().is_none_or(|(_, known)| found.differences.len() < known.differences.len()) {
                best = Some((other, found));
            }
            if fits {
                break;
            }
        }
        let result = &mut self.result;
        let Some((other, found)) = best else {
            result.only_first.push(name.to_owned());
            return;
        };
        self.met.insert(other);
        result.structs += 1;
        result.add(found);
        if other != name {
            result.explain(Reason::Layouts, || format!("{name} and {other}"));
        }
    }

    fn enumeration(&mut self, name: &'a str, first: Option<()>, _: Option<()>) {
        let Some(labels) = first.and_then(|()| self.first.enumerations.get(name)) else { return };
        let others = self.second.enumerations_by_plain_name.get(plain(name));
        let others = others.into_iter().flatten().filter_map(|other| self.second.enumerations.get(other));
        let differing = |other: &BTreeMap<&str, i128>| -> Comparison {
            let mut found = Comparison::default();
            pairs(labels.iter(), other.iter(), |label, a, b| match (a, b) {
                (Some(a), Some(b)) if a == b => {}
                (Some(a), Some(b)) => {
                    let name = || format!("{name}.{label}");
                    match is_cut(*a, *b) || is_cut(*b, *a) {
                        true => found.explain(Reason::Labels, name),
                        false => found.differ(name(), a.to_string(), b.to_string()),
                    }
                }
                _ => {}
            });
            found
        };
        let best = others.take(MOST_LAYOUTS).map(differing).min_by_key(|found| found.differences.len());
        let Some(found) = best else { return };
        self.result.enumerations += 1;
        self.result.add(found);
    }

    /// The types of variables come with the symbols.
    fn variable(&mut self, _: &'a str, _: Option<TypeId>, _: Option<TypeId>) {}

    fn symbol(
        &mut self,
        name: &'a str,
        first: Option<(u64, Option<TypeId>)>,
        second: Option<(u64, Option<TypeId>)>,
    ) {
        let (Some((value, ty)), Some((other, other_type))) = (first, second) else { return };
        let result = &mut self.result;
        result.symbols += 1;
        if value != other {
            result.differ(name.to_owned(), format!("{value:#x}"), format!("{other:#x}"));
        }
        match (ty, other_type) {
            (Some(a), Some(b)) => match relate((self.first.settled, a), (self.second.settled, b)) {
                Relation::Same => {}
                Relation::Explained(reason) => result.explain(reason, || name.to_owned()),
                Relation::Sizes(a, b) => {
                    result.differ(name.to_owned(), format!("{a} bytes"), format!("{b} bytes"));
                }
            },
            (None, None) => {}
            _ => result.explain(Reason::Untyped, || name.to_owned()),
        }
    }
}

impl Comparison {
    /// Compares two structs that are known to both by one name.
    fn of_structs(name: &str, first: (Settled<'_>, RecordId), second: (Settled<'_>, RecordId)) -> Self {
        let mut result = Self::default();
        let size =
            |(side, id): (Settled<'_>, RecordId)| side.profile.types.record(id).map_or(0, |it| it.size);
        let (a, b) = (size(first), size(second));
        if a != b {
            result.differ(name.to_owned(), format!("{a} bytes"), format!("{b} bytes"));
        }
        pairs(members(first.0, first.1), members(second.0, second.1), |member, a, b| {
            let (Some(a), Some(b)) = (a, b) else { return };
            result.members += 1;
            let name = || format!("{name}.{member}");
            if a.place != b.place {
                match a.holds(first.0, &b) || b.holds(second.0, &a) {
                    true => result.explain(Reason::BitFields, name),
                    false => result.differ(name(), a.place.to_string(), b.place.to_string()),
                }
            } else if a.place.bits.is_none() {
                match relate((first.0, a.ty), (second.0, b.ty)) {
                    Relation::Same => {}
                    Relation::Explained(reason) => result.explain(reason, name),
                    Relation::Sizes(a, b) => {
                        result.differ(name(), format!("{a} bytes"), format!("{b} bytes"));
                    }
                }
            }
        });
        result
    }

    fn add(&mut self, part: Self) {
        self.members += part.members;
        self.differences.extend(part.differences);
        for (reason, tally) in part.explained {
            self.explained.entry(reason).or_default().add(tally);
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

/// Whether `value` is `whole` in 32 bits, with or without a sign.
fn is_cut(value: i128, whole: i128) -> bool {
    let fits = i32::try_from(value).is_ok() || u32::try_from(value).is_ok();
    fits && (value ^ whole) & i128::from(u32::MAX) == 0
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
