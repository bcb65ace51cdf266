//! Images that are packed as a whole: gzip, xz and zstd files, and zip archives of one file. They cannot be read in
//! places, so they are unpacked into a temporary file, which disappears with the process.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use formats::{FileKind, OpenFile, identify};
use profile::{Progress, UnpackLimitError, UnpackLimits, UnpackMeter, ZstdReader};

use crate::Error;
use crate::bytes::{Bytes, BytesError, Problem};
use crate::container::Container;
use crate::file::FileBytes;

/// What a packed image holds.
pub(super) struct Unpacked {
    pub(super) bytes: Arc<dyn Bytes>,
    /// The path it would have if it lay unpacked beside the packed file.
    pub(super) path: Option<PathBuf>,
}

/// The largest window a decoder may ask for: `xz -9` and `zstd --long` ask for 64 and 128 MiB.
const WINDOW: u64 = 128 << 20;
/// What an xz decoder may allocate, in KiB: its window and what it needs beside it.
const XZ_MEMORY: u32 = 160 << 10;
/// How much is unpacked at once. Blocks of zeros of this size become holes of the temporary file.
const BLOCK: usize = 64 << 10;
/// No more members of a zip archive are looked at.
const MOST_MEMBERS: usize = 1 << 16;

/// Whether files of this kind are unpacked.
pub(crate) fn is_packed(kind: FileKind) -> bool {
    matches!(kind, FileKind::Gzip | FileKind::Xz | FileKind::Zstd | FileKind::Zip)
}

/// Whether the image at `path` is unpacked into a temporary file when it is opened.
pub(crate) fn needs_unpacking(path: &Path) -> bool {
    let regular = path.metadata().is_ok_and(|metadata| metadata.is_file());
    regular && File::open(path).is_ok_and(|file| is_packed(identify(&OpenFile(&file), Some(path)).kind))
}

/// Unpacks an image of one of these kinds.
///
/// # Errors
/// [`Error::Limit`] if it grows beyond what the process allows; [`Error::Unreadable`] if it is damaged or the temporary
/// file cannot be written; [`Error::WrongKind`] for an archive that does not hold exactly one file.
pub(super) fn unpack(
    bytes: &Arc<dyn Bytes>,
    kind: FileKind,
    path: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Unpacked, Error> {
    let source = BufReader::with_capacity(256 << 10, Reader { bytes: Arc::clone(bytes), at: 0 });
    let mut unpacking = Unpacking { packed: bytes.len(), progress, step: format!("Unpacking {kind}") };
    progress.begin(&unpacking.step, None);
    let mut inner_path = path.and_then(|path| Some(path.with_file_name(path.file_stem()?)));
    let file = match kind {
        FileKind::Gzip => unpacking.copy(flate2::bufread::MultiGzDecoder::new(source)),
        FileKind::Xz => unpacking.copy(lzma_rust2::XzReader::new_mem_limit(source, true, XZ_MEMORY)),
        FileKind::Zstd => unpacking.copy(ZstdReader::new(source, WINDOW)),
        _ => {
            let (file, name) = unpacking.zip(source)?;
            inner_path = path.and_then(|path| Some(path.with_file_name(Path::new(&name).file_name()?)));
            Ok(file)
        }
    };
    progress.end(&unpacking.step);
    let file = FileBytes::from_file(file?).map_err(|error| unpacking.failed(&error))?;
    Ok(Unpacked { bytes: Arc::new(file), path: inner_path })
}

struct Unpacking<'a> {
    packed: u64,
    progress: &'a dyn Progress,
    step: String,
}

impl Unpacking<'_> {
    /// The only file of an archive, and its name.
    fn zip(&mut self, source: impl Read + Seek) -> Result<(File, String), Error> {
        let unreadable =
            |reason: String| Error::Unreadable { container: Container::Packed, offset: 0, reason };
        let mut archive = zip::ZipArchive::new(source).map_err(|error| unreadable(error.to_string()))?;
        let mut members = Vec::new();
        for index in 0..archive.len().min(MOST_MEMBERS) {
            let member = archive.by_index_raw(index).map_err(|error| unreadable(error.to_string()))?;
            let name = String::from_utf8_lossy(member.name_raw()).into_owned();
            // What macOS adds to every archive.
            if !member.is_dir() && !name.starts_with("__MACOSX/") {
                members.push((index, name, member.encrypted()));
            }
        }
        let [(index, name, encrypted)] = &members[..] else {
            let expected = "one file in the archive, a memory image";
            return Err(Error::Malformed {
                container: Container::Packed,
                offset: 0,
                expected,
                found: format!("{} files; unpack the image that is wanted: `unzip FILE NAME`", members.len()),
            });
        };
        if *encrypted {
            return Err(unreadable(format!(
                "{name} is encrypted; unpack it with its password: `unzip FILE`"
            )));
        }
        let member = archive.by_index(*index).map_err(|error| unreadable(format!("{name}: {error}")))?;
        Ok((self.copy(member)?, name.clone()))
    }

    /// Copies everything that `reader` gives into a temporary file. Blocks of zeros become holes: they take no place, so
    /// only the wider limits of memory count them. Memory of an idle machine is nearly all zero.
    fn copy(&mut self, mut reader: impl Read) -> Result<File, Error> {
        let mut stored = UnpackMeter::new(self.packed);
        let mut file = tempfile::tempfile().map_err(|error| self.failed(&error))?;
        let mut block = vec![0; BLOCK];
        let mut done: u64 = 0;
        loop {
            let count = fill(&mut reader, &mut block).map_err(|error| self.failed(&error))?;
            let content = block.get(..count).unwrap_or_default();
            if content.iter().any(|byte| *byte != 0) {
                stored.add(count as u64)?;
                let written = file.seek(SeekFrom::Start(done)).and_then(|_| file.write_all(content));
                written.map_err(|error| self.failed(&error))?;
            }
            done += count as u64;
            UnpackLimits::current().check_memory(self.packed, done)?;
            self.progress.advance(&self.step, done);
            if count < BLOCK {
                break;
            }
        }
        file.set_len(done).map_err(|error| self.failed(&error))?;
        Ok(file)
    }

    fn failed(&self, error: &io::Error) -> Error {
        match UnpackLimitError::of(error) {
            Some(limit) => limit.clone().into(),
            None => Error::Unreadable {
                container: Container::Packed,
                offset: 0,
                reason: format!("it cannot be unpacked into a temporary file: {error}"),
            },
        }
    }
}

/// Reads until the block is full or nothing more comes.
fn fill(reader: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = block.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// The packed bytes as a stream.
struct Reader {
    bytes: Arc<dyn Bytes>,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.bytes.len().saturating_sub(self.at).min(buffer.len() as u64) as usize;
        let part = buffer.get_mut(..there).unwrap_or_default();
        self.bytes.read(self.at, part).map_err(in_io)?;
        self.at += there as u64;
        Ok(there)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(distance) => self.bytes.len().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.at.checked_add_signed(distance),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

fn in_io(error: BytesError) -> io::Error {
    match error.problem {
        Problem::End => io::ErrorKind::UnexpectedEof.into(),
        Problem::Damaged(reason) => io::Error::other(reason.as_ref().to_owned()),
        Problem::Io(error) => io::Error::new(error.kind(), error.to_string()),
    }
}
