use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{number, sections, wrong};
use crate::Error;

/// The offsets of struct members in each profile, with its metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StructIndex {
    profiles: BTreeMap<String, (Map<String, Value>, Offsets)>,
}

/// The offset of each member (`STRUCT.MEMBER`), in bytes.
pub type Offsets = BTreeMap<String, i64>;

impl StructIndex {
    /// Reads an index, compressed or not; `place` is its name in errors.
    ///
    /// # Errors
    /// [`Error::Profile`] and [`Error::Storage`] if it is not an index.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, Error> {
        let (entries, _) = sections(bytes, place)?;
        let mut profiles = BTreeMap::new();
        for (name, value) in &entries {
            let read = || -> Option<(Map<String, Value>, Offsets)> {
                let mut metadata = value.as_object()?.clone();
                let Some(Value::Object(offsets)) = metadata.remove("offsets") else { return None };
                let offsets = offsets.iter().map(|(member, value)| Some((member.clone(), number(value)?)));
                Some((metadata, offsets.collect::<Option<_>>()?))
            };
            let entry = read();
            let entry =
                entry.ok_or_else(|| wrong(place, name, "the profile's metadata with its offsets", value))?;
            profiles.insert(name.clone(), entry);
        }
        Ok(Self { profiles })
    }

    /// The offsets of the members, each layout once with the profiles that have it: thousands of builds share a few
    /// dozen.
    pub fn layouts(&self) -> BTreeMap<&Offsets, Vec<&str>> {
        let mut layouts: BTreeMap<&Offsets, Vec<&str>> = BTreeMap::new();
        for (name, (_, offsets)) in &self.profiles {
            layouts.entry(offsets).or_default().push(name);
        }
        layouts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_layouts_are_one() {
        let text = r#"{"$INDEX": {
            "nt/GUID/A": {"ProfileClass": "Nt", "offsets": {"_EPROCESS.Pcb": 0, "_EPROCESS.ImageFileName": 736}},
            "nt/GUID/B": {"ProfileClass": "Nt", "offsets": {"_EPROCESS.Pcb": 0, "_EPROCESS.ImageFileName": 1448}},
            "nt/GUID/C": {"ProfileClass": "Nt", "offsets": {"_EPROCESS.Pcb": 0, "_EPROCESS.ImageFileName": 736}}}}"#;
        let index = StructIndex::parse(text.as_bytes(), "index").unwrap();
        let profiles: Vec<Vec<&str>> = index.layouts().into_values().collect();
        assert_eq!(profiles, [vec!["nt/GUID/A", "nt/GUID/C"], vec!["nt/GUID/B"]]);
        let error = StructIndex::parse(br#"{"$INDEX": {"a": {"Type": "x"}}}"#, "index").unwrap_err();
        assert!(error.to_string().contains("its offsets"), "{error}");
    }
}
