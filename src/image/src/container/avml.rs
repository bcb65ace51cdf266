//! AVML's compressed format, version 2 (microsoft/avml, `src/image.rs`): headers as in LiME, each followed by its
//! memory as a framed snappy stream, and by the length of that stream. Version 1 is LiME itself.
//!
//! The stream says how long the memory is, and the length behind it where it ends, so one changed byte of a header or of that
//! length follows from the rest.

use std::sync::Arc;

use crate::bytes::{Bytes, BytesError};
use crate::cache::BlockCache;
use crate::container::range_header::{self, RangeHeader};
use crate::container::{Container, Parts};
use crate::fields::Fields;
use crate::segments::Segment;
use crate::{Error, Placed};

/// The mark and the version.
const MARK: &[u8; 8] = b"AVML\x02\0\0\0";

const HEADER: u64 = range_header::SIZE;
/// The length after a stream.
const TRAILER: u64 = 8;
/// The snappy framing format allows 64 KiB of content in a chunk.
const LARGEST_BLOCK: u64 = 1 << 16;
const PAGE: u64 = 4096;
/// So many blocks are put right. One byte cannot damage more than one.
const MOST_MENDED: usize = 4;
/// A chunk's type and length.
const CHUNK_HEADER: u64 = 4;
/// The first chunk of every stream.
const STREAM: &[u8] = b"\xff\x06\0\0sNaPpY";

/// A chunk of a stream.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// The start of its content in the whole content.
    logical: u64,
    /// The start in the file, and the length including the header.
    at: u64,
    length: u32,
}

/// Whether a file begins with the mark, or with one that differs from it in one byte, followed by a stream.
pub(crate) fn recognise(start: &[u8]) -> bool {
    let mark = start.get(..MARK.len()).unwrap_or_default();
    mark.starts_with(b"AVML")
        || differing(mark, MARK) == 1
            && start.get(HEADER as usize..).is_some_and(|rest| rest.starts_with(STREAM))
}

pub(crate) fn open(bytes: Arc<dyn Bytes>) -> Result<Parts, Error> {
    let mut streams = Streams {
        file: Arc::clone(&bytes),
        chunks: Vec::new(),
        length: 0,
        cache: BlockCache::new(LARGEST_BLOCK as usize),
    };
    let mut blocks: Vec<Block> = Vec::new();
    let mut damage = None;
    let (mut at, mut mended) = (0, 0);
    while at < bytes.len() {
        match streams.index(at, mended < MOST_MENDED) {
            Ok(block) => {
                at = block.next;
                mended += usize::from(block.changed.is_some());
                blocks.push(block);
            }
            Err((segment, error)) => {
                if at == 0 && segment.is_none() {
                    return Err(error);
                }
                // The memory before the damage is valid.
                blocks.extend(segment.map(|segment| Block {
                    segment,
                    other_start: None,
                    changed: None,
                    next: at,
                }));
                damage = Some(error);
                break;
            }
        }
    }
    let mut parts = Parts::new(Container::Avml, Arc::new(streams));
    parts.segments = blocks.iter().map(|block| block.segment).collect();
    for (number, block) in blocks.iter().enumerate() {
        if let Some(what) = &block.changed {
            parts.report.warn(format!("a block of AVML was changed: {what}"));
        }
        if let Some(start) = block.other_start {
            let placed = |(index, Segment { start: stated, length, offset }): (usize, &Segment)| Placed {
                start: if index == number { start } else { *stated },
                length: *length,
                offset: *offset,
            };
            let layout = parts.segments.iter().enumerate().map(placed).collect();
            parts.other_layouts.push(layout);
        }
    }
    if let Some(error) = damage {
        parts.report.lose("damaged AVML block", || error.to_string());
    }
    Ok(parts)
}

/// A range of memory in the file.
struct Block {
    segment: Segment,
    /// Where it may begin instead, if one byte of its addresses was changed.
    other_start: Option<u64>,
    /// What was changed, in words.
    changed: Option<String>,
    /// Where the next block begins.
    next: u64,
}

