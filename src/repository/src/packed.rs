//! JSON texts of a repository, packed or not.

use std::fmt;
use std::fmt::Write as _;
use std::io::Write as _;

use profile::{Effort, GzipWriter, MAX_TEXT};
use serde::de::{DeserializeSeed, Deserializer as _, MapAccess, Visitor};
use serde_json::{Deserializer, Map, Value};
use sha2::{Digest, Sha256};

use crate::Error;

/// The gzip form of a text.
pub(crate) fn pack(text: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::io("gzip", error);
    let mut writer = GzipWriter::new(Vec::new(), Effort::Default, 1);
    writer.write_all(text).map_err(failed)?;
    writer.finish().map_err(failed)
}

/// The JSON value in `bytes`, packed or not; `place` is named in errors.
pub(crate) fn unpack(bytes: &[u8], place: &str) -> Result<Value, Error> {
    let text = profile::unpack(bytes, MAX_TEXT)
        .map_err(|source| Error::Profile { place: place.to_owned(), source })?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::Storage { place: place.to_owned(), problem: format!("no JSON: {error}") })
}

/// Calls `each` with every entry of the `sections` of the JSON object in `bytes`, one at a time; gives the rest of the
/// object, in which a section that was there is null. `place` is named in errors.
pub(crate) fn unpack_entries(
    bytes: &[u8],
    place: &str,
    sections: &[&str],
    each: &mut dyn FnMut(&str, String, Value),
) -> Result<Map<String, Value>, Error> {
    let text = profile::unpack(bytes, MAX_TEXT)
        .map_err(|source| Error::Profile { place: place.to_owned(), source })?;
    let mut reader = Deserializer::from_slice(&text);
    let mut rest = Map::new();
    let walked = reader.deserialize_map(Sections { sections, each, rest: &mut rest });
    walked.and_then(|()| reader.end()).map_err(|error| Error::Storage {
        place: place.to_owned(),
        problem: format!("no JSON as expected: {error}"),
    })?;
    Ok(rest)
}

struct Sections<'a> {
    sections: &'a [&'a str],
    each: &'a mut dyn FnMut(&str, String, Value),
    rest: &'a mut Map<String, Value>,
}

impl<'de> Visitor<'de> for Sections<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of sections")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let section = self.sections.iter().find(|section| **section == key);
            let value = match section {
                Some(section) => {
                    map.next_value_seed(Entries { section, each: self.each })?;
                    Value::Null
                }
                None => map.next_value()?,
            };
            self.rest.insert(key, value);
        }
        Ok(())
    }
}

/// The entries of one section.
struct Entries<'a> {
    section: &'a str,
    each: &'a mut dyn FnMut(&str, String, Value),
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object under {}", self.section)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry()? {
            (self.each)(self.section, name, value);
        }
        Ok(())
    }
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
