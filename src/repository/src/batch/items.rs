use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use pe::PdbName;
use profile::GuidAge;
use sha2::{Digest, Sha256};

use super::item::{Item, Remote, Source};
use crate::collection::{Collection, Origin, Row};
use crate::packed_texts::PackedTexts;
use crate::{Entry, Key, ProfileName};

/// Every profile in a configuration, packed: an [`Item`] is made of a row when it is needed.
#[derive(Clone, Debug, Default)]
pub struct Items {
    groups: Vec<Group>,
}

/// The items of one entry of the configuration.
#[derive(Clone, Debug)]
pub(super) struct Group {
    entry: ProfileName,
    /// The list to which the rejects belong.
    list: Key,
    profile_class: Option<String>,
    merge: Vec<String>,
    has_structs: bool,
    collection: Option<Arc<Collection>>,
    /// The names that PDBs have, each combination once.
    names: Vec<Vec<PdbName>>,
    positions: BTreeMap<Vec<PdbName>, u32>,
    rows: Vec<ItemRow>,
}

/// What distinguishes an item from the others of its entry.
#[derive(Clone, Debug)]
enum ItemRow {
    /// A PDB, with the position of its names.
    Pdb { names: u32, guid_age: GuidAge },
    /// What a collection lists: path, the profile's name if it is known, SHA-256, size, address, and `=` with the reason
    /// for which it was rejected. What is not known is empty.
    Listed { texts: PackedTexts, is_rejected: bool },
    /// Anything else.
    Whole(Box<Item>),
}

/// Names or keys, as digests of which no two are equal in practice.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(HashSet<[u8; 16]>);

impl Names {
    /// Adds a name; returns whether it is new.
    pub(super) fn insert(&mut self, name: &str) -> bool {
        self.0.insert(digest(name))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains(&digest(name))
    }
}

/// The digest by which a name is compared, which is shorter than most names.
pub(super) fn digest(name: &str) -> [u8; 16] {
    let [digest @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        <[u8; 32]>::from(Sha256::digest(name));
    digest
}

impl Items {
    /// The number of items.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|group| group.rows.len()).sum()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items, in the configuration's order.
    pub fn iter(&self) -> impl Iterator<Item = Item> {
        self.groups.iter().flat_map(|group| group.rows.iter().filter_map(|row| group.item(row)))
    }

    /// An item by its position, from 0.
    pub(super) fn get(&self, mut position: usize) -> Option<Item> {
        for group in &self.groups {
            match group.rows.get(position) {
                Some(row) => return group.item(row),
                None => position -= group.rows.len(),
            }
        }
        None
    }

    /// The names of the profiles with the positions of their items.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.groups.iter().flat_map(|group| group.rows.iter().map(|row| group.name(row)))
    }

    pub(super) fn add(&mut self, group: Group) {
        self.groups.push(group);
    }

    /// Leaves out what an item before makes already: a profile in two entries is made once, by the first.
    pub(super) fn keep_first(&mut self) {
        let mut seen = Names(HashSet::with_capacity(self.len()));
        for group in &mut self.groups {
            let rows = std::mem::take(&mut group.rows);
            group.rows = rows.into_iter().filter(|row| seen.insert(&group.name(row))).collect();
            group.rows.shrink_to_fit();
        }
    }

    /// Forgets those reasons of rejected debug files for which `is_settled` is true.
    pub(super) fn forget_rejects(&mut self, is_settled: &dyn Fn(&str) -> bool) {
        for group in &mut self.groups {
            let mut rows = std::mem::take(&mut group.rows);
            for row in &mut rows {
                let packed = matches!(row, ItemRow::Listed { is_rejected: true, .. });
                let Some(mut item) = packed.then(|| group.item(row)).flatten() else {
                    if let ItemRow::Whole(item) = row
                        && let Source::Debug { rejected, .. } = &mut item.source
                    {
                        rejected.take_if(|reason| is_settled(reason));
                    }
                    continue;
                };
                if let Source::Debug { rejected, .. } = &mut item.source
                    && rejected.take_if(|reason| is_settled(reason)).is_some()
                {
                    *row = group.row(item);
                }
            }
            group.rows = rows;
        }
    }
}

impl Group {
    /// No items of an entry yet. `list` is that to which their rejects belong.
    pub(super) fn new(entry: &Entry, list: Key) -> Self {
        Self {
            entry: entry.name.clone(),
            list,
            profile_class: None,
            merge: entry.merge.clone(),
            has_structs: true,
            collection: None,
            names: Vec::new(),
            positions: BTreeMap::new(),
            rows: Vec::new(),
        }
    }

