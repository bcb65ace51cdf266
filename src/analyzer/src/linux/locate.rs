//! Finds the kernel. The physical and the virtual shift are found separately, since kernels since 4.8 choose both at
//! random.

use image::{
    AddressSpace, Fault, Granule, Memory, Paging, PhysicalAddress, ScanPlan, VirtualAddress, Window,
};
use memchr::memmem;
use profile::Arch;

use super::{LinuxKernel, START_KERNEL_MAP, VmCoreInfo};
use crate::blank::is_blank;
use crate::typed_memory::TypedMemory;
use crate::{Error, Layout, Physical, Space};

/// Kernels are at multiples of this in physical memory, and are moved by multiples of it (`CONFIG_PHYSICAL_ALIGN` is
/// at least this on x86-64, as is the alignment of arm64's image).
const STEP: u64 = 2 << 20;

/// The maximum shift of x86 kernels in virtual memory: the size of their mapping.
const X86_RANGE: u64 = 1 << 30;

/// The beginning of every banner.
pub(crate) const BANNER: &[u8] = b"Linux version ";

/// The symbols of the kernel's own page tables: on x86-64 since 4.13, on x86-64 before that, and on other processors.
pub(crate) const PAGE_TABLES: [&str; 3] = ["init_top_pgt", "init_level4_pgt", "swapper_pg_dir"];

/// Where a kernel may lie.
pub(super) struct Place {
    /// Added to an address as linked, it gives the physical one.
    pub(super) delta: u64,
    /// How far it is moved in virtual memory, where that is known.
    pub(super) shift: Option<u64>,
    /// The physical address of its page tables, where that is known.
    root: Option<u64>,
    /// How it was found.
    by: String,
}

impl<'a> LinuxKernel<'a> {
    /// Finds the kernel that `layout` describes. `vmcoreinfo` is the container's copy, and `roots` are page tables
    /// that the container names.
    ///
    /// The fast method reads one page every two megabytes: the profile gives the distance of the banner from a
    /// multiple of that. If it fails, the whole image is searched.
    ///
    /// # Errors
    /// [`Error::NoKernel`] with what was tried; [`Error::Unsupported`] for unsupported processors.
    pub fn find(
        memory: &'a dyn Memory,
        layout: &'a Layout,
        vmcoreinfo: Option<&VmCoreInfo>,
        roots: &[u64],
        plan: &ScanPlan<'_>,
    ) -> Result<Self, Error> {
        let mut tried = Vec::new();
        let mut attempt = |places: Vec<Place>| {
            for place in places {
                match settle(memory, layout, &place, roots) {
                    Ok(kernel) => return Some(kernel),
                    Err(reason) => tried.push(format!("{}: {reason}", place.by)),
                }
            }
            None
        };
        if let Some(kernel) = vmcoreinfo
            .and_then(|info| of_vmcoreinfo(layout, info, "the container's VMCOREINFO"))
            .and_then(|place| attempt(vec![place]))
        {
            return Ok(kernel);
        }
        if let Some(kernel) = attempt(by_banner(memory, layout)) {
            return Ok(kernel);
        }
        if let Some(kernel) = attempt(by_init_task(memory, layout)) {
            return Ok(kernel);
        }
        if let Some(kernel) = attempt(by_search(memory, layout, plan)) {
            return Ok(kernel);
        }
        if tried.is_empty() {
            tried.push("neither a banner nor VMCOREINFO nor a first task".to_owned());
        }
        tried.truncate(8);
        Err(Error::NoKernel { tried, another: None })
    }
}

/// Every place where the banner is at the profile's address, up to a multiple of [`STEP`].
fn by_banner(memory: &dyn Memory, layout: &Layout) -> Vec<Place> {
    let Some(linked) = layout.symbol("linux_banner") else { return Vec::new() };
    let found = probe(memory, linked, |bytes: [u8; 15]| {
        bytes.starts_with(BANNER) && bytes.last().is_some_and(u8::is_ascii_digit)
    });
    places(found, linked, "banner at linux_banner")
}

