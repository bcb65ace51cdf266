//! Compact PDBs (MSFZ): the streams of a PDB in compressed chunks ("MSFZ Container Specification", microsoft/pdb-rs).
//!
//! The maintained reader (`ms-pdb-msfz`) is not used: it brings the whole of C's zstd (a twentieth of the time to
//! build the program), keeps every chunk in memory, and does not read fragments that continue in the next chunk, as
//! the specification allows.

mod chunks;
mod container;
mod error;

use std::fs::File;
use std::io::{BufWriter, Write};

use ms_pdb_msf::{CreateOptions, Msf};
use profile::{UnpackMeter, guarded};
use sync_file::{RandomAccessFile, ReadAt};

use chunks::Chunks;
use container::{Container, Fragment, Place};
pub use error::MsfzError;

/// How many bytes of a fragment are copied at a time.
const STEP: usize = 256 << 10;

/// Writes the streams of the compact PDB `source` into the empty file `plain`, as a PDB that every tool reads. The
/// streams are the same byte for byte; their places in the file are not recorded in the compact form.
///
/// The streams together may have `limit` bytes and must stay within [`profile::UnpackLimits`] for the size of
/// `source`. Memory is bounded by the directory (64 MiB inflated) and by one chunk (256 MiB, within the allowed size)
/// or, if chunks are smaller, by the 16 MiB of chunks that are kept. The total of bytes inflated, including chunks
/// that are inflated repeatedly because streams share them, is at most four times the allowed size. `came` is told
/// how many bytes of the streams are done.
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
    let container = Container::read(source, length)?;
    let meter = UnpackMeter::new(length);
    check_total(container.total_size()?, limit, &meter)?;
    let chunks = Chunks::new(source, container.chunks(), meter);
    let mut copy = Copy { source, length, chunks, step: vec![0; STEP], done: 0, came };
    // The writer of the plain form asserts what it expects of sizes and numbers.
    guarded(|| copy.streams(&container, plain)).ok_or_else(|| MsfzError::write("the writer failed"))?
}

/// The size of all streams must be allowed, before any of them is read.
fn check_total(total: u64, limit: u64, meter: &UnpackMeter) -> Result<(), MsfzError> {
    if total > limit && !meter.is_chosen() {
        return Err(MsfzError::TooLarge { place: "the size of all streams", found: total, limit });
    }
    Ok(meter.check_declared(total)?)
}

/// Copies the content of streams.
struct Copy<'a, R> {
    source: &'a R,
    length: u64,
    chunks: Chunks<'a, R>,
    step: Vec<u8>,
    done: u64,
    came: &'a dyn Fn(u64),
}

