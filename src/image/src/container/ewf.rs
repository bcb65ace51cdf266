//! The Expert Witness Compression Format, E01 (as described by the libewf project): files of at most a few GiB, each
//! a chain of sections, with content in separately compressed chunks.
//!
//! The tables of all files may together have as many entries as fit into the files, and the content is limited by
//! [`profile::UnpackLimits::check_memory`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use formats::FileKind;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::Error;
use crate::bytes::{Bytes, BytesError};
use crate::cache::BlockCache;
use crate::container::Container;
use crate::file::FileBytes;
use crate::unpack;

pub(crate) const MAGIC: &[u8] = b"EVF\x09\x0d\x0a\xff\0";

const HEADER: u64 = size_of::<FileHeader>() as u64;
const SECTION: u64 = size_of::<SectionHeader>() as u64;
/// The size of the data before a table's entries, and the size of an entry.
const TABLE: u64 = size_of::<TableHeader>() as u64;
const ENTRY: u64 = 4;
/// The bit of an entry that marks a compressed chunk.
const PACKED: u32 = 1 << 31;
/// The largest accepted chunk; normal ones have 32 KiB.
const LARGEST_CHUNK: u64 = 16 << 20;
/// The sections of one file: a table covers hundreds of MiB at most.
const MOST_SECTIONS: usize = 1 << 16;
/// Two TiB in chunks of 32 KiB.
const MOST_CHUNKS: u64 = 1 << 26;
/// The number of possible names: `.E01` to `.ZZZ`.
const MOST_FILES: usize = 14_971;

/// The start of a file.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct FileHeader {
    _signature: [u8; 8],
    _fields_start: u8,
    /// The number of the file, counted from 1.
    segment_number: U16,
    _fields_end: [u8; 2],
}

/// The header of a section.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SectionHeader {
    /// The kind, as a text.
    kind: [u8; 16],
    /// Where the next section is.
    next: U64,
    /// The size of this one, with its header.
    size: U64,
    _padding: [u8; 40],
    _checksum: [u8; 4],
}

/// What is used of a volume section: the geometry.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Volume {
    _media_type: [u8; 4],
    chunk_count: U32,
    sectors_per_chunk: U32,
    bytes_per_sector: U32,
    sector_count: U64,
}

/// The start of a table section.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct TableHeader {
    entry_count: U32,
    _padding: [u8; 4],
    /// Is added to the offset in every entry.
    base: U64,
    _padding_behind: [u8; 4],
    _checksum: [u8; 4],
}

/// The content of all files of an image.
#[derive(Debug)]
pub(crate) struct Ewf {
    files: Vec<Arc<dyn Bytes>>,
    tables: Vec<Table>,
    chunk_size: u64,
    length: u64,
    cache: BlockCache,
}

/// Consecutive chunks in one file.
#[derive(Debug)]
struct Table {
    /// The number of its first chunk.
    first: u64,
    file: usize,
    /// The base of the entries' offsets.
    base: u64,
    entries: Vec<u32>,
    /// The end of the last chunk.
    end: u64,
}

/// The findings so far, reading one file after the other.
struct Reader {
    ewf: Ewf,
    chunks: u64,
    /// The number of chunks according to the image.
    promised: Option<u64>,
    /// Whether the last file has been read.
    done: bool,
    /// How many entries fit into the files read so far, minus those in their tables.
    room: u64,
}

fn malformed(offset: u64, expected: &'static str, found: String) -> Error {
    Error::Malformed { container: Container::Ewf, offset, expected, found }
}

/// Opens an image by its first file; the others are searched for next to it. Missing parts are returned in words.
pub(crate) fn open(first: Arc<dyn Bytes>, path: Option<&Path>) -> Result<(Ewf, Option<String>), Error> {
    let ewf = Ewf {
        files: Vec::new(),
        tables: Vec::new(),
        chunk_size: 0,
        length: 0,
        // Replaced when the size of a chunk is known.
        cache: BlockCache::new(LARGEST_CHUNK as usize),
    };
    let mut reader = Reader { ewf, chunks: 0, promised: None, done: false, room: 0 };
    let number = first.up_to(0, HEADER as usize).ok().and_then(|header| {
        let header = FileHeader::read_from_bytes(&header).ok()?;
        Some(header.segment_number.get())
    });
    if number != Some(1) {
        return Err(Error::wrong_kind(FileKind::EwfPart));
    }
    reader.read_file(first)?;
    let mut missing = None;
    for number in 2..=MOST_FILES {
        if reader.done {
            break;
        }
        let next = path.and_then(|path| segment_path(path, number));
        match next.as_deref().map(|path| (path, FileBytes::open_beside(path))) {
            Some((_, Ok(file))) => reader.read_file(Arc::new(file))?,
            Some((path, Err(error))) => {
                missing = Some(format!("{}: {error}", path.display()));
                break;
            }
            None => {
                missing = Some(format!("file {number} of the image"));
                break;
            }
        }
    }
    let (ewf, cut) = reader.finish()?;
    Ok((ewf, missing.or(cut)))
}

