//! Resolves which of several definitions of one name a type uses.
//!
//! Fingerprints identify named types by their names, so structs whose members have equal names and offsets are folded
//! even if two units use different definitions of one of those names. After all units have been walked, the names
//! with several definitions are known, and few units define them. Those units are walked again, with a mark on each
//! such definition (docs/format.md, invariant 6):
//!
//! - a struct that holds one of them by value becomes a separate definition for each, and the structs that hold that
//!   struct are separated in the next round;
//! - a struct that only points to one of them stays one. It is read in the unit where its pointers have their most
//!   frequent meaning, and is counted as ambiguous if that does not decide.
//!
//! Nothing here depends on the order of units.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::entry;
use crate::fold::{First, Firsts, Found};
use crate::language::Languages;
use crate::mix::{mix, mix_text};
use crate::plan::{EntryKind, Plans, Shapes};
use crate::print::{Prints, Reading};
use crate::site::Site;
use crate::units::Units;
use crate::value::Value;

type Map<K, V> = HashMap<K, V, RandomState>;

/// The name of a record (true) or an enumeration.
type Title = (bool, u64);

/// How often separated definitions may separate others: structs in structs in structs.
const MAX_ROUNDS: usize = 8;
/// How many definitions are read to decide between versions that are in equally many units.
const MAX_LAYOUTS: usize = 4096;

/// A definition in a unit that holds several definitions of some name.
struct Held {
    site: Site,
    title: Title,
    /// Its fingerprint by names alone.
    plain: u64,
    /// Its fingerprint by names and by the marks of types held by value.
    value: u64,
    /// Its fingerprint by names and all marks.
    full: u64,
    /// The marked definitions that it leads to.
    met: Vec<Site>,
}

/// Separates the definitions of one name in all units that were walked.
pub(crate) fn tell_apart(units: &Units<'_>, languages: &Languages, found: &mut Found) {
    let mut titles = shared(&found.records, true);
    titles.extend(shared(&found.enumerations, false));
    let holders = std::mem::take(&mut found.holders);
    if titles.is_empty() {
        return;
    }
    let mut prints = Prints::new(units, languages);
    let mut held = Vec::new();
    let mut classes = 0;
    for _ in 0..MAX_ROUNDS {
        let Some(walked) = walk(units, &mut prints, &holding(&titles, &holders), &titles) else { return };
        held = walked;
        let mut values: Map<Title, HashSet<u64>> = Map::default();
        for held in held.iter().filter(|held| held.title.1 != 0) {
            values.entry(held.title).or_default().insert(held.value);
        }
        let before = titles.len();
        titles.extend(values.iter().filter(|(_, values)| values.len() > 1).map(|(title, _)| *title));
        let now = values.iter().filter(|(title, _)| titles.contains(*title)).map(|(_, set)| set.len()).sum();
        let marked = held.iter().filter(|held| titles.contains(&held.title));
        prints.marks = marked.map(|held| (held.site, held.value)).collect();
        // Within one unit a single walk is enough; references into other units take another walk.
        if titles.len() == before && (now == classes || !prints.has_left_unit()) {
            break;
        }
        classes = now;
    }
    found.exact = std::mem::take(&mut prints.marks);
    choose(units, found, held, &titles);
}

/// The names with several known definitions.
fn shared(firsts: &Firsts, is_record: bool) -> HashSet<Title> {
    let mut names: Vec<u64> = firsts.values().map(|first| first.name).filter(|name| *name != 0).collect();
    names.sort_unstable();
    let groups = names.chunk_by(|a, b| a == b).filter(|group| group.len() > 1);
    groups.filter_map(|group| Some((is_record, *group.first()?))).collect()
}

