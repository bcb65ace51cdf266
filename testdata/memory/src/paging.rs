//! Page tables, written into physical memory.

use crate::memory::{Memory, PAGE};

/// The kinds of page tables that x86 processors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Two levels of 1,024 entries of four bytes.
    X86,
    /// Four entries, then two levels of 512 entries of eight bytes.
    Pae,
    /// Four levels of 512 entries of eight bytes.
    X64,
    /// Five levels of 512 entries of eight bytes.
    X64Level5,
}

/// The contents of a page's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The page is here.
    Present(u64),
    /// The page is here but not mapped (Windows: on the standby or modified list).
    Transition(u64),
    /// The entry leads to another at this virtual address (Windows: shared memory).
    Prototype(u64),
    /// The page is in a paging file, at this page of it.
    PagedOut(u64),
}

/// The tables of one address space.
#[derive(Debug, Clone)]
pub struct Tables {
    mode: Mode,
    /// What Windows hides the frames of invalid entries with.
    hidden: u64,
    /// What the processor's register holds: the physical address of the topmost table.
    pub top: u64,
}

impl Tables {
    /// An empty address space; `top` is the frame of its topmost table (with PAE the four page directories follow it).
    pub fn new(memory: &mut Memory, mode: Mode, top: u64) -> Self {
        if mode == Mode::Pae {
            for index in 0..4 {
                // Only the present bit is allowed here, and the two of the caches.
                memory.write(top + index * 8, &((top + (index + 1) * PAGE) | 1).to_le_bytes());
            }
        }
        Self { mode, hidden: 0, top }
    }

    /// The same tables, which hide the frames of invalid entries behind a mask, as Windows does since 1803.
    pub fn hiding(self, hidden: u64) -> Self {
        Self { hidden, ..self }
    }

    /// The kind of tables.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Maps one page of 4 KiB.
    pub fn map(&self, memory: &mut Memory, address: u64, entry: Entry) {
        let place = self.place(memory, address, 0);
        self.put(memory, place, self.encode(entry));
    }

    /// Maps one large page: of 2 MiB, or of 4 MiB without PAE.
    pub fn map_large(&self, memory: &mut Memory, address: u64, physical: u64) {
        let place = self.place(memory, address, 1);
        // Present, writable, accessed, dirty, large, global.
        self.put(memory, place, physical | 0x1e3);
    }

    /// Copies the upper half of another address space, and writes the entries through which the tables map
    /// themselves.
    pub fn share_kernel(&self, memory: &mut Memory, kernel: &Self, own_index: u64) {
        match self.mode {
            Mode::X86 => {
                let half = memory.read(kernel.top + 0x800, 0x800);
                memory.write(self.top + 0x800, &half);
            }
            Mode::Pae => {
                for directory in [3, 4] {
                    let all = memory.read(kernel.top + directory * PAGE, PAGE as usize);
                    memory.write(self.top + directory * PAGE, &all);
                }
            }
            Mode::X64 | Mode::X64Level5 => {
                let half = memory.read(kernel.top + 0x800, 0x800);
                memory.write(self.top + 0x800, &half);
            }
        }
        self.see_itself(memory, own_index);
    }

    /// Writes the entries through which the tables map themselves: at this index of the topmost table, which only
    /// 64-bit Windows chooses.
    pub fn see_itself(&self, memory: &mut Memory, own_index: u64) {
        match self.mode {
            Mode::X86 => memory.write(self.top + 0x300 * 4, &(self.top as u32 | 0x63).to_le_bytes()),
            Mode::Pae => {
                for index in 0..4 {
                    let directory = self.top + (index + 1) * PAGE;
                    memory.write(self.top + 4 * PAGE + index * 8, &(directory | 0x63).to_le_bytes());
                }
            }
            Mode::X64 | Mode::X64Level5 => {
                memory.write(self.top + own_index * 8, &(self.top | 0x63).to_le_bytes())
            }
        }
    }

    /// The physical address of an address, if its page is present or in transition.
    pub fn physical(&self, memory: &Memory, address: u64) -> Option<u64> {
        let mut table = self.top;
        for level in (0..self.levels()).rev() {
            let entry = self.get(memory, table + self.index(address, level) * self.width());
            let page_bits = 12 + level * self.bits();
            let reach = 1_u64 << page_bits;
            if level > 0 && entry & 0x81 == 0x81 && !(self.mode == Mode::Pae && level == 2) {
                return Some((entry & 0xf_ffff_ffff_f000 & !(reach - 1)) + address % reach);
            }
            // Transition: bit 11 without bit 10.
            if entry & 1 == 0 && !(level == 0 && entry & 0xc00 == 0x800) {
                return None;
            }
            let shown = if entry & 1 == 0 { entry & !self.hidden } else { entry };
            table = shown & 0xf_ffff_ffff_f000;
        }
        Some(table + address % PAGE)
    }

    /// The place of the entry for an address at a level; missing tables above it are created.
    fn place(&self, memory: &mut Memory, address: u64, level: u32) -> u64 {
        let mut table = self.top;
        for upper in (level + 1..self.levels()).rev() {
            let place = table + self.index(address, upper) * self.width();
            let mut entry = self.get(memory, place);
            if entry & 1 == 0 {
                entry = memory.frame() | 0x63;
                self.put(memory, place, entry);
            }
            assert!(entry & 0x80 == 0, "{address:#x} lies in a large page");
            table = entry & 0xf_ffff_ffff_f000;
        }
        table + self.index(address, level) * self.width()
    }

    fn encode(&self, entry: Entry) -> u64 {
        // Protection 4 (read and write) stands in bits 5 to 9 of an entry that the processor does not read.
        match (entry, self.mode) {
            (Entry::Present(page), _) => page | 0x163,
            (Entry::Transition(page), _) => page | 0x880 | self.hidden,
            (Entry::PagedOut(slot), Mode::X86) => (slot << 12) | 0x80,
            (Entry::PagedOut(slot), _) => (slot << 32) | 0x80 | self.hidden,
            (Entry::Prototype(_), Mode::X86) => {
                panic!("an entry of 32 bits holds only a part of the address")
            }
            (Entry::Prototype(at), Mode::Pae) => (at << 32) | 0x400,
            (Entry::Prototype(at), Mode::X64 | Mode::X64Level5) => (at << 16) | 0x400,
        }
    }

    fn levels(&self) -> u32 {
        match self.mode {
            Mode::X86 => 2,
            Mode::Pae => 3,
            Mode::X64 => 4,
            Mode::X64Level5 => 5,
        }
    }

    /// Bits of the address that one level takes.
    fn bits(&self) -> u32 {
        if self.mode == Mode::X86 { 10 } else { 9 }
    }

    fn width(&self) -> u64 {
        if self.mode == Mode::X86 { 4 } else { 8 }
    }

    fn index(&self, address: u64, level: u32) -> u64 {
        (address >> (12 + level * self.bits())) & ((1 << self.bits()) - 1)
    }

    fn get(&self, memory: &Memory, place: u64) -> u64 {
        let mut bytes = memory.read(place, self.width() as usize);
        bytes.resize(8, 0);
        u64::from_le_bytes(bytes.try_into().unwrap())
    }

    fn put(&self, memory: &mut Memory, place: u64, entry: u64) {
        memory.write(place, &entry.to_le_bytes()[..self.width() as usize]);
    }
}
