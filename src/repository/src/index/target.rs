use super::GENERATOR;
use crate::batch::{PROFILE_LIMIT, configuration, describe};
use crate::name::own_file;
use crate::{Error, Key, ProfileName, Storage};

/// Checks that an index can be stored under a name: there is nothing of that name yet, or it is an index.
///
/// # Errors
/// [`Error::Storage`] if there is something else under one of the addresses of the name; those of the storage.
pub fn check_name(name: &ProfileName, storage: &dyn Storage) -> Result<(), Error> {
    name.keys().iter().try_for_each(|key| check_object(key, storage))
}

/// Checks that an index can be written to a file in the repository: that is not a file which the repository uses, nor a
/// profile.
///
/// # Errors
/// [`Error::Storage`], which says what the file is; those of the storage.
pub fn check_file(key: &Key, storage: &dyn Storage) -> Result<(), Error> {
    if let Some(what) = own_file(key.as_str()) {
        return Err(kept(key, storage, &format!("the repository keeps {what} there")));
    }
    if let Some(entry) = configuration(storage)?.as_ref().and_then(|config| config.reader_of(key)) {
        return Err(kept(key, storage, &format!("the configuration's entry {} reads this file", entry.name)));
    }
    check_object(key, storage)
}

/// Checks that an object does not exist or is an index: by its content, or, if it is damaged, by the inventory.
fn check_object(key: &Key, storage: &dyn Storage) -> Result<(), Error> {
    if storage.stat(key)?.is_none() {
        return Ok(());
    }
    let Some(object) = storage.read(key, PROFILE_LIMIT)? else { return Ok(()) };
    let found = describe(&object.bytes);
    if found.health == INDEX || is_recorded_as_index(key, storage)? {
        return Ok(());
    }
    let what = match found.health.as_str() {
        unreadable if unreadable.starts_with("unreadable") => "it is not an index",
        _ => "it is a profile",
    };
    Err(kept(key, storage, what))
}

/// The verdict on indexes.
const INDEX: &str = "index";

/// Whether the last record of an object says that it is an index.
fn is_recorded_as_index(key: &Key, storage: &dyn Storage) -> Result<bool, Error> {
    let Some((inventory, _)) = storage.inventory()? else { return Ok(false) };
    let Some(name) = ProfileName::of_key(key) else { return Ok(false) };
    let content = inventory.content(name.as_str()).map(|content| content.unpacked());
    Ok(content.is_some_and(|content| content.health == INDEX || content.generator == GENERATOR))
}

fn kept(key: &Key, storage: &dyn Storage, what: &str) -> Error {
    Error::Storage {
        place: storage.place_of(key),
        problem: format!("{what}, and an index may not replace it"),
    }
}
