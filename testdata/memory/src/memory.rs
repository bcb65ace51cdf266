//! Physical memory: ranges of RAM, the non-zero pages in them, and free frames in random order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Bytes in a page.
pub const PAGE: u64 = 0x1000;

/// Physical memory.
pub struct Memory {
    ranges: Vec<Range<u64>>,
    pages: BTreeMap<u64, Box<[u8; PAGE as usize]>>,
    taken: BTreeSet<u64>,
    random: u64,
}

impl Memory {
    /// Empty RAM in these ranges, each of whole pages. The seed decides the order in which frames are handed out.
    pub fn new(ranges: &[Range<u64>], seed: u64) -> Self {
        Self { ranges: ranges.to_vec(), pages: BTreeMap::new(), taken: BTreeSet::new(), random: seed | 1 }
    }

    /// The ranges of RAM, in order.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// All pages that contain anything, by their addresses.
    pub fn pages(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.pages.iter().map(|(&start, bytes)| (start, bytes.as_slice()))
    }

    /// Every frame in use, even if it is empty, in order.
    pub fn in_use(&self) -> impl Iterator<Item = u64> {
        self.taken.iter().copied()
    }

    /// Reserves the frames of a range, so that [`Memory::frame`] does not return them.
    pub fn reserve(&mut self, range: Range<u64>) -> u64 {
        let frames = (range.start..range.end).step_by(PAGE as usize);
        for frame in frames {
            assert!(self.is_ram(frame), "{frame:#x} is not RAM");
            assert!(self.taken.insert(frame), "{frame:#x} is taken");
        }
        range.start
    }

    /// A free frame, anywhere.
    pub fn frame(&mut self) -> u64 {
        loop {
            let total: u64 = self.ranges.iter().map(|range| (range.end - range.start) / PAGE).sum();
            let mut index = self.number() % total;
            let frame = self.ranges.iter().find_map(|range| {
                let pages = (range.end - range.start) / PAGE;
                if index < pages {
                    return Some(range.start + index * PAGE);
                }
                index -= pages;
                None
            });
            // The last ranges are those above 4 GiB, which are used like any other if they exist.
            let frame = frame.expect("an index below the total");
            if frame >= 0x1_0000 && self.taken.insert(frame) {
                return frame;
            }
        }
    }

    /// The next number of a sequence that is the same in every run (xorshift64*).
    pub fn number(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// Writes bytes, across page boundaries if necessary.
    pub fn write(&mut self, mut address: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            assert!(self.is_ram(address), "{address:#x} is not RAM");
            let (page, offset) = (address / PAGE * PAGE, (address % PAGE) as usize);
            let here = bytes.len().min(PAGE as usize - offset);
            let content = self.pages.entry(page).or_insert_with(|| Box::new([0; PAGE as usize]));
            content[offset..offset + here].copy_from_slice(&bytes[..here]);
            (address, bytes) = (address + here as u64, &bytes[here..]);
        }
    }

    /// Reads bytes; those that were not written are zero.
    pub fn read(&self, address: u64, length: usize) -> Vec<u8> {
        (address..address + length as u64)
            .map(|at| self.pages.get(&(at / PAGE * PAGE)).map_or(0, |page| page[(at % PAGE) as usize]))
            .collect()
    }

    /// Clears a page.
    pub fn clear(&mut self, page: u64) {
        self.pages.remove(&page);
    }

    /// Whether a frame is unused RAM.
    pub fn is_free(&self, frame: u64) -> bool {
        self.is_ram(frame) && !self.taken.contains(&frame)
    }

    fn is_ram(&self, address: u64) -> bool {
        self.ranges.iter().any(|range| range.contains(&address))
    }
}
