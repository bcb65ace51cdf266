//! What is known of a repository before a batch begins, and what a builder adds to it.
//!
//! The inventory lists every profile and is written rarely, by sealing. Between two seals each builder writes parts: what it
//! made and what it could not make. A [`State`] puts both together, and decides whether a record still describes its object
//! or the object has to be read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::SystemTime;

use profile::{Health, MAX_TEXT, Profile, Report, Resolution, Scope, read_text};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::claims::{CLAIMS, Claim};
use super::item::{DebugSource, recipe};
use super::items::{Names, digest};
use super::objects::{Objects, Seen};
use super::pipeline::locked;
use crate::index;
use crate::packed::{sha256, unpack_entries};
use crate::records::{PackedContent, PackedRecord, Records};
use crate::{
    Condition, Content, Error, INVENTORY, Inventory, Key, ProfileName, Record, Rejects, Storage, Version,
};

/// The objects in a repository and their records.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Every object.
    pub(crate) present: Objects,
    /// The inventory with its version.
    pub(crate) inventory: Inventory,
    pub(crate) version: Option<Version>,
    /// The parts that wait to be sealed, the oldest first; one that cannot be read is empty.
    pub(crate) parts: Vec<(Key, BuildPart)>,
    pub(crate) warnings: Vec<String>,
    /// The SHA-256 of debug files, each read once.
    digests: Mutex<BTreeMap<Key, String>>,
}

/// The work of a builder within some seconds, until it is sealed: an object under [`PARTS`] that is never changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BuildPart {
    /// The profiles that it made, by name.
    pub(crate) made: Records,
    /// The builds that it could not make: the reason by GUID, by list.
    pub(crate) rejects: BTreeMap<String, BTreeMap<String, String>>,
    /// When its object was written, if the storage knows. It is not part of the object.
    pub(crate) written: Option<SystemTime>,
}

/// The folder of parts.
pub(crate) const PARTS: &str = "src/parts";
/// The folder of marks for imported profiles.
pub(crate) const IMPORTS: &str = "src/imported";

/// The largest profile that is read, in bytes.
pub(crate) const PROFILE_LIMIT: u64 = 1 << 30;
/// The largest mark of an imported profile that is read, in bytes.
const MARK_LIMIT: u64 = 4096;

impl State {
    pub(crate) fn read(storage: &dyn Storage) -> Result<Self, Error> {
        // Parts are read before the objects: everything in a part was written before the part.
        let parts = storage.list(PARTS)?;
        let mut state = Self { present: Objects::with_room(), ..Self::default() };
        storage.each("", &mut |key, stat| state.present.push(&key, &stat))?;
        state.present.finish();
        match Inventory::read(storage) {
            Ok(Some((inventory, version))) => {
                state.inventory = inventory;
                state.version = Some(version);
            }
            Ok(None) => {}
            // Profiles identify themselves; with a damaged inventory each of them has to be read.
            Err(error @ (Error::Profile { .. } | Error::Storage { .. })) => {
                state.warnings.push(format!("{error}; it is made anew"));
                state.version = storage.stat(&Inventory::key()?)?.map(|stat| stat.version);
            }
            Err(error) => return Err(error),
        }
        for (key, stat) in parts {
            let part = match BuildPart::read(storage, &key) {
                Ok(Some(part)) => BuildPart { written: stat.modified, ..part },
                // It was sealed in the meantime.
                Ok(None) => continue,
                Err(error @ (Error::Profile { .. } | Error::Storage { .. })) => {
                    state.warnings.push(format!("{error}; its profiles are looked into"));
                    BuildPart::default()
                }
                Err(error) => return Err(error),
            };
            state.parts.push((key, part));
        }
        Ok(state)
    }

    /// The record of an object, if it is still the object that was recorded.
    ///
    /// A record is valid for an object of the recorded size that was written before the record. An object that was
    /// written later may be another one of the same size (its builder was killed before it could record it), so its
    /// bytes are compared with the recorded SHA-256.
    pub(crate) fn recorded(&self, key: &Key, storage: &dyn Storage) -> Option<Content> {
        let seen = self.present.get(key)?;
        let name = key.as_str().strip_suffix(".gz")?;
        let (content, written) = self.record_of_size(name, seen.size)?;
        let content = content.unpacked();
        if self.vouches(key, &content, written) {
            return Some(content);
        }
        let object = storage.read(key, PROFILE_LIMIT).ok().flatten()?;
        let marked = self.is_marked(key, &content, storage).ok()?;
        let same =
            sha256(&object.bytes) == content.sha256 && marked == (content.generator == super::IMPORTED);
        same.then_some(content)
    }

    /// The newest record of an object of this size, and when it was written.
    pub(crate) fn record_of_size(
        &self,
        name: &str,
        size: u64,
    ) -> Option<(PackedContent<'_>, Option<SystemTime>)> {
        let parts = self.parts.iter().rev();
        let noted = parts.filter_map(|(_, part)| Some((part.made.get(name)?.content?, part.written)));
        let known = self.inventory.content(name).map(|content| (content, self.sealed()));
        noted.chain(known).find(|(content, _)| content.size() == size)
    }

