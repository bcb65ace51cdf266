//! Reads the members of a tar or cpio archive one after the other.
//!
//! Content is streamed and never kept. A name has at most 64 KiB.

use std::io::{self, Read};

use super::error::PackageError;

/// The layout of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Tar,
    Cpio,
}

/// A member's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) size: u64,
    /// Whether it is a regular file with its own content.
    pub(super) regular: bool,
}

/// An archive that is read once, from start to end.
pub(super) struct Archive<R> {
    reader: R,
    layout: Layout,
    /// The content of the current member that has not been read, and the padding after it.
    left: u64,
    padding: u64,
}

const BLOCK: usize = 512;
/// The longest name that a header before a member may give it.
const LONGEST_NAME: u64 = 1 << 16;

impl<R: Read> Archive<R> {
    pub(super) fn new(reader: R, layout: Layout) -> Self {
        Self { reader, layout, left: 0, padding: 0 }
    }

    /// The next member; `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, PackageError> {
        self.pass(self.left.saturating_add(self.padding))?;
        match self.layout {
            Layout::Tar => self.next_in_tar(),
            Layout::Cpio => self.next_in_cpio(),
        }
    }

    /// The content of the member that [`Archive::next`] returned.
    pub(super) fn content(&mut self) -> impl Read + use<'_, R> {
        let left = std::mem::take(&mut self.left);
        self.reader.by_ref().take(left)
    }

    fn pass(&mut self, count: u64) -> Result<(), PackageError> {
        let passed = io::copy(&mut self.reader.by_ref().take(count), &mut io::sink())?;
        (self.left, self.padding) = (0, 0);
        if passed == count { Ok(()) } else { Err(PackageError::Damaged("its content is truncated")) }
    }

    /// POSIX.1-2017, pax, "ustar interchange format", with the long names of GNU and pax.
    fn next_in_tar(&mut self) -> Result<Option<Entry>, PackageError> {
        let mut long_name = None;
        loop {
            let mut header = [0; BLOCK];
            match self.reader.read_exact(&mut header) {
                Ok(()) if header.iter().all(|byte| *byte == 0) => return Ok(None),
                Ok(()) => {}
                // Some writers omit the two empty blocks at the end.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            let field = |from: usize, to: usize| header.get(from..to).unwrap_or_default();
            let size =
                tar_number(field(124, 136)).ok_or(PackageError::Damaged("a size in it is not a number"))?;
            if size > i64::MAX as u64 {
                return Err(PackageError::Damaged("a size in it is larger than any file"));
            }
            let padding = size.wrapping_neg() % BLOCK as u64;
            let kind = header[156];
            if matches!(kind, b'L' | b'x') {
                if size > LONGEST_NAME {
                    return Err(PackageError::Damaged("a name in it is too long"));
                }
                let mut text = Vec::new();
                self.reader.by_ref().take(size).read_to_end(&mut text)?;
                self.pass(padding)?;
                let name = if kind == b'L' { Some(until_nul(&text).to_vec()) } else { pax_path(&text) };
                long_name = name.or(long_name);
                continue;
            }
            (self.left, self.padding) = (size, padding);
            let path = match long_name {
                Some(name) => name,
                None => {
                    let (name, prefix) = (until_nul(field(0, 100)), until_nul(field(345, 500)));
                    let posix = field(257, 263) == b"ustar\0" && !prefix.is_empty();
                    if posix { [prefix, name].join(&b'/') } else { name.to_vec() }
                }
            };
            let path = String::from_utf8_lossy(&path).into_owned();
            return Ok(Some(Entry { path, size, regular: matches!(kind, 0 | b'0') }));
        }
    }

    /// The "new ASCII" form of cpio, which RPM packages contain.
    fn next_in_cpio(&mut self) -> Result<Option<Entry>, PackageError> {
        let mut header = [0; 110];
        self.reader.read_exact(&mut header)?;
        let magic = header.get(..6).unwrap_or_default();
        if magic == b"07070X" {
            return Err(PackageError::Compression("the form of cpio that has no sizes (files over 4 GiB)"));
        }
        if magic != b"070701" && magic != b"070702" {
            return Err(PackageError::Damaged("a member has no cpio header"));
        }
        let number = |index: usize| {
            let digits = header.get(6 + index * 8..14 + index * 8)?;
            u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
        };
        let broken = PackageError::Damaged("a member's header holds text in place of a number");
        let (Some(mode), Some(size), Some(name_size)) = (number(1), number(6), number(11)) else {
            return Err(broken);
        };
        if name_size > LONGEST_NAME {
            return Err(PackageError::Damaged("a name in it is too long"));
        }
        let mut name = Vec::new();
        self.reader.by_ref().take(name_size).read_to_end(&mut name)?;
        self.pass((110 + name_size).wrapping_neg() % 4)?;
        let path = String::from_utf8_lossy(until_nul(&name)).into_owned();
        if path == "TRAILER!!!" {
            return Ok(None);
        }
        (self.left, self.padding) = (size, size.wrapping_neg() % 4);
        Ok(Some(Entry { path, size, regular: mode & 0o170_000 == 0o100_000 }))
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits or, for larger numbers, 64 bits with the first bit of the field set.
fn tar_number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        return field.last_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    }
    let digits = str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

/// The `path` of a pax header: lines of `LENGTH KEY=VALUE`.
fn pax_path(text: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text;
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let length: usize = str::from_utf8(rest.get(..space)?).ok()?.parse().ok()?;
        let line = rest.get(space + 1..length.checked_sub(1)?)?;
        if let Some(path) = line.strip_prefix(b"path=") {
            return Some(path.to_vec());
        }
        rest = rest.get(length..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_both_forms() {
        assert_eq!(tar_number(b"00000001750\0"), Some(1000));
        assert_eq!(tar_number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(0x2_0000_0000));
        assert_eq!(tar_number(b"9"), None);
    }

    /// Found by fuzzing: the padding after such a member does not fit into 64 bits either.
    #[test]
    fn a_size_beyond_any_file_is_refused() {
        let mut header = [0; BLOCK];
        header[..4].copy_from_slice(b"name");
        header[124..136].fill(0xff);
        let mut archive = Archive::new(header.as_slice(), Layout::Tar);
        let Err(PackageError::Damaged(reason)) = archive.next() else { panic!("it was read") };
        assert_eq!(reason, "a size in it is larger than any file");
    }

    #[test]
    fn pax_headers() {
        assert_eq!(pax_path(b"20 mtime=1234567.89\n14 path=a/b/c\n"), Some(b"a/b/c".to_vec()));
        assert_eq!(pax_path(b"0 path=a\n"), None);
    }
}
