use std::cell::Cell;

use flate2::{Decompress, FlushDecompress, Status};
use thiserror::Error;

/// Why bytes are not a gzip text. Offsets count the compressed bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InflateError {
    /// There is no gzip member where one should begin.
    #[error("no gzip member at byte {offset}: expected 1f 8b 08 and known flags, found {found:02x?}")]
    NotGzip {
        /// Where the member should begin.
        offset: usize,
        /// The first bytes there, at most four.
        found: Vec<u8>,
    },
    /// The bytes end inside a member.
    #[error("the gzip member that begins at byte {offset} is cut off after {length} bytes")]
    Truncated {
        /// Where the member begins.
        offset: usize,
        /// How many of its bytes there are.
        length: usize,
    },
    /// A member's header does not match its checksum, or its deflate stream is invalid.
    #[error("the gzip member that begins at byte {offset} is damaged near byte {place}")]
    Damaged {
        /// Where the member begins.
        offset: usize,
        /// The byte near which the damage was found.
        place: usize,
    },
    /// A member's text does not match its trailer.
    #[error(
        "the text of the gzip member that begins at byte {offset} has checksum {found_crc:08x} and length {found_length} (modulo 2^32), \
         its trailer says {expected_crc:08x} and {expected_length}"
    )]
    Mismatch {
        /// Where the member begins.
        offset: usize,
        /// CRC-32 in the trailer.
        expected_crc: u32,
        /// CRC-32 of the text.
        found_crc: u32,
        /// Length in the trailer, modulo 2^32.
        expected_length: u32,
        /// Length of the text, modulo 2^32.
        found_length: u32,
    },
    /// The text is longer than the caller allows.
    #[error("the text is longer than the limit of {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Bytes that are not a gzip member follow the last one.
    #[error("{length} bytes that are not a gzip member follow the text at byte {offset}")]
    TrailingData {
        /// Where they begin.
        offset: usize,
        /// Their number.
        length: usize,
    },
}

/// The start of every gzip member: the magic number and the only method (RFC 1952, section 2.3.1).
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// The highest compression ratio of deflate: two bits for 258 bytes.
const LARGEST_RATIO: usize = 1032;

/// Inflates a gzip file, all its members, into at most `limit` bytes.
///
/// The text of several members is their joined texts (RFC 1952, section 2.2). Zeros after the last member are
/// padding, as for `gzip` itself; anything else there is an error. Memory for the text is allocated by the size in
/// the trailer, but never more than deflate could produce from the available bytes.
///
/// # Errors
///
/// [`InflateError`] says what is wrong and where; no part of a text is returned then.
pub fn inflate(compressed: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    // Its aligned buffers leave holes in the heap, so a thread that inflates thousands of files keeps one.
    thread_local! {
        static INFLATER: Cell<Option<Decompress>> = const { Cell::new(None) };
    }
    let mut inflater = INFLATER.take().unwrap_or_else(|| Decompress::new(false));
    let text = members(compressed, limit, &mut inflater);
    INFLATER.set(Some(inflater));
    text
}

fn members(compressed: &[u8], limit: usize, inflater: &mut Decompress) -> Result<Vec<u8>, InflateError> {
    let mut text = Text::new(compressed, limit);
    let mut offset = 0;
    loop {
        offset += member(compressed.get(offset..).unwrap_or_default(), offset, inflater, &mut text)?;
        let rest = compressed.get(offset..).unwrap_or_default();
        if rest.iter().all(|&byte| byte == 0) {
            return Ok(text.finish());
        }
        if !rest.starts_with(&MAGIC) {
            return Err(InflateError::TrailingData { offset, length: rest.len() });
        }
    }
}

/// Inflates the member at the start of `bytes`, whose offset in the file is `offset`; returns its length.
fn member(
    bytes: &[u8],
    offset: usize,
    inflater: &mut Decompress,
    text: &mut Text,
) -> Result<usize, InflateError> {
    let truncated = || InflateError::Truncated { offset, length: bytes.len() };
    let mut at = header(bytes, offset)?;
    let start = text.filled;
    inflater.reset(false);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let room = text.room()?;
        let (was_in, was_out) = (inflater.total_in(), inflater.total_out());
        let status = inflater.decompress(rest, room, FlushDecompress::Finish);
        let full = inflater.total_out() - was_out == room.len() as u64;
        at += (inflater.total_in() - was_in) as usize;
        text.filled += (inflater.total_out() - was_out) as usize;
        match status {
            Ok(Status::StreamEnd) => break,
            Ok(_) if full => {}
            Ok(_) => return Err(truncated()),
            Err(_) => return Err(InflateError::Damaged { offset, place: offset + at }),
        }
    }
    let own = text.since(start)?;
    let (crc, length) = trailer(bytes, at).ok_or_else(truncated)?;
    let (found_crc, found_length) = (crc32fast::hash(own), own.len() as u32);
    if (found_crc, found_length) != (crc, length) {
        return Err(InflateError::Mismatch {
            offset,
            expected_crc: crc,
            found_crc,
            expected_length: length,
            found_length,
        });
    }
    Ok(at + TRAILER)
}

