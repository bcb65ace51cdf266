use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Access;

/// Folders that exist because the sandbox created them.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// The private folder for temporary files.
    pub scratch: Option<PathBuf>,
    /// Folders in which [`clean_up`] has to be able to remove an empty one.
    pub parents: Vec<PathBuf>,
}

/// What [`clean_up`] removes.
#[derive(Debug)]
struct Leftovers {
    scratch: Option<PathBuf>,
    /// Deepest first.
    empty: Vec<PathBuf>,
}

static LEFTOVERS: Mutex<Leftovers> = Mutex::new(Leftovers { scratch: None, empty: Vec::new() });

/// Creates the folders that do not exist yet, and a private one for temporary files: the folder that all programs
/// share for them holds files of others. A folder that cannot be created is left to the command, which says so.
pub(super) fn prepare(access: &Access) -> Folders {
    let mut folders = Folders::default();
    let mut leftovers = LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner);
    for (folder, tidy) in access.folders() {
        let missing: Vec<&Path> = folder
            .ancestors()
            .filter(|folder| !folder.as_os_str().is_empty())
            .take_while(|folder| std::fs::symlink_metadata(folder).is_err())
            .collect();
        if missing.is_empty() || std::fs::create_dir_all(folder).is_err() || !tidy {
            continue;
        }
        folders.parents.extend(missing.last().map(|topmost| parent_of(topmost)));
        leftovers.empty.extend(missing.iter().filter_map(|folder| std::path::absolute(folder).ok()));
    }
    if access.needs_scratch() {
        let shared = std::env::temp_dir();
        let created = tempfile::Builder::new().prefix("rekall-profile.").tempdir_in(&shared);
        if let Ok(created) = created {
            let scratch = created.keep();
            // Fails only if it was called before: then that folder serves.
            let _ = tempfile::env::override_temp_dir(&scratch);
            folders.parents.push(shared);
            folders.scratch = Some(scratch.clone());
            leftovers.scratch = Some(scratch);
        }
    }
    folders
}

/// Removes the private folder for temporary files, and folders that were created for a command that put nothing into
/// them. To be called at the end, and by whoever ends the process early.
pub fn clean_up() {
    let mut leftovers = LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner);
    // What cannot be removed does no harm.
    if let Some(scratch) = leftovers.scratch.take() {
        let _ = std::fs::remove_dir_all(scratch);
    }
    for folder in leftovers.empty.drain(..) {
        let _ = std::fs::remove_dir(folder);
    }
}

/// The folder that holds `path`.
pub(super) fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) => PathBuf::from("."),
        None => path.to_owned(),
    }
}
