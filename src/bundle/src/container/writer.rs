use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::directory::{Block, Blocks, Directory, SectionEntry};
use super::pack::{LARGEST_BLOCK, pack};
use super::{HEADER, header};

/// Writes a bundle from front to back.
pub(crate) struct BlockWriter<W: Write> {
    sink: W,
    position: u64,
    blocks: Vec<Block>,
}

impl<W: Write> BlockWriter<W> {
    /// Writes the header.
    pub(crate) fn new(mut sink: W) -> io::Result<Self> {
        sink.write_all(&header())?;
        Ok(Self { sink, position: HEADER as u64, blocks: Vec::new() })
    }

    /// Writes a stream of bytes as consecutive blocks; an empty stream takes none.
    pub(crate) fn stream(&mut self, raw: &[u8]) -> io::Result<Blocks> {
        let first = self.blocks.len();
        for raw in raw.chunks(LARGEST_BLOCK) {
            let packed = pack(raw)?;
            self.sink.write_all(&packed)?;
            let hash = Sha256::digest(&packed).into();
            self.blocks.push(Block {
                offset: self.position,
                packed: packed.len() as u64,
                raw: raw.len(),
                hash,
            });
            self.position += packed.len() as u64;
        }
        Ok(Blocks { first, count: self.blocks.len() - first })
    }

    /// Writes the directory and the trailer. Returns the sink and the length of the bundle.
    pub(crate) fn finish(mut self, builds: Blocks, sections: Vec<SectionEntry>) -> io::Result<(W, u64)> {
        let raw = Directory { blocks: self.blocks, builds, sections }.encode();
        let packed = pack(&raw)?;
        self.sink.write_all(&packed)?;
        let trailer = trailer(self.position, &packed, raw.len());
        let length = self.position + (packed.len() + trailer.len()) as u64;
        self.sink.write_all(&trailer)?;
        self.sink.flush()?;
        Ok((self.sink, length))
    }
}

/// The trailer of a file whose directory begins at `offset`.
pub(crate) fn trailer(offset: u64, directory: &[u8], raw: usize) -> Vec<u8> {
    let mut trailer = Vec::new();
    let length = offset + (directory.len() + super::TRAILER) as u64;
    for number in [length, offset, directory.len() as u64, raw as u64] {
        trailer.extend_from_slice(&number.to_le_bytes());
    }
    trailer.extend_from_slice(&Sha256::digest(directory));
    trailer.extend_from_slice(&header());
    trailer
}
