use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};

use formats::{FileKind, WrongKind};
use ms_pdb_msf::{CreateOptions, Msf};
use ms_pdb_msfz::Msfz;
use sync_file::{RandomAccessFile, ReadAt};

use profile::{UnpackLimitError, UnpackMeter, guarded};

/// Why a compact PDB cannot be converted into a plain one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MsfzError {
    /// The file is not a compact PDB.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// A number in the file is not plausible, or points beyond the file.
    #[error("the compact PDB is damaged: {place} is {found}, expected at most {limit}")]
    TooLarge {
        /// Which number.
        place: &'static str,
        /// Its value.
        found: u64,
        /// The highest value that is allowed.
        limit: u64,
    },
    /// The file violates its format.
    #[error("the compact PDB is damaged: {reason}")]
    Damaged {
        /// The problem.
        reason: String,
    },
    /// The compact PDB unpacks to more than the process allows.
    #[error(transparent)]
    Limit(#[from] UnpackLimitError),
    /// The file could not be read.
    #[error("the compact PDB cannot be read")]
    Read(#[source] io::Error),
    /// The plain file could not be written.
    #[error("cannot write the plain PDB")]
    Write(#[source] io::Error),
}

const HEADER: usize = 80;
const MOST_STREAMS: u64 = 0xfffe;
const LARGEST_DIRECTORY: u64 = 64 << 20;
/// Known writers make chunks of a few MiB.
const LARGEST_CHUNK: u64 = 256 << 20;
/// The reader keeps the chunks it has inflated. Before it would keep more than this, it is opened again.
const KEPT: u64 = 16 << 20;
/// How many times the allowed size of the plain PDB may be inflated. Chunks that several streams share are inflated
/// again after the reader has been reopened.
const MOST_INFLATED: u64 = 4;
/// How many bytes are copied at a time. In each step the reader goes through all fragments of the stream, of which a
/// directory can hold five million, so steps are long.
const STEP: usize = 4 << 20;

/// Writes the streams of the compact PDB `source` into the empty file `plain`, as a PDB that every tool reads. The
/// streams are the same byte for byte; their places in the file are not recorded in the compact form.
///
/// The streams together may have `limit` bytes and must stay within [`profile::UnpackLimits`] for the size of
/// `source`. Memory is bounded by the directory (64 MiB inflated) and by one chunk (256 MiB, within the allowed size)
/// or, if chunks are smaller, by the 16 MiB of chunks that are kept. The total of bytes inflated, including chunks
/// that are inflated repeatedly because streams share them, is at most four times the allowed size.
///
/// # Errors
/// [`MsfzError`]; `plain` then holds a part of the file.
pub fn unpack(source: &File, plain: &File, limit: u64, came: &dyn Fn(u64)) -> Result<(), MsfzError> {
    let source = source.try_clone().map_err(MsfzError::Read)?;
    let length = source.metadata().map_err(MsfzError::Read)?.len();
    unpack_from(&RandomAccessFile::from(source), length, plain, limit, came)
}

/// The same for a compact PDB that is mapped or in memory.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_bytes(source: &[u8], plain: &File, limit: u64, came: &dyn Fn(u64)) -> Result<(), MsfzError> {
    unpack_from(&source, source.len() as u64, plain, limit, came)
}

fn unpack_from<R: ReadAt>(
    source: &R,
    length: u64,
    plain: &File,
    limit: u64,
    came: &dyn Fn(u64),
) -> Result<(), MsfzError> {
    check_header(source, length)?;
    let plain = RandomAccessFile::from(plain.try_clone().map_err(MsfzError::Write)?);
    guarded(|| copy(source, length, plain, limit, came)).ok_or_else(|| damaged("the reader failed"))?
}

/// Checks every size in the header before the reader allocates memory for it.
fn check_header(source: &impl ReadAt, length: u64) -> Result<(), MsfzError> {
    let mut header = [0; HEADER];
    let mut filled = 0;
    while let Some(rest) = header.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read_at(rest, filled as u64).map_err(MsfzError::Read)? {
            0 => break,
            count => filled += count,
        }
    }
    let found = FileKind::of_start(header.get(..filled).unwrap_or_default());
    if found != FileKind::Msfz {
        return Err(WrongKind::new("a compact PDB (MSFZ)", found).into());
    }
    let number = |at: usize| {
        let bytes = header.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
        u64::from(u32::from_le_bytes(bytes))
    };
    let within = |place, found, limit| {
        if found > limit { Err(MsfzError::TooLarge { place, found, limit }) } else { Ok(()) }
    };
    within("the number of streams", number(56), MOST_STREAMS)?;
    within("the size of the packed directory", number(64), length)?;
    within("the size of the directory", number(68), LARGEST_DIRECTORY)?;
    UnpackMeter::new(length).check_declared(number(68))?;
    within("the size of the chunk table", number(76), length)
}

