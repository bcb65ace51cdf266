use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use profile::{MAX_TEXT, Silent, Text, unpack};
use symbols::{ClientOptions, Demand, Fetched, Start, Tried, Web};
use url::Url;

use super::{Condition, Folder, Object, Stat, Storage, Version};
use crate::table::Table;
use crate::{Error, Inventory, Key};

/// A remote repository on a server (HTTP, HTTPS), with a local copy of everything that was read from it.
///
/// If the server has an inventory, only the objects in it are requested, and a copy is used until the inventory gives
/// a later time. Other files (such as a login page) never enter the copy.
pub struct Site {
    web: Web,
    /// The folder with the copies.
    copy: Option<Folder>,
    offline: bool,
    /// The objects that the server refused in this run (403).
    refused: Mutex<HashSet<Key>>,
    inventory: OnceLock<Result<Listing, String>>,
}

/// The contents of an inventory: the objects' names, and when they were last changed, in seconds since 1970. `None`
/// if the server has no inventory.
type Listing = Option<Table<f64>>;

/// How long a copy of an inventory is used.
const FRESH: Duration = Duration::from_secs(3600);
/// The largest accepted object, in bytes: no other loader reads more.
const LARGEST: u64 = 100_000_000;

impl Site {
    /// Opens the repository at `root`. Copies are kept below `cache`. Offline it sends no requests and uses only the
    /// copies.
    pub fn new(root: Url, cache: Option<&Path>, client: ClientOptions) -> Self {
        let copy = cache.map(|cache| Folder::new(&cache.join(folder_name(&root))));
        let offline = client.offline;
        let web = Web::new(root, client);
        Self { web, copy, offline, refused: Mutex::default(), inventory: OnceLock::new() }
    }

    fn inventory(&self) -> Result<&Listing, Error> {
        let listing = self.inventory.get_or_init(|| self.read_inventory().map_err(|error| error.to_string()));
        listing.as_ref().map_err(|problem| Error::Storage { place: self.place(), problem: problem.clone() })
    }

    fn read_inventory(&self) -> Result<Listing, Error> {
        let key = Inventory::key()?;
        let copied = self.copied(&key)?;
        let fresh = |(_, modified): &(Object, SystemTime)| {
            SystemTime::now().duration_since(*modified).is_ok_and(|age| age < FRESH)
        };
        let fetched: Mutex<Listing> = Mutex::new(None);
        let judge_inventory = |bytes: &[u8]| {
            let times = Inventory::times(bytes, &self.place_of(&key)).map_err(|error| error.to_string())?;
            *fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(times);
            Ok(())
        };
        let object = match copied {
            Some((object, _)) if self.offline => Some(object),
            Some(copied) if fresh(&copied) => Some(copied.0),
            copied => match self.fetch(&key, LARGEST, &judge_inventory) {
                // If a server is temporarily unreachable, the copy is still valid.
                Err(_) if copied.is_some() => copied.map(|(object, _)| object),
                // An object store refuses access to missing objects.
                Err(Error::Refused { .. }) => None,
                object => object?,
            },
        };
        let Some(object) = object else { return Ok(None) };
        // One that was fetched just now has been read already.
        if let Some(times) = fetched.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Some(times));
        }
        Inventory::times(&object.bytes, &self.place_of(&key)).map(Some)
    }

    /// The copy of an object, and its time.
    fn copied(&self, key: &Key) -> Result<Option<(Object, SystemTime)>, Error> {
        let Some(copy) = &self.copy else { return Ok(None) };
        let Some(stat) = copy.stat(key)? else { return Ok(None) };
        let object = copy.read(key, LARGEST)?;
        Ok(object.zip(stat.modified))
    }

    /// Fetches an object that `judge` accepts.
    fn fetch(
        &self,
        key: &Key,
        limit: u64,
        judge: &dyn Fn(&[u8]) -> Result<(), String>,
    ) -> Result<Option<Object>, Error> {
        if self.offline {
            return Ok(None);
        }
        let refused = || self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused().contains(key) {
            return Err(Error::Refused {
                place: self.place_of(key),
                answer: "403 before in this run".to_owned(),
            });
        }
        let path: Vec<&str> = key.as_str().split('/').collect();
        let demand = Demand { limit, start: Start::Profile, judge, explain: None };
        let bytes = match self.web.read(&path, &demand, &Silent) {
            Ok(Fetched::Found { bytes, .. }) => bytes,
            Ok(Fetched::Missing { .. }) => return Ok(None),
            Ok(Fetched::Refused { tried }) => {
                refused().insert(key.clone());
                return Err(Error::Refused { place: self.place_of(key), answer: Tried::answers(&tried) });
            }
            Err(error) => {
                return Err(Error::Storage { place: self.place_of(key), problem: error.to_string() });
            }
        };
        if let Some(copy) = &self.copy {
            // A folder that cannot store the copy does not prevent using the profile.
            let _ = copy.write(key, &bytes, &Condition::Always);
        }
        let version = Version(format!("{}", bytes.len()));
        Ok(Some(Object { bytes, version }))
    }
}

