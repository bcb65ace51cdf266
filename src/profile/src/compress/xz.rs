//! The xz form of tables: Volatility 3 searches for `.json.xz`, and it is the smallest.

use std::io::{self, Write};
use std::num::NonZeroU64;

use lzma_rust2::{XzOptions, XzWriterMt};

use crate::Effort;

/// Compresses everything that is written as xz (one stream of blocks of a fixed size, CRC-64), on worker threads. The
/// bytes depend only on the text and the effort.
pub struct XzWriter<W: Write> {
    inner: XzWriterMt<W>,
}

/// Bytes of text in a block. This is part of the format, since it determines the compressed bytes.
const BLOCK: u64 = 8 << 20;

impl<W: Write> XzWriter<W> {
    /// A writer that sends the compressed form to `sink`.
    ///
    /// # Errors
    /// Never with these settings.
    pub fn new(sink: W, effort: Effort, threads: usize) -> io::Result<Self> {
        let mut options = XzOptions::with_preset(match effort {
            Effort::Default => 3,
            Effort::Best => 6,
        });
        options.lzma_options.dict_size = 8 << 20;
        options.set_block_size(NonZeroU64::new(BLOCK));
        let workers = u32::try_from(threads).unwrap_or(u32::MAX).max(1);
        Ok(Self { inner: XzWriterMt::new(sink, options, workers)? })
    }

    /// Compresses the rest and returns the sink.
    ///
    /// # Errors
    /// Any error from the sink.
    pub fn finish(self) -> io::Result<W> {
        self.inner.finish()
    }
}

impl<W: Write> Write for XzWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    /// Does nothing: ending a block early would change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
