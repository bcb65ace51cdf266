//! The files of a source folder.

use std::io;
use std::path::{Path, PathBuf};

use formats::{FileKind, OpenFile, identify};

/// The deepest nesting and the most files with which a folder is still accepted as a source.
const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 100_000;

/// A file below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name below the folder, with slashes between folders.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its path.
    pub path: PathBuf,
}

/// Lists every file below `root`, sorted by name. Links to folders are not followed, and pipes and devices are left
/// out.
///
/// # Errors
/// Any error from reading the folders; more than 100,000 files; a link to a file that is not below `root`, because what
/// a stranger packed could lead to any file of this machine by it. A link to a zip archive is followed anywhere: folders of
/// packs are made of them.
pub fn files(root: &Path) -> io::Result<Vec<Member>> {
    let inside = root.canonicalize()?;
    let mut files = Vec::new();
    let mut pending = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = pending.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            let path = entry.path();
            if kind.is_dir() {
                if depth < MAX_DEPTH {
                    pending.push((path, format!("{name}/"), depth + 1));
                }
                continue;
            }
            // Links to files are followed. Anything that is not a file or a link to one is left out.
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            if metadata.is_file() {
                if kind.is_symlink() && !path.canonicalize()?.starts_with(&inside) && !is_zip(&path)? {
                    let message =
                        format!("{name} is a link to a file outside the folder; copy the file there");
                    return Err(io::Error::other(message));
                }
                files.push(Member { name, size: metadata.len(), path });
            }
            if files.len() > MAX_FILES {
                let message = format!("it holds more than {MAX_FILES} files, expected an unpacked pack");
                return Err(io::Error::other(message));
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Whether a regular file is a zip archive, of a pack or of anything else.
fn is_zip(path: &Path) -> io::Result<bool> {
    let file = profile::open_regular(path, u64::MAX)?;
    Ok(matches!(identify(&OpenFile(&file), Some(path)).kind, FileKind::Pack | FileKind::Zip))
}
