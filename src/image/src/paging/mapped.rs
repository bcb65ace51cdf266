use crate::paging::form::Entry;
use crate::paging::{AddressSpace, Paging};
use crate::{PhysicalAddress, VirtualAddress};

/// A mapped page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// The first virtual address.
    pub start: VirtualAddress,
    /// Its physical address.
    pub physical: PhysicalAddress,
    /// The size of the page in bytes.
    pub length: u64,
}

/// The mapped pages in a range, in the order of addresses.
///
/// Tables that are not completely in the image are left out and counted. The walk is bounded, because page tables
/// that point back to themselves could otherwise map an endless number of pages. If the limit is reached,
/// [`Mapped::cut`] returns true.
pub struct Mapped<'m> {
    space: AddressSpace<'m>,
    /// The first and last address of the range, in their translated bits.
    first: u64,
    last: u64,
    /// The bits above the translated ones in every address, if their highest bit does not decide them.
    prefix: u64,
    stack: Vec<Open>,
    /// How many more tables may be read.
    budget: u64,
    unreadable: u64,
    cut: bool,
}

/// The size of the pages that images leave out.
const PART: usize = 4096;

/// A table on the way down.
struct Open {
    level: u8,
    /// The first address that its entries map.
    base: u64,
    next: usize,
    entries: Vec<u8>,
}

impl<'m> Mapped<'m> {
    /// How many tables may be read for each page of the image; most tables are visited once.
    const TABLES_PER_PAGE: u64 = 2;
    /// The minimum and maximum of that limit: a million tables map two TiB of small pages.
    const LEAST_TABLES: u64 = 4096;
    const MOST_TABLES: u64 = 1 << 20;

    pub(super) fn new(space: AddressSpace<'m>, first: VirtualAddress, last: VirtualAddress) -> Self {
        let pages: u64 = space.memory.runs().iter().map(|run| run.length / 4096).sum();
        let budget = pages.saturating_mul(Self::TABLES_PER_PAGE).clamp(Self::LEAST_TABLES, Self::MOST_TABLES);
        let bits = space.paging.bits();
        let mut mapped = Self {
            space,
            first: 0,
            last: 0,
            prefix: first.0 >> bits << bits,
            stack: Vec::new(),
            budget,
            unreadable: 0,
            cut: false,
        };
        let range = (space.translated_bits(first), space.translated_bits(last));
        if let (Ok(low), Ok(high)) = range
            && first <= last
        {
            (mapped.first, mapped.last) = (low, high);
            mapped.open(space.dtb().0, space.paging.levels(), 0);
        }
        mapped
    }

    /// How many tables could not be read completely so far.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Whether the walk ended early because there were too many tables.
    pub fn cut(&self) -> bool {
        self.cut
    }

    fn open(&mut self, table: u64, level: u8, base: u64) {
        if self.budget == 0 {
            self.cut = true;
            self.stack.clear();
            return;
        }
        self.budget -= 1;
        let paging = self.space.paging;
        let size = paging.entry_size();
        let mut entries = vec![0; paging.entries(level) * size];
        if self.space.memory.read(PhysicalAddress(table), &mut entries).is_err() {
            self.unreadable += 1;
            // A table can be larger than the pages that images leave out.
            let mut at = table;
            for part in entries.chunks_mut(PART) {
                if self.space.memory.read(PhysicalAddress(at), part).is_err() {
                    part.fill(0);
                }
                at = at.saturating_add(PART as u64);
            }
        }
        let shift = paging.shift(level);
        let next = (self.first.saturating_sub(base) >> shift) as usize;
        self.stack.push(Open { level, base, next, entries });
    }

    /// The address with the bits above the translated ones.
    fn whole(&self, low: u64) -> VirtualAddress {
        let bits = self.space.paging.bits();
        let sign = bits > 32 && low >> (bits - 1) & 1 == 1;
        match self.space.paging {
            Paging::X64 | Paging::X64Level5 if sign => VirtualAddress(low | u64::MAX << bits),
            Paging::X64 | Paging::X64Level5 => VirtualAddress(low),
            _ => VirtualAddress(low | self.prefix),
        }
    }
}

impl Iterator for Mapped<'_> {
    type Item = Mapping;

    fn next(&mut self) -> Option<Mapping> {
        let paging = self.space.paging;
        let size = paging.entry_size();
        loop {
            let top = self.stack.last_mut()?;
            let shift = paging.shift(top.level);
            let base = top.base + ((top.next as u64) << shift);
            let bytes = top.entries.get(top.next * size..(top.next + 1) * size);
            let (Some(bytes), true) = (bytes, base <= self.last) else {
                self.stack.pop();
                continue;
            };
            top.next += 1;
            let level = top.level;
            let entry = match bytes {
                [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]).into(),
                _ => bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)),
            };
            match self.space.decode(entry, level, true) {
                Entry::Absent => {}
                Entry::Table(table) => {
                    if level > 1 {
                        self.open(table, level - 1, base);
                    }
                }
                Entry::Page(physical) => {
                    let length = 1 << shift;
                    return Some(Mapping {
                        start: self.whole(base),
                        physical: PhysicalAddress(physical),
                        length,
                    });
                }
            }
        }
    }
}
