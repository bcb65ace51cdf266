use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use profile::{Effort, GzipWriter, write_listing};
use serde_json::{Map, Number, Value};

use crate::packed::{Time, stream_entries, unpack_entries};
use crate::records::{PackedContent, PackedRecord, Records};
use crate::table::Table;
use crate::{Condition, Error, Key, Storage, Version};

/// The list of a repository's profiles: its `inventory.gz`.
///
/// Rekall reads names and times; the other fields are our extension and tell a batch what has been done. Records are kept
/// packed, because a repository has tens of thousands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    records: Records,
}

/// The record of a profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The time when its object was written, in seconds since 1970.
    pub modified: f64,
    /// The description of its object, if it was examined.
    pub content: Option<Content>,
}

/// The description of a profile's object, and its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its verdict.
    pub health: String,
    /// Its source: `NAME.pdb/GUID`, or `sha256:` with that of the source; empty if unknown.
    pub source: String,
    /// The front-end that made it with its revision; empty if unknown.
    pub generator: String,
    /// A digest of the settings from the configuration: its class and what is merged.
    pub recipe: String,
    /// The address that the source was fetched from; empty for a source that is not one of a collection.
    pub origin: String,
    /// What a kernel of Linux or macOS calls itself; empty for others.
    pub banner: String,
}

/// The object with the inventory.
pub const INVENTORY: &str = "inventory.gz";

const SECTION: &str = "$INVENTORY";
/// For how many records room is made at most before they are read.
const MOST_ROOM: usize = 1 << 17;
/// How many bytes a record takes at least if it has a hash, which cannot be compressed.
const LEAST: usize = 48;
/// How many bytes most records take at most once they are compressed.
const PACKED: usize = 96;
/// The largest inventory that is read, in bytes.
pub(crate) const LIMIT: u64 = 256 << 20;

impl Inventory {
    /// The object's address.
    ///
    /// # Errors
    /// Never in practice.
    pub fn key() -> Result<Key, Error> {
        INVENTORY.parse()
    }

    /// Reads the inventory with its version; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Profile`] and [`Error::Storage`] if the object is not an inventory.
    pub fn read(storage: &dyn Storage) -> Result<Option<(Self, Version)>, Error> {
        storage.inventory()
    }

    /// Reads an inventory from its bytes, compressed or not; `place` is its name in errors.
    ///
    /// # Errors
    /// As for [`Inventory::read`].
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, Error> {
        let mut records = Records::default();
        records.reserve((bytes.len() / LEAST).min(MOST_ROOM));
        let mut each = |_: &str, name: String, value: Value| {
            let record = Record::from_json(&value);
            records.push(&name, record.modified, record.content.as_ref());
        };
        // The text is several times as large as what is kept of it.
        let rest = stream_entries(bytes, place, &[SECTION], &mut each)?;
        check_section(&rest, place)?;
        records.finish();
        Ok(Self { records })
    }

    /// The time of every profile.
    pub(crate) fn times(bytes: &[u8], place: &str) -> Result<Table<f64>, Error> {
        let mut times = Table::default();
        let mut each = |_: &str, name: String, Time(time): Time| times.push(name, time);
        let rest = unpack_entries(bytes, place, &[SECTION], &mut each)?;
        check_section(&rest, place)?;
        times.finish();
        Ok(times)
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether the inventory is empty.
    pub fn is_empty(&self) -> bool {
        self.records.len() == 0
    }

    /// The record of a profile.
    pub fn get(&self, name: &str) -> Option<Record> {
        self.records.get(name).as_ref().map(PackedRecord::unpacked)
    }

    /// The names of the profiles, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.records.iter().map(|record| record.name)
    }

