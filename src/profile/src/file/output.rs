#![allow(clippy::disallowed_methods, reason = "this is the module that writes files")]

use std::fs::File;
#[cfg(unix)]
use std::fs::Metadata;
#[cfg(unix)]
use std::io::Seek;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::destination::Destination;
use super::{AtomicFile, FileId};

/// A file with a name that the user gave. The program writes such files only in this way.
///
/// A regular file appears complete or not at all ([`AtomicFile`]). An existing one is replaced only by
/// [`OutputFile::commit`], and keeps its mode and owner. A symbolic link is followed and stays. Anything else (a
/// pipe, a device, a socket, an open file such as `/dev/stdout`) is written directly. A file that this process has
/// opened as an input ([`open_input`](super::open_input)) is never written to.
#[derive(Debug)]
pub struct OutputFile {
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// The regular file, and the mode that it has to keep.
    Whole(AtomicFile, Option<u32>),
    /// A file that is written directly.
    #[cfg(unix)]
    Through(File),
    /// A file that has to be read back before it is written directly: an unnamed file, and its destination.
    #[cfg(unix)]
    Held(File, File),
}

impl OutputFile {
    /// Opens the file to which `name` leads; its folder has to exist. Opening a pipe waits for a reader.
    ///
    /// # Errors
    /// Any error from creating or opening the file; an error if the file was an input, is not writable, or has an
    /// owner that cannot be kept.
    pub fn create(name: &Path) -> io::Result<Self> {
        let body = match Destination::of(name)? {
            Destination::Regular { path, exists: true } => Self::replace(&path)?,
            Destination::Regular { path, exists: false } => Body::Whole(AtomicFile::create(&path)?, None),
            #[cfg(unix)]
            Destination::Descriptor(number) => Body::Through(checked(special::duplicate(number)?)?),
            #[cfg(unix)]
            Destination::Special(path) => Body::Through(checked(special::open(&path)?)?),
        };
        Ok(Self { body })
    }

    /// Like [`OutputFile::create`], but [`OutputFile::as_file`] can be read back and truncated before the commit.
    /// Output for a pipe or device is then kept in a temporary file until the commit.
    ///
    /// # Errors
    /// As [`OutputFile::create`].
    pub fn create_seekable(name: &Path) -> io::Result<Self> {
        match Self::create(name)?.body {
            #[cfg(unix)]
            Body::Through(file) => Ok(Self { body: Body::Held(tempfile::tempfile()?, file) }),
            body => Ok(Self { body }),
        }
    }

    /// The path of the regular file to which `name` leads, with all links resolved, whether it exists or not. `None`
    /// if the output goes directly to something else.
    ///
    /// # Errors
    /// An error for a folder and for links that lead in a circle, and any error from reading the name's metadata.
    pub fn place(name: &Path) -> io::Result<Option<PathBuf>> {
        Ok(match Destination::of(name)? {
            Destination::Regular { path, .. } => Some(path),
            #[cfg(unix)]
            _ => None,
        })
    }

    /// Creates a file that will replace an existing one.
    fn replace(path: &Path) -> io::Result<Body> {
        // A file that its user may not write, or that is being executed, must not be replaced either.
        let there = File::options().write(true).open(path)?;
        refuse_inputs(path)?;
        let file = AtomicFile::create(path)?;
        #[cfg(unix)]
        {
            let existing = there.metadata()?;
            keep_owner(file.as_file(), &existing)?;
            let mode = std::os::unix::fs::MetadataExt::mode(&existing) & 0o7777;
            set_mode(file.as_file(), mode)?;
            Ok(Body::Whole(file, Some(mode)))
        }
        #[cfg(not(unix))]
        {
            drop(there);
            Ok(Body::Whole(file, None))
        }
    }

    /// Renames the file to its name, or writes the kept output. Directly written output has arrived already.
    ///
    /// # Errors
    /// Any error from flushing, renaming or writing; a regular file is unchanged before then.
    pub fn commit(self) -> io::Result<()> {
        match self.body {
            Body::Whole(file, mode) => {
                match std::fs::symlink_metadata(file.path()) {
                    Ok(there) if !there.is_file() => {
                        return Err(io::Error::other("it was a regular file before and no longer is"));
                    }
                    Ok(_) => refuse_inputs(file.path())?,
                    Err(_) => {}
                }
                #[cfg(unix)]
                if let Some(mode) = mode {
                    // Writing clears the set-user-ID and set-group-ID bits.
                    set_mode(file.as_file(), mode)?;
                }
                #[cfg(not(unix))]
                let _ = mode;
                file.commit()
            }
            #[cfg(unix)]
            Body::Through(mut file) => file.flush(),
            #[cfg(unix)]
            Body::Held(mut held, mut file) => {
                held.rewind()?;
                io::copy(&mut held, &mut file)?;
                file.flush()
            }
        }
    }

    /// The file before it is committed. It can be read back if it was created by [`OutputFile::create_seekable`].
    pub fn as_file(&self) -> &File {
        match &self.body {
            Body::Whole(file, _) => file.as_file(),
            #[cfg(unix)]
            Body::Through(file) | Body::Held(file, _) => file,
        }
    }

