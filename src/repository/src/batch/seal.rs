use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use profile::Progress;

use super::adopt::{Adopted, Rules, adopt};
use super::contents::{Contents, Place};
use super::indexes::{Indexes, configuration};
use super::item::{DebugSource, Lists, Source, items_of};
use super::items::{Items, Names};
use super::pipeline::locked;
use super::state::{State, is_listed};
use crate::inventory::seconds;
use crate::records::PackedContent;
use crate::{Condition, Error, Inventory, Key, ProfileName, Record, Rejects, Storage, rejects};

/// The results of sealing.
#[derive(Clone, Debug, Default)]
pub struct Sealed {
    /// How many profiles the inventory lists.
    pub profiles: usize,
    /// How many parts were merged.
    pub parts: usize,
    /// How many objects without records were judged by their content.
    pub looked_into: usize,
    /// Profiles whose records differ from those of an undisturbed builder, each with the correction.
    pub corrected: Vec<(String, String)>,
    /// Profiles whose objects cannot be read, with the reason.
    pub unreadable: Vec<(String, String)>,
    /// The indexes that were built, and the number of profiles in each.
    pub indexes: Vec<(ProfileName, usize)>,
    /// Whether the inventory changed.
    pub changed: bool,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// How the work is done.
struct Work<'a> {
    threads: usize,
    progress: &'a dyn Progress,
}

/// How often sealing is repeated because another process wrote first.
const ATTEMPTS: usize = 16;

/// Merges the parts that builders left, and all objects without records, into the inventory; builds the configured
/// indexes whose profiles changed (all of them with `anew`); and writes the rejects. Several processes may do this at
/// once: each writes only over the version that it read, and otherwise starts again.
///
/// # Errors
/// Any error from reading and writing; [`Error::Text`] for an invalid configuration or specification;
/// [`Error::Storage`] if others are always faster.
pub fn seal(
    storage: &dyn Storage,
    threads: usize,
    anew: bool,
    progress: &dyn Progress,
) -> Result<Sealed, Error> {
    let mut sealed = Sealed::default();
    let work = Work { threads, progress };
    for _ in 0..ATTEMPTS {
        let config = configuration(storage)?.unwrap_or_default();
        // Reading a list takes more memory than what is kept of it, so it is read before there is anything else.
        let mut lists = Lists::read(&config, storage);
        let mut state = State::read(storage)?;
        sealed.warnings.clone_from(&state.warnings);
        sealed.parts = state.parts.len();
        let known = state.inventory.len();
        let items = items_of(&config, &mut lists, &state, storage, &mut sealed.warnings);
        let rules = Rules::new(&config, &items);
        let mut contents = contents(storage, &state, &rules, &work, &mut sealed);
        drop(rules);
        let writer = Indexes { storage, threads, anew, progress };
        let indexes = writer.write(&mut state, &mut contents, &mut sealed)?;
        let rejects = write_rejects(storage, &state, &items, &contents)?;
        drop(items);
        let built = sealed.indexes.clone();
        let records = Records::new(&state, &contents, &built);
        sealed.profiles = records.order.len();
        sealed.changed = records.kept != known || records.kept != sealed.profiles || state.version.is_none();
        if sealed.changed && !Inventory::write_bytes(&records.to_bytes()?, storage, state.version.as_ref())? {
            continue;
        }
        if !rejects || !indexes {
            continue;
        }
        // Parts are never written twice, so merged ones can be removed.
        for (key, _) in &state.parts {
            storage.remove(key)?;
        }
        storage.tidy()?;
        return Ok(sealed);
    }
    let problem = "another builder writes the inventory all the time; run seal once it is done".to_owned();
    Err(Error::Storage { place: storage.place_of(&Inventory::key()?), problem })
}

/// The description of each listed object.
fn contents(
    storage: &dyn Storage,
    state: &State,
    rules: &Rules<'_>,
    work: &Work<'_>,
    sealed: &mut Sealed,
) -> Contents {
    let mut contents = Contents::new(&state.present);
    let mut unknown = Vec::new();
    let listed = state.present.iter().enumerate().filter(|(_, (key, _))| is_listed(key));
    for (position, (key, seen)) in listed {
        let place = is_sound(state, rules, key, seen.size).then(|| record_of(state, key, seen.size));
        match place.flatten() {
            Some(place) => contents.set(position, place),
            None => unknown.push(position),
        }
    }
    look(storage, state, rules, work, sealed, &unknown, &mut contents);
    contents
}

/// Whether the newest record of an object can be used: it matches the object, and an undisturbed builder could have
/// written it.
fn is_sound(state: &State, rules: &Rules<'_>, key: &str, size: u64) -> bool {
    let (Some(name), Ok(key)) = (key.strip_suffix(".gz"), key.parse::<Key>()) else { return false };
    let Some((content, written)) = state.record_of_size(name, size) else { return false };
    let content = content.unpacked();
    state.vouches(&key, &content, written) && rules.allow(&key, &content)
}

