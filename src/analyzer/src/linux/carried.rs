//! Finds a kernel's symbol table without a profile, through VMCOREINFO.

use image::{Image, Memory, PhysicalAddress, ScanPlan};
use maps::kallsyms::{Encoding, Parts};

use super::kallsyms::{self, Symbols};
use super::locate::{Sighting, search};
use super::{START_KERNEL_MAP, VmCoreInfo};
use crate::{Error, Layout, Physical, Space};

/// The symbols in a Linux kernel's own table.
pub struct CarriedSymbols {
    symbols: Symbols,
    /// How they were found, in words.
    pub found_by: String,
}

/// The maximum number of records that are read.
const MOST: usize = 16;

impl CarriedSymbols {
    /// Reads the table of the first kernel in the image whose VMCOREINFO names it, in the container or in memory
    /// (since 6.0 the text names the table); otherwise the first table that is found by its form.
    pub fn find(image: &Image, plan: &ScanPlan<'_>) -> Option<Self> {
        let own = image.hints().vmcoreinfo.as_deref().and_then(|text| VmCoreInfo::parse(text.as_bytes()));
        let named = || own.and_then(|info| Self::of(image, &info, "the container's VMCOREINFO"));
        let sighted = || {
            search(image, plan).into_iter().take(MOST).find_map(|(at, text)| match text {
                Sighting::Info(info) => Self::of(image, &info, &format!("VMCOREINFO at physical {at:#x}")),
                Sighting::Banner(_) => None,
            })
        };
        named().or_else(sighted).or_else(|| Self::by_form(image, plan))
    }

    /// The first table that is found by its form.
    pub fn by_form(image: &Image, plan: &ScanPlan<'_>) -> Option<Self> {
        kallsyms::search(image, plan).iter().find_map(|parts| {
            let symbols = kallsyms::read_parts(&Physical(image), &as_linked(image, parts)).ok()?;
            Some(Self { symbols, found_by: format!("by its form at physical {:#x}", parts.names) })
        })
    }

    fn of(memory: &dyn Memory, info: &VmCoreInfo, by: &str) -> Option<Self> {
        let delta = delta_of(info)?;
        let layout = Layout::bare();
        let symbols = kallsyms::read_from(&layout, &Linear { memory, delta }, info).ok()?;
        Some(Self { symbols, found_by: by.to_owned() })
    }

    /// The number of names.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.symbols.len() == 0
    }

    /// The addresses of every symbol of this name, KASLR included.
    pub fn addresses(&self, name: &str) -> &[u64] {
        self.symbols.addresses(name)
    }
}

/// The link address of `_text` on x86-64.
const LINKED_TEXT: u64 = 0xffff_ffff_8100_0000;

/// A table since 7.0 stores every address relative to its own place, which is unknown in physical memory. It is
/// decoded as if the kernel ran at the link address of x86-64; the distances between its symbols are right in any
/// case.
fn as_linked(memory: &dyn Memory, parts: &Parts) -> Parts {
    let Encoding::FromPlace { at, virtual_address } = parts.encoding else { return *parts };
    let text = kallsyms::read_parts(&Physical(memory), parts)
        .ok()
        .and_then(|symbols| symbols.first("_text").or_else(|| symbols.first("_stext")));
    let virtual_address = match text {
        Some(text) => virtual_address.wrapping_sub(text.wrapping_sub(LINKED_TEXT)),
        None => virtual_address,
    };
    Parts { encoding: Encoding::FromPlace { at, virtual_address }, ..*parts }
}

/// The difference between the physical and the virtual address of the kernel's image, modulo 2^64. The image is
/// contiguous: on x86-64 the difference follows from `phys_base`, on ARM64 from `kimage_voffset`.
pub(super) fn delta_of(info: &VmCoreInfo) -> Option<u64> {
    match (info.number("phys_base"), info.number("kimage_voffset")) {
        (Some(base), _) => Some(base.wrapping_sub(START_KERNEL_MAP)),
        (None, Some(offset)) => Some(offset.wrapping_neg()),
        (None, None) => None,
    }
}

/// A kernel's image as a contiguous range of physical memory.
pub(super) struct Linear<'a> {
    pub(super) memory: &'a dyn Memory,
    /// The difference between physical and virtual address, modulo 2^64.
    pub(super) delta: u64,
}

impl Space for Linear<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Error> {
        let length = into.len() as u64;
        let at = PhysicalAddress(address.wrapping_add(self.delta));
        self.memory.read(at, into).map_err(|_| Error::Unreadable { address, length, mapped: true })
    }

    fn physical(&self, address: u64) -> Result<u64, Error> {
        Ok(address.wrapping_add(self.delta))
    }
}
