//! JSON texts of a repository, compressed or not.
//!
//! A compressed text unpacks to at most `MAX_TEXT` bytes and stays within [`profile::UnpackLimits`].

use std::fmt;
use std::fmt::Write as _;
use std::io::{self, BufReader, Read, Write as _};

use flate2::bufread::GzDecoder;
use profile::{Effort, GzipWriter, MAX_TEXT, UnpackMeter};
use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
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

/// The JSON value in `bytes`, compressed or not; `place` is its name in errors.
pub(crate) fn unpack(bytes: &[u8], place: &str) -> Result<Value, Error> {
    let text = profile::unpack(bytes, MAX_TEXT)
        .map_err(|source| Error::Profile { place: place.to_owned(), source })?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::Storage { place: place.to_owned(), problem: format!("no JSON: {error}") })
}

/// Calls `each` with every entry of the `sections` of the JSON object in `bytes`, one at a time. Returns the rest of
/// the object, in which the sections are null. `place` is its name in errors.
pub(crate) fn unpack_entries<T: for<'de> Deserialize<'de>>(
    bytes: &[u8],
    place: &str,
    sections: &[&str],
    each: &mut dyn FnMut(&str, String, T),
) -> Result<Map<String, Value>, Error> {
    let text = profile::unpack(bytes, MAX_TEXT)
        .map_err(|source| Error::Profile { place: place.to_owned(), source })?;
    let mut rest = Map::new();
    read(Deserializer::from_slice(&text), Sections { sections, each, rest: &mut rest })
        .map_err(|error| unexpected(&error, place))?;
    Ok(rest)
}

/// The same, without the whole text in memory at once. It takes twice the time.
pub(crate) fn stream_entries<T: for<'de> Deserialize<'de>>(
    bytes: &[u8],
    place: &str,
    sections: &[&str],
    each: &mut dyn FnMut(&str, String, T),
) -> Result<Map<String, Value>, Error> {
    let mut rest = Map::new();
    stream(bytes, place, Sections { sections, each, rest: &mut rest })?;
    Ok(rest)
}

/// Gives the JSON in `bytes`, compressed or not, to `seed`, without the whole text in memory at once if it is gzip.
fn stream<S: for<'de> DeserializeSeed<'de, Value = ()>>(
    bytes: &[u8],
    place: &str,
    seed: S,
) -> Result<(), Error> {
    if !bytes.starts_with(&GZIP) {
        let text = profile::unpack(bytes, MAX_TEXT)
            .map_err(|source| Error::Profile { place: place.to_owned(), source })?;
        return read(Deserializer::from_slice(&text), seed).map_err(|error| unexpected(&error, place));
    }
    read(Deserializer::from_reader(members(bytes)), seed).map_err(|error| {
        // The reader of whole texts says where a gzip file is damaged, or that it is too long.
        match profile::unpack(bytes, MAX_TEXT) {
            Err(source) => Error::Profile { place: place.to_owned(), source },
            Ok(_) => unexpected(&error, place),
        }
    })
}

/// Gives the JSON in `bytes`, plain or gzip, to `seed`, without the whole text in memory at once. Returns whether `seed`
/// accepted it to its end. What `seed` refuses is not read further.
pub(crate) fn is_accepted(bytes: &[u8], seed: impl for<'de> DeserializeSeed<'de, Value = ()>) -> bool {
    if bytes.starts_with(&GZIP) {
        return read(Deserializer::from_reader(members(bytes)), seed).is_ok();
    }
    read(Deserializer::from_slice(bytes), seed).is_ok()
}

/// The text of a gzip file, within the limits of texts.
fn members(bytes: &[u8]) -> impl Read {
    let meter = UnpackMeter::new(bytes.len() as u64);
    let limit = if meter.is_chosen() { meter.allowed() } else { meter.allowed().min(MAX_TEXT as u64) };
    BufReader::with_capacity(64 << 10, Members { decoder: GzDecoder::new(bytes) }.take(limit))
}

fn read<'de>(
    mut reader: Deserializer<impl serde_json::de::Read<'de>>,
    seed: impl DeserializeSeed<'de, Value = ()>,
) -> serde_json::Result<()> {
    seed.deserialize(&mut reader)?;
    reader.end()
}

fn unexpected(error: &serde_json::Error, place: &str) -> Error {
    Error::Storage { place: place.to_owned(), problem: format!("not the expected JSON: {error}") }
}

/// How a member of a gzip file begins (RFC 1952, section 2.3.1).
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

/// The text of all members of a gzip file. Zeros after the last one are padding, as for `gzip` itself.
struct Members<'a> {
    decoder: GzDecoder<&'a [u8]>,
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.decoder.read(buffer)?;
            let rest = *self.decoder.get_ref();
            if count > 0 || buffer.is_empty() || rest.iter().all(|byte| *byte == 0) {
                return Ok(count);
            }
            self.decoder = GzDecoder::new(rest);
        }
    }
}

struct Sections<'a, T> {
    sections: &'a [&'a str],
    each: &'a mut dyn FnMut(&str, String, T),
    rest: &'a mut Map<String, Value>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Sections<'_, T> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Sections<'_, T> {
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
struct Entries<'a, T> {
    section: &'a str,
    each: &'a mut dyn FnMut(&str, String, T),
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Entries<'_, T> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<'_, T> {
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

/// A number under one key of an object, if it is one; everything else is skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Time(pub(crate) f64);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeOf)
    }
}

struct TimeOf;

impl<'de> Visitor<'de> for TimeOf {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what is known of a profile")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Time, A::Error> {
        let mut time = Time::default();
        while let Some(IsTime(is_time)) = map.next_key()? {
            if is_time {
                time = Time(map.next_value::<Value>()?.as_f64().unwrap_or(0.0));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(time)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Time, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Time::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Time, E> {
        Ok(Time::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Time, E> {
        Ok(Time::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Time, E> {
        Ok(Time::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Time, E> {
        Ok(Time::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Time, E> {
        Ok(Time::default())
    }

    fn visit_unit<E>(self) -> Result<Time, E> {
        Ok(Time::default())
    }
}

/// Whether a key is that of the time in an inventory.
struct IsTime(bool);

impl<'de> Deserialize<'de> for IsTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Key;
        impl Visitor<'_> for Key {
            type Value = IsTime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<IsTime, E> {
                Ok(IsTime(key == "LastModified"))
            }
        }
        deserializer.deserialize_identifier(Key)
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