/// How many bytes of two marks or numbers differ.
fn differing(found: &[u8], expected: &[u8]) -> usize {
    let longer = found.len().abs_diff(expected.len());
    found.iter().zip(expected).filter(|(one, other)| one != other).count() + longer
}

fn malformed(offset: u64, expected: &'static str, found: String) -> Error {
    Error::Malformed { container: Container::Avml, offset, expected, found }
}

/// The memory of all streams, one after the other.
#[derive(Debug)]
struct Streams {
    file: Arc<dyn Bytes>,
    chunks: Vec<Chunk>,
    length: u64,
    cache: BlockCache,
}

impl Streams {
    /// Reads the block at `at`. If the block is damaged, returns the memory before the damage; one changed byte is put right if
    /// `mend` says so.
    fn index(&mut self, at: u64, mend: bool) -> Result<Block, (Option<Segment>, Error)> {
        let bytes = self.read(at, HEADER as usize).map_err(|error| (None, error))?;
        let header = RangeHeader::read(&bytes, Container::Avml, at).map_err(|error| (None, error))?;
        let mark = bytes.get(..MARK.len()).unwrap_or_default();
        let wrong = differing(mark, MARK);
        let mut changed = None;
        if wrong > 0 {
            let found = format!("{:02x?}, version {}", header.magic, header.version);
            let error = malformed(at, "the letters AVML, version 2", found);
            if wrong > 1 || !mend {
                return Err((None, error));
            }
            changed = Some(error.to_string());
        }
        let (first, offset) = (self.chunks.len(), self.length);
        let stream = at + HEADER;
        let read = match header.range(Container::Avml, at) {
            Ok((start, length)) => self.stated(start, length, stream),
            Err(error) => Err((None, error)),
        };
        let (partial, error) = match read {
            Ok((segment, next)) => return Ok(Block { segment, other_start: None, changed, next }),
            Err(failed) => failed,
        };
        let (read, length) = (self.chunks.split_off(first), self.length);
        self.length = offset;
        if mend && let Some(block) = self.mended(header.ends(), stream, &error) {
            return Ok(block);
        }
        self.chunks.truncate(first);
        self.chunks.extend(read);
        self.length = length;
        Err((partial, error))
    }

    /// Reads the stream of a range, and the length behind it: the range, and the start of the next block.
    fn stated(
        &mut self,
        start: u64,
        length: u64,
        stream: u64,
    ) -> Result<(Segment, u64), (Option<Segment>, Error)> {
        let offset = self.length;
        let mut end = stream;
        let mut walked = Ok(());
        while walked.is_ok() && self.length < offset.saturating_add(length) {
            walked = self.chunk(end, offset.saturating_add(length) - self.length).map(|next| end = next);
        }
        let segment = Segment { start, length: (self.length - offset).min(length), offset };
        walked.map_err(|error| (Some(segment), error))?;
        let trailer = self.read(end, TRAILER as usize).map_err(|error| (Some(segment), error))?;
        let said = Fields::little(&trailer).u64(0);
        if said != Some(end - stream) {
            let found = said.map_or_else(|| "the end of the file".to_owned(), |said| said.to_string());
            return Err((Some(segment), malformed(end, "the length of the stream before it", found)));
        }
        Ok((segment, end + TRAILER))
    }

