//! Opens files that are named by evidence, a store or a repository.
//!
//! The author of such a name may be hostile. A FIFO blocks its reader forever, `/dev/zero` never ends, and a path
//! such as `/etc/shadow` must not be read. So these files are opened without blocking and must be regular files of a
//! bounded size. If the evidence chose the path, they must also be inside the folders where such files belong.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use crate::file::remember_input;

/// The largest file that is opened in this way: 16 TiB, the limit of common file systems.
pub const LARGEST_COMPANION: u64 = 16 << 40;

/// Opens a regular file of at most `limit` bytes without blocking.
///
/// Symbolic links are followed. Use it for files whose place the program itself chose, such as a file in a store or
/// next to a file that the user named. [`open_companion`] is for files beside an image, and [`CompanionFolders::open`] for
/// paths that evidence chose.
///
/// # Errors
/// Any error from opening (including [`io::ErrorKind::NotFound`]), and [`io::ErrorKind::InvalidInput`] with the
/// reason if it is not a regular file or is too large.
pub fn open_regular(path: &Path, limit: u64) -> io::Result<File> {
    check(open_without_blocking(path, true)?, limit)
}

/// Opens a regular file of at most `limit` bytes beside an image, without blocking.
///
/// # Errors
/// As for [`open_regular`]; a link to a file of another name is refused as well: [`companion_target`].
pub fn open_companion(path: &Path, limit: u64) -> io::Result<File> {
    check(open_without_blocking(&companion_target(path)?, false)?, limit)
}

/// The place of a file beside an image: the path itself, or the target of a link. The parts of one image may be spread over
/// several disks and linked beside each other under their own names. Whoever makes an image can also link to any other file
/// of its reader, which is why the target must have the link's name.
///
/// # Errors
/// Any error from looking, and [`io::ErrorKind::InvalidInput`] for a link to a file of another name.
pub fn companion_target(path: &Path) -> io::Result<PathBuf> {
    if !path.symlink_metadata()?.is_symlink() {
        return Ok(path.to_owned());
    }
    let target = path.canonicalize()?;
    if target.file_name() != path.file_name() {
        return Err(refused(format!("it is a link to a file of another name, {}", target.display())));
    }
    Ok(target)
}

/// Whether an error of this module means that a file exists but was refused, and not that it is missing.
pub fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidInput
}

/// The folders in which the companions of a piece of evidence may be.
#[derive(Clone, Debug, Default)]
pub struct CompanionFolders {
    /// In their canonical form.
    folders: Vec<PathBuf>,
}

impl CompanionFolders {
    /// Folders that do not exist are left out.
    pub fn new(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let canonical = |folder: PathBuf| {
            let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
            folder.canonicalize().ok()
        };
        Self { folders: folders.into_iter().filter_map(canonical).collect() }
    }

    /// Opens a regular file of at most `limit` bytes in one of the folders or below them. Links and `..` are resolved
    /// first: the place of the file itself counts.
    ///
    /// # Errors
    /// As for [`open_regular`]; a file elsewhere is also refused with [`io::ErrorKind::InvalidInput`].
    pub fn open(&self, path: &Path, limit: u64) -> io::Result<File> {
        let canonical = path.canonicalize()?;
        if !self.folders.iter().any(|folder| canonical.starts_with(folder)) {
            return Err(refused("it lies outside the folders where such files belong"));
        }
        check(open_without_blocking(&canonical, false)?, limit)
    }
}

#[cfg(unix)]
fn open_without_blocking(path: &Path, follow: bool) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};

    let mut flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    if !follow {
        // The path is canonical, so a link there was created only a moment ago.
        flags |= OFlags::NOFOLLOW;
    }
    Ok(File::from(open(path, flags, Mode::empty())?))
}

#[cfg(not(unix))]
fn open_without_blocking(path: &Path, _follow: bool) -> io::Result<File> {
    // Opening cannot block there; anything that is not a file is refused by its metadata.
    File::open(path)
}

