//! The gzip form of profiles: a writer whose bytes depend only on the text, and the reader's inflater.
//!
//! - [`GzipWriter`] cuts the text into blocks of a fixed size ([`Effort`]), compresses each one separately (`block`),
//!   on several worker threads if allowed (`pool`), and joins them in order into *one* member, so that readers that
//!   support only one member see everything.
//! - [`inflate`] reads the output of any gzip writer, including several members.
//!
//! # Why this compressor
//!
//! Compression dominates the cost of a profile, so the compressor was chosen by measurement (`docs/compression.md`
//! has the tables). libdeflate's level 6 is the cheapest setting that keeps texts of all kinds within 112 % of
//! zopfli's size: level 5 fails for texts with many structs, and zlib-rs and miniz_oxide give larger results in the
//! same or less time. libdeflate is written in C, but it sees only text that we made ourselves. Untrusted input is
//! read by zlib-rs, which is written in Rust and takes a sixth longer than libdeflate to inflate.
//!
//! For [`Effort::Best`] libdeflate's level 11 equals zopfli on long texts but is up to 2 % larger on short ones,
//! where the choice of deflate blocks matters more. So short texts are compressed by zopfli itself.
//!
//! libdeflate does not support dictionaries: a block does not see the text before it, which costs 0.1 to 0.3 % at the
//! chosen sizes. It also ends every stream: `walk` finds the flag of the last block, which is cleared before the next
//! block is joined, at about a tenth of the work of compressing the block. A text of one block, as most Windows
//! profiles are, needs neither the walk nor a thread.
//!
//! # Why the bytes stay
//!
//! Every block is compressed from its own text by a compressor that keeps nothing between calls, so the result
//! depends neither on the thread nor on the sizes of the writes. libdeflate uses processor features only for
//! checksums and for moving its tables; its search for matches is integer arithmetic that is the same on all
//! processors. (It hashes three bytes in the machine's byte order, so a big-endian machine may write other bytes;
//! they inflate to the same text.) zopfli uses floating-point weights, but with its own logarithm, so that the
//! system's mathematics library does not matter. Both dependencies are pinned to one version, and a test checks the
//! bytes.

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

/// Writes text to `W` as one gzip member.
///
/// The compressed bytes depend only on the text and the [`Effort`]. The result is complete only after
/// [`GzipWriter::finish`] has returned the sink: a writer that is dropped earlier leaves an unterminated member.
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
    /// A writer that compresses with up to `threads` threads besides the calling one; with 0 or 1, in the calling
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

    /// Compresses the rest, writes the member's trailer, flushes the sink and returns it.
    ///
    /// # Errors
    ///
    /// Any error from the sink, now or earlier.
    pub fn finish(mut self) -> io::Result<W> {
        self.check()?;
        // The calling thread compresses the last block while the workers still have theirs.
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

    /// Takes as much of `text` as fits into the open block. A full block is sent on only when more text arrives,
    /// since the last block is compressed differently.
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

    /// Writes one compressed block; called in the order of the text.
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

    /// Flushes only the sink. Text in the open block stays there, since ending the block would change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        self.sink.flush()
    }
}
