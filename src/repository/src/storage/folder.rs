use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use profile::{AtomicFile, MappedFile, open_input, open_regular, remove_leftovers};

use super::{Condition, Object, Stat, Storage, Version};
use crate::{Error, Key};

/// Objects as files in a local folder.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

/// How deep folders are listed.
const MAX_DEPTH: usize = 32;
/// The file that is locked while an object is checked and replaced. Its name is not that of a profile.
const LOCK: &str = ".lock";
/// How long another process may hold the lock, which is normally held only for a rename, and how often it is tried.
const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(2);

impl Folder {
    /// Opens the folder at `root`, which is created when something is written.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file of an object.
    pub fn path(&self, key: &Key) -> PathBuf {
        key.below(&self.root)
    }

    /// Refuses `path`, the path of an object or of its folder, if a link leads out of the repository on the way. The link
    /// was chosen by the maker of the repository and not by the user who reads or builds in it, and an error about a file
    /// quotes from the file. Folders at the top may be links, because users keep parts of a repository on another disk.
    fn check_inside(&self, key: &Key, path: &Path) -> Result<(), Error> {
        let Some(place) = existing_place(path, &self.root) else { return Ok(()) };
        let top = key.as_str().split_once('/').map(|(top, _)| self.root.join(top));
        let mut allowed = [Some(self.root.clone()), top].into_iter().flatten();
        if allowed.any(|folder| folder.canonicalize().is_ok_and(|folder| place.starts_with(folder))) {
            return Ok(());
        }
        let problem =
            "a link leads to it from inside the repository; expected a file in the repository".to_owned();
        Err(Error::Storage { place: place.display().to_string(), problem })
    }

    /// Excludes every other conditional writer until it is dropped. The lock ends with its process. If the file
    /// system has no locks, nothing is excluded, and only the check just before the rename protects.
    fn lock(&self) -> Result<Option<Lock>, Error> {
        let path = self.root.join(LOCK);
        let failed = |error| Error::io(path.display(), error);
        let end = Instant::now() + PATIENCE;
        loop {
            #[allow(clippy::disallowed_methods, reason = "the lock's file stays empty")]
            let file =
                File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
            match file.try_lock() {
                // The previous owner may have removed the file: the name may now belong to another one.
                Ok(()) if is_still(&file, &path).map_err(failed)? => {
                    return Ok(Some(Lock { path, _file: file }));
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(AGAIN),
                Err(TryLockError::WouldBlock) => {
                    let problem = format!("another process has had it locked for {} s", PATIENCE.as_secs());
                    return Err(Error::Storage { place: path.display().to_string(), problem });
                }
                Err(TryLockError::Error(_)) => return Ok(None),
            }
        }
    }

    /// Lists the objects below `folder`, whose key is `prefix`. Links to folders are not followed, since they may
    /// form a circle.
    fn walk(
        &self,
        folder: &Path,
        prefix: &str,
        depth: usize,
        found: &mut dyn FnMut(Key, Stat),
    ) -> Result<(), Error> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(Error::io(folder.display(), error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(folder.display(), error))?;
            // Files whose names are not keys are ignored, and so are temporary files and those of version control.
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let Ok(key) = format!("{prefix}{name}").parse::<Key>() else { continue };
            let kind = entry.file_type().map_err(|error| Error::io(entry.path().display(), error))?;
            if kind.is_dir() {
                if depth < MAX_DEPTH {
                    self.walk(&entry.path(), &format!("{prefix}{name}/"), depth + 1, found)?;
                }
            } else if let Some(stat) = stat(&entry.path())? {
                found(key, stat);
            }
        }
        Ok(())
    }

    /// Removes the temporary files of killed builders in a folder and its subfolders. Links to folders are not
    /// followed.
    fn sweep(&self, folder: &Path, depth: usize) -> Result<(), Error> {
        remove_leftovers(folder);
        for entry in fs::read_dir(folder).map_err(|error| Error::io(folder.display(), error))?.flatten() {
            let hidden = entry.file_name().to_str().is_none_or(|name| name.starts_with('.'));
            if !hidden && depth < MAX_DEPTH && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.sweep(&entry.path(), depth + 1)?;
            }
        }
        Ok(())
    }
}