fn open<R: ReadAt>(source: &R, length: u64) -> Result<Msfz<&R>, MsfzError> {
    let msfz = Msfz::from_file(source).map_err(damaged)?;
    for chunk in msfz.chunks() {
        let (packed, size) = (u64::from(chunk.compressed_size.get()), chunk.uncompressed_size.get().into());
        if packed > length {
            return Err(MsfzError::TooLarge {
                place: "the packed size of a chunk",
                found: packed,
                limit: length,
            });
        }
        if size > LARGEST_CHUNK {
            return Err(MsfzError::TooLarge {
                place: "the size of a chunk",
                found: size,
                limit: LARGEST_CHUNK,
            });
        }
        UnpackMeter::new(length).check_declared(size)?;
    }
    Ok(msfz)
}

fn copy<R: ReadAt>(
    source: &R,
    length: u64,
    plain: RandomAccessFile,
    limit: u64,
    came: &dyn Fn(u64),
) -> Result<(), MsfzError> {
    let mut msfz = open(source, length)?;
    let mut total = 0u64;
    for stream in 0..msfz.num_streams() {
        total = total.saturating_add(msfz.stream_size(stream).map_err(damaged)?);
    }
    let meter = UnpackMeter::new(length);
    if total > limit && !meter.is_chosen() {
        return Err(MsfzError::TooLarge { place: "the size of all streams", found: total, limit });
    }
    meter.check_declared(total)?;
    let most_inflated = meter.allowed().saturating_mul(MOST_INFLATED);
    // The directory is inflated again with each reader.
    let directory = msfz.num_fragments() as u64 * FRAGMENT;
    let mut inflated = directory;
    let mut msf = Msf::create_with_file(plain, CreateOptions::default()).map_err(write_error)?;
    let mut kept = Kept::default();
    let mut buffer = vec![0; STEP];
    let mut done = 0u64;
    // Stream 0 is the directory of the previous version of the file; the container writes its own.
    for stream in 1..msfz.num_streams() {
        if !msfz.is_stream_valid(stream) {
            // The first streams exist from the start and are absent until they are written.
            if msf.num_streams() <= stream {
                msf.nil_stream().map_err(write_error)?;
            }
            continue;
        }
        let mut writer = msf.write_stream(stream).map_err(write_error)?;
        let size = msfz.stream_size(stream).map_err(damaged)?;
        let mut place = Place::default();
        let mut at = 0;
        while at < size {
            let want = kept.gather(&msfz, stream, &mut place);
            if want == 0 {
                // There is no room for the next chunk beside those that the reader keeps.
                inflated = inflated.saturating_add(kept.bytes).saturating_add(directory);
                if kept.chunks.is_empty() || inflated > most_inflated {
                    return Err(meter.exceeded().into());
                }
                msfz = open(source, length)?;
                kept = Kept::default();
                continue;
            }
            let space = buffer.get_mut(..want).unwrap_or_default();
            let count =
                msfz.get_stream_reader(stream).map_err(damaged)?.read_at(space, at).map_err(damaged)?;
            if count != want {
                let end = at + count as u64;
                return Err(damaged(format!("stream {stream} ends at {end}, expected {size} bytes")));
            }
            writer.write_all(space).map_err(MsfzError::Write)?;
            at += count as u64;
            done += count as u64;
            came(done);
        }
    }
    msf.commit().map_err(write_error)?;
    Ok(())
}

/// The size of a directory entry, in bytes.
const FRAGMENT: u64 = 12;

/// How far a stream has been read: the number of a fragment, and how many of its bytes are done.
#[derive(Default)]
struct Place {
    fragment: usize,
    within: usize,
}

/// The chunks that the reader holds inflated, and their total size, inflated and compressed.
#[derive(Default)]
struct Kept {
    chunks: HashSet<u32>,
    bytes: u64,
}

impl Kept {
    /// How many bytes of a stream can be read at once from `place`, which then moves past them: up to one step, and
    /// only up to the first chunk for which there is no room. Zero if that is the next chunk.
    fn gather<R: ReadAt>(&mut self, msfz: &Msfz<R>, stream: u32, place: &mut Place) -> usize {
        let fragments = msfz.stream_fragments(stream).unwrap_or_default();
        let mut gathered = 0;
        while gathered < STEP {
            let Some(fragment) = fragments.get(place.fragment) else { break };
            if fragment.location.is_compressed() {
                let chunk = fragment.location.compressed_first_chunk();
                if !self.chunks.contains(&chunk) {
                    let size = msfz.chunks().get(chunk as usize).map_or(0, |entry| {
                        u64::from(entry.uncompressed_size.get()) + u64::from(entry.compressed_size.get())
                    });
                    if !self.chunks.is_empty() && self.bytes.saturating_add(size) > KEPT {
                        break;
                    }
                    self.chunks.insert(chunk);
                    self.bytes = self.bytes.saturating_add(size);
                }
            }
            let left = (fragment.size as usize).saturating_sub(place.within);
            let taken = left.min(STEP - gathered);
            gathered += taken;
            place.within += taken;
            if taken == left {
                *place = Place { fragment: place.fragment + 1, within: 0 };
            }
        }
        gathered
    }
}

fn damaged(reason: impl std::fmt::Display) -> MsfzError {
    MsfzError::Damaged { reason: format!("{reason:#}") }
}

fn write_error(error: impl std::fmt::Display) -> MsfzError {
    MsfzError::Write(io::Error::other(format!("{error:#}")))
}
