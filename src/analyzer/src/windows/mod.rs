//! Windows: the kernel's base, its processes and its modules, using only documented structures.

mod builds;
pub(crate) mod checks;
mod displaced;
mod exports;
mod list;
mod locate;
mod mapped;
mod self_map;
mod table;
mod unprofiled;

use std::collections::BTreeSet;

use image::{AddressSpace, Memory, Paging, PhysicalAddress};
use profile::{Arch, GuidAge};

use crate::process::{Module, Process, Time};
use crate::space::{if_mapped, is_root};
use crate::typed_memory::TypedMemory;
use crate::{Error, Layout, Listing, Space};

pub use builds::KERNELS;
pub(crate) use displaced::{doubt, layouts};
pub use exports::Exports;
pub use mapped::Mapped;
pub use table::CHECKS;
pub use unprofiled::UnprofiledWindows;

/// A Windows kernel found in an image.
pub struct WindowsKernel<'a> {
    /// Its profile.
    pub layout: &'a Layout,
    /// The image.
    pub memory: &'a dyn Memory,
    /// Its virtual memory, including pages in transition.
    pub space: AddressSpace<'a>,
    /// Its load address, the base of the profile's addresses.
    pub base: u64,
    /// The PDB that its own headers in memory name.
    pub pdb: Option<(GuidAge, String)>,
    /// How it was found, in words.
    pub found_by: String,
}

/// The address spaces of processes, for memory that only a session maps.
struct Sessions<'a> {
    kernel: &'a WindowsKernel<'a>,
    /// One space for each process, made when the first is needed.
    spaces: Option<Vec<AddressSpace<'a>>>,
}

/// The maximum number of free lists in a handle table: the number of processor groups.
const MOST_LISTS: u64 = 128;

/// The maximum number of processes that are tried: every session has one among the first.
const MOST_SPACES: usize = 256;

impl Sessions<'_> {
    /// A process's space that maps `base`, which the kernel's own space does not map.
    fn space_with(&mut self, base: u64) -> Option<&AddressSpace<'_>> {
        let kernel = self.kernel;
        let spaces = self.spaces.get_or_insert_with(|| {
            let rows = kernel.processes().map(|listing| listing.rows).unwrap_or_default();
            let roots: BTreeSet<u64> = rows.iter().filter_map(|row| row.dtb).collect();
            let good = roots.into_iter().filter(|root| kernel.shares(*root).unwrap_or(false));
            good.take(MOST_SPACES).map(|root| kernel.through(root)).collect()
        });
        spaces.iter().find(|space| Mapped::at(*space, base).is_some())
    }
}

/// The page that the kernel shares with every process: `KUSER_SHARED_DATA`, at the same address on every Windows.
pub(crate) fn shared_data(arch: Arch) -> u64 {
    if arch.address_size() == 8 { 0xffff_f780_0000_0000 } else { 0xffdf_0000 }
}

/// Whether `KUSER_SHARED_DATA` is at its fixed address and has an existing version: `NtMajorVersion` and
/// `NtMinorVersion` have never moved.
///
/// # Errors
/// [`Error::Unreadable`] if it is not mapped, or not in the image.
fn is_windows(space: &dyn Space, arch: Arch) -> Result<bool, Error> {
    let mut version = [0; 8];
    space.read(shared_data(arch) + 0x26c, &mut version)?;
    let [a, b, c, d, e, f, g, h] = version;
    let (major, minor) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    Ok(matches!(major, 5 | 6 | 10) && minor <= 3)
}

/// The lowest start of the kernel's half: with page tables of five levels, if the processor has 64 bits. Whether
/// Windows uses all of it is not documented, so no higher address is refused.
pub(crate) fn upper_half(arch: Arch) -> u64 {
    if arch.address_size() == 8 { 0xff00_0000_0000_0000 } else { 0x8000_0000 }
}

/// The end of the processes' half with this kind of page tables.
pub(crate) fn user_end(paging: Paging) -> u64 {
    match paging {
        Paging::X64 => 1 << 47,
        Paging::X86 | Paging::X86Pae => 0xc000_0000,
        _ => 1 << 56,
    }
}

/// The members of `_EPROCESS` with the physical address of its page tables.
const DIRECTORY: &str = "_EPROCESS.Pcb.DirectoryTableBase";

