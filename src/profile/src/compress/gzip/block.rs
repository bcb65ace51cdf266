use std::fmt;
use std::io;

use libdeflater::Compressor;
use zopfli::{BlockType, DeflateEncoder, Options, Write};

use super::effort::Effort;
use super::walk::{self, Ends};

/// An empty stored block of a deflate stream from its length on (RFC 1951, section 3.2.4); it ends on a byte
/// boundary.
const EMPTY_STORED: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// A piece of the text, and its compressed form. Blocks are reused, so that memory stays constant.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The text.
    pub(super) text: Vec<u8>,
    /// The buffer for the compressed form; its first `used` bytes are valid.
    room: Vec<u8>,
    used: usize,
    crc: crc32fast::Hasher,
}

impl Block {
    /// How many bytes [`Block::reopen`] needs at most.
    const JOINT: usize = 1 + EMPTY_STORED.len();

    /// The compressed form: a piece of a deflate stream that ends on a byte boundary.
    pub(super) fn packed(&self) -> &[u8] {
        self.room.get(..self.used).unwrap_or_default()
    }

    /// The text's checksum.
    pub(super) fn crc(&self) -> &crc32fast::Hasher {
        &self.crc
    }

    fn sum(&mut self) {
        self.crc = crc32fast::Hasher::new();
        self.crc.update(&self.text);
    }

    /// Clears the flag of the stream's last block, and pads the stream to a byte boundary, so that another block can
    /// follow.
    fn reopen(&mut self, ends: Ends) -> io::Result<()> {
        // The three bits of an empty stored block's header are 0, and so is the padding.
        let border = (ends.end + 3).div_ceil(8);
        let joint = self.room.get_mut(self.used..border + EMPTY_STORED.len());
        let joint = joint.ok_or_else(|| io::Error::other("no room behind libdeflate's stream"))?;
        let (padding, stored) = joint.split_at_mut(joint.len() - EMPTY_STORED.len());
        padding.fill(0);
        stored.copy_from_slice(&EMPTY_STORED);
        self.used = border + EMPTY_STORED.len();
        if let Some(byte) = self.room.get_mut(ends.last_block / 8) {
            *byte &= !(1 << (ends.last_block % 8));
        }
        Ok(())
    }
}

/// Compresses blocks, one after the other; each thread has its own.
pub(super) struct Packer {
    effort: Effort,
    /// Created with the first block, since its tables are large.
    compressor: Option<Compressor>,
}

impl Packer {
    pub(super) fn new(effort: Effort) -> Self {
        Self { effort, compressor: None }
    }

    /// Compresses a block that another one follows.
    pub(super) fn pack(&mut self, block: &mut Block) -> io::Result<()> {
        self.pack_last(block)?;
        let ends = walk::ends(block.packed())
            .map_err(|error| io::Error::other(format!("libdeflate's own stream cannot be read: {error}")))?;
        block.reopen(ends)
    }

    /// Compresses the last of several blocks.
    pub(super) fn pack_last(&mut self, block: &mut Block) -> io::Result<()> {
        let compressor = self.compressor.get_or_insert_with(|| Compressor::new(self.effort.level()));
        let bound = compressor.deflate_compress_bound(block.text.len()) + Block::JOINT;
        if block.room.len() < bound {
            block.room = vec![0; bound];
        }
        block.used = compressor
            .deflate_compress(&block.text, &mut block.room)
            .map_err(|error| io::Error::other(format!("libdeflate: {error}")))?;
        block.sum();
        Ok(())
    }

    /// Compresses a block that is the whole text.
    pub(super) fn pack_whole(&mut self, block: &mut Block) -> io::Result<()> {
        if block.text.len() > self.effort.zopfli_up_to() {
            return self.pack_last(block);
        }
        let mut encoder = DeflateEncoder::new(Options::default(), BlockType::Dynamic, Vec::new());
        encoder.write_all(&block.text).map_err(zopfli_error)?;
        block.room = encoder.finish().map_err(zopfli_error)?;
        block.used = block.room.len();
        block.sum();
        Ok(())
    }
}

fn zopfli_error(error: zopfli::Error) -> io::Error {
    io::Error::other(format!("zopfli: {error}"))
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").field("effort", &self.effort).finish_non_exhaustive()
    }
}
