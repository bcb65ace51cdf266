//! The kernel's memory: pages, pools, and what is written into them.

use super::{Builder, utf16};
use crate::memory::PAGE;
use crate::paging::Entry;

impl Builder {
    pub(super) fn width(&self) -> u64 {
        self.layout.pointer as u64
    }

    pub(super) fn symbol(&self, name: &str) -> u64 {
        self.plan.kernel + self.layout.symbol(name)
    }

    /// Contiguous frames above the kernel's own tables, which are the first that the loader makes, and below 4 GiB, as
    /// the register that leads to them has 32 bits with PAE.
    pub(super) fn tables_above(&mut self, pages: u64) -> u64 {
        loop {
            let start = self.page_run(pages);
            if start > self.plan.top && start < 1 << 32 {
                return start;
            }
        }
    }

    /// Contiguous frames.
    pub(super) fn page_run(&mut self, pages: u64) -> u64 {
        loop {
            let start = self.memory.frame();
            let free = (1..pages).all(|page| self.memory.is_free(start + page * PAGE));
            if free {
                self.memory.reserve(start + PAGE..start + pages * PAGE);
                return start;
            }
        }
    }

    /// A piece of the nonpaged pool.
    pub(super) fn allocate(&mut self, size: u64) -> u64 {
        let at = self.pool.next_multiple_of(16);
        self.pool = at + size;
        self.map_pool(at, size);
        at
    }

    /// A piece of the paged pool.
    pub(super) fn allocate_paged(&mut self, size: u64) -> u64 {
        let at = self.paged_pool.next_multiple_of(16);
        self.paged_pool = at + size;
        self.map_pool(at, size);
        at
    }

    pub(super) fn map_pool(&mut self, at: u64, size: u64) {
        for page in (at / PAGE..=(at + size - 1) / PAGE).map(|page| page * PAGE) {
            if !self.frames.contains_key(&page) {
                let frame = self.memory.frame();
                self.tables.map(&mut self.memory, page, Entry::Present(frame));
                self.frames.insert(page, frame);
            }
        }
    }

    pub(super) fn physical(&self, address: u64) -> u64 {
        self.tables
            .physical(&self.memory, address)
            .or_else(|| self.frames.get(&(address / PAGE * PAGE)).map(|frame| frame + address % PAGE))
            .unwrap_or_else(|| panic!("{address:#x} is not mapped"))
    }

    /// Writes to a virtual address of the kernel.
    pub(super) fn poke(&mut self, mut address: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let here = bytes.len().min((PAGE - address % PAGE) as usize);
            let physical = self.physical(address);
            self.memory.write(physical, &bytes[..here]);
            (address, bytes) = (address + here as u64, &bytes[here..]);
        }
    }

    pub(super) fn poke_pointer(&mut self, address: u64, value: u64) {
        let width = self.layout.pointer;
        self.poke(address, &value.to_le_bytes()[..width]);
    }

    /// A `_UNICODE_STRING` and its text.
    pub(super) fn text(&mut self, at: u64, text: &str, paged: bool) {
        let bytes = utf16(text);
        let buffer =
            if paged { self.allocate_paged(bytes.len() as u64) } else { self.allocate(bytes.len() as u64) };
        self.poke(buffer, &bytes);
        self.poke(at, &(bytes.len() as u16 - 2).to_le_bytes());
        self.poke(at + 2, &(bytes.len() as u16).to_le_bytes());
        self.poke_pointer(at + self.width(), buffer);
    }

    /// Links entries to a head, as `_LIST_ENTRY` does: in a circle, both ways.
    pub(super) fn link(&mut self, head: u64, entries: &[u64]) {
        let circle: Vec<u64> = std::iter::once(head).chain(entries.iter().copied()).collect();
        for (index, &entry) in circle.iter().enumerate() {
            let next = circle[(index + 1) % circle.len()];
            let previous = circle[(index + circle.len() - 1) % circle.len()];
            self.poke_pointer(entry, next);
            self.poke_pointer(entry + self.width(), previous);
        }
    }
}
