use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::sources::{Cursor, Sources};
use super::{INDEX, SOURCES};
use crate::packed::is_accepted;

/// The digest of a profile's symbols, if its part of the index has one.
pub(super) type Symbols = Option<u64>;

/// What can be kept of an index that was made before: the parts of those profiles whose objects are the same.
#[derive(Debug)]
pub(super) struct Kept {
    /// By the position of the profile among the sources; `None` for a profile whose part has to be made.
    pub(super) of: Vec<Option<Symbols>>,
    /// Whether that is all of the index, and of the sources.
    pub(super) is_whole: bool,
}

impl Kept {
    /// Nothing.
    pub(super) fn nothing(count: usize) -> Self {
        Self { of: vec![None; count], is_whole: false }
    }

    /// `None` if the index was made by another specification than that with this digest, does not list its sources, or
    /// is not in order. Nothing of the index is kept in memory.
    pub(super) fn read(index: &[u8], specification: &str, sources: Sources<'_>) -> Option<Self> {
        let mut found = Found {
            specification,
            is_of_specification: false,
            cursor: Cursor::new(sources),
            of: vec![None; sources.len()],
            listed: 0,
            kept: 0,
            is_sorted: true,
        };
        let is_read = is_accepted(index, Part { kind: Kind::Whole, found: &mut found });
        let Found { is_of_specification, of, listed, kept, is_sorted, .. } = found;
        if !is_read || !is_of_specification || !is_sorted {
            return None;
        }
        Some(Self { is_whole: kept > 0 && kept == listed && kept == of.len(), of })
    }
}

/// Calls `each` with every entry of an index, in its order.
pub(super) fn entries(index: &[u8], each: &mut dyn FnMut(&str, Value)) {
    // `Kept::read` has read the same bytes to their end.
    is_accepted(index, Entries { each, is_index: false });
}

/// What was found in an index so far.
struct Found<'a> {
    specification: &'a str,
    is_of_specification: bool,
    cursor: Cursor<'a>,
    of: Vec<Option<Symbols>>,
    /// How many profiles it was made from.
    listed: usize,
    /// How many of those are among the sources, and the same.
    kept: usize,
    is_sorted: bool,
}

impl Found<'_> {
    fn profile(&mut self, name: &str, made_from: &Value) {
        self.listed += 1;
        let Some((position, source)) = self.cursor.find(name) else { return };
        let symbols = made_from.get(1).and_then(Value::as_str).and_then(symbols);
        if made_from.get(0).and_then(Value::as_str) == Some(source.version())
            && let Some(symbols) = symbols
            && let Some(place) = self.of.get_mut(position)
        {
            *place = Some(symbols);
            self.kept += 1;
        }
    }
}

/// Reads what [`printed`] prints.
fn symbols(text: &str) -> Option<Symbols> {
    let symbols = if text.is_empty() { None } else { Some(u64::from_str_radix(text, 16).ok()?) };
    (printed(symbols) == text).then_some(symbols)
}

/// The digest of a profile's symbols as it is in the index.
pub(super) fn printed(symbols: Symbols) -> String {
    symbols.map(|digest| format!("{digest:016x}")).unwrap_or_default()
}

/// An object within an index.
struct Part<'a, 's> {
    kind: Kind,
    found: &'a mut Found<'s>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// The whole index.
    Whole,
    /// Its entries.
    Entries,
    /// What it was made from.
    Sources,
    /// The profiles among its sources.
    Profiles,
}

impl<'de> DeserializeSeed<'de> for Part<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Part<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { kind, found } = self;
        let mut last: Option<String> = None;
        while let Some(key) = map.next_key::<String>()? {
            let inner = match (kind, key.as_str()) {
                (Kind::Whole, INDEX) => Some(Kind::Entries),
                (Kind::Whole, SOURCES) => Some(Kind::Sources),
                (Kind::Sources, "profiles") => Some(Kind::Profiles),
                _ => None,
            };
            found.is_sorted &= last.as_ref().is_none_or(|last| *last < key);
            if let Some(kind) = inner {
                map.next_value_seed(Part { kind, found: &mut *found })?;
            } else if matches!((kind, key.as_str()), (Kind::Sources, "specification")) {
                found.is_of_specification = map.next_value::<Value>()? == found.specification;
            } else if matches!(kind, Kind::Profiles) {
                let made_from: Value = map.next_value()?;
                found.profile(&key, &made_from);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            last = Some(key);
        }
        Ok(())
    }
}

