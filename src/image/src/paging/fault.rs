use std::fmt;

use crate::memory::ReadError;
use crate::{PhysicalAddress, VirtualAddress};

/// Why a virtual address cannot be translated or read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The address has bits set that the processor does not support.
    #[error("virtual address {at} is not canonical: its {unused} upper bits have to be alike")]
    NotCanonical {
        /// The address.
        at: VirtualAddress,
        /// The number of bits above those in use.
        unused: u32,
    },
    /// No page is mapped there.
    #[error("virtual address {at} is not mapped: its entry in the {table} at {entry_at} is {entry:#x}")]
    NotPresent {
        /// The address.
        at: VirtualAddress,
        /// The table in which the walk ended.
        table: Table,
        /// The address of the entry.
        entry_at: PhysicalAddress,
        /// The entry.
        entry: u64,
    },
    /// The page table itself is not in the image.
    #[error("virtual address {at}: the entry in its {table} cannot be read: {source}")]
    Table {
        /// The address.
        at: VirtualAddress,
        /// The missing table.
        table: Table,
        /// Why its entry cannot be read.
        source: ReadError,
    },
    /// The page is mapped, but its memory is not in the image.
    #[error("virtual address {at}: {source}")]
    Memory {
        /// The address.
        at: VirtualAddress,
        /// Why the memory cannot be read.
        source: ReadError,
    },
    /// The address is beyond the last one.
    #[error("what begins at virtual address {at} ends beyond the last address")]
    Beyond {
        /// The start of the range.
        at: VirtualAddress,
    },
}

impl Fault {
    /// The first address that cannot be translated or read.
    pub fn at(&self) -> VirtualAddress {
        match self {
            Self::NotCanonical { at, .. }
            | Self::NotPresent { at, .. }
            | Self::Table { at, .. }
            | Self::Memory { at, .. }
            | Self::Beyond { at } => *at,
        }
    }
}

/// A page table, by its place in a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its level; 1 is the level whose entries are pages.
    pub level: u8,
    /// The lowest bit of the address that selects the entry.
    pub shift: u8,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page table of level {} (address bits from {} on)", self.level, self.shift)
    }
}
