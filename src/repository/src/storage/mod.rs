//! Where a repository's objects lie.

mod bucket;
mod folder;
mod web;

use std::path::Path;
use std::time::SystemTime;

pub use bucket::Bucket;
pub use folder::Folder;
pub use web::Site;
pub(crate) use web::objects_below;

use crate::{Error, Key};

/// A place that holds objects by [`Key`].
///
/// An object appears whole or not at all; what is written can be made to depend on what stands there, so that two
/// writers cannot undo each other's work.
pub trait Storage: Send + Sync {
    /// The place in words: a path or an address, without secrets.
    fn place(&self) -> String;

    /// The object's address in words.
    fn place_of(&self, key: &Key) -> String {
        format!("{}/{key}", self.place())
    }

    /// The object, of at most `limit` bytes; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Io`], [`Error::Storage`].
    fn read(&self, key: &Key, limit: u64) -> Result<Option<Object>, Error>;

    /// What is known of the object without reading it; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Storage`].
    fn stat(&self, key: &Key) -> Result<Option<Stat>, Error>;

    /// Every object whose key begins with the folder `prefix` (all for an empty one), in the order of keys.
    ///
    /// # Errors
    /// [`Error::Storage`] where the place cannot list what it holds; [`Error::Io`].
    fn list(&self, prefix: &str) -> Result<Vec<(Key, Stat)>, Error>;

    /// Whether it can be written to at all.
    fn is_writable(&self) -> bool {
        true
    }

    /// Writes the object where `condition` holds; `None` where it does not.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Io`], [`Error::Storage`]; nothing is left behind then.
    fn write(&self, key: &Key, bytes: &[u8], condition: &Condition) -> Result<Option<Version>, Error>;

    /// Removes the object, if it is there.
    ///
    /// # Errors
    /// As for [`Storage::write`].
    fn remove(&self, key: &Key) -> Result<(), Error>;
}

/// The place that a text names: a folder by its path, or a bucket as `s3://bucket/prefix`.
///
/// # Errors
/// [`Error::Storage`] for an address of another kind, [`Error::Key`] for a prefix that is none.
pub fn open(text: &str) -> Result<Box<dyn Storage>, Error> {
    match text.split_once("://").map(|(scheme, _)| scheme) {
        None => Ok(Box::new(Folder::new(Path::new(text)))),
        Some("s3") => Ok(Box::new(Bucket::open(text)?)),
        Some(scheme) => Err(Error::Storage {
            place: format!("{scheme}://"),
            problem: "expected a folder or s3://bucket/prefix".to_owned(),
        }),
    }
}

/// An object that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Which state of it they are.
    pub version: Version,
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, where the place tells.
    pub modified: Option<SystemTime>,
    /// Which state of it this is.
    pub version: Version,
}

/// One state of an object: equal where the object did not change, in the place's own words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub String);

/// What has to hold for an object to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing: what stands there is replaced.
    Always,
    /// No object stands there.
    Absent,
    /// The object is still in this state.
    Unchanged(Version),
}
