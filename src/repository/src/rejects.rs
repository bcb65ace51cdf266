use std::collections::BTreeMap;

use serde_json::Value;

use crate::batch::DebugSource;
use crate::packed::{pack, unpack};
use crate::{Error, Key, Storage};

/// The rejects of a debug file in any version: each as it is written in the list, its version, and the reason.
pub(crate) fn of<'a>(
    reasons: &'a BTreeMap<String, String>,
    file: &Key,
) -> impl Iterator<Item = (&'a str, DebugSource, &'a str)> {
    let start = DebugSource::prefix(file);
    let file = file.clone();
    reasons.range(start.clone()..).take_while(move |(text, _)| text.starts_with(&start)).filter_map(
        move |(text, reason)| {
            // The name of another file may begin like a version of this one.
            let source = DebugSource::parse(text).filter(|source| source.key == file)?;
            Some((text.as_str(), source, reason.as_str()))
        },
    )
}

/// The builds in a list of which no profile could be made, with the reason: `<guids>.rejects.gz`.
///
/// They are skipped until the user asks for them again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejects {
    /// The reason for each GUID and age in canonical spelling.
    pub reasons: BTreeMap<String, String>,
}

impl Rejects {
    /// The object for the list `guids`.
    ///
    /// # Errors
    /// [`Error::Key`] for a list whose name is too long.
    pub fn key(guids: &Key) -> Result<Key, Error> {
        format!("{guids}.rejects.gz").parse()
    }

    /// Reads the rejects of the list `guids`; empty if there are none.
    ///
    /// # Errors
    /// [`Error::Storage`] if the object is invalid, and any error from reading it.
    pub fn read(storage: &dyn Storage, guids: &Key) -> Result<Self, Error> {
        const LIMIT: u64 = 64 << 20;
        for key in [Self::key(guids)?, format!("{guids}.rejects").parse()?] {
            let Some(object) = storage.read(&key, LIMIT)? else { continue };
            let place = storage.place_of(&key);
            let value = unpack(&object.bytes, &place)?;
            let wrong = || Error::Storage {
                place,
                problem: "expected a JSON object of GUIDs and reasons".to_owned(),
            };
            let Value::Object(entries) = value else { return Err(wrong()) };
            let reason = |value: Value| match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            let spelling =
                |text: String| text.parse::<profile::GuidAge>().map_or(text, |guid_age| guid_age.to_string());
            let reasons = entries.into_iter().map(|(guid, value)| (spelling(guid), reason(value))).collect();
            return Ok(Self { reasons });
        }
        Ok(Self::default())
    }

    /// The rejects of a debug file in any version, each with its reason.
    pub(crate) fn of<'a>(&'a self, file: &Key) -> impl Iterator<Item = (DebugSource, &'a str)> {
        of(&self.reasons, file).map(|(_, source, reason)| (source, reason))
    }

    /// The bytes of the object.
    ///
    /// # Errors
    /// Any error from the compressor.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let value: Value =
            self.reasons.iter().map(|(guid, reason)| (guid.clone(), reason.as_str())).collect();
        let text = format!("{value:#}\n");
        pack(text.as_bytes())
    }
}
