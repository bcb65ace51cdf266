use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::SOURCES;
use crate::packed::stream;

/// Whether an index was made by the specification with this digest from exactly the `wanted` profiles, each with the
/// beginning of its object's SHA-256, in the order of names. Nothing of the index is kept in memory.
pub(super) fn is_current(
    index: &[u8],
    specification: &str,
    wanted: &mut dyn Iterator<Item = (String, String)>,
) -> bool {
    let mut found = Found::default();
    let read = stream(index, "", Part { kind: Kind::Index, specification, wanted, found: &mut found });
    read.is_ok() && found.specification && found.profiles > 0 && !found.differs && wanted.next().is_none()
}

#[derive(Default)]
struct Found {
    /// Whether the specification is the wanted one.
    specification: bool,
    /// How many profiles are those that are wanted.
    profiles: usize,
    /// Whether a profile is not the wanted one.
    differs: bool,
}

/// An object within an index.
struct Part<'a> {
    kind: Kind,
    specification: &'a str,
    wanted: &'a mut dyn Iterator<Item = (String, String)>,
    found: &'a mut Found,
}

#[derive(Clone, Copy)]
enum Kind {
    /// The whole index.
    Index,
    /// What it was made from.
    Sources,
    /// The profiles among its sources.
    Profiles,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { kind, specification, wanted, found } = self;
        while let Some(key) = map.next_key::<String>()? {
            let inner = match (kind, key.as_str()) {
                (Kind::Index, SOURCES) => Some(Kind::Sources),
                (Kind::Sources, "profiles") => Some(Kind::Profiles),
                _ => None,
            };
            if let Some(kind) = inner {
                map.next_value_seed(Part { kind, specification, wanted: &mut *wanted, found: &mut *found })?;
            } else if matches!((kind, key.as_str()), (Kind::Sources, "specification")) {
                found.specification = map.next_value::<Value>()? == specification;
            } else if matches!(kind, Kind::Profiles) {
                let profile: Value = map.next_value()?;
                let sha256 = profile.get(0).and_then(Value::as_str);
                let same =
                    wanted.next().is_some_and(|(name, wanted)| name == key && Some(&*wanted) == sha256);
                found.differs |= !same;
                found.profiles += 1;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {

    #[test]
    fn an_index_is_current_for_its_own_sources_alone() {
        let index = br#"{"$INDEX": {"a": [1], "b": []}, "$METADATA": {},
            "$SOURCES": {"profiles": {"a": ["aa", ""], "b": ["bb", "x"]}, "specification": "s"}}"#;
        let is_current = |index: &[u8], specification: &str, wanted: &[(&str, &str)]| {
            let wanted = wanted.iter().map(|(name, sha256)| ((*name).to_owned(), (*sha256).to_owned()));
            super::is_current(index, specification, &mut wanted.into_iter())
        };
        assert!(is_current(index, "s", &[("a", "aa"), ("b", "bb")]));
        assert!(is_current(&crate::packed::pack(index).unwrap(), "s", &[("a", "aa"), ("b", "bb")]));
        for wanted in [
            &[("a", "aa")][..],
            &[("a", "aa"), ("b", "bb"), ("c", "cc")],
            &[("a", "aa"), ("b", "cc")],
            &[("a", "aa"), ("c", "bb")],
            &[],
        ] {
            assert!(!is_current(index, "s", wanted), "{wanted:?}");
        }
        assert!(!is_current(index, "t", &[("a", "aa"), ("b", "bb")]));
        assert!(!is_current(br#"{"$INDEX": {}}"#, "s", &[]));
        assert!(!is_current(&index[..40], "s", &[("a", "aa"), ("b", "bb")]));
    }
}