/// Every place where the first task has its name, in the same way.
fn by_init_task(memory: &dyn Memory, layout: &Layout) -> Vec<Place> {
    let Some(task) = layout.symbol("init_task") else { return Vec::new() };
    let Ok(comm) = layout.field("task_struct.comm") else { return Vec::new() };
    let linked = task.wrapping_add(comm.offset);
    let found = probe(memory, linked, |bytes: [u8; 8]| bytes.starts_with(b"swapper"));
    places(found, linked, "name of init_task")
}

fn places(found: Vec<u64>, linked: u64, what: &str) -> Vec<Place> {
    let place = |at: u64| Place {
        delta: at.wrapping_sub(linked),
        shift: None,
        root: None,
        by: format!("{what}, physical {at:#x}"),
    };
    found.into_iter().map(place).collect()
}

/// The physical addresses that differ from `linked` by a multiple of [`STEP`] and have the wanted bytes.
fn probe<const N: usize>(memory: &dyn Memory, linked: u64, wanted: impl Fn([u8; N]) -> bool) -> Vec<u64> {
    const MOST: usize = 64;
    let mut found = Vec::new();
    for run in memory.runs() {
        let mut from = run.start.0;
        while let Some(data) = memory.next_data(from..run.end()) {
            let mut at = data.start.checked_add(linked.wrapping_sub(data.start) % STEP);
            while let Some(address) = at.filter(|at| *at < data.end && found.len() < MOST) {
                let mut bytes = [0; N];
                if memory.read(PhysicalAddress(address), &mut bytes).is_ok() && wanted(bytes) {
                    found.push(address);
                }
                at = address.checked_add(STEP);
            }
            from = data.end;
        }
    }
    found
}

/// The image's own records: VMCOREINFO, and banners anywhere.
fn by_search(memory: &dyn Memory, layout: &Layout, plan: &ScanPlan<'_>) -> Vec<Place> {
    let banner = layout.symbol("linux_banner");
    let mut found = Vec::new();
    for (at, text) in search(memory, plan) {
        match text {
            Sighting::Info(info) => {
                let by = format!("VMCOREINFO at physical {at:#x}");
                found.extend(of_vmcoreinfo(layout, &info, &by));
            }
            Sighting::Banner(_) => found.extend(banner.map(|linked| Place {
                delta: at.wrapping_sub(linked),
                shift: None,
                root: None,
                by: format!("banner at physical {at:#x}"),
            })),
        }
    }
    // VMCOREINFO is the most informative.
    found.sort_by_key(|place| place.shift.is_none());
    found
}

/// The findings of a search.
pub(crate) enum Sighting {
    Info(Box<VmCoreInfo>),
    Banner(String),
}

/// Every VMCOREINFO and every banner in physical memory, by physical address. The number is limited: in an image that
/// is full of them, the first in every window of the search are enough.
pub(crate) fn search(memory: &dyn Memory, plan: &ScanPlan<'_>) -> Vec<(u64, Sighting)> {
    const MOST: usize = 16;
    let plan = ScanPlan { overlap: 8192, ..*plan };
    let (banners, infos) = (memmem::Finder::new(BANNER), memmem::Finder::new(VmCoreInfo::MAGIC));
    let look = |window: Window<'_>, found: &mut Vec<(u64, Sighting)>| {
        let here = |at: usize| (window.start.0 + at as u64, window.bytes.get(at..).unwrap_or_default());
        let own = |at: &usize| *at < window.own;
        for at in banners.find_iter(window.bytes).take_while(own) {
            let (address, bytes) = here(at);
            // The banner that begins here, not a later one.
            let bytes = bytes.get(..512).unwrap_or(bytes);
            let banner = maps::Banner::find(bytes).filter(|banner| bytes.starts_with(banner.text.as_bytes()));
            if let Some(banner) = banner
                && found.len() < MOST
            {
                found.push((address, Sighting::Banner(banner.text)));
            }
        }
        let before = found.len();
        for at in infos.find_iter(window.bytes).take_while(own) {
            let (address, bytes) = here(at);
            if let Some(info) = VmCoreInfo::parse(bytes)
                && found.len() < before + MOST
            {
                found.push((address, Sighting::Info(Box::new(info))));
            }
        }
    };
    image::scan(memory, &plan, look).found
}