impl<R: ReadAt> Copy<'_, R> {
    fn streams(&mut self, container: &Container, plain: &File) -> Result<(), MsfzError> {
        let plain = RandomAccessFile::from(plain.try_clone().map_err(MsfzError::Write)?);
        let mut msf = Msf::create_with_file(plain, CreateOptions::default()).map_err(MsfzError::write)?;
        // Stream 0 is the directory of the previous version of the file; the new file gets its own.
        for (number, stream) in (0..).zip(container.streams()).skip(1) {
            let Some(fragments) = stream? else {
                // A new file has the first streams from the start; they are absent until they are written.
                if msf.num_streams() <= number {
                    msf.nil_stream().map_err(MsfzError::write)?;
                }
                continue;
            };
            let stream = msf.write_stream(number).map_err(MsfzError::write)?;
            let mut stream = BufWriter::with_capacity(STEP, stream);
            for fragment in fragments {
                self.fragment(fragment, &mut stream)?;
            }
            stream.flush().map_err(MsfzError::Write)?;
        }
        msf.commit().map_err(MsfzError::write)?;
        Ok(())
    }

    fn fragment(&mut self, fragment: &Fragment, to: &mut impl Write) -> Result<(), MsfzError> {
        let mut left = fragment.size();
        match fragment.place() {
            Place::File { mut offset } => {
                let end = offset.saturating_add(left.into());
                if end > self.length {
                    let (place, limit) = ("the end of a fragment", self.length);
                    return Err(MsfzError::TooLarge { place, found: end, limit });
                }
                while left > 0 {
                    let part = self.step.get_mut(..STEP.min(left as usize)).unwrap_or_default();
                    self.source.read_exact_at(part, offset).map_err(MsfzError::Read)?;
                    to.write_all(part).map_err(MsfzError::Write)?;
                    offset += part.len() as u64;
                    left -= part.len() as u32;
                    self.done += part.len() as u64;
                    (self.came)(self.done);
                }
            }
            Place::Chunk { mut number, mut offset } => {
                // A fragment continues in the chunks that follow in the table.
                while left > 0 {
                    let chunk = self.chunks.get(number)?;
                    let rest =
                        chunk.get(offset as usize..).filter(|rest| !rest.is_empty()).ok_or_else(|| {
                            MsfzError::damaged(format!(
                                "a fragment begins at {offset} in chunk {number}, which has {} bytes",
                                chunk.len()
                            ))
                        })?;
                    let part = rest.get(..left as usize).unwrap_or(rest);
                    to.write_all(part).map_err(MsfzError::Write)?;
                    left -= part.len() as u32;
                    (number, offset) = (number.saturating_add(1), 0);
                    self.done += part.len() as u64;
                    (self.came)(self.done);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A compact PDB with these stored chunks, whose streams have these fragments: the size, and the location.
    fn compact(chunks: &[&[u8]], streams: &[Option<&[(u32, u64)]>]) -> Vec<u8> {
        let mut directory = Vec::new();
        for stream in streams {
            let Some(fragments) = stream else {
                directory.extend([0xff; 4]);
                continue;
            };
            for (size, location) in *fragments {
                directory.extend(size.to_le_bytes());
                directory.extend(location.to_le_bytes());
            }
            directory.extend([0; 4]);
        }
        let content = chunks.concat();
        let table = 80 + content.len() as u64;
        let directory_offset = table + 20 * chunks.len() as u64;
        let mut file = b"Microsoft MSFZ Container\r\n\x1aALD\0\0".to_vec();
        file.extend([0, directory_offset, table].map(u64::to_le_bytes).concat());
        let (size, count) = (directory.len() as u32, chunks.len() as u32);
        file.extend([streams.len() as u32, 0, size, size, count, 20 * count].map(u32::to_le_bytes).concat());
        file.extend(&content);
        let mut offset = 80;
        for chunk in chunks {
            file.extend(u64::to_le_bytes(offset));
            file.extend([0, chunk.len() as u32, chunk.len() as u32].map(u32::to_le_bytes).concat());
            offset += chunk.len() as u64;
        }
        file.extend(directory);
        file
    }

    fn in_chunk(number: u64, offset: u64) -> u64 {
        1 << 63 | number << 32 | offset
    }

    /// The streams of the plain form, without the first; `None` for one that does not exist.
    fn streams(file: &[u8]) -> Result<Vec<Option<Vec<u8>>>, MsfzError> {
        let plain = tempfile::tempfile().unwrap();
        unpack_bytes(file, &plain, 1 << 20, &|_| ())?;
        let msf = Msf::open_with_file(RandomAccessFile::from(plain)).unwrap();
        let stream = |number| msf.is_stream_valid(number).then(|| msf.read_stream_to_vec(number).unwrap());
        Ok((1..msf.num_streams()).map(stream).collect())
    }

    #[test]
    fn a_fragment_continues_in_the_chunks_that_follow() {
        let file = compact(
            &[b"abcd", b"efg", b"hi"],
            &[
                Some(&[]),
                Some(&[(6, in_chunk(0, 2))]),
                None,
                Some(&[]),
                // From the file itself, then the end of the last chunk.
                Some(&[(3, 81), (1, in_chunk(2, 1))]),
            ],
        );
        let expected = [Some(b"cdefgh".to_vec()), None, Some(Vec::new()), Some(b"bcdi".to_vec())];
        assert_eq!(streams(&file).unwrap(), expected);
    }

    #[test]
    fn a_fragment_outside_the_file_or_its_chunks_is_an_error() {
        for (fragment, expected) in [
            ((3, in_chunk(1, 1)), "a fragment is in chunk 2 of 2 chunks"),
            ((1, in_chunk(0, 4)), "a fragment begins at 4 in chunk 0, which has 4 bytes"),
            ((1, in_chunk(9, 0)), "a fragment is in chunk 9 of 2 chunks"),
            ((1, 1 << 47), "the end of a fragment is 140737488355329"),
        ] {
            let file = compact(&[b"abcd", b"efg"], &[Some(&[]), Some(&[fragment])]);
            let error = streams(&file).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_directory_that_ends_early_is_an_error() {
        let mut file = compact(&[], &[Some(&[]), Some(&[])]);
        // Three streams are announced, and two are there.
        file[56] = 3;
        let error = streams(&file).unwrap_err().to_string();
        assert!(error.contains("its directory ends in stream 2, expected 3 streams"), "{error}");
    }
}
