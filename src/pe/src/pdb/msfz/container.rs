//! The header, the chunk table and the stream directory of a compact PDB.

use std::io::Read;

use flate2::read::DeflateDecoder;
use formats::{FileKind, WrongKind};
use profile::{UnpackMeter, ZstdReader};
use sync_file::ReadAt;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::error::MsfzError;

/// The start of the file ("MSFZ File Header").
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    signature: [u8; 32],
    version: U64,
    directory_offset: U64,
    chunk_table_offset: U64,
    stream_count: U32,
    directory_compression: U32,
    directory_packed_size: U32,
    directory_size: U32,
    chunk_count: U32,
    chunk_table_size: U32,
}

/// An entry of the chunk table ("Chunk Table").
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct ChunkEntry {
    offset: U64,
    compression: U32,
    packed_size: U32,
    size: U32,
}

/// A contiguous part of a stream ("Stream Directory"); its size is not zero.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Fragment {
    size: U32,
    location: U64,
}

/// Where a fragment is stored.
pub(super) enum Place {
    /// As it is, at an offset of the file.
    File { offset: u64 },
    /// From an offset of an unpacked chunk on.
    Chunk { number: u32, offset: u32 },
}

impl Fragment {
    /// In bytes of the stream.
    pub(super) fn size(&self) -> u32 {
        self.size.get()
    }

    pub(super) fn place(&self) -> Place {
        const IN_CHUNK: u64 = 1 << 63;
        const FILE_OFFSET: u64 = (1 << 48) - 1;
        let location = self.location.get();
        match location & IN_CHUNK {
            0 => Place::File { offset: location & FILE_OFFSET },
            _ => Place::Chunk { number: ((location & !IN_CHUNK) >> 32) as u32, offset: location as u32 },
        }
    }
}

/// The value in place of the first fragment's size, for a stream that does not exist.
const ABSENT: u32 = u32::MAX;

/// The values of the `compression` fields.
const STORED: u32 = 0;
const ZSTD: u32 = 1;
const DEFLATE: u32 = 2;

const MOST_STREAMS: u64 = 0xfffe;
const LARGEST_DIRECTORY: u64 = 64 << 20;
/// Known writers make chunks of a few MiB.
const LARGEST_CHUNK: u64 = 256 << 20;

/// What a compact PDB says of its content.
pub(super) struct Container {
    stream_count: u32,
    chunks: Vec<ChunkEntry>,
    directory: Vec<u8>,
}

impl Container {
    /// Reads the container in a file of `length` bytes. Every size is checked before memory is allocated for it.
    pub(super) fn read(source: &impl ReadAt, length: u64) -> Result<Self, MsfzError> {
        let header = Header::read(source)?;
        header.check(length)?;
        let chunks = header.chunk_table(source, length)?;
        let directory = ChunkEntry {
            offset: header.directory_offset,
            compression: header.directory_compression,
            packed_size: header.directory_packed_size,
            size: header.directory_size,
        };
        let directory = directory.unpack(source)?;
        Ok(Self { stream_count: header.stream_count.get(), chunks, directory })
    }

    pub(super) fn chunks(&self) -> &[ChunkEntry] {
        &self.chunks
    }

    /// The fragments of each stream, by its number; `None` for a stream that does not exist.
    pub(super) fn streams(&self) -> impl Iterator<Item = Result<Option<&[Fragment]>, MsfzError>> {
        let mut rest = self.directory.as_slice();
        (0..self.stream_count).map(move |number| {
            next_stream(&mut rest).ok_or_else(|| {
                MsfzError::damaged(format!(
                    "its directory ends in stream {number}, expected {} streams",
                    self.stream_count
                ))
            })
        })
    }

    /// The size of all streams but the first, which is not copied.
    pub(super) fn total_size(&self) -> Result<u64, MsfzError> {
        let mut total = 0u64;
        for stream in self.streams().skip(1) {
            for fragment in stream?.unwrap_or_default() {
                total = total.saturating_add(fragment.size().into());
            }
        }
        Ok(total)
    }
}

/// Takes one stream off the directory; `None` if the directory ends inside it.
fn next_stream<'a>(directory: &mut &'a [u8]) -> Option<Option<&'a [Fragment]>> {
    let start = *directory;
    let size_at = |offset: usize| Some(U32::read_from_prefix(start.get(offset..)?).ok()?.0.get());
    if size_at(0)? == ABSENT {
        *directory = start.get(size_of::<U32>()..)?;
        return Some(None);
    }
    let mut end = 0;
    while size_at(end)? != 0 {
        end += size_of::<Fragment>();
    }
    let fragments = <[Fragment]>::ref_from_bytes(start.get(..end)?).ok()?;
    *directory = start.get(end + size_of::<U32>()..)?;
    Some(Some(fragments))
}

