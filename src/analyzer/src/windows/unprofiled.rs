//! Finds a kernel without a profile, by page tables that map themselves, as in every Windows.

use std::collections::BTreeSet;

use image::{AddressSpace, Hints, Memory, Paging, PhysicalAddress, ScanPlan, VirtualAddress, Window};
use profile::{Arch, GuidAge};

use super::exports::Exports;
use super::{KERNELS, Mapped, is_windows};
use crate::Space;

/// A Windows kernel of which only its own data in memory is known.
pub struct UnprofiledWindows<'a> {
    /// Its virtual memory.
    pub space: AddressSpace<'a>,
    /// Its address.
    pub base: u64,
    /// Its processor.
    pub arch: Arch,
    /// Its headers.
    pub mapped: Mapped,
    /// The PDB that they name, if that is in memory.
    pub pdb: Option<(GuidAge, String)>,
    /// Its exports, as far as they are in memory.
    pub exports: Exports,
    /// How it was found, in words.
    pub found_by: String,
}

/// The names of kernels in their exports.
const MODULES: [&str; 6] =
    ["ntoskrnl.exe", "ntkrnlmp.exe", "ntkrnlpa.exe", "ntkrpamp.exe", "ntkrla57.exe", "ntkrnlup.exe"];
/// Sections that only a kernel has; if its name is not in memory, one of them is enough.
const SECTIONS: [&str; 3] = ["INITKDBG", "MISYSPTE", "POOLMI"];

/// The address ranges of kernels: from the bottom of the loader's range on (64 bits), and in the kernel's half (32
/// bits).
const WIDE: (u64, u64) = (0xffff_f800_0000_0000, 0xffff_f8ff_ffff_ffff);
const NARROW: (u64, u64) = (0x8000_0000, 0xffff_ffff);
/// The kernel's half with page tables of five levels. The place of the kernel there is not documented, so all of it
/// is searched if the usual range has none.
const WIDEST: (u64, u64) = (0xff00_0000_0000_0000, u64::MAX);

/// The maximum number of page tables that are tried; those of processes with a second set for user mode do not show
/// the kernel.
const MOST_ROOTS: usize = 256;
/// The maximum number of pages that are read through all of them together: tables that many roots share could be
/// walked for hours.
const MOST_PAGES: u64 = 1 << 24;
const PAGE: u64 = 4096;

impl<'a> UnprofiledWindows<'a> {
    /// Finds a kernel: first through the page tables that the container names, then through every page of physical
    /// memory that looks like a root of page tables and leads to `KUSER_SHARED_DATA`.
    pub fn find(memory: &'a dyn Memory, hints: &Hints, plan: &ScanPlan<'_>) -> Option<Self> {
        let named = hints.dtb.map(|dtb| dtb.0).into_iter().chain(hints.cpus.iter().map(|cpu| cpu.cr3));
        let mut tried = BTreeSet::new();
        let mut left = MOST_PAGES;
        let mut attempt = |root: u64, paging: Paging| -> Option<Self> {
            if !tried.insert((root & !0x1f, paging.to_string())) {
                return None;
            }
            through(memory, PhysicalAddress(root), paging, &mut left)
        };
        for root in named {
            for paging in [Paging::X64, Paging::X64Level5, Paging::X86Pae, Paging::X86] {
                if let Some(found) = attempt(root, paging) {
                    return Some(found);
                }
            }
        }
        let roots = roots(memory, plan);
        let good = roots.into_iter().filter(|(root, paging)| {
            let space = AddressSpace::new(memory, *paging, PhysicalAddress(*root));
            is_windows(&space, arch(*paging)).unwrap_or(false)
        });
        good.take(MOST_ROOTS).find_map(|(root, paging)| attempt(root, paging))
    }

    /// Whether these page tables show `KUSER_SHARED_DATA` at its address, as those of every process do.
    pub fn is_root(&self, root: u64) -> bool {
        // With page-table isolation the low bits of a 64-bit process's root are its PCID.
        let alignment = if self.arch == Arch::Amd64 { 1 } else { 32 };
        let space = AddressSpace::new(self.space.memory(), self.space.paging(), PhysicalAddress(root));
        root != 0 && root.is_multiple_of(alignment) && is_windows(&space, self.arch).unwrap_or(false)
    }

    /// This many bytes from an RVA on; `None` if they are not in memory.
    pub fn read(&self, offset: i64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        let at = self.base.checked_add_signed(offset)?;
        Space::read(&self.space, at, &mut bytes).ok().map(|()| bytes)
    }
}

fn arch(paging: Paging) -> Arch {
    match paging {
        Paging::X86 | Paging::X86Pae => Arch::I386,
        _ => Arch::Amd64,
    }
}

