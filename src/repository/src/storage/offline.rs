use super::{Condition, Object, Stat, Storage, Version};
use crate::{Error, Key};

/// A remote place in a run without network access.
pub(crate) struct Offline {
    /// The place, as the user names it.
    pub(crate) place: String,
}

impl Offline {
    fn not_asked(&self) -> Error {
        Error::Storage { place: self.place.clone(), problem: "not asked: offline".to_owned() }
    }
}

impl Storage for Offline {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn read(&self, _: &Key, _: u64) -> Result<Option<Object>, Error> {
        Err(self.not_asked())
    }

    fn stat(&self, _: &Key) -> Result<Option<Stat>, Error> {
        Err(self.not_asked())
    }

    fn list(&self, _: &str) -> Result<Vec<(Key, Stat)>, Error> {
        Err(self.not_asked())
    }

    fn is_writable(&self) -> bool {
        false
    }

    fn write(&self, _: &Key, _: &[u8], _: &Condition) -> Result<Option<Version>, Error> {
        Err(self.not_asked())
    }

    fn remove(&self, _: &Key) -> Result<(), Error> {
        Err(self.not_asked())
    }
}