/// Checks the open file, which can no longer be exchanged.
fn check(file: File, limit: u64) -> io::Result<File> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(refused(format!("it is {}, expected a regular file", kind(&metadata))));
    }
    if metadata.len() > limit {
        return Err(refused(format!("it has {} bytes, expected at most {limit}", metadata.len())));
    }
    #[cfg(unix)]
    remember_input(&metadata);
    Ok(file)
}

fn refused(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason.into())
}

fn kind(metadata: &std::fs::Metadata) -> &'static str {
    if metadata.is_dir() {
        return "a folder";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = metadata.file_type();
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
        if kind.is_socket() {
            return "a socket";
        }
    }
    "something else"
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn reason(result: io::Result<File>) -> String {
        let error = result.unwrap_err();
        assert!(is_refusal(&error), "{error:?}");
        error.to_string()
    }

    #[test]
    fn only_regular_files_of_bounded_size_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, [7; 100]).unwrap();
        assert!(open_regular(&file, 100).is_ok());
        assert!(reason(open_regular(&file, 99)).contains("100 bytes"));
        assert!(reason(open_regular(folder.path(), 100)).contains("a folder"));
        assert!(reason(open_regular(Path::new("/dev/zero"), 100)).contains("a device"));
        assert_eq!(open_regular(&folder.path().join("none"), 1).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_does_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(reason(open_regular(&pipe, 100)).contains("a named pipe"));
        let folders = CompanionFolders::new([folder.path().to_owned()]);
        assert!(reason(folders.open(&pipe, 100)).contains("a named pipe"));
    }

    #[test]
    fn links_beside_an_image_lead_to_files_of_their_own_name() {
        let root = tempfile::tempdir().unwrap();
        let (here, disk) = (root.path().join("here"), root.path().join("disk"));
        for folder in [&here, &disk] {
            std::fs::create_dir(folder).unwrap();
        }
        for name in ["r.002", "shadow"] {
            std::fs::write(disk.join(name), "x").unwrap();
        }
        std::fs::write(here.join("r.001"), "x").unwrap();
        symlink(disk.join("r.002"), here.join("r.002")).unwrap();
        symlink(disk.join("shadow"), here.join("r.003")).unwrap();
        // The name in between does not count: the file itself does.
        symlink(here.join("r.003"), disk.join("r.004")).unwrap();
        symlink(disk.join("r.004"), here.join("r.004")).unwrap();
        for name in ["r.001", "r.002"] {
            assert!(open_companion(&here.join(name), 1).is_ok(), "{name}");
        }
        for name in ["r.003", "r.004"] {
            let reason = reason(open_companion(&here.join(name), 1));
            assert!(reason.contains("another name") && reason.contains("disk/shadow"), "{reason}");
        }
        let none = open_companion(&here.join("none"), 1);
        assert_eq!(none.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn files_elsewhere_are_refused_however_they_are_named() {
        let root = tempfile::tempdir().unwrap();
        let (inside, outside) = (root.path().join("in"), root.path().join("out"));
        for folder in [&inside, &outside] {
            std::fs::create_dir_all(folder.join("deep")).unwrap();
            std::fs::write(folder.join("deep/file"), "x").unwrap();
        }
        symlink(outside.join("deep"), inside.join("link")).unwrap();
        symlink("deep/file", inside.join("near")).unwrap();
        let folders = CompanionFolders::new([inside.clone(), root.path().join("not there")]);
        for name in ["deep/file", "near", "deep/../deep/file"] {
            assert!(folders.open(&inside.join(name), 1).is_ok(), "{name}");
        }
        for name in ["../out/deep/file", "link/file", "deep/../../out/deep/file"] {
            assert!(reason(folders.open(&inside.join(name), 1)).contains("outside"), "{name}");
        }
        assert!(reason(folders.open(&outside.join("deep/file"), 1)).contains("outside"));
    }
}
