//! Temporary files next to their final place: their names, their locks, and leftovers.
//!
//! A process locks each temporary file as long as it writes to it. The lock ends with the process, however it ends. A
//! temporary file without a lock is therefore left over from a killed process, and the next process that writes to
//! the folder removes it.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

use super::FileId;

/// The start and end of the names of temporary files. Together with [`RANDOM`] letters and digits in between, they
/// distinguish our files from a user's own file that ends in `.partial`.
const PREFIX: &str = ".rekall-profile-";
const SUFFIX: &str = ".partial";
/// The number of letters and digits in between.
const RANDOM: usize = 12;
/// How often a temporary file is created again because another process removed it before it was locked.
const ATTEMPTS: usize = 16;

/// A locked temporary file. It is removed if it is dropped before it gets its final name.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) file: NamedTempFile,
    // Dropped last, so that the file is gone before it is unregistered.
    _known: Known,
}

impl Temporary {
    /// Creates and locks a temporary file in `folder`, and removes leftovers of killed processes there.
    ///
    /// # Errors
    /// Any error from creating the file.
    pub(super) fn create_in(folder: &Path) -> io::Result<Self> {
        sweep_once(folder);
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX).rand_bytes(RANDOM);
        #[cfg(unix)]
        {
            // The mode that `File::create` gives, with the umask applied: others may read a profile as well.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        for _ in 0..ATTEMPTS {
            let (file, known) = Known::create(|| builder.tempfile_in(folder))?;
            if is_ours(file.as_file(), file.path()) {
                return Ok(Self { file, _known: known });
            }
            // Another process mistook the file for a leftover before it was locked.
        }
        let problem = format!("other processes keep removing its temporary file in {}", folder.display());
        Err(io::Error::other(problem))
    }
}

/// Locks a new temporary file. Returns false if another process has removed it or is about to.
fn is_ours(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return false,
        // The file system has no locks. Then leftovers cannot be locked either, and none are removed.
        Err(TryLockError::Error(_)) => return true,
    }
    has_name(file, path)
}

/// Whether a name still leads to an open file.
fn has_name(file: &File, path: &Path) -> bool {
    match (FileId::of_path(path), FileId::of_file(file)) {
        (Ok(named), Ok(open)) => named == open,
        // On systems other than Unix an open file cannot be identified, and its name is not reused in the meantime.
        (Ok(_), Err(_)) => !cfg!(unix),
        (Err(_), _) => false,
    }
}

/// Removes the leftovers in a folder when this process first writes to it.
fn sweep_once(folder: &Path) {
    static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if swept.insert(folder.to_owned()) {
        remove_leftovers(folder);
    }
}

/// Removes the temporary files in `folder` (not in its subfolders) that no process has locked: those of killed
/// processes. A file that cannot be removed stays and does no harm.
///
/// The lock shows whether a process still writes to a file; the age does not. A long build may write to a file for
/// days, and an unlocked file is useless after a second. On a file system without locks nothing is removed.
pub fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(is_temporary_name) {
            let _ = remove_leftover(&entry.path());
        }
    }
}

/// Whether a file has the name of one of our temporary files.
fn is_temporary_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)).is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Removes a temporary file, unless a process has it locked.
fn remove_leftover(path: &Path) -> io::Result<()> {
    // A link, a pipe or a device is not one of our files, and opening it may block.
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(());
    }
    let file = File::open(path)?;
    // On failure a process has locked it, or the file system has no locks.
    if file.try_lock().is_err() {
        return Ok(());
    }
    // Its process may have given it its final name in the meantime, and another file may have this one.
    if has_name(&file, path) {
        // Removed while it is locked: if its process has just created it, it then notices that it is gone.
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Removes every temporary file of this process and prevents new ones, for a process that is about to end because it
/// was told to (Ctrl-C) and drops nothing any more.
pub fn abandon_temporaries() {
    let mut temporaries = temporaries();
    temporaries.closed = true;
    for path in std::mem::take(&mut temporaries.paths) {
        // A file that cannot be removed at this point has to stay.
        let _ = fs::remove_file(path);
    }
}

/// The temporary files of this process.
struct Temporaries {
    paths: BTreeSet<PathBuf>,
    closed: bool,
}

fn temporaries() -> MutexGuard<'static, Temporaries> {
    static ALL: Mutex<Temporaries> = Mutex::new(Temporaries { paths: BTreeSet::new(), closed: false });
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The registration of one temporary file, until the file is committed or dropped.
#[derive(Debug)]
struct Known {
    path: PathBuf,
}

impl Known {
    /// Creates and registers in one step, so that no file is missed in between.
    fn create(create: impl FnOnce() -> io::Result<NamedTempFile>) -> io::Result<(NamedTempFile, Self)> {
        let mut all = temporaries();
        if all.closed {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the program is stopping"));
        }
        let temporary = create()?;
        let path = temporary.path().to_owned();
        all.paths.insert(path.clone());
        Ok((temporary, Self { path }))
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        temporaries().paths.remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn only_uncommitted_files_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = Temporary::create_in(folder.path()).unwrap();
        let path = temporary.file.path().to_owned();
        assert!(temporaries().paths.contains(&path));
        drop(temporary);
        assert!(!temporaries().paths.contains(&path));
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn leftovers_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(folder.path().join(name), "half").unwrap();
        let leftover = format!("{PREFIX}abcdefABC012{SUFFIX}");
        let kept = [
            ".mine.partial",
            ".rekall-profile-abc.partial",
            "a.partial",
            "rekall-profile-abcdefABC012.partial",
        ];
        kept.into_iter().chain([leftover.as_str()]).for_each(write);
        let held = Temporary::create_in(folder.path()).unwrap();
        let mut expected = kept.map(str::to_owned).to_vec();
        expected.push(held.file.path().file_name().unwrap().to_str().unwrap().to_owned());
        expected.sort();
        assert_eq!(names(folder.path()), expected);
        remove_leftovers(folder.path());
        assert_eq!(names(folder.path()), expected, "a file that is being written is not a leftover");
    }

    #[cfg(unix)]
    #[test]
    fn links_with_a_leftovers_name_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("precious"), "1").unwrap();
        let link = folder.path().join(format!("{PREFIX}aaaaaaaaaaaa{SUFFIX}"));
        std::os::unix::fs::symlink("precious", &link).unwrap();
        remove_leftovers(folder.path());
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn writers_and_sweepers_at_once_lose_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    remove_leftovers(folder.path());
                }
            });
            for round in 0..300 {
                let temporary = Temporary::create_in(folder.path()).unwrap();
                let target = folder.path().join(round.to_string());
                temporary.file.persist(&target).unwrap();
                assert!(target.exists());
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert_eq!(names(folder.path()).len(), 300);
    }
}
