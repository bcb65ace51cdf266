use std::collections::BTreeMap;

use profile::{Arch, Profile, Progress, Report, Resolution, System, Text, write_text};
use serde_json::{Map, Value, json};

use super::kept::Kept;
use super::parts::{Work, text, write};
use super::sources::{Source, Sources};
use super::{INDEX, IndexKind, SOURCES, Specification, traits};
use crate::batch::{PROFILE_LIMIT, State};
use crate::packed::{pack, sha256};
use crate::{Error, Key, ProfileName, Storage};

/// The generator of indexes; the number changes when the result can change.
pub(crate) const GENERATOR: &str = "rekall-profile index 1";

/// An index that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Its object's bytes.
    pub bytes: Vec<u8>,
    /// How many profiles it knows.
    pub profiles: usize,
    /// How many had to be read.
    pub read: usize,
    /// Profiles that it cannot distinguish, and those that could not be read.
    pub warnings: Vec<String>,
}

/// Builds an index over these profiles. From `old`, the existing index, everything that was made from the same
/// objects is kept; returns `None` if that is all of it.
///
/// # Errors
/// Any error from printing and compressing. A profile that cannot be read is left out with a warning.
pub(crate) fn build(
    specification: &Specification,
    sources: Sources<'_>,
    old: Option<&[u8]>,
    storage: &dyn Storage,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Option<Built>, Error> {
    let digest = specification.digest();
    let kept = old.and_then(|bytes| Kept::read(bytes, &digest, sources));
    if kept.as_ref().is_some_and(|kept| kept.is_whole) {
        return Ok(None);
    }
    if let IndexKind::Symbol { implementation, base, traits } = &specification.kind {
        let metadata = BTreeMap::from([
            ("Generator", json!(GENERATOR)),
            ("Type", json!("Index")),
            ("ProfileClass", json!(implementation)),
            ("BaseSymbol", json!(base)),
        ]);
        return build_symbols(metadata, base, *traits, &digest, sources, storage, progress).map(Some);
    }
    let old = old.filter(|_| kept.is_some());
    let kept = kept.unwrap_or_else(|| Kept::nothing(sources.len()));
    let work = Work { kind: &specification.kind, digest: &digest, sources, storage, threads, progress };
    write(&work, old, kept).map(Some).map_err(|error| Error::io("an index", error))
}

/// Builds an index over every profile below its path from scratch.
///
/// # Errors
/// Any error of the storage, and from printing and compressing. A profile that cannot be read is left out with a warning.
pub fn build_below(
    specification: &Specification,
    storage: &dyn Storage,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let state = State::read(storage)?;
    let below = format!("{}/", specification.path);
    let mut sources = Vec::new();
    for key in state.present.keys_below(&below) {
        let Ok(key) = key.parse::<Key>() else { continue };
        let Some(name) = ProfileName::of_key(&key) else { continue };
        let sha256 = match state.recorded(&key, storage) {
            Some(content) if content.generator == GENERATOR => continue,
            Some(content) => content.sha256,
            None => match storage.read(&key, PROFILE_LIMIT)? {
                Some(object) => sha256(&object.bytes),
                None => continue,
            },
        };
        sources.push(Source { name, sha256 });
    }
    let none =
        || Error::Absent { place: format!("{}/{below}", storage.place()), expected: "profiles".to_owned() };
    if sources.is_empty() {
        return Err(none());
    }
    sources.sort_by(|left, right| left.name.cmp(&right.name));
    let get = |position: usize| sources.get(position).cloned();
    // There is no old index, so it is built.
    build(specification, Sources::new(sources.len(), &get), None, storage, threads, progress)?
        .ok_or_else(none)
}

/// Builds an index of the symbols that distinguish profiles. What sets one apart depends on all the others, so all are
/// compared anew.
fn build_symbols(
    metadata: BTreeMap<&str, Value>,
    base: &str,
    most: usize,
    digest: &str,
    sources: Sources<'_>,
    storage: &dyn Storage,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let mut warnings = Vec::new();
    let entries = symbol_entries(base, most, sources, storage, progress, &mut warnings);
    let profiles = match entries.get("$PROFILES") {
        Some(Value::Object(profiles)) => profiles.len(),
        _ => entries.len(),
    };
    let of = (0..sources.len()).filter_map(|position| sources.get(position));
    let of: Map<String, Value> =
        of.map(|source| (source.name.to_string(), json!([source.version(), ""]))).collect();
    let mut profile = Profile::new(System::Other, Arch::Amd64);
    for (key, value) in metadata {
        profile.set_metadata(key, value);
    }
    profile.other.insert(INDEX.to_owned(), Value::Object(entries));
    profile.other.insert(SOURCES.to_owned(), json!({"specification": digest, "profiles": of}));
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    let text = write_text(&profile, &resolution, Vec::new()).map_err(|error| Error::io("an index", error))?;
    Ok(Built { bytes: pack(&text)?, profiles, read: sources.len(), warnings })
}

/// The sections of a symbol index: traits, profiles and hashes.
fn symbol_entries(
    base: &str,
    most: usize,
    sources: Sources<'_>,
    storage: &dyn Storage,
    progress: &dyn Progress,
    warnings: &mut Vec<String>,
) -> Map<String, Value> {
    const STEP: &str = "Comparing symbols";
    progress.begin(STEP, Some(sources.len() as u64));
    let mut reads = 0;
    let mut read = |at: usize| -> Option<Text> {
        let source = sources.get(at)?;
        reads += 1;
        progress.advance(STEP, reads.min(sources.len() as u64));
        match text(storage, &source.name) {
            Ok(text) => text,
            Err(error) => {
                let error = error.to_string();
                if !warnings.contains(&error) {
                    warnings.push(error);
                }
                None
            }
        }
    };
    let found = traits::find(sources.len(), base, most, &mut read);
    progress.end(STEP);
    let name = |at: &usize| sources.get(*at).map(|source| source.name.to_string()).unwrap_or_default();
    let mut all = Map::new();
    for (at, traits) in &found.traits {
        if traits.is_empty() {
            warnings.push(format!("{}: no symbol sets it apart from all others", name(at)));
        }
        all.insert(name(at), json!(traits));
    }
    let hashes: Map<String, Value> =
        found.hashes.iter().map(|(digest, at)| (digest.clone(), json!(name(at)))).collect();
    // Rekall uses the time to decide what to index again; here `$SOURCES` does that.
    let profiles: Map<String, Value> =
        found.profiles.iter().map(|at| (name(at), json!({"LastModified": 0}))).collect();
    let sections = [("$TRAITS", all), ("$PROFILES", profiles), ("$HASHES", hashes)];
    sections.into_iter().map(|(name, section)| (name.to_owned(), Value::Object(section))).collect()
}
