use std::io;
use std::path::{Path, PathBuf};

use super::Member;

/// How deep folders are followed, and how many files are taken, before a folder counts as no pack's.
const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 100_000;

/// A file below a folder.
pub(super) struct File {
    pub(super) member: Member,
    pub(super) path: PathBuf,
}

/// Every file below `root`, sorted by name. Links to folders are not followed.
pub(super) fn files(root: &Path) -> io::Result<Vec<File>> {
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
                files.push(File { member: Member { name, size: metadata.len() }, path });
            }
            if files.len() > MAX_FILES {
                let message = format!("it holds more than {MAX_FILES} files, expected an unpacked pack");
                return Err(io::Error::other(message));
            }
        }
    }
    files.sort_by(|a, b| a.member.name.cmp(&b.member.name));
    Ok(files)
}
