use std::collections::HashSet;
use std::ops::Range;

use memchr::memmem;
use profile::GuidAge;

/// A CodeView record of the kind "RSDS". It names the PDB of the image that contains it.
///
/// Layout: the four letters, the GUID (16 bytes), the age (u32), the path of the PDB, a zero byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rsds {
    /// The GUID and the age.
    pub guid_age: GuidAge,
    /// The path of the PDB as the linker wrote it, often the file name alone.
    pub path: String,
}

/// A record and the place where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Where the record begins, in bytes from the start of what was searched.
    pub offset: u64,
    /// The record.
    pub rsds: Rsds,
}

impl Rsds {
    /// The first bytes of every record.
    pub const MAGIC: &'static [u8; 4] = b"RSDS";
    /// The longest path that is accepted, in bytes.
    pub const LONGEST_PATH: usize = 1024;

    /// The most bytes a record takes, the zero byte included.
    pub const LONGEST: usize = Self::PATH + Self::LONGEST_PATH + 1;

    const PATH: usize = 24;

    /// Reads the record at the start of `bytes`. Returns `None` if the letters are missing, or if the path does not
    /// end within [`Rsds::LONGEST_PATH`] bytes, is empty, or holds control characters.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(Self::MAGIC)?;
        let (guid, rest) = rest.split_first_chunk::<16>()?;
        let (age, rest) = rest.split_first_chunk::<4>()?;
        let rest = rest.get(..=Self::LONGEST_PATH).unwrap_or(rest);
        let path = rest.get(..memchr::memchr(0, rest)?)?;
        if path.is_empty() || path.iter().any(u8::is_ascii_control) {
            return None;
        }
        let guid_age = GuidAge::from_raw(*guid, u32::from_le_bytes(*age));
        Some(Self { guid_age, path: String::from_utf8_lossy(path).into_owned() })
    }

    /// The last component of the path, whichever slash it is written with.
    pub fn file_name(&self) -> &str {
        self.path.rsplit(['/', '\\']).next().unwrap_or(&self.path)
    }

    /// Finds the records in `bytes` whose path ends in `.pdb` (in any case), in the order of their offsets. Each GUID
    /// and age is reported once, at its first place. The search uses `threads` threads.
    pub fn scan(bytes: &[u8], threads: usize) -> Vec<Sighting> {
        let share = bytes.len().div_ceil(threads.max(1)).max(1 << 20);
        let shares = (0..bytes.len()).step_by(share).map(|start| start..(start + share).min(bytes.len()));
        let mut found: Vec<Sighting> = std::thread::scope(|scope| {
            let workers: Vec<_> =
                shares.map(|range| scope.spawn(|| Self::scan_range(bytes, range))).collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
        });
        Self::keep_first(&mut found);
        found
    }

    /// Keeps the first record of each GUID and age.
    pub fn keep_first(found: &mut Vec<Sighting>) {
        let mut seen = HashSet::new();
        found.retain(|sighting| seen.insert(sighting.rsds.guid_age));
    }

    /// The records in `bytes` whose path ends in `.pdb` (in any case), and where each begins.
    pub fn find(bytes: &[u8]) -> impl Iterator<Item = (usize, Self)> {
        memmem::find_iter(bytes, Self::MAGIC).filter_map(|at| {
            let rsds = Self::parse(bytes.get(at..)?)?;
            let path = rsds.path.as_bytes();
            let ending = path.get(path.len().checked_sub(4)?..)?;
            ending.eq_ignore_ascii_case(b".pdb").then_some((at, rsds))
        })
    }

    /// The records that begin in `range`; they may extend beyond it.
    fn scan_range(bytes: &[u8], range: Range<usize>) -> Vec<Sighting> {
        let end = (range.end + Self::LONGEST).min(bytes.len());
        let Some(searched) = bytes.get(range.start..end) else { return Vec::new() };
        let mut seen = HashSet::new();
        Self::find(searched)
            .take_while(|(at, _)| *at < range.len())
            .filter(|(_, rsds)| seen.insert(rsds.guid_age))
            .map(|(at, rsds)| Sighting { offset: (range.start + at) as u64, rsds })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(first: u8, age: u32, path: &str) -> Vec<u8> {
        let mut bytes = Rsds::MAGIC.to_vec();
        bytes.extend([first; 16]);
        bytes.extend(age.to_le_bytes());
        bytes.extend(path.as_bytes());
        bytes.push(0);
        bytes
    }

    #[test]
    fn reads_a_record() {
        let rsds = Rsds::parse(&record(0xab, 0x1f, r"d:\x\ntkrnlmp.pdb")).unwrap();
        assert_eq!(rsds.guid_age.to_string(), "ABABABABABABABABABABABABABABABAB1F");
        assert_eq!(rsds.file_name(), "ntkrnlmp.pdb");
    }

    #[test]
    fn refuses_bytes_that_only_resemble_a_record() {
        let whole = record(1, 1, "k.pdb");
        for length in 0..whole.len() {
            assert_eq!(Rsds::parse(&whole[..length]), None, "cut to {length}");
        }
        assert_eq!(Rsds::parse(&record(1, 1, "")), None);
        assert_eq!(Rsds::parse(&record(1, 1, "k\u{1}.pdb")), None);
        assert_eq!(Rsds::parse(&record(1, 1, &"x".repeat(Rsds::LONGEST_PATH + 1))), None);
        assert!(Rsds::parse(&record(1, 1, &"x".repeat(Rsds::LONGEST_PATH))).is_some());
    }

    #[test]
    fn scans_across_the_borders_of_shares() {
        let mut bytes = vec![0; 3 << 20];
        let mut place = |at: usize, record: &[u8]| bytes[at..at + record.len()].copy_from_slice(record);
        place(5, &record(1, 1, "A.PDB"));
        place((1 << 20) - 3, &record(2, 1, "b.pdb"));
        place(2 << 20, &record(3, 1, "c.pdb"));
        place((2 << 20) + 100, &record(1, 1, "again.pdb"));
        place((2 << 20) + 200, &record(4, 1, "d.dll"));
        place((3 << 20) - 30, &record(5, 1, "e.pdb"));
        let one = Rsds::scan(&bytes, 1);
        let many = Rsds::scan(&bytes, 3);
        assert_eq!(one, many);
        let found: Vec<_> = many.iter().map(|s| (s.offset, s.rsds.path.as_str())).collect();
        assert_eq!(
            found,
            [(5, "A.PDB"), ((1 << 20) - 3, "b.pdb"), (2 << 20, "c.pdb"), ((3 << 20) - 30, "e.pdb")]
        );
    }

    #[test]
    fn an_empty_file_holds_nothing() {
        assert_eq!(Rsds::scan(&[], 2), []);
    }
}
