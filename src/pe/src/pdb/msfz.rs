use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};

use ms_pdb_msf::{CreateOptions, Msf};
use ms_pdb_msfz::Msfz;
use sync_file::{RandomAccessFile, ReadAt};

use crate::container::Container;
use profile::{UnpackLimitError, UnpackMeter, guarded};

/// Why a compact PDB cannot be turned into a plain one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MsfzError {
    /// It is none.
    #[error("expected a compact PDB (MSFZ), found {found}")]
    Container {
        /// What it is.
        found: Container,
    },
    /// A number in the file is beyond what is sane, or beyond the file.
    #[error("the compact PDB is damaged: {place} is {found}, expected at most {limit}")]
    TooLarge {
        /// Which number.
        place: &'static str,
        /// What it is.
        found: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The file contradicts its format.
    #[error("the compact PDB is damaged: {reason}")]
    Damaged {
        /// What the reader found.
        reason: String,
    },
    /// The compact PDB grows beyond what the process allows.
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
/// Inflated chunks are kept by the reader; beyond this many bytes of them it is opened anew.
const KEPT: u64 = 16 << 20;
/// How many times the size allowed for the plain PDB may be inflated, as chunks that several streams share are
/// inflated again after the reader was opened anew.
const MOST_INFLATED: u64 = 4;
const STEP: usize = 64 * 1024;

/// Writes the streams of the compact PDB `source` into the empty file `plain`, as a PDB that every tool reads.
/// The streams are the same byte for byte; how they lie in the file is not recorded in the compact form.
///
/// The streams together may have `limit` bytes and must stay within [`profile::UnpackLimits`] for the size of
/// `source`. Memory is bounded by the directory (64 MiB) and by the largest chunk (256 MiB, and what is allowed) beside the 16 MiB of
/// chunks that are kept; chunks are inflated to at most four times what is allowed in all.
///
/// # Errors
/// [`MsfzError`]; `plain` then holds a part.
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
    guarded(|| copy(source, length, plain, limit, came)).ok_or_else(|| damaged("its reader gave up"))?
}

/// Looks at every size in the header before the reader reserves memory for it.
fn check_header(source: &impl ReadAt, length: u64) -> Result<(), MsfzError> {
    let mut header = [0; HEADER];
    let mut filled = 0;
    while let Some(rest) = header.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read_at(rest, filled as u64).map_err(MsfzError::Read)? {
            0 => break,
            count => filled += count,
        }
    }
    let found = Container::of(header.get(..filled).unwrap_or_default());
    if found != Container::Msfz {
        return Err(MsfzError::Container { found });
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
    let mut inflated = 0u64;
    let mut msf = Msf::create_with_file(plain, CreateOptions::default()).map_err(write_error)?;
    let mut kept = Kept::default();
    let mut buffer = vec![0; STEP];
    let mut done = 0u64;
    // Stream 0 is the directory of the file before; the container writes its own.
    for stream in 1..msfz.num_streams() {
        if !msfz.is_stream_valid(stream) {
            // The first streams are there from the start, and absent until they are written.
            if msf.num_streams() <= stream {
                msf.nil_stream().map_err(write_error)?;
            }
            continue;
        }
        let mut writer = msf.write_stream(stream).map_err(write_error)?;
        let size = msfz.stream_size(stream).map_err(damaged)?;
        let mut at = 0;
        while at < size {
            let want = usize::try_from(size - at).unwrap_or(STEP).min(STEP);
            let space = buffer.get_mut(..want).unwrap_or_default();
            let reader = msfz.get_stream_reader(stream).map_err(damaged)?;
            let count = reader.read_at(space, at).map_err(damaged)?;
            if count == 0 {
                return Err(damaged(format!("stream {stream} ends at {at}, expected {size} bytes")));
            }
            writer.write_all(space.get(..count).unwrap_or_default()).map_err(MsfzError::Write)?;
            kept.touch(&msfz, stream, at, count as u64);
            at += count as u64;
            done += count as u64;
            came(done);
            if kept.bytes > KEPT {
                inflated = inflated.saturating_add(kept.bytes);
                if inflated > most_inflated {
                    return Err(meter.exceeded().into());
                }
                msfz = open(source, length)?;
                kept = Kept::default();
            }
        }
    }
    msf.commit().map_err(write_error)?;
    Ok(())
}

/// Which chunks the reader holds inflated, and how many bytes that is.
#[derive(Default)]
struct Kept {
    chunks: HashSet<u32>,
    bytes: u64,
}

impl Kept {
    fn touch<R: ReadAt>(&mut self, msfz: &Msfz<R>, stream: u32, from: u64, count: u64) {
        let mut start = 0u64;
        for fragment in msfz.stream_fragments(stream).unwrap_or_default() {
            let end = start + u64::from(fragment.size);
            if end > from && start < from + count && fragment.location.is_compressed() {
                let chunk = fragment.location.compressed_first_chunk();
                if self.chunks.insert(chunk) {
                    let entry = msfz.chunks().get(chunk as usize);
                    self.bytes += entry.map_or(0, |entry| u64::from(entry.uncompressed_size.get()));
                }
            }
            start = end;
        }
    }
}

fn damaged(reason: impl std::fmt::Display) -> MsfzError {
    MsfzError::Damaged { reason: format!("{reason:#}") }
}

fn write_error(error: impl std::fmt::Display) -> MsfzError {
    MsfzError::Write(io::Error::other(format!("{error:#}")))
}
