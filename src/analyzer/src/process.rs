//! The entries of listings: processes and modules, in the same form for every system.

use chrono::DateTime;
use profile::GuidAge;

use crate::Error;

/// A list, and how it ended; of a broken list, the readable part.
#[derive(Debug)]
pub struct Listing<T> {
    /// The entries, in the kernel's order.
    pub rows: Vec<T>,
    /// Whether the list returned to its head; otherwise the problem.
    pub end: Result<(), Error>,
}

/// A process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// The virtual address of its struct.
    pub address: u64,
    /// Its name in the kernel (cut to 15 or 16 bytes).
    pub name: String,
    /// Its number.
    pub pid: u64,
    /// Its parent's number.
    pub parent: Option<u64>,
    /// How many threads it has.
    pub threads: Option<u64>,
    /// How many handles it has open (Windows).
    pub handles: Option<u64>,
    /// Its user (Linux, macOS).
    pub user: Option<u32>,
    /// Its group (Linux, macOS).
    pub group: Option<u32>,
    /// Its state, in one word.
    pub state: Option<&'static str>,
    /// The physical address of its page tables; `None` for kernel threads.
    pub dtb: Option<u64>,
    /// Its start time, in nanoseconds after the start of the system.
    pub after_boot: Option<u64>,
    /// Its start time.
    pub started: Option<Time>,
    /// Its end time, if it has ended.
    pub ended: Option<Time>,
}

/// A module of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// The virtual address of its struct.
    pub address: u64,
    /// Its name.
    pub name: String,
    /// Its address.
    pub base: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its state, in one word (Linux).
    pub state: Option<&'static str>,
    /// Its use count (Linux).
    pub uses: Option<u64>,
    /// The file it was loaded from (Windows).
    pub path: Option<String>,
    /// Its PDB, if its headers are in memory (Windows).
    pub pdb: Option<(GuidAge, String)>,
}

/// A time, in nanoseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i128);

impl Time {
    /// From Windows' count of 100 ns since 1601; `None` for zero, which means no time.
    pub fn from_windows(ticks: u64) -> Option<Self> {
        // 369 years, 89 of them leap years.
        const SECONDS_TO_1970: i128 = 11_644_473_600;
        (ticks != 0).then(|| Self(i128::from(ticks) * 100 - SECONDS_TO_1970 * 1_000_000_000))
    }
}

impl std::fmt::Display for Time {
    /// `2026-11-21 19:26:57` UTC.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0.div_euclid(1_000_000_000);
        match i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)) {
            Some(time) => write!(f, "{}", time.naive_utc()),
            // Beyond the calendar, as a damaged record may have it.
            None => write!(f, "{seconds} s after 1970"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_795_289_223, "2026-11-21 19:27:03"),
            (-1, "1969-12-31 23:59:59"),
        ] {
            assert_eq!(Time(seconds * 1_000_000_000).to_string(), text);
        }
        assert_eq!(Time::from_windows(0), None);
        assert_eq!(Time::from_windows(116_444_736_000_000_000), Some(Time(0)));
    }
}
