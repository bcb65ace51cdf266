//! Resolves an output name before anything is written to it.

use std::io;
use std::path::{Path, PathBuf};

/// How many links are followed from one name, the same number as on Linux.
const MOST_LINKS: usize = 40;

/// The destination of an output.
#[derive(Debug)]
pub(super) enum Destination {
    /// A regular file at this path, which is not a link and need not exist.
    Regular {
        /// The path of the file itself, with all links resolved.
        path: PathBuf,
        /// Whether the file exists.
        exists: bool,
    },
    /// An open file of this process: `/dev/stdout`, `/dev/fd/N`, `/proc/self/fd/N`, a shell's `>(...)`.
    #[cfg(unix)]
    Descriptor(i32),
    /// A pipe, a device or a socket, or an open file of another process.
    #[cfg(unix)]
    Special(PathBuf),
}

impl Destination {
    /// Follows a name through its links.
    ///
    /// # Errors
    /// An error for a folder and for links that lead in a circle, and any error from reading the name's metadata.
    pub(super) fn of(name: &Path) -> io::Result<Self> {
        if name.as_os_str().is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "expected a file name, found an empty text",
            ));
        }
        let mut path = name.to_owned();
        for _ in 0..=MOST_LINKS {
            #[cfg(unix)]
            match open_file(&path) {
                Some(OpenFile::Own(number)) => return Ok(Self::Descriptor(number)),
                Some(OpenFile::Foreign) => return Ok(Self::Special(path)),
                None => {}
            }
            let metadata = match std::fs::symlink_metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound && path.file_name().is_some() => {
                    return Ok(Self::Regular { path, exists: false });
                }
                Err(error) => return Err(error),
            };
            let kind = metadata.file_type();
            if kind.is_symlink() {
                let target = std::fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(target);
            } else if kind.is_dir() {
                return Err(io::Error::new(
                    io::ErrorKind::IsADirectory,
                    "it is a folder, expected the name of a file",
                ));
            } else if kind.is_file() {
                return Ok(Self::Regular { path, exists: true });
            } else {
                #[cfg(unix)]
                return Ok(Self::Special(path));
                #[cfg(not(unix))]
                return Err(io::Error::other("it is neither a file nor a folder"));
            }
        }
        Err(io::Error::other("its symbolic links lead in a circle"))
    }
}

/// The process whose open file a name in `/dev/fd` or `/proc` is.
#[cfg(unix)]
enum OpenFile {
    Own(i32),
    Foreign,
}

/// The open file for a name in a folder of open files.
#[cfg(unix)]
fn open_file(path: &Path) -> Option<OpenFile> {
    let number: i32 = path.file_name()?.to_str()?.parse().ok().filter(|number| *number >= 0)?;
    // On Linux `/dev/fd` is a link to `/proc/self/fd`, and `/proc/self` one to the folder of this process.
    let folder = std::fs::canonicalize(path.parent()?).ok()?;
    if folder == Path::new("/dev/fd") {
        return Some(OpenFile::Own(number));
    }
    let below = folder.strip_prefix("/proc").ok().filter(|_| folder.ends_with("fd"))?;
    let process = below.iter().next()?.to_str()?;
    let own = process.parse() == Ok(std::process::id());
    Some(if own { OpenFile::Own(number) } else { OpenFile::Foreign })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn regular(name: &Path) -> Option<(PathBuf, bool)> {
        match Destination::of(name).unwrap() {
            Destination::Regular { path, exists } => Some((path, exists)),
            _ => None,
        }
    }

    #[test]
    fn links_are_followed_to_their_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("sub")).unwrap();
        std::fs::write(at("sub/file"), "").unwrap();
        symlink("sub/two", at("one")).unwrap();
        symlink("file", at("sub/two")).unwrap();
        symlink(at("sub/missing"), at("dangling")).unwrap();
        assert_eq!(regular(&at("one")), Some((at("sub/file"), true)));
        assert_eq!(regular(&at("dangling")), Some((at("sub/missing"), false)));
        assert_eq!(regular(&at("new")), Some((at("new"), false)));
    }

    #[test]
    fn circles_folders_and_empty_names_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("b", at("a")).unwrap();
        symlink("a", at("b")).unwrap();
        symlink(".", at("folder")).unwrap();
        for (name, problem) in [(at("a"), "circle"), (at("folder"), "folder"), (PathBuf::new(), "empty")] {
            let error = Destination::of(&name).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn open_files_are_known_by_all_their_names() {
        for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1"] {
            assert!(
                matches!(Destination::of(Path::new(name)).unwrap(), Destination::Descriptor(1)),
                "{name}"
            );
        }
        assert!(open_file(Path::new("/tmp/1")).is_none());
    }
}
