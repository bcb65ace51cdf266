use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use profile::Compat;
use repository::isf::{BANNERS, Catalog, FOLDER, List};
use repository::{Inventory, Storage, Version};

use crate::made::store;
use crate::{Page, Pages};

/// A repository as a symbol server for Volatility 3: `banners.json`, the lists below `isf/`, and the tables that they
/// name, which are made when they are first asked for and kept in a folder.
pub struct IsfPages {
    storage: Box<dyn Storage>,
    /// What is added to the tables.
    compat: Compat,
    /// Holds tables and lists under the names that they have on the server.
    cache: PathBuf,
    /// The address of the root, if it is not what clients call the server.
    base: Option<String>,
    known: Mutex<Option<Known>>,
    /// One table is made at a time, as each takes a processor.
    making: Mutex<()>,
}

/// What was read of the repository.
#[derive(Clone)]
struct Known {
    version: Version,
    catalog: Arc<Catalog>,
    /// The lists for the root at the address that was asked for last.
    base: String,
    lists: Arc<Vec<List>>,
}

impl IsfPages {
    /// The pages of a repository. `compat` is added to tables, which are kept below `cache`; `base` is the address of the root, by default what
    /// clients call the server.
    pub fn new(storage: Box<dyn Storage>, compat: Compat, cache: &Path, base: Option<String>) -> Self {
        let (cache, known, making) = (cache.to_owned(), Mutex::default(), Mutex::default());
        Self { storage, compat, cache, base, known, making }
    }

    /// The address of the list of all tables, under which it never changes.
    ///
    /// # Errors
    /// Where the repository cannot be read.
    pub fn address(&self, base: &str) -> io::Result<String> {
        let base = self.base.as_deref().unwrap_or(base).trim_end_matches('/').to_owned();
        let known = self.known(base.clone())?;
        let list = known.lists.first().ok_or_else(|| io::Error::other("there is no list"))?;
        Ok(format!("{base}/{}", list.versioned))
    }

    /// What the repository holds now.
    fn known(&self, base: String) -> io::Result<Known> {
        let key = Inventory::key().map_err(io::Error::other)?;
        let stat = self.storage.stat(&key).map_err(io::Error::other)?;
        let absent = || {
            io::Error::new(
                io::ErrorKind::NotFound,
                "the repository has no inventory: manage_repo seal makes it",
            )
        };
        let version = stat.ok_or_else(absent)?.version;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref().filter(|known| known.version == version && known.base == base) {
            return Ok(known.clone());
        }
        let catalog = match known.take().filter(|known| known.version == version) {
            Some(known) => known.catalog,
            None => Arc::new(Catalog::read(self.storage.as_ref(), self.compat).map_err(io::Error::other)?),
        };
        let lists = Arc::new(catalog.lists(&base).map_err(io::Error::other)?);
        let fresh = Known { version, catalog, base, lists };
        *known = Some(fresh.clone());
        Ok(fresh)
    }

    /// A list as a file, which stays there for clients that know it by its digest.
    fn list(&self, list: &List) -> io::Result<Page> {
        let path = self.cache.join(&list.versioned);
        if !path.is_file() {
            store(&path, &list.bytes)?;
        }
        Ok(Page { file: File::open(path)?, tag: list.versioned.clone() })
    }

    /// A table, made if it was not asked for before.
    fn table(&self, known: &Known, name: &str) -> Option<io::Result<Page>> {
        let profile = known.catalog.profile(name)?;
        let path = self.cache.join(FOLDER).join(name);
        let open = || File::open(&path).map(|file| Page { file, tag: name.to_owned() });
        if path.is_file() {
            return Some(open());
        }
        let _one = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if !path.is_file() {
            let made = known.catalog.table(self.storage.as_ref(), profile).map_err(io::Error::other);
            if let Err(error) = made.and_then(|bytes| store(&path, &bytes)) {
                return Some(Err(error));
            }
        }
        Some(open())
    }
}

impl Pages for IsfPages {
    fn open(&self, path: &str, host: Option<&str>) -> Option<io::Result<Page>> {
        let path = path.trim_start_matches('/');
        let inside = path.strip_prefix(FOLDER).and_then(|rest| rest.strip_prefix('/'));
        if path != BANNERS && inside.is_none() {
            return None;
        }
        let base = match &self.base {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None => format!("http://{}", host.filter(|host| is_host(host)).unwrap_or("localhost")),
        };
        let known = match self.known(base) {
            Ok(known) => known,
            Err(error) => return Some(Err(error)),
        };
        let list = known.lists.iter().find(|list| list.path == path || list.versioned == path);
        if let Some(list) = list {
            return Some(self.list(list));
        }
        let name = inside?;
        if let Some(table) = self.table(&known, name) {
            return Some(table);
        }
        // A list of before, which a client still knows.
        let digest = name.strip_suffix(".json")?;
        if digest.len() != 12 || !digest.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let file = File::open(self.cache.join(FOLDER).join(name)).ok()?;
        Some(Ok(Page { file, tag: name.to_owned() }))
    }
}

/// Whether a client calls the server by something that can be part of an address.
fn is_host(host: &str) -> bool {
    let good =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '[' | ']');
    !host.is_empty() && host.len() <= 255 && host.chars().all(good)
}
