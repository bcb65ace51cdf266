use std::io::{self, Read, Seek, SeekFrom};

use formats::{Seekable, WrongKind, identify};
use profile::GuidAge;

/// The identity of a PDB, read from a few bytes of the file, whatever its size.
///
/// Only the header, the directory's pages and the first bytes of two streams are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The GUID in the info stream, with the age by which stores know the file. That is the age in the DBI stream,
    /// which the RSDS record of the image repeats. A file without a DBI stream (a type server) has the age in the
    /// info stream.
    pub guid_age: GuidAge,
    /// The age in the info stream, which can be higher than the one above.
    pub info_age: u32,
    /// The size of the file according to its own header, in bytes.
    pub size: u64,
}

/// Why a file is not accepted as a PDB.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Another kind of file.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// The file is shorter than its header says.
    #[error("truncated: its header gives {expected} bytes, found {found}")]
    Truncated {
        /// The size in the header, in bytes.
        expected: u64,
        /// The size of the file, in bytes.
        found: u64,
    },
    /// A field has a value that no PDB can have.
    #[error("{place} at offset {offset:#x}: expected {expected}, found {found}")]
    Malformed {
        /// Which field.
        place: &'static str,
        /// Its offset in the file, in bytes.
        offset: u64,
        /// The values that are allowed.
        expected: &'static str,
        /// The value in the file.
        found: u64,
    },
    /// The file could not be read.
    #[error("cannot be read")]
    Io(#[from] io::Error),
}

/// The first bytes of an MSF 7.00 file.
const MAGIC: &[u8] = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";

impl Identity {
    /// Reads the identity of the PDB in `file`. The current position in `file` does not matter.
    ///
    /// Layout of the container: "The MSF File Format" and "The PDB Info Stream", "The PDB DBI Stream" of the
    /// LLVM documentation.
    ///
    /// # Errors
    /// [`IdentityError`] if the file is not a PDB, is shorter than its header says, or cannot be read.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Self, IdentityError> {
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        let mut start = Vec::with_capacity(MAGIC.len());
        file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut start)?;
        if start != MAGIC {
            return Err(WrongKind::new("a PDB", identify(&Seekable::new(file), None)).into());
        }
        Msf::open(file, length)?.identity()
    }
}

/// The parts of an MSF file that are needed to find the first bytes of its first streams.
struct Msf<'a, F> {
    file: &'a mut F,
    page_size: u64,
    page_count: u64,
    directory_size: u64,
    streams: u64,
}

const INFO_STREAM: u64 = 1;
const DBI_STREAM: u64 = 3;
/// The offset in the first page of the page numbers of the directory's page list.
const MAP: u64 = 52;

impl<'a, F: Read + Seek> Msf<'a, F> {
    fn open(file: &'a mut F, length: u64) -> Result<Self, IdentityError> {
        let mut msf = Msf { file, page_size: 0, page_count: 0, directory_size: 0, streams: 0 };
        if length < MAP + 4 {
            return Err(IdentityError::Truncated { expected: MAP + 4, found: length });
        }
        msf.page_size = msf.u32_at(32)?.into();
        if !msf.page_size.is_power_of_two() || !(512..=65536).contains(&msf.page_size) {
            return Err(malformed("page size", 32, "a power of two from 512 to 65536", msf.page_size));
        }
        msf.page_count = msf.u32_at(40)?.into();
        let expected = msf.page_size * msf.page_count;
        if length < expected {
            return Err(IdentityError::Truncated { expected, found: length });
        }
        msf.directory_size = msf.u32_at(44)?.into();
        if !(8..=expected).contains(&msf.directory_size) {
            return Err(malformed("directory size", 44, "at least 8, within the file", msf.directory_size));
        }
        // The directory's page numbers fill pages whose own numbers must fit into the first page.
        let lists = (msf.directory_size.div_ceil(msf.page_size) * 4).div_ceil(msf.page_size);
        if MAP + lists * 4 > msf.page_size {
            return Err(malformed(
                "directory size",
                44,
                "a directory that can be mapped",
                msf.directory_size,
            ));
        }
        msf.streams = msf.directory_u32(0)?.into();
        if msf.streams < 2 || (1 + msf.streams) * 4 > msf.directory_size {
            return Err(malformed(
                "number of streams",
                msf.page_size,
                "2 or more, within the directory",
                msf.streams,
            ));
        }
        Ok(msf)
    }

    fn identity(mut self) -> Result<Identity, IdentityError> {
        let Some(info) = self.stream_start::<28>(INFO_STREAM)? else {
            return Err(malformed("info stream", 0, "a stream of 28 bytes or more", 0));
        };
        let [.., a0, a1, a2, a3] = *info.first_chunk::<12>().unwrap_or(&[0; 12]);
        let info_age = u32::from_le_bytes([a0, a1, a2, a3]);
        let raw = *info.last_chunk::<16>().unwrap_or(&[0; 16]);
        let age = match self.stream_start::<12>(DBI_STREAM)? {
            // Signature -1: the header that carries an age.
            Some([0xff, 0xff, 0xff, 0xff, _, _, _, _, age @ ..]) => u32::from_le_bytes(age),
            _ => info_age,
        };
        let guid_age = GuidAge::from_raw(raw, age);
        Ok(Identity { guid_age, info_age, size: self.page_size * self.page_count })
    }

    /// The first `N` bytes of a stream; `None` if it does not exist or is shorter.
    fn stream_start<const N: usize>(&mut self, stream: u64) -> Result<Option<[u8; N]>, IdentityError> {
        if stream >= self.streams {
            return Ok(None);
        }
        let mut pages_before = 0;
        for earlier in 0..stream {
            pages_before += self.stream_size(earlier)?.div_ceil(self.page_size);
        }
        if self.stream_size(stream)? < N as u64 {
            return Ok(None);
        }
        let page = self.directory_u32((1 + self.streams + pages_before) * 4)?;
        let mut bytes = [0; N];
        let at = self.page_offset(page)?;
        self.read_at(at, &mut bytes)?;
        Ok(Some(bytes))
    }

    fn stream_size(&mut self, stream: u64) -> Result<u64, IdentityError> {
        let size = self.directory_u32((1 + stream) * 4)?;
        // A size of all ones marks a stream that does not exist.
        Ok(if size == u32::MAX { 0 } else { size.into() })
    }

    /// The number at `offset` of the directory, found through the two levels of page lists.
    fn directory_u32(&mut self, offset: u64) -> Result<u32, IdentityError> {
        if offset + 4 > self.directory_size {
            return Err(malformed("directory", 44, "room for every stream's pages", self.directory_size));
        }
        let index = offset / self.page_size;
        let list = self.u32_at(MAP + index * 4 / self.page_size * 4)?;
        let entry = self.page_offset(list)? + index * 4 % self.page_size;
        let page = self.u32_at(entry)?;
        let at = self.page_offset(page)? + offset % self.page_size;
        self.u32_at(at)
    }

    fn page_offset(&self, page: u32) -> Result<u64, IdentityError> {
        let page = u64::from(page);
        if page == 0 || page >= self.page_count {
            return Err(malformed("page number", MAP, "a page of this file", page));
        }
        Ok(page * self.page_size)
    }

    fn u32_at(&mut self, offset: u64) -> Result<u32, IdentityError> {
        let mut bytes = [0; 4];
        self.read_at(offset, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), IdentityError> {
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(self.file.read_exact(bytes)?)
    }
}

fn malformed(place: &'static str, offset: u64, expected: &'static str, found: u64) -> IdentityError {
    IdentityError::Malformed { place, offset, expected, found }
}