/// The entries of an index, or the index that has them.
struct Entries<'a> {
    each: &'a mut dyn FnMut(&str, Value),
    is_index: bool,
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { each, is_index } = self;
        while let Some(key) = map.next_key::<String>()? {
            if is_index {
                each(&key, map.next_value()?);
            } else if key == INDEX {
                map.next_value_seed(Entries { each: &mut *each, is_index: true })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::sources::Source;

    fn kept(
        index: &[u8],
        specification: &str,
        wanted: &[(&str, &str)],
    ) -> Option<(Vec<Option<Symbols>>, bool)> {
        let get = |at: usize| {
            let (name, sha256) = wanted.get(at)?;
            Some(Source { name: name.parse().unwrap(), sha256: (*sha256).to_owned() })
        };
        let kept = Kept::read(index, specification, Sources::new(wanted.len(), &get))?;
        Some((kept.of, kept.is_whole))
    }

    #[test]
    fn what_was_made_from_the_same_objects_is_kept() {
        let index = br#"{"$INDEX": {"a": [1], "b": []}, "$METADATA": {}, "$SOURCES":
            {"profiles": {"a": ["aa", ""], "b": ["bb", "00000000000000ff"]}, "specification": "s"}}"#;
        let both = vec![Some(None), Some(Some(255))];
        assert_eq!(kept(index, "s", &[("a", "aa"), ("b", "bb")]), Some((both.clone(), true)));
        let packed = crate::packed::pack(index).unwrap();
        assert_eq!(kept(&packed, "s", &[("a", "aa"), ("b", "bb")]), Some((both, true)));
        for (wanted, of) in [
            (&[("a", "aa")][..], vec![Some(None)]),
            (
                &[("a", "aa"), ("aa", "aa"), ("b", "bb"), ("c", "cc")],
                vec![Some(None), None, Some(Some(255)), None],
            ),
            (&[("a", "aa"), ("b", "cc")], vec![Some(None), None]),
            (&[("0", "aa"), ("b", "bb")], vec![None, Some(Some(255))]),
            (&[], vec![]),
        ] {
            assert_eq!(kept(index, "s", wanted), Some((of, false)), "{wanted:?}");
        }
        let mut all = Vec::new();
        entries(&packed, &mut |name, value| all.push(format!("{name} {value}")));
        assert_eq!(all, ["a [1]", "b []"]);
    }

    #[test]
    fn nothing_is_kept_of_another_index() {
        let wanted = [("a", "aa"), ("b", "bb")];
        for index in [
            br#"{"$INDEX": {}}"#.as_slice(),
            br#"{"$INDEX": {"a": [1]}, "$SOURCES": {"profiles": {"a": ["aa", ""]}, "specification": "t"}}"#,
            br#"{"$INDEX": {"b": 1, "a": 2}, "$SOURCES": {"profiles": {"a": ["aa", ""]}, "specification": "s"}}"#,
            br#"{"$SOURCES": {"profiles": {"b": ["bb", ""], "a": ["aa", ""]}, "specification": "s"}}"#,
            br#"{"$SOURCES": {"profiles": {"a": ["aa", ""]}, "specification": "s""#,
            b"",
        ] {
            assert_eq!(kept(index, "s", &wanted), None, "{}", String::from_utf8_lossy(index));
        }
        // Symbols that this program does not print.
        let index =
            br#"{"$SOURCES": {"profiles": {"a": ["aa", "FF"], "b": ["bb", 1]}, "specification": "s"}}"#;
        assert_eq!(kept(index, "s", &wanted), Some((vec![None, None], false)));
    }
}