    /// Says how the PDBs of the entry are made.
    pub(super) fn of_pdbs(mut self, has_structs: bool, profile_class: Option<String>) -> Self {
        (self.has_structs, self.profile_class) = (has_structs, profile_class);
        self
    }

    /// Says from which collection the items are.
    pub(super) fn of_collection(mut self, collection: &Arc<Collection>) -> Self {
        self.collection = Some(Arc::clone(collection));
        self
    }

    /// Makes room for this many items.
    pub(super) fn reserve(&mut self, count: usize) {
        self.rows.reserve_exact(count);
    }

    /// Adds a PDB.
    pub(super) fn add_pdb(&mut self, names: Vec<PdbName>, guid_age: GuidAge) {
        let next = self.names.len() as u32;
        let position = *self.positions.entry(names).or_insert_with_key(|names| {
            self.names.push(names.clone());
            next
        });
        self.rows.push(ItemRow::Pdb { names: position, guid_age });
    }

    /// Adds anything else.
    pub(super) fn add(&mut self, item: Item) {
        let row = self.row(item);
        self.rows.push(row);
    }

    fn row(&self, item: Item) -> ItemRow {
        let Source::Debug { key, list, named, rejected, origin: Some(Remote(origin)) } = &item.source else {
            return ItemRow::Whole(Box::new(item));
        };
        let path = key.as_str().strip_prefix(self.entry.as_str()).and_then(|path| path.strip_prefix('/'));
        let Some(path) = path.filter(|_| *list == self.list && self.collection.is_some()) else {
            return ItemRow::Whole(Box::new(item));
        };
        let name = if *named { item.name.as_str() } else { "" };
        let size = origin.size.map(|size| size.to_string()).unwrap_or_default();
        let sha256 = origin.sha256().unwrap_or_default();
        let reason = rejected.as_ref().map(|reason| format!("={reason}")).unwrap_or_default();
        let texts = [path, name, &sha256, &size, origin.url().unwrap_or_default(), &reason];
        ItemRow::Listed { texts: PackedTexts::new(texts), is_rejected: rejected.is_some() }
    }

    fn item(&self, row: &ItemRow) -> Option<Item> {
        match row {
            ItemRow::Whole(item) => Some((**item).clone()),
            ItemRow::Pdb { names, guid_age } => {
                let source = Source::Pdb {
                    names: self.names.get(*names as usize)?.clone(),
                    guid_age: *guid_age,
                    guids: self.list.clone(),
                    has_structs: self.has_structs,
                };
                let name = self.name(row).parse().ok()?;
                Some(Item { profile_class: self.profile_class.clone(), ..self.common(name, source) })
            }
            ItemRow::Listed { texts, .. } => {
                let mut texts = texts.texts();
                let mut next = || texts.next().filter(|text| !text.is_empty());
                let (path, name, sha256, size, url, reason) =
                    (next()?, next(), next(), next(), next(), next());
                let key: Key = format!("{}/{path}", self.entry).parse().ok()?;
                let listed = Row { path, size: size.and_then(|size| size.parse().ok()), sha256, url };
                let origin = Origin::new(self.collection.as_ref()?, listed)?;
                let name = name.and_then(|name| name.parse().ok());
                let source = Source::Debug {
                    key: key.clone(),
                    list: self.list.clone(),
                    named: name.is_some(),
                    rejected: reason.map(|reason| reason.chars().skip(1).collect()),
                    origin: Some(Remote(Box::new(origin))),
                };
                Some(self.common(name.unwrap_or_else(|| ProfileName::by_source(&key)), source))
            }
        }
    }

    fn name(&self, row: &ItemRow) -> String {
        match row {
            ItemRow::Pdb { guid_age, .. } => format!("{}/{guid_age}", self.entry),
            ItemRow::Whole(item) => item.name.to_string(),
            ItemRow::Listed { texts, .. } => {
                let mut texts = texts.texts();
                let path = texts.next().unwrap_or_default();
                let name = texts.next().filter(|name| !name.is_empty());
                name.unwrap_or_else(|| format!("{}/{path}", self.entry))
            }
        }
    }

    fn common(&self, name: ProfileName, source: Source) -> Item {
        Item { name, entry: self.entry.clone(), source, profile_class: None, merge: self.merge.clone() }
    }
}