/// The repository's lock, which is removed with its file when it is dropped.
struct Lock {
    path: PathBuf,
    /// Dropped after the file has been removed: a process that then gets the lock checks the name again.
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // On other systems an open file keeps its name.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a file still has its name.
fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(named) => Ok(version(&named) == version(&file.metadata()?)),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Storage for Folder {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn read(&self, key: &Key, limit: u64) -> Result<Option<Object>, Error> {
        let path = self.path(key);
        let failed = |error| Error::io(path.display(), error);
        // Checked before it is opened: a pipe would wait for its writer, and opening some devices has side effects.
        if stat(&path)?.is_none() {
            return Ok(None);
        }
        self.check_inside(key, &path)?;
        let file = match open_input(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0));
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if read as u64 > limit {
            return Err(Error::TooLarge { place: path.display().to_string(), limit });
        }
        Ok(Some(Object { bytes, version: version(&metadata) }))
    }

    fn map(&self, key: &Key, limit: u64) -> Result<Option<MappedFile>, Error> {
        let path = self.path(key);
        if stat(&path)?.is_some() {
            self.check_inside(key, &path)?;
        }
        match open_regular(&path, limit).and_then(|file| MappedFile::named(file, &path)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Error::io(path.display(), error)),
        }
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>, Error> {
        stat(&self.path(key))
    }

    fn list(&self, prefix: &str) -> Result<Vec<(Key, Stat)>, Error> {
        let mut found = Vec::new();
        self.each(prefix, &mut |key, stat| found.push((key, stat)))?;
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(found)
    }

    fn each(&self, prefix: &str, found: &mut dyn FnMut(Key, Stat)) -> Result<(), Error> {
        let prefix = prefix.trim_end_matches('/');
        if prefix.is_empty() {
            return self.walk(&self.root, "", 0, found);
        }
        let key: Key = prefix.parse()?;
        self.walk(&self.path(&key), &format!("{prefix}/"), 0, found)
    }

    /// Two writers with [`Condition::Absent`] cannot both succeed: the file gets its name only if there is none.
    /// [`Condition::Unchanged`] is checked, and the file gets its name, while the repository's `.lock` is locked.
    fn write(&self, key: &Key, bytes: &[u8], condition: &Condition) -> Result<Option<Version>, Error> {
        let path = self.path(key);
        let failed = |error| Error::io(path.display(), error);
        check_replaceable(&path).map_err(failed)?;
        let parent = path.parent().unwrap_or(&self.root);
        self.check_inside(key, parent)?;
        fs::create_dir_all(parent).map_err(|error| Error::io(parent.display(), error))?;
        let mut file = AtomicFile::create(&path).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        let version = file.as_file().metadata().map(|metadata| version(&metadata)).map_err(failed)?;
        match condition {
            Condition::Always => file.commit().map_err(failed)?,
            Condition::Absent => {
                if !file.commit_new().map_err(failed)? {
                    return Ok(None);
                }
            }
            Condition::Unchanged(known) => {
                let _lock = self.lock()?;
                if stat(&path)?.is_none_or(|stat| stat.version != *known) {
                    return Ok(None);
                }
                file.commit().map_err(failed)?;
            }
        }
        Ok(Some(version))
    }

    fn tidy(&self) -> Result<(), Error> {
        self.sweep(&self.root, 0)
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        let path = self.path(key);
        self.check_inside(key, path.parent().unwrap_or(&self.root))?;
        match fs::remove_file(&path) {
            Err(error) if !is_absent(&error) => Err(Error::io(path.display(), error)),
            _ => Ok(()),
        }
    }
}

/// Refuses to replace a folder, a pipe or a device by a file. Reading treats these as absent, so without this check a
/// conditional write would fail as if another builder had written the file.
fn check_replaceable(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let found = formats::identify_path(path)?;
            Err(io::Error::other(format!("expected a regular file or nothing, found {found}")))
        }
        // Any other problem with the path shows when the file is created.
        _ => Ok(()),
    }
}

fn stat(path: &Path) -> Result<Option<Stat>, Error> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(Stat {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            version: version(&metadata),
        })),
        Ok(_) => Ok(None),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Error::io(path.display(), error)),
    }
}

/// Where a path below `root` really is, all links followed; if nothing is there yet, its nearest folder.
fn existing_place(path: &Path, root: &Path) -> Option<PathBuf> {
    let mut up = path.ancestors().take_while(|path| path.starts_with(root));
    up.find_map(|path| match path.canonicalize() {
        Ok(place) => Some(Some(place)),
        Err(error) if is_absent(&error) => None,
        Err(_) => Some(None),
    })?
}

