//! Compresses and decompresses one block with LZMA. A block has no header and no end marker, because the directory holds
//! both lengths.

use std::io::{Read, Write};

use lzma_rust2::{LzmaOptions, LzmaReader, LzmaWriter};

/// The largest block in bytes, before it is packed. A longer stream takes several blocks.
pub(crate) const LARGEST_BLOCK: usize = 4 << 20;

/// LZMA's `lc`, `lp` and `pb`: the code of a literal depends on the upper three bits of the byte before it, and not on its
/// position.
const PROPERTIES: (u32, u32, u32) = (3, 0, 0);

/// The size of the window for a block of `raw` bytes: the whole block, but at least what LZMA requires.
fn window(raw: usize) -> u32 {
    u32::try_from(raw).unwrap_or(u32::MAX).max(4096)
}

/// Packs `raw`. The result depends only on `raw`.
pub(crate) fn pack(raw: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut options = LzmaOptions::with_preset(6);
    (options.lc, options.lp, options.pb) = PROPERTIES;
    options.dict_size = window(raw.len());
    options.nice_len = 128;
    let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, false)?;
    writer.write_all(raw)?;
    writer.finish()
}

/// Unpacks a block to exactly `raw` bytes. Returns `None` if it is damaged, or unpacks to fewer or more bytes.
pub(crate) fn unpack(packed: &[u8], raw: usize) -> Option<Vec<u8>> {
    let (lc, lp, pb) = PROPERTIES;
    let mut reader = LzmaReader::new(packed, raw as u64, lc, lp, pb, window(raw), None).ok()?;
    let mut bytes = vec![0; raw];
    reader.read_exact(&mut bytes).ok()?;
    // The hash cannot show that a writer stated a wrong length, so a longer block is refused here.
    matches!(reader.read(&mut [0]), Ok(0)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_unpacks_to_exactly_its_length() {
        let raw = b"struct list_head, struct list_head, struct hlist_head".repeat(20);
        let packed = pack(&raw).unwrap();
        assert!(packed.len() * 10 < raw.len());
        assert_eq!(unpack(&packed, raw.len()), Some(raw.clone()));
        assert_eq!(unpack(&packed, raw.len() + 1), None);
        assert_eq!(unpack(&packed, raw.len() - 1), None);
        assert_eq!(unpack(&packed[..packed.len() / 2], raw.len()), None);
        assert_eq!(unpack(&pack(b"").unwrap(), 0), Some(Vec::new()));
    }
}
