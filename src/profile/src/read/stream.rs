use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer as _, MapAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::{Builder, JsonPlace, ReadError};
use crate::isf;

/// Walks the whole text of a profile and hands each entry of each section to `builder`.
pub(crate) fn document<'de>(text: &'de str, builder: &mut Builder<'de, '_>) -> Result<(), ReadError> {
    let mut reader = Deserializer::from_str(text);
    let mut document = Document { builder, roots: Vec::new(), within: Vec::new(), refusal: None };
    let walked = reader.deserialize_map(&mut document).and_then(|()| reader.end());
    let Document { roots, within, refusal, .. } = document;
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    walked.map_err(|error| place(text, &error, within))?;
    judge_keys(roots)
}

/// Whether an object with these keys is a profile.
pub(crate) fn judge_keys(roots: Vec<String>) -> Result<(), ReadError> {
    let rekall = roots.iter().find(|key| key.starts_with('$'));
    let isf = roots.iter().find(|key| isf::is_section(key));
    match (rekall, isf) {
        (Some(rekall), Some(isf)) => Err(ReadError::Mixed { rekall: rekall.clone(), isf: isf.clone() }),
        (Some(_), None) => Ok(()),
        (None, _) => Err(ReadError::NoSections { found: roots }),
    }
}

/// Calls `each` with every key of the object `text`, and its value's text; gives how many keys were damaged.
pub(crate) fn entries<'de>(
    text: &'de str,
    mut each: impl FnMut(Cow<'de, str>, &'de str),
) -> serde_json::Result<u64> {
    let mut damaged = 0;
    let entries =
        Entries { expected: "an object", each: &mut each, failed: &mut None, damaged: &mut damaged };
    entries.deserialize(&mut Deserializer::from_str(text))?;
    Ok(damaged)
}

/// The texts of the items in the list `text`.
pub(crate) fn items(text: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

/// The texts of the two items of the list `text`.
pub(crate) fn pair(text: &str) -> Option<(&str, &str)> {
    let (first, second): (&RawValue, &RawValue) = serde_json::from_str(text).ok()?;
    Some((first.get(), second.get()))
}

/// The text of the value that stands at the beginning of `text`, whatever follows it.
pub(crate) fn value(text: &str) -> serde_json::Result<&str> {
    let value: &RawValue = de::Deserialize::deserialize(&mut Deserializer::from_str(text))?;
    Ok(value.get())
}

/// The first key of the object `text` that `wanted` takes.
pub(crate) fn first_key(text: &[u8], wanted: impl Fn(&str) -> bool) -> Option<String> {
    let mut found = None;
    // The walk ends with an error on purpose where it is found, and for any other reason where it is not.
    let _ = Deserializer::from_slice(text).deserialize_map(FirstKey { wanted, found: &mut found });
    found
}

/// Calls `each` with every key of the document and its value's text.
pub(crate) fn sections<'de>(
    text: &'de str,
    mut each: impl FnMut(Cow<'de, str>, &'de str),
) -> Result<(), ReadError> {
    let mut reader = Deserializer::from_str(text);
    let (mut failed, mut damaged) = (None, 0);
    let expected = "a profile (an object of sections)";
    let sections = Entries { expected, each: &mut each, failed: &mut failed, damaged: &mut damaged };
    let walked = sections.deserialize(&mut reader).and_then(|()| reader.end());
    walked.map_err(|error| place(text, &error, failed.into_iter().collect()))
}

/// The integer that is the value `text`.
pub(crate) fn integer(text: &str) -> Option<i128> {
    // More digits than that are no address, and `i128` could not hold them.
    if text.len() > 30 || !text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The string that is the value `text`, and whether it holds half surrogate pairs, which become U+FFFD.
pub(crate) fn string(text: &str) -> Option<(Cow<'_, str>, bool)> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some((Cow::Borrowed(inner), false));
    }
    let Key { text, damaged } = KeySeed.deserialize(&mut Deserializer::from_str(text)).ok()?;
    Some((text, damaged))
}

/// The error with its place in `text`.
fn place(text: &str, error: &serde_json::Error, within: Vec<String>) -> ReadError {
    let (line, column) = (error.line(), error.column());
    let start = match line.checked_sub(2) {
        Some(nth) => memchr::memchr_iter(b'\n', text.as_bytes()).nth(nth).map_or(0, |end| end + 1),
        None => 0,
    };
    let mut message = error.to_string();
    if let Some(end) = message.rfind(" at line ") {
        message.truncate(end);
    }
    let offset = start + column.saturating_sub(1);
    ReadError::Json { place: JsonPlace { line, column, offset, within }, message }
}

