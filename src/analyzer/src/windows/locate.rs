//! Finds the kernel: from the System process to page tables, and from the list of processes to the kernel's base.

use std::cell::Cell;
use std::collections::BTreeSet;

use image::{AddressSpace, Hints, Memory, Paging, PhysicalAddress, ScanPlan};
use profile::{Arch, GuidAge};

use super::{DIRECTORY, Mapped, UnprofiledWindows, WindowsKernel, is_windows, upper_half};
use crate::error::Missed;
use crate::typed_memory::TypedMemory;
use crate::validate::Difference;
use crate::{Error, Layout, Physical};

/// Processes that every Windows starts early, with their names padded with zeros.
const EARLY: [&[u8; 12]; 4] =
    [b"System\0\0\0\0\0\0", b"smss.exe\0\0\0\0", b"csrss.exe\0\0\0", b"wininit.exe\0"];

/// The maximum number of places that are tried.
const MOST_PLACES: usize = 4096;
/// The maximum number of one name in half a megabyte of memory.
const MOST_IN_A_WINDOW: usize = 64;

/// The maximum number of links that are followed to find the head of the process list, in all lists together.
const MOST_STEPS: usize = 1 << 20;

/// Images begin at a page boundary.
const PAGE: u64 = 4096;

impl<'a> WindowsKernel<'a> {
    /// Finds the kernel that `layout` describes. The container's data (`hints`) is tried first, then every struct of
    /// an early process in physical memory: its page tables have to show `KUSER_SHARED_DATA`, its list has to lead to
    /// `PsActiveProcessHead`, and from there the kernel's own headers have to be at the profile's address. A kernel
    /// whose headers name the profile's PDB takes precedence. If the image has no such process, the kernel is
    /// searched for without the profile ([`UnprofiledWindows`]).
    ///
    /// # Errors
    /// [`Error::NoKernel`] with what was tried; [`Error::Unsupported`] for unsupported processors.
    pub fn find(
        memory: &'a dyn Memory,
        layout: &'a Layout,
        hints: &Hints,
        plan: &ScanPlan<'_>,
    ) -> Result<Self, Error> {
        Ok(Self::seek(memory, layout, hints, plan)??)
    }

    /// The same, with a more detailed error.
    pub(crate) fn seek(
        memory: &'a dyn Memory,
        layout: &'a Layout,
        hints: &Hints,
        plan: &ScanPlan<'_>,
    ) -> Result<Result<Self, Missed>, Error> {
        let modes: &[Paging] = match layout.arch() {
            Arch::Amd64 => &[Paging::X64, Paging::X64Level5],
            Arch::I386 => &[Paging::X86Pae, Paging::X86],
            arch => {
                let what = format!("reading the memory of Windows on {arch}");
                let expected = "AMD64 or I386; of other processors, version_scan lists the PDBs that an image names, \
                                parse_pdb and build_local_profile make profiles of them, and modules lists what a \
                                triage dump says";
                return Err(Error::Unsupported { what, expected });
            }
        };
        let wanted: Option<GuidAge> = layout.metadata("GUID_AGE").and_then(|text| text.parse().ok());
        let search = Search { memory, layout, modes, hints, plan, steps: Cell::new(MOST_STEPS) };
        let mut tried = BTreeSet::new();
        let mut best: Option<WindowsKernel<'a>> = None;
        let mut attempt = |found: Result<WindowsKernel<'a>, String>| -> bool {
            match found {
                Ok(kernel) => {
                    let exact = |wanted| kernel.pdb.as_ref().is_some_and(|(found, _)| *found == wanted);
                    let exact = wanted.is_none_or(exact);
                    if exact || best.is_none() {
                        best = Some(kernel);
                    }
                    exact
                }
                Err(reason) => {
                    tried.insert(reason);
                    false
                }
            }
        };
        let mut roots = hints.dtb.map(|dtb| dtb.0).into_iter().chain(hints.cpus.iter().map(|cpu| cpu.cr3));
        let found = roots.any(|root| attempt(search.by_container(root)));
        if !found {
            let _ = search.early_processes()?.into_iter().any(|place| attempt(search.by_process(place)));
        }
        if let Some(kernel) = best {
            return Ok(Ok(kernel));
        }
        if tried.is_empty() {
            tried.insert("no struct of an early process".to_owned());
        }
        Ok(search.by_itself(wanted).map_err(|missed| {
            let tried = missed.tried.into_iter().chain(tried).take(8).collect();
            Missed { tried, ..missed }
        }))
    }

    /// Takes the kernel that is found without the profile for the profile's, although it is of another build. `None` if
    /// there is none for the profile's processor.
    pub(crate) fn forced(
        memory: &'a dyn Memory,
        layout: &'a Layout,
        hints: &Hints,
        plan: &ScanPlan<'_>,
    ) -> Option<Self> {
        let bare = UnprofiledWindows::find(memory, hints, plan).filter(|bare| bare.arch == layout.arch())?;
        let search = Search { memory, layout, modes: &[], hints, plan, steps: Cell::new(0) };
        Some(search.kernel(bare.space, bare.base, bare.pdb, bare.found_by))
    }
}

