//! Finds the kernel. The boot loader puts it at the physical address that equals its link address modulo 4 GiB, with
//! the same shift as in virtual memory.

use image::{AddressSpace, Memory, Paging, PhysicalAddress, ScanPlan};
use profile::Arch;

use super::{MacKernel, linked};
use crate::error::Missed;
use crate::space::{if_mapped, is_root};
use crate::typed_memory::TypedMemory;
use crate::{Error, Layout, Physical, Space};

/// The first bytes of the page `lowGlo`, by which debuggers find it.
const CATFISH: &[u8] = b"Catfish ";

/// The beginning of the kernel's version.
pub(super) const VERSION: &str = "Darwin Kernel Version ";

/// The maximum number of marks and versions that are read, in half a megabyte of memory and in total.
const MOST_IN_A_WINDOW: usize = 64;
const MOST_PLACES: usize = 256;

/// The shift is a multiple of this.
const PAGE: u64 = 4096;

impl<'a> MacKernel<'a> {
    /// Finds the kernel that `layout` describes, by the page `lowGlo`, whose mark gives the shift, and by the version
    /// at the resulting address. The kernel's page tables prove it.
    ///
    /// # Errors
    /// [`Error::NoKernel`] with what was tried; [`Error::Unsupported`] for unsupported processors.
    pub fn find(memory: &'a dyn Memory, layout: &'a Layout, plan: &ScanPlan<'_>) -> Result<Self, Error> {
        Ok(Self::seek(memory, layout, plan)??)
    }

    /// The same, with a more detailed error.
    pub(crate) fn seek(
        memory: &'a dyn Memory,
        layout: &'a Layout,
        plan: &ScanPlan<'_>,
    ) -> Result<Result<Self, Missed>, Error> {
        if layout.arch() != Arch::Amd64 {
            let what = format!("macOS on {}", layout.arch());
            return Err(Error::Unsupported { what, expected: "AMD64" });
        }
        let version = linked(layout, "version")?;
        let mark = linked(layout, "lowGlo").ok();
        let (mut tried, mut another) = (Vec::new(), false);
        for (by, shift) in shifts(memory, version, mark, plan) {
            match settle(memory, layout, version, shift, &by) {
                Ok(kernel) => return Ok(Ok(kernel)),
                Err((reason, absent)) => {
                    tried.push(format!("{by}: {reason}"));
                    another |= !absent;
                }
            }
        }
        if tried.is_empty() {
            tried.push("neither the page lowGlo nor a version".to_owned());
        }
        tried.truncate(8);
        Ok(Err(Missed { tried, another, names: None }))
    }
}

/// The possible shifts of the kernel, by the marks and the versions in memory.
fn shifts(memory: &dyn Memory, version: u64, mark: Option<u64>, plan: &ScanPlan<'_>) -> Vec<(String, u64)> {
    let found = image::find(memory, &[CATFISH, VERSION.as_bytes()], MOST_IN_A_WINDOW, plan).found;
    let mut shifts: Vec<(String, u64)> = Vec::new();
    for hit in found {
        let (what, linked) = match hit.needle {
            0 => ("lowGlo", mark),
            _ => ("version", Some(version)),
        };
        let Some(linked) = linked else { continue };
        let shift = hit.at.0.wrapping_sub(linked & 0xffff_ffff);
        if shift % PAGE == 0 && shift < 1 << 32 {
            shifts.push((format!("{what} at physical {}", hit.at), shift));
        }
    }
    shifts.sort_by_key(|(what, _)| !what.starts_with("lowGlo"));
    shifts.truncate(MOST_PLACES);
    shifts
}

/// Proves a candidate by the kernel's own page tables, which have to lead to it. The error says whether missing
/// memory is the reason.
fn settle<'a>(
    memory: &'a dyn Memory,
    layout: &'a Layout,
    version: u64,
    shift: u64,
    by: &str,
) -> Result<MacKernel<'a>, (String, bool)> {
    let physical = |linked: u64| (linked & 0xffff_ffff).wrapping_add(shift);
    let low = Physical(memory);
    let view = TypedMemory { layout, space: &low };
    match view.text(physical(version), 64) {
        Ok(text) if text.starts_with(VERSION) => {}
        Ok(_) => return Err(("no version at its place".to_owned(), false)),
        Err(error) => return Err((format!("the version: {error}"), error.is_absence())),
    }
    let mut roots = Vec::new();
    if let Ok(table) = linked(layout, "IdlePML4") {
        // Since 10.8 a pointer to the table; before, the table itself.
        let pointer = view.number(physical(table), 8);
        roots.push(pointer.map(|pointer| pointer & 0xffff_ffff & !(PAGE - 1)));
        roots.push(Ok(physical(table)));
    }
    if let Ok(at) = linked(layout, "kernel_pmap_store") {
        roots.push(view.get(physical(at), "pmap.pm_cr3"));
    }
    roots.extend(linked(layout, "BootPML4").map(|table| Ok(physical(table))));
    let mut absent = false;
    for root in roots {
        let led = root.and_then(|root| {
            let space = AddressSpace::new(memory, Paging::X64, PhysicalAddress(root));
            let leads = root % PAGE == 0
                && is_root(root)
                && if_mapped(space.physical(version.wrapping_add(shift)))? == Some(physical(version));
            Ok(leads.then_some(space))
        });
        match led {
            Ok(Some(space)) => {
                return Ok(MacKernel { layout, memory, space, shift, found_by: by.to_owned() });
            }
            Ok(None) => {}
            Err(error) => absent |= error.is_absence(),
        }
    }
    Err(("no page tables lead to it".to_owned(), absent))
}
