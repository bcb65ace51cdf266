//! The files of a source that is a folder.

use std::io;
use std::path::{Path, PathBuf};

/// How deep folders are followed, and how many files are taken, before a folder counts as no source.
const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 100_000;

/// A file below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name below the folder, with slashes between folders.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Where it lies.
    pub path: PathBuf,
}

/// Lists every file below `root`, sorted by name. Links to folders are not followed; pipes and devices are left out.
///
/// # Errors
/// Whatever reading the folders gives; more than 100,000 files.
pub fn files(root: &Path) -> io::Result<Vec<Member>> {
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
            // Follows a link to a file; what is neither file nor link is no member.
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            if metadata.is_file() {
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
