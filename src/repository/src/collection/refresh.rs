use std::collections::{BTreeMap, BTreeSet};

use profile::Progress;
use symbols::{Downloads, Expected};
use url::Url;

use super::listing::below;
use super::windows::{Asker, Executables, name_of};
use super::{ADDITIONAL, BannerList, Collection, ExecutableList, Filter, Listing, Place, Row, debian, rpm};
use crate::{Condition, Config, Entry, Error, Handler, Key, Storage};

/// What reading the listing of an entry came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// The entry of the configuration.
    pub entry: String,
    /// How many items the listing has now.
    pub items: usize,
    /// How many of them are new.
    pub new: usize,
    /// How many items of the listing before are gone.
    pub gone: usize,
    /// What is listed and not taken, with the reason.
    pub refused: Vec<(String, String)>,
    /// Why the listing was not read; the one before is used then.
    pub kept: Option<String>,
}

/// The largest listing that is fetched, in bytes, packed.
const LIMIT: u64 = 256 << 20;
/// The largest listing, in bytes, unpacked.
const UNPACKED: usize = 512 << 20;
/// How many refused names are kept to be told.
const TOLD: usize = 100;

/// What was taken of a listing so far.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub rows: Vec<Row>,
    /// Names that are not taken, with the reason; the first ones only.
    pub refused: Vec<(String, String)>,
}

impl Taken {
    /// Notes that something is listed and not taken.
    pub fn refuse(&mut self, name: &str, reason: &str) {
        if self.refused.len() < TOLD {
            self.refused.push((name.chars().take(256).collect(), reason.to_owned()));
        }
    }

    /// Puts the rows into the order of paths, each once.
    fn sort(&mut self) {
        self.rows.sort();
        // The same package is listed by several suites.
        self.rows.dedup_by(|next, row| next.path == row.path);
        // Archives that were joined list one package under several paths.
        let mut known = BTreeSet::new();
        self.rows.retain(|row| row.sha256.as_ref().is_none_or(|sha256| known.insert(sha256.clone())));
    }

    /// The row of a package, unless its path would leave the archive or its SHA-256 cannot be one.
    pub fn check(&mut self, name: &str, path: &str, size: u64, sha256: &str) -> Option<Row> {
        let path: Key = match path.parse() {
            Ok(path) => path,
            Err(error) => {
                self.refuse(name, &format!("expected a path below the archive: {error}"));
                return None;
            }
        };
        if sha256.len() != 64 || !sha256.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            self.refuse(name, "expected a SHA-256 of 64 hexadecimal digits");
            return None;
        }
        let sha256 = Some(sha256.to_ascii_lowercase());
        Some(Row { path: path.as_str().to_owned(), size: Some(size), sha256, url: None })
    }
}

/// Reads the listings of collections over the network, and keeps those that changed in the repository: of all entries,
/// or of `only` one.
///
/// Where an archive cannot be read, the listing before is kept and the reason is told.
///
/// # Errors
/// [`Error::Storage`] where an archive cannot be read and there is no listing of it; what reading and writing give.
pub fn refresh(
    storage: &dyn Storage,
    config: &Config,
    only: Option<&str>,
    downloads: &Downloads,
    progress: &dyn Progress,
) -> Result<Vec<Refreshed>, Error> {
    let mut all = Vec::new();
    for entry in config.entries.iter().filter(|entry| only.is_none_or(|only| entry.name.as_str() == only)) {
        let Handler::Collection(collection) = &entry.handler else { continue };
        // A debuginfod server has no listing: the repository's own list says what to request from it.
        if matches!(collection.place, Place::Debuginfod { .. }) {
            continue;
        }
        all.push(refresh_one(storage, entry, collection, downloads, progress)?);
    }
    Ok(all)
}

/// What a collection lists now, in the order of paths, and what of that is not taken.
///
/// # Errors
/// Why it cannot be read, in words.
pub(crate) fn read_rows(
    collection: &Collection,
    downloads: &Downloads,
    progress: &dyn Progress,
) -> Result<Taken, String> {
    let mut taken = Fetcher { downloads, progress }.read(collection)?;
    taken.sort();
    Ok(taken)
}

