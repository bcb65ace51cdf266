use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::path::{Refusal, parts};

/// A folder of files, found by the paths of requests.
///
/// A name is found with its exact spelling, otherwise in another case, as on Windows. If several names differ only in
/// case, the first in byte order that leads to a file is used.
pub(super) struct Tree {
    /// The folder's path with links resolved.
    root: PathBuf,
    listings: Mutex<HashMap<PathBuf, Listing>>,
}

/// The names in a folder, by their lower case.
#[derive(Clone)]
struct Listing {
    modified: SystemTime,
    names: Arc<HashMap<String, Vec<OsString>>>,
    count: usize,
}

/// How many places are tried for one path.
const MAX_WAYS: usize = 16;
/// How many names are cached in all.
const MAX_REMEMBERED: usize = 500_000;
/// A folder that was changed less than this ago may change again without a new modification time.
const SETTLED: Duration = Duration::from_secs(2);

impl Tree {
    pub fn new(root: &Path) -> io::Result<Self> {
        let root = fs::canonicalize(root)?;
        fs::read_dir(&root)?;
        Ok(Self { root, listings: Mutex::default() })
    }

    /// Opens the file for the path of a request.
    pub fn open(&self, path: &str) -> Result<(File, fs::Metadata), Refusal> {
        let path = self.find(path)?;
        let file = match profile::open_regular(&path, profile::LARGEST_COMPANION) {
            Ok(file) => file,
            Err(error) if profile::is_refusal(&error) => return Err(Refusal::Absent),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        Ok((file, metadata))
    }

    /// The file for the path of a request, with links resolved.
    pub fn find(&self, path: &str) -> Result<PathBuf, Refusal> {
        let parts = parts(path)?;
        let direct = self.root.join(parts.iter().collect::<PathBuf>());
        if let Some(found) = self.file(&direct)? {
            return Ok(found);
        }
        let mut ways = vec![self.root.clone()];
        for part in &parts {
            let mut next = Vec::new();
            for folder in &ways {
                // Nothing is revealed about files elsewhere, not even whether they exist.
                let Some(folder) = self.inside(folder)? else { continue };
                let names = self.names(&folder, part)?;
                next.extend(names.into_iter().map(|name| folder.join(name)));
            }
            next.truncate(MAX_WAYS);
            ways = next;
        }
        for way in ways {
            if let Some(found) = self.file(&way)? {
                return Ok(found);
            }
        }
        Err(Refusal::Absent)
    }

    /// The place with links resolved, if it exists.
    fn inside(&self, path: &Path) -> Result<Option<PathBuf>, Refusal> {
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(Refusal::Failed(error)),
        };
        let Ok(below) = path.strip_prefix(&self.root) else { return Err(Refusal::Leaves) };
        let hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
        if below.components().any(hidden) { Ok(None) } else { Ok(Some(path)) }
    }

    /// The same, if it is a file.
    fn file(&self, path: &Path) -> Result<Option<PathBuf>, Refusal> {
        let Some(path) = self.inside(path)? else { return Ok(None) };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(path)),
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Refusal::Failed(error)),
        }
    }

    /// The names in a folder that differ from `name` only in case, the name itself first.
    fn names(&self, folder: &Path, name: &str) -> Result<Vec<OsString>, Refusal> {
        let listing = match self.listing(folder) {
            Ok(listing) => listing,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(Refusal::Failed(error)),
        };
        let mut names = listing.names.get(&name.to_lowercase()).cloned().unwrap_or_default();
        names.sort_by(|left, right| {
            let other = |text: &OsString| text.as_os_str() != OsStr::new(name);
            (other(left), left).cmp(&(other(right), right))
        });
        Ok(names)
    }

    /// The names in a folder, cached until it changes.
    fn listing(&self, folder: &Path) -> io::Result<Listing> {
        let modified = fs::metadata(folder)?.modified()?;
        let remembered = |listings: &HashMap<PathBuf, Listing>| {
            listings.get(folder).filter(|listing| listing.modified == modified).cloned()
        };
        if let Some(listing) = remembered(&self.listings.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(listing);
        }
        let now = SystemTime::now();
        let mut names: HashMap<String, Vec<OsString>> = HashMap::new();
        let mut count = 0;
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            // A name that is not valid text cannot be requested.
            let Some(lower) = name.to_str().map(str::to_lowercase) else { continue };
            names.entry(lower).or_default().push(name);
            count += 1;
        }
        let listing = Listing { modified, names: Arc::new(names), count };
        let settled = now.duration_since(modified).is_ok_and(|age| age > SETTLED);
        if settled && count <= MAX_REMEMBERED {
            let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
            listings.remove(folder);
            let held: usize = listings.values().map(|listing| listing.count + 1).sum();
            if held + count + 1 > MAX_REMEMBERED {
                listings.clear();
            }
            listings.insert(folder.to_owned(), listing.clone());
        }
        Ok(listing)
    }
}

/// Whether the file does not exist: no such name, a file in place of a folder, or an impossible name.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename | InvalidInput)
}