/// Flag bits that a reader must reject (RFC 1952, section 2.3.1.2).
const RESERVED: u8 = 0b1110_0000;
/// The header's last two bytes are a checksum of the bytes before.
const HEADER_CRC: u8 = 1 << 1;
/// A field with its own length follows the fixed part.
const EXTRA: u8 = 1 << 2;
/// A zero-terminated file name follows.
const NAME: u8 = 1 << 3;
/// A zero-terminated comment follows.
const COMMENT: u8 = 1 << 4;

/// The length of the header at the start of `bytes`, whose offset in the file is `offset`.
fn header(bytes: &[u8], offset: usize) -> Result<usize, InflateError> {
    let flags = bytes.get(3).copied().unwrap_or_default();
    if !bytes.starts_with(&MAGIC) || flags & RESERVED != 0 {
        let found = bytes.iter().copied().take(4).collect();
        return Err(InflateError::NotGzip { offset, found });
    }
    let truncated = || InflateError::Truncated { offset, length: bytes.len() };
    let length = fields_length(bytes).ok_or_else(truncated)?;
    if flags & HEADER_CRC == 0 {
        return Ok(length);
    }
    let (fields, rest) = bytes.split_at_checked(length).ok_or_else(truncated)?;
    let crc = rest.first_chunk().ok_or_else(truncated)?;
    if u16::from_le_bytes(*crc) != crc32fast::hash(fields) as u16 {
        return Err(InflateError::Damaged { offset, place: offset + length });
    }
    Ok(length + crc.len())
}

/// The length of a header's fields (RFC 1952, section 2.3), without their checksum; `None` if they are truncated.
fn fields_length(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut length = 10;
    if flags & EXTRA != 0 {
        let extra = u16::from_le_bytes(*bytes.get(length..)?.first_chunk()?);
        length += 2 + usize::from(extra);
    }
    for field in [NAME, COMMENT] {
        if flags & field != 0 {
            length += memchr::memchr(0, bytes.get(length..)?)? + 1;
        }
    }
    (length <= bytes.len()).then_some(length)
}

/// The size of the trailer after a member's deflate stream.
const TRAILER: usize = 8;

/// The checksum and the length of the text, from the trailer at `at`.
fn trailer(bytes: &[u8], at: usize) -> Option<(u32, u32)> {
    let (crc, rest) = bytes.get(at..)?.split_first_chunk()?;
    Some((u32::from_le_bytes(*crc), u32::from_le_bytes(*rest.first_chunk()?)))
}

/// The inflated text, and free space.
struct Text {
    buffer: Vec<u8>,
    filled: usize,
    limit: usize,
}

impl Text {
    /// Has space for the length in the last trailer, if deflate can produce that much from these bytes. One byte more
    /// than needed is always free: an inflater with a full buffer cannot report that it is done.
    fn new(compressed: &[u8], limit: usize) -> Self {
        let announced = compressed.last_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        let possible = compressed.len().saturating_mul(LARGEST_RATIO);
        let expected = if announced <= possible { announced } else { compressed.len().saturating_mul(4) };
        Self { buffer: vec![0; expected.min(limit).saturating_add(1)], filled: 0, limit }
    }

    /// The space after the text, at least one byte.
    fn room(&mut self) -> Result<&mut [u8], InflateError> {
        if self.filled == self.buffer.len() {
            self.within_limit()?;
            let doubled = self.buffer.len().saturating_mul(2);
            self.buffer.resize(doubled.min(self.limit.saturating_add(1)), 0);
        }
        Ok(self.buffer.get_mut(self.filled..).unwrap_or_default())
    }

    /// The text from `start` on.
    fn since(&self, start: usize) -> Result<&[u8], InflateError> {
        self.within_limit()?;
        Ok(self.buffer.get(start..self.filled).unwrap_or_default())
    }

    fn within_limit(&self) -> Result<(), InflateError> {
        if self.filled > self.limit { Err(InflateError::TooLong { limit: self.limit }) } else { Ok(()) }
    }

    fn finish(mut self) -> Vec<u8> {
        self.buffer.truncate(self.filled);
        self.buffer
    }
}