/// The units that define one of these names.
fn holding(titles: &HashSet<Title>, holders: &[(u32, u32)]) -> Vec<u32> {
    let short: HashSet<u32, RandomState> = titles.iter().map(|(_, name)| *name as u32).collect();
    let mut numbers: Vec<u32> =
        holders.iter().filter(|(name, _)| short.contains(name)).map(|(_, unit)| *unit).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The definitions in these units; `None` if they share their abbreviations too often.
fn walk(
    units: &Units<'_>,
    prints: &mut Prints<'_, '_>,
    numbers: &[u32],
    titles: &HashSet<Title>,
) -> Option<Vec<Held>> {
    let mut all = Vec::new();
    let limit = units.abbreviation_limit();
    for unit in numbers {
        if prints.abbreviations_read() > limit {
            return None;
        }
        prints.read_as(Reading::Names);
        let start = all.len();
        let mut nodes = Vec::new();
        // Parts that cannot be read were counted in the first walk.
        let _ = prints.enter(*unit);
        let count = prints.types().map_or(0, |types| types.nodes.len());
        for index in 0..count {
            let Some(node) = prints.types().and_then(|types| types.nodes.get(index)) else { continue };
            if node.declared || !matches!(node.kind, EntryKind::Record | EntryKind::Enumeration) {
                continue;
            }
            let (site, title) =
                (Site { unit: *unit, at: node.at }, (node.kind == EntryKind::Record, node.name));
            let plain = prints.definition(index);
            if titles.contains(&title) {
                prints.marks.entry(site).or_insert(plain);
            }
            all.push(Held { site, title, plain, value: plain, full: plain, met: Vec::new() });
            nodes.push(index);
        }
        for reading in [Reading::Values, Reading::Everything] {
            prints.read_as(reading);
            for (held, index) in all.iter_mut().skip(start).zip(&nodes) {
                let print = prints.definition(*index);
                let met = prints.take_met();
                // A definition that leads to none of them is the same everywhere.
                if met.is_empty() {
                    continue;
                }
                match reading {
                    Reading::Values => held.value = mix(held.plain, print),
                    _ => (held.full, held.met) = (print, met),
                }
            }
        }
    }
    Some(all)
}

/// How a definition is read in some units.
struct Version {
    site: Site,
    units: u32,
    last: u32,
    met: Vec<Site>,
}

/// Replaces the definitions of names that several share by the separated ones, each at the site where its pointers
/// have their most frequent meaning.
fn choose(units: &Units<'_>, found: &mut Found, held: Vec<Held>, titles: &HashSet<Title>) {
    let mut versions: Map<(Title, u64), BTreeMap<u64, Version>> = Map::default();
    for Held { site, title, plain, full, met, .. } in held {
        let id = match found.exact.get(&site) {
            Some(mark) => *mark,
            None if met.is_empty() || title.1 == 0 => continue,
            None => plain,
        };
        let version = versions.entry((title, id)).or_default().entry(full);
        let version = version.or_insert_with(|| Version { site, units: 0, last: u32::MAX, met });
        version.units += u32::from(version.last != site.unit);
        version.last = site.unit;
    }
    found.records.retain(|_, first| !titles.contains(&(true, first.name)));
    found.enumerations.retain(|_, first| !titles.contains(&(false, first.name)));
    let mut left = MAX_LAYOUTS;
    for ((title, id), versions) in versions {
        let units_in_all = versions.values().map(|version| version.units).sum();
        // The unit that knows most, then the meaning in most units, then the larger definition.
        let most = versions.values().map(|version| version.met.len()).max().unwrap_or(0);
        let mut fitting: Vec<&Version> =
            versions.values().filter(|version| version.met.len() == most).collect();
        if fitting.len() > 1 {
            found.ambiguous.extend(fitting.iter().map(|version| version.site).min());
            fitting.sort_by_cached_key(|version| {
                let met: Vec<_> = version.met.iter().map(|site| layout(units, *site, &mut left)).collect();
                (Reverse(version.units), met, version.site)
            });
        }
        let Some(chosen) = fitting.first() else { continue };
        let firsts = if title.0 { &mut found.records } else { &mut found.enumerations };
        match firsts.get_mut(&id) {
            Some(first) => first.site = chosen.site,
            None => {
                firsts.insert(id, First::new(chosen.site, title.1, units_in_all));
            }
        }
    }
    found.ambiguous.sort_unstable();
}

/// A key that distinguishes a definition from others of its name in any file: the larger one first.
fn layout(units: &Units<'_>, site: Site, left: &mut usize) -> (Reverse<u64>, Reverse<usize>, u64) {
    let mut read = || {
        *left = left.checked_sub(1)?;
        let unit = units.units.get(site.unit as usize)?;
        let mut plans = Plans::default();
        let (bytes, at) = (unit.abbreviations, unit.abbreviations_at);
        plans.compile(bytes, at, unit.encoding, &mut Shapes::default())?;
        let entry = entry::read(unit, &plans, site.at)?;
        let children = entry::children(unit, &plans, &entry)?;
        let mut hash = 0;
        for child in &children {
            let name = child.name.and_then(|name| unit.strings.text(name)).unwrap_or_default();
            let offset = match child.location {
                Some(Value::Number(offset)) => offset,
                _ => child.value.unwrap_or(0),
            };
            hash = mix(mix(hash, mix_text(name)), offset);
        }
        Some((Reverse(entry.size.unwrap_or(0)), Reverse(children.len()), hash))
    };
    read().unwrap_or((Reverse(0), Reverse(0), 0))
}
