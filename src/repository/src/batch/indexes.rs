use std::collections::BTreeSet;

use profile::Progress;

use super::contents::Contents;
use super::seal::Sealed;
use super::state::{State, describe};
use crate::index::{GENERATOR, Source, Sources, Specification, build};
use crate::records::PackedContent;
use crate::{CONFIG, Condition, Config, Entry, Error, Handler, Key, ProfileName, Storage};

/// Builds the indexes of a repository.
pub(super) struct Indexes<'a> {
    pub(super) storage: &'a dyn Storage,
    pub(super) threads: usize,
    /// Whether all of them are built from scratch.
    pub(super) anew: bool,
    pub(super) progress: &'a dyn Progress,
}

/// The indexes of an entry in the configuration, each with the object that specifies it. Windows kernels have one
/// more by default, because detection uses it.
fn asked_for(config: &Config) -> Result<Vec<(ProfileName, Option<Key>)>, Error> {
    let mut all: Vec<(ProfileName, Option<Key>)> = Vec::new();
    for index in config.entries.iter().flat_map(|entry| &entry.indexes) {
        all.push((index.target.clone(), Some(index.source.clone())));
    }
    let kernels =
        |entry: &Entry| entry.family() == KERNELS && matches!(entry.handler, Handler::Windows { .. });
    if config.entries.iter().any(kernels) {
        all.push((Specification::exports(KERNELS).target()?, None));
    }
    let mut seen = BTreeSet::new();
    all.retain(|(target, _)| seen.insert(target.clone()));
    Ok(all)
}

/// The folder of Windows kernels.
const KERNELS: &str = "nt";
/// The largest specification, in bytes.
const SPECIFICATION_LIMIT: u64 = 16 << 20;

/// The repository's configuration; `None` if there is none.
pub(crate) fn configuration(storage: &dyn Storage) -> Result<Option<Config>, Error> {
    let key: Key = CONFIG.parse()?;
    let Some(object) = storage.read(&key, SPECIFICATION_LIMIT)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&object.bytes);
    Config::parse(&text, &storage.place_of(&key)).map(Some)
}

/// The specification in an object; `None` if there is none.
pub(super) fn specification(storage: &dyn Storage, key: &Key) -> Result<Option<Specification>, Error> {
    let Some(object) = storage.read(key, SPECIFICATION_LIMIT)? else { return Ok(None) };
    let place = storage.place_of(key);
    Specification::parse(&String::from_utf8_lossy(&object.bytes), &place).map(Some)
}

/// The positions of the objects below a folder that an index is made from, in the order of the names of their profiles.
fn positions(contents: &Contents, state: &State, below: &str, targets: &BTreeSet<Key>) -> Vec<usize> {
    let objects = &state.present;
    let is_source = |position: &usize| {
        let key = objects.key_at(*position).filter(|key| key.starts_with(below));
        let content = contents.at(state, *position).map(PackedContent::unpacked);
        let (Some(Ok(key)), Some(content)) = (key.map(str::parse::<Key>), content) else { return false };
        !targets.contains(&key)
            && content.generator != GENERATOR
            && !content.health.starts_with("unreadable")
            && ProfileName::of_key(&key).is_some()
    };
    let mut positions: Vec<usize> = contents.described().filter(is_source).collect();
    positions.sort_by_key(|position| objects.key_at(*position).and_then(|key| key.strip_suffix(".gz")));
    positions
}

impl Indexes<'_> {
    /// Builds and writes those whose profiles changed. Returns whether no other process wrote in the meantime; then
    /// `state` and `contents` are updated.
    pub(super) fn write(
        &self,
        state: &mut State,
        contents: &mut Contents,
        sealed: &mut Sealed,
    ) -> Result<bool, Error> {
        sealed.indexes.clear();
        let Some(config) = configuration(self.storage)? else { return Ok(true) };
        let asked = asked_for(&config)?;
        let targets: BTreeSet<Key> = asked.iter().map(|(target, _)| target.key()).collect();
        let mut whole = true;
        for (target, source) in &asked {
            let specification = match source {
                None => Some(Specification::exports(KERNELS)),
                Some(source) => specification(self.storage, source)?,
            };
            let Some(specification) = specification else {
                if let Some(source) = source {
                    let place = self.storage.place_of(source);
                    sealed.warnings.push(format!("{place} is not there: {target} is not built"));
                }
                continue;
            };
            let below = format!("{}/", specification.path);
            let key = target.key();
            let old = self.storage.read(&key, super::SOURCE_LIMIT)?;
            let positions = positions(contents, state, &below, &targets);
            if positions.is_empty() && old.is_none() {
                continue;
            }
            let source = |at: usize| {
                let position = *positions.get(at)?;
                let name = ProfileName::of_key(&state.present.key_at(position)?.parse().ok()?)?;
                Some(Source { name, sha256: contents.at(state, position)?.sha256() })
            };
            let sources = Sources::new(positions.len(), &source);
            let kept = old.as_ref().map(|old| old.bytes.as_slice()).filter(|_| !self.anew);
            let built = build(&specification, sources, kept, self.storage, self.threads, self.progress)?;
            let Some(built) = built else { continue };
            sealed.warnings.extend(built.warnings.iter().map(|warning| format!("{target}: {warning}")));
            if old.as_ref().is_some_and(|old| old.bytes == built.bytes) {
                continue;
            }
            self.progress.debug(&format!("Built {target}: {} profiles, {} read", built.profiles, built.read));
            let condition = old.map_or(Condition::Absent, |old| Condition::Unchanged(old.version));
            match self.storage.write(&key, &built.bytes, &condition)? {
                Some(_) => {
                    if let Some(stat) = self.storage.stat(&key)? {
                        contents.insert(&mut state.present, &key, &stat, &describe(&built.bytes));
                    }
                    sealed.indexes.push((target.clone(), built.profiles));
                }
                None => whole = false,
            }
        }
        Ok(whole)
    }
}
