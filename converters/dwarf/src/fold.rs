//! The first pass: walks every unit once and keeps the first of equal definitions.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use profile::Progress;

use crate::language::Languages;
use crate::mix::mix;
use crate::plan::EntryKind;
use crate::print::Prints;
use crate::scan::{Broken, Root};
use crate::site::{Reference, Site};
use crate::units::{Strings, Unit, Units};
use crate::value::Place;

/// A variable with the fingerprint of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FoundVariable {
    pub(crate) site: Site,
    /// Its address; `None` if it has none, or if it is 0, which marks code that was removed.
    pub(crate) address: Option<u64>,
    pub(crate) print: u64,
}

/// Definitions by fingerprint.
pub(crate) type Firsts = HashMap<u64, First, BuildHasherDefault<IdentityHasher>>;

/// A set of equal definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First {
    /// The definition that will be read; initially the first one.
    pub(crate) site: Site,
    /// The key of its name; 0 if it has none.
    pub(crate) name: u64,
    /// How many units hold it.
    pub(crate) units: u32,
    /// The unit that was counted last.
    last: u32,
}

impl First {
    pub(crate) fn new(site: Site, name: u64, units: u32) -> Self {
        Self { site, name, units, last: site.unit }
    }
}

/// The result of the first pass.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Structs, unions and classes, named and unnamed.
    pub(crate) records: Firsts,
    /// Enumerations, named and unnamed.
    pub(crate) enumerations: Firsts,
    /// Typedefs that give a name to an unnamed record or enumeration.
    pub(crate) typedefs: Firsts,
    /// Typedefs of records that have another name.
    pub(crate) second_names: Firsts,
    /// Variables that have an address, in the order of the file.
    pub(crate) placed: Vec<FoundVariable>,
    /// Variables without an address, each name and type once.
    pub(crate) declared: Vec<FoundVariable>,
    declared_seen: HashMap<u64, Site, BuildHasherDefault<IdentityHasher>>,
    /// For every unit, the names that it defines, shortened to 32 bits.
    pub(crate) holders: Vec<(u32, u32)>,
    /// For names with several definitions, which of them an entry is ([`crate::variants`]).
    pub(crate) exact: HashMap<Site, u64, RandomState>,
    /// Definitions whose members refer to several definitions of one name, depending on the unit.
    pub(crate) ambiguous: Vec<Site>,
    /// The contents of each unit's first entry, by the unit's number.
    pub(crate) roots: HashMap<u32, Root>,
    walked: HashSet<u32, RandomState>,
    /// Units that could not be walked to their end.
    pub(crate) broken: Vec<(u32, Broken)>,
    /// The number of units in each language that was not requested.
    pub(crate) foreign: BTreeMap<Option<u16>, u64>,
    /// The number of definitions before folding.
    pub(crate) definitions: u64,
    /// Imported units of the supplementary file.
    pub(crate) imports: Vec<(u32, u32)>,
    /// Whether the walk was stopped because the units share their abbreviations too often.
    pub(crate) given_up: bool,
}

impl Found {
    /// Every variable: those with an address in the order of the file, then the others.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &FoundVariable> {
        self.placed.iter().chain(&self.declared)
    }
}

/// Fingerprints are hashes already.
#[derive(Default)]
pub(crate) struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0, u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// The name of this step, for [`Progress`].
pub(crate) const STEP: &str = "Comparing definitions";

/// Walks the units with these numbers on `threads` threads. The result does not depend on the number of threads.
pub(crate) fn fold(
    units: &Units<'_>,
    numbers: &[u32],
    languages: &Languages,
    threads: usize,
    progress: &dyn Progress,
) -> Found {
    let bytes = |number: &u32| units.units.get(*number as usize).map_or(0, |unit| unit.bytes.len() as u64);
    progress.begin(STEP, Some(numbers.iter().map(bytes).sum()));
    let next = AtomicUsize::new(0);
    let done = AtomicU64::new(0);
    let limit = units.abbreviation_limit();
    let work = || {
        let mut found = Found::default();
        let mut prints = Prints::new(units, languages);
        while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.take(units, &mut prints, *number);
            if prints.abbreviations_read() > limit {
                found.given_up = true;
                break;
            }
            let walked = bytes(number);
            progress.advance(STEP, done.fetch_add(walked, Ordering::Relaxed) + walked);
        }
        found
    };
    let threads = threads.clamp(1, numbers.len().max(1));
    let mut found = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut found = work();
        for other in others {
            match other.join() {
                Ok(other) => found.absorb(other),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    });
    found.settle();
    progress.end(STEP);
    found
}

