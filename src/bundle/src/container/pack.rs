//! LZMA over one block, without header and end marker: the directory knows the lengths.

use std::io::{Read, Write};

use lzma_rust2::{LzmaOptions, LzmaReader, LzmaWriter};

/// The most bytes that one block holds before it is packed. A longer stream takes several blocks.
pub(crate) const LARGEST_BLOCK: usize = 4 << 20;

/// Literals depend on three bits of the byte before; positions do not matter.
const PROPERTIES: (u32, u32, u32) = (3, 0, 0);

/// The window: the block, but not less than LZMA allows.
fn window(raw: usize) -> u32 {
    u32::try_from(raw).unwrap_or(u32::MAX).max(4096)
}

/// Packs `raw`. The bytes depend on `raw` alone.
pub(crate) fn pack(raw: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut options = LzmaOptions::with_preset(6);
    (options.lc, options.lp, options.pb) = PROPERTIES;
    options.dict_size = window(raw.len());
    options.nice_len = 128;
    let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, false)?;
    writer.write_all(raw)?;
    writer.finish()
}

/// Unpacks a block to exactly `raw` bytes. Returns `None` if it holds anything else.
pub(crate) fn unpack(packed: &[u8], raw: usize) -> Option<Vec<u8>> {
    let (lc, lp, pb) = PROPERTIES;
    let mut reader = LzmaReader::new(packed, raw as u64, lc, lp, pb, window(raw), None).ok()?;
    let mut bytes = vec![0; raw];
    reader.read_exact(&mut bytes).ok()?;
    // One more byte than expected would be damage that the hash did not see.
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