/// The name of the file with this number: `.E02` to `.E99`, `.EAA` to `.EZZ`, `.FAA` to `.ZZZ`, in the case of the first.
pub(crate) fn segment_path(first: &Path, number: usize) -> Option<PathBuf> {
    let extension = first.extension()?.to_str()?;
    let letter = extension.chars().next().filter(char::is_ascii_alphabetic)?;
    let text = if number < 100 {
        format!("{letter}{number:02}")
    } else {
        let index = number - 100;
        let last = |index: usize| char::from(b'A' + (index % 26) as u8);
        let first = letter.to_ascii_uppercase() as usize + index / (26 * 26);
        let first = u8::try_from(first).ok().map(char::from).filter(char::is_ascii_uppercase)?;
        let text: String = [first, last(index / 26), last(index)].into_iter().collect();
        if letter.is_ascii_lowercase() { text.to_ascii_lowercase() } else { text }
    };
    Some(first.with_extension(text))
}

impl Reader {
    /// Reads the sections of one file.
    fn read_file(&mut self, file: Arc<dyn Bytes>) -> Result<(), Error> {
        let reading = Error::reading(Container::Ewf);
        let number = self.ewf.files.len();
        let start = file.up_to(0, MAGIC.len()).map_err(&reading)?;
        if start != MAGIC {
            return Err(malformed(0, "the mark of an E01 file", format!("{}", start.escape_ascii())));
        }
        self.ewf.files.push(Arc::clone(&file));
        self.room = self.room.saturating_add(file.len() / ENTRY);
        let mut at = HEADER;
        // The end of the chunks that the next table lists.
        let mut data_end = None;
        for _ in 0..MOST_SECTIONS {
            let section = file.up_to(at, SECTION as usize).map_err(&reading)?;
            // A truncated file ends here; the tables read so far are valid.
            let Ok(section) = SectionHeader::read_from_bytes(&section) else { return Ok(()) };
            let (next, size) = (section.next.get(), section.size.get());
            let body = at + SECTION;
            let kind = section.kind.split(|byte| *byte == 0).next().unwrap_or_default();
            match kind {
                b"volume" | b"disk" | b"data" => self.volume(&file, body)?,
                b"sectors" => data_end = at.checked_add(size),
                b"table" => {
                    // The SMART format has no section for the chunks: they follow their table's entries.
                    let end = data_end.take().unwrap_or_else(|| at.saturating_add(size));
                    self.table(&file, number, body, end)?;
                }
                b"done" => {
                    self.done = true;
                    return Ok(());
                }
                b"next" => return Ok(()),
                _ => {}
            }
            // Sections follow each other; a chain that goes back would be endless.
            if next < body {
                return Err(malformed(at + 16, "a later section", format!("one at {next:#x}")));
            }
            at = next;
        }
        Err(malformed(at, "the last section", format!("more than {MOST_SECTIONS}")))
    }

    /// The geometry, which is in every file, and in some twice.
    fn volume(&mut self, file: &Arc<dyn Bytes>, at: u64) -> Result<(), Error> {
        if self.promised.is_some() {
            return Ok(());
        }
        let body = file.up_to(at, size_of::<Volume>()).map_err(Error::reading(Container::Ewf))?;
        let volume = Volume::read_from_bytes(&body)
            .map_err(|_| malformed(at, "the geometry of the image", format!("{} bytes", body.len())))?;
        let chunks = volume.chunk_count.get();
        let (sectors, sector) = (volume.sectors_per_chunk.get(), volume.bytes_per_sector.get());
        let chunk = u64::from(sectors) * u64::from(sector);
        if !(1..=LARGEST_CHUNK).contains(&chunk) {
            let found = format!("{sectors} sectors of {sector} bytes");
            return Err(malformed(at + 8, "chunks of up to 16 MiB", found));
        }
        let sector_count = volume.sector_count.get();
        self.promised = Some(chunks.into());
        self.ewf.chunk_size = chunk;
        self.ewf.cache = BlockCache::new(chunk as usize);
        self.ewf.length =
            sector_count.saturating_mul(sector.into()).min(u64::from(chunks).saturating_mul(chunk));
        Ok(())
    }

