//! Pages of zeros where a kernel's data should be: acquisition leaves such pages where it could not read.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use image::{Memory, PhysicalAddress, ReadError, Run};

const PAGE: u64 = 4096;
/// No more places are remembered: the first ones are enough to explain a failure.
const MOST: usize = 1 << 12;

/// Memory that remembers where only zeros were read.
pub(crate) struct Watched<'a> {
    memory: &'a dyn Memory,
    /// The pages of which only zeros were read.
    zeros: Mutex<Vec<u64>>,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(memory: &'a dyn Memory) -> Self {
        Self { memory, zeros: Mutex::default() }
    }

    /// Forgets what was read so far.
    pub(crate) fn forget(&self) {
        self.zeros().clear();
    }

    /// The physical address of the first page that was read and holds nothing but zeros.
    pub(crate) fn blank(&self) -> Option<u64> {
        let mut pages = std::mem::take(&mut *self.zeros());
        pages.dedup();
        pages.into_iter().map(|page| page * PAGE).find(|at| is_blank(self.memory, *at))
    }

    fn zeros(&self) -> MutexGuard<'_, Vec<u64>> {
        self.zeros.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, at: u64, bytes: &[u8]) {
        let mut at = at;
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = (PAGE - at % PAGE) as usize;
            let (part, after) = rest.split_at(rest.len().min(room));
            if is_zero(part) {
                let mut zeros = self.zeros();
                if zeros.len() < MOST && zeros.last() != Some(&(at / PAGE)) {
                    zeros.push(at / PAGE);
                }
            }
            at = at.saturating_add(part.len() as u64);
            rest = after;
        }
    }
}

/// Whether the page with this physical address is in the memory, and holds nothing but zeros.
pub(crate) fn is_blank(memory: &dyn Memory, at: u64) -> bool {
    let mut bytes = [0; PAGE as usize];
    memory.read(PhysicalAddress(at / PAGE * PAGE), &mut bytes).is_ok() && is_zero(&bytes)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

impl Memory for Watched<'_> {
    fn runs(&self) -> &[Run] {
        self.memory.runs()
    }

    fn read(&self, at: PhysicalAddress, into: &mut [u8]) -> Result<(), ReadError> {
        self.memory.read(at, into)?;
        self.note(at.0, into);
        Ok(())
    }

    fn next_data(&self, range: Range<u64>) -> Option<Range<u64>> {
        self.memory.next_data(range)
    }
}

#[cfg(test)]
mod tests {
    use image::Pages;

    use super::*;

    #[test]
    fn only_whole_pages_of_zeros_are_blank() {
        let mut pages = Pages::default();
        pages.write(PhysicalAddress(0x1008), &[1]);
        pages.write(PhysicalAddress(0x2000), &[0; 4096]);
        let watched = Watched::new(&pages);
        let read = |at: u64, length: usize| watched.read(PhysicalAddress(at), &mut vec![1; length]).unwrap();
        read(0x1000, 8);
        assert_eq!(watched.blank(), None);
        read(0x1000, 8);
        read(0x1ffc, 8);
        assert_eq!(watched.blank(), Some(0x2000));
        read(0x2000, 8);
        watched.forget();
        assert_eq!(watched.blank(), None);
    }
}
