//! The format of the Linux Memory Extractor, version 1 (its `doc/README.md`): headers of 32 bytes, each followed by
//! its memory.

use std::sync::Arc;

use crate::Error;
use crate::bytes::Bytes;
use crate::container::range_header::{self, RangeHeader};
use crate::container::{Container, Parts};
use crate::segments::Segment;

/// `0x4C694D45`, little-endian.
pub(crate) const MAGIC: &[u8] = b"EMiL";

const HEADER: u64 = range_header::SIZE;

pub(crate) fn open(bytes: Arc<dyn Bytes>) -> Result<Parts, Error> {
    let mut parts = Parts::new(Container::Lime, bytes);
    let mut offset = 0;
    while offset < parts.bytes.len() {
        let header = parts.bytes.up_to(offset, HEADER as usize).map_err(Error::reading(Container::Lime))?;
        match range(&header, offset) {
            Ok((start, length)) => {
                parts.segments.push(Segment { start, length, offset: offset + HEADER });
                let Some(next) = (offset + HEADER).checked_add(length) else { break };
                offset = next;
            }
            Err(error) if offset == 0 => return Err(error),
            // The memory before the damage is valid.
            Err(error) => {
                parts.report.lose("damaged LiME header", || error.to_string());
                break;
            }
        }
    }
    Ok(parts)
}

/// The range in a header: its start and its length.
fn range(header: &[u8], offset: u64) -> Result<(u64, u64), Error> {
    let malformed =
        |expected, found: String| Error::Malformed { container: Container::Lime, offset, expected, found };
    let header = RangeHeader::read(header, Container::Lime, offset)?;
    if header.magic != MAGIC {
        return Err(malformed("the letters EMiL", format!("{:02x?}", header.magic)));
    }
    if header.version != 1 {
        return Err(malformed("version 1", format!("version {}", header.version)));
    }
    header.range(Container::Lime, offset)
}
