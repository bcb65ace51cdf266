use std::path::Path;

use crate::Content;

/// How many bytes are read from the start at once. Every signature at a fixed place lies within them, except that of
/// an optical disc.
const HEAD: usize = 64 << 10;

/// The most bytes that are read at once from any other place.
const PART: usize = 1 << 20;

/// A file under examination: its first bytes, its name, and access to the rest.
pub(crate) struct Look<'a> {
    content: &'a dyn Content,
    head: Vec<u8>,
    /// Its size in bytes; `None` if only its first bytes are known.
    pub(crate) length: Option<u64>,
    /// Its name without the folders, in lower case; empty if it has none.
    pub(crate) name: String,
}

impl<'a> Look<'a> {
    pub(crate) fn new(content: &'a dyn Content, name: Option<&Path>) -> Self {
        let mut look = Self {
            content,
            head: Vec::new(),
            length: content.length(),
            name: name.map(file_name).unwrap_or_default(),
        };
        look.head = look.read(0, HEAD);
        look
    }

    /// The first bytes, at most 64 KiB.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether the whole file is available, so that bytes that are missing do not exist.
    pub(crate) fn is_whole(&self) -> bool {
        self.length.is_some()
    }

    pub(crate) fn begins(&self, magic: &[u8]) -> bool {
        self.head.starts_with(magic)
    }

    /// Whether `magic` lies at `offset` of the head.
    pub(crate) fn has(&self, offset: usize, magic: &[u8]) -> bool {
        self.head.get(offset..).is_some_and(|rest| rest.starts_with(magic))
    }

    /// The numbers of the head, in little-endian order.
    pub(crate) fn little(&self) -> Fields<'_> {
        Fields { bytes: &self.head, big_endian: false }
    }

    /// Up to `length` bytes from `offset` on, at most one megabyte.
    pub(crate) fn read(&self, offset: u64, length: usize) -> Vec<u8> {
        let mut length = length.min(PART);
        if let Some(size) = self.length {
            length = length.min(usize::try_from(size.saturating_sub(offset)).unwrap_or(PART));
        }
        let mut bytes = vec![0; length];
        let count = self.content.read_at(offset, &mut bytes);
        bytes.truncate(count);
        bytes
    }

    /// The last `length` bytes; nothing if the end is not known.
    pub(crate) fn tail(&self, length: usize) -> Vec<u8> {
        let Some(size) = self.length else { return Vec::new() };
        self.read(size.saturating_sub(length as u64), length)
    }

    /// Whether the file holds only zeros. In a large file, samples spread over its whole length are checked.
    pub(crate) fn is_zeros(&self) -> bool {
        const PLACES: u64 = 64;
        let zeros = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        if self.head.is_empty() || !zeros(&self.head) {
            return false;
        }
        let Some(size) = self.length else { return true };
        if size <= PART as u64 {
            return zeros(&self.read(0, PART));
        }
        (1..PLACES).all(|place| zeros(&self.read(size / PLACES * place, 4096))) && zeros(&self.tail(4096))
    }
}

/// The name of a file without its folders, in lower case.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

/// Reads numbers in one byte order. A read beyond the end returns `None`.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) big_endian: bool,
}

impl<'a> Fields<'a> {
    pub(crate) fn little(bytes: &'a [u8]) -> Self {
        Self { bytes, big_endian: false }
    }

    pub(crate) fn big(bytes: &'a [u8]) -> Self {
        Self { bytes, big_endian: true }
    }

    pub(crate) fn from(self, offset: usize) -> Self {
        Self { bytes: self.bytes.get(offset..).unwrap_or_default(), ..self }
    }

    pub(crate) fn array<const N: usize>(self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset..)?.first_chunk().copied()
    }

    pub(crate) fn u8(self, offset: usize) -> Option<u8> {
        self.bytes.get(offset).copied()
    }

    pub(crate) fn u16(self, offset: usize) -> Option<u16> {
        let bytes = self.array(offset)?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    pub(crate) fn u32(self, offset: usize) -> Option<u32> {
        let bytes = self.array(offset)?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    pub(crate) fn u64(self, offset: usize) -> Option<u64> {
        let bytes = self.array(offset)?;
        Some(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// A number of four or eight bytes.
    pub(crate) fn word(self, offset: usize, wide: bool) -> Option<u64> {
        if wide { self.u64(offset) } else { self.u32(offset).map(u64::from) }
    }
}

/// The text up to the first zero.
pub(crate) fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}
