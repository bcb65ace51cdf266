//! Finds the start of an RPM package's content.
//!
//! Only sizes are read; nothing is allocated.

use super::error::PackageError;

/// The first bytes of the lead.
pub(super) const MAGIC: &[u8] = b"\xed\xab\xee\xdb";

/// The lead's size in bytes.
const LEAD: usize = 96;

/// The compressed content after the lead and the two headers (RPM file format, version 3).
pub(super) fn payload(bytes: &[u8]) -> Result<&[u8], PackageError> {
    let signature = header_size(bytes, LEAD)?;
    // The signature header is padded to eight bytes; the other one is not.
    let header = LEAD + signature.next_multiple_of(8);
    let payload = header + header_size(bytes, header)?;
    bytes.get(payload..).ok_or(PackageError::Damaged("its content is missing"))
}

/// The size of the header at `at`: 16 bytes, 16 more for each entry, and the entries' data.
fn header_size(bytes: &[u8], at: usize) -> Result<usize, PackageError> {
    let header =
        bytes.get(at..at.saturating_add(16)).ok_or(PackageError::Damaged("a header is truncated"))?;
    if !header.starts_with(b"\x8e\xad\xe8") {
        return Err(PackageError::Damaged("a header lacks RPM's magic number"));
    }
    let number = |from: usize| {
        let bytes = header.get(from..)?.first_chunk()?;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    };
    let (Some(entries), Some(data)) = (number(8), number(12)) else {
        return Err(PackageError::Damaged("a header is truncated"));
    };
    let size = entries.checked_mul(16).and_then(|size| size.checked_add(data)?.checked_add(16));
    let end = size.and_then(|size| size.checked_add(at)).filter(|end| *end <= bytes.len());
    end.map(|end| end - at).ok_or(PackageError::Damaged("a header is longer than the file"))
}
