//! The layout of the file: a header, blocks, the directory of the blocks, and a trailer that says where the directory is.
//!
//! The directory holds the SHA-256 of each block's packed bytes, and the trailer holds the SHA-256 of the directory. So
//! the hash in the trailer covers the whole file, and a reader checks only the blocks that it uses.

mod directory;
mod pack;
mod reader;
mod source;
mod writer;

/// For [`crate::fuzzing`].
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing {
    pub(crate) use super::directory::Block;
    pub(crate) use super::pack::pack;
    pub(crate) use super::writer::trailer;
}

pub(crate) use directory::{Blocks, SectionEntry, SectionKind};
pub(crate) use reader::OpenBundle;
pub use source::Source;
pub(crate) use writer::BlockWriter;

/// The first bytes of a bundle. As in PNG, they contain line ends of both kinds, which a transfer in text mode would
/// change.
pub const MAGIC: [u8; 12] = *b"\x89RPBUNDL\r\n\x1a\n";

/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// The size of the header: the magic number and the version.
pub(crate) const HEADER: usize = 16;

/// The size of the trailer: the length of the file, the offset, packed length and raw length of the directory, the SHA-256
/// of the directory, and the header again.
pub(crate) const TRAILER: usize = 4 * 8 + 32 + HEADER;

/// Whether a file that begins with `start` is a bundle.
pub fn is_bundle(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

pub(crate) fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..MAGIC.len()].copy_from_slice(&MAGIC);
    header[MAGIC.len()..].copy_from_slice(&VERSION.to_le_bytes());
    header
}