/// Where the newest record of an object of this size is: in the inventory if that says the same as the newest part.
fn record_of(state: &State, key: &str, size: u64) -> Option<Place> {
    let name = key.strip_suffix(".gz")?;
    let known = state.inventory.records().find_of_size(name, size);
    let noted = state.parts.iter().enumerate().rev().find_map(|(part, (_, noted))| {
        noted.made.find_of_size(name, size).map(|(at, content)| (part, at, content))
    });
    match (noted, known) {
        (Some((part, at, noted)), known) if known.is_none_or(|(_, known)| known != noted) => {
            Some(Place::Part(u32::try_from(part).ok()?, u32::try_from(at).ok()?))
        }
        (_, known) => Some(Place::Inventory(u32::try_from(known?.0).ok()?)),
    }
}

/// What was found of an object.
enum Found {
    /// Its description is among those that were found, and is in doubt for this reason.
    Described(Option<Box<str>>),
    /// It was removed in the meantime.
    Gone,
    /// It cannot be read.
    Unreadable(Box<str>),
}

/// Judges objects whose records cannot be used, on several threads.
fn look(
    storage: &dyn Storage,
    state: &State,
    rules: &Rules<'_>,
    work: &Work<'_>,
    sealed: &mut Sealed,
    unknown: &[usize],
    contents: &mut Contents,
) {
    const STEP: &str = "Looking into profiles";
    sealed.looked_into = 0;
    sealed.unreadable.clear();
    sealed.corrected.clear();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // What grows in several threads leaves holes in the memory of each.
    contents.reserve(unknown.len());
    let found = Mutex::new((&mut *contents, Vec::with_capacity(unknown.len())));
    work.progress.begin(STEP, Some(unknown.len() as u64));
    let judge = |position: usize| {
        let key = state.present.key_at(position).and_then(|key| key.parse::<Key>().ok());
        let Some(key) = key else { return (Found::Gone, None) };
        let recorded = state.recorded(&key, storage).filter(|content| rules.allow(&key, content));
        if let Some(content) = recorded {
            return (Found::Described(None), Some(content));
        }
        match adopt(rules.item(&key).as_ref(), &key, storage, state) {
            Ok(Some(Adopted { content, doubt })) => {
                (Found::Described(doubt.map(String::into_boxed_str)), Some(content))
            }
            Ok(None) => (Found::Gone, None),
            Err(error) => (Found::Unreadable(error.to_string().into_boxed_str()), None),
        }
    };
    thread::scope(|scope| {
        for _ in 0..work.threads.clamp(1, unknown.len().max(1)) {
            scope.spawn(|| {
                while let Some(position) = unknown.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (one, content) = judge(*position);
                    let (contents, found) = &mut *locked(&found);
                    if let Some(content) = content {
                        contents.describe(*position, &content);
                    }
                    found.push((*position, one));
                    work.progress.advance(STEP, done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
                }
            });
        }
    });
    work.progress.end(STEP);
    let (contents, mut found) = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_unstable_by_key(|(position, _)| *position);
    for (position, one) in found {
        let key = state.present.key_at(position).unwrap_or_default();
        let name = key.strip_suffix(".gz").unwrap_or(key);
        match one {
            Found::Described(doubt) => {
                let Some(packed) = contents.at(state, position) else { continue };
                let content = packed.unpacked();
                if let Some(reason) = content.health.strip_prefix("unreadable: ") {
                    sealed.unreadable.push((key.to_owned(), reason.to_owned()));
                }
                sealed.warnings.extend(doubt.map(|doubt| format!("{name}: {doubt}")));
                let at = state.inventory.records().find(name);
                let known = at.and_then(|at| state.inventory.records().at(at)?.content);
                if known == Some(packed) {
                    let at = at.and_then(|at| u32::try_from(at).ok());
                    at.into_iter().for_each(|at| contents.set(position, Place::Inventory(at)));
                } else {
                    sealed.looked_into += 1;
                    // The record belongs to another object.
                    let old = known.map(PackedContent::unpacked);
                    if let Some(old) = old.filter(|old| old.sha256 == content.sha256) {
                        sealed.corrected.push((name.to_owned(), old.differences(&content)));
                    }
                }
            }
            Found::Gone => {}
            Found::Unreadable(reason) => sealed.unreadable.push((key.to_owned(), reason.into_string())),
        }
    }
}

/// The records of the new inventory, made one by one when it is written.
struct Records<'a> {
    state: &'a State,
    contents: &'a Contents,
    /// The indexes that were built just now.
    built: BTreeSet<&'a str>,
    /// The positions of the objects, in the order of names.
    order: Vec<usize>,
    /// How many records are those of the old inventory.
    kept: usize,
}

impl<'a> Records<'a> {
    fn new(state: &'a State, contents: &'a Contents, indexes: &'a [(ProfileName, usize)]) -> Self {
        let name = |position: &usize| state.present.key_at(*position)?.strip_suffix(".gz");
        let mut order: Vec<usize> =
            contents.described().filter(|position| name(position).is_some()).collect();
        order.sort_unstable_by_key(name);
        let built: BTreeSet<&str> = indexes.iter().map(|(target, _)| target.as_str()).collect();
        let is_kept = |position: &&usize| {
            matches!(contents.place(**position), Place::Inventory(_))
                && name(position).is_some_and(|name| !built.contains(name))
        };
        let kept = order.iter().filter(is_kept).count();
        Self { state, contents, built, order, kept }
    }

