use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Finds files by names, ignoring case as Windows does.
///
/// The listings of root folders are kept during the run, since a store may hold a hundred thousand names. A file that
/// is added to a store during the run has its usual spelling and is found by that.
#[derive(Default)]
pub(crate) struct Listings {
    roots: Mutex<HashMap<PathBuf, Arc<Names>>>,
}

/// The names in a folder, by their spelling in lower case.
type Names = HashMap<String, Vec<OsString>>;

/// Further spellings of one name are ignored.
const MOST: usize = 16;

impl Listings {
    /// The files and folders below `root` whose paths have these components, in any case.
    pub fn matching<'a>(&self, root: &Path, path: impl IntoIterator<Item = &'a str>) -> Vec<PathBuf> {
        let mut found: Option<Vec<PathBuf>> = None;
        for part in path {
            let part = part.to_lowercase();
            let next = match found {
                None => below(root, self.names(root).get(&part)),
                Some(folders) => {
                    let mut next = Vec::new();
                    for folder in folders {
                        next.extend(below(&folder, list(&folder).get(&part)));
                    }
                    next.truncate(MOST);
                    next
                }
            };
            if next.is_empty() {
                return next;
            }
            found = Some(next);
        }
        found.unwrap_or_default()
    }

    fn names(&self, root: &Path) -> Arc<Names> {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(roots.entry(root.to_owned()).or_insert_with(|| Arc::new(list(root))))
    }
}

fn below(folder: &Path, names: Option<&Vec<OsString>>) -> Vec<PathBuf> {
    names.into_iter().flatten().take(MOST).map(|name| folder.join(name)).collect()
}

/// The names in a folder; empty if it is not a folder or cannot be read.
fn list(folder: &Path) -> Names {
    let mut names = Names::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if let Some(text) = name.to_str() {
            names.entry(text.to_lowercase()).or_default().push(name);
        }
    }
    // Folders list their names in an arbitrary order.
    names.values_mut().for_each(|names| names.sort());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["K.PDB/aB1", "k.pdb/AB1", "k.pdb/ab1", "other/ab1"] {
            std::fs::create_dir_all(root.join(path)).unwrap();
            std::fs::write(root.join(path).join("K.pdb"), "").unwrap();
        }
        let listings = Listings::default();
        let expected = ["K.PDB/aB1/K.pdb", "k.pdb/AB1/K.pdb", "k.pdb/ab1/K.pdb"].map(|path| root.join(path));
        assert_eq!(listings.matching(root, ["k.pdb", "AB1", "k.PDB"]), expected);
        assert!(listings.matching(root, ["k.pdb", "AB2", "k.PDB"]).is_empty());
        assert!(listings.matching(&root.join("nowhere"), ["k.pdb"]).is_empty());
        // A file is not a folder.
        assert!(listings.matching(root, ["k.pdb", "ab1", "k.pdb", "more"]).is_empty());
    }
}