    /// The newest record of an object, whether it is still that object or not.
    pub(crate) fn newest(&self, key: &Key) -> Option<Content> {
        let name = key.as_str().strip_suffix(".gz")?;
        let noted = self.parts.iter().rev().find_map(|(_, part)| part.made.get(name)?.content);
        noted.or_else(|| self.inventory.content(name)).map(PackedContent::unpacked)
    }

    /// Whether a record written at this time is valid for the object without reading the object.
    pub(crate) fn vouches(&self, key: &Key, content: &Content, recorded: Option<SystemTime>) -> bool {
        let newer =
            |seen: Seen| matches!((seen.modified, recorded), (Some(object), Some(record)) if object > record);
        let mark = mark(key).ok().and_then(|mark| self.present.get(&mark));
        // Importing a profile writes its mark before the record.
        let imported_since = content.generator != super::IMPORTED && mark.is_some_and(newer);
        self.present.get(key).is_some_and(|seen| !newer(seen)) && !imported_since
    }

    /// When the inventory was written, if the storage knows.
    pub(crate) fn sealed(&self) -> Option<SystemTime> {
        let key = Inventory::key().ok()?;
        self.present.get(&key)?.modified
    }

    /// The SHA-256 of a debug file's bytes.
    ///
    /// # Errors
    /// [`Error::Absent`] if it does not exist; any error from reading it.
    pub(crate) fn digest(&self, file: &Key, storage: &dyn Storage) -> Result<String, Error> {
        if let Some(known) = locked(&self.digests).get(file) {
            return Ok(known.clone());
        }
        let mapped = storage.map(file, super::DEBUG_LIMIT)?;
        let mapped = mapped.ok_or_else(|| Error::Absent {
            place: storage.place_of(file),
            expected: "a debug file".to_owned(),
        })?;
        let digest = sha256(&mapped);
        locked(&self.digests).insert(file.clone(), digest.clone());
        Ok(digest)
    }

    /// Why a debug file gave no profile before; `None` if it did, or if the file has changed.
    pub(crate) fn rejected(&self, file: &Key, rejects: &Rejects, storage: &dyn Storage) -> Option<String> {
        let (_, reason) = rejects
            .of(file)
            .find(|(source, _)| self.digest(file, storage).is_ok_and(|digest| digest == source.sha256))?;
        Some(reason.to_owned())
    }

    /// The profiles of debug files that were read before, by file: from records and, for profiles without records,
    /// from claims.
    ///
    /// # Errors
    /// Any error from reading claims.
    pub(crate) fn builds(&self, storage: &dyn Storage) -> Result<Builds, Error> {
        let mut builds = Builds::default();
        let mut recorded = Names::default();
        let mut add = |record: PackedRecord<'_>| {
            let source = record.content.map(PackedContent::source).unwrap_or_default();
            if let Some(source) = DebugSource::parse(&source) {
                recorded.insert(record.name);
                builds.insert(&source.key, record.name);
            }
        };
        self.inventory.records().iter().for_each(&mut add);
        self.parts.iter().flat_map(|(_, part)| part.made.iter()).for_each(add);
        for name in self.present.keys_below(CLAIMS).filter_map(Claim::profile_of) {
            if recorded.contains(name.as_str()) {
                continue;
            }
            if let Some((Some(claim), _)) = Claim::read(storage, &name)? {
                builds.insert(&claim.source.key, name.as_str());
            }
        }
        Ok(builds)
    }

    /// Whether a mark says that the object with this content was imported.
    pub(crate) fn is_marked(
        &self,
        key: &Key,
        content: &Content,
        storage: &dyn Storage,
    ) -> Result<bool, Error> {
        let mark = mark(key)?;
        if !self.present.contains(&mark) {
            return Ok(false);
        }
        let object = storage.read(&mark, MARK_LIMIT)?;
        Ok(object.is_some_and(|mark| String::from_utf8_lossy(&mark.bytes).contains(&content.sha256)))
    }
}

/// The work of a builder since its last part.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewPart {
    part: BuildPart,
    rejects: usize,
}

impl NewPart {
    /// Adds a profile that was made.
    pub(crate) fn made(&mut self, name: &str, content: &Content) {
        self.part.made.push(name, 0.0, Some(content));
    }

    /// Adds a build that could not be made.
    pub(crate) fn rejected(&mut self, list: &Key, source: String, reason: &str) {
        self.rejects += 1;
        self.part.rejects.entry(list.to_string()).or_default().insert(source, reason.to_owned());
    }

    /// How many profiles and rejects it has.
    pub(crate) fn len(&self) -> usize {
        self.part.made.len() + self.rejects
    }

    /// The part that can be written.
    pub(crate) fn finish(mut self) -> BuildPart {
        self.part.made.finish();
        self.part
    }
}

