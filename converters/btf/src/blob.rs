//! The header of a BTF blob and the sections after it.

use crate::Error;
use crate::layout::Layout;

/// The magic number that a blob begins with, in its own byte order.
const MAGIC: u16 = 0xeb9f;
/// The only version that exists.
const VERSION: u8 = 1;
/// The shortest header, and the one with the two fields of the layout section.
const SHORT_HEADER: u32 = 24;
const LONG_HEADER: u32 = 32;

/// The sections of a BTF blob.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blob<'a> {
    pub(crate) big_endian: bool,
    /// The records of the types.
    pub(crate) types: &'a [u8],
    /// Where these begin in the blob, for messages.
    pub(crate) types_at: usize,
    /// The names, each followed by a NUL.
    pub(crate) texts: &'a [u8],
    /// The sizes of each kind of record, if the blob gives them.
    pub(crate) layout: Option<Layout<'a>>,
}

/// Whether bytes begin like a BTF blob, in either byte order.
pub fn is_blob(bytes: &[u8]) -> bool {
    order(bytes).is_some() && bytes.get(2) == Some(&VERSION)
}

/// Whether a blob is big-endian; `None` if the bytes do not begin with the magic number.
fn order(bytes: &[u8]) -> Option<bool> {
    let magic = *bytes.first_chunk()?;
    match magic {
        _ if u16::from_le_bytes(magic) == MAGIC => Some(false),
        _ if u16::from_be_bytes(magic) == MAGIC => Some(true),
        _ => None,
    }
}

/// The number at an offset, in the given byte order.
pub(crate) fn word(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let bytes = *bytes.get(at..)?.first_chunk()?;
    Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

impl<'a> Blob<'a> {
    /// Reads the header and finds the sections.
    ///
    /// # Errors
    /// [`Error::Version`], [`Error::Header`] or [`Error::Section`] if the bytes are not a complete blob.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let header = |what| Error::Header { what, size: bytes.len() };
        let big_endian =
            order(bytes).ok_or_else(|| header("it does not begin with the magic number 0xeb9f"))?;
        let field = |at: usize| {
            word(bytes, at, big_endian)
                .ok_or_else(|| header("it ends within the header, which takes 24 bytes"))
        };
        let header_length = field(4)?;
        let version = bytes.get(2).copied().unwrap_or_default();
        if version != VERSION {
            return Err(Error::Version { found: version });
        }
        if header_length < SHORT_HEADER {
            return Err(header("its header states a length of less than 24 bytes"));
        }
        let section = |name: &'static str, at: usize| {
            let (offset, length) = (field(at)?, field(at + 4)?);
            let damaged = |what| Error::Section { name, what, offset, length, size: bytes.len() };
            let start = u64::from(header_length) + u64::from(offset);
            let end = start + u64::from(length);
            let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
            let content = range.and_then(|(start, end)| Some((bytes.get(start..end)?, start)));
            content.ok_or_else(|| damaged("reaches beyond the end of the blob"))
        };
        let (types, types_at) = section("of types", 8)?;
        if types.len() % 4 != 0 {
            let length = types.len() as u32;
            return Err(Error::Section {
                name: "of types",
                what: "has a length that is not a multiple of 4",
                offset: field(8)?,
                length,
                size: bytes.len(),
            });
        }
        let (texts, _) = section("of strings", 16)?;
        let layout = match header_length >= LONG_HEADER && field(28)? > 0 {
            true => Some(Layout::new(section("of layouts", 24)?.0)),
            false => None,
        };
        Ok(Self { big_endian, types, types_at, texts, layout })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(header: &[u32], content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        bytes.extend(header.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend(content);
        bytes
    }

    #[test]
    fn headers_of_any_length_are_read() {
        let short = blob(&[24, 0, 0, 0, 2], b"\0x");
        assert_eq!(Blob::parse(&short).unwrap().texts, b"\0x");
        let long = blob(&[32, 0, 0, 4, 2, 0, 4], b"\x04\0\0\0\0x");
        let parsed = Blob::parse(&long).unwrap();
        assert!(parsed.layout.is_some());
        assert_eq!(parsed.texts, b"\0x");
        let longer = blob(&[40, 0, 0, 0, 2, 0, 0, 7, 7], b"\0x");
        assert_eq!(Blob::parse(&longer).unwrap().texts, b"\0x");
    }

    #[test]
    fn wrong_offsets_are_refused_with_a_reason() {
        for (header, words) in [
            (&[20u32, 0, 0, 0, 1][..], "less than 24"),
            (&[24, 0, 8, 0, 1], "section of types reaches beyond the end"),
            (&[24, u32::MAX, u32::MAX, 0, 1], "section of types reaches beyond the end"),
            (&[24, 0, 0, 0, 9], "section of strings reaches beyond the end"),
            (&[24, 0, 2, 0, 1], "not a multiple of 4"),
            (&[32, 0, 0, 0, 1, 0, 80], "section of layouts reaches beyond the end"),
            (&[24], "ends within the header"),
        ] {
            let error = Blob::parse(&blob(header, &[0; 4])).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let mut newer = blob(&[24, 0, 0, 0, 1], b"\0");
        newer[2] = 2;
        assert!(matches!(Blob::parse(&newer), Err(Error::Version { found: 2 })));
        assert!(is_blob(&blob(&[24], b"")) && is_blob(b"\xeb\x9f\x01\0") && !is_blob(b"\x9f\xeb\x02\0"));
    }
}
