use std::collections::HashMap;

use serde_json::Value;

use super::{EXPORTS, Likeness, number, sections, wrong};
use crate::Error;

/// The RVAs of exported symbols in each profile's kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportIndex {
    names: Vec<String>,
    profiles: Vec<(String, Vec<Option<u64>>)>,
}

impl ExportIndex {
    /// Reads an index, compressed or not; `place` is its name in errors.
    ///
    /// # Errors
    /// [`Error::Profile`] and [`Error::Storage`] if it is not an index.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, Error> {
        let (entries, around) = sections(bytes, place)?;
        let names = around.get(EXPORTS).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let names: Vec<String> =
            names.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect();
        let mut profiles = Vec::with_capacity(entries.len());
        for (name, value) in &entries {
            let row = value.as_array().filter(|row| row.len() == names.len());
            let row = row.ok_or_else(|| {
                wrong(place, name, &format!("a list of as many addresses as {EXPORTS} has names"), value)
            })?;
            profiles
                .push((name.clone(), row.iter().map(|value| number(value).map(|at| at as u64)).collect()));
        }
        Ok(Self { names, profiles })
    }

    /// Compares each profile with a kernel that exports these symbols, given by name and RVA.
    pub fn rank<'e>(&self, exports: impl Iterator<Item = (&'e str, u64)>) -> Vec<Likeness> {
        let found: HashMap<&str, u64> = exports.collect();
        let found: Vec<Option<u64>> =
            self.names.iter().map(|name| found.get(name.as_str()).copied()).collect();
        let profiles = self.profiles.iter().map(|(name, row)| {
            let both =
                row.iter().zip(&found).filter_map(|(expected, found)| Some(*expected.as_ref()? == (*found)?));
            Likeness::of_exports(name, both)
        });
        profiles.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_common_symbols_are_compared() {
        let text = r#"{"$EXPORTS": ["A", "B", "C"], "$INDEX": {"x": [16, 32, null], "y": [16, 48, 64]}}"#;
        let index = ExportIndex::parse(text.as_bytes(), "index").unwrap();
        let said = index.rank([("A", 16), ("B", 32), ("Z", 1)].into_iter());
        let said: Vec<_> = said.iter().map(|one| (one.profile.as_str(), one.agreed, one.seen)).collect();
        assert_eq!(said, [("x", 2, 2), ("y", 1, 2)]);
        let text = r#"{"$EXPORTS": ["A"], "$INDEX": {"x": [16, 32]}}"#;
        let error = ExportIndex::parse(text.as_bytes(), "index").unwrap_err().to_string();
        assert!(error.contains("as many addresses"), "{error}");
    }
}
