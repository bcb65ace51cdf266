use std::time::SystemTime;

use crate::{Key, Stat};

/// The objects in a repository, in the order of their keys: some 80 bytes for each.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// The keys, one after the other.
    keys: String,
    rows: Vec<Row>,
}

/// One object.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where its key is among all keys.
    start: usize,
    length: u16,
    seen: Seen,
}

/// What a listing says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// When it was written, if the place records it.
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
        self.rows.get(position).map(|row| row.seen)
    }

    /// The keys that begin with `prefix`.
    pub(crate) fn keys_below(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let first = self.rows.partition_point(|row| self.key(row) < prefix);
        let rows = self.rows.get(first..).unwrap_or_default().iter();
        rows.map(|row| self.key(row)).take_while(move |key| key.starts_with(prefix))
    }

    /// The objects, in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Seen)> {
        self.rows.iter().map(|row| (self.key(row), row.seen))
    }

    /// The position of an object, from 0; as an error, the position at which it would be inserted.
    pub(crate) fn find(&self, key: &str) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| self.key(row).cmp(key))
    }

    /// What is known of an object.
    pub(crate) fn get(&self, key: &Key) -> Option<Seen> {
        let at = self.find(key.as_str()).ok()?;
        self.rows.get(at).map(|row| row.seen)
    }

    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.find(key.as_str()).is_ok()
    }

    /// Adds an object or replaces what is known of it. Returns its position, and whether it is new.
    pub(crate) fn insert(&mut self, key: &Key, stat: &Stat) -> (usize, bool) {
        let seen = Seen { size: stat.size, modified: stat.modified };
        match self.find(key.as_str()) {
            Ok(at) => {
                if let Some(row) = self.rows.get_mut(at) {
                    row.seen = seen;
                }
                (at, false)
            }
            Err(at) => {
                let row = self.add(key.as_str(), seen);
                self.rows.insert(at, row);
                (at, true)
            }
        }
    }

    fn add(&mut self, key: &str, seen: Seen) -> Row {
        let start = self.keys.len();
        self.keys.push_str(key);
        // A key has at most 1,024 bytes.
        Row { start, length: key.len() as u16, seen }
    }

    fn key(&self, row: &Row) -> &str {
        self.keys.get(row.start..row.start + usize::from(row.length)).unwrap_or_default()
    }
}

impl FromIterator<(Key, Stat)> for Objects {
    fn from_iter<I: IntoIterator<Item = (Key, Stat)>>(objects: I) -> Self {
        let mut all = Self::default();
        for (key, stat) in objects {
            let row = all.add(key.as_str(), Seen { size: stat.size, modified: stat.modified });
            all.rows.push(row);
        }
        let Self { keys, rows } = &mut all;
        let key = |row: &Row| keys.get(row.start..row.start + usize::from(row.length)).unwrap_or_default();
        rows.sort_by(|left, right| key(left).cmp(key(right)));
        rows.shrink_to_fit();
        keys.shrink_to_fit();
        all
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
        let mut objects: Objects =
            ["b/2", "a", "b/1"].iter().zip(1..).map(|(text, size)| (key(text), stat(size))).collect();
        assert_eq!(objects.keys().collect::<Vec<_>>(), ["a", "b/1", "b/2"]);
        assert_eq!(objects.insert(&key("b/10"), &stat(7)), (2, true));
        assert_eq!(objects.insert(&key("a"), &stat(9)), (0, false));
        assert_eq!(objects.keys_below("b/1").collect::<Vec<_>>(), ["b/1", "b/10"]);
        assert_eq!(objects.get(&key("a")).unwrap().size, 9);
        assert_eq!(objects.get(&key("b/2")).unwrap().size, 1);
        assert!(objects.get(&key("b")).is_none());
        assert_eq!(objects.len(), 4);
    }
}