pub(super) fn of_vmcoreinfo(layout: &Layout, info: &VmCoreInfo, by: &str) -> Option<Place> {
    let shift = info.kernel_offset().or_else(|| {
        // Before the kernel wrote it: the shift of any symbol that both have.
        ["_stext", "swapper_pg_dir", "init_uts_ns"]
            .iter()
            .find_map(|name| Some(info.symbol(name)?.wrapping_sub(layout.symbol(name)?)))
    })?;
    let back = match layout.arch() {
        Arch::Amd64 => info.number("phys_base").unwrap_or(0).wrapping_sub(START_KERNEL_MAP),
        Arch::Arm64 => info.number("kimage_voffset")?.wrapping_neg(),
        Arch::I386 => 0x4000_0000_u64.wrapping_sub(1 << 32),
        _ => return None,
    };
    let root =
        PAGE_TABLES.iter().find_map(|name| info.symbol(name)).map(|address| address.wrapping_add(back));
    Some(Place { delta: shift.wrapping_add(back), shift: Some(shift), root, by: by.to_owned() })
}

/// Proves a place by the kernel's own page tables, which have to lead to it.
fn settle<'a>(
    memory: &'a dyn Memory,
    layout: &'a Layout,
    place: &Place,
    roots: &[u64],
) -> Result<LinuxKernel<'a>, String> {
    let arch = layout.arch();
    let modes = modes(arch).ok_or_else(|| format!("processor {arch} is not supported"))?;
    let anchor = ["linux_banner", "init_task", "_stext", "_text"].iter().find_map(|name| layout.symbol(name));
    let anchor = anchor.ok_or("the profile has no symbols to begin with")?;
    let physical = anchor.wrapping_add(place.delta);
    let mut candidates: Vec<(u64, &str)> = Vec::new();
    for name in PAGE_TABLES {
        candidates.extend(layout.symbol(name).map(|linked| (linked.wrapping_add(place.delta), name)));
    }
    candidates.extend(place.root.map(|root| (root, "VMCOREINFO")));
    candidates.extend(roots.iter().map(|root| (*root, "the container")));
    let shifts = shifts(layout, memory, place);
    for (root, named_by) in candidates {
        let root = root & 0x000f_ffff_ffff_f000;
        for paging in &modes {
            let space = AddressSpace::new(memory, *paging, PhysicalAddress(root));
            for shift in shifts.iter().copied() {
                let address = anchor.wrapping_add(shift) & mask(arch);
                if space.physical(address).is_ok_and(|found| found == physical) {
                    let found_by = format!("{}; page tables named by {named_by}", place.by);
                    let delta = place.delta;
                    return Ok(LinuxKernel { layout, memory, space, shift, delta, found_by });
                }
            }
        }
    }
    Err("no page tables lead to it".to_owned())
}

/// Whether the kernel's name is where VMCOREINFO says that it is, if `delta` added to a virtual address gives the physical one.
/// `None` if that page is not in the image, or holds nothing but zeros.
pub(super) fn is_in_place(memory: &dyn Memory, info: &VmCoreInfo, delta: u64) -> Option<bool> {
    let physical = info.symbol("init_uts_ns")?.wrapping_add(delta);
    // The name follows a count in some versions.
    let mut bytes = [0; 256];
    memory.read(PhysicalAddress(physical), &mut bytes).ok()?;
    (bytes != [0; 256]).then(|| memmem::find(&bytes, b"Linux\0").is_some())
}