/// The document: an object of sections.
struct Document<'a, 'de, 'r> {
    builder: &'a mut Builder<'de, 'r>,
    /// The first keys of the object.
    roots: Vec<String>,
    /// Where the walk failed.
    within: Vec<String>,
    refusal: Option<ReadError>,
}

/// How many keys of a document are remembered to say what it is.
const MAX_ROOTS: usize = 16;

impl<'de> Visitor<'de> for &mut Document<'_, 'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a profile (an object of sections)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key { text: section, damaged }) = map.next_key_seed(KeySeed)? {
            if self.roots.len() < MAX_ROOTS || section.starts_with('$') {
                self.roots.push(section.clone().into_owned());
            }
            self.builder.enter(&section, damaged);
            self.within = vec![section.clone().into_owned()];
            let (mut failed, mut damaged) = (None, 0);
            let builder = &mut *self.builder;
            let mut walk = |expected, each: &mut dyn FnMut(Cow<'de, str>, &'de str)| {
                map.next_value_seed(Entries { expected, each, failed: &mut failed, damaged: &mut damaged })
            };
            let walked = match &*section {
                "$STRUCTS" => {
                    walk("an object of structs", &mut |name, value| builder.structure(&name, value))
                }
                "$ENUMS" => {
                    walk("an object of enumerations", &mut |name, value| builder.labels(&name, value, false))
                }
                "$REVENUMS" => {
                    walk("an object of enumerations", &mut |name, value| builder.labels(&name, value, true))
                }
                "$CONSTANTS" => {
                    walk("an object of symbols", &mut |name, value| builder.constant(&name, value))
                }
                "$FUNCTIONS" => {
                    walk("an object of symbols", &mut |name, value| builder.function(&name, value))
                }
                "$CONSTANT_TYPES" => {
                    walk("an object of descriptors", &mut |name, value| builder.constant_type(&name, value))
                }
                _ => match map.next_value::<&RawValue>() {
                    Ok(value) => builder.section(&section, value.get()).map_err(|refusal| {
                        let error = de::Error::custom(&refusal);
                        self.refusal = Some(refusal);
                        error
                    }),
                    Err(error) => Err(error),
                },
            };
            self.within.extend(failed);
            walked?;
            self.builder.count_damaged(damaged);
            self.within.clear();
        }
        Ok(())
    }
}

/// Stops at the first key that is wanted.
struct FirstKey<'a, F> {
    wanted: F,
    found: &'a mut Option<String>,
}

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for FirstKey<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key { text, .. }) = map.next_key_seed(KeySeed)? {
            if (self.wanted)(&text) {
                *self.found = Some(text.into_owned());
                return Err(de::Error::custom("found"));
            }
            map.next_value::<de::IgnoredAny>()?;
        }
        Ok(())
    }
}

/// An object whose values are taken as they stand.
struct Entries<'a, 'de> {
    expected: &'static str,
    each: &'a mut dyn FnMut(Cow<'de, str>, &'de str),
    /// The key at whose value the walk failed.
    failed: &'a mut Option<String>,
    damaged: &'a mut u64,
}

impl<'de> DeserializeSeed<'de> for Entries<'_, 'de> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    /// `null`: some writers leave it where a section would be empty.
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key { text, damaged }) = map.next_key_seed(KeySeed)? {
            *self.damaged += u64::from(damaged);
            let value: &'de RawValue = match map.next_value() {
                Ok(value) => value,
                Err(error) => {
                    *self.failed = Some(text.into_owned());
                    return Err(error);
                }
            };
            (self.each)(text, value.get());
        }
        Ok(())
    }
}

/// A string; half surrogate pairs, which Python writes and reads without a word, become U+FFFD.
struct Key<'de> {
    text: Cow<'de, str>,
    damaged: bool,
}

/// Reads a [`Key`].
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        // As bytes, for a string may hold what is no UTF-8 once its escapes are resolved.
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Key<'de>, E> {
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => Key { text: Cow::Borrowed(text), damaged: false },
            Err(_) => Key { text: String::from_utf8_lossy(bytes), damaged: true },
        })
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Key<'de>, E> {
        let text = String::from_utf8_lossy(bytes);
        Ok(Key { damaged: matches!(text, Cow::Owned(_)), text: Cow::Owned(text.into_owned()) })
    }
}