/// A file counts as unchanged if its size, its time and (on Unix) its inode are equal. Times are coarse on some
/// systems, but a file that replaces another by a rename has another inode.
fn version(metadata: &fs::Metadata) -> Version {
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let number = 0;
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Version(format!("{}-{}-{number}", since.as_nanos(), metadata.len()))
}

/// Whether there is no object: no such file, or a file in the place of a folder.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    #[test]
    fn objects_are_written_read_listed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(&folder.path().join("v1.0"));
        assert_eq!(store.read(&key("a/b.gz"), 10).unwrap(), None);
        assert!(store.list("").unwrap().is_empty());
        let version = store.write(&key("a/b.gz"), b"text", &Condition::Absent).unwrap().unwrap();
        let object = store.read(&key("a/b.gz"), 10).unwrap().unwrap();
        assert_eq!((object.bytes.as_slice(), &object.version), (b"text".as_slice(), &version));
        let stat = store.stat(&key("a/b.gz")).unwrap().unwrap();
        assert_eq!((stat.size, &stat.version), (4, &version));
        store.write(&key("c.gz"), b"", &Condition::Always).unwrap();
        let listed = |prefix: &str| -> Vec<String> {
            store.list(prefix).unwrap().iter().map(|(key, _)| key.to_string()).collect()
        };
        assert_eq!(listed(""), ["a/b.gz", "c.gz"]);
        assert_eq!(listed("a"), ["a/b.gz"]);
        store.remove(&key("c.gz")).unwrap();
        store.remove(&key("c.gz")).unwrap();
        assert_eq!(listed(""), ["a/b.gz"]);
    }

    #[test]
    fn conditions_hold() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        let first = store.write(&key("k"), b"1", &Condition::Absent).unwrap().unwrap();
        assert_eq!(store.write(&key("k"), b"2", &Condition::Absent).unwrap(), None);
        let second = store.write(&key("k"), b"22", &Condition::Unchanged(first.clone())).unwrap().unwrap();
        assert_eq!(store.write(&key("k"), b"333", &Condition::Unchanged(first)).unwrap(), None);
        assert_eq!(store.read(&key("k"), 9).unwrap().unwrap().version, second);
        assert_eq!(store.write(&key("new"), b"", &Condition::Unchanged(second)).unwrap(), None);
    }

    #[test]
    fn many_writers_lose_no_update() {
        const WRITERS: usize = 4;
        const ROUNDS: usize = 60;
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        store.write(&key("n"), b"0", &Condition::Absent).unwrap().unwrap();
        let count = || {
            loop {
                let object = store.read(&key("n"), 99).unwrap().unwrap();
                let number: usize = std::str::from_utf8(&object.bytes).unwrap().parse().unwrap();
                let next = (number + 1).to_string();
                let unchanged = Condition::Unchanged(object.version);
                if store.write(&key("n"), next.as_bytes(), &unchanged).unwrap().is_some() {
                    return;
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| (0..ROUNDS).for_each(|_| count()));
            }
        });
        let last = store.read(&key("n"), 99).unwrap().unwrap().bytes;
        assert_eq!(std::str::from_utf8(&last).unwrap().parse(), Ok(WRITERS * ROUNDS));
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!cfg!(unix) || names == ["n"], "{names:?}");
        assert_eq!(store.list("").unwrap().len(), 1, "the lock is not an object");
    }

    #[test]
    fn temporary_files_of_killed_builders_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        store.write(&key("nt/GUID/k.gz"), b"", &Condition::Always).unwrap();
        let at = |name: &str| folder.path().join(name);
        let left = ["nt/GUID/.rekall-profile-abcdefABC012.partial", ".rekall-profile-0123456789ab.partial"];
        let others = ["nt/.notes", "nt/GUID/.abc.partial", "nt/x.partial"];
        for name in left.iter().chain(&others) {
            fs::write(at(name), "half").unwrap();
        }
        // A builder that has been writing for two days is still active.
        let held = AtomicFile::create(&at("nt/GUID/big.gz")).unwrap();
        held.as_file().set_modified(SystemTime::now() - Duration::from_secs(2 * 24 * 3600)).unwrap();
        // The folders that were written to have been cleaned once by then; this test removes what appears later.
        left.iter().for_each(|name| fs::write(at(name), "half").unwrap());
        store.tidy().unwrap();
        for name in left {
            assert!(!at(name).exists(), "{name}");
        }
        for name in others {
            assert!(at(name).exists(), "{name}");
        }
        held.commit().unwrap();
        assert_eq!(store.list("").unwrap().len(), 3, "the object, the one that was held, and x.partial");
    }

    #[test]
    fn objects_that_are_too_large_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        store.write(&key("k"), b"12345", &Condition::Always).unwrap();
        assert!(matches!(store.read(&key("k"), 4), Err(Error::TooLarge { limit: 4, .. })));
        assert!(store.read(&key("k"), 5).unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn pipes_and_devices_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        store.write(&key("nt/GUID/k.gz"), b"", &Condition::Always).unwrap();
        let make = |name: &str, device: &[&str]| {
            let path = folder.path().join(name);
            let mut command = std::process::Command::new("mknod");
            command.arg(&path).args(device).stderr(std::process::Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        assert!(make("nt/GUID/pipe.gz", &["p"]));
        assert!(make("config.yaml", &["p"]));
        std::os::unix::fs::symlink("pipe.gz", folder.path().join("nt/GUID/link.gz")).unwrap();
        // Only root can create devices.
        make("nt/GUID/zero.gz", &["c", "1", "5"]);
        for name in ["nt/GUID/pipe.gz", "nt/GUID/link.gz", "nt/GUID/zero.gz", "config.yaml", "nt"] {
            assert_eq!(store.read(&key(name), 9).unwrap(), None, "{name}");
            assert_eq!(store.stat(&key(name)).unwrap(), None, "{name}");
        }
        assert_eq!(store.list("").unwrap().len(), 1);
        for condition in [Condition::Always, Condition::Absent] {
            let error = store.write(&key("nt/GUID/pipe.gz"), b"", &condition).unwrap_err().to_string();
            assert!(error.ends_with("expected a regular file or nothing, found a pipe or socket"), "{error}");
        }
        store.tidy().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_repository_are_refused() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("v1.0"), folder.path().join("elsewhere"));
        let store = Folder::new(&root);
        store.write(&key("nt/GUID/k.gz"), b"inside", &Condition::Always).unwrap();
        fs::create_dir_all(outside.join("GUID")).unwrap();
        #[allow(clippy::disallowed_methods, reason = "a file of somebody else")]
        fs::write(outside.join("GUID/k.gz"), "secret").unwrap();
        symlink(outside.join("GUID/k.gz"), root.join("config.yaml")).unwrap();
        symlink(outside.join("GUID/k.gz"), root.join("nt/GUID/link.gz")).unwrap();
        symlink(outside.join("GUID"), root.join("nt/deep")).unwrap();
        symlink("k.gz", root.join("nt/GUID/near.gz")).unwrap();
        symlink(&outside, root.join("disk")).unwrap();
        for name in ["config.yaml", "nt/GUID/link.gz", "nt/deep/k.gz"] {
            for error in [store.read(&key(name), 9).err(), store.map(&key(name), 9).err()] {
                let error = error.unwrap_or_else(|| panic!("{name} was read")).to_string();
                assert!(error.contains("elsewhere/GUID/k.gz: a link leads to it"), "{name}: {error}");
                assert!(!error.contains("secret"), "{error}");
            }
        }
        let error = store.write(&key("nt/deep/new.gz"), b"", &Condition::Always).unwrap_err().to_string();
        assert!(error.contains("a link leads to it"), "{error}");
        assert!(!outside.join("GUID/new.gz").exists());
        assert!(store.remove(&key("nt/deep/k.gz")).is_err());
        assert!(outside.join("GUID/k.gz").exists());
        // A link within the repository, and a folder that the user keeps on another disk.
        for (name, expected) in [("nt/GUID/near.gz", &b"inside"[..]), ("disk/GUID/k.gz", b"secret")] {
            assert_eq!(store.read(&key(name), 9).unwrap().unwrap().bytes, expected, "{name}");
        }
        store.write(&key("disk/new.gz"), b"new", &Condition::Always).unwrap();
        assert!(outside.join("new.gz").exists());
        // The repository itself may be behind a link.
        let behind = folder.path().join("link");
        symlink(&root, &behind).unwrap();
        assert!(Folder::new(&behind).read(&key("nt/GUID/k.gz"), 9).unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn circular_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        store.write(&key("a/k"), b"", &Condition::Always).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink("self", folder.path().join("self")).unwrap();
        let failed = store.list("");
        assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
        fs::remove_file(folder.path().join("self")).unwrap();
        assert_eq!(store.list("").unwrap().len(), 1);
    }
}
