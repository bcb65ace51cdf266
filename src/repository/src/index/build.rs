use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use profile::{Arch, MAX_TEXT, Profile, Progress, Report, Resolution, System, Text, write_text};
use serde_json::{Map, Value, json};

use super::data::Point;
use super::pieces::{Piece, piece};
use super::{EXPORTS, INDEX, IndexKind, SOURCES, Specification, ambiguity, sections, traits};
use crate::batch::{PROFILE_LIMIT, State, locked};
use crate::packed::{pack, sha256};
use crate::{Error, Key, ProfileName, Storage};

/// The generator of indexes; the number changes when the result can change.
pub(crate) const GENERATOR: &str = "rekall-profile index 1";

/// A profile that is to be indexed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: ProfileName,
    /// The SHA-256 of its object.
    pub sha256: String,
}

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

/// How much of a SHA-256 identifies an object's version.
const SHORT: usize = 16;
/// How many indistinguishable profiles are listed one by one.
const MOST_TOLD: usize = 20;

/// Builds an index over these profiles. From `old`, the existing index, everything that was made from the same
/// objects is kept; returns `None` if that is all of it.
///
/// # Errors
/// Any error from printing and compressing. A profile that cannot be read is left out with a warning.
pub fn build(
    specification: &Specification,
    sources: &[Source],
    old: Option<&[u8]>,
    storage: &dyn Storage,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Option<Built>, Error> {
    let digest = specification.digest();
    let mut wanted: BTreeMap<&str, &str> = BTreeMap::new();
    for source in sources {
        wanted.insert(source.name.as_str(), source.sha256.get(..SHORT).unwrap_or(&source.sha256));
    }
    let old = old.and_then(|bytes| Kept::read(bytes, &digest)).unwrap_or_default();
    if old.is_of(&wanted) {
        return Ok(None);
    }
    let mut warnings = Vec::new();
    let mut sections = BTreeMap::new();
    let (mut of, mut read) = (BTreeMap::new(), 0);
    let mut metadata = vec![("Generator", json!(GENERATOR))];
    let entries = if let IndexKind::Symbol { implementation, base, traits } = &specification.kind {
        metadata.extend([
            ("Type", json!("Index")),
            ("ProfileClass", json!(implementation)),
            ("BaseSymbol", json!(base)),
        ]);
        read = sources.len();
        of.extend(wanted.iter().map(|(name, sha256)| ((*name).to_owned(), json!([sha256, ""]))));
        symbol_entries(base, *traits, sources, storage, progress, &mut warnings)
    } else {
        let unknown: Vec<&Source> = sources.iter().filter(|source| !old.has(source, &wanted)).collect();
        let made = pieces(&specification.kind, &unknown, storage, threads, progress);
        let mut entries = old.entries;
        entries.retain(|name, _| wanted.contains_key(name.as_str()));
        of.extend(old.of.into_iter().filter(|(name, _)| wanted.contains_key(name.as_str())));
        for (source, piece) in made {
            let name = source.name.to_string();
            entries.remove(&name);
            of.remove(&name);
            match piece {
                Ok(piece) => {
                    read += 1;
                    let sha256 = wanted.get(name.as_str()).copied().unwrap_or_default();
                    of.insert(name.clone(), json!([sha256, piece.symbols]));
                    if let Some(entry) = piece.entry {
                        entries.insert(name, entry);
                    }
                }
                Err(error) => warnings.push(error.to_string()),
            }
        }
        let implementation = match &specification.kind {
            IndexKind::Struct { implementation, .. } => implementation.as_str(),
            _ => "Index",
        };
        metadata.extend([("Type", json!("Profile")), ("ProfileClass", json!(implementation))]);
        entries
    };
    match &specification.kind {
        IndexKind::Data { base, .. } => {
            let points = points(&entries);
            let all = || points.values().flatten();
            let ends = all().map(|point| point.offset.saturating_add(point.length() as i64)).max();
            metadata.extend(base.as_ref().map(|base| ("BaseSymbol", json!(base))));
            metadata.extend(ends.map(|end| ("MaxOffset", json!(end))));
            metadata.extend(all().map(|point| point.offset).min().map(|least| ("MinOffset", json!(least))));
            warnings.extend(ambiguities(&points, &of));
        }
        IndexKind::Export { names } => {
            sections.insert(EXPORTS, json!(names));
        }
        IndexKind::Struct { .. } | IndexKind::Symbol { .. } => {}
    }
    let profiles = match entries.get("$PROFILES") {
        Some(Value::Object(profiles)) => profiles.len(),
        _ => entries.len(),
    };
    sections.insert(INDEX, Value::Object(entries));
    // Moved, because there is one for each of thousands of profiles.
    let of = Value::Object(of.into_iter().collect());
    let made_from = [("specification".to_owned(), Value::String(digest)), ("profiles".to_owned(), of)];
    sections.insert(SOURCES, Value::Object(made_from.into_iter().collect()));
    let bytes = to_bytes(metadata, sections)?;
    Ok(Some(Built { bytes, profiles, read, warnings }))
}

/// Whether [`build`] would keep all of an index: it was made by this specification from the same objects. `wanted` gives
/// the names of the profiles, in their order, each with the SHA-256 of its object.
pub(crate) fn is_current(
    specification: &Specification,
    index: &[u8],
    wanted: impl Iterator<Item = (String, String)>,
) -> bool {
    let mut wanted = wanted.map(|(name, mut sha256)| {
        sha256.truncate(SHORT);
        (name, sha256)
    });
    super::current::is_current(index, &specification.digest(), &mut wanted)
}

/// Builds an index over every profile below its path from scratch.
///
/// # Errors
/// As for [`build`], and errors of the storage.
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
    // There is no old index, so it is built.
    build(specification, &sources, None, storage, threads, progress)?.ok_or_else(none)
}

