use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use profile::Progress;

use super::adopt::{Adopted, Rules, adopt};
use super::contents::Contents;
use super::indexes::{Indexes, configuration};
use super::item::{DebugSource, Lists, Source, items_of};
use super::items::{Items, Names};
use super::pipeline::locked;
use super::state::{State, is_listed};
use crate::inventory::{PackedContent, seconds};
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
        let mut contents = contents(storage, &mut state, &rules, &work, &mut sealed);
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
        for key in state.parts.keys() {
            storage.remove(key)?;
        }
        storage.tidy()?;
        return Ok(sealed);
    }
    let problem = "another builder writes the inventory all the time; run seal once it is done".to_owned();
    Err(Error::Storage { place: storage.place_of(&Inventory::key()?), problem })
}

/// The description of each listed object. Recorded descriptions are moved there, so that thousands need their memory
/// once. In the old inventory, a record without changes is left without its content, and one with changes keeps it.
fn contents(
    storage: &dyn Storage,
    state: &mut State,
    rules: &Rules<'_>,
    work: &Work<'_>,
    sealed: &mut Sealed,
) -> Contents {
    let mut contents = Contents::new(&state.present);
    state.inventory.forget_undescribed();
    let mut unknown = Vec::new();
    let listed = state.present.iter().enumerate().filter(|(_, (key, _))| is_listed(key));
    let judged: Vec<(usize, bool)> =
        listed.map(|(position, (key, seen))| (position, is_sound(state, rules, key, seen.size))).collect();
    for (position, is_sound) in judged {
        match is_sound.then(|| take_record(state, position)).flatten() {
            Some(content) => contents.set(position, content),
            None => unknown.push(position),
        }
    }
    look(storage, state, rules, work, sealed, unknown, &mut contents);
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

/// Takes the newest record of an object out of a part or the inventory.
fn take_record(state: &mut State, position: usize) -> Option<PackedContent> {
    let State { present, parts, inventory, .. } = state;
    let (name, size) = (present.key_at(position)?.strip_suffix(".gz")?, present.seen_at(position)?.size);
    let known = inventory.content(name).filter(|known| known.size() == size);
    let mut noted = parts.values_mut().rev().filter_map(|part| part.made.get_mut(name));
    match noted.find(|noted| noted.size() == size) {
        Some(noted) if known != Some(noted) => Some(std::mem::take(noted)),
        Some(_) => inventory.take_content(name),
        None => known.is_some().then(|| inventory.take_content(name)).flatten(),
    }
}

/// What was found of an object.
enum Found {
    /// Its description, and why that is in doubt.
    Described(PackedContent, Option<String>),
    /// It was removed in the meantime.
    Gone,
    /// It cannot be read.
    Unreadable(String),
}

/// Judges objects whose records cannot be used, on several threads.
fn look(
    storage: &dyn Storage,
    state: &mut State,
    rules: &Rules<'_>,
    work: &Work<'_>,
    sealed: &mut Sealed,
    unknown: Vec<usize>,
    contents: &mut Contents,
) {
    const STEP: &str = "Looking into profiles";
    sealed.looked_into = 0;
    sealed.unreadable.clear();
    sealed.corrected.clear();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(Vec::new());
    work.progress.begin(STEP, Some(unknown.len() as u64));
    let judged = &*state;
    let judge = |position: usize| {
        let key = judged.present.key_at(position).and_then(|key| key.parse::<Key>().ok());
        let Some(key) = key else { return Found::Gone };
        let recorded = judged.recorded(&key, storage).filter(|content| rules.allow(&key, content));
        if let Some(content) = recorded {
            return Found::Described(PackedContent::new(&content), None);
        }
        match adopt(rules.item(&key).as_ref(), &key, storage, judged) {
            Ok(Some(Adopted { content, doubt })) => Found::Described(PackedContent::new(&content), doubt),
            Ok(None) => Found::Gone,
            Err(error) => Found::Unreadable(error.to_string()),
        }
    };
    thread::scope(|scope| {
        for _ in 0..work.threads.clamp(1, unknown.len().max(1)) {
            scope.spawn(|| {
                while let Some(position) = unknown.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = judge(*position);
                    locked(&found).push((*position, one));
                    work.progress.advance(STEP, done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
                }
            });
        }
    });
    work.progress.end(STEP);
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_by_key(|(position, _)| *position);
    for (position, one) in found {
        let key = state.present.key_at(position).unwrap_or_default();
        let name = key.strip_suffix(".gz").unwrap_or(key);
        match one {
            Found::Described(packed, doubt) => {
                let content = packed.unpacked();
                if let Some(reason) = content.health.strip_prefix("unreadable: ") {
                    sealed.unreadable.push((key.to_owned(), reason.to_owned()));
                }
                sealed.warnings.extend(doubt.map(|doubt| format!("{name}: {doubt}")));
                let known = state.inventory.content(name);
                if known == Some(&packed) {
                    state.inventory.take_content(name);
                } else {
                    sealed.looked_into += 1;
                    // The record belongs to another object.
                    let old = known.map(PackedContent::unpacked);
                    if let Some(old) = old.filter(|old| old.sha256 == content.sha256) {
                        sealed.corrected.push((name.to_owned(), old.differences(&content)));
                    }
                }
                contents.set(position, packed);
            }
            Found::Gone => {}
            Found::Unreadable(reason) => sealed.unreadable.push((key.to_owned(), reason)),
        }
    }
}

/// The records of the new inventory, made one by one when it is written.
struct Records<'a> {
    state: &'a State,
    contents: &'a Contents,
    /// The indexes that were built just now.
    built: BTreeSet<&'a str>,
    /// The keys of the objects, in the order of names.
    order: Vec<&'a str>,
    /// How many records are those of the old inventory.
    kept: usize,
}