fn failed(error: io::Error) -> Refusal {
    if is_absent(&error) { Refusal::Absent } else { Refusal::Failed(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(files: &[&str]) -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let tree = Tree::new(folder.path()).unwrap();
        (folder, tree)
    }

    fn found(tree: &Tree, path: &str) -> Option<String> {
        let found = tree.find(path).ok()?;
        Some(found.strip_prefix(&tree.root).unwrap().to_str().unwrap().replace('\\', "/"))
    }

    #[test]
    fn any_case_finds_the_file() {
        let (_folder, tree) =
            store(&["ntkrnlmp.pdb/F8E2/ntkrnlmp.pdb", "Nt/NtK.pdb/AB/file.ptr", "v1.0/nt/GUID/F8E2.gz"]);
        for (path, expected) in [
            ("/ntkrnlmp.pdb/F8E2/ntkrnlmp.pdb", "ntkrnlmp.pdb/F8E2/ntkrnlmp.pdb"),
            ("/NTKRNLMP.PDB/f8e2/ntkrnlmp.PDB", "ntkrnlmp.pdb/F8E2/ntkrnlmp.pdb"),
            ("/nt/ntk.pdb/ab/FILE.PTR", "Nt/NtK.pdb/AB/file.ptr"),
            ("/v1.0/NT/guid/f8e2.gz", "v1.0/nt/GUID/F8E2.gz"),
        ] {
            assert_eq!(found(&tree, path).as_deref(), Some(expected), "{path}");
        }
        for path in ["/ntkrnlmp.pdb", "/ntkrnlmp.pdb/F8E2", "/ntkrnlmp.pdb/F8E3/ntkrnlmp.pdb", "/x"] {
            assert!(matches!(tree.find(path), Err(Refusal::Absent)), "{path}");
        }
        let file_as_folder = "/ntkrnlmp.pdb/F8E2/ntkrnlmp.pdb/x";
        assert!(matches!(tree.find(file_as_folder), Err(Refusal::Absent)));
        assert!(matches!(tree.find(&format!("/{}", "a".repeat(1000))), Err(Refusal::Absent)));
    }

    /// Only Linux always distinguishes names that differ in case.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_exact_name_comes_first_and_all_folders_are_searched() {
        let (_folder, tree) = store(&["K.pdb/AA/k.pdb", "k.pdb/aa/k.pdb", "K.PDB/BB/k.pdb"]);
        assert_eq!(found(&tree, "/k.pdb/aa/k.pdb").as_deref(), Some("k.pdb/aa/k.pdb"));
        assert_eq!(found(&tree, "/K.pdb/AA/K.pdb").as_deref(), Some("K.pdb/AA/k.pdb"));
        assert_eq!(found(&tree, "/k.pdb/bb/k.pdb").as_deref(), Some("K.PDB/BB/k.pdb"));
        assert_eq!(found(&tree, "/k.PDB/Aa/k.pdb").as_deref(), Some("K.pdb/AA/k.pdb"));
    }

    #[test]
    fn changes_are_noticed() {
        let (folder, tree) = store(&["k.pdb/AA/k.pdb"]);
        let old = SystemTime::now() - Duration::from_secs(100);
        File::open(folder.path()).unwrap().set_modified(old).unwrap();
        assert_eq!(found(&tree, "/NEW.txt"), None);
        let remembered = |tree: &Tree| tree.listings.lock().unwrap().len();
        assert_eq!(remembered(&tree), 1);
        fs::write(folder.path().join("new.txt"), "").unwrap();
        assert_eq!(found(&tree, "/NEW.txt").as_deref(), Some("new.txt"));
        fs::remove_file(folder.path().join("new.txt")).unwrap();
        assert_eq!(found(&tree, "/NEW.txt"), None);
    }

    #[cfg(unix)]
    #[test]
    fn only_links_inside_the_folder_are_served() {
        use std::os::unix::fs::symlink;
        let (folder, tree) = store(&["a/k.pdb", ".git/config"]);
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("a", at("b")).unwrap();
        symlink(outside.path(), at("out")).unwrap();
        symlink(outside.path().join("secret"), at("file")).unwrap();
        symlink("../../../../../../../etc/passwd", at("a/up")).unwrap();
        symlink(".git", at("hidden")).unwrap();
        symlink("loop", at("loop")).unwrap();
        assert_eq!(found(&tree, "/b/k.pdb").as_deref(), Some("a/k.pdb"));
        assert_eq!(found(&tree, "/B/K.pdb").as_deref(), Some("a/k.pdb"));
        for path in ["/out/secret", "/OUT/secret", "/out/absent", "/out/x/y", "/file", "/FILE", "/a/up"] {
            assert!(matches!(tree.find(path), Err(Refusal::Leaves)), "{path}: {:?}", tree.find(path));
        }
        assert!(matches!(tree.find("/hidden/config"), Err(Refusal::Absent)));
        assert!(tree.find("/loop/x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn only_files_are_opened() {
        let (folder, tree) = store(&["a/k.pdb"]);
        // Opening it for reading would wait for a writer.
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(matches!(tree.open("/pipe"), Err(Refusal::Absent)));
        assert_eq!(tree.open("/a/k.pdb").unwrap().1.len(), 7);
    }
}
