//! Linux: the kernel's place in physical and in virtual memory, its processes and its modules.

mod btf;
mod carried;
pub(crate) mod checks;
mod displaced;
mod kallsyms;
mod locate;
mod module_tables;
mod modules;
mod processes;
mod table;
mod unprofiled;
mod vmcoreinfo;

use image::{AddressSpace, Memory, PhysicalAddress};

use crate::typed_memory::{Links, TypedMemory};
use crate::{Error, Layout, Physical};

pub use carried::CarriedSymbols;
pub(crate) use displaced::{doubt, layouts};
pub use module_tables::{ModuleTables, NamedTables};
pub use table::CHECKS;
pub use unprofiled::{Blob, UnprofiledKernel};
pub use vmcoreinfo::VmCoreInfo;

/// A Linux kernel found in an image.
pub struct LinuxKernel<'a> {
    /// Its profile.
    pub layout: &'a Layout,
    /// The image.
    pub memory: &'a dyn Memory,
    /// Its virtual memory.
    pub space: AddressSpace<'a>,
    /// Its shift in virtual memory from its link address (KASLR).
    pub shift: u64,
    /// The difference between physical and link addresses, modulo 2^64.
    pub delta: u64,
    /// How it was found, in words.
    pub found_by: String,
}

/// How the kernel's lists are linked.
pub(crate) const LIST_HEAD: Links = Links { next: "list_head.next", back: "list_head.prev" };

/// Where the kernel's half of the address space begins on every 64-bit processor: with five levels of page tables lower
/// than with four.
const UPPER_HALF: u64 = 0xff00_0000_0000_0000;

/// Where x86-64 kernels are mapped: `__START_KERNEL_map`.
pub(crate) const START_KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;

impl<'a> LinuxKernel<'a> {
    /// The profile over the kernel's virtual memory.
    pub fn view(&self) -> TypedMemory<'_> {
        TypedMemory { layout: self.layout, space: &self.space }
    }

    /// The profile over physical memory.
    pub fn physical(&self) -> Physical<'a> {
        Physical(self.memory)
    }

    /// The virtual address of a symbol.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not have it; of several names joined by `|`, any of them.
    pub fn symbol(&self, names: &str) -> Result<u64, Error> {
        let found = names.split('|').find_map(|name| self.layout.symbol(name));
        let linked =
            found.ok_or_else(|| Error::Lacking { what: format!("symbol {}", names.replace('|', " or ")) })?;
        Ok(linked.wrapping_add(self.shift))
    }

    /// Where the kernel's half of the address space begins. On 32 bits, where the split can be chosen, all of the kernel's
    /// direct map is at one distance from physical memory, and that distance is the split.
    pub(crate) fn upper_half(&self) -> u64 {
        match self.layout.address_size() {
            4 => self.shift.wrapping_sub(self.delta) & u64::from(u32::MAX),
            _ => UPPER_HALF,
        }
    }

    /// Whether an address is in the kernel's half of the address space.
    pub(crate) fn is_upper(&self, address: u64) -> bool {
        address >= self.upper_half()
    }

    /// Whether an address can be of the code or the constants of the kernel or of a module.
    pub(crate) fn holds(&self, address: u64) -> bool {
        match self.layout.arch() {
            // All of them are in the upper two gigabytes.
            profile::Arch::Amd64 => address >= START_KERNEL_MAP,
            // Modules have to be within reach of the kernel's code, at most 2 GiB away.
            _ => self.symbol("_text|_stext").is_ok_and(|text| address.abs_diff(text) < 1 << 31),
        }
    }

    /// The shift in physical memory from the load address: x86 kernels are linked for the physical address that is
    /// their link address minus the start of their mapping.
    pub fn physical_shift(&self) -> u64 {
        match self.layout.arch() {
            profile::Arch::Amd64 => self.delta.wrapping_add(START_KERNEL_MAP),
            profile::Arch::I386 => self.delta.wrapping_add(0xc000_0000),
            _ => self.delta,
        }
    }

    /// The kernel's own page tables; the ones in use may belong to a process.
    pub fn page_tables(&self) -> PhysicalAddress {
        let own = ["init_top_pgt", "init_level4_pgt", "swapper_pg_dir"];
        let own = own.into_iter().find_map(|name| self.layout.symbol(name));
        own.map_or(self.space.dtb(), |linked| PhysicalAddress(linked.wrapping_add(self.delta)))
    }

    /// The findings, each with its name.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("found by", self.found_by.clone()),
            ("virtual shift", format!("{:#x}", self.shift)),
            ("physical shift", format!("{:#x}", self.physical_shift())),
            ("page tables", format!("{} ({})", self.space.dtb(), self.space.paging())),
        ];
        let banner = self.symbol("linux_banner").and_then(|at| self.view().text(at, 512));
        let banner = banner.ok().filter(|banner| legible(banner));
        facts.extend(banner.map(|banner| ("kernel", banner.trim_end().to_owned())));
        facts
    }

    /// VMCOREINFO through the kernel's own pointer, otherwise the container's copy.
    pub fn vmcoreinfo(&self) -> Option<VmCoreInfo> {
        let view = self.view();
        let data = view.pointer(self.symbol("vmcoreinfo_data").ok()?).ok()?;
        VmCoreInfo::parse(view.text(data, VmCoreInfo::LONGEST).ok()?.as_bytes())
    }
}

/// Whether this can be a banner, even a damaged one. With another kernel's profile anything may lie where it should be.
fn legible(banner: &str) -> bool {
    let strange =
        |letter: &char| *letter == char::REPLACEMENT_CHARACTER || letter.is_control() && *letter != '\n';
    !banner.trim().is_empty() && banner.chars().filter(strange).count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_legible_text_is_shown_as_the_banner() {
        assert!(legible("Linux version 6.1.0 (gcc) #1 SMP\n"));
        // One damaged byte.
        assert!(legible("Linux v\u{fffd}rsion 6.1.0 (gcc) #1 SMP\n"));
        assert!(!legible("_\u{fffd}\u{fffd}O\u{fffd}?"));
        assert!(!legible("\u{1}\u{2}"));
        assert!(!legible(""));
    }
}