impl<'a> Records<'a> {
    fn new(state: &'a State, contents: &'a Contents, indexes: &'a [(ProfileName, usize)]) -> Self {
        let described = contents.iter(&state.present).map(|(key, _)| key);
        let mut order: Vec<&str> = described.filter(|key| key.ends_with(".gz")).collect();
        order.sort_unstable_by_key(|key| key.strip_suffix(".gz"));
        let built = indexes.iter().map(|(target, _)| target.as_str()).collect();
        let mut records = Self { state, contents, built, order, kept: 0 };
        let is_kept = |key: &&&str| {
            let name = key.strip_suffix(".gz").unwrap_or_default();
            let is_known = !records.built.contains(name) && state.inventory.modified(name).is_some();
            is_known && state.inventory.content(name).is_none()
        };
        records.kept = records.order.iter().filter(is_kept).count();
        records
    }

    /// An object that did not change keeps its time: a fresh clone of a repository gives every file a new one.
    fn record(&self, key: &'a str) -> Option<(&'a str, Record)> {
        let name = key.strip_suffix(".gz")?;
        let content = self.contents.get(&self.state.present, key)?.unpacked();
        let inventory = &self.state.inventory;
        let same = inventory.content(name).is_none_or(|old| old.unpacked().sha256 == content.sha256);
        let known = inventory.modified(name).filter(|_| same && !self.built.contains(name));
        let written = || key.parse().ok().and_then(|key| self.state.present.get(&key)?.modified);
        let modified = known.unwrap_or_else(|| written().map_or(0.0, seconds));
        Some((name, Record { modified, content: Some(content) }))
    }

    fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        Inventory::bytes_of(self.order.iter().filter_map(|key| self.record(key)))
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
    let has_rejects = state.parts.values().any(|part| !part.rejects.is_empty())
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
    for part in state.parts.values() {
        // A record that was moved into the inventory is empty here; the others may describe objects that no longer
        // exist.
        let made = part.made.iter().filter_map(|(name, content)| {
            let there = contents.get(&state.present, &format!("{name}.gz"))?.source();
            let own = content.source();
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
    for (name, _) in state.parts.values().flat_map(|part| part.made.iter()) {
        made.insert(name.rsplit('/').next().unwrap_or(name));
    }
    // Of debug files, what counts is which one the profile that is there is made from.
    for (_, content) in contents.iter(&state.present) {
        let source = content.source();
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