/// A file from a server has to be a complete profile of some form.
fn judge(bytes: &[u8]) -> Result<(), String> {
    let text = unpack(bytes, MAX_TEXT).map_err(|error| error.to_string())?;
    Text::new(text.into_owned()).map(drop).map_err(|error| format!("expected a profile; {error}"))
}

/// The folder for the copies: the address in characters that every file system accepts.
fn folder_name(root: &Url) -> String {
    let text = format!("{}{}", root.host_str().unwrap_or("local"), root.path());
    let port = root.port().map(|port| format!("_{port}")).unwrap_or_default();
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
    format!("{}{port}", text.trim_end_matches('/').chars().map(plain).collect::<String>())
}

impl Storage for Site {
    fn place(&self) -> String {
        self.web.place()
    }

    fn absence(&self) -> &'static str {
        if self.offline { "no copy on this machine, and not asked: offline" } else { "not there" }
    }

    fn read(&self, key: &Key, limit: u64) -> Result<Option<Object>, Error> {
        let copied = self.copied(key)?;
        if self.offline {
            return Ok(copied.map(|(object, _)| object));
        }
        if let Some(listed) = self.inventory()? {
            let name = key.as_str().strip_suffix(".gz").unwrap_or(key.as_str());
            let Some(changed) = listed.get(name) else { return Ok(None) };
            let when = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            if let Some((object, modified)) = copied
                && when(modified) >= *changed
            {
                return Ok(Some(object));
            }
        }
        self.fetch(key, limit, &judge)
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>, Error> {
        let object = self.read(key, LARGEST)?;
        Ok(object.map(|Object { bytes, version }| Stat { size: bytes.len() as u64, modified: None, version }))
    }

    /// What the inventory lists.
    fn list(&self, prefix: &str) -> Result<Vec<(Key, Stat)>, Error> {
        let Some(listed) = self.inventory()? else {
            let problem = "it has no inventory, so what it holds cannot be listed".to_owned();
            return Err(Error::Storage { place: self.place(), problem });
        };
        let folder =
            if prefix.is_empty() { String::new() } else { format!("{}/", prefix.trim_end_matches('/')) };
        let names = listed.iter().filter(|(name, _)| name.starts_with(&folder));
        let mut found: Vec<(Key, Stat)> = names
            .filter_map(|(name, changed)| {
                let modified = Duration::try_from_secs_f64(*changed).ok().map(|since| UNIX_EPOCH + since);
                let stat = Stat { size: 0, modified, version: Version(changed.to_string()) };
                Some((format!("{name}.gz").parse().ok()?, stat))
            })
            .collect();
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(found)
    }

    fn is_writable(&self) -> bool {
        false
    }

    fn write(&self, key: &Key, _: &[u8], _: &Condition) -> Result<Option<Version>, Error> {
        Err(Error::ReadOnly { place: self.place_of(key) })
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        Err(Error::ReadOnly { place: self.place_of(key) })
    }
}
