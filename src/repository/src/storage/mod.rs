//! Where a repository's objects are stored.

#[cfg(feature = "buckets")]
mod bucket;
mod bundled;
mod folder;
mod offline;
mod web;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use profile::MappedFile;
use symbols::ClientOptions;
use url::Url;

#[cfg(feature = "buckets")]
pub use bucket::Bucket;
pub use bundled::{BundleStorage, open_bundle};
pub use folder::Folder;
use offline::Offline;
pub use web::Site;

use crate::{CONFIG, Error, INVENTORY, Inventory, Key, ProfileName};

/// The largest object that is read into memory, in bytes. The largest known debug packages of kernels have a little
/// more than 1 GiB.
const LARGEST_IN_MEMORY: u64 = 4 << 30;

/// A place that stores objects by [`Key`].
///
/// An object appears complete or not at all. A write can be made to depend on the existing object, so that two
/// writers cannot undo each other's work.
pub trait Storage: Send + Sync {
    /// The place in words: a path or an address, without secrets.
    fn place(&self) -> String;

    /// What it means that an object is not found, in words.
    fn absence(&self) -> &'static str {
        "not there"
    }

    /// The object's address in words.
    fn place_of(&self, key: &Key) -> String {
        format!("{}/{key}", self.place())
    }

    /// The object, of at most `limit` bytes; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Io`], [`Error::Storage`].
    fn read(&self, key: &Key, limit: u64) -> Result<Option<Object>, Error>;

    /// The object's bytes for reading parts of them, up to `limit` bytes: a file is mapped, and a remote object is
    /// read into memory, up to 4 GiB. `None` if there is no such object.
    ///
    /// # Errors
    /// As for [`Storage::read`].
    fn map(&self, key: &Key, limit: u64) -> Result<Option<MappedFile>, Error> {
        Ok(self.read(key, limit.min(LARGEST_IN_MEMORY))?.map(|object| MappedFile::from(object.bytes)))
    }

    /// The size and version of the object without reading it; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Storage`].
    fn stat(&self, key: &Key) -> Result<Option<Stat>, Error>;

    /// Every object whose key begins with the folder `prefix` (or all, if it is empty), in the order of keys.
    ///
    /// # Errors
    /// [`Error::Storage`] if the place cannot list its objects; [`Error::Io`].
    fn list(&self, prefix: &str) -> Result<Vec<(Key, Stat)>, Error>;

    /// Calls `found` with every object that [`Storage::list`] lists, in any order. A place with tens of thousands of objects
    /// need not hold them all.
    ///
    /// # Errors
    /// As for [`Storage::list`].
    fn each(&self, prefix: &str, found: &mut dyn FnMut(Key, Stat)) -> Result<(), Error> {
        self.list(prefix)?.into_iter().for_each(|(key, stat)| found(key, stat));
        Ok(())
    }

    /// Every possible address of a profile's object here, in the order in which they are tried.
    fn keys(&self, name: &ProfileName) -> Vec<Key> {
        name.keys()
    }

    /// The inventory with its version; `None` if there is none.
    ///
    /// # Errors
    /// As for [`Inventory::read`].
    fn inventory(&self) -> Result<Option<(Inventory, Version)>, Error> {
        let key = Inventory::key()?;
        let Some(object) = self.read(&key, crate::inventory::LIMIT)? else { return Ok(None) };
        Ok(Some((Inventory::parse(&object.bytes, &self.place_of(&key))?, object.version)))
    }

    /// Whether it can be written to at all.
    fn is_writable(&self) -> bool {
        true
    }

    /// Writes the object if `condition` is true; returns `None` if it is not.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Io`], [`Error::Storage`]; nothing is left behind then.
    fn write(&self, key: &Key, bytes: &[u8], condition: &Condition) -> Result<Option<Version>, Error>;

    /// Removes what interrupted writers left behind, where that is possible.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn tidy(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Removes the object, if it exists.
    ///
    /// # Errors
    /// As for [`Storage::write`].
    fn remove(&self, key: &Key) -> Result<(), Error>;
}

/// Opens the repository that a text names: a bucket and prefix as `s3://bucket/prefix`, a folder by its path,
/// which contains `v1.0` or is that folder, or a bundle by the path of its file. A new repository in a folder gets `v1.0`.
/// `client` says how servers are contacted; offline, every request to a bucket fails.
///
/// # Errors
/// [`Error::Storage`] for another kind of address, or a bucket without the feature `buckets`; [`Error::Key`] for an
/// invalid prefix.
pub fn open(text: &str, client: &ClientOptions) -> Result<Box<dyn Storage>, Error> {
    match text.split_once("://").map(|(scheme, _)| scheme) {
        None if is_bundle_file(text) => Ok(Box::new(BundleStorage::file(Path::new(text)))),
        None => Ok(Box::new(Folder::new(&objects_below(Path::new(text))))),
        Some("s3") if text.ends_with(BUNDLE) => Err(Error::Storage {
            place: text.to_owned(),
            problem: "a bundle is read from a file or from an http or https address".to_owned(),
        }),
        Some("s3") if client.offline => Ok(Box::new(Offline { place: text.to_owned() })),
        #[cfg(feature = "buckets")]
        Some("s3") => Ok(Box::new(Bucket::open(text, client)?)),
        #[cfg(not(feature = "buckets"))]
        Some("s3") => Err(Error::Storage {
            place: text.to_owned(),
            problem: "this program was built without buckets; use one of a release, or build with --features buckets"
                .to_owned(),
        }),
        Some(scheme) => Err(Error::Storage {
            place: format!("{scheme}://"),
            problem: "expected a folder or s3://bucket/prefix".to_owned(),
        }),
    }
}

