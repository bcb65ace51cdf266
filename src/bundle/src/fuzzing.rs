//! Bundles with any content whose hashes are right, for the fuzz targets: without them a fuzzer would not get beyond the
//! first hash.

use sha2::{Digest, Sha256};

use crate::bytes::{Cursor, push_bytes, push_number};
use crate::container::fuzzing::{Block, pack, trailer};
use crate::container::{HEADER, header};
use crate::{Bundle, Error};

/// A bundle of these parts: their number, each with its length in front, then what follows the list of blocks in the
/// directory. Returns `None` if they are not parts.
pub fn seal(parts: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor::new(parts);
    let count = cursor.count(cursor.len()).ok()?;
    let mut file = header().to_vec();
    let mut blocks = Vec::new();
    for _ in 0..count {
        let raw = cursor.bytes().ok()?;
        let packed = pack(raw).ok()?;
        let hash = Sha256::digest(&packed).into();
        blocks.push(Block { offset: file.len() as u64, packed: packed.len() as u64, raw: raw.len(), hash });
        file.extend_from_slice(&packed);
    }
    let mut directory = Vec::new();
    push_number(&mut directory, blocks.len() as u64);
    for block in &blocks {
        push_number(&mut directory, block.packed);
        push_number(&mut directory, block.raw as u64);
    }
    blocks.iter().for_each(|block| directory.extend_from_slice(&block.hash));
    directory.extend_from_slice(cursor.take(cursor.len()).ok()?);
    let packed = pack(&directory).ok()?;
    let trailer = trailer(file.len() as u64, &packed, directory.len());
    file.extend_from_slice(&packed);
    file.extend_from_slice(&trailer);
    debug_assert!(file.len() > HEADER);
    Some(file)
}

/// The parts of a bundle, as [`seal`] takes them.
///
/// # Errors
/// [`Error::Damaged`] where a block is.
pub fn unseal(bundle: &Bundle) -> Result<Vec<u8>, Error> {
    let (blocks, tail) = bundle.container().parts()?;
    let mut parts = Vec::new();
    push_number(&mut parts, blocks.len() as u64);
    blocks.iter().for_each(|raw| push_bytes(&mut parts, raw));
    parts.extend_from_slice(&tail);
    Ok(parts)
}
