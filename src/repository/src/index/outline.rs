use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, json};

use super::{EXPORTS, INDEX, SOURCES};
use crate::packed::is_accepted;

const METADATA: &str = "$METADATA";

/// A small index with the metadata of the index in `bytes`, and in place of each other section one with a single entry;
/// `None` for anything but an index that this program has written. Of any other profile only the beginning is read.
pub(crate) fn outline(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut found = Found::default();
    if !is_accepted(bytes, Sections(&mut found)) || !found.others.contains(SOURCES) {
        return None;
    }
    let others = found.others.into_iter().map(|section| (section, json!({"": 0})));
    let sections = others.chain([(METADATA.to_owned(), found.metadata)]);
    serde_json::to_vec(&Value::Object(sections.collect())).ok()
}

#[derive(Default)]
struct Found {
    metadata: Value,
    others: BTreeSet<String>,
}

struct Sections<'a>(&'a mut Found);

impl<'de> DeserializeSeed<'de> for Sections<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Sections<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                METADATA => self.0.metadata = map.next_value()?,
                // An index without entries does not print that section.
                INDEX | SOURCES | EXPORTS => {
                    map.next_value::<IgnoredAny>()?;
                    self.0.others.insert(key);
                }
                _ => return Err(A::Error::custom("not an index")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_recognised_and_its_entries_are_left_out() {
        let outlined = |text: &str| {
            let packed = outline(&crate::packed::pack(text.as_bytes()).unwrap());
            assert_eq!(packed, outline(text.as_bytes()), "{text}");
            packed.map(|outline| String::from_utf8(outline).unwrap())
        };
        let index = r#"{"$EXPORTS": ["a"], "$INDEX": {"n": [1]}, "$METADATA": {"Type": "Profile"},
            "$SOURCES": {"profiles": {"n": ["00", ""]}, "specification": "s"}}"#;
        let outline = outlined(index).unwrap();
        assert_eq!(
            outline,
            r#"{"$EXPORTS":{"":0},"$INDEX":{"":0},"$METADATA":{"Type":"Profile"},"$SOURCES":{"":0}}"#
        );
        let empty = r#"{"$METADATA": {"Type": "Profile"}, "$SOURCES": {"specification": "s"}}"#;
        assert_eq!(outlined(empty).unwrap(), r#"{"$METADATA":{"Type":"Profile"},"$SOURCES":{"":0}}"#);
        for other in [
            r#"{"$METADATA": {"Type": "Symlink"}}"#,
            r#"{"$INDEX": {"n": [1]}, "$METADATA": {}}"#,
            r#"{"$CONSTANTS": {"a": 1}, "$METADATA": {}, "$SOURCES": {}}"#,
            r#"{"$METADATA": {}, "$SOURCES": {}"#,
            "[]",
            "",
        ] {
            assert_eq!(outlined(other), None, "{other}");
        }
    }

    #[test]
    fn an_outline_is_described_like_its_index() {
        use crate::batch::describe;
        let specification = super::super::Specification::exports("nt");
        let folder = tempfile::tempdir().unwrap();
        let storage = crate::Folder::new(folder.path());
        let profile =
            r#"{"$FUNCTIONS": {"DbgPrint": 4096}, "$METADATA": {"ProfileClass": "Nt", "Type": "Profile"}}"#;
        for text in [profile, r#"{"$METADATA": {"ProfileClass": "Nt", "Type": "Profile"}}"#] {
            let key = "nt/GUID/A.gz".parse().unwrap();
            let packed = crate::packed::pack(text.as_bytes()).unwrap();
            crate::Storage::write(&storage, &key, &packed, &crate::Condition::Always).unwrap();
            let built = super::super::build_below(&specification, &storage, 1, &profile::Silent).unwrap();
            assert!(outline(&built.bytes).is_some());
            let described = describe(&built.bytes);
            // A section that no index has makes it one that is read as a whole.
            let text = profile::unpack(&built.bytes, 1 << 20).unwrap();
            let mut whole: Value = serde_json::from_slice(&text).unwrap();
            whole["$ZZ"] = json!({"a": 1});
            let whole = serde_json::to_vec(&whole).unwrap();
            assert_eq!(outline(&whole), None);
            let expected = describe(&whole);
            assert_eq!(
                (described.health, described.generator, described.recipe, described.source),
                (expected.health, expected.generator, expected.recipe, expected.source)
            );
            assert_eq!(described.size, built.bytes.len() as u64);
        }
    }
}