    /// An object that did not change keeps its time: a fresh clone of a repository gives every file a new one.
    fn record(&self, position: usize) -> Option<(&'a str, Record)> {
        let name = self.state.present.key_at(position)?.strip_suffix(".gz")?;
        let content = self.contents.at(self.state, position)?.unpacked();
        let known = self.state.inventory.records().get(name);
        let same = |old: PackedContent<'_>| old.sha256() == content.sha256 && !self.built.contains(name);
        let known = known.filter(|known| known.content.is_some_and(same)).map(|known| known.modified);
        let written = || self.state.present.seen_at(position)?.modified;
        let modified = known.unwrap_or_else(|| written().map_or(0.0, seconds));
        Some((name, Record { modified, content: Some(content) }))
    }

    fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        Inventory::bytes_of(self.order.len(), self.order.iter().filter_map(|position| self.record(*position)))
    }
}

/// Adds a reject, which replaces those of older versions of the same debug file.
fn reject(reasons: &mut BTreeMap<String, String>, source: &str, reason: &str) {
    if let Some(DebugSource { key, .. }) = DebugSource::parse(source) {
        forget(reasons, &key);
    }
    reasons.insert(source.to_owned(), reason.to_owned());
}

/// Removes the rejects of a debug file in any version.
fn forget(reasons: &mut BTreeMap<String, String>, file: &Key) {
    let versions: Vec<String> = rejects::of(reasons, file).map(|(text, ..)| text.to_owned()).collect();
    for version in versions {
        reasons.remove(&version);
    }
}

/// Writes the rejects, list by list; returns whether no other process wrote in the meantime.
fn write_rejects(
    storage: &dyn Storage,
    state: &State,
    items: &Items,
    contents: &Contents,
) -> Result<bool, Error> {
    const REJECTS: &str = ".rejects.gz";
    let has_rejects = state.parts.iter().any(|(_, part)| !part.rejects.is_empty())
        || state.present.keys().any(|key| key.ends_with(REJECTS));
    if !has_rejects {
        return Ok(true);
    }
    // What a collection lists is not an object of the repository.
    let mut listed = Names::default();
    for item in items.iter() {
        if let Source::Debug { key, origin: Some(_), .. } = &item.source {
            listed.insert(key.as_str());
        }
    }
    let mut lists: BTreeMap<Key, BTreeMap<String, String>> = BTreeMap::new();
    // Debug files that were changed: rejects of their older versions are no longer valid.
    let mut mended: BTreeSet<Key> = BTreeSet::new();
    for (_, part) in &state.parts {
        // Records may describe objects that no longer exist.
        let made = part.made.iter().filter_map(|record| {
            let there = contents.get(state, &format!("{}.gz", record.name))?.source();
            let own = record.content.map(PackedContent::source).unwrap_or_default();
            DebugSource::parse(&there).filter(|_| own.is_empty() || own == there)
        });
        for DebugSource { key, .. } in made {
            lists.values_mut().for_each(|reasons| forget(reasons, &key));
            mended.insert(key);
        }
        for (list, reasons) in &part.rejects {
            let list = lists.entry(list.parse()?).or_default();
            for (source, reason) in reasons {
                if let Some(source) = DebugSource::parse(source) {
                    mended.remove(&source.key);
                }
                reject(list, source, reason);
            }
        }
    }
    // A build that has been made since is no longer rejected.
    let mut made = Names::default();
    for record in state.parts.iter().flat_map(|(_, part)| part.made.iter()) {
        made.insert(record.name.rsplit('/').next().unwrap_or(record.name));
    }
    // Of debug files, what counts is which one the profile that is there is made from.
    for position in contents.described() {
        let source = contents.at(state, position).map(PackedContent::source).unwrap_or_default();
        if DebugSource::parse(&source).is_some() {
            made.insert(&source);
        }
    }
    for key in state.present.keys() {
        let list = key.strip_suffix(REJECTS).and_then(|list| list.parse().ok());
        if let Some(list) = list.filter(|_| !made.is_empty()) {
            lists.entry(list).or_default();
        }
    }
    for (list, reasons) in lists {
        let key = Rejects::key(&list)?;
        let version = storage.stat(&key)?.map(|stat| stat.version);
        let mut rejects = Rejects::read(storage, &list)?;
        let before = rejects.clone();
        mended.iter().for_each(|key| forget(&mut rejects.reasons, key));
        reasons.iter().for_each(|(source, reason)| reject(&mut rejects.reasons, source, reason));
        let is_gone = |source: &str| {
            DebugSource::parse(source).is_some_and(|source| {
                !state.present.contains(&source.key) && !listed.contains(source.key.as_str())
            })
        };
        rejects.reasons.retain(|source, _| !made.contains(source) && !is_gone(source));
        if rejects == before {
            continue;
        }
        let condition = version.map_or(Condition::Absent, Condition::Unchanged);
        if storage.write(&key, &rejects.to_bytes()?, &condition)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