impl Header {
    fn read(source: &impl ReadAt) -> Result<Self, MsfzError> {
        let mut header = Self::new_zeroed();
        let mut filled = 0;
        while let Some(rest) = header.as_mut_bytes().get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match source.read_at(rest, filled as u64).map_err(MsfzError::Read)? {
                0 => break,
                count => filled += count,
            }
        }
        match FileKind::of_start(header.as_bytes().get(..filled).unwrap_or_default()) {
            FileKind::Msfz => Ok(header),
            found => Err(WrongKind::new("a compact PDB (MSFZ)", found).into()),
        }
    }

    /// Checks every number for a file of `length` bytes.
    fn check(&self, length: u64) -> Result<(), MsfzError> {
        let version = self.version.get();
        if version != 0 {
            return Err(MsfzError::damaged(format!("its version is {version}, expected 0")));
        }
        within("the number of streams", self.stream_count.get(), MOST_STREAMS)?;
        within("the size of the packed directory", self.directory_packed_size.get(), length)?;
        within("the size of the directory", self.directory_size.get(), LARGEST_DIRECTORY)?;
        UnpackMeter::new(length).check_declared(self.directory_size.get().into())?;
        within("the size of the chunk table", self.chunk_table_size.get(), length)?;
        let expected = u64::from(self.chunk_count.get()) * size_of::<ChunkEntry>() as u64;
        let found = u64::from(self.chunk_table_size.get());
        if found != expected {
            let count = self.chunk_count;
            return Err(MsfzError::damaged(format!(
                "the size of the chunk table is {found}, expected {expected} for {count} chunks"
            )));
        }
        Ok(())
    }

    fn chunk_table(&self, source: &impl ReadAt, length: u64) -> Result<Vec<ChunkEntry>, MsfzError> {
        let mut chunks = vec![ChunkEntry::new_zeroed(); self.chunk_count.get() as usize];
        let offset = self.chunk_table_offset.get();
        source.read_exact_at(chunks.as_mut_slice().as_mut_bytes(), offset).map_err(MsfzError::Read)?;
        for chunk in &chunks {
            within("the packed size of a chunk", chunk.packed_size.get(), length)?;
            within("the size of a chunk", chunk.size.get(), LARGEST_CHUNK)?;
            UnpackMeter::new(length).check_declared(chunk.size.get().into())?;
        }
        Ok(chunks)
    }
}

fn within(place: &'static str, found: u32, limit: u64) -> Result<(), MsfzError> {
    let found = u64::from(found);
    if found > limit { Err(MsfzError::TooLarge { place, found, limit }) } else { Ok(()) }
}

impl ChunkEntry {
    /// The size of its content, unpacked.
    pub(super) fn size(&self) -> u32 {
        self.size.get()
    }

    /// How many bytes are read and written to unpack it.
    pub(super) fn cost(&self) -> u64 {
        u64::from(self.packed_size.get()) + u64::from(self.size.get())
    }

    /// Its content. The sizes have been checked.
    pub(super) fn unpack(&self, source: &impl ReadAt) -> Result<Vec<u8>, MsfzError> {
        let mut packed = vec![0; self.packed_size.get() as usize];
        source.read_exact_at(&mut packed, self.offset.get()).map_err(MsfzError::Read)?;
        let size = self.size.get() as usize;
        let mut content = vec![0; size];
        let result = match self.compression.get() {
            STORED if packed.len() == size => return Ok(packed),
            STORED => {
                let found = packed.len();
                return Err(MsfzError::damaged(format!("a stored chunk has {found} bytes, expected {size}")));
            }
            // The window of a zstd frame is no larger than the chunk, or need not be.
            ZSTD => ZstdReader::new(packed.as_slice(), LARGEST_CHUNK).read_exact(&mut content),
            DEFLATE => DeflateDecoder::new(packed.as_slice()).read_exact(&mut content),
            unknown => {
                return Err(MsfzError::damaged(format!(
                    "a chunk has the compression {unknown}, expected {STORED} (none), {ZSTD} (zstd) or {DEFLATE} \
                     (deflate)"
                )));
            }
        };
        let failed =
            |error| MsfzError::damaged(format!("a chunk of {size} bytes cannot be unpacked: {error}"));
        result.map(|()| content).map_err(failed)
    }
}
