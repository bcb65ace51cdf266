use std::collections::BTreeMap;

use crate::{BitRange, Name, Profile, RecordId, Resolution, Type};

/// How two profiles of one build differ in meaning: names that one of them alone has are no contradiction,
/// a different size, offset, bit range or address is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What contradicts, in order of name.
    pub differences: Vec<Difference>,
    /// How many structs both have.
    pub structs: usize,
    /// How many members were compared.
    pub members: usize,
    /// How many symbols both have.
    pub symbols: usize,
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

/// A profile with its names settled.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// Its names.
    pub resolution: &'a Resolution,
}

/// Compares two profiles of one build by meaning. Members of members without a name count as the struct's
/// own, so it does not matter how a source nests them; names made for unnamed types are passed over.
pub fn compare(first: Settled<'_>, second: Settled<'_>) -> Comparison {
    let mut result = Comparison::default();
    let (ours, theirs) = (structs(first), structs(second));
    for (name, record) in &ours {
        let Some(other) = theirs.get(name) else {
            result.only_first.push((*name).to_owned());
            continue;
        };
        result.structs += 1;
        let size = |side: Settled<'_>, id| side.profile.types.record(id).map_or(0, |record| record.size);
        let (a, b) = (size(first, *record), size(second, *other));
        if a != b {
            result.differences.push(Difference {
                name: (*name).to_owned(),
                first: format!("{a} bytes"),
                second: format!("{b} bytes"),
            });
        }
        let (a, b) = (members(first, *record), members(second, *other));
        for (member, place) in &a {
            let Some(other) = b.get(member) else { continue };
            result.members += 1;
            if place != other {
                result.differences.push(Difference {
                    name: format!("{name}.{member}"),
                    first: place.to_string(),
                    second: other.to_string(),
                });
            }
        }
    }
    let only = theirs.keys().filter(|name| !ours.contains_key(*name));
    result.only_second = only.map(|name| (*name).to_owned()).collect();
    let (ours, theirs) = (symbols(first.profile), symbols(second.profile));
    for (name, value) in ours {
        let Some(other) = theirs.get(name) else { continue };
        result.symbols += 1;
        if value != *other {
            result.differences.push(Difference {
                name: name.to_owned(),
                first: format!("{value:#x}"),
                second: format!("{other:#x}"),
            });
        }
    }
    result
}

/// Where a member lies, its storage unit taken apart: in bits, so that the unit's choice does not matter.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    offset: u64,
    bits: Option<BitRange>,
}

impl Place {
    fn new(offset: u64, bits: Option<BitRange>) -> Self {
        let Some(range) = bits else { return Self { offset, bits } };
        // The same bits may stand in an `unsigned int` at 0 or in an `unsigned char` at 3.
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

fn symbols(profile: &Profile) -> BTreeMap<&str, u64> {
    let all = profile.constants.iter().chain(&profile.functions);
    all.map(|(name, value)| (profile.names.get(*name), *value)).collect()
}

/// How many structs without a name are opened in one: each may hold the next one many times.
const MOST_UNNAMED: usize = 4096;

/// Every member by name, those of members without a name included; of two with one name the first declared.
fn members(side: Settled<'_>, record: RecordId) -> BTreeMap<&str, Place> {
    let mut found = BTreeMap::new();
    let mut pending = vec![(record, 0u64, 0usize)];
    let mut left = MOST_UNNAMED;
    while let Some((record, base, depth)) = pending.pop() {
        for member in side.profile.types.members(record) {
            let Some(offset) = base.checked_add(member.offset) else { continue };
            let name: Name = member.name;
            let name = side.profile.names.get(name);
            match side.unnamed(member.ty, name) {
                // Sixteen levels of anonymous structs are more than any source has.
                Some(inner) if depth < 16 && left > 0 => {
                    left -= 1;
                    pending.push((inner, offset, depth + 1));
                }
                _ => {
                    found.entry(name).or_insert_with(|| Place::new(offset, member.bits));
                }
            }
        }
    }
    found
}

impl Settled<'_> {
    /// The unnamed record behind a member called as those without a name are.
    fn unnamed(self, ty: crate::TypeId, member: &str) -> Option<RecordId> {
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
