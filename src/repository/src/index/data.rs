use std::collections::HashMap;

use serde_json::Value;

use super::specification::from_hexadecimal;
use super::{Likeness, number, sections, wrong};
use crate::Error;

/// The bytes at certain addresses in each profile's kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataIndex {
    profiles: Vec<(String, Vec<Point>)>,
}

/// The bytes at one address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Point {
    /// Relative to the index's base: a symbol, otherwise the image's start.
    pub(super) offset: i64,
    /// Any of these.
    pub(super) data: Vec<Vec<u8>>,
}

/// A byte that fills the space between functions, or is common, is worth this many bits.
const COMMON: u64 = 2;
/// The most that one point is worth: points of one kernel are not independent.
const MOST_BITS: u64 = 64;

impl Point {
    /// From `[offset, [hex, hex...]]`, or the older `[offset, hex]`.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let [offset, data] = value.as_array()?.as_slice() else { return None };
        let bytes = |value: &Value| from_hexadecimal(value.as_str()?).filter(|bytes| !bytes.is_empty());
        let data = match data {
            Value::Array(items) => items.iter().map(bytes).collect::<Option<Vec<_>>>()?,
            one => vec![bytes(one)?],
        };
        if data.is_empty() { None } else { Some(Self { offset: number(offset)?, data }) }
    }

    /// The most bytes that are read.
    pub(super) fn length(&self) -> usize {
        self.data.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The number of bits that chance would have to match.
    fn bits(&self) -> u64 {
        let of = |bytes: &Vec<u8>| -> u64 {
            let bits =
                bytes.iter().map(|byte| if matches!(byte, 0 | 0x90 | 0xcc | 0xff) { COMMON } else { 8 });
            bits.sum()
        };
        let least = self.data.iter().map(of).min().unwrap_or(0);
        // Every doubling of the alternatives removes one bit.
        let choice = u64::from(self.data.len().max(1).ilog2());
        least.saturating_sub(choice).clamp(1, MOST_BITS)
    }
}

impl DataIndex {
    /// Reads an index in the current or the older form, compressed or not; `place` is its name in errors.
    ///
    /// # Errors
    /// [`Error::Profile`] and [`Error::Storage`] if it is not an index.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, Error> {
        let (entries, _) = sections(bytes, place)?;
        let mut profiles = Vec::with_capacity(entries.len());
        for (name, value) in &entries {
            let points = value.as_array().and_then(|points| points.iter().map(Point::from_json).collect());
            let points: Vec<Point> =
                points.ok_or_else(|| wrong(place, name, "a list of [offset, [bytes...]]", value))?;
            profiles.push((name.clone(), points));
        }
        Ok(Self { profiles })
    }

    /// The number of profiles in it.
    pub fn len(&self) -> usize {
        self.profiles.len()
    }

    /// Whether it has no profiles.
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }

    /// Compares each profile with the bytes that `read` returns: a number of bytes at an offset from the base, or
    /// `None` if they are not available. Every place is read once.
    pub fn rank(&self, read: &mut dyn FnMut(i64, usize) -> Option<Vec<u8>>) -> Vec<Likeness> {
        let mut known: HashMap<(i64, usize), Option<Vec<u8>>> = HashMap::new();
        let profiles = self.profiles.iter().map(|(name, points)| {
            let mut likeness = Likeness::new(name);
            for point in points {
                let place = (point.offset, point.length());
                let found = known.entry(place).or_insert_with(|| read(place.0, place.1));
                if let Some(found) = found {
                    likeness.see(point.data.iter().any(|data| found.starts_with(data)), point.bits());
                }
            }
            likeness
        });
        profiles.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{"$METADATA": {"Type": "Profile", "ProfileClass": "Index", "MaxOffset": 9}, "$INDEX": {
        "nt/GUID/A": [[4, "41424344"], [-1, ["90", "cc"]]],
        "nt/GUID/B": [[4, ["41424344"]], [7, ["cc"]], [100, ["00112233"]]]}}"#;

    #[test]
    fn both_forms_are_read_and_points_weighed() {
        let index = DataIndex::parse(OLD.as_bytes(), "index").unwrap();
        let mut asked = Vec::new();
        let said = index.rank(&mut |offset, length| {
            asked.push((offset, length));
            match offset {
                4 => Some(b"ABCD".to_vec()),
                -1 => Some(vec![0xc3]),
                7 => Some(vec![0xcc]),
                _ => None,
            }
        });
        let said = Likeness::together(said);
        // Four letters are worth more than a filling byte that differs.
        assert_eq!(
            said.iter()
                .map(|one| (one.profile.as_str(), one.agreed, one.seen, one.bits, one.of))
                .collect::<Vec<_>>(),
            [("nt/GUID/B", 2, 2, 34, 34), ("nt/GUID/A", 1, 2, 32, 33)]
        );
        assert_eq!(asked, [(4, 4), (-1, 1), (7, 1), (100, 4)]);
    }

    #[test]
    fn damaged_indexes_are_reported() {
        for (text, message) in [
            ("[]", "index: not an index: expected a JSON object with the key $INDEX, found another value"),
            (
                r#"{"$INVENTORY": {}}"#,
                "index: not an index: expected a JSON object with the key $INDEX, found none",
            ),
            (
                r#"{"$INDEX": {"a": [[1, "4"]]}}"#,
                "index: $INDEX, a: expected a list of [offset, [bytes...]], found [[1,\"4\"]]",
            ),
            (
                r#"{"$INDEX": {"a": {"b": 1}}}"#,
                "index: $INDEX, a: expected a list of [offset, [bytes...]], found {\"b\":1}",
            ),
        ] {
            assert_eq!(DataIndex::parse(text.as_bytes(), "index").unwrap_err().to_string(), message);
        }
        assert!(DataIndex::parse(br#"{"$METADATA": {}}"#, "index").unwrap().is_empty());
    }
}