impl BuildPart {
    pub(crate) fn read(storage: &dyn Storage, key: &Key) -> Result<Option<Self>, Error> {
        let Some(object) = storage.read(key, 256 << 20)? else { return Ok(None) };
        let place = storage.place_of(key);
        let mut part = Self::default();
        let rest =
            unpack_entries(&object.bytes, &place, &["made", "rejects"], &mut |section, name, value| match (
                section, value,
            ) {
                ("made", value) => {
                    if let Some(content) = Record::from_json(&value).content {
                        part.made.push(&name, 0.0, Some(&content));
                    }
                }
                (_, Value::Object(reasons)) => {
                    let reasons = reasons.into_iter();
                    let reasons =
                        reasons.filter_map(|(guid, reason)| Some((guid, reason.as_str()?.to_owned())));
                    part.rejects.insert(name, reasons.collect());
                }
                _ => {}
            })?;
        if rest.get("schema").and_then(Value::as_u64) != Some(1) {
            let problem = "no part of schema 1".to_owned();
            return Err(Error::Storage { place, problem });
        }
        part.made.finish();
        Ok(Some(part))
    }

    fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        /// The object, printed record by record.
        #[derive(Serialize)]
        struct Object<'a> {
            made: Made<'a>,
            rejects: &'a BTreeMap<String, BTreeMap<String, String>>,
            schema: u32,
        }
        struct Made<'a>(&'a Records);
        impl Serialize for Made<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|record| {
                    let content = record.content.map(PackedContent::unpacked);
                    (record.name, Record { modified: 0.0, content }.to_json())
                }))
            }
        }
        serde_json::to_vec(&Object { made: Made(&self.made), rejects: &self.rejects, schema: 1 })
    }

    /// Writes it, unless it is empty.
    pub(crate) fn write(&self, storage: &dyn Storage) -> Result<(), Error> {
        if self.made.len() == 0 && self.rejects.is_empty() {
            return Ok(());
        }
        let key = super::part_key()?;
        let bytes = self.to_bytes().map_err(|error| Error::io(storage.place_of(&key), error.into()))?;
        storage.write(&key, &bytes, &Condition::Always).map(drop)
    }
}

/// The profiles of debug files, by file.
#[derive(Debug, Default)]
pub(crate) struct Builds(HashMap<[u8; 16], Box<str>>);

impl Builds {
    fn insert(&mut self, file: &Key, profile: &str) {
        self.0.insert(digest(file.as_str()), profile.into());
    }

    /// The profile of a debug file.
    pub(crate) fn get(&self, file: &str) -> Option<ProfileName> {
        self.0.get(&digest(file))?.parse().ok()
    }
}

/// The object that marks a profile as imported, with its SHA-256: profiles do not contain that information, and
/// inventories can be lost.
pub(crate) fn mark(profile: &Key) -> Result<Key, Error> {
    format!("{IMPORTS}/{profile}.json").parse()
}

/// The description of a profile's bytes.
pub(crate) fn describe(bytes: &[u8]) -> Content {
    described(bytes).0
}

/// The same, with its health; `None` if it cannot be read as a profile, or is an index or similar.
pub(crate) fn described(bytes: &[u8]) -> (Content, Option<Health>) {
    let mut content = Content { sha256: sha256(bytes), size: bytes.len() as u64, ..Content::default() };
    let mut judged = None;
    // An index has an entry for every profile, and what it says of itself is all that counts.
    let outline = index::outline(bytes);
    let text = profile::unpack(outline.as_deref().unwrap_or(bytes), MAX_TEXT);
    let profile = text.and_then(|text| read_text(&text, &mut Report::default()));
    match profile {
        Ok(mut profile) => {
            (content.health, judged) = health(&mut profile);
            let text = |key: &str| profile.metadata_text(key).unwrap_or_default();
            content.generator = text("Generator").to_owned();
            content.source = match (text("PDBFile"), text("GUID_AGE"), text("SourceSHA256")) {
                (name, build, _) if !name.is_empty() && !build.is_empty() => format!("{name}/{build}"),
                (.., digest) if !digest.is_empty() => format!("sha256:{digest}"),
                _ => String::new(),
            };
            content.banner = text("Banner").to_owned();
            let class = if text("PDBFile").is_empty() { "" } else { text("ProfileClass") };
            content.recipe = recipe(class, &profile.merge);
        }
        Err(error) => content.health = format!("unreadable: {error}"),
    }
    (content, judged)
}

fn health(profile: &mut Profile) -> (String, Option<Health>) {
    let kind = profile.metadata_text("Type").unwrap_or("Profile").to_owned();
    // Rekall marks most of its indexes as profiles.
    if profile.other.contains_key("$INDEX") {
        return ("index".to_owned(), None);
    }
    if kind != "Profile" {
        return (kind.to_lowercase(), None);
    }
    let resolution = Resolution::new(profile, &mut Report::default());
    let health = Health::of(profile, &resolution, Scope::Whole);
    (health.verdict.name().to_owned(), Some(health))
}

/// Whether an object belongs in the inventory: a profile or index, but neither a source nor the inventory itself.
pub(crate) fn is_listed(name: &str) -> bool {
    name.ends_with(".gz") && !name.starts_with("src/") && name != INVENTORY
}