impl WindowsKernel<'_> {
    /// The profile over the kernel's virtual memory.
    pub fn view(&self) -> TypedMemory<'_> {
        TypedMemory { layout: self.layout, space: &self.space }
    }

    /// The virtual address of a symbol; of several names joined by `|`, the first that the profile has.
    ///
    /// # Errors
    /// [`Error::Lacking`] if it has none.
    pub fn symbol(&self, names: &str) -> Result<u64, Error> {
        let found = names.split('|').find_map(|name| self.layout.symbol(name));
        let rva =
            found.ok_or_else(|| Error::Lacking { what: format!("symbol {}", names.replace('|', " or ")) })?;
        Ok(self.base.wrapping_add(rva))
    }

    /// The findings, each with its name.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("found by", self.found_by.clone()),
            ("kernel base", format!("{:#x}", self.base)),
            ("page tables", format!("{} ({})", self.space.dtb(), self.space.paging())),
        ];
        facts.extend(self.pdb.as_ref().map(|(guid_age, name)| ("kernel", format!("{name} {guid_age}"))));
        let build = self.symbol("NtBuildLab").and_then(|at| self.view().text(at, 128));
        facts.extend(build.ok().filter(|text| !text.is_empty()).map(|text| ("build", text)));
        facts
    }

    /// The processes, in the order of the kernel's list. If a walk forwards ends early, the entries that only a walk
    /// backwards reaches are listed after it, and the break is reported.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not describe processes.
    pub fn processes(&self) -> Result<Listing<Process>, Error> {
        let list = list::both_ways(
            &self.view(),
            self.symbol("PsActiveProcessHead")?,
            "_EPROCESS.ActiveProcessLinks",
        )?;
        let rows = list.entries.iter().map(|process| self.process(*process)).collect::<Result<_, _>>()?;
        Ok(Listing { rows, end: list.end })
    }

    fn process(&self, process: u64) -> Result<Process, Error> {
        let view = self.view();
        let _ = view.at(process, "_EPROCESS.UniqueProcessId")?;
        let read = |paths: &str| view.get(process, paths).ok();
        let handles = read("_EPROCESS.ObjectTable").filter(|table| *table != 0);
        Ok(Process {
            address: process,
            name: view.text_in(process, "_EPROCESS.ImageFileName").unwrap_or_default(),
            pid: read("_EPROCESS.UniqueProcessId").unwrap_or_default(),
            parent: read("_EPROCESS.InheritedFromUniqueProcessId"),
            threads: read("_EPROCESS.ActiveThreads"),
            handles: handles.and_then(|table| self.handles(table)),
            dtb: read(DIRECTORY).map(|directory| self.through(directory).dtb().0),
            started: read("_EPROCESS.CreateTime").and_then(Time::from_windows),
            ended: read("_EPROCESS.ExitTime").and_then(Time::from_windows),
            ..Process::default()
        })
    }

    /// The kernel and its drivers, in the order they were loaded.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not describe modules.
    pub fn modules(&self) -> Result<Listing<Module>, Error> {
        let list = list::both_ways(&self.view(), self.symbol("PsLoadedModuleList")?, list::MODULE_LINKS)?;
        let mut sessions = Sessions { kernel: self, spaces: None };
        let rows = list.entries.iter().map(|entry| self.module(*entry, &mut sessions)).collect();
        Ok(Listing { rows, end: list.end })
    }

    /// The number of handles in a table. Windows 8.1 and later count them per free list, with one list for each group
    /// of processors; a single list can have a negative count, since a handle may be closed by another group than the
    /// one that opened it.
    fn handles(&self, table: u64) -> Option<u64> {
        let view = self.view();
        if self.layout.has("_HANDLE_TABLE.HandleCount") {
            return view.get(table, "_HANDLE_TABLE.HandleCount").ok();
        }
        let first = view.at(table, "_HANDLE_TABLE.FreeLists").ok()?;
        let size = self.layout.shape("_HANDLE_TABLE_FREE_LIST")?.size;
        // Without the symbol there is one.
        let lists = self.symbol("ExpFreeListCount").and_then(|at| view.number(at, 4)).unwrap_or(1);
        let mut sum = 0_i64;
        for list in 0..lists.clamp(1, MOST_LISTS) {
            let at = first.wrapping_add(list.wrapping_mul(size));
            let count = view.get(at, "_HANDLE_TABLE_FREE_LIST.HandleCount").ok()?;
            sum = sum.wrapping_add(i64::from(count as u32 as i32));
        }
        u64::try_from(sum).ok()
    }

    fn module(&self, entry: u64, sessions: &mut Sessions<'_>) -> Module {
        let view = self.view();
        let base = view.get(entry, list::MODULE_BASE).unwrap_or_default();
        let name = list::text(&view, entry, list::MODULE_NAME).unwrap_or_default();
        // Drivers of the graphical session are mapped only in the processes of a session.
        let pdb = match Mapped::mended(&self.space, base) {
            Some((mapped, _)) => mapped.pdb(&self.space),
            None => sessions.space_with(base).and_then(|space| Mapped::at(space, base)?.pdb(space)),
        };
        Module {
            address: entry,
            name,
            base,
            size: view.get(entry, list::MODULE_SIZE).unwrap_or_default(),
            path: list::text(&view, entry, list::MODULE_PATH).ok(),
            pdb,
            ..Module::default()
        }
    }

    /// Whether these page tables show `KUSER_SHARED_DATA` at its address.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if the image lacks the data to decide.
    pub(crate) fn shares(&self, directory: u64) -> Result<bool, Error> {
        let space = self.through(directory);
        Ok(is_root(directory) && if_mapped(is_windows(&space, self.layout.arch()))?.unwrap_or(false))
    }

    /// The space of a process's page tables.
    fn through(&self, directory: u64) -> AddressSpace<'_> {
        AddressSpace::new(self.memory, self.space.paging(), PhysicalAddress(directory))
    }
}
