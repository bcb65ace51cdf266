use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use memchr::memmem;
use profile::GuidAge;

use crate::rsds::Rsds;

/// A CodeView record of any kind that a linker writes into an executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeView {
    /// It names a PDB, with GUID and age.
    Pdb(Rsds),
    /// An `RSDS` record with an empty path. MinGW, GCC and lld write the build-id of an executable so.
    Unnamed(GuidAge),
    /// It names an older PDB, with signature and age.
    Nb10(Nb10),
}

/// A CodeView record of the kind "NB10", which names PDBs up to Visual C++ 6.
///
/// Layout: the four letters, an offset that is zero (u32), the signature (u32), the age (u32), the path of the PDB, a zero
/// byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nb10 {
    /// When the PDB was made, in seconds since 1970.
    pub signature: u32,
    /// How often the PDB was written.
    pub age: u32,
    /// The path of the PDB as the linker wrote it.
    pub path: String,
}

/// A record and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Where the record begins, in bytes from the start of what was searched.
    pub offset: u64,
    /// The record.
    pub record: CodeView,
}

/// Records without a name that lie anywhere have to look like what linkers write: they have an age of 1, and a GUID made
/// of a hash or at random, which has many different bytes.
const UNNAMED_AGE: u32 = 1;
/// Where an executable says that there is a record, its age is believed up to this: it counts how often a file was linked.
const HIGHEST_AGE: u32 = 0xffff;
const DIFFERENT_BYTES: usize = 8;

impl CodeView {
    /// The most bytes a record takes, the zero byte included.
    pub const LONGEST: usize = Rsds::LONGEST;

    /// Reads the record that `bytes` begins with. Returns `None` if there is none, or if its path does not end within
    /// [`Rsds::LONGEST_PATH`] bytes or holds control characters.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if let Some(rest) = bytes.strip_prefix(Rsds::MAGIC) {
            return Rsds::parse(bytes).map(Self::Pdb).or_else(|| unnamed(rest).map(Self::Unnamed));
        }
        Nb10::parse(bytes).map(Self::Nb10)
    }

    /// The key by which a symbol store knows the PDB: GUID and age, or signature and age.
    pub fn key(&self) -> String {
        match self {
            Self::Pdb(rsds) => rsds.guid_age.to_string(),
            Self::Unnamed(guid_age) => guid_age.to_string(),
            Self::Nb10(nb10) => nb10.to_string(),
        }
    }

    /// The path of the PDB as the linker wrote it; empty if the record names none.
    pub fn path(&self) -> &str {
        match self {
            Self::Pdb(rsds) => &rsds.path,
            Self::Unnamed(_) => "",
            Self::Nb10(nb10) => &nb10.path,
        }
    }

    /// The last component of the path, whichever slash it is written with.
    pub fn file_name(&self) -> &str {
        self.path().rsplit(['/', '\\']).next().unwrap_or_default()
    }

    /// Finds the records in `bytes` that are believed wherever they lie, each key once, where it is met first, in the order
    /// of their offsets. `threads` share the work.
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

    /// Keeps the first record of each key.
    pub fn keep_first(found: &mut Vec<Sighting>) {
        let mut seen = HashSet::new();
        found.retain(|sighting| seen.insert(sighting.record.key()));
    }

    /// The records in `bytes` that are believed wherever they lie, and where each begins: those whose path ends in `.pdb`
    /// (in any case), and those without a name that look like what a linker writes.
    pub fn find(bytes: &[u8]) -> impl Iterator<Item = (usize, Self)> {
        let mut starts: Vec<usize> =
            memmem::find_iter(bytes, Rsds::MAGIC).chain(memmem::find_iter(bytes, Nb10::MAGIC)).collect();
        starts.sort_unstable();
        starts.into_iter().filter_map(|at| {
            let record = Self::parse(bytes.get(at..)?)?;
            record.is_believed().then_some((at, record))
        })
    }

    /// Whether it is a record wherever it lies: four letters and some bytes can be anything else, too.
    fn is_believed(&self) -> bool {
        let Self::Unnamed(guid_age) = self else {
            let path = self.path().as_bytes();
            let ending = path.len().checked_sub(4).and_then(|at| path.get(at..));
            return ending.is_some_and(|ending| ending.eq_ignore_ascii_case(b".pdb"));
        };
        let different: HashSet<u8> = guid_age.guid().iter().copied().collect();
        guid_age.age() == UNNAMED_AGE && different.len() >= DIFFERENT_BYTES
    }

    /// The records that begin in `range`; they may reach beyond it.
    fn scan_range(bytes: &[u8], range: Range<usize>) -> Vec<Sighting> {
        let end = (range.end + Self::LONGEST).min(bytes.len());
        let Some(searched) = bytes.get(range.start..end) else { return Vec::new() };
        let mut seen = HashSet::new();
        Self::find(searched)
            .take_while(|(at, _)| *at < range.len())
            .filter(|(_, record)| seen.insert(record.key()))
            .map(|(at, record)| Sighting { offset: (range.start + at) as u64, record })
            .collect()
    }
}

