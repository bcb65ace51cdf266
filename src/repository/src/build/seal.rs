use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use profile::Progress;

use super::indexes::Indexes;
use super::pipeline::locked;
use super::state::{State, is_listed};
use crate::inventory::seconds;
use crate::{Condition, Content, Error, Inventory, Key, ProfileName, Record, Rejects, Storage};

/// What sealing did.
#[derive(Clone, Debug, Default)]
pub struct Sealed {
    /// How many profiles the inventory lists.
    pub profiles: usize,
    /// How many parts were merged.
    pub parts: usize,
    /// Objects that nobody had recorded, and that were looked into.
    pub looked_into: usize,
    /// Profiles whose objects cannot be read, with the reason.
    pub unreadable: Vec<(String, String)>,
    /// The indexes that were built, and how many profiles each knows.
    pub indexes: Vec<(ProfileName, usize)>,
    /// Whether the inventory changed.
    pub changed: bool,
    /// What stands in the way of nothing, yet should be known.
    pub warnings: Vec<String>,
}

/// How often sealing begins anew because another one came first.
const ATTEMPTS: usize = 16;

/// Merges the parts that builders left and whatever lies there without a record into the inventory, builds the indexes
/// that the configuration asks for where their profiles changed (all of them with `anew`), and writes the rejects.
/// Several may do so at once: each writes only over the state that it read, else begins anew.
///
/// # Errors
/// What reading and writing give; [`Error::Text`] for a configuration or specification that is not as it should be;
/// [`Error::Storage`] where others are always faster.
pub fn seal(
    storage: &dyn Storage,
    threads: usize,
    anew: bool,
    progress: &dyn Progress,
) -> Result<Sealed, Error> {
    let mut sealed = Sealed::default();
    for _ in 0..ATTEMPTS {
        let mut state = State::read(storage)?;
        sealed.warnings.clone_from(&state.warnings);
        sealed.parts = state.parts.len();
        let known = state.inventory.records.len();
        let mut contents = contents(storage, &mut state, threads, progress, &mut sealed);
        let writer = Indexes { storage, threads, anew, progress };
        let indexes = writer.write(&mut state, &mut contents, &mut sealed)?;
        for (target, _) in &sealed.indexes {
            state.inventory.records.remove(target.as_str());
        }
        let rejects = write_rejects(storage, &state)?;
        let (inventory, kept) = inventory(&state, contents);
        sealed.profiles = inventory.records.len();
        sealed.changed = kept != known || kept != sealed.profiles || state.version.is_none();
        if sealed.changed && !inventory.write(storage, state.version.as_ref())? {
            continue;
        }
        if !rejects || !indexes {
            continue;
        }
        // Nobody writes a part twice: what was merged can go.
        for key in state.parts.keys() {
            storage.remove(key)?;
        }
        storage.tidy()?;
        return Ok(sealed);
    }
    let problem = "another builder writes the inventory all the time; run seal once it is done".to_owned();
    Err(Error::Storage { place: storage.place_of(&Inventory::key()?), problem })
}

/// What each listed object is. What is recorded moves there: thousands need their room once. In the old inventory, a
/// record stays without its content where it needs no change, and with it where it does.
fn contents(
    storage: &dyn Storage,
    state: &mut State,
    threads: usize,
    progress: &dyn Progress,
    sealed: &mut Sealed,
) -> BTreeMap<Key, Content> {
    const STEP: &str = "Looking into profiles";
    let mut contents = BTreeMap::new();
    state.inventory.records.retain(|_, record| record.content.is_some());
    let mut unknown = Vec::new();
    let State { present, parts, inventory, .. } = &mut *state;
    for (key, stat) in present.iter().filter(|(key, _)| is_listed(key)) {
        let Some(name) = key.as_str().strip_suffix(".gz") else { continue };
        let mut notes = parts.values_mut().rev().filter_map(|part| part.made.get_mut(name));
        let noted = notes.find(|content| content.size == stat.size);
        let known = inventory.records.get_mut(name).map(|record| &mut record.content);
        let known = known.filter(|known| known.as_ref().is_some_and(|known| known.size == stat.size));
        let content = match (noted, known) {
            (Some(noted), Some(known)) if known.as_ref() == Some(noted) => known.take(),
            (Some(noted), _) => Some(std::mem::take(noted)),
            (None, Some(known)) => known.take(),
            (None, None) => None,
        };
        match content {
            Some(content) => {
                contents.insert(key.clone(), content);
            }
            None => unknown.push(key.clone()),
        }
    }
    let state = &*state;
    sealed.looked_into = unknown.len();
    sealed.unreadable.clear();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(Vec::new());
    progress.begin(STEP, Some(unknown.len() as u64));
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, unknown.len().max(1)) {
            scope.spawn(|| {
                while let Some(key) = unknown.get(next.fetch_add(1, Ordering::Relaxed)) {
                    locked(&found).push((key, state.look(key, storage)));
                    progress.advance(STEP, done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
                }
            });
        }
    });
    progress.end(STEP);
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_by_key(|(key, _)| *key);
    for (key, content) in found {
        match content {
            Ok(Some(content)) => {
                if let Some(reason) = content.health.strip_prefix("unreadable: ") {
                    sealed.unreadable.push((key.to_string(), reason.to_owned()));
                }
                contents.insert(key.clone(), content);
            }
            // Removed meanwhile.
            Ok(None) => {}
            Err(error) => sealed.unreadable.push((key.to_string(), error.to_string())),
        }
    }
    contents
}

/// The new inventory, and how many of its records are the old one's.
fn inventory(state: &State, contents: BTreeMap<Key, Content>) -> (Inventory, usize) {
    let mut inventory = Inventory::default();
    let mut kept = 0;
    for (key, content) in contents {
        let Some(name) = key.as_str().strip_suffix(".gz") else { continue };
        // An object that did not change keeps its time: a fresh clone of a repository gives every file a new one.
        let known = state.inventory.records.get(name).filter(|record| record.content.is_none());
        kept += usize::from(known.is_some());
        let written = || state.present.get(&key).and_then(|stat| stat.modified).map(seconds);
        let modified = known.map(|record| record.modified).or_else(written).unwrap_or(0.0);
        inventory.records.insert(name.to_owned(), Record { modified, content: Some(content) });
    }
    (inventory, kept)
}

/// Writes what could not be made, list by list; whether nobody wrote meanwhile.
fn write_rejects(storage: &dyn Storage, state: &State) -> Result<bool, Error> {
    let mut lists: BTreeMap<Key, BTreeMap<String, String>> = BTreeMap::new();
    for part in state.parts.values() {
        for (list, reasons) in &part.rejects {
            lists.entry(list.parse()?).or_default().extend(reasons.clone());
        }
    }
    // What was rejected once and has been made since is rejected no more.
    let mut made: BTreeSet<&str> = BTreeSet::new();
    for part in state.parts.values() {
        made.extend(part.made.keys().filter_map(|name| name.rsplit('/').next()));
    }
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
        rejects.reasons.extend(reasons);
        rejects.reasons.retain(|guid, _| !made.contains(guid.as_str()));
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
