use std::sync::Arc;

use crate::bytes::{Bytes, BytesError};
use crate::segments::Segment;

/// More ranges of memory than any real dump has. No more are kept, so that a damaged bitmap cannot fill our own
/// memory.
const MOST_SEGMENTS: usize = 4 << 20;
/// 256 TiB in pages of 4 KiB; a larger bitmap is refused.
const MOST_PAGES: u64 = 1 << 36;
/// How much of a bitmap is read at once.
const PART: usize = 1 << 20;

/// The pages in a dump: one bit for each, the lowest bit of a byte first. The pages are stored in the order of their
/// bits.
pub(crate) struct Bitmap {
    /// The offset of the bits in the file.
    pub(crate) offset: u64,
    /// The pages in question: the first, and the one after the last.
    pub(crate) pages: std::ops::Range<u64>,
    pub(crate) page_size: u64,
}

impl Bitmap {
    /// The ranges of memory whose bits are set, where `first` is the place of the first page, and the number of
    /// pages.
    ///
    /// The file has space for `room` pages. The pages after those form one range, so that there are never more ranges
    /// than pages and bits in the file.
    pub(crate) fn segments(
        &self,
        bytes: &Arc<dyn Bytes>,
        first: u64,
        room: u64,
    ) -> Result<(Vec<Segment>, u64), BytesError> {
        if self.pages.end > MOST_PAGES {
            return Err(BytesError::damaged(self.offset, format!("a bitmap of {} pages", self.pages.end)));
        }
        let mut segments: Vec<Segment> = Vec::new();
        let mut found = 0u64;
        // The open run of set bits: its first page.
        let mut open: Option<u64> = None;
        let (mut at, end) = (self.pages.start / 8, self.pages.end.div_ceil(8));
        while at < end {
            let length = (end - at).min(PART as u64);
            let mut part = vec![0; length as usize];
            bytes.read(self.offset.saturating_add(at), &mut part)?;
            for (index, byte) in part.iter().enumerate() {
                let page = (at + index as u64) * 8;
                // Most bytes continue the run before them.
                if (*byte == 0 && open.is_none())
                    || (*byte == 0xff && open.is_some() && page + 8 <= self.pages.end)
                {
                    continue;
                }
                for bit in 0..8 {
                    let page = page + bit;
                    let set = byte >> bit & 1 == 1 && self.pages.contains(&page);
                    match (set, open) {
                        (true, None) => open = Some(page),
                        (false, Some(start)) => {
                            found += self.close(&mut segments, start..page, first, found, room)?;
                            open = None;
                        }
                        _ => {}
                    }
                }
            }
            at += length;
        }
        if let Some(start) = open {
            found += self.close(&mut segments, start..self.pages.end.max(start), first, found, room)?;
        }
        Ok((segments, found))
    }

    /// Adds a run of pages, of which `found` precede it in the file; returns its length.
    fn close(
        &self,
        segments: &mut Vec<Segment>,
        run: std::ops::Range<u64>,
        first: u64,
        found: u64,
        room: u64,
    ) -> Result<u64, BytesError> {
        let (start, end) = (run.start, run.end);
        if found > room
            && let Some(last) = segments.last_mut()
        {
            // Neither this run nor the previous one is in the file; only the number of missing pages matters.
            last.length = last.length.saturating_add((end - start).saturating_mul(self.page_size));
            return Ok(end - start);
        }
        if segments.len() >= MOST_SEGMENTS {
            let reason = format!("the bitmap has more than {MOST_SEGMENTS} ranges");
            return Err(BytesError::damaged(self.offset.saturating_add(start / 8), reason));
        }
        let pages = end - start;
        let size = self.page_size;
        segments.push(Segment {
            start: start.saturating_mul(size),
            length: pages.saturating_mul(size),
            offset: first.saturating_add(found.saturating_mul(size)),
        });
        Ok(pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(bits: &[u8], pages: std::ops::Range<u64>) -> Vec<(u64, u64, u64)> {
        let bytes: Arc<dyn Bytes> = Arc::new(bits.to_vec());
        let (segments, found) =
            Bitmap { offset: 0, pages, page_size: 16 }.segments(&bytes, 1000, 100).unwrap();
        assert_eq!(found, segments.iter().map(|segment| segment.length / 16).sum::<u64>());
        segments.iter().map(|segment| (segment.start / 16, segment.length / 16, segment.offset)).collect()
    }

    #[test]
    fn runs_of_bits_are_ranges() {
        assert_eq!(segments(&[0b1110_0101], 0..8), [(0, 1, 1000), (2, 1, 1016), (5, 3, 1032)]);
        assert_eq!(segments(&[0x80, 0xff, 0x01, 0], 0..32), [(7, 10, 1000)]);
        assert_eq!(segments(&[0xff, 0xff], 0..12), [(0, 12, 1000)]);
        assert_eq!(segments(&[0xff, 0xff], 3..12), [(3, 9, 1000)]);
        assert_eq!(segments(&[0, 0], 0..16), []);
    }

    #[test]
    fn pages_beyond_the_file_are_one_range() {
        let bytes: Arc<dyn Bytes> = Arc::new(vec![0x55; 1000]);
        let bitmap = Bitmap { offset: 0, pages: 0..8000, page_size: 16 };
        let (segments, found) = bitmap.segments(&bytes, 0, 10).unwrap();
        assert_eq!(found, 4000);
        assert_eq!(segments.len(), 11);
        assert_eq!(segments.iter().map(|segment| segment.length).sum::<u64>(), 4000 * 16);
    }

    #[test]
    fn a_bitmap_beyond_the_file_is_an_error() {
        let bytes: Arc<dyn Bytes> = Arc::new(vec![0xff; 4]);
        assert!(Bitmap { offset: 1, pages: 0..32, page_size: 16 }.segments(&bytes, 0, 32).is_err());
    }
}
