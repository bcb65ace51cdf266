//! Gzip as a profile's form: a writer whose bytes depend on the text alone, and the inflater of the reader.
//!
//! - [`GzipWriter`] cuts the text into blocks of a fixed size ([`Effort`] says how large), packs each one
//!   by itself (`block`), on worker threads where there are several (`pool`), and joins them in order
//!   into *one* member, so that readers which know only one see everything.
//! - [`inflate`] reads what any gzip writer made, several members included.
//!
//! # Why this compressor
//!
//! Compression is the dominating cost of a profile, so it was chosen by measurement (`docs/compression.md`
//! has the tables). libdeflate's level 6 is the cheapest setting that keeps texts of all kinds within 112 %
//! of zopfli's size: level 5 fails where structs prevail, and what zlib-rs and miniz_oxide do for less or
//! equal time is larger. It is C, but it sees only text that we made ourselves; whatever comes from outside
//! is read by zlib-rs, which is Rust, and takes a sixth longer to inflate than libdeflate.
//!
//! For [`Effort::Best`] libdeflate's level 11 does as well as zopfli on long texts, but is up to 2 % behind on
//! short ones, where the choice of deflate blocks weighs more; so those are packed by zopfli itself.
//!
//! libdeflate knows no dictionary: a block does not see the text before it, which costs 0.1 to 0.3 % at
//! the sizes chosen. It also closes every stream for good: `walk` finds the flag that says so, and it is
//! taken back before the next block is joined, at about a tenth of the work of packing the block. A text of
//! one block, as most Windows profiles are, needs neither the walk nor a thread.
//!
//! # Why the bytes stay
//!
//! Every block is packed from its own text by a compressor that keeps nothing from one call to the next,
//! so neither the thread that does it nor the sizes of the writes matter. libdeflate uses a processor's
//! features for checksums and for moving its tables only; its search for matches is integer arithmetic
//! that no feature changes. (It hashes three bytes in the machine's byte order, so a big-endian machine may
//! write other bytes; they inflate to the same text.) zopfli weighs with floating point numbers, but with a
//! logarithm of its own, so that the system's mathematics do not matter. Both dependencies are pinned to one
//! version, and a test holds the bytes.

mod block;
mod effort;
mod inflate;
mod pool;
mod walk;

use std::io::{self, Write};
use std::mem;

use block::{Block, Packer};
pub use effort::Effort;
pub use inflate::{InflateError, inflate};
use pool::Pool;

/// Writes text into `W` as one gzip member.
///
/// The compressed bytes depend on the text and the [`Effort`] alone. The result counts only once
/// [`GzipWriter::finish`] has given the sink back: a writer dropped before leaves a member without an end.
/// After an error from the sink every further call fails.
#[derive(Debug)]
pub struct GzipWriter<W> {
    sink: W,
    effort: Effort,
    packer: Packer,
    pool: Option<Pool>,
    open: Block,
    spare: Vec<Block>,
    crc: crc32fast::Hasher,
    length: u64,
    /// Whether the text is longer than one block.
    cut: bool,
    started: bool,
    failed: bool,
}

impl<W: Write> GzipWriter<W> {
    /// A writer that packs with up to `threads` threads beside the calling one; with 0 or 1, in the calling
    /// thread. No thread is started before the text is longer than one block.
    pub fn new(sink: W, effort: Effort, threads: usize) -> Self {
        Self {
            sink,
            effort,
            packer: Packer::new(effort),
            pool: (threads > 1).then(|| Pool::new(effort, threads)),
            open: Block::default(),
            spare: Vec::new(),
            crc: crc32fast::Hasher::new(),
            length: 0,
            cut: false,
            started: false,
            failed: false,
        }
    }

    /// Packs what is left, writes the member's end, flushes the sink and gives it back.
    ///
    /// # Errors
    ///
    /// What the sink said, now or earlier.
    pub fn finish(mut self) -> io::Result<W> {
        self.check()?;
        // The calling thread packs the last block while the workers still have theirs.
        let mut last = mem::take(&mut self.open);
        if self.cut {
            self.packer.pack_last(&mut last)?;
        } else {
            self.packer.pack_whole(&mut last)?;
        }
        while let Some(block) = self.pool.as_mut().and_then(Pool::next) {
            self.emit(&block?)?;
        }
        self.emit(&last)?;
        self.sink.write_all(&self.crc.finalize().to_le_bytes())?;
        // RFC 1952: ISIZE is the length modulo 2^32.
        self.sink.write_all(&(self.length as u32).to_le_bytes())?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    /// Takes as much of `text` as the open block has room for; a full one is sent on only when more text
    /// comes, since the last block is packed in another way.
    fn fill(&mut self, text: &[u8]) -> io::Result<usize> {
        let room = self.effort.block_size() - self.open.text.len();
        if room == 0 {
            self.cut()?;
            return self.fill(text);
        }
        let taken = text.get(..room).unwrap_or(text);
        self.open.text.extend_from_slice(taken);
        Ok(taken.len())
    }

    /// Sends the open block on and opens another.
    fn cut(&mut self) -> io::Result<()> {
        self.cut = true;
        let next = self.spare.pop().unwrap_or_default();
        let mut block = mem::replace(&mut self.open, next);
        let Some(pool) = &mut self.pool else {
            self.packer.pack(&mut block)?;
            self.emit(&block)?;
            self.recycle(block);
            return Ok(());
        };
        pool.submit(block)?;
        while let Some(block) = self.pool.as_mut().filter(|pool| pool.is_full()).and_then(Pool::next) {
            let block = block?;
            self.emit(&block)?;
            self.recycle(block);
        }
        Ok(())
    }

    /// Writes one packed block; called in the text's order.
    fn emit(&mut self, block: &Block) -> io::Result<()> {
        if !self.started {
            self.sink.write_all(&self.effort.header())?;
            self.started = true;
        }
        self.sink.write_all(block.packed())?;
        self.crc.combine(block.crc());
        self.length += block.text.len() as u64;
        Ok(())
    }

    fn recycle(&mut self, mut block: Block) {
        block.text.clear();
        self.spare.push(block);
    }

    fn check(&self) -> io::Result<()> {
        if self.failed {
            Err(io::Error::other("an earlier write of this gzip member failed"))
        } else {
            Ok(())
        }
    }
}

impl<W: Write> Write for GzipWriter<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.check()?;
        if text.is_empty() {
            return Ok(0);
        }
        self.fill(text).inspect_err(|_| self.failed = true)
    }

    /// Flushes the sink only: text in the open block stays there, since cutting it would change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        self.sink.flush()
    }
}