/// How the address of a bundle on a server ends.
const BUNDLE: &str = ".bundle";

/// Whether the repository that a text names would be a bundle: a file, as no other repository is.
pub fn is_bundle_file(text: &str) -> bool {
    Path::new(text).is_file()
}

/// The address of a bundle on a server that a text names; `None` for anything else.
pub(crate) fn bundle_url(text: &str) -> Result<Option<Url>, Error> {
    let Some(url) = url(text)? else { return Ok(None) };
    let is_bundle = url.path().ends_with(BUNDLE);
    Ok(Some(url).filter(|_| is_bundle))
}

/// The address (`http://`, `https://`) that a text is; `None` for anything else.
pub(crate) fn url(text: &str) -> Result<Option<Url>, Error> {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Ok(None);
    }
    let wrong =
        |error| Error::Storage { place: text.to_owned(), problem: format!("not an address: {error}") };
    text.parse().map(Some).map_err(wrong)
}

/// Folders of profiles. A hand-made repository has no `v1.0`.
const FAMILIES: [&str; 5] = ["GUID", "nt/GUID", "Linux", "OSX", "ntoskrnl.exe"];

/// The folder of a repository that contains its objects.
pub(crate) const LAYOUT: &str = "v1.0";

/// The address of a file on this machine in the repository that `text` names; `None` if it is outside of it.
pub fn key_of(text: &str, file: &Path) -> Option<Key> {
    if text.contains("://") || is_bundle_file(text) {
        return None;
    }
    let root = objects_below(Path::new(text)).canonicalize().ok()?;
    // A new file does not have a real path yet, but its folder has.
    let real = file.canonicalize().ok().or_else(|| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(file.file_name()?))
    })?;
    let parts = real.strip_prefix(root).ok()?.iter().map(|part| part.to_str());
    parts.collect::<Option<Vec<&str>>>()?.join("/").parse().ok()
}

/// The folder in which a repository on this machine keeps its objects: `v1.0` below the folder that the user names,
/// unless that is it already (it has that name, has a configuration or an inventory, or contains folders of
/// profiles).
fn objects_below(root: &Path) -> PathBuf {
    let inside = root.join(LAYOUT);
    let holds = |name: &str| root.join(name).exists();
    let itself = root.file_name().is_some_and(|name| name == LAYOUT)
        || [INVENTORY, CONFIG].into_iter().any(holds)
        || FAMILIES.into_iter().any(|name| root.join(name).is_dir());
    if !inside.is_dir() && itself { root.to_owned() } else { inside }
}

/// An object that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its version.
    pub version: Version,
}

/// The properties of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, if the place records it.
    pub modified: Option<SystemTime>,
    /// Its version.
    pub version: Version,
}

/// One version of an object, in the place's own form: equal if the object did not change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub String);

/// The condition for a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// None: an existing object is replaced.
    Always,
    /// The object does not exist.
    Absent,
    /// The object still has this version.
    Unchanged(Version),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_lie_in_the_folder_of_the_layout() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(objects_below(root), root.join("v1.0"), "a new repository");
        assert_eq!(
            objects_below(&root.join("v1.0")),
            root.join("v1.0"),
            "a new one, named by its own folder"
        );
        for name in [CONFIG, INVENTORY] {
            std::fs::write(root.join(name), "").unwrap();
            assert_eq!(objects_below(root), root, "{name} lies in the folder itself");
            std::fs::remove_file(root.join(name)).unwrap();
        }
        for name in ["GUID", "nt/GUID"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
            assert_eq!(objects_below(root), root, "{name} lies in the folder itself");
            std::fs::remove_dir(root.join(name)).unwrap();
        }
        std::fs::create_dir(root.join("v1.0")).unwrap();
        std::fs::write(root.join(CONFIG), "").unwrap();
        assert_eq!(objects_below(root), root.join("v1.0"));
    }

    #[test]
    fn other_places_are_refused() {
        let error =
            open("ftp://user:secret@host/x", &ClientOptions::default()).map(|_| ()).unwrap_err().to_string();
        assert_eq!(error, "ftp://: expected a folder or s3://bucket/prefix");
    }
}