/// Why a kernel that the image names can be neither found nor excluded.
pub(super) enum Lost {
    /// Its page tables are not in the image.
    Missing(String),
    /// A page of its page tables is all zeros.
    Blank(String),
}

/// Why a kernel described by `info` can be neither found nor excluded: its page tables are not in the image, as in
/// one part of a split dump. `None` if they are in it, or if `info` does not name them.
pub(super) fn lost(memory: &dyn Memory, layout: &Layout, info: &VmCoreInfo) -> Option<Lost> {
    let place = of_vmcoreinfo(layout, info, "VMCOREINFO")?;
    let (root, back) = (place.root?, place.delta.wrapping_sub(place.shift.unwrap_or(0)));
    let anchor = ["_stext", "init_uts_ns"].iter().find_map(|name| info.symbol(name))?;
    let five_levels = info.number("pgtable_l5_enabled") == Some(1);
    let mut reason = None;
    for paging in modes(layout.arch())? {
        if matches!(paging, Paging::X64 | Paging::X64Level5) && (paging == Paging::X64Level5) != five_levels {
            continue;
        }
        let space = AddressSpace::new(memory, paging, PhysicalAddress(root));
        match space.translate(VirtualAddress(anchor)) {
            Err(fault @ Fault::Table { .. }) => reason = Some(Lost::Missing(fault.to_string())),
            // Of a kernel for another processor this would be any page.
            Err(Fault::NotPresent { entry_at, entry: 0, .. })
                if is_in_place(memory, info, back) == Some(true) && is_blank(memory, entry_at.0) =>
            {
                let page = entry_at.0 & !0xfff;
                reason = Some(Lost::Blank(format!(
                    "the page table at physical {page:#x} is all zeros: it may not have been copied"
                )));
            }
            _ => return None,
        }
    }
    reason
}

fn mask(arch: Arch) -> u64 {
    if arch.address_size() == 4 { u64::from(u32::MAX) } else { u64::MAX }
}

/// The possible shifts of the kernel in virtual memory, likely ones first.
fn shifts(layout: &Layout, memory: &dyn Memory, place: &Place) -> Vec<u64> {
    let mut shifts: Vec<u64> = place.shift.into_iter().collect();
    // The first task is its own parent: the pointer shows its virtual address.
    if let Some(task) = layout.symbol("init_task")
        && let physical = Physical(memory)
        && let view = (TypedMemory { layout, space: &physical })
        && let Ok(own) =
            view.get(task.wrapping_add(place.delta), "task_struct.real_parent|task_struct.parent")
    {
        let shift = own.wrapping_sub(task);
        if shift % 4096 == 0 {
            shifts.push(shift);
        }
    }
    match layout.arch() {
        Arch::Amd64 | Arch::I386 => shifts.extend((0..X86_RANGE / STEP).map(|step| step * STEP)),
        _ => shifts.push(0),
    }
    shifts
}

/// The possible address translations of a processor's kernels, likely ones first.
pub(super) fn modes(arch: Arch) -> Option<Vec<Paging>> {
    Some(match arch {
        Arch::Amd64 => vec![Paging::X64, Paging::X64Level5],
        Arch::I386 => vec![Paging::X86Pae, Paging::X86],
        Arch::Arm64 => {
            let modes = [
                (Granule::K4, 48),
                (Granule::K4, 39),
                (Granule::K64, 48),
                (Granule::K64, 42),
                (Granule::K16, 48),
                (Granule::K16, 47),
                (Granule::K16, 36),
                (Granule::K64, 52),
                (Granule::K4, 52),
                (Granule::K16, 52),
            ];
            modes.map(|(granule, bits)| Paging::Arm64 { granule, bits }).to_vec()
        }
        _ => return None,
    })
}