fn refresh_one(
    storage: &dyn Storage,
    entry: &Entry,
    collection: &Collection,
    downloads: &Downloads,
    progress: &dyn Progress,
) -> Result<Refreshed, Error> {
    let before = Listing::read(storage, entry, collection);
    let read = match &collection.place {
        Place::Windows { list, servers } => {
            let before = before.as_ref().ok().and_then(Option::as_ref);
            let before = before.map(|listing| listing.rows.as_slice()).unwrap_or_default();
            let asker = Asker { servers, downloads, progress, before };
            Fetcher { downloads, progress }.windows(storage, list, &collection.filter, &asker)
        }
        _ => read_rows(collection, downloads, progress),
    };
    let Taken { rows, refused } = match read {
        Ok(read) => read,
        Err(problem) => {
            return match before {
                Ok(Some(before)) => Ok(Refreshed {
                    entry: entry.name.to_string(),
                    items: before.rows.len(),
                    kept: Some(problem),
                    ..Refreshed::default()
                }),
                _ => Err(Error::Storage { place: entry.name.to_string(), problem }),
            };
        }
    };
    let listing = Listing { rows, of: collection.digest() };
    // A listing that cannot be read is replaced.
    let before = before.ok().flatten();
    let known = before.iter().flat_map(|before| &before.rows).collect::<BTreeSet<_>>();
    let found = listing.rows.iter().collect::<BTreeSet<_>>();
    let refreshed = Refreshed {
        entry: entry.name.to_string(),
        items: listing.rows.len(),
        new: found.difference(&known).count(),
        gone: known.difference(&found).count(),
        refused,
        kept: None,
    };
    if before.as_ref() != Some(&listing) {
        storage.write(&Listing::key(entry)?, &listing.to_bytes()?, &Condition::Always)?;
    }
    Ok(refreshed)
}

/// Fetches listings. Problems are told in words, with the address.
struct Fetcher<'a> {
    downloads: &'a Downloads,
    progress: &'a dyn Progress,
}

/// A listing that was not there, and one that could not be fetched.
enum Trouble {
    Missing(String),
    Failed(String),
}

impl From<Trouble> for String {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Missing(reason) | Trouble::Failed(reason) => reason,
        }
    }
}

