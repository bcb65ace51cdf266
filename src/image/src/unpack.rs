//! Compressed blocks: each is unpacked completely, into a buffer of its exact size.
//!
//! The size is the page or chunk size of the image, at most 16 MiB.

use std::cell::RefCell;
use std::io::Read;

thread_local! {
    // Reused for all blocks: allocating one for each takes a fifth of the time for an E01 file.
    static INFLATE: RefCell<flate2::Decompress> = RefCell::new(flate2::Decompress::new(true));
}

/// The possible problems of a block.
type Reason = &'static str;

pub(crate) fn zlib(packed: &[u8], into: &mut [u8]) -> Result<(), Reason> {
    INFLATE.with_borrow_mut(|inflate| {
        inflate.reset(true);
        match inflate.decompress(packed, into, flate2::FlushDecompress::Finish) {
            Ok(flate2::Status::StreamEnd) if inflate.total_out() == into.len() as u64 => Ok(()),
            Ok(flate2::Status::StreamEnd) => Err("the zlib stream is shorter than its block"),
            Ok(_) => Err("the zlib stream does not end with its block"),
            Err(_) => Err("the zlib stream is damaged"),
        }
    })
}

pub(crate) fn lzo(packed: &[u8], into: &mut [u8]) -> Result<(), Reason> {
    whole(lzokay::decompress::decompress(packed, into).ok(), into.len(), "the LZO block is damaged")
}

pub(crate) fn snappy(packed: &[u8], into: &mut [u8]) -> Result<(), Reason> {
    whole(snap::raw::Decoder::new().decompress(packed, into).ok(), into.len(), "the snappy block is damaged")
}

pub(crate) fn zstd(packed: &[u8], into: &mut [u8]) -> Result<(), Reason> {
    // A window larger than the block is never used.
    let window = (into.len() as u64).max(1 << 20);
    let mut decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(packed, window)
        .map_err(|_| "the zstd frame is damaged")?;
    decoder.read_exact(into).map_err(|_| "the zstd frame is damaged, or shorter than its block")
}

fn whole(length: Option<usize>, expected: usize, damaged: Reason) -> Result<(), Reason> {
    match length {
        Some(length) if length == expected => Ok(()),
        Some(_) => Err("the block unpacks to less than its size"),
        None => Err(damaged),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn blocks_unpack_and_damage_is_reported() {
        let plain: Vec<u8> = (0..4096u32).map(|index| (index / 7 % 13) as u8).collect();
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&plain).unwrap();
        type Unpack = fn(&[u8], &mut [u8]) -> Result<(), Reason>;
        let blocks: [(Unpack, Vec<u8>); 4] = [
            (zlib, encoder.finish().unwrap()),
            (lzo, lzokay::compress::compress(&plain).unwrap()),
            (snappy, snap::raw::Encoder::new().compress_vec(&plain).unwrap()),
            (
                zstd,
                ruzstd::encoding::compress_to_vec(&plain[..], ruzstd::encoding::CompressionLevel::Fastest),
            ),
        ];
        for (unpack, packed) in blocks {
            let mut into = vec![0; plain.len()];
            unpack(&packed, &mut into).unwrap();
            assert_eq!(into, plain);
            assert!(unpack(&packed, &mut vec![0; plain.len() + 1]).is_err());
            for length in 0..packed.len() - 1 {
                // Truncation that removes no content is harmless.
                if unpack(&packed[..length], &mut into).is_ok() {
                    assert_eq!(into, plain);
                }
            }
            assert!(unpack(&packed[..packed.len() / 2], &mut into).is_err());
        }
    }
}
