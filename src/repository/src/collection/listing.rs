use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Collection, Mode, Place};
use crate::packed::{pack, sha256};
use crate::{Entry, Error, Key, Storage};

/// What a collection held when it was last read: an object below `LISTINGS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// What is listed, in the order of paths.
    pub rows: Vec<Row>,
    /// What the configuration said of the collection when it was read, as a digest.
    pub of: String,
}

/// A package or table that is listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Its path below the collection's address, and below the entry's name in the repository.
    pub path: String,
    /// Its size in bytes, if the listing states it.
    pub size: Option<u64>,
    /// The SHA-256 of its bytes in lower-case hexadecimal digits, if the listing states it.
    pub sha256: Option<String>,
    /// Its address, if it is not below that of the collection; for a PDB, that of the executable which names it.
    pub url: Option<String>,
}

/// The folder of listings.
pub(crate) const LISTINGS: &str = "src/listings";

/// The largest listing that is read, in bytes, packed and unpacked.
const LIMIT: u64 = 256 << 20;

/// A listing as it is written.
#[derive(Serialize, Deserialize)]
struct Document {
    schema: u32,
    of: String,
    rows: Vec<WrittenRow>,
}

/// Path, size, SHA-256, address.
type WrittenRow = (String, Option<u64>, Option<String>, Option<String>);

impl Listing {
    /// The object of an entry's listing.
    ///
    /// # Errors
    /// [`Error::Key`] for an entry whose name is too long.
    pub fn key(entry: &Entry) -> Result<Key, Error> {
        format!("{LISTINGS}/{}.json.gz", entry.name).parse()
    }

    /// Reads the listing of an entry. `None` if it was not read yet, or if the configuration says something else by now.
    ///
    /// # Errors
    /// [`Error::Storage`] and [`Error::Profile`] for an object that is not a listing; what reading it gives.
    pub fn read(
        storage: &dyn Storage,
        entry: &Entry,
        collection: &Collection,
    ) -> Result<Option<Self>, Error> {
        let key = Self::key(entry)?;
        let Some(object) = storage.read(&key, LIMIT)? else { return Ok(None) };
        let listing = Self::parse(&object.bytes, &storage.place_of(&key))?;
        Ok(Some(listing).filter(|listing| listing.of == collection.digest()))
    }

    fn parse(bytes: &[u8], place: &str) -> Result<Self, Error> {
        let text = profile::unpack(bytes, LIMIT as usize)
            .map_err(|source| Error::Profile { place: place.to_owned(), source })?;
        let wrong = |problem: String| Error::Storage { place: place.to_owned(), problem };
        let document: Document = serde_json::from_slice(&text).map_err(|error| {
            wrong(format!("expected a listing of schema 1: {error}; remove it, and it is read again"))
        })?;
        if document.schema != 1 {
            return Err(wrong(format!("expected a listing of schema 1, found {}", document.schema)));
        }
        let rows = document.rows.into_iter();
        let rows = rows.map(|(path, size, sha256, url)| Row { path, size, sha256, url });
        Ok(Self { rows: rows.collect(), of: document.of })
    }

    /// The bytes of the object.
    ///
    /// # Errors
    /// What the compressor gives.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let row = |row: &Row| (row.path.clone(), row.size, row.sha256.clone(), row.url.clone());
        let rows = self.rows.iter().map(row).collect();
        let document = Document { schema: 1, of: self.of.clone(), rows };
        let text = serde_json::to_vec(&document).map_err(|error| Error::io(LISTINGS, error.into()))?;
        pack(&text)
    }
}

impl Collection {
    /// A digest of what the configuration says of it.
    pub(crate) fn digest(&self) -> String {
        sha256(format!("{self:?}").as_bytes()).get(..16).unwrap_or_default().to_owned()
    }

    /// What is read of each item.
    pub(crate) fn kind(&self) -> ItemKind {
        match self.place {
            Place::Debian { .. } | Place::Rpm { .. } => ItemKind::Package(self.mode),
            Place::Debuginfod { .. } => ItemKind::DebugFile,
            Place::Isf { .. } => ItemKind::Table,
            Place::Windows { .. } => ItemKind::Build,
        }
    }

