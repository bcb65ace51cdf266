//! Zstandard files (RFC 8878), decoded with `ruzstd`.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Reads a Zstandard file: frames that follow one another, and skippable frames between them (RFC 8878, section 3.1),
/// as `pzstd` and seekable files have them. The checksum of each frame is compared with its content.
///
/// Memory is bounded by the window, which the first header of each frame asks for and the caller limits.
pub struct ZstdReader<R> {
    source: R,
    decoder: FrameDecoder,
    /// Whether the decoder is inside a frame.
    in_frame: bool,
}

impl<R: BufRead> ZstdReader<R> {
    /// A reader that refuses frames with a larger window than `window` bytes.
    pub fn new(source: R, window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window);
        Self { source, decoder, in_frame: false }
    }

    /// Reads the header of the next frame that holds content. `false` at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => skip(&mut self.source, length.into())?,
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    /// The frame must be what its checksum says, if it has one.
    fn check_frame(&self) -> io::Result<()> {
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(expected), Some(found)) if expected != found => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a zstd frame has the checksum {found:#010x}, expected {expected:#010x}"),
            )),
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                if !self.next_frame()? {
                    return Ok(0);
                }
                self.in_frame = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let step = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, step).map_err(io::Error::other)?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.check_frame()?;
            self.in_frame = false;
        }
    }
}

/// Passes over `length` bytes.
fn skip(source: &mut impl BufRead, mut length: u64) -> io::Result<()> {
    while length > 0 {
        let buffered = source.fill_buf()?.len();
        if buffered == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let passed = length.min(buffered as u64);
        source.consume(passed as usize);
        length -= passed;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 8 << 20;

    fn frame(content: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn text() -> Vec<u8> {
        (0..100_000u32).flat_map(|number| (number / 9).to_le_bytes()).collect()
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        // A small buffer, so that frames and buffers end in different places.
        let source = io::BufReader::with_capacity(1000, bytes);
        ZstdReader::new(source, WINDOW).read_to_end(&mut text).map(|_| text)
    }

    #[test]
    fn frames_that_follow_one_another_are_one_text() {
        let text = text();
        let (first, second) = text.split_at(70_000);
        assert!(read(&[frame(first), frame(&[]), frame(second)].concat()).unwrap() == text);
        assert_eq!(read(&[]).unwrap(), [0u8; 0]);
    }

    #[test]
    fn skippable_frames_are_passed_over() {
        let skippable = [&0x184d_2a5e_u32.to_le_bytes()[..], &5000_u32.to_le_bytes(), &[7; 5000]].concat();
        let text = text();
        let file = [&skippable[..], &frame(&text), &skippable].concat();
        assert!(read(&file).unwrap() == text);
        assert!(read(&file[..file.len() - 1]).is_err(), "a skippable frame that ends early");
    }

    #[test]
    fn damage_and_an_early_end_are_errors() {
        let packed = frame(&text());
        assert!(read(&packed[..packed.len() - 1]).is_err());
        assert!(read(b"not packed at all").is_err());
        // The last four bytes are the checksum.
        let mut damaged = packed;
        *damaged.last_mut().unwrap() ^= 1;
        let error = read(&damaged).unwrap_err().to_string();
        assert!(error.contains("expected 0x"), "{error}");
    }
}
