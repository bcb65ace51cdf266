use crate::PhysicalAddress;
use crate::memory::{Run, join};

/// A range of physical memory and the place of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The first physical address.
    pub(crate) start: u64,
    /// The number of bytes; never zero in [`Segments`].
    pub(crate) length: u64,
    /// The place of the bytes in the container's [`Bytes`](crate::bytes::Bytes).
    pub(crate) offset: u64,
}

impl Segment {
    /// The address after the last byte.
    pub(crate) fn end(self) -> u64 {
        self.start + self.length
    }
}

/// Physical memory mapped to bytes: sorted, without overlap, limited to the existing bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segments {
    segments: Vec<Segment>,
    runs: Vec<Run>,
    /// How many bytes the container declares but the file does not contain.
    pub(crate) missing: u64,
}

impl Segments {
    /// `bytes` is the number of existing bytes. If segments overlap (as those of a kernel and of the memory around it
    /// do), the one with the lowest start takes precedence, then the one that is first in the file.
    pub(crate) fn new(mut segments: Vec<Segment>, bytes: u64) -> Self {
        segments.sort_by_key(|segment| segment.start);
        let mut kept: Vec<Segment> = Vec::with_capacity(segments.len());
        let mut missing = 0u64;
        for mut segment in segments {
            // There is nothing beyond the last address.
            segment.length = segment.length.min(u64::MAX - segment.start);
            let there = bytes.saturating_sub(segment.offset).min(segment.length);
            missing = missing.saturating_add(segment.length - there);
            segment.length = there;
            let covered = kept.last().map_or(0, |last| last.end()).saturating_sub(segment.start);
            if covered >= segment.length {
                continue;
            }
            segment = Segment {
                start: segment.start + covered,
                length: segment.length - covered,
                offset: segment.offset + covered,
            };
            match kept.last_mut() {
                Some(last) if last.end() == segment.start && last.offset + last.length == segment.offset => {
                    last.length += segment.length;
                }
                _ => kept.push(segment),
            }
        }
        kept.shrink_to_fit();
        let runs =
            join(kept.iter().map(|part| Run { start: PhysicalAddress(part.start), length: part.length }));
        Self { segments: kept, runs, missing }
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Whether every byte is at its physical address in the container's bytes.
    pub(crate) fn are_flat(&self) -> bool {
        self.segments.iter().all(|segment| segment.start == segment.offset)
    }

    /// The segment with `address`.
    pub(crate) fn at(&self, address: u64) -> Option<Segment> {
        let after = self.segments.partition_point(|segment| segment.start <= address);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        (address < segment.end()).then_some(*segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(segments: &[(u64, u64, u64)], bytes: u64) -> (Vec<(u64, u64, u64)>, u64) {
        let segments =
            segments.iter().map(|&(start, length, offset)| Segment { start, length, offset }).collect();
        let laid = Segments::new(segments, bytes);
        let flat =
            laid.segments.iter().map(|segment| (segment.start, segment.length, segment.offset)).collect();
        (flat, laid.missing)
    }

    #[test]
    fn neighbours_become_one() {
        assert_eq!(laid(&[(8, 4, 108), (0, 8, 100)], 200).0, [(0, 12, 100)]);
        assert_eq!(laid(&[(8, 4, 109), (0, 8, 100)], 200).0, [(0, 8, 100), (8, 4, 109)]);
    }

    #[test]
    fn the_first_of_two_that_overlap_counts() {
        assert_eq!(laid(&[(0, 10, 0), (4, 10, 50), (5, 2, 90)], 100).0, [(0, 10, 0), (10, 4, 56)]);
        assert_eq!(laid(&[(4, 2, 50), (4, 8, 10)], 100).0, [(4, 2, 50), (6, 6, 12)]);
    }

    #[test]
    fn missing_bytes_are_counted() {
        assert_eq!(
            laid(&[(0, 10, 0), (10, 10, 95), (20, 10, 200)], 100),
            (vec![(0, 10, 0), (10, 5, 95)], 15)
        );
        assert_eq!(laid(&[(u64::MAX - 1, 10, 0)], 100).0, [(u64::MAX - 1, 1, 0)]);
        assert_eq!(laid(&[(0, 10, u64::MAX)], 100), (vec![], 10));
    }

    #[test]
    fn addresses_are_found() {
        let laid = Segments::new(
            vec![Segment { start: 10, length: 5, offset: 0 }, Segment { start: 20, length: 5, offset: 5 }],
            100,
        );
        for (address, found) in
            [(9, None), (10, Some(10)), (14, Some(10)), (15, None), (24, Some(20)), (25, None)]
        {
            assert_eq!(laid.at(address).map(|segment| segment.start), found, "{address}");
        }
    }
}
