//! Names that differ in their numbers alone, as compilers count them up: `__UNIQUE_ID_ddebug123.4`.

use std::borrow::Cow;

use crate::bytes::{Cursor, Decoded, Malformed, push_signed};

/// Longer runs of digits are not numbers.
const LONGEST: usize = 18;

/// A name with each run of digits in place of which there is a `0`. Names with equal outlines may differ in their numbers
/// alone.
pub(crate) fn outline(name: &str) -> Cow<'_, str> {
    if !name.bytes().any(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(name);
    }
    let mut outline = String::with_capacity(name.len());
    for part in parts(name) {
        outline.push_str(if is_digits(part) { "0" } else { part });
    }
    Cow::Owned(outline)
}

/// Appends the differences of the numbers in `name` to those in `of`, which has the same outline. Returns whether
/// [`renumbered`] gives `name` again; if it does not, nothing is appended.
pub(crate) fn push_differences(of: &str, name: &str, out: &mut Vec<u8>) -> bool {
    let length = out.len();
    for (old, new) in parts(of).zip(parts(name)).filter(|(old, _)| is_digits(old)) {
        match (old == new, number(old), number(new)) {
            (true, ..) => push_signed(out, 0),
            (false, Some(old), Some(new)) => push_signed(out, new - old),
            _ => {
                out.truncate(length);
                return false;
            }
        }
    }
    true
}

/// The name `of` with the differences that `cursor` holds added to its numbers.
pub(crate) fn renumbered(of: &str, cursor: &mut Cursor<'_>) -> Decoded<String> {
    let mut name = String::with_capacity(of.len());
    for part in parts(of) {
        let difference = if is_digits(part) { cursor.signed()? } else { 0 };
        if difference == 0 {
            name.push_str(part);
            continue;
        }
        let new = number(part).and_then(|number| number.checked_add(difference));
        let new = new.filter(|new| (0..LIMIT).contains(new));
        let new = new.ok_or(Malformed("a number in a name is changed to one that it cannot be"))?;
        name.push_str(&new.to_string());
    }
    Ok(name)
}

/// The first number with more than [`LONGEST`] digits.
const LIMIT: i64 = 10_i64.pow(LONGEST as u32);

/// The number that a run of digits is, if it has no leading zeros.
fn number(digits: &str) -> Option<i64> {
    let plain = digits.len() <= LONGEST && (digits == "0" || !digits.starts_with('0'));
    plain.then(|| digits.parse().ok()).flatten()
}

/// The runs of digits in a name, and what is between them.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|one: char| one.is_ascii_digit() != first).unwrap_or(rest.len());
        let (part, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(part)
    })
}

fn is_digits(part: &str) -> bool {
    part.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_are_counted_up_share_an_outline() {
        assert_eq!(outline("__UNIQUE_ID_ddebug123.4"), outline("__UNIQUE_ID_ddebug9.17"));
        assert_ne!(outline("a1b"), outline("a1"));
        assert_eq!(outline("schedule"), "schedule");
        let mut out = Vec::new();
        assert!(push_differences("ddebug123.4", "ddebug126.4", &mut out));
        assert_eq!(renumbered("ddebug123.4", &mut Cursor::new(&out)).unwrap(), "ddebug126.4");
        for (of, name) in [("a007", "a8"), ("a8", "a007"), ("a1", "a1234567890123456789")] {
            let mut out = Vec::new();
            assert!(!push_differences(of, name, &mut out) && out.is_empty(), "{name}");
        }
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for (of, difference) in [("a1", -2), ("a01", 1), ("a999999999999999999", 1), ("a1", i64::MAX)] {
            let mut out = Vec::new();
            push_signed(&mut out, difference);
            assert!(renumbered(of, &mut Cursor::new(&out)).is_err(), "{of} {difference}");
        }
        assert!(renumbered("a1", &mut Cursor::new(&[])).is_err());
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(parts in vec(("[abé]{1,2}", "[0-3]{1,4}", "[0-3]{1,4}"), 0..5)) {
            let of: String = parts.iter().map(|(text, number, _)| format!("{text}{number}")).collect();
            let name: String = parts.iter().map(|(text, _, number)| format!("{text}{number}")).collect();
            prop_assert_eq!(outline(&of), outline(&name));
            let mut out = Vec::new();
            if push_differences(&of, &name, &mut out) {
                let mut cursor = Cursor::new(&out);
                prop_assert_eq!(renumbered(&of, &mut cursor).unwrap(), name);
                prop_assert_eq!(cursor.end(), Ok(()));
            }
        }
    }
}