impl Fetcher<'_> {
    fn read(&self, collection: &Collection) -> Result<Taken, String> {
        let mut taken = Taken::default();
        match &collection.place {
            Place::Debian { address, suites, components } => {
                for suite in suites {
                    self.debian(collection, address, suite, components, &mut taken)?;
                }
            }
            Place::Rpm { address } => self.rpm(collection, address, &mut taken)?,
            Place::Isf { address } => self.banners(collection, address, &mut taken)?,
            // Neither has a listing that can be read alone.
            Place::Debuginfod { .. } | Place::Windows { .. } => {}
        }
        Ok(taken)
    }

    /// The PDBs of listed executables. Servers are asked only for those that the listing before does not have.
    fn windows(
        &self,
        storage: &dyn Storage,
        list: &ExecutableList,
        filter: &Filter,
        asker: &Asker<'_>,
    ) -> Result<Taken, String> {
        let executables = match list {
            ExecutableList::Winbindex(url) => {
                let text =
                    unpack(&self.fetch_url(url, None, None)?).map_err(|reason| format!("{url}: {reason}"))?;
                Executables::winbindex(name_of(url).unwrap_or_default(), &text, filter)
                    .map_err(|reason| format!("{url}: {reason}"))?
            }
            ExecutableList::Own(key) => {
                let place = storage.place_of(key);
                let object = storage.read(key, LIMIT).map_err(|error| error.to_string())?;
                let object = object
                    .ok_or_else(|| format!("{place}: expected a list of executables, found no object"))?;
                let text = String::from_utf8_lossy(&object.bytes);
                Executables::own(&text).map_err(|reason| format!("{place}: {reason}"))?
            }
        };
        let mut taken = Taken::default();
        asker.rows(&executables, &mut taken);
        taken.sort();
        Ok(taken)
    }

    /// The packages of a suite. Its `Release` says which hashes the lists have; an archive without one is read too.
    fn debian(
        &self,
        collection: &Collection,
        address: &Url,
        suite: &str,
        components: &[String],
        taken: &mut Taken,
    ) -> Result<(), String> {
        let path = format!("dists/{suite}/Release");
        let described = match self.fetch(address, &path, None, None) {
            Ok(bytes) => debian::release(&String::from_utf8_lossy(&bytes)),
            Err(Trouble::Missing(_)) => BTreeMap::new(),
            Err(Trouble::Failed(reason)) => return Err(reason),
        };
        for component in components {
            for architecture in &collection.filter.architectures {
                let text = self.packages(address, suite, component, architecture, &described)?;
                debian::packages(&text, collection.mode, &collection.filter, taken);
            }
        }
        Ok(())
    }

    fn packages(
        &self,
        address: &Url,
        suite: &str,
        component: &str,
        architecture: &str,
        described: &BTreeMap<String, debian::Described>,
    ) -> Result<String, String> {
        let mut reasons = Vec::new();
        for ending in [".xz", ".gz", ""] {
            let file = format!("{component}/binary-{architecture}/Packages{ending}");
            let known = described.get(&file);
            if known.is_none() && !described.is_empty() {
                continue;
            }
            let path = format!("dists/{suite}/{file}");
            let size = known.map(|known| known.size);
            match self.fetch(address, &path, size, known.map(|known| known.sha256.as_str())) {
                Ok(bytes) => {
                    let text = unpack(&bytes).map_err(|reason| format!("{path}: {reason}"))?;
                    return String::from_utf8(text).map_err(|error| {
                        format!(
                            "{path}: expected UTF-8, found another byte at {}",
                            error.utf8_error().valid_up_to()
                        )
                    });
                }
                Err(Trouble::Missing(reason)) => reasons.push(reason),
                Err(Trouble::Failed(reason)) => return Err(reason),
            }
        }
        if reasons.is_empty() {
            let place = below(address, &format!("dists/{suite}")).unwrap_or_else(|| address.clone());
            return Err(format!("{place}: its Release lists no {component}/binary-{architecture}/Packages"));
        }
        Err(reasons.join("; "))
    }

    fn rpm(&self, collection: &Collection, address: &Url, taken: &mut Taken) -> Result<(), String> {
        let index = self.fetch(address, "repodata/repomd.xml", None, None)?;
        let primary = rpm::primary(&index).map_err(|reason| format!("repodata/repomd.xml: {reason}"))?;
        let packed = self.fetch(address, &primary.path, primary.size, primary.sha256.as_deref())?;
        let named = |reason| format!("{}: {reason}", primary.path);
        let xml = unpack(&packed).map_err(named)?;
        drop(packed);
        rpm::packages(&xml, collection.mode, &collection.filter, taken).map_err(named)
    }

    /// A list of tables and those that it names. One of these that is not there is passed over, as Volatility does.
    fn banners(&self, collection: &Collection, address: &Url, taken: &mut Taken) -> Result<(), String> {
        let mut waiting = vec![address.clone()];
        let mut known = BTreeSet::from([address.to_string()]);
        while let Some(url) = waiting.pop() {
            let bytes = match self.fetch_url(&url, None, None) {
                Ok(bytes) => bytes,
                Err(Trouble::Missing(reason)) if url != *address => {
                    taken.refuse(url.as_str(), &reason);
                    continue;
                }
                Err(trouble) => return Err(trouble.into()),
            };
            let list = BannerList::parse(&bytes).map_err(|reason| format!("{url}: {reason}"))?;
            list.rows(&collection.filter, taken);
            for more in &list.additional {
                match Url::parse(more).ok().filter(|url| matches!(url.scheme(), "http" | "https")) {
                    Some(url) if known.len() <= ADDITIONAL => {
                        if known.insert(url.to_string()) {
                            waiting.push(url);
                        }
                    }
                    Some(_) => taken.refuse(more, "more than 64 further lists are named"),
                    None => taken.refuse(more, "expected the address (http, https) of a list"),
                }
            }
        }
        Ok(())
    }

    fn fetch(
        &self,
        base: &Url,
        path: &str,
        size: Option<u64>,
        sha256: Option<&str>,
    ) -> Result<Vec<u8>, Trouble> {
        let url = below(base, path).ok_or_else(|| {
            Trouble::Failed(format!("{base}: it names the list '{path}', expected a path below the archive"))
        })?;
        self.fetch_url(&url, size, sha256)
    }

    fn fetch_url(&self, url: &Url, size: Option<u64>, sha256: Option<&str>) -> Result<Vec<u8>, Trouble> {
        let expected = Expected { limit: LIMIT, size, sha256 };
        self.downloads.read(url, expected, self.progress).map_err(|error| {
            let trouble = if error.missing { Trouble::Missing } else { Trouble::Failed };
            trouble(error.to_string())
        })
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    profile::unpack(bytes, UNPACKED).map(|text| text.into_owned()).map_err(|error| error.to_string())
}
