//! The header before each range of memory, which LiME and AVML share (LiME, `doc/README.md`; AVML, `src/image.rs`).

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::Error;
use crate::container::Container;

/// The size of a header, in bytes.
pub(super) const SIZE: u64 = size_of::<RangeHeader>() as u64;

/// A header as it is stored.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct RangeHeader {
    pub(super) magic: [u8; 4],
    pub(super) version: U32,
    /// The physical address of the first byte.
    start: U64,
    /// The physical address of the last byte.
    last: U64,
    _reserved: U64,
}

impl RangeHeader {
    /// The header in `bytes`, which are those at `offset` of the file.
    ///
    /// # Errors
    /// The bytes end before the header does.
    pub(super) fn read(bytes: &[u8], container: Container, offset: u64) -> Result<Self, Error> {
        Self::read_from_bytes(bytes).map_err(|_| Error::Malformed {
            container,
            offset,
            expected: "a header of 32 bytes",
            found: format!("the end of the file after {}", bytes.len()),
        })
    }

    /// The physical addresses of the first and the last byte.
    pub(super) fn ends(&self) -> (u64, u64) {
        (self.start.get(), self.last.get())
    }

    /// The start of the range and its length in bytes.
    ///
    /// # Errors
    /// The range ends before it starts, or has all 2^64 bytes.
    pub(super) fn range(&self, container: Container, offset: u64) -> Result<(u64, u64), Error> {
        let (start, last) = self.ends();
        let length = last.checked_sub(start).and_then(|length| length.checked_add(1));
        length.map(|length| (start, length)).ok_or_else(|| Error::Malformed {
            container,
            offset,
            expected: "a range of addresses",
            found: format!("{start:#x} to {last:#x}"),
        })
    }
}