/// The kernel that these page tables show; `left` is how many more pages may be read.
fn through<'a>(
    memory: &'a dyn Memory,
    root: PhysicalAddress,
    paging: Paging,
    left: &mut u64,
) -> Option<UnprofiledWindows<'a>> {
    let space = AddressSpace::new(memory, paging, root).with_windows_entries(0);
    let arch = arch(paging);
    if !is_windows(&space, arch).unwrap_or(false) {
        return None;
    }
    let parts: &[(u64, u64)] = match paging {
        Paging::X64Level5 => &[WIDE, WIDEST],
        _ if arch == Arch::Amd64 => &[WIDE],
        _ => &[NARROW],
    };
    parts.iter().find_map(|part| in_part(&space, *part, arch, left))
}

/// The kernel in a part of an address space.
fn in_part<'a>(
    space: &AddressSpace<'a>,
    (first, last): (u64, u64),
    arch: Arch,
    left: &mut u64,
) -> Option<UnprofiledWindows<'a>> {
    let memory = space.memory();
    for mapping in space.mapped(VirtualAddress(first), VirtualAddress(last)) {
        for at in (0..mapping.length).step_by(PAGE as usize) {
            *left = left.checked_sub(1)?;
            let mut magic = [0; 2];
            if memory.read(PhysicalAddress(mapping.physical.0 + at), &mut magic).is_err() || &magic != b"MZ" {
                continue;
            }
            let base = mapping.start.0 + at;
            let Some(mapped) = Mapped::at(space, base) else { continue };
            let pdb = mapped.pdb(space);
            let exports = mapped.exports(space).unwrap_or_default();
            let named =
                |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
            let is_kernel = named(&MODULES, &exports.module)
                || pdb.as_ref().is_some_and(|(_, name)| named(&KERNELS, name))
                || exports.module.is_empty() && mapped.sections.iter().any(|name| named(&SECTIONS, name));
            if is_kernel {
                let found_by = format!("page tables at physical {:#x} ({})", space.dtb().0, space.paging());
                return Some(UnprofiledWindows { space: *space, base, arch, mapped, pdb, exports, found_by });
            }
        }
    }
    None
}

/// Every page that looks like a root of page tables.
fn roots(memory: &dyn Memory, plan: &ScanPlan<'_>) -> Vec<(u64, Paging)> {
    const MOST: usize = 4096;
    let plan = ScanPlan { overlap: 0, step: "Looking for page tables", ..*plan };
    let found = image::scan(memory, &plan, |window: Window<'_>, found: &mut Vec<(u64, Paging)>| {
        let start = window.start.0.next_multiple_of(PAGE);
        let skip = (start - window.start.0) as usize;
        let pages = window.bytes.get(skip..).unwrap_or_default().chunks_exact(PAGE as usize);
        for (number, page) in pages.enumerate() {
            if found.len() >= MOST {
                break;
            }
            look_at(memory, start + number as u64 * PAGE, page, found);
        }
    });
    found.found
}

/// The kind of root that a page looks like.
fn look_at(memory: &dyn Memory, at: u64, page: &[u8], found: &mut Vec<(u64, Paging)>) {
    const FRAME: u64 = 0x000f_ffff_ffff_f000;
    let (wide, _) = page.as_chunks::<8>();
    let entry = |index: usize| wide.get(index).map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // For four or five levels, in the upper half: one entry maps the tables themselves, another leads to the shared
    // page.
    let itself = || (256..512).any(|index| entry(index) & 1 == 1 && entry(index) & FRAME == at);
    // Index 0x1ef of the fourth level and the last of the fifth are those of `KUSER_SHARED_DATA`.
    if (entry(0x1ef) | entry(0x1ff)) & 1 == 1 && itself() {
        found.extend([(at, Paging::X64), (at, Paging::X64Level5)]);
    }
    // Without PAE the tables are mapped at 0xc0000000.
    let (narrow, _) = page.as_chunks::<4>();
    let entry = |index: usize| narrow.get(index).map_or(0, |bytes| u32::from_le_bytes(*bytes));
    if entry(0x300) & 1 == 1 && u64::from(entry(0x300) & 0xffff_f000) == at && entry(0x3ff) & 1 == 1 {
        found.push((at, Paging::X86));
    }
    // With PAE, four entries lead to four tables, and the last of these maps all four.
    let (roots, _) = wide.as_chunks::<4>();
    for (number, root) in roots.iter().enumerate() {
        let [a, b, c, d] = root.map(u64::from_le_bytes);
        // Present, and no bit set that must be clear (Intel SDM volume 3, 4.4.1).
        let is_entry =
            |entry: u64| entry & 1 == 1 && entry & 0xfff0_0000_0000_01e6 == 0 && entry & FRAME != 0;
        if ![a, b, c, d].into_iter().all(is_entry) {
            continue;
        }
        let mut last = [0; 32];
        if memory.read(PhysicalAddress(d & FRAME), &mut last).is_err() {
            continue;
        }
        let (entries, _) = last.as_chunks::<8>();
        let maps = entries.iter().zip([a, b, c, d]).all(|(bytes, entry)| {
            let bytes = u64::from_le_bytes(*bytes);
            bytes & 1 == 1 && bytes & FRAME == entry & FRAME
        });
        if maps {
            found.push((at + number as u64 * 32, Paging::X86Pae));
        }
    }
}