struct Search<'a, 'h> {
    memory: &'a dyn Memory,
    layout: &'a Layout,
    modes: &'static [Paging],
    hints: &'h Hints,
    plan: &'h ScanPlan<'h>,
    /// How many links may still be followed.
    steps: Cell<usize>,
}

impl<'a> Search<'a, '_> {
    /// Every place with the name of an early process, minus the name's offset: a physical address of a possible
    /// `_EPROCESS`. The places of the first name come first.
    fn early_processes(&self) -> Result<Vec<(u64, usize)>, Error> {
        let name = self.layout.field("_EPROCESS.ImageFileName")?.offset;
        let needles: Vec<&[u8]> = EARLY.iter().map(|name| name.as_slice()).collect();
        let found = image::find(self.memory, &needles, MOST_IN_A_WINDOW, self.plan).found;
        let mut places: Vec<(u64, usize)> = found
            .iter()
            .filter_map(|hit| Some((hit.at.0.checked_sub(name)?, hit.needle)))
            // Allocations in the pool are aligned.
            .filter(|(at, _)| at % 8 == 0)
            .collect();
        places.sort_by_key(|(at, needle)| (*needle, *at));
        places.truncate(MOST_PLACES);
        Ok(places)
    }

    /// From the struct of a process in physical memory.
    fn by_process(&self, (process, needle): (u64, usize)) -> Result<WindowsKernel<'a>, String> {
        let physical = Physical(self.memory);
        let view = TypedMemory { layout: self.layout, space: &physical };
        let name = EARLY.get(needle).map_or(String::new(), |name| {
            String::from_utf8_lossy(name.as_slice()).trim_end_matches('\0').to_owned()
        });
        let read = |paths: &str| view.get(process, paths).map_err(|error| error.to_string());
        let root = read(DIRECTORY)?;
        let first = read("_EPROCESS.ActiveProcessLinks.Flink")?;
        let by = format!("{name} at physical {process:#x}");
        if root == 0 || first < upper_half(self.layout.arch()) {
            return Err(format!("{name}: only the name"));
        }
        self.through(root, |space| self.head_by_list(space, first), &by)
    }

    /// From the container's data: its page tables and, in a crash dump, the head of the process list.
    fn by_container(&self, root: u64) -> Result<WindowsKernel<'a>, String> {
        let head = self.hints.crash_dump.as_ref().map(|dump| dump.ps_active_process_head.0);
        let Some(head) = head.filter(|head| *head != 0) else {
            return Err("the container names no list of processes".to_owned());
        };
        self.through(root, |_| Some(head), "the crash dump's header")
    }

    /// The kernel in the space of these page tables; `head` finds the head of its list.
    fn through(
        &self,
        root: u64,
        head: impl Fn(&AddressSpace<'a>) -> Option<u64>,
        by: &str,
    ) -> Result<WindowsKernel<'a>, String> {
        let arch = self.layout.arch();
        for paging in self.modes {
            let space =
                AddressSpace::new(self.memory, *paging, PhysicalAddress(root)).with_windows_entries(0);
            if !is_windows(&space, arch).unwrap_or(false) {
                continue;
            }
            let Some(rva) = self.layout.symbol("PsActiveProcessHead") else {
                return Err("the profile has no PsActiveProcessHead".to_owned());
            };
            let Some(head) = head(&space) else {
                return Err(format!("{by}: its list leads to no kernel"));
            };
            let base = head.wrapping_sub(rva) & mask(arch);
            let mapped = Mapped::at(&space, base);
            if !base.is_multiple_of(PAGE) || mapped.is_none() && !self.leads_to_system(&space, base) {
                return Err(format!("{by}: no kernel's headers at {base:#x}"));
            }
            let mapped = mapped.or_else(|| Mapped::mended(&space, base).map(|(mapped, _)| mapped));
            let pdb = mapped.and_then(|mapped| mapped.pdb(&space));
            return Ok(self.kernel(space, base, pdb, by.to_owned()));
        }
        Err(format!("{by}: no KUSER_SHARED_DATA through its page tables"))
    }

    /// The kernel that is found without the profile, unless it says itself that it is another one.
    fn by_itself(&self, wanted: Option<GuidAge>) -> Result<WindowsKernel<'a>, Missed> {
        let Some(bare) = UnprofiledWindows::find(self.memory, self.hints, self.plan) else {
            let tried = vec!["no kernel through any page tables".to_owned()];
            return Err(Missed { tried, another: false, names: None });
        };
        // One byte of the record may have been changed; another build's differs in more.
        let is_other = |found: GuidAge| {
            wanted.is_some_and(|wanted| Difference::of_builds(found, wanted) == Difference::More)
        };
        let other = bare.pdb.as_ref().filter(|(found, _)| is_other(*found));
        let names = other.map(|(found, name)| format!("{name} {found}"));
        let reason = match &names {
            Some(names) => names.clone(),
            None if bare.arch != self.layout.arch() => format!("for {}", bare.arch),
            None => return Ok(self.kernel(bare.space, bare.base, bare.pdb, bare.found_by)),
        };
        let tried = vec![format!("the kernel at {:#x} is another: {reason}", bare.base)];
        Err(Missed { tried, another: true, names })
    }

    fn kernel(
        &self,
        space: AddressSpace<'a>,
        base: u64,
        pdb: Option<(GuidAge, String)>,
        found_by: String,
    ) -> WindowsKernel<'a> {
        let (layout, memory) = (self.layout, self.memory);
        let mut kernel = WindowsKernel { layout, memory, space, base, pdb, found_by };
        // Since 1803, invalid entries hide their frames with a mask that the kernel stores.
        let masked = kernel
            .symbol("MiState")
            .and_then(|state| kernel.view().get(state, "_MI_SYSTEM_INFORMATION.Hardware.InvalidPteMask"));
        if let Ok(masked) = masked {
            kernel.space = kernel.space.with_windows_entries(masked);
        }
        kernel
    }

    /// The head of the process list: the only link in it that, minus the head's own RVA, gives a page with headers.
    /// The list is followed in both directions, since it may be broken.
    fn head_by_list(&self, space: &AddressSpace<'a>, first: u64) -> Option<u64> {
        let rva = self.layout.symbol("PsActiveProcessHead")?;
        let view = TypedMemory { layout: self.layout, space };
        for direction in ["_LIST_ENTRY.Flink", "_LIST_ENTRY.Blink"] {
            let mut at = first;
            let mut seen = BTreeSet::new();
            while self.steps.get() > 0 && seen.insert(at) {
                self.steps.set(self.steps.get() - 1);
                let base = at.wrapping_sub(rva) & mask(self.layout.arch());
                let mut magic = [0; 2];
                if base.is_multiple_of(PAGE)
                    && base >= upper_half(self.layout.arch())
                    && space.read(image::VirtualAddress(base), &mut magic).is_ok()
                    && (&magic == b"MZ" || self.leads_to_system(space, base))
                {
                    return Some(at);
                }
                match view.get(at, direction) {
                    Ok(next) => at = next,
                    Err(_) => break,
                }
            }
        }
        None
    }
}

/// The evidence for a kernel whose headers are damaged.
impl Search<'_, '_> {
    /// Whether `PsInitialSystemProcess` of a kernel at `base` leads to System, process 4.
    fn leads_to_system(&self, space: &AddressSpace<'_>, base: u64) -> bool {
        let view = TypedMemory { layout: self.layout, space };
        let name = || -> Option<bool> {
            let process =
                view.pointer(base.wrapping_add(self.layout.symbol("PsInitialSystemProcess")?)).ok()?;
            let pid = view.get(process, "_EPROCESS.UniqueProcessId").ok()?;
            Some(pid == 4 && view.text_in(process, "_EPROCESS.ImageFileName").ok()? == "System")
        };
        name().unwrap_or(false)
    }
}

fn mask(arch: Arch) -> u64 {
    if arch.address_size() == 4 { u64::from(u32::MAX) } else { u64::MAX }
}
