//! The format of the Linux Memory Extractor, version 1 (its `doc/README.md`): headers of 32 bytes, each followed by
//! its memory. A range ends where the next header begins or the file ends, so one changed byte of a header follows from that.

use std::sync::Arc;

use crate::bytes::Bytes;
use crate::container::range_header::{self, RangeHeader};
use crate::container::{Container, Parts};
use crate::segments::Segment;
use crate::{Error, Placed};

/// `0x4C694D45`, little-endian.
pub(crate) const MAGIC: &[u8] = b"EMiL";
/// The mark and the version.
const MARK: &[u8; 8] = b"EMiL\x01\0\0\0";

const HEADER: u64 = range_header::SIZE;
const PAGE: u64 = 4096;
/// So many headers are put right. One byte cannot damage more than one.
const MOST_MENDED: usize = 4;

/// Whether the file begins like a LiME image but for one byte of the mark, and its first range ends where it should.
pub(crate) fn is_nearly(bytes: &Arc<dyn Bytes>, start: &[u8]) -> bool {
    let mark = start.get(..MARK.len()).unwrap_or_default();
    let range = RangeHeader::read(start.get(..HEADER as usize).unwrap_or_default(), Container::Lime, 0)
        .and_then(|header| header.range(Container::Lime, 0));
    is_one_byte(mark, MARK) && range.is_ok_and(|(_, length)| ends_well(bytes, 0, length))
}

pub(crate) fn open(bytes: Arc<dyn Bytes>) -> Result<Parts, Error> {
    let mut parts = Parts::new(Container::Lime, bytes);
    let mut others: Vec<(usize, Vec<Found>)> = Vec::new();
    let mut offset = 0;
    while offset < parts.bytes.len() {
        let header = parts.bytes.up_to(offset, HEADER as usize).map_err(Error::reading(Container::Lime))?;
        let stated = range(&header, offset);
        let fits = stated.as_ref().is_ok_and(|range| ends_well(&parts.bytes, offset, range.1));
        let mut found = match others.len() < MOST_MENDED && !fits {
            true => mended(&parts.bytes, &header, offset),
            false => Vec::new(),
        };
        if let Ok((start, length)) = &stated
            && (fits
                || found.is_empty()
                || found.first().is_some_and(|found| !found.leads_on)
                    && may_be_cut(&parts.bytes, offset, *length))
        {
            found.insert(0, Found { start: *start, length: *length, leads_on: false, what: None });
        }
        if found.is_empty() {
            match stated {
                Err(error) if offset == 0 => return Err(error),
                // The memory before the damage is valid.
                Err(error) => parts.report.lose("damaged LiME header", || error.to_string()),
                Ok(_) => {}
            }
            break;
        }
        let first = found.remove(0);
        if let Some(what) = &first.what {
            parts.report.warn(format!("the header at byte {offset:#x} was changed: {what}"));
        }
        if !fits {
            others.push((parts.segments.len(), found));
        }
        parts.segments.push(Segment { start: first.start, length: first.length, offset: offset + HEADER });
        let Some(next) = behind(offset, first.length) else { break };
        offset = next;
    }
    let placed =
        |segment: &Segment| Placed { start: segment.start, length: segment.length, offset: segment.offset };
    let stated: Vec<Placed> = parts.segments.iter().map(placed).collect();
    for (index, found) in others {
        for other in found {
            let mut layout = stated.clone();
            if let Some(place) = layout.get_mut(index) {
                (place.start, place.length) = (other.start, other.length);
                parts.other_layouts.push(layout);
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

/// A range as a header may have stated it.
struct Found {
    start: u64,
    length: u64,
    /// Another header follows, not the end of the file.
    leads_on: bool,
    /// What was changed, in words.
    what: Option<String>,
}

/// The ranges that a header may have stated before one byte of it was changed: with each of them the next header or the end of
/// the file follows. Those that another header follows come first, then those that begin at a page.
fn mended(bytes: &Arc<dyn Bytes>, header: &[u8], offset: u64) -> Vec<Found> {
    let Ok(stated) = RangeHeader::read(header, Container::Lime, offset) else { return Vec::new() };
    let mark = header.get(..MARK.len()).unwrap_or_default();
    if let Ok((start, length)) = stated.range(Container::Lime, offset)
        && is_one_byte(mark, MARK)
        && ends_well(bytes, offset, length)
    {
        let what = format!("expected {}, found {}", MARK.escape_ascii(), mark.escape_ascii());
        return vec![Found { start, length, leads_on: true, what: Some(what) }];
    }
    if mark != MARK {
        return Vec::new();
    }
    let (start, last) = stated.ends();
    let mut found = Vec::new();
    for byte in 0..8 {
        for value in 0..=u8::MAX {
            let other = |number: u64| {
                let mut bytes = number.to_le_bytes();
                if let Some(place) = bytes.get_mut(byte) {
                    *place = value;
                }
                u64::from_le_bytes(bytes)
            };
            for (from, to) in [(start, other(last)), (other(start), last)] {
                let length = to.checked_sub(from).and_then(|length| length.checked_add(1));
                if let Some(length) = length.filter(|_| (from, to) != (start, last))
                    && ends_well(bytes, offset, length)
                {
                    let what = format!(
                        "it states {start:#x} to {last:#x}, but the next one follows {from:#x} to {to:#x}"
                    );
                    let leads_on = behind(offset, length) != Some(bytes.len());
                    found.push(Found { start: from, length, leads_on, what: Some(what) });
                }
            }
        }
    }
    found.sort_by_key(|found| (!found.leads_on, !found.start.is_multiple_of(PAGE)));
    found
}

/// Where the range of the header at `offset` ends.
fn behind(offset: u64, length: u64) -> Option<u64> {
    offset.checked_add(HEADER)?.checked_add(length)
}

/// Whether a file may have been cut off within the range of the header at `offset`, or what follows it is not known.
fn may_be_cut(bytes: &Arc<dyn Bytes>, offset: u64, length: u64) -> bool {
    behind(offset, length).is_none_or(|next| next > bytes.len())
}

/// Whether the range of the header at `offset` ends where another header begins, or at the end of the file.
fn ends_well(bytes: &Arc<dyn Bytes>, offset: u64, length: u64) -> bool {
    behind(offset, length).is_some_and(|next| {
        let is_header = || bytes.up_to(next, MARK.len()).is_ok_and(|found| found == MARK);
        next == bytes.len() || next < bytes.len() && is_header()
    })
}

fn is_one_byte(found: &[u8], expected: &[u8]) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).filter(|(one, other)| one != other).count() == 1
}
