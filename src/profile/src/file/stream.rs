//! Reads the inputs that cannot be mapped: pipes, and files of the kernel without a size. A pipe may have no end, so how much
//! is read depends on what comes out of it first. A device is refused: those that have an end hold disks or memory, which
//! the readers of images open by themselves.

use std::fs::{File, FileType};
use std::io::{self, Read};

use formats::{FileKind, Group};

/// The most that is read of a program, a debug file or an archive: 4 GiB, more than any of them in one piece.
const LARGEST_DEBUG_STREAM: u64 = 4 << 30;
/// The most that is read of a profile, a table, or a text with symbols: 1 GiB, ten times the largest.
const LARGEST_PROFILE_STREAM: u64 = 1 << 30;
/// The most that is read of anything else, which no command reads further than to say what it is, or to search it.
const LARGEST_OTHER_STREAM: u64 = 256 << 20;

/// How many bytes tell the kind.
const START: u64 = 64 << 10;

/// Reads a file from where it is to its end.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for a device, [`io::ErrorKind::FileTooLarge`] if more comes than any file of the kind has,
/// and any error from reading.
pub(super) fn read(mut file: File) -> io::Result<Vec<u8>> {
    if is_device(file.metadata()?.file_type()) {
        let kind = FileKind::CharacterDevice;
        let message = format!("it is {kind}, expected a file; {}", kind.advice());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut content = Vec::new();
    (&mut file).take(START).read_to_end(&mut content)?;
    let kind = FileKind::of_start(&content);
    let limit = largest(kind);
    file.take((limit + 1).saturating_sub(content.len() as u64)).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        let message = format!("more than {limit} bytes of {kind} came from it; save it as a file first");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(content)
}

fn largest(kind: FileKind) -> u64 {
    match kind.group() {
        Group::Executable | Group::DebugFile | Group::Archive => LARGEST_DEBUG_STREAM,
        Group::Profile | Group::SymbolText => LARGEST_PROFILE_STREAM,
        _ => LARGEST_OTHER_STREAM,
    }
}

#[cfg(unix)]
fn is_device(kind: FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_char_device() || kind.is_block_device()
}

#[cfg(not(unix))]
fn is_device(_: FileType) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_depends_on_what_comes_first() {
        for (start, limit) in [
            (&b"\x7fELF\x02\x01\x01"[..], LARGEST_DEBUG_STREAM),
            (b"!<arch>\ndebian-binary   ", LARGEST_DEBUG_STREAM),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", LARGEST_DEBUG_STREAM),
            (b"{\"$CONSTANTS\": {\"a\": 1}, \"$METADATA\": {", LARGEST_PROFILE_STREAM),
            (b"ffffffff81000000 T _text\nffffffff81000000 T startup_64\n", LARGEST_PROFILE_STREAM),
            (b"y\ny\ny\n", LARGEST_OTHER_STREAM),
            (&[0; 8192], LARGEST_OTHER_STREAM),
            (b"\x01\xfe\x93\x17", LARGEST_OTHER_STREAM),
        ] {
            assert_eq!(largest(FileKind::of_start(start)), limit, "{start:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_refused_before_it_is_read() {
        let error = read(File::open("/dev/zero").unwrap()).unwrap_err();
        assert!(error.to_string().starts_with("it is a device, expected a file; copy"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_without_an_end_is_given_up() {
        use std::io::Write;

        let (reader, mut writer) = io::pipe().unwrap();
        let endless = std::thread::spawn(move || {
            let mut sent = 0u64;
            while writer.write_all(&[0; 1 << 16]).is_ok() {
                sent += 1 << 16;
            }
            sent
        });
        let error = read(File::from(std::os::fd::OwnedFd::from(reader))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
        let said = format!("more than {LARGEST_OTHER_STREAM} bytes of a file of zeros came from it");
        assert!(error.to_string().starts_with(&said), "{error}");
        assert!(endless.join().unwrap() < LARGEST_OTHER_STREAM + (1 << 20));
    }
}