    /// Whether the bytes are passed on as they are written, to a pipe or a device, so that the reader may stop
    /// reading.
    pub fn is_written_through(&self) -> bool {
        !matches!(self.body, Body::Whole(..))
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.body {
            Body::Whole(file, _) => file.write(bytes),
            #[cfg(unix)]
            Body::Through(file) | Body::Held(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.body {
            Body::Whole(file, _) => file.flush(),
            #[cfg(unix)]
            Body::Through(file) | Body::Held(file, _) => file.flush(),
        }
    }
}

fn is_an_input() -> io::Error {
    io::Error::other("it is one of the inputs; choose another name for the output")
}

fn refuse_inputs(path: &Path) -> io::Result<()> {
    if FileId::of_path(path)?.was_read() { Err(is_an_input()) } else { Ok(()) }
}

/// The file, unless it is an input.
#[cfg(unix)]
fn checked(file: File) -> io::Result<File> {
    let metadata = file.metadata()?;
    // A terminal or a null device may be both.
    let device = std::os::unix::fs::FileTypeExt::is_char_device(&metadata.file_type());
    if !device && FileId::of(&metadata).was_read() { Err(is_an_input()) } else { Ok(file) }
}

/// Gives a new file the owner and the group of the one that it replaces.
#[cfg(unix)]
fn keep_owner(file: &File, existing: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let new = file.metadata()?;
    if (new.uid(), new.gid()) == (existing.uid(), existing.gid()) {
        return Ok(());
    }
    fchown(file, Some(existing.uid()), Some(existing.gid())).map_err(|error| {
        let (user, group) = (existing.uid(), existing.gid());
        let problem = format!(
            "it belongs to user {user} and group {group}, which a new file in its place cannot keep ({error}); \
             remove it first, or choose another name"
        );
        io::Error::new(error.kind(), problem)
    })
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

/// Opening what is not a regular file.
#[cfg(unix)]
mod special {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;
    use std::path::Path;

    /// A second handle of an open file of this process. In contrast to opening the file again, it shares the write
    /// position, which matters after `>>`, and it also exists for sockets.
    pub(super) fn duplicate(number: i32) -> io::Result<File> {
        let duplicated = match number {
            1 => io::stdout().as_fd().try_clone_to_owned(),
            2 => io::stderr().as_fd().try_clone_to_owned(),
            _ => {
                // SAFETY: the number is not -1 (`Destination` takes none below zero). The borrow lasts for one system
                // call, which fails if the number is not that of an open file, also if another thread closes it
                // meanwhile; memory is not touched. The user named the number, so it is theirs to be written to.
                #[allow(unsafe_code)]
                let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
                descriptor.try_clone_to_owned()
            }
        };
        Ok(File::from(duplicated?))
    }

    /// Opens a pipe, device or socket to write to it.
    pub(super) fn open(path: &Path) -> io::Result<File> {
        if std::fs::metadata(path)?.file_type().is_socket() {
            return Ok(File::from(OwnedFd::from(UnixStream::connect(path)?)));
        }
        File::options().write(true).open(path)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::super::open_input;
    use super::*;

    fn write(name: &Path, text: &str) -> io::Result<()> {
        let mut file = OutputFile::create(name)?;
        file.write_all(text.as_bytes())?;
        file.commit()
    }

    #[test]
    fn a_link_stays_and_its_file_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        write(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_dangling_link_makes_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("made", &link).unwrap();
        write(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(folder.path().join("made")).unwrap(), "new");
    }

    #[test]
    fn an_input_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("file"), folder.path().join("other"));
        std::fs::write(&file, "evidence").unwrap();
        let begun = OutputFile::create(&other).unwrap();
        open_input(&file).unwrap();
        std::fs::hard_link(&file, &other).unwrap();
        for name in [&file, &other] {
            assert!(write(name, "new").unwrap_err().to_string().contains("one of the inputs"));
        }
        assert!(begun.commit().unwrap_err().to_string().contains("one of the inputs"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "evidence");
    }

    #[test]
    fn a_pipe_that_takes_the_place_of_a_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let begun = OutputFile::create(&path).unwrap();
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(begun.commit().is_err());
        assert!(!std::fs::metadata(&path).unwrap().is_file());
    }

    #[test]
    fn a_socket_is_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
            text
        });
        let mut file = OutputFile::create_seekable(&path).unwrap();
        file.write_all(b"late").unwrap();
        let mut back = String::new();
        file.as_file().rewind().unwrap();
        file.as_file().read_to_string(&mut back).unwrap();
        assert_eq!(back, "late");
        file.commit().unwrap();
        assert_eq!(reader.join().unwrap(), "late");
    }

    #[test]
    fn an_open_file_is_written_at_its_place() {
        use std::os::fd::AsRawFd;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before ").unwrap();
        write(Path::new(&format!("/dev/fd/{}", file.as_raw_fd())), "after").unwrap();
        file.write_all(b" end").unwrap();
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "before after end");
        assert!(OutputFile::create(Path::new("/dev/fd/999999")).is_err());
    }
}
