//! The compression formats of kernels (`scripts/Makefile.lib` and `lib/decompress.c` in the kernel's sources).

use std::io::{self, Read};

use memchr::memmem;
use profile::{Metered, UnpackLimitError};

/// Why a kernel cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The file ends too early.
    #[error("the file is cut, or its header is damaged")]
    Cut,
    /// The data does not begin like any compression format.
    #[error("it begins with {0:02x?}, which is not a compression format of kernels")]
    Unknown(Vec<u8>),
    /// It is larger than any kernel.
    #[error("it unpacks to more than {LARGEST} bytes")]
    TooLarge,
    /// It grows beyond what the process allows.
    #[error(transparent)]
    Limit(UnpackLimitError),
    /// The compressed bytes are damaged.
    #[error("its {compression} stream is damaged")]
    Damaged {
        /// The compression format.
        compression: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// The largest unpacked kernel.
const LARGEST: u64 = 1 << 30;
/// The largest window a decoder may ask for: kernels are packed with 128 MiB at most.
const WINDOW: u64 = 128 << 20;
/// What an xz decoder may allocate, in KiB: its window and what it needs beside.
const XZ_MEMORY: u32 = 160 << 10;

/// The compression formats of kernels, by their first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    Gzip,
    Xz,
    Lzma,
    Bzip2,
    Lzo,
    Lz4,
    Zstd,
}

const MAGICS: [(&[u8], Compression); 8] = [
    (&[0x1f, 0x8b, 8], Compression::Gzip),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], Compression::Xz),
    (&[0x5d, 0, 0], Compression::Lzma),
    (&[0x6d, 0, 0], Compression::Lzma),
    (b"BZh", Compression::Bzip2),
    (&[0x89, b'L', b'Z', b'O', 0, 0x0d, 0x0a, 0x1a, 0x0a], Compression::Lzo),
    (&[0x02, 0x21, 0x4c, 0x18], Compression::Lz4),
    (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd),
];

impl Compression {
    fn of(bytes: &[u8]) -> Option<Self> {
        MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, compression)| *compression)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Lzma => "LZMA",
            Self::Bzip2 => "bzip2",
            Self::Lzo => "LZO",
            Self::Lz4 => "LZ4",
            Self::Zstd => "zstd",
        }
    }
}

/// Whether a file begins like a compressed one.
pub(super) fn is_packed(bytes: &[u8]) -> bool {
    Compression::of(bytes).is_some()
}

/// The first place that looks like a compressed file, for formats whose magic number does not occur in code by
/// chance.
pub(super) fn find(bytes: &[u8]) -> Option<&[u8]> {
    let sure = MAGICS.iter().filter(|(_, compression)| !matches!(compression, Compression::Lzma));
    let places = sure.filter_map(|(magic, _)| memmem::find(bytes, magic));
    bytes.get(places.min()?..)
}

/// Unpacks the compressed stream at the start of the bytes. Data after the stream, such as the size that the kernel's
/// build adds, is ignored.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let Some(compression) = Compression::of(packed) else {
        return Err(UnpackError::Unknown(packed.iter().take(4).copied().collect()));
    };
    let damaged = |source: io::Error| match UnpackLimitError::of(&source) {
        Some(limit) => UnpackError::Limit(limit.clone()),
        None => UnpackError::Damaged { compression: compression.name(), source },
    };
    let reader: Box<dyn Read + '_> = match compression {
        Compression::Gzip => Box::new(flate2::read::GzDecoder::new(packed)),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(packed, false, XZ_MEMORY)),
        Compression::Lzma => {
            Box::new(lzma_rust2::LzmaReader::new_mem_limit(packed, XZ_MEMORY, None).map_err(damaged)?)
        }
        Compression::Bzip2 => Box::new(bzip2::read::BzDecoder::new(packed)),
        Compression::Lzo => Box::new(Blocks::new(lzo_blocks(packed).ok_or(UnpackError::Cut)?, lzo_block)),
        Compression::Lz4 => Box::new(Blocks::new(packed, lz4_block)),
        Compression::Zstd => {
            let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(packed, WINDOW);
            Box::new(decoder.map_err(|error| damaged(io::Error::other(error)))?)
        }
    };
    let mut unpacked = Vec::new();
    Metered::new(reader, packed.len() as u64)
        .take(LARGEST + 1)
        .read_to_end(&mut unpacked)
        .map_err(damaged)?;
    if unpacked.len() as u64 > LARGEST {
        return Err(UnpackError::TooLarge);
    }
    Ok(unpacked)
}

