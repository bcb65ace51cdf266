//! xz as a table's form: Volatility 3 looks for `.json.xz`, and finds it smallest.

use std::io::{self, Write};
use std::num::NonZeroU64;

use lzma_rust2::{XzOptions, XzWriterMt};

use crate::Effort;

/// Packs what is written as xz (one stream of blocks of a fixed size, CRC-64), on worker threads. The bytes depend
/// on the text and the effort alone.
pub struct XzWriter<W: Write> {
    inner: XzWriterMt<W>,
}

/// Bytes of text in a block; part of the format, since it decides the compressed bytes.
const BLOCK: u64 = 8 << 20;

impl<W: Write> XzWriter<W> {
    /// A writer that hands the packed form to `sink`.
    ///
    /// # Errors
    /// None that these settings can give.
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

    /// Packs what is left and gives the sink back.
    ///
    /// # Errors
    /// What the sink gives.
    pub fn finish(self) -> io::Result<W> {
        self.inner.finish()
    }
}

impl<W: Write> Write for XzWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    /// Does nothing: a block that is cut would change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
