use std::time::{Duration, SystemTime};

use crate::{Key, Stat};

/// The objects in a repository, in the order of their keys: some 70 bytes for each.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// The keys, one after the other.
    keys: String,
    rows: Vec<Row>,
}

/// One object.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where its key is among all keys, and in the lowest bits its length.
    key: u64,
    size: u64,
    /// Nanoseconds since 1970; [`UNKNOWN`] if the place does not record it.
    modified: i64,
}

/// How many bits the length of a key takes, which has at most 1,024 bytes.
const LENGTH_BITS: u32 = 11;
/// Stands for a time that is not known.
const UNKNOWN: i64 = i64::MIN;

/// What a listing says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// When it was written, if the place records it. Times before 1677 and after 2262 count as those.
    pub(crate) modified: Option<SystemTime>,
}

impl Objects {
    /// The number of objects.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The keys, in their order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| self.key(row))
    }

    /// The key of the object at this position.
    pub(crate) fn key_at(&self, position: usize) -> Option<&str> {
        self.rows.get(position).map(|row| self.key(row))
    }

    /// What is known of the object at this position.
    pub(crate) fn seen_at(&self, position: usize) -> Option<Seen> {
        self.rows.get(position).map(Row::seen)
    }

    /// The keys that begin with `prefix`.
    pub(crate) fn keys_below(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let first = self.rows.partition_point(|row| self.key(row) < prefix);
        let rows = self.rows.get(first..).unwrap_or_default().iter();
        rows.map(|row| self.key(row)).take_while(move |key| key.starts_with(prefix))
    }

    /// The objects, in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Seen)> {
        self.rows.iter().map(|row| (self.key(row), row.seen()))
    }

    /// The position of an object, from 0; as an error, the position at which it would be inserted.
    pub(crate) fn find(&self, key: &str) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| self.key(row).cmp(key))
    }

    /// What is known of an object.
    pub(crate) fn get(&self, key: &Key) -> Option<Seen> {
        let at = self.find(key.as_str()).ok()?;
        self.rows.get(at).map(Row::seen)
    }

    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.find(key.as_str()).is_ok()
    }

    /// Adds an object or replaces what is known of it. Returns its position, and whether it is new.
    pub(crate) fn insert(&mut self, key: &Key, stat: &Stat) -> (usize, bool) {
        match self.find(key.as_str()) {
            Ok(at) => {
                if let Some(row) = self.rows.get_mut(at) {
                    *row = Row::new(row.key, stat);
                }
                (at, false)
            }
            Err(at) => {
                // Few objects are inserted, so there is no room for more of them.
                self.keys.reserve_exact(key.as_str().len());
                self.rows.reserve_exact(1);
                let row = self.add(key, stat);
                self.rows.insert(at, row);
                (at, true)
            }
        }
    }

    /// No objects yet, with room for many. Room that is not used takes no memory, and a buffer that grows leaves holes behind.
    pub(crate) fn with_room() -> Self {
        const COUNT: usize = 1 << 16;
        Self { keys: String::with_capacity(COUNT * 64), rows: Vec::with_capacity(COUNT) }
    }

    /// Adds an object. It is found after [`Objects::finish`].
    pub(crate) fn push(&mut self, key: &Key, stat: &Stat) {
        let row = self.add(key, stat);
        self.rows.push(row);
    }

    /// Puts the objects into the order of their keys.
    pub(crate) fn finish(&mut self) {
        let Self { keys, rows } = self;
        rows.sort_unstable_by(|left, right| key_of(keys, left).cmp(key_of(keys, right)));
        rows.shrink_to_fit();
        keys.shrink_to_fit();
    }

    fn add(&mut self, key: &Key, stat: &Stat) -> Row {
        let (start, length) = (self.keys.len() as u64, key.as_str().len() as u64);
        self.keys.push_str(key.as_str());
        Row::new(start << LENGTH_BITS | length, stat)
    }

    fn key(&self, row: &Row) -> &str {
        key_of(&self.keys, row)
    }
}

fn key_of<'a>(keys: &'a str, row: &Row) -> &'a str {
    let (start, length) = (row.key >> LENGTH_BITS, row.key & ((1 << LENGTH_BITS) - 1));
    keys.get(start as usize..(start + length) as usize).unwrap_or_default()
}

impl Row {
    fn new(key: u64, stat: &Stat) -> Self {
        Self { key, size: stat.size, modified: stat.modified.map_or(UNKNOWN, nanoseconds) }
    }

    fn seen(&self) -> Seen {
        let distance = Duration::from_nanos(self.modified.unsigned_abs());
        let modified = if self.modified < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        };
        Seen { size: self.size, modified: modified.filter(|_| self.modified != UNKNOWN) }
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    let within = |distance: Duration| i64::try_from(distance.as_nanos()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => within(after),
        Err(before) => -within(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    fn stat(size: u64) -> Stat {
        Stat { size, modified: None, version: Version(String::new()) }
    }

    #[test]
    fn objects_are_found_by_key_and_kept_in_order() {
        let key = |text: &str| text.parse::<Key>().unwrap();
        let mut objects = Objects::default();
        ["b/2", "a", "b/1"].iter().zip(1..).for_each(|(text, size)| objects.push(&key(text), &stat(size)));
        objects.finish();
        assert_eq!(objects.keys().collect::<Vec<_>>(), ["a", "b/1", "b/2"]);
        assert_eq!(objects.insert(&key("b/10"), &stat(7)), (2, true));
        assert_eq!(objects.insert(&key("a"), &stat(9)), (0, false));
        assert_eq!(objects.keys_below("b/1").collect::<Vec<_>>(), ["b/1", "b/10"]);
        assert_eq!(objects.get(&key("a")).unwrap().size, 9);
        assert_eq!(objects.get(&key("b/2")).unwrap().size, 1);
        assert!(objects.get(&key("b")).is_none());
        assert_eq!(objects.len(), 4);
    }

    #[test]
    fn times_are_kept_to_the_nanosecond() {
        let long = "k".repeat(1024).parse::<Key>().unwrap();
        let epoch = SystemTime::UNIX_EPOCH;
        for modified in [
            Some(epoch),
            Some(epoch + Duration::new(1_900_000_000, 123_456_789)),
            Some(epoch - Duration::new(86_400, 1)),
            None,
        ] {
            let mut objects = Objects::default();
            objects.push(&long, &Stat { modified, ..stat(u64::MAX) });
            objects.finish();
            assert_eq!(objects.get(&long), Some(Seen { size: u64::MAX, modified }));
        }
    }
}
