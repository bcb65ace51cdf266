//! The table of its symbols that a kernel carries, without a profile: where VMCOREINFO says it is.

use image::{Image, Memory, PhysicalAddress, Plan};
use maps::kallsyms::{Encoding, Parts};

use super::kallsyms::{self, Symbols};
use super::locate::{Sighting, search};
use super::{START_KERNEL_MAP, VmCoreInfo};
use crate::{Error, Layout, Physical, Space};

/// The symbols that a Linux kernel says it has.
pub struct CarriedSymbols {
    symbols: Symbols,
    /// How they were found, in words.
    pub found_by: String,
}

/// More records are not looked at.
const MOST: usize = 16;

impl CarriedSymbols {
    /// Reads the table of the first kernel in the image that says where it is, in the container's VMCOREINFO, else in one
    /// found in memory (since 6.0 the text names the table); else the first that is found by its form.
    pub fn find(image: &Image, plan: &Plan<'_>) -> Option<Self> {
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
    pub fn by_form(image: &Image, plan: &Plan<'_>) -> Option<Self> {
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

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// The addresses of every symbol of this name, KASLR included.
    pub fn addresses(&self, name: &str) -> &[u64] {
        self.symbols.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Where `_text` of an x86-64 kernel is linked.
const LINKED_TEXT: u64 = 0xffff_ffff_8100_0000;

/// A table since 7.0 counts every address from its own place, which is not known in physical memory. It is decoded as
/// if the kernel ran where x86-64 kernels are linked; the distances between its symbols are right everywhere.
fn as_linked(memory: &dyn Memory, parts: &Parts) -> Parts {
    let Encoding::FromPlace { at, virtual_address } = parts.encoding else { return *parts };
    let text = kallsyms::read_parts(&Physical(memory), parts)
        .ok()
        .and_then(|symbols| symbols.get("_text").or_else(|| symbols.get("_stext"))?.first().copied());
    let virtual_address = match text {
        Some(text) => virtual_address.wrapping_sub(text.wrapping_sub(LINKED_TEXT)),
        None => virtual_address,
    };
    Parts { encoding: Encoding::FromPlace { at, virtual_address }, ..*parts }
}

/// What has to be added to a virtual address of the kernel's image to get the physical one, modulo 2^64. The image lies in
/// one piece: on x86-64 as far from where it is mapped as `phys_base` says, on ARM64 as `kimage_voffset` does.
pub(super) fn delta_of(info: &VmCoreInfo) -> Option<u64> {
    match (info.number("phys_base"), info.number("kimage_voffset")) {
        (Some(base), _) => Some(base.wrapping_sub(START_KERNEL_MAP)),
        (None, Some(offset)) => Some(offset.wrapping_neg()),
        (None, None) => None,
    }
}

/// A kernel's image as one piece of physical memory.
pub(super) struct Linear<'a> {
    pub(super) memory: &'a dyn Memory,
    /// What has to be added to a virtual address, modulo 2^64.
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
