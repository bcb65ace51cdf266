use std::str::FromStr;

use chrono::NaiveDate;

use crate::pattern::matches;

/// Which of the kernels that an archive lists are wanted. A list that is empty wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Architectures, as the archive names them (`amd64`, `x86_64`).
    pub architectures: Vec<String>,
    /// Patterns of flavours (`cloud-*`, `generic`): what a kernel's package has behind its version.
    pub flavours: Vec<String>,
    /// Patterns of versions (`6.1.*`): the package's version or the kernel's release.
    pub versions: Vec<String>,
    /// The first day on which a package may have been built. Archives of Debian's kind do not say when that was.
    pub since: Option<Day>,
    /// The last day on which a package may have been built.
    pub until: Option<Day>,
}

/// A day of the calendar, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

/// How many seconds a day has.
const SECONDS: i64 = 86_400;

impl Filter {
    /// Whether packages of this architecture are wanted.
    pub(crate) fn takes_architecture(&self, architecture: &str) -> bool {
        self.architectures.is_empty() || self.architectures.iter().any(|known| known == architecture)
    }

    /// Whether a kernel of this release or package version is wanted.
    pub(crate) fn takes_version(&self, release: &str, version: &str) -> bool {
        any(&self.versions, release) || any(&self.versions, version)
    }

    /// Whether a kernel is wanted whose release ends in its flavour, as Debian's do.
    pub(crate) fn takes_release(&self, release: &str) -> bool {
        self.flavours.is_empty()
            || self.flavours.iter().any(|flavour| {
                matches(format!("*-{flavour}").as_bytes(), release.as_bytes()) || flavour == release
            })
    }

    /// Whether a kernel of this flavour is wanted; the empty text is the flavour of a plain kernel, which is also called
    /// `default`.
    pub(crate) fn takes_flavour(&self, flavour: &str) -> bool {
        any(&self.flavours, flavour) || flavour.is_empty() && any(&self.flavours, "default")
    }

    /// Whether a package is wanted that was built at this time, in seconds since 1970; a time that is not known is.
    pub(crate) fn takes_time(&self, built: Option<i64>) -> bool {
        let Some(day) = built.map(|seconds| Day(seconds.div_euclid(SECONDS))) else { return true };
        self.since.is_none_or(|since| day >= since) && self.until.is_none_or(|until| day <= until)
    }
}

fn any(patterns: &[String], text: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern.as_bytes(), text.as_bytes()))
}

impl FromStr for Day {
    type Err = ();

    /// `2026-11-30`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '-').map(|part| {
            let digits = part.bytes().all(|digit| digit.is_ascii_digit());
            part.parse::<i64>().ok().filter(|_| digits).ok_or(())
        });
        let mut part = || parts.next().unwrap_or(Err(()));
        let (year, month, day) = (part()?, part()?, part()?);
        if !(1970..=9999).contains(&year) {
            return Err(());
        }
        let number = |part: i64| u32::try_from(part).map_err(|_| ());
        let year = i32::try_from(year).map_err(|_| ())?;
        let day = NaiveDate::from_ymd_opt(year, number(month)?, number(day)?).ok_or(())?;
        Ok(Self(day.signed_duration_since(NaiveDate::default()).num_days()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (text, expected) in
            [("1970-01-01", 0), ("1970-12-31", 364), ("2000-02-29", 11016), ("2026-11-30", 20787)]
        {
            assert_eq!(text.parse::<Day>().unwrap(), Day(expected), "{text}");
        }
        for text in ["", "2026", "2026-13-01", "2026-02-29", "2026-1-+1", "26-01-01", "2026-04-31"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn both_ends_of_a_time_belong_to_it() {
        let filter = Filter {
            since: "2024-01-01".parse().ok(),
            until: "2024-01-02".parse().ok(),
            ..Filter::default()
        };
        let first = 19_723 * SECONDS;
        for (built, taken) in [
            (Some(first - 1), false),
            (Some(first), true),
            (Some(first + 2 * SECONDS - 1), true),
            (Some(first + 2 * SECONDS), false),
            (None, true),
        ] {
            assert_eq!(filter.takes_time(built), taken, "{built:?}");
        }
    }

    #[test]
    fn a_flavour_is_the_end_of_a_release() {
        let filter = Filter { flavours: vec!["cloud-*".into(), "generic".into()], ..Filter::default() };
        for (release, taken) in
            [("6.1.0-9-cloud-amd64", true), ("5.15.0-91-generic", true), ("6.1.0-9-amd64", false)]
        {
            assert_eq!(filter.takes_release(release), taken, "{release}");
        }
    }
}
