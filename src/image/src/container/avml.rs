//! AVML's compressed format, version 2 (microsoft/avml, `src/image.rs`): headers as in LiME, each followed by its
//! memory as a framed snappy stream, and by the length of that stream. Version 1 is LiME itself.

use std::sync::Arc;

use crate::Error;
use crate::bytes::{Bytes, BytesError};
use crate::cache::BlockCache;
use crate::container::range_header::{self, RangeHeader};
use crate::container::{Container, Parts};
use crate::fields::Fields;
use crate::segments::Segment;

pub(crate) const MAGIC: &[u8] = b"AVML";

const HEADER: u64 = range_header::SIZE;
/// The length after a stream.
const TRAILER: u64 = 8;
/// The snappy framing format allows 64 KiB of content in a chunk.
const LARGEST_BLOCK: u64 = 1 << 16;
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

pub(crate) fn open(bytes: Arc<dyn Bytes>) -> Result<Parts, Error> {
    let mut streams = Streams {
        file: Arc::clone(&bytes),
        chunks: Vec::new(),
        length: 0,
        cache: BlockCache::new(LARGEST_BLOCK as usize),
    };
    let mut segments = Vec::new();
    let mut damage = None;
    let mut at = 0;
    while at < bytes.len() {
        match streams.index(at) {
            Ok((segment, next)) => {
                segments.push(segment);
                at = next;
            }
            Err((segment, error)) => {
                if at == 0 && segment.is_none() {
                    return Err(error);
                }
                // The memory before the damage is valid.
                segments.extend(segment);
                damage = Some(error);
                break;
            }
        }
    }
    let mut parts = Parts::new(Container::Avml, Arc::new(streams));
    parts.segments = segments;
    if let Some(error) = damage {
        parts.report.lose("damaged AVML block", || error.to_string());
    }
    Ok(parts)
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
    /// Reads the block at `at`: its memory, and the start of the next block. If the block is damaged, the memory
    /// before the damage.
    fn index(&mut self, at: u64) -> Result<(Segment, u64), (Option<Segment>, Error)> {
        let malformed = |offset, expected, found| Error::Malformed {
            container: Container::Avml,
            offset,
            expected,
            found,
        };
        let header = self.read(at, HEADER as usize).map_err(|error| (None, error))?;
        let header = RangeHeader::read(&header, Container::Avml, at).map_err(|error| (None, error))?;
        if header.magic != MAGIC || header.version != 2 {
            let found = format!("{:02x?}, version {}", header.magic, header.version);
            return Err((None, malformed(at, "the letters AVML, version 2", found)));
        }
        let (start, length) = header.range(Container::Avml, at).map_err(|error| (None, error))?;
        let offset = self.length;
        let stream = at + HEADER;
        let walked = self.chunks(stream, offset.saturating_add(length));
        let segment = Segment { start, length: (self.length - offset).min(length), offset };
        let end = walked.map_err(|error| (Some(segment), error))?;
        let trailer = self.read(end, TRAILER as usize).map_err(|error| (Some(segment), error))?;
        let said = Fields::little(&trailer).u64(0);
        if said != Some(end - stream) {
            let found = said.map_or_else(|| "the end of the file".to_owned(), |said| said.to_string());
            return Err((Some(segment), malformed(end, "the length of the stream before it", found)));
        }
        Ok((segment, end + TRAILER))
    }

    /// Reads chunks until there is content up to `end`; returns the start of the next one.
    fn chunks(&mut self, stream: u64, end: u64) -> Result<u64, Error> {
        let malformed = |offset, expected, found| Error::Malformed {
            container: Container::Avml,
            offset,
            expected,
            found,
        };
        let mut at = stream;
        while self.length < end {
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
            let content = content.map(|content| content as u64).filter(|content| {
                *content <= LARGEST_BLOCK && *content <= end - self.length && (kind > 1 || *content > 0)
            });
            let (Some(content), true) = (content, at + CHUNK_HEADER + u64::from(size) <= self.file.len())
            else {
                let found = format!("type {kind:#x}, {size} bytes");
                return Err(malformed(at, "a chunk of a snappy stream that fits its place", found));
            };
            if content > 0 {
                self.chunks.push(Chunk { logical: self.length, at, length: size + CHUNK_HEADER as u32 });
                self.length += content;
            }
            at += CHUNK_HEADER + u64::from(size);
        }
        Ok(at)
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
