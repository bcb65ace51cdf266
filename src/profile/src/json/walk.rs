use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer as _, MapAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

/// Calls `each` with every key of the object `text` and its value's text; returns how many keys were damaged.
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

/// The text of the value at the beginning of `text`, whatever follows it.
pub(crate) fn value(text: &str) -> serde_json::Result<&str> {
    let value: &RawValue = de::Deserialize::deserialize(&mut Deserializer::from_str(text))?;
    Ok(value.get())
}

/// The first key of the object `text` that `wanted` accepts.
pub(crate) fn first_key(text: &[u8], wanted: impl Fn(&str) -> bool) -> Option<String> {
    let mut found = None;
    // The walk ends with an error on purpose if it is found, and for any other reason if it is not.
    let _ = Deserializer::from_slice(text).deserialize_map(FirstKey { wanted, found: &mut found });
    found
}

/// The integer value of `text`.
pub(crate) fn integer(text: &str) -> Option<i128> {
    // A number with more digits is not an address and does not fit into `i128`.
    if text.len() > 30 || !text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The string value of `text`, and whether it contains lone surrogates, which become U+FFFD.
pub(crate) fn string(text: &str) -> Option<(Cow<'_, str>, bool)> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some((Cow::Borrowed(inner), false));
    }
    let Key { text, damaged } = KeySeed.deserialize(&mut Deserializer::from_str(text)).ok()?;
    Some((text, damaged))
}

/// Stops at the first wanted key.
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

/// An object whose values are passed on as text.
pub(crate) struct Entries<'a, 'de> {
    pub(crate) expected: &'static str,
    pub(crate) each: &'a mut dyn FnMut(Cow<'de, str>, &'de str),
    /// The key whose value made the walk fail.
    pub(crate) failed: &'a mut Option<String>,
    pub(crate) damaged: &'a mut u64,
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

    /// `null`: some writers use it for an empty section.
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

/// A string; lone surrogates, which Python accepts, become U+FFFD.
pub(crate) struct Key<'de> {
    pub(crate) text: Cow<'de, str>,
    /// Whether it contains lone surrogates.
    pub(crate) damaged: bool,
}

/// Reads a [`Key`].
pub(crate) struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        // As bytes, because the string may not be UTF-8 after its escapes are resolved.
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
