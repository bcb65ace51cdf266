use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use profile::{AtomicFile, Compat, Progress};

use super::{Catalog, FOLDER, List};
use crate::batch::locked;
use crate::{Error, Storage};

/// What publishing did.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// How many tables were made.
    pub made: usize,
    /// How many tables were there already.
    pub unchanged: usize,
    /// Profiles that give no table, with the reason.
    pub failed: Vec<(String, String)>,
    /// The lists, the one of all tables first.
    pub lists: Vec<List>,
}

const STEP: &str = "Making tables";

/// Writes the tables, with what `compat` adds, and the lists of a repository below a folder, for a web server at the address `base` to serve. Tables
/// that are there already are not made again; a table or list appears whole or not at all, and lists come last, so that
/// none names a table that is not there. Two runs over the same repository give the same bytes.
///
/// # Errors
/// Where the repository cannot be read, or the folder cannot be written.
pub fn publish(
    storage: &dyn Storage,
    compat: Compat,
    folder: &Path,
    base: &str,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Published, Error> {
    let mut catalog = Catalog::read(storage, compat)?;
    let tables = folder.join(FOLDER);
    std::fs::create_dir_all(&tables).map_err(|error| Error::io(tables.display(), error))?;
    let wanted: Vec<_> = catalog.tables().collect();
    let (next, done, made) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let failed: Mutex<Vec<(String, String)>> = Mutex::default();
    let (trouble, stopped) = (Mutex::new(None), AtomicBool::new(false));
    progress.begin(STEP, Some(wanted.len() as u64));
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, wanted.len().max(1)) {
            scope.spawn(|| {
                while let Some((table_name, profile)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    let path = tables.join(table_name.to_string());
                    if !path.is_file() {
                        match catalog.table(storage, profile) {
                            Ok(bytes) => match write(&path, &bytes) {
                                Ok(()) => {
                                    made.fetch_add(1, Ordering::Relaxed);
                                }
                                Err(error) => {
                                    stopped.store(true, Ordering::Relaxed);
                                    locked(&trouble).get_or_insert(error);
                                }
                            },
                            Err(error) => locked(&failed).push((profile.to_string(), error.to_string())),
                        }
                    }
                    progress.advance(STEP, done.fetch_add(1, Ordering::Relaxed) as u64 + 1);
                }
            });
        }
    });
    progress.end(STEP);
    if let Some(error) = trouble.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(error);
    }
    let mut failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    failed.sort();
    let made = made.into_inner();
    let unchanged = wanted.len() - made - failed.len();
    drop(wanted);
    // No list names a table that could not be made.
    catalog.leave_out(failed.iter().map(|(profile, _)| profile.as_str()));
    let lists = catalog.lists(base)?;
    for list in &lists {
        for path in [&list.versioned, &list.path] {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|error| Error::io(parent.display(), error))?;
            }
            // Something else than a file may have no end.
            let as_long =
                |known: std::fs::Metadata| known.is_file() && known.len() == list.bytes.len() as u64;
            let same = std::fs::metadata(&path).is_ok_and(as_long)
                && std::fs::read(&path).is_ok_and(|known| known == list.bytes);
            if !same {
                write(&path, &list.bytes)?;
            }
        }
    }
    Ok(Published { made, unchanged, failed, lists })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |error| Error::io(path.display(), error);
    let mut file = AtomicFile::create(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
    file.commit().map_err(failed)
}
