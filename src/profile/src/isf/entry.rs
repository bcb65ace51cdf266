//! Objects of a table, read key by key. A missing, repeated or wrongly typed key affects only its own value.

use std::borrow::Cow;

use crate::json::walk;

/// The texts of the values that the object `text` has under `keys`, in the order of `keys`; `None` for a key that is
/// absent or `null`, and for every other key of the object. If a key appears twice, the last one counts. Returns
/// `None` if `text` is not an object.
pub(super) fn fields<'de, const N: usize>(text: &'de str, keys: [&str; N]) -> Option<[Option<&'de str>; N]> {
    if !text.starts_with('{') {
        return None;
    }
    let mut found = [None; N];
    walk::entries(text, |key, value| {
        let place = keys.iter().position(|known| *known == key);
        if let Some(slot) = place.and_then(|place| found.get_mut(place)) {
            *slot = Some(value).filter(|value| *value != "null");
        }
    })
    .ok()?;
    Some(found)
}

/// The string value of `text`; `None` for any other value.
pub(super) fn string<'de>(text: Option<&'de str>) -> Option<Cow<'de, str>> {
    walk::string(text?).map(|(string, _)| string)
}

/// The integer value of `text`; `None` for negative numbers and any other value.
pub(super) fn unsigned(text: Option<&str>) -> Option<u64> {
    u64::try_from(walk::integer(text?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_key() {
        let of = |text| fields(text, ["a", "b"]);
        assert_eq!(of(r#"{"a": 1, "c": {"a": 2}, "b": "x"}"#), Some([Some("1"), Some("\"x\"")]));
        assert_eq!(of(r#"{"a": 1, "a": [2], "b": null}"#), Some([Some("[2]"), None]));
        for damaged in ["null", "5", "[]", "\"a\"", "{", r#"{"a" 1}"#] {
            assert_eq!(of(damaged), None, "{damaged}");
        }
        assert_eq!((unsigned(Some("7")), unsigned(Some("-7")), unsigned(Some("7.5"))), (Some(7), None, None));
        assert_eq!(
            (string(Some("\"n\"")).as_deref(), string(Some("7")), string(None)),
            (Some("n"), None, None)
        );
    }
}