    /// The address to which the paths of its rows belong.
    fn base(&self) -> Option<&Url> {
        match &self.place {
            Place::Debian { address, .. } | Place::Rpm { address } | Place::Isf { address } => Some(address),
            Place::Debuginfod { .. } | Place::Windows { .. } => None,
        }
    }
}

/// What an item of a collection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemKind {
    /// A package with a kernel.
    Package(Mode),
    /// A vmlinux by its build-id.
    DebugFile,
    /// A symbol table of Volatility 3.
    Table,
    /// The PDB of a build of Windows.
    Build,
}

/// Where an item is fetched from, and what is known of it before.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    collection: Arc<Collection>,
    url: Option<Box<str>>,
    pub(crate) size: Option<u64>,
    sha256: Option<[u8; 32]>,
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url && self.size == other.size && self.sha256 == other.sha256
    }
}

impl Eq for Origin {}

impl Origin {
    /// The origin of a listed item; `None` for a SHA-256 that cannot be one.
    pub(crate) fn new(collection: &Arc<Collection>, row: Row) -> Option<Self> {
        let sha256 = match &row.sha256 {
            Some(text) => Some(digits(text)?),
            None => None,
        };
        let url = row.url.map(String::into_boxed_str);
        Some(Self { collection: Arc::clone(collection), url, size: row.size, sha256 })
    }

    /// What it is.
    pub(crate) fn kind(&self) -> ItemKind {
        self.collection.kind()
    }

    /// The SHA-256 that its listing states.
    pub(crate) fn sha256(&self) -> Option<String> {
        Some(self.sha256?.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Its address, if it is not below that of the collection.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The addresses from which the item with this path is fetched, in the order in which they are tried.
    pub(crate) fn urls(&self, path: &str) -> Vec<Url> {
        if let Some(url) = &self.url {
            return Url::parse(url).into_iter().collect();
        }
        match &self.collection.place {
            Place::Debuginfod { servers, .. } => servers
                .iter()
                .filter_map(|server| below(server, &format!("buildid/{path}/debuginfo")))
                .collect(),
            _ => self.collection.base().and_then(|base| below(base, path)).into_iter().collect(),
        }
    }
}

/// An address below another one. Whatever the path is, it does not leave that one.
pub(super) fn below(base: &Url, path: &str) -> Option<Url> {
    let path: Key = path.parse().ok()?;
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(path.as_str().split('/'));
    Some(url)
}

/// The bytes of a SHA-256.
fn digits(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_as_it_was_written() {
        let row = |path: &str| Row {
            path: path.to_owned(),
            size: Some(5),
            sha256: Some("ab".repeat(32)),
            url: None,
        };
        let listing = Listing { rows: vec![row("pool/a.deb"), row("pool/b.deb")], of: "0123".to_owned() };
        let bytes = listing.to_bytes().unwrap();
        assert_eq!(Listing::parse(&bytes, "here").unwrap(), listing);
        assert_eq!(bytes, listing.to_bytes().unwrap());
        for text in ["", "{}", "[]", r#"{"schema": 2, "of": "", "rows": []}"#] {
            assert!(Listing::parse(text.as_bytes(), "here").is_err(), "{text}");
        }
    }

    #[test]
    fn no_path_leads_out_of_an_archive() {
        let base = Url::parse("http://host:1/debian/").unwrap();
        let address = |path: &str| below(&base, path).map(String::from);
        assert_eq!(
            address("pool/l/a_1%3a2~x+y.deb").unwrap(),
            "http://host:1/debian/pool/l/a_1%253a2~x+y.deb"
        );
        assert_eq!(address("pool/a?b#c").unwrap(), "http://host:1/debian/pool/a%3Fb%23c");
        for path in ["../x", "/x", "a//b", "http://other/x", "a/../../x", "a\\..\\x", ""] {
            assert_eq!(address(path), None, "{path}");
        }
    }
}
