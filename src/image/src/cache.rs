use std::sync::{Mutex, PoisonError};

use crate::bytes::BytesError;

/// Blocks of a file, read or unpacked, kept for the next read nearby. Each block has one possible slot, so the memory
/// is bounded and threads rarely wait for each other.
#[derive(Debug)]
pub(crate) struct BlockCache {
    slots: Box<[Mutex<Slot>]>,
}

#[derive(Debug, Default)]
struct Slot {
    key: Option<u64>,
    block: Vec<u8>,
}

impl BlockCache {
    /// The maximum size of a cache in bytes.
    const BUDGET: usize = 8 << 20;

    /// A cache for blocks of up to `block` bytes.
    pub(crate) fn new(block: usize) -> Self {
        let slots = (Self::BUDGET / block.max(1)).clamp(8, 1024);
        Self { slots: (0..slots).map(|_| Mutex::default()).collect() }
    }

    /// Copies the bytes `within` the block `key` into `into`; `fill` makes the block if it is not cached.
    ///
    /// # Errors
    /// Any error of `fill`, or the error that `short` makes if the block ends before `into` is full.
    pub(crate) fn read<E>(
        &self,
        key: u64,
        within: usize,
        into: &mut [u8],
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
        short: impl FnOnce() -> E,
    ) -> Result<(), E> {
        let Some(slot) = self.slots.get((key % self.slots.len() as u64) as usize) else {
            return Err(short());
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.key != Some(key) {
            slot.key = None;
            slot.block.clear();
            fill(&mut slot.block)?;
            slot.key = Some(key);
        }
        let part = within.checked_add(into.len()).and_then(|end| slot.block.get(within..end));
        match part {
            Some(part) => into.copy_from_slice(part),
            None => return Err(short()),
        }
        Ok(())
    }
}

impl BlockCache {
    /// Fills `into` with the bytes at `offset` of a stream of `length` bytes in blocks of `size`; `fill` makes the
    /// block with a given number.
    ///
    /// # Errors
    /// Any error of `fill`, or an error if the bytes end.
    pub(crate) fn read_blocks(
        &self,
        size: u64,
        length: u64,
        offset: u64,
        into: &mut [u8],
        mut fill: impl FnMut(u64, &mut Vec<u8>) -> Result<(), BytesError>,
    ) -> Result<(), BytesError> {
        let end = offset.checked_add(into.len() as u64).ok_or_else(|| BytesError::end(offset))?;
        if end > length {
            return Err(BytesError::end(offset));
        }
        let mut rest = into;
        let mut offset = offset;
        while !rest.is_empty() {
            let (number, within) = (offset / size, offset % size);
            let room = usize::try_from(size - within).unwrap_or(usize::MAX);
            let (part, after) = rest.split_at_mut(rest.len().min(room));
            self.read(
                number,
                within as usize,
                part,
                |block| fill(number, block),
                || BytesError::end(offset),
            )?;
            offset += part.len() as u64;
            rest = after;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_made_once_and_a_failed_one_is_not_kept() {
        let cache = BlockCache::new(4);
        let mut into = [0; 2];
        let of = |content: &'static [u8]| {
            move |block: &mut Vec<u8>| -> Result<(), &str> {
                block.extend(content);
                Ok(())
            }
        };
        cache.read(7, 1, &mut into, of(b"abcd"), || "short").unwrap();
        assert_eq!(&into, b"bc");
        cache.read(7, 2, &mut into, |_| Err("made again"), || "short").unwrap();
        assert_eq!(&into, b"cd");
        assert_eq!(cache.read(7, 3, &mut into, |_| Err("made again"), || "short"), Err("short"));
        assert_eq!(cache.read(8, 0, &mut into, |_| Err("failed"), || "short"), Err("failed"));
        cache.read(8, 0, &mut into, of(b"xy"), || "short").unwrap();
        assert_eq!(&into, b"xy");
    }
}