impl Found {
    /// The texts of a unit's names.
    pub(crate) fn strings<'a>(&self, number: u32, unit: &Unit<'a>) -> Strings<'a> {
        let base = self.roots.get(&number).and_then(|root| root.str_offsets_base);
        let mut strings = unit.strings;
        strings.base = base.or(strings.base);
        strings
    }

    /// Walks one unit.
    fn take(&mut self, units: &Units<'_>, prints: &mut Prints<'_, '_>, number: u32) {
        self.walked.insert(number);
        let Some((root, outcome)) = prints.enter(number) else { return };
        if let Err(broken) = outcome {
            self.broken.push((number, broken));
        }
        if !prints.wants(&root) {
            *self.foreign.entry(root.language).or_default() += 1;
            return;
        }
        let nodes = prints.types().map_or(0, |types| types.nodes.len());
        for index in 0..nodes {
            let Some(node) = prints.types().and_then(|types| types.nodes.get(index)) else { continue };
            let site = Site { unit: number, at: node.at };
            match node.kind {
                EntryKind::Record | EntryKind::Enumeration if node.declared => {}
                EntryKind::Record | EntryKind::Enumeration => {
                    let (name, is_record) = (node.name, node.kind == EntryKind::Record);
                    self.definitions += 1;
                    let print = prints.definition(index);
                    if name != 0 {
                        self.holders.push((name as u32, number));
                    }
                    let firsts = if is_record { &mut self.records } else { &mut self.enumerations };
                    keep(firsts, print, site, name);
                }
                EntryKind::Typedef => {
                    let (name, ty) = (node.name, node.ty);
                    let target = prints.reference(ty);
                    if target.unnamed {
                        keep(&mut self.typedefs, mix(target.hash, name), site, name);
                    } else if target.named_record {
                        keep(&mut self.second_names, mix(target.hash, name), site, name);
                    }
                }
                _ => {}
            }
        }
        self.take_variables(units, prints, number, &root);
        let imports = prints.types().map(|types| types.imports.as_slice()).unwrap_or_default();
        self.imports.extend(imports.iter().filter_map(|import| units.find(number, *import)));
        self.roots.insert(number, root);
    }

    fn take_variables(&mut self, units: &Units<'_>, prints: &mut Prints<'_, '_>, number: u32, root: &Root) {
        let count = prints.types().map_or(0, |types| types.variables.len());
        for index in 0..count {
            let Some(variable) = prints.types().and_then(|types| types.variables.get(index)).copied() else {
                continue;
            };
            let address = match variable.place {
                Some(Place::Address(address)) => Some(address),
                Some(Place::AddressIndex(index)) => {
                    let unit = units.units.get(number as usize);
                    unit.and_then(|unit| unit.address(root.addr_base.or(unit.addr_base), index))
                }
                Some(Place::Offset(_)) | None => None,
            };
            let address = address.filter(|address| *address != 0);
            let print = prints.reference(variable.ty).hash;
            let found = FoundVariable { site: Site { unit: number, at: variable.at }, address, print };
            if address.is_some() {
                self.placed.push(found);
            } else if variable.name != 0 && variable.ty != Reference::Nothing {
                match self.declared_seen.entry(mix(variable.name, print)) {
                    Entry::Vacant(place) => {
                        place.insert(found.site);
                        self.declared.push(found);
                    }
                    Entry::Occupied(_) => {}
                }
            }
        }
    }

    /// Sorts the findings of several threads into the order of the file.
    fn settle(&mut self) {
        self.placed.sort_unstable();
        self.placed.dedup();
        self.declared.sort_unstable();
        self.broken.sort_unstable_by_key(|(unit, _)| *unit);
        self.imports.sort_unstable();
        self.imports.dedup();
    }

    /// Whether a unit was walked.
    pub(crate) fn walked(&self, unit: u32) -> bool {
        self.walked.contains(&unit)
    }

    /// Adds the findings in further units.
    pub(crate) fn add(&mut self, other: Found) {
        self.absorb(other);
        self.settle();
    }

    /// Merges the findings of another thread.
    fn absorb(&mut self, other: Found) {
        merge(&mut self.records, other.records);
        merge(&mut self.enumerations, other.enumerations);
        merge(&mut self.typedefs, other.typedefs);
        merge(&mut self.second_names, other.second_names);
        self.placed.extend(other.placed);
        // Both threads may have met the same declaration; the earlier one is kept.
        let theirs: HashMap<Site, FoundVariable> =
            other.declared.into_iter().map(|variable| (variable.site, variable)).collect();
        for (print, site) in other.declared_seen {
            let first = self.declared_seen.entry(print).or_insert(site);
            *first = (*first).min(site);
        }
        self.holders.extend(other.holders);
        let kept: HashSet<Site> = self.declared_seen.values().copied().collect();
        self.declared.extend(theirs.into_values());
        self.declared.retain(|variable| kept.contains(&variable.site));
        self.roots.extend(other.roots);
        self.walked.extend(other.walked);
        self.broken.extend(other.broken);
        self.imports.extend(other.imports);
        self.given_up |= other.given_up;
        for (language, units) in other.foreign {
            *self.foreign.entry(language).or_default() += units;
        }
        self.definitions += other.definitions;
    }
}

fn keep(firsts: &mut Firsts, print: u64, site: Site, name: u64) {
    match firsts.entry(print) {
        Entry::Vacant(place) => {
            place.insert(First::new(site, name, 1));
        }
        Entry::Occupied(mut place) => {
            let first = place.get_mut();
            first.units += u32::from(first.last != site.unit);
            first.last = site.unit;
        }
    }
}

fn merge(ours: &mut Firsts, theirs: Firsts) {
    for (print, other) in theirs {
        match ours.entry(print) {
            Entry::Vacant(place) => {
                place.insert(other);
            }
            Entry::Occupied(mut place) => {
                let first = place.get_mut();
                first.site = first.site.min(other.site);
                first.units = first.units.saturating_add(other.units);
            }
        }
    }
}
