//! The order of builds: by system, architecture and file, then by flavour, then by version.

use std::cmp::Ordering;

use crate::Build;

/// Compares two builds. Builds of one series follow each other, sorted by version.
pub(crate) fn compare(a: &Build, b: &Build) -> Ordering {
    let (of_a, of_b) = (series(a), series(b));
    of_a.cmp(&of_b)
        .then_with(|| natural(&a.version, &b.version))
        .then_with(|| a.timestamp.cmp(&b.timestamp))
        .then_with(|| natural(&a.name, &b.name))
        .then_with(|| a.name.cmp(&b.name))
}

/// The key of a build's series: system, architecture, file and flavour. Builds of a series are stored as differences
/// from each other.
pub(crate) fn series(build: &Build) -> (&str, &str, &str, String) {
    (&build.class, &build.arch, build.file.as_deref().unwrap_or_default(), flavour(&build.version))
}

/// The flavour in a Linux release: the parts after the version that begin with a letter (`cloud-amd64` in
/// `6.1.0-56-cloud-amd64`).
fn flavour(version: &str) -> String {
    let parts = version.split('-').skip(1);
    let parts = parts
        .filter(|part| part.starts_with(|first: char| first.is_ascii_alphabetic()) && !is_candidate(part));
    parts.collect::<Vec<_>>().join("-")
}

/// Whether a part marks a release candidate (`rc3`). It belongs to the version, not to the flavour.
fn is_candidate(part: &str) -> bool {
    part.strip_prefix("rc").is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()))
}

/// Compares texts, with each run of digits as one number, so that `6.9` comes before `6.12`.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (a.split_first(), b.split_first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some((x, _)), Some((y, _))) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (digits_a, rest_a) = digits(a);
                let (digits_b, rest_b) = digits(b);
                let order = digits_a.len().cmp(&digits_b.len()).then_with(|| digits_a.cmp(digits_b));
                if order.is_ne() {
                    return order;
                }
                (a, b) = (rest_a, rest_b);
            }
            (Some((x, rest_a)), Some((y, rest_b))) => {
                if x != y {
                    return x.cmp(y);
                }
                (a, b) = (rest_a, rest_b);
            }
        }
    }
}

/// Splits `text` after the digits that it begins with. Leading zeros are dropped.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    (digits.get(zeros..).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_numbers() {
        let sorted = ["5.10.0-43", "6.1.0-9", "6.1.0-56", "6.9.0", "6.12.0", "10.0.19041.1"];
        assert!(sorted.windows(2).all(|pair| natural(pair[0], pair[1]).is_lt()), "{sorted:?}");
        assert_eq!(natural("6.01", "6.1"), Ordering::Equal);
    }

    #[test]
    fn a_flavour_is_what_a_release_says_in_letters() {
        assert_eq!(flavour("6.1.0-56-cloud-amd64"), "cloud-amd64");
        assert_eq!(flavour("6.12.95+deb12-cloud-amd64"), "cloud-amd64");
        assert_eq!(flavour("5.15.0-91-generic"), "generic");
        assert_eq!(flavour("6.6.8-200.fc39.x86_64"), "");
        assert_eq!(flavour("7.4-rc3-amd64"), "amd64");
    }
}
