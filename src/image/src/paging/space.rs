use crate::memory::{Memory, ReadError};
use crate::paging::form::{Entry, Paging};
use crate::paging::{Fault, Mapped, Table};
use crate::{PhysicalAddress, VirtualAddress};

/// The virtual memory that one set of page tables describes.
#[derive(Clone, Copy)]
pub struct AddressSpace<'m> {
    pub(super) memory: &'m dyn Memory,
    pub(super) paging: Paging,
    root: PhysicalAddress,
    /// How Windows marks invalid entries, if they are to be followed.
    windows: Option<u64>,
}

/// A translated virtual address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Translated {
    physical: PhysicalAddress,
    /// The number of following bytes in the same page.
    room: u64,
}

impl<'m> AddressSpace<'m> {
    /// The space whose page tables begin at `dtb`, which may be the whole register (CR3) with the address in it.
    pub fn new(memory: &'m dyn Memory, paging: Paging, dtb: PhysicalAddress) -> Self {
        Self { memory, paging, root: PhysicalAddress(paging.root(dtb.0)), windows: None }
    }

    /// The same space as Windows sees it: a page in transition, or one behind a prototype entry, is readable,
    /// although the processor would fault. `invalid_pte_mask` is the mask with which the system hides frame numbers
    /// (`MiState.Hardware.InvalidPteMask`); zero on systems without one.
    ///
    /// Sources: `_MMPTE_TRANSITION`, `_MMPTE_PROTOTYPE` in the kernel's symbols. Prototypes are not followed on x86
    /// without PAE, where entries contain only a part of their address.
    pub fn with_windows_entries(self, invalid_pte_mask: u64) -> Self {
        Self { windows: Some(invalid_pte_mask), ..self }
    }

    /// The layout of the page tables.
    pub fn paging(&self) -> Paging {
        self.paging
    }

    /// The address of the page tables.
    pub fn dtb(&self) -> PhysicalAddress {
        self.root
    }