/// Unpacks the next block, or returns `None` at the end.
type NextBlock = fn(&mut &[u8]) -> io::Result<Option<Vec<u8>>>;

/// A stream of separately compressed blocks.
struct Blocks<'a> {
    rest: &'a [u8],
    next: NextBlock,
    block: io::Cursor<Vec<u8>>,
}

impl<'a> Blocks<'a> {
    fn new(rest: &'a [u8], next: NextBlock) -> Self {
        Self { rest, next, block: io::Cursor::default() }
    }
}

impl Read for Blocks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.block.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match (self.next)(&mut self.rest)? {
                Some(block) => self.block = io::Cursor::new(block),
                None => return Ok(0),
            }
        }
    }
}

/// The magic number of LZ4's legacy frame, which may precede every block.
const LZ4_LEGACY: u32 = 0x184c_2102;
/// The largest unpacked block of that frame.
const LZ4_BLOCK: usize = 8 << 20;
/// The largest accepted LZO block: `lzop` makes blocks of 256 KiB, and reads up to 64 MiB.
const LZO_BLOCK: usize = 64 << 20;

fn lz4_block(rest: &mut &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut word = take_u32(rest, u32::from_le_bytes);
    while word == Some(LZ4_LEGACY) {
        word = take_u32(rest, u32::from_le_bytes);
    }
    // The build adds the unpacked size after the last block: a number that no block follows.
    let Some(length) = word.and_then(|word| usize::try_from(word).ok()).filter(|length| *length > 0) else {
        return Ok(None);
    };
    let Some((packed, behind)) = rest.split_at_checked(length) else {
        return if rest.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
    };
    *rest = behind;
    let mut block = vec![0; LZ4_BLOCK];
    let length = lz4_flex::block::decompress_into(packed, &mut block).map_err(io::Error::other)?;
    block.truncate(length);
    Ok(Some(block))
}

/// The data after the header of an `lzop` file (`lib/decompress_unlzo.c`).
fn lzo_blocks(packed: &[u8]) -> Option<&[u8]> {
    /// Since this version a header has a level and the upper half of the time.
    const LATER: u16 = 0x940;
    /// The flag of a header with a filter.
    const FILTER: u32 = 0x800;
    let mut rest = packed.get(9..)?;
    let version = u16::from_be_bytes(*rest.first_chunk()?);
    rest = rest.get(if version >= LATER { 8 } else { 7 }..)?;
    let flags = take_u32(&mut rest, u32::from_be_bytes)?;
    let fixed = if flags & FILTER == 0 { 8 } else { 12 } + if version >= LATER { 4 } else { 0 };
    rest = rest.get(fixed..)?;
    let (name, rest) = rest.split_first()?;
    // The name, and the checksum of the header.
    rest.get(usize::from(*name) + 4..)
}

fn lzo_block(rest: &mut &[u8]) -> io::Result<Option<Vec<u8>>> {
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let length = take_u32(rest, u32::from_be_bytes).ok_or_else(cut)? as usize;
    if length == 0 {
        return Ok(None);
    }
    let packed_length = take_u32(rest, u32::from_be_bytes).ok_or_else(cut)? as usize;
    // The checksum of the block.
    take_u32(rest, u32::from_be_bytes).ok_or_else(cut)?;
    let (packed, behind) = rest.split_at_checked(packed_length).ok_or_else(cut)?;
    *rest = behind;
    if length > LZO_BLOCK || packed_length > length {
        return Err(io::Error::other(format!("a block of {length} bytes, packed {packed_length}")));
    }
    if packed_length == length {
        return Ok(Some(packed.to_vec()));
    }
    let mut block = vec![0; length];
    match lzokay::decompress::decompress(packed, &mut block) {
        Ok(unpacked) if unpacked == length => Ok(Some(block)),
        _ => Err(io::Error::other("a block does not unpack to its size")),
    }
}

fn take_u32(rest: &mut &[u8], read: fn([u8; 4]) -> u32) -> Option<u32> {
    let (word, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(read(*word))
}
