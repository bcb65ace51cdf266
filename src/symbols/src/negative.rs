use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use profile::AtomicFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::manifest::Wanted;
use crate::symbol_path::shown;

/// Remembers for a while which server did not have which PDB, so that it is not asked in every run. Microsoft may
/// publish a PDB late, so entries expire.
#[derive(Debug, Clone)]
pub struct NegativeCache {
    /// The folder with the entries.
    pub folder: PathBuf,
    /// How long an entry is valid.
    pub expiry: Duration,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    server: String,
    name: String,
    guid_age: String,
    /// The time of the request, in seconds since 1970.
    asked: u64,
}

impl NegativeCache {
    /// How long an entry is valid by default.
    pub const EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

    /// How long ago the server said that it does not have the file, if the entry is still valid.
    pub(crate) fn lately_missing(&self, server: &Url, wanted: &Wanted, now: SystemTime) -> Option<Duration> {
        let entry: Entry = serde_json::from_slice(&std::fs::read(self.path(server, wanted)).ok()?).ok()?;
        let asked = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(entry.asked))?;
        // After the clock was set back, entries may be in the future; they are ignored.
        let ago = now.duration_since(asked).ok()?;
        (entry.server == shown(server) && ago < self.expiry).then_some(ago)
    }

    pub(crate) fn remember(&self, server: &Url, wanted: &Wanted, now: SystemTime) -> std::io::Result<()> {
        let path = self.path(server, wanted);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let entry = Entry {
            server: shown(server),
            name: wanted.name.to_string(),
            guid_age: wanted.guid_age.to_string(),
            asked: now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
        };
        let mut file = AtomicFile::create(&path)?;
        file.write_all(&serde_json::to_vec(&entry)?)?;
        file.commit()
    }

    pub(crate) fn forget(&self, server: &Url, wanted: &Wanted) {
        // Usually there is nothing to forget; an entry that remains is valid only until it expires.
        let _ = std::fs::remove_file(self.path(server, wanted));
    }

    fn path(&self, server: &Url, wanted: &Wanted) -> PathBuf {
        let digest = Sha256::digest(shown(server).as_bytes());
        let server: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let name = wanted.name.as_str().to_lowercase();
        self.folder.join(server).join(name).join(format!("{}.json", wanted.guid_age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_valid_until_it_expires_and_only_for_its_server() {
        let folder = tempfile::tempdir().unwrap();
        let cache = NegativeCache { folder: folder.path().join("missing"), expiry: Duration::from_secs(100) };
        let guid_age = "F8E2A8B5C9B74BF4A6E4A48F180099942".parse().unwrap();
        let wanted = Wanted::new("K.pdb".parse().unwrap(), guid_age);
        let lower = Wanted::new("k.pdb".parse().unwrap(), guid_age);
        let server = Url::parse("https://h/s").unwrap();
        let other = Url::parse("https://h/t").unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let after = |seconds| then + Duration::from_secs(seconds);

        assert_eq!(cache.lately_missing(&server, &wanted, then), None);
        cache.remember(&server, &wanted, then).unwrap();
        assert_eq!(cache.lately_missing(&server, &lower, after(99)), Some(Duration::from_secs(99)));
        assert_eq!(cache.lately_missing(&server, &wanted, after(100)), None);
        assert_eq!(cache.lately_missing(&server, &wanted, then - Duration::from_secs(1)), None);
        assert_eq!(cache.lately_missing(&other, &wanted, then), None);
        cache.forget(&server, &wanted);
        assert_eq!(cache.lately_missing(&server, &wanted, then), None);
    }
}