    /// The physical memory under it.
    pub fn memory(&self) -> &'m dyn Memory {
        self.memory
    }

    /// The physical address of `address`, whether it is in the image or not.
    ///
    /// # Errors
    /// A [`Fault`] if nothing is mapped there, or a page table cannot be read.
    pub fn translate(&self, address: VirtualAddress) -> Result<PhysicalAddress, Fault> {
        self.walk(address, true).map(|translated| translated.physical)
    }

    /// Fills `into` with the bytes from `address` on.
    ///
    /// # Errors
    /// The first address that cannot be read, and the reason. The contents of `into` are then unspecified.
    pub fn read(&self, address: VirtualAddress, into: &mut [u8]) -> Result<(), Fault> {
        let mut at = address;
        let mut rest = into;
        while !rest.is_empty() {
            let Translated { physical, room } = self.walk(at, true)?;
            let (part, after) =
                rest.split_at_mut(rest.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            self.memory.read(physical, part).map_err(|source| {
                let within = source.at().0.saturating_sub(physical.0);
                Fault::Memory { at: VirtualAddress(at.0.saturating_add(within)), source }
            })?;
            let done = part.len() as u64;
            rest = after;
            if rest.is_empty() {
                break;
            }
            at = at.checked_add(done).ok_or(Fault::Beyond { at: address })?;
        }
        Ok(())
    }

    /// All pages that are mapped from `first` to `last`, both included, in the order of addresses.
    pub fn mapped(&self, first: VirtualAddress, last: VirtualAddress) -> Mapped<'m> {
        Mapped::new(*self, first, last)
    }

    /// The part of `address` that is translated.
    pub(super) fn translated_bits(&self, address: VirtualAddress) -> Result<u64, Fault> {
        let bits = self.paging.bits();
        let upper = address.0 >> bits;
        // The untranslated bits are all ones or all zeros: 32-bit addresses come in both forms.
        if upper != 0 && upper != u64::MAX >> bits {
            return Err(Fault::NotCanonical { at: address, unused: 64 - bits });
        }
        Ok(address.0 & (u64::MAX >> (64 - bits)))
    }

    fn walk(&self, address: VirtualAddress, prototypes: bool) -> Result<Translated, Fault> {
        let paging = self.paging;
        let low = self.translated_bits(address)?;
        let mut table = self.root;
        let mut level = paging.levels();
        loop {
            let shift = paging.shift(level);
            let index = (low >> shift) as usize & (paging.entries(level) - 1);
            let at = table.0.saturating_add((index * paging.entry_size()) as u64);
            let entry_at = PhysicalAddress(at);
            let name = Table { level, shift };
            let entry =
                self.entry(entry_at).map_err(|source| Fault::Table { at: address, table: name, source })?;
            match self.decode(entry, level, prototypes) {
                Entry::Table(next) if level > 1 => {
                    table = PhysicalAddress(next);
                    level -= 1;
                }
                Entry::Page(page) => {
                    let size = 1u64 << shift;
                    let within = low & (size - 1);
                    let physical = PhysicalAddress(page.saturating_add(within));
                    return Ok(Translated { physical, room: size - within });
                }
                Entry::Table(_) | Entry::Absent => {
                    return Err(Fault::NotPresent { at: address, table: name, entry_at, entry });
                }
            }
        }
    }

    fn entry(&self, at: PhysicalAddress) -> Result<u64, ReadError> {
        if self.paging.entry_size() == 4 {
            let mut bytes = [0; 4];
            self.memory.read(at, &mut bytes)?;
            Ok(u32::from_le_bytes(bytes).into())
        } else {
            let mut bytes = [0; 8];
            self.memory.read(at, &mut bytes)?;
            Ok(u64::from_le_bytes(bytes))
        }
    }

    /// The meaning of an entry to the processor or, otherwise, to Windows.
    pub(super) fn decode(&self, entry: u64, level: u8, prototypes: bool) -> Entry {
        match (self.paging.decode(entry, level), self.windows) {
            (Entry::Absent, Some(mask)) => self.decode_windows(entry, mask, level, prototypes),
            (decoded, _) => decoded,
        }
    }

    fn decode_windows(&self, entry: u64, mask: u64, level: u8, prototypes: bool) -> Entry {
        const SWIZZLE: u64 = 1 << 4;
        const PROTOTYPE: u64 = 1 << 10;
        const TRANSITION: u64 = 1 << 11;

        if entry & PROTOTYPE == 0 && entry & TRANSITION != 0 {
            // If the swizzle bit is clear, the mask's bits were set to hide the frame.
            let shown = if entry & SWIZZLE == 0 { entry & !mask } else { entry };
            // Treated as valid, without the bit for a large page.
            return self.paging.decode(shown & !LARGE_OR_PROTECTION | 1, level);
        }
        if level == 1 && prototypes && entry & PROTOTYPE != 0 {
            return self.prototype(entry, mask).unwrap_or(Entry::Absent);
        }
        Entry::Absent
    }

    /// The page behind a prototype entry, if it is in memory.
    fn prototype(&self, entry: u64, mask: u64) -> Option<Entry> {
        let address = match self.paging {
            Paging::X86Pae => entry >> 32,
            // The upper 48 bits, extended by their sign.
            Paging::X64 | Paging::X64Level5 => ((entry as i64) >> 16) as u64,
            _ => return None,
        };
        // The address is in the system's half, in pages that have no prototypes themselves.
        let stands_at = self.walk(VirtualAddress(address), false).ok()?.physical;
        let prototype = self.entry(stands_at).ok()?;
        match self.paging.decode(prototype, 1) {
            Entry::Absent => Some(self.decode_windows(prototype, mask, 1, false)),
            decoded => Some(decoded),
        }
    }
}

/// Bit 7, which in an entry in transition belongs to the protection.
const LARGE_OR_PROTECTION: u64 = 1 << 7;