    /// The records, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Record)> {
        self.records.iter().map(|record| (record.name, record.unpacked()))
    }

    /// The records, packed.
    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// The description of a profile's object, packed.
    pub(crate) fn content(&self, name: &str) -> Option<PackedContent<'_>> {
        self.records.get(name)?.content
    }

    /// The bytes of the object: the canonical text, compressed.
    ///
    /// # Errors
    /// Any error from printing and compressing.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        Self::bytes_of(self.len(), self.iter())
    }

    /// The bytes of an inventory with these records, which come in the order of names; `count` is how many there are.
    ///
    /// # Errors
    /// Any error from printing and compressing.
    pub(crate) fn bytes_of(
        count: usize,
        records: impl Iterator<Item = (impl AsRef<str>, Record)>,
    ) -> Result<Vec<u8>, Error> {
        let records = records.map(|(name, record)| (name, record.to_json()));
        let metadata = BTreeMap::from([("Type", "Inventory"), ("ProfileClass", "Inventory")]);
        let sink = GzipWriter::new(Vec::with_capacity(count * PACKED), Effort::Default, 1);
        write_listing(&metadata, SECTION, records, sink)
            .and_then(GzipWriter::finish)
            .map_err(|error| Error::io(INVENTORY, error))
    }

    /// Writes the inventory if it has not changed since it was read: `version`, or absent.
    ///
    /// # Errors
    /// As for [`Storage::write`].
    pub fn write(&self, storage: &dyn Storage, version: Option<&Version>) -> Result<bool, Error> {
        Self::write_bytes(&self.to_bytes()?, storage, version)
    }

    /// The same, for an inventory that is printed already.
    pub(crate) fn write_bytes(
        bytes: &[u8],
        storage: &dyn Storage,
        version: Option<&Version>,
    ) -> Result<bool, Error> {
        let condition = match version {
            Some(version) => Condition::Unchanged(version.clone()),
            None => Condition::Absent,
        };
        Ok(storage.write(&Self::key()?, bytes, &condition)?.is_some())
    }
}

impl FromIterator<(String, Record)> for Inventory {
    fn from_iter<I: IntoIterator<Item = (String, Record)>>(all: I) -> Self {
        let mut records = Records::default();
        for (name, record) in all {
            records.push(&name, record.modified, record.content.as_ref());
        }
        records.finish();
        Self { records }
    }
}

/// Refuses an object without the section of an inventory.
fn check_section(rest: &Map<String, Value>, place: &str) -> Result<(), Error> {
    if rest.contains_key(SECTION) {
        return Ok(());
    }
    let problem = format!("not an inventory: expected a JSON object with the key {SECTION}");
    Err(Error::Storage { place: place.to_owned(), problem })
}

impl PackedRecord<'_> {
    fn unpacked(&self) -> Record {
        Record { modified: self.modified, content: self.content.map(PackedContent::unpacked) }
    }
}

impl Content {
    /// Whether a record says the same, or was written before records had banners and says the same otherwise.
    pub(crate) fn agrees(&self, expected: &Self) -> bool {
        self == expected
            || self.banner.is_empty() && Self { banner: expected.banner.clone(), ..self.clone() } == *expected
    }

    /// The differences to another record of the same profile: each field with both values.
    pub fn differences(&self, other: &Self) -> String {
        let sizes = [self.size, other.size].map(|size| size.to_string());
        let fields = [
            ("sha256", &self.sha256, &other.sha256),
            ("size", &sizes[0], &sizes[1]),
            ("health", &self.health, &other.health),
            ("source", &self.source, &other.source),
            ("generator", &self.generator, &other.generator),
            ("recipe", &self.recipe, &other.recipe),
            ("origin", &self.origin, &other.origin),
            ("banner", &self.banner, &other.banner),
        ];
        let differing = fields.iter().filter(|(_, mine, theirs)| mine != theirs);
        let words = differing.map(|(field, mine, theirs)| format!("{field} '{mine}', expected '{theirs}'"));
        words.collect::<Vec<_>>().join("; ")
    }
}

impl Record {
    /// From its JSON; missing fields and fields of another kind are unknown.
    pub fn from_json(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let content = match (text("sha256"), value.get("size").and_then(Value::as_u64)) {
            (Some(sha256), Some(size)) => Some(Content {
                sha256,
                size,
                health: text("health").unwrap_or_default(),
                source: text("source").unwrap_or_default(),
                generator: text("generator").unwrap_or_default(),
                recipe: text("recipe").unwrap_or_default(),
                origin: text("origin").unwrap_or_default(),
                banner: text("banner").unwrap_or_default(),
            }),
            _ => None,
        };
        Self { modified: value.get("LastModified").and_then(Value::as_f64).unwrap_or(0.0), content }
    }