/// The entries of an index, and what each was made from.
#[derive(Default)]
struct Kept {
    entries: Map<String, Value>,
    of: BTreeMap<String, Value>,
}

impl Kept {
    /// `None` if it was made by another specification, or does not list its sources.
    fn read(bytes: &[u8], digest: &str) -> Option<Self> {
        let (entries, around) = sections(bytes, "").ok()?;
        let sources = around.get(SOURCES)?;
        if sources.get("specification")?.as_str()? != digest {
            return None;
        }
        let of = sources.get("profiles")?.as_object()?.clone().into_iter().collect();
        Some(Self { entries, of })
    }

    fn sha256(&self, name: &str) -> Option<&str> {
        self.of.get(name)?.get(0)?.as_str()
    }

    fn has(&self, source: &Source, wanted: &BTreeMap<&str, &str>) -> bool {
        let name = source.name.as_str();
        self.sha256(name).is_some() && self.sha256(name) == wanted.get(name).copied()
    }

    fn is_of(&self, wanted: &BTreeMap<&str, &str>) -> bool {
        !self.of.is_empty()
            && self.of.len() == wanted.len()
            && wanted.iter().all(|(name, sha256)| self.sha256(name) == Some(sha256))
    }
}

/// The entries of these profiles, made on many threads, in their order.
fn pieces<'s>(
    kind: &IndexKind,
    sources: &[&'s Source],
    storage: &dyn Storage,
    threads: usize,
    progress: &dyn Progress,
) -> Vec<(&'s Source, Result<Piece, Error>)> {
    const STEP: &str = "Indexing profiles";
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(Vec::with_capacity(sources.len()));
    progress.begin(STEP, Some(sources.len() as u64));
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, sources.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(source) = sources.get(at) else { break };
                    let made = text(storage, &source.name)
                        .map(|text| text.map_or_else(Piece::default, |text| piece(kind, text)));
                    locked(&found).push((at, *source, made));
                    progress.advance(STEP, done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
                }
            });
        }
    });
    progress.end(STEP);
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_by_key(|(at, ..)| *at);
    found.into_iter().map(|(_, source, made)| (source, made)).collect()
}

/// The text of a profile; `None` if it is missing, or is not a profile with symbols (a symlink, an index).
fn text(storage: &dyn Storage, name: &ProfileName) -> Result<Option<Text>, Error> {
    let key = name.key();
    let place = storage.place_of(&key);
    let Some(object) = storage.read(&key, PROFILE_LIMIT)? else { return Ok(None) };
    let damaged = |source| Error::Profile { place: place.clone(), source };
    let text = profile::unpack(&object.bytes, MAX_TEXT).map_err(damaged)?.into_owned();
    let text = Text::new(text).map_err(damaged)?;
    Ok(text.as_str().contains("\"$CONSTANTS\"").then_some(text))
}

/// The sections of a symbol index: traits, profiles and hashes.
fn symbol_entries(
    base: &str,
    most: usize,
    sources: &[Source],
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

fn points(entries: &Map<String, Value>) -> BTreeMap<String, Vec<Point>> {
    let points = |value: &Value| {
        let points = value.as_array().map(Vec::as_slice).unwrap_or_default();
        points.iter().filter_map(Point::from_json).collect()
    };
    entries.iter().map(|(name, value)| (name.clone(), points(value))).collect()
}

fn ambiguities(points: &BTreeMap<String, Vec<Point>>, of: &BTreeMap<String, Value>) -> Vec<String> {
    let digests: HashMap<&str, &str> =
        of.iter().filter_map(|(name, value)| Some((name.as_str(), value.get(1)?.as_str()?))).collect();
    let found = ambiguity::find(points, &digests);
    let told = found.iter().take(MOST_TOLD).map(|one| {
        format!(
            "{} cannot be told from {}: every point of the one holds in the other",
            one.profile, one.other
        )
    });
    let mut lines: Vec<String> = told.collect();
    if found.len() > MOST_TOLD {
        lines.push(format!("{} more profiles cannot be told from another one", found.len() - MOST_TOLD));
    }
    lines
}

/// The bytes of the object: the canonical text, compressed.
fn to_bytes(metadata: Vec<(&str, Value)>, sections: BTreeMap<&str, Value>) -> Result<Vec<u8>, Error> {
    let mut profile = Profile::new(System::Other, Arch::Amd64);
    for (key, value) in metadata {
        profile.set_metadata(key, value);
    }
    for (name, section) in sections {
        profile.other.insert(name.to_owned(), section);
    }
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    let text = write_text(&profile, &resolution, Vec::new()).map_err(|error| Error::io("an index", error))?;
    pack(&text)
}
