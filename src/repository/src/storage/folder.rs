use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use profile::AtomicFile;

use super::{Condition, Object, Stat, Storage, Version};
use crate::{Error, Key};

/// Objects as the files of a local folder.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

/// How deep folders are listed.
const MAX_DEPTH: usize = 32;

impl Folder {
    /// The folder at `root`, which need not exist before something is written.
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

    /// Lists what is below `folder`, whose key is `prefix`. Links to folders are not followed: they may lead in a circle.
    fn walk(
        &self,
        folder: &Path,
        prefix: &str,
        depth: usize,
        found: &mut Vec<(Key, Stat)>,
    ) -> Result<(), Error> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(Error::io(folder.display(), error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(folder.display(), error))?;
            // Names that are no keys are nobody's objects; temporary files and those of version control neither.
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let Ok(key) = format!("{prefix}{name}").parse::<Key>() else { continue };
            let kind = entry.file_type().map_err(|error| Error::io(entry.path().display(), error))?;
            if kind.is_dir() {
                if depth < MAX_DEPTH {
                    self.walk(&entry.path(), &format!("{prefix}{name}/"), depth + 1, found)?;
                }
            } else if let Some(stat) = stat(&entry.path())? {
                found.push((key, stat));
            }
        }
        Ok(())
    }
}

impl Storage for Folder {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn read(&self, key: &Key, limit: u64) -> Result<Option<Object>, Error> {
        let path = self.path(key);
        let failed = |error| Error::io(path.display(), error);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0));
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if read as u64 > limit {
            return Err(Error::TooLarge { place: path.display().to_string(), limit });
        }
        Ok(Some(Object { bytes, version: version(&metadata) }))
    }

    fn stat(&self, key: &Key) -> Result<Option<Stat>, Error> {
        stat(&self.path(key))
    }

    fn list(&self, prefix: &str) -> Result<Vec<(Key, Stat)>, Error> {
        let mut found = Vec::new();
        let prefix = prefix.trim_end_matches('/');
        if prefix.is_empty() {
            self.walk(&self.root, "", 0, &mut found)?;
        } else {
            let key: Key = prefix.parse()?;
            self.walk(&self.path(&key), &format!("{prefix}/"), 0, &mut found)?;
        }
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(found)
    }

    /// Two writers that ask for [`Condition::Absent`] cannot both succeed; [`Condition::Unchanged`] is checked just
    /// before the file gets its name, which is as much as a file system offers.
    fn write(&self, key: &Key, bytes: &[u8], condition: &Condition) -> Result<Option<Version>, Error> {
        let path = self.path(key);
        let failed = |error| Error::io(path.display(), error);
        let parent = path.parent().unwrap_or(&self.root);
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
                if stat(&path)?.is_none_or(|stat| stat.version != *known) {
                    return Ok(None);
                }
                file.commit().map_err(failed)?;
            }
        }
        Ok(Some(version))
    }

    fn remove(&self, key: &Key) -> Result<(), Error> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(error) if !is_absent(&error) => Err(Error::io(path.display(), error)),
            _ => Ok(()),
        }
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

/// A file is taken for unchanged where its size and its time, to the nanosecond, are.
fn version(metadata: &fs::Metadata) -> Version {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Version(format!("{}-{}", since.as_nanos(), metadata.len()))
}

/// Whether there is nothing: no such file, or a file where a folder would have to be.
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
    fn what_is_written_is_read_listed_and_removed() {
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
    fn too_much_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::new(folder.path());
        store.write(&key("k"), b"12345", &Condition::Always).unwrap();
        assert!(matches!(store.read(&key("k"), 4), Err(Error::TooLarge { limit: 4, .. })));
        assert!(store.read(&key("k"), 5).unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_in_a_circle_are_not_followed() {
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
