use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Access;

/// Folders that the sandbox created.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// The private folder for temporary files.
    pub scratch: Option<PathBuf>,
    /// Folders from which [`clean_up`] has to be able to remove an empty one.
    pub parents: Vec<PathBuf>,
}

/// The folders that [`clean_up`] removes.
#[derive(Debug)]
struct Leftovers {
    scratch: Option<(PathBuf, File)>,
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
        remove_abandoned(&shared);
        if let Ok((scratch, lock)) = create_scratch(&shared) {
            // Fails only if it was called before: then that folder serves.
            let _ = tempfile::env::override_temp_dir(&scratch);
            folders.parents.push(shared);
            folders.scratch = Some(scratch.clone());
            leftovers.scratch = Some((scratch, lock));
        }
    }
    folders
}

/// How private folders for temporary files are named.
const SCRATCH: &str = "rekall-profile.";
/// How many entries of the shared folder are looked at for abandoned ones.
const MOST_ENTRIES: usize = 4096;

/// A new private folder, locked for as long as this process lives.
fn create_scratch(shared: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let folder = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(shared)?.keep();
        // Another process may take it for abandoned before it is locked, and remove it.
        let lock = match File::open(&folder) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        lock.lock()?;
        if folder.is_dir() {
            return Ok((folder, lock));
        }
    }
}

/// Removes the private folders of processes that were killed: those that nobody holds a lock on.
fn remove_abandoned(shared: &Path) {
    let Ok(entries) = std::fs::read_dir(shared) else { return };
    for entry in entries.take(MOST_ENTRIES).flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(SCRATCH);
        // Looked at before it is opened: to open a pipe of somebody else would wait for its writer.
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        // Locked until it is gone, so that a process that has just made it notices.
        let Ok(lock) = File::open(entry.path()) else { continue };
        if lock.try_lock().is_ok() {
            // What belongs to somebody else stays.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Removes the private folder for temporary files, and folders that were created for a command that put nothing into
/// them. To be called at the end, and by whoever ends the process early.
pub fn clean_up() {
    let mut leftovers = LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner);
    // What cannot be removed does no harm.
    if let Some((scratch, _lock)) = leftovers.scratch.take() {
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