    fn table(&mut self, file: &Arc<dyn Bytes>, number: usize, at: u64, end: u64) -> Result<(), Error> {
        let reading = Error::reading(Container::Ewf);
        let head = file.up_to(at, TABLE as usize).map_err(&reading)?;
        let Ok(head) = TableHeader::read_from_bytes(&head) else { return Ok(()) };
        let (count, base) = (head.entry_count.get(), head.base.get());
        let room = file.len().saturating_sub(at + TABLE) / ENTRY;
        if u64::from(count).min(room) > self.room {
            return Err(malformed(at, "tables that do not overlap", format!("{count} more entries")));
        }
        let count = u64::from(count).min(room).min(MOST_CHUNKS.saturating_sub(self.chunks));
        self.room -= count;
        let entries = file.up_to(at + TABLE, (count * ENTRY) as usize).map_err(&reading)?;
        let entries: Vec<u32> = entries
            .chunks_exact(ENTRY as usize)
            .filter_map(|entry| Some(u32::from_le_bytes(*entry.first_chunk()?)))
            .collect();
        self.ewf.tables.push(Table { first: self.chunks, file: number, base, entries, end });
        self.chunks += count;
        Ok(())
    }

    /// The content as far as tables list it, and the missing parts.
    fn finish(mut self) -> Result<(Ewf, Option<String>), Error> {
        if self.promised.is_none() {
            return Err(malformed(HEADER, "a volume section", "none".to_owned()));
        }
        let there = self.chunks.saturating_mul(self.ewf.chunk_size);
        let promised = self.ewf.length;
        // A length of zero belongs to an image that was not finished.
        self.ewf.length = if promised == 0 { there } else { there.min(promised) };
        let missing = promised - self.ewf.length.min(promised);
        let missing = (missing > 0).then(|| format!("the last {missing} of {promised} bytes"));
        Ok((self.ewf, missing))
    }
}

impl Ewf {
    /// The total size of its files.
    pub(crate) fn file_length(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.len()))
    }

    fn unpack(&self, number: u64, into: &mut Vec<u8>) -> Result<(), BytesError> {
        let after = self.tables.partition_point(|table| table.first <= number);
        let table = after.checked_sub(1).and_then(|index| self.tables.get(index));
        let end_of_all = || BytesError::end(number.saturating_mul(self.chunk_size));
        let table = table.ok_or_else(end_of_all)?;
        let index = usize::try_from(number - table.first).map_err(|_| end_of_all())?;
        let entry = *table.entries.get(index).ok_or_else(end_of_all)?;
        let file = self.files.get(table.file).ok_or_else(end_of_all)?;
        let place = |entry: u32| table.base.saturating_add(u64::from(entry & !PACKED));
        let start = place(entry);
        let end = table.entries.get(index + 1).map_or(table.end, |next| place(*next));
        // The last chunk of the image may be shorter.
        let whole = self.chunk_size.min(self.length.saturating_sub(number * self.chunk_size));
        let size = end.checked_sub(start).filter(|size| *size <= self.chunk_size * 2 + 1024);
        let size =
            size.ok_or_else(|| BytesError::damaged(start, format!("a chunk that ends at {end:#x}")))?;
        let mut packed = vec![0; size as usize];
        file.read(start, &mut packed)?;
        if entry & PACKED != 0 {
            into.resize(whole as usize, 0);
            return unpack::zlib(&packed, into).or_else(|reason| {
                // Some writers pad the last chunk.
                into.resize(self.chunk_size as usize, 0);
                unpack::zlib(&packed, into).map_err(|_| BytesError::damaged(start, reason))
            });
        }
        let Some((content, sum)) = packed.split_last_chunk::<4>() else {
            return Err(BytesError::damaged(start, "a chunk without its checksum"));
        };
        if simd_adler32::adler32(&content) != u32::from_le_bytes(*sum) {
            return Err(BytesError::damaged(start, "the checksum of a chunk does not agree"));
        }
        into.extend_from_slice(content);
        Ok(())
    }
}

impl Bytes for Ewf {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BytesError> {
        self.cache.read_blocks(self.chunk_size, self.length, offset, into, |number, block| {
            self.unpack(number, block)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_their_number() {
        let name = |first: &str, number| {
            segment_path(Path::new(first), number).map(|path| path.to_str().unwrap().to_owned())
        };
        for (number, expected) in [
            (2, "a.E02"),
            (99, "a.E99"),
            (100, "a.EAA"),
            (101, "a.EAB"),
            (126, "a.EBA"),
            (775, "a.EZZ"),
            (776, "a.FAA"),
        ] {
            assert_eq!(name("a.E01", number).as_deref(), Some(expected));
        }
        assert_eq!(name("a.e01", 776).as_deref(), Some("a.faa"));
        assert_eq!(name("a.E01", MOST_FILES).as_deref(), Some("a.ZZZ"));
        assert_eq!(name("a.E01", MOST_FILES + 1), None);
        assert_eq!(name("a", 2), None);
    }
}
