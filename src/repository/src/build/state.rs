use std::collections::BTreeMap;

use profile::{Health, MAX_TEXT, Profile, Report, Resolution, Scope, read_text};
use serde_json::{Map, Value, json};

use super::item::recipe;
use crate::packed::{sha256, unpack};
use crate::{Content, Error, INVENTORY, Inventory, Key, Record, Stat, Storage, Version};

/// What lies in a repository and what is recorded of it.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Every object.
    pub(crate) present: BTreeMap<Key, Stat>,
    /// The inventory, with its state.
    pub(crate) inventory: Inventory,
    pub(crate) version: Option<Version>,
    /// The parts that wait to be sealed.
    pub(crate) parts: BTreeMap<Key, Part>,
    pub(crate) warnings: Vec<String>,
}

/// What one run of a builder did, until it is sealed: an object under [`PARTS`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Part {
    /// What it made, by name.
    pub(crate) made: BTreeMap<String, Content>,
    /// What it could not make: the reason by GUID, by list.
    pub(crate) rejects: BTreeMap<String, BTreeMap<String, String>>,
}

/// The folder of parts.
pub(crate) const PARTS: &str = "src/parts/";

/// The largest profile that is read, in bytes.
pub(crate) const PROFILE_LIMIT: u64 = 1 << 30;

impl State {
    pub(crate) fn read(storage: &dyn Storage) -> Result<Self, Error> {
        let mut state = Self { present: storage.list("")?.into_iter().collect(), ..Self::default() };
        match Inventory::read(storage) {
            Ok(Some((inventory, version))) => {
                state.inventory = inventory;
                state.version = Some(version);
            }
            Ok(None) => {}
            // Profiles say themselves what they are; a damaged inventory costs a look into each.
            Err(error @ (Error::Profile { .. } | Error::Storage { .. })) => {
                state.warnings.push(format!("{error}; it is made anew"));
                state.version = storage.stat(&Inventory::key()?)?.map(|stat| stat.version);
            }
            Err(error) => return Err(error),
        }
        let keys: Vec<Key> =
            state.present.keys().filter(|key| key.as_str().starts_with(PARTS)).cloned().collect();
        for key in keys {
            match Part::read(storage, &key) {
                Ok(Some(part)) => {
                    state.parts.insert(key, part);
                }
                // Sealed meanwhile.
                Ok(None) => {}
                Err(error @ (Error::Profile { .. } | Error::Storage { .. })) => {
                    state.warnings.push(format!("{error}; its profiles are looked into"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(state)
    }

    /// What is recorded of an object, if it still has the size of then.
    pub(crate) fn recorded(&self, key: &Key) -> Option<&Content> {
        let size = self.present.get(key)?.size;
        let name = key.as_str().strip_suffix(".gz")?;
        let parts = self.parts.values().filter_map(|part| part.made.get(name));
        let known = self.inventory.records.get(name).and_then(|record| record.content.as_ref());
        parts.chain(known).find(|content| content.size == size)
    }

    /// What an object is: by the records, else (after a builder was stopped before it could write any) by itself.
    pub(crate) fn content(&self, key: &Key, storage: &dyn Storage) -> Option<Content> {
        if let Some(content) = self.recorded(key) {
            return Some(content.clone());
        }
        self.present.get(key)?;
        content_of(storage, key).ok().flatten()
    }
}

impl Part {
    pub(crate) fn read(storage: &dyn Storage, key: &Key) -> Result<Option<Self>, Error> {
        let Some(object) = storage.read(key, 256 << 20)? else { return Ok(None) };
        let place = storage.place_of(key);
        let value = unpack(&object.bytes, &place)?;
        let entries = |name: &str| value.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        if value.get("schema").and_then(Value::as_u64) != Some(1) {
            let problem = "no part of schema 1".to_owned();
            return Err(Error::Storage { place, problem });
        }
        let made = entries("made").into_iter();
        let made = made.filter_map(|(name, value)| Some((name, Record::from_json(&value).content?)));
        let reasons = |value: Value| -> BTreeMap<String, String> {
            let entries = value.as_object().cloned().unwrap_or_default().into_iter();
            entries.filter_map(|(guid, reason)| Some((guid, reason.as_str()?.to_owned()))).collect()
        };
        let rejects = entries("rejects").into_iter().map(|(list, value)| (list, reasons(value)));
        Ok(Some(Self { made: made.collect(), rejects: rejects.collect() }))
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let made = self.made.iter().map(|(name, content)| {
            (name.clone(), Record { modified: 0.0, content: Some(content.clone()) }.to_json())
        });
        let made: Map<String, Value> = made.collect();
        json!({"schema": 1, "made": made, "rejects": self.rejects}).to_string().into_bytes()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.made.is_empty() && self.rejects.is_empty()
    }
}

/// What the object of a profile says of itself; `None` where there is none.
pub(crate) fn content_of(storage: &dyn Storage, key: &Key) -> Result<Option<Content>, Error> {
    let Some(object) = storage.read(key, PROFILE_LIMIT)? else { return Ok(None) };
    Ok(Some(describe(&object.bytes)))
}

/// What the bytes of a profile say of it.
pub(crate) fn describe(bytes: &[u8]) -> Content {
    let mut content = Content { sha256: sha256(bytes), size: bytes.len() as u64, ..Content::default() };
    let profile = profile::unpack(bytes, MAX_TEXT).and_then(|text| read_text(&text, &mut Report::default()));
    match profile {
        Ok(mut profile) => {
            content.health = health(&mut profile);
            let text = |key: &str| profile.metadata_text(key).unwrap_or_default();
            content.generator = text("Generator").to_owned();
            content.source = match (text("PDBFile"), text("GUID_AGE"), text("SourceSHA256")) {
                (name, build, _) if !name.is_empty() && !build.is_empty() => format!("{name}/{build}"),
                (.., digest) if !digest.is_empty() => format!("sha256:{digest}"),
                _ => String::new(),
            };
            let class = if text("PDBFile").is_empty() { "" } else { text("ProfileClass") };
            content.recipe = recipe(class, &profile.merge);
        }
        Err(error) => content.health = format!("unreadable: {error}"),
    }
    content
}

fn health(profile: &mut Profile) -> String {
    let kind = profile.metadata_text("Type").unwrap_or("Profile").to_owned();
    // Rekall calls most of its indexes profiles.
    if profile.other.contains_key("$INDEX") {
        return "index".to_owned();
    }
    if kind != "Profile" {
        return kind.to_lowercase();
    }
    let resolution = Resolution::new(profile, &mut Report::default());
    Health::of(profile, &resolution, Scope::Whole).verdict.name().to_owned()
}

/// Whether an object belongs into the inventory: a profile or index, no source and not the inventory itself.
pub(crate) fn is_listed(key: &Key) -> bool {
    let name = key.as_str();
    name.ends_with(".gz") && !name.starts_with("src/") && name != INVENTORY
}
