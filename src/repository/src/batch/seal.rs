use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use profile::Progress;

use super::adopt::{Adopted, Rules, adopt};
use super::indexes::{Indexes, configuration};
use super::item::{DebugSource, Item, Source, items_of};
use super::pipeline::locked;
use super::state::{State, is_listed};
use crate::inventory::seconds;
use crate::{Condition, Content, Error, Inventory, Key, ProfileName, Record, Rejects, Storage};

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
        let mut state = State::read(storage)?;
        sealed.warnings.clone_from(&state.warnings);
        sealed.parts = state.parts.len();
        let known = state.inventory.records.len();
        let config = configuration(storage)?.unwrap_or_default();
        let items = items_of(&config, &state, storage, &mut sealed.warnings);
        let rules = Rules::new(&config, &items);
        let mut contents = contents(storage, &mut state, &rules, &work, &mut sealed);
        let writer = Indexes { storage, threads, anew, progress };
        let indexes = writer.write(&mut state, &mut contents, &mut sealed)?;
        for (target, _) in &sealed.indexes {
            state.inventory.records.remove(target.as_str());
        }
        let rejects = write_rejects(storage, &state, &items, &contents)?;
        drop(items);
        let (inventory, kept) = inventory(&mut state, contents);
        sealed.profiles = inventory.records.len();
        sealed.changed = kept != known || kept != sealed.profiles || state.version.is_none();
        if sealed.changed && !inventory.write(storage, state.version.as_ref())? {
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
) -> BTreeMap<Key, Content> {
    // A map that is made of a whole list has no room to spare.
    let mut contents = Vec::new();
    state.inventory.records.retain(|_, record| record.content.is_some());
    let mut unknown = Vec::new();
    let listed: Vec<(Key, u64)> = state
        .present
        .iter()
        .filter(|(key, _)| is_listed(key))
        .map(|(key, stat)| (key.clone(), stat.size))
        .collect();
    for (key, size) in listed {
        let Some(name) = key.as_str().strip_suffix(".gz") else { continue };
        if !is_sound(state, rules, &key, name, size) {
            unknown.push(key);
            continue;
        }
        let State { parts, inventory, .. } = &mut *state;
        let mut notes = parts.values_mut().rev().filter_map(|part| part.made.get_mut(name));
        let noted = notes.find(|content| content.size == size);
        let known = inventory.records.get_mut(name).map(|record| &mut record.content);
        let known = known.filter(|known| known.as_ref().is_some_and(|known| known.size == size));
        let content = match (noted, known) {
            (Some(noted), Some(known)) if known.as_ref() == Some(noted) => known.take(),
            (Some(noted), _) => Some(std::mem::take(noted)),
            (None, Some(known)) => known.take(),
            (None, None) => None,
        };
        contents.extend(content.map(|content| (key, content)));
    }
    let mut contents = contents.into_iter().collect();
    look(storage, state, rules, work, sealed, unknown, &mut contents);
    contents
}

/// Whether the newest record of an object can be used: it matches the object, and an undisturbed builder could have
/// written it.
fn is_sound(state: &State, rules: &Rules<'_>, key: &Key, name: &str, size: u64) -> bool {
    let notes = state.parts.values().rev();
    let noted = notes.filter_map(|part| Some((part.made.get(name)?, part.written)));
    let known = state.inventory.records.get(name).and_then(|record| record.content.as_ref());
    let known = known.map(|content| (content, state.sealed()));
    let Some((content, written)) = noted.chain(known).find(|(content, _)| content.size == size) else {
        return false;
    };
    state.vouches(key, content, written) && rules.allow(key, content)
}

/// Judges objects whose records cannot be used, on several threads.
fn look(
    storage: &dyn Storage,
    state: &mut State,
    rules: &Rules<'_>,
    work: &Work<'_>,
    sealed: &mut Sealed,
    unknown: Vec<Key>,
    contents: &mut BTreeMap<Key, Content>,
) {
    const STEP: &str = "Looking into profiles";
    sealed.looked_into = 0;
    sealed.unreadable.clear();
    sealed.corrected.clear();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(Vec::new());
    work.progress.begin(STEP, Some(unknown.len() as u64));
    let judged = &*state;
    thread::scope(|scope| {
        for _ in 0..work.threads.clamp(1, unknown.len().max(1)) {
            scope.spawn(|| {
                while let Some(key) = unknown.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let adopted =
                        match judged.recorded(key, storage).filter(|content| rules.allow(key, content)) {
                            Some(content) => Ok(Some(Adopted { content: content.clone(), doubt: None })),
                            None => adopt(rules.item(key).as_ref(), key, storage, judged),
                        };
                    locked(&found).push((key, adopted));
                    work.progress.advance(STEP, done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
                }
            });
        }
    });
    work.progress.end(STEP);
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_by_key(|(key, _)| *key);
    for (key, adopted) in found {
        match adopted {
            Ok(Some(Adopted { content, doubt })) => {
                let name = key.as_str().strip_suffix(".gz").unwrap_or(key.as_str());
                if let Some(reason) = content.health.strip_prefix("unreadable: ") {
                    sealed.unreadable.push((key.to_string(), reason.to_owned()));
                }
                sealed.warnings.extend(doubt.map(|doubt| format!("{name}: {doubt}")));
                let known = state.inventory.records.get_mut(name).map(|record| &mut record.content);
                match known {
                    Some(known) if known.as_ref() == Some(&content) => *known = None,
                    known => {
                        sealed.looked_into += 1;
                        let old = known.and_then(|known| known.as_ref());
                        // The record belongs to another object.
                        if let Some(old) = old.filter(|old| old.sha256 == content.sha256) {
                            sealed.corrected.push((name.to_owned(), old.differences(&content)));
                        }
                    }
                }
                contents.insert(key.clone(), content);
            }
            // Removed in the meantime.
            Ok(None) => {}
            Err(error) => sealed.unreadable.push((key.to_string(), error.to_string())),
        }
    }
}

