use std::fs::File;
use std::io;
use std::path::Path;

use crate::look::Look;
use crate::{Content, Detail, FileKind, Identified, OpenFile, recognise};

/// Identifies a file by its content. `name` is used only where the content is not enough.
pub fn identify(content: &dyn Content, name: Option<&Path>) -> Identified {
    let look = Look::new(content, name);
    if look.length == Some(0) {
        return FileKind::Empty.into();
    }
    recognise::ALL.iter().find_map(|recognise| recognise(&look)).unwrap_or_else(|| {
        let start = look.head().iter().take(4).copied().collect();
        Identified { detail: Some(Detail::Start(start)), ..FileKind::Unknown.into() }
    })
}

/// Identifies what a path leads to: a folder, a device, a pipe, or a kind of file. Links are followed, as every
/// command follows a path that the user names. Only regular files are opened.
///
/// # Errors
/// Any error from reading the path's metadata or opening the file.
pub fn identify_path(path: &Path) -> io::Result<Identified> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_file() {
        return Ok(identify(&OpenFile(&File::open(path)?), Some(path)));
    }
    let kind = if metadata.is_dir() { folder(path) } else { special(metadata.file_type()) };
    Ok(kind.into())
}

/// Identifies a folder by the names of the files in it.
fn folder(path: &Path) -> FileKind {
    if path.join("Contents/Resources/DWARF").is_dir() {
        return FileKind::DsymBundle;
    }
    FileKind::Folder
}

#[cfg(unix)]
fn special(kind: std::fs::FileType) -> FileKind {
    use std::os::unix::fs::FileTypeExt;

    if kind.is_block_device() {
        FileKind::BlockDevice
    } else if kind.is_char_device() {
        FileKind::CharacterDevice
    } else {
        FileKind::Pipe
    }
}

#[cfg(not(unix))]
fn special(_: std::fs::FileType) -> FileKind {
    FileKind::CharacterDevice
}
