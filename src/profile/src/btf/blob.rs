//! The bytes of a BTF blob: its records, its strings, its header.
//!
//! Source: Documentation/bpf/btf.rst of the kernel's sources. The header is the one of 24 bytes, which every reader
//! knows, and no record counts more elements than the 16 bits of older readers.

use std::collections::HashMap;
use std::io::{self, Write};

use foldhash::fast::RandomState;

/// The kinds of records that are written.
pub(super) mod kind {
    pub(crate) const INT: u32 = 1;
    pub(crate) const POINTER: u32 = 2;
    pub(crate) const ARRAY: u32 = 3;
    pub(crate) const STRUCT: u32 = 4;
    pub(crate) const UNION: u32 = 5;
    pub(crate) const ENUM: u32 = 6;
    pub(crate) const FORWARD: u32 = 7;
    pub(crate) const SIGNATURE: u32 = 13;
    pub(crate) const VARIABLE: u32 = 14;
    pub(crate) const FLOAT: u32 = 16;
    pub(crate) const ENUM64: u32 = 19;
}

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
const HEADER: u32 = 24;
/// The flag of a record's information, whose meaning the kind decides.
const FLAG: u32 = 1 << 31;

/// The most elements of a record.
pub(super) const MAX_ELEMENTS: usize = 0xffff;

/// A blob in the making.
#[derive(Default)]
pub(super) struct Blob {
    big_endian: bool,
    types: Vec<u8>,
    texts: Vec<u8>,
    /// Where the string of each name begins.
    places: HashMap<Box<str>, u32, RandomState>,
    count: u32,
}

/// The head of a record.
#[derive(Clone, Copy)]
pub(super) struct Head<'n> {
    pub(super) kind: u32,
    /// Empty for a record without a name.
    pub(super) name: &'n str,
    pub(super) flag: bool,
    /// How many elements it has.
    pub(super) count: usize,
    pub(super) size_or_type: u32,
}

impl Blob {
    pub(super) fn new(big_endian: bool) -> Self {
        Self { big_endian, texts: vec![0], ..Self::default() }
    }

    /// The offset of a name among the strings. A NUL ends a string, so the name ends before its first one.
    pub(super) fn text(&mut self, name: &str) -> u32 {
        let name = name.split('\0').next().unwrap_or_default();
        if name.is_empty() {
            return 0;
        }
        if let Some(known) = self.places.get(name) {
            return *known;
        }
        let place = u32::try_from(self.texts.len()).unwrap_or(0);
        self.texts.extend_from_slice(name.as_bytes());
        self.texts.push(0);
        self.places.insert(name.into(), place);
        place
    }

    /// Adds a record with the words behind its head; its number.
    pub(super) fn add(&mut self, head: Head<'_>, rest: &[u32]) -> u32 {
        let name = self.text(head.name);
        let count = u32::try_from(head.count.min(MAX_ELEMENTS)).unwrap_or(0);
        let info = (u32::from(head.flag) * FLAG) | (head.kind << 24) | count;
        for word in [name, info, head.size_or_type].iter().chain(rest) {
            let bytes = if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
            self.types.extend(bytes);
        }
        self.count += 1;
        self.count
    }

    /// Writes the blob.
    ///
    /// # Errors
    /// What the sink gives; a blob of more than 4 GiB.
    pub(super) fn write<W: Write>(self, mut sink: W) -> io::Result<W> {
        let length = |bytes: &[u8]| {
            u32::try_from(bytes.len()).map_err(|_| io::Error::other("BTF has no place for more than 4 GiB"))
        };
        let (types, texts) = (length(&self.types)?, length(&self.texts)?);
        let magic = if self.big_endian { MAGIC.to_be_bytes() } else { MAGIC.to_le_bytes() };
        sink.write_all(&magic)?;
        sink.write_all(&[VERSION, 0])?;
        for word in [HEADER, 0, types, types, texts] {
            sink.write_all(&if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() })?;
        }
        sink.write_all(&self.types)?;
        sink.write_all(&self.texts)?;
        Ok(sink)
    }
}