    /// Its JSON.
    pub fn to_json(&self) -> Value {
        let mut entries = Map::new();
        let modified = Number::from_f64(self.modified).map_or(Value::from(0), Value::Number);
        entries.insert("LastModified".to_owned(), modified);
        if let Some(content) = &self.content {
            entries.insert("sha256".to_owned(), content.sha256.as_str().into());
            entries.insert("size".to_owned(), content.size.into());
            for (key, text) in [
                ("health", &content.health),
                ("source", &content.source),
                ("generator", &content.generator),
                ("recipe", &content.recipe),
                ("origin", &content.origin),
                ("banner", &content.banner),
            ] {
                if !text.is_empty() {
                    entries.insert(key.to_owned(), text.as_str().into());
                }
            }
        }
        Value::Object(entries)
    }
}

/// A time in the inventory, in whole milliseconds: finer times differ between file systems.
pub(crate) fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        let content =
            Content { sha256: "ab".into(), size: 7, health: "complete".into(), ..Content::default() };
        let empty = Inventory::default();
        assert_eq!(Inventory::parse(&empty.to_bytes().unwrap(), "here").unwrap(), empty);
        let records = [
            ("old".to_owned(), Record { modified: 1_400_000_000.25, content: None }),
            ("nt/GUID/A".to_owned(), Record { modified: 1.5, content: Some(content) }),
        ];
        let inventory: Inventory = records.into_iter().collect();
        assert!(inventory.write(&store, None).unwrap());
        let (read, version) = Inventory::read(&store).unwrap().unwrap();
        assert_eq!(read, inventory);
        assert!(!inventory.write(&store, None).unwrap(), "somebody else's inventory was written over");
        assert!(inventory.write(&store, Some(&version)).unwrap());
        assert!(!inventory.write(&store, Some(&Version("other".into()))).unwrap());
    }

    #[test]
    fn times_are_read_from_all_spellings() {
        let text = br#"{"$METADATA": {"LastModified": 9}, "$INVENTORY": {"a": {"LastModified": 1.5, "x": [{}]}, "b": {},
                    "c": {"x": {"LastModified": 2}, "LastModified": 3}, "d": [1, {"LastModified": 2}], "e": 1, "f": null,
                    "g": "1", "h": {"LastModified": "1"}, "i": true, "j": -1.5}}"#;
        let times = Inventory::times(text, "here").unwrap();
        let filled: BTreeMap<&str, f64> =
            times.iter().filter(|(_, time)| **time != 0.0).map(|(name, time)| (name, *time)).collect();
        assert_eq!(filled, BTreeMap::from([("a", 1.5), ("c", 3.0)]));
        assert_eq!(times.iter().count(), 10);
        let inventory = Inventory::parse(text, "here").unwrap();
        assert_eq!(inventory.len(), 10);
        assert!(inventory.iter().all(|(name, record)| Some(&record.modified) == times.get(name)));
    }

    #[test]
    fn the_text_is_what_rekall_reads() {
        let record = Record { modified: 1.5, content: None };
        let inventory: Inventory = [("a".to_owned(), record)].into_iter().collect();
        let text = profile::unpack(&inventory.to_bytes().unwrap(), 1 << 20).unwrap().into_owned();
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["$INVENTORY"]["a"]["LastModified"], 1.5);
        assert_eq!(value["$METADATA"]["Type"], "Inventory");
        assert_eq!(value["$METADATA"]["ProfileClass"], "Inventory");
    }

    #[test]
    fn other_files_than_inventories_are_refused() {
        for bytes in [b"<html>".as_slice(), b"{}", b"[]", b"\x1f\x8b\x08\0", b"{\"$INVENTORY\": 1}"] {
            assert!(Inventory::parse(bytes, "here/inventory.gz").is_err(), "{bytes:?}");
        }
    }
}