/// The new inventory, made in place of the old one, and how many of its records come from there.
fn inventory(state: &mut State, contents: BTreeMap<Key, Content>) -> (Inventory, usize) {
    let mut records = std::mem::take(&mut state.inventory.records);
    let is_there =
        |name: &str| format!("{name}.gz").parse::<Key>().is_ok_and(|key| contents.contains_key(&key));
    records.retain(|name, _| is_there(name));
    let mut kept = 0;
    for (key, content) in contents {
        let Some(name) = key.as_str().strip_suffix(".gz") else { continue };
        // An object that did not change keeps its time: a fresh clone of a repository gives every file a new one.
        let same =
            |record: &&mut Record| record.content.as_ref().is_none_or(|old| old.sha256 == content.sha256);
        if let Some(record) = records.get_mut(name).filter(same) {
            kept += usize::from(record.content.is_none());
            record.content = Some(content);
            continue;
        }
        let modified = state.present.get(&key).and_then(|stat| stat.modified).map_or(0.0, seconds);
        records.insert(name.to_owned(), Record { modified, content: Some(content) });
    }
    (Inventory { records }, kept)
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
    reasons.retain(|known, _| DebugSource::parse(known).is_none_or(|known| known.key != *file));
}

/// Writes the rejects, list by list; returns whether no other process wrote in the meantime.
fn write_rejects(
    storage: &dyn Storage,
    state: &State,
    items: &[Item],
    contents: &BTreeMap<Key, Content>,
) -> Result<bool, Error> {
    // What a collection lists is not an object of the repository.
    let listed: BTreeSet<&Key> = items
        .iter()
        .filter_map(|item| match &item.source {
            Source::Debug { key, origin: Some(_), .. } => Some(key),
            _ => None,
        })
        .collect();
    // Of debug files, what counts is which one the profile that is there is made from.
    let sources = contents.values().map(|content| content.source.as_str());
    let sources: BTreeSet<&str> = sources.filter(|source| DebugSource::parse(source).is_some()).collect();
    let mut lists: BTreeMap<Key, BTreeMap<String, String>> = BTreeMap::new();
    // Debug files that were changed: rejects of their older versions are no longer valid.
    let mut mended: BTreeSet<Key> = BTreeSet::new();
    for part in state.parts.values() {
        // A record that was moved into the inventory is empty here; the others may describe objects that no longer
        // exist.
        let made = part.made.iter().filter_map(|(name, content)| {
            let there = contents.get(&name.parse::<ProfileName>().ok()?.key())?;
            let same = content.source.is_empty() || content.source == there.source;
            DebugSource::parse(&there.source).filter(|_| same)
        });
        for DebugSource { key, .. } in made {
            lists.values_mut().for_each(|reasons| forget(reasons, &key));
            mended.insert(key);
        }
        for (list, reasons) in &part.rejects {
            let list = lists.entry(list.parse()?).or_default();
            for (source, reason) in reasons {
                mended.retain(|key| DebugSource::parse(source).is_none_or(|source| source.key != *key));
                reject(list, source, reason);
            }
        }
    }
    // A build that has been made since is no longer rejected.
    let mut made: BTreeSet<&str> = BTreeSet::new();
    for part in state.parts.values() {
        made.extend(part.made.keys().filter_map(|name| name.rsplit('/').next()));
    }
    made.extend(sources);
    for key in state.present.keys() {
        let list = key.as_str().strip_suffix(".rejects.gz").and_then(|list| list.parse().ok());
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
                !state.present.contains_key(&source.key) && !listed.contains(&source.key)
            })
        };
        rejects.reasons.retain(|source, _| !made.contains(source.as_str()) && !is_gone(source));
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