    /// The block whose addresses, or the length behind it, have one changed byte: its stream ends where that length says so, or
    /// where the next block begins.
    fn mended(&mut self, (start, last): (u64, u64), stream: u64, error: &Error) -> Option<Block> {
        let offset = self.length;
        let mut end = stream;
        loop {
            end = self.chunk(end, u64::MAX).ok()?;
            let behind = self.read(end, TRAILER as usize + MARK.len()).ok()?;
            let (trailer, next) = behind.split_at_checked(TRAILER as usize)?;
            let follows = next.is_empty() || next == MARK;
            let wrong = differing(trailer, &(end - stream).to_le_bytes());
            if self.length > offset && follows && wrong <= 1 {
                break;
            }
        }
        let length = self.length - offset;
        let is_near = |one: u64, other: u64| differing(&one.to_le_bytes(), &other.to_le_bytes()) <= 1;
        let by_start = start.checked_add(length - 1).filter(|end| is_near(*end, last)).map(|_| start);
        let by_last = last.checked_sub(length - 1).filter(|other| is_near(*other, start));
        // Memory begins at a page.
        let mut starts: Vec<u64> = by_last.into_iter().chain(by_start).collect();
        starts.dedup();
        starts.sort_by_key(|start| !start.is_multiple_of(PAGE));
        let segment = Segment { start: *starts.first()?, length, offset };
        let changed = Some(error.to_string());
        Some(Block { segment, other_start: starts.get(1).copied(), changed, next: end + TRAILER })
    }

    /// Reads the chunk at `at`, whose content has at most `room` bytes; returns the start of the next one.
    fn chunk(&mut self, at: u64, room: u64) -> Result<u64, Error> {
        // The header, the checksum, and the length of the content in up to five bytes.
        let start = self.read(at, 13)?;
        let Some(word) = Fields::little(&start).u32(0) else {
            return Err(malformed(at, "a chunk of a snappy stream", "the end of the file".to_owned()));
        };
        let (kind, size) = (word & 0xff, word >> 8);
        let content = match kind {
            0x00 => start.get(8..).and_then(|packed| snap::raw::decompress_len(packed).ok()),
            0x01 => size.checked_sub(4).map(|size| size as usize),
            // The stream's mark, padding, and chunks that may be skipped.
            0x80..=0xff => Some(0),
            _ => None,
        };
        let content = content
            .map(|content| content as u64)
            .filter(|content| *content <= LARGEST_BLOCK && *content <= room && (kind > 1 || *content > 0));
        let (Some(content), true) = (content, at + CHUNK_HEADER + u64::from(size) <= self.file.len()) else {
            let found = format!("type {kind:#x}, {size} bytes");
            return Err(malformed(at, "a chunk of a snappy stream that fits its place", found));
        };
        if content > 0 {
            self.chunks.push(Chunk { logical: self.length, at, length: size + CHUNK_HEADER as u32 });
            self.length += content;
        }
        Ok(at + CHUNK_HEADER + u64::from(size))
    }

    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, Error> {
        self.file.up_to(at, length).map_err(Error::reading(Container::Avml))
    }

    fn unpack(&self, chunk: Chunk, into: &mut Vec<u8>) -> Result<(), BytesError> {
        use std::io::Read;

        // A stream of one chunk: so its checksum is checked.
        let mut stream = STREAM.to_vec();
        stream.resize(STREAM.len() + chunk.length as usize, 0);
        if let Some(part) = stream.get_mut(STREAM.len()..) {
            self.file.read(chunk.at, part)?;
        }
        snap::read::FrameDecoder::new(&stream[..])
            .take(LARGEST_BLOCK)
            .read_to_end(into)
            .map_err(|error| BytesError::damaged(chunk.at, error.to_string()))?;
        Ok(())
    }
}

impl Bytes for Streams {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BytesError> {
        let mut rest = into;
        let mut offset = offset;
        while !rest.is_empty() {
            let after = self.chunks.partition_point(|chunk| chunk.logical <= offset);
            let chunk = after.checked_sub(1).and_then(|index| self.chunks.get(index));
            let chunk = *chunk.ok_or_else(|| BytesError::end(offset))?;
            let end = self.chunks.get(after).map_or(self.length, |next| next.logical);
            let room = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
            if room == 0 {
                return Err(BytesError::end(offset));
            }
            let (part, behind) = rest.split_at_mut(rest.len().min(room));
            let within = (offset - chunk.logical) as usize;
            let short = || BytesError::damaged(chunk.at, "the chunk unpacks to less than it says");
            self.cache.read(after as u64, within, part, |block| self.unpack(chunk, block), short)?;
            offset += part.len() as u64;
            rest = behind;
        }
        Ok(())
    }
}
