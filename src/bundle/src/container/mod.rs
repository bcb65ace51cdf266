//! The file itself: a header, blocks, the directory of the blocks, and a trailer that leads to the directory.
//!
//! Every block has the SHA-256 of its packed bytes in the directory, and the trailer has that of the directory. So the
//! trailer's hash stands for the whole file, and a reader checks exactly the blocks that it uses.

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
pub(crate) use reader::Container;
pub use source::Source;
pub(crate) use writer::BlockWriter;

/// The first bytes of a bundle. The line ends show a transfer as text, as those of PNG do.
pub const MAGIC: [u8; 12] = *b"\x89RPBUNDL\r\n\x1a\n";

/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// The magic number and the version.
pub(crate) const HEADER: usize = 16;

/// Length of the file, place, packed and raw length of the directory, its SHA-256, and the header again.
pub(crate) const TRAILER: usize = 4 * 8 + 32 + HEADER;

/// Whether a file that begins with these bytes is a bundle.
pub fn is_bundle(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

pub(crate) fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..MAGIC.len()].copy_from_slice(&MAGIC);
    header[MAGIC.len()..].copy_from_slice(&VERSION.to_le_bytes());
    header
}
