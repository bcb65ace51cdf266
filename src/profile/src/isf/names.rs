use crate::{Name, Profile};

/// The source's name for the definition with this key; `None` if the key was made from a number of the producer's:
/// `unnamed_` and sixteen digits (dwarf2json), `__unnamed_` or `__anonymous_` and a type index (Volatility's
/// `pdbconv`).
pub(super) fn own_name(profile: &Profile, key: Name) -> Option<Name> {
    let text = profile.names.get(key);
    let number = |prefix: &str, lengths: std::ops::RangeInclusive<usize>| {
        let digits = text.strip_prefix(prefix).unwrap_or_default();
        lengths.contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    let made = number("unnamed_", 16..=16) || number("__unnamed_", 1..=7) || number("__anonymous_", 1..=7);
    (!made).then_some(key)
}