/// GUID and age of a record whose path is empty; `rest` is what follows the four letters.
fn unnamed(rest: &[u8]) -> Option<GuidAge> {
    let (guid, rest) = rest.split_first_chunk::<16>()?;
    let (age, rest) = rest.split_first_chunk::<4>()?;
    let age = u32::from_le_bytes(*age);
    (rest.first() == Some(&0) && (1..=HIGHEST_AGE).contains(&age)).then(|| GuidAge::from_raw(*guid, age))
}

impl Nb10 {
    /// What every record begins with.
    pub const MAGIC: &'static [u8; 4] = b"NB10";

    /// Reads the record that `bytes` begins with. Returns `None` if the letters or the zero offset are missing, or if the
    /// path does not end within [`Rsds::LONGEST_PATH`] bytes, is empty, or holds control characters.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(Self::MAGIC)?.strip_prefix(&[0; 4])?;
        let (signature, rest) = rest.split_first_chunk::<4>()?;
        let (age, rest) = rest.split_first_chunk::<4>()?;
        let path = crate::rsds::path(rest)?;
        Some(Self { signature: u32::from_le_bytes(*signature), age: u32::from_le_bytes(*age), path })
    }
}

impl fmt::Display for Nb10 {
    /// The signature as eight hexadecimal digits and the age behind it, as symbol stores name the folder of such a PDB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}{:X}", self.signature, self.age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rsds(guid: [u8; 16], age: u32, path: &str) -> Vec<u8> {
        [&Rsds::MAGIC[..], &guid, &age.to_le_bytes(), path.as_bytes(), &[0]].concat()
    }

    fn nb10(offset: u32, path: &str) -> Vec<u8> {
        let numbers = [offset, 0x3b7d_8410, 0x1f].map(u32::to_le_bytes).concat();
        [&Nb10::MAGIC[..], &numbers, path.as_bytes(), &[0]].concat()
    }

    /// As `lld-link` writes it for MinGW.
    const HASH: [u8; 16] = *b"\x26\xfd\x19\x85\x3a\xcb\xb8\xe9LLD PDB.";

    #[test]
    fn every_kind_of_record_is_read_with_its_key() {
        let keys = [rsds([0xab; 16], 2, "k.pdb"), rsds(HASH, 1, ""), nb10(0, r"d:\nt\obj\i386\hal.pdb")]
            .map(|bytes| CodeView::parse(&bytes).map(|record| (record.key(), record.file_name().to_owned())));
        let expected = [
            ("ABABABABABABABABABABABABABABABAB2", "k.pdb"),
            ("8519FD26CB3AE9B84C4C44205044422E1", ""),
            ("3B7D84101F", "hal.pdb"),
        ];
        assert_eq!(keys, expected.map(|(key, name)| Some((key.to_owned(), name.to_owned()))));
    }

    #[test]
    fn a_truncated_record_is_refused() {
        for whole in [rsds([1; 16], 1, "k.pdb"), rsds(HASH, 1, ""), nb10(0, "k.pdb")] {
            for length in 0..whole.len() {
                assert_eq!(CodeView::parse(&whole[..length]), None, "cut to {length}");
            }
        }
        assert_eq!(CodeView::parse(&nb10(1, "k.pdb")), None);
        assert_eq!(CodeView::parse(&nb10(0, "k\u{1}.pdb")), None);
    }

    #[test]
    fn what_only_looks_like_a_record_is_not_found() {
        let zeros = rsds([0; 16], 1, "");
        let few = rsds(*b"\x01\x02\x03\x04\x05\x06\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07", 1, "");
        let age = rsds(HASH, 0x1234_5678, "");
        let library = nb10(0, "k.dll");
        for bytes in [zeros, few, age, library] {
            assert_eq!(CodeView::scan(&bytes, 1), []);
        }
        assert_eq!(CodeView::scan(&[], 2), []);
    }

    #[test]
    fn scans_across_the_borders_of_shares() {
        let mut bytes = vec![0; 3 << 20];
        let mut place = |at: usize, record: &[u8]| bytes[at..at + record.len()].copy_from_slice(record);
        place(5, &rsds([1; 16], 1, "A.PDB"));
        place(200, &nb10(0, "old.pdb"));
        place((1 << 20) - 3, &rsds([2; 16], 1, "b.pdb"));
        place(2 << 20, &rsds([3; 16], 1, "c.pdb"));
        place((2 << 20) + 100, &rsds([1; 16], 1, "again.pdb"));
        place((2 << 20) + 200, &rsds([4; 16], 1, "d.dll"));
        place((2 << 20) + 300, &rsds(HASH, 1, ""));
        place((3 << 20) - 30, &rsds([5; 16], 1, "e.pdb"));
        let one = CodeView::scan(&bytes, 1);
        assert_eq!(one, CodeView::scan(&bytes, 3));
        let found: Vec<_> = one.iter().map(|s| (s.offset, s.record.path())).collect();
        let at = 1_u64 << 20;
        let expected = [
            (5, "A.PDB"),
            (200, "old.pdb"),
            (at - 3, "b.pdb"),
            (2 * at, "c.pdb"),
            (2 * at + 300, ""),
            (3 * at - 30, "e.pdb"),
        ];
        assert_eq!(found, expected);
    }
}
