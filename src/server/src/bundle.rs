use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use repository::{BundleStorage, INVENTORY, Key, Storage};

use crate::made::store;
use crate::path::parts;
use crate::{Page, Pages};

/// A bundle as a server has it: the file itself, of which clients fetch parts, and its builds as a repository below
/// `v1.0`, whose objects are made when they are first asked for and kept in a folder.
pub struct BundlePages {
    path: PathBuf,
    storage: BundleStorage,
    cache: PathBuf,
}

/// How the address of a bundle ends.
const BUNDLE: &str = ".bundle";
/// The folder of a repository's objects.
const LAYOUT: &str = "v1.0/";
/// The largest object that is made, in bytes.
const LARGEST: u64 = 1 << 30;

impl BundlePages {
    /// The pages of the bundle at `path`. Objects are kept below `cache`.
    pub fn new(path: &Path, cache: &Path) -> Self {
        Self { path: path.to_owned(), storage: BundleStorage::file(path), cache: cache.to_owned() }
    }

    /// The path in the address at which the file itself is served. It ends as addresses of bundles do.
    pub fn path(&self) -> String {
        let name = self.name();
        percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC)
            .to_string()
            .replace("%2E", ".")
            .replace("%2D", "-")
            .replace("%5F", "_")
    }

    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(BUNDLE) { name } else { format!("{name}{BUNDLE}") }
    }

    /// The object of a build, or the inventory.
    fn object(&self, key: &Key) -> Option<io::Result<Page>> {
        let stat = match self.storage.stat(key) {
            Ok(stat) => stat?,
            Err(error) => return Some(Err(io::Error::other(error))),
        };
        let mut tag = stat.version.0;
        if key.as_str() == INVENTORY {
            // The inventory gives the time of the file.
            tag = format!("{tag}-{:x}", stat.modified.as_ref().map_or(0, since_1970));
        }
        let path = self.cache.join(format!("{tag}.gz"));
        let open = || File::open(&path).map(|file| Page { file, tag: tag.clone() });
        if path.is_file() {
            return Some(open());
        }
        match self.storage.read(key, LARGEST) {
            Ok(object) => {
                let object = object?;
                Some(store(&path, &object.bytes).and_then(|()| open()))
            }
            Err(error) => Some(Err(io::Error::other(error))),
        }
    }
}

impl Pages for BundlePages {
    fn open(&self, path: &str, _: Option<&str>) -> Option<io::Result<Page>> {
        let path = parts(path).ok()?.join("/");
        if path == self.name() {
            let file = profile::open_regular(&self.path, u64::MAX);
            return Some(file.and_then(|file| {
                let metadata = file.metadata()?;
                Ok(Page {
                    tag: format!("{:x}-{:x}", since_1970(&metadata.modified()?), metadata.len()),
                    file,
                })
            }));
        }
        let name = path.strip_prefix(LAYOUT).filter(|name| name.ends_with(".gz"))?;
        self.object(&name.parse().ok()?)
    }
}

/// A time in nanoseconds.
fn since_1970(time: &SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}
