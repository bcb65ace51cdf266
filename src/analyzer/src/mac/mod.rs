//! macOS: the kernel's place, its processes and its extensions.

pub(crate) mod checks;
mod locate;
mod table;

use std::collections::HashSet;

use image::{AddressSpace, Memory};

use crate::process::{Module, Process, Time};
use crate::space::{if_mapped, is_root};
use crate::typed_memory::TypedMemory;
use crate::{Error, Layout, Listing, Space};

pub use table::CHECKS;

/// A macOS kernel found in an image.
pub struct MacKernel<'a> {
    /// Its profile.
    pub layout: &'a Layout,
    /// The image.
    pub memory: &'a dyn Memory,
    /// Its virtual memory.
    pub space: AddressSpace<'a>,
    /// Its shift from the link address, the same in physical and in virtual memory (since 10.8).
    pub shift: u64,
    /// How it was found, in words.
    pub found_by: String,
}

/// The longest list that is followed.
const MOST: usize = 1 << 20;

/// `SZOMB` of `proc.p_stat`.
const ZOMBIE: u64 = 5;

/// A symbol's link address, in either spelling.
fn linked(layout: &Layout, name: &str) -> Result<u64, Error> {
    let found = layout.symbol(&format!("_{name}")).or_else(|| layout.symbol(name));
    found.ok_or_else(|| Error::Lacking { what: format!("symbol _{name} or {name}") })
}

impl MacKernel<'_> {
    /// The profile over the kernel's virtual memory.
    pub fn view(&self) -> TypedMemory<'_> {
        TypedMemory { layout: self.layout, space: &self.space }
    }

    /// The virtual address of a symbol. Symbol maps write a C name with an underscore before it, debug information
    /// without one.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile has neither form.
    pub fn symbol(&self, name: &str) -> Result<u64, Error> {
        Ok(linked(self.layout, name)?.wrapping_add(self.shift))
    }

    /// The findings, each with its name.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("found by", self.found_by.clone()),
            ("shift", format!("{:#x}", self.shift)),
            ("page tables", format!("{} ({})", self.space.dtb(), self.space.paging())),
        ];
        facts.extend(self.version().map(|version| ("kernel", version)));
        facts
    }

    /// The kernel's version line.
    pub(crate) fn version(&self) -> Option<String> {
        self.view().text(self.symbol("version").ok()?, 512).ok()
    }

    /// The UUID of the build, from the load commands of the kernel's header in memory (`LC_UUID`; Mach-O format,
    /// `mach-o/loader.h`).
    pub(crate) fn uuid(&self) -> Option<String> {
        const MAGIC: [u64; 2] = [0xfeed_face, 0xfeed_facf];
        const LC_UUID: u64 = 0x1b;
        let view = self.view();
        let header = self.symbol("_mh_execute_header").ok()?;
        let magic = view.number(header, 4).ok()?;
        let commands = view.number(header.wrapping_add(16), 4).ok()?;
        let mut at = header.wrapping_add(if magic == 0xfeed_facf { 32 } else { 28 });
        for _ in 0..commands.min(256) {
            let (command, length) = (view.number(at, 4).ok()?, view.number(at.wrapping_add(4), 4).ok()?);
            if !MAGIC.contains(&magic) || length < 8 {
                return None;
            }
            if command == LC_UUID {
                let bytes: [u8; 16] = view.bytes(at.wrapping_add(8)).ok()?;
                let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                let (a, b, c) = (digits.get(..8)?, digits.get(8..12)?, digits.get(12..16)?);
                return Some(format!("{a}-{b}-{c}-{}-{}", digits.get(16..20)?, digits.get(20..)?));
            }
            at = at.wrapping_add(length);
        }
        None
    }

    /// The processes, the newest first, as in the kernel's list.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not describe processes.
    pub fn processes(&self) -> Result<Listing<Process>, Error> {
        let first = self.view().get(self.symbol("allproc")?, "proclist.lh_first")?;
        let (entries, end) = self.chain(first, "proc.p_list.le_next")?;
        let rows = entries.iter().map(|process| self.process(*process)).collect::<Result<_, _>>()?;
        Ok(Listing { rows, end })
    }

    /// A singly linked list.
    pub(crate) fn chain(&self, first: u64, next: &str) -> Result<(Vec<u64>, Result<(), Error>), Error> {
        let view = self.view();
        self.layout.field(next)?;
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        let mut at = first;
        while at != 0 {
            let broken = |problem: String, absent: bool| {
                let (list, entries) = (next.to_owned(), entries.len());
                Err(Error::List { list, problem, address: at, entries, absent })
            };
            if !seen.insert(at) || entries.len() == MOST {
                let end = broken("it comes back to an entry".to_owned(), false);
                return Ok((entries, end));
            }
            match view.get(at, next) {
                Ok(following) => {
                    entries.push(at);
                    at = following;
                }
                Err(error) => {
                    let end = broken(format!("the next entry cannot be read ({error})"), error.is_absence());
                    return Ok((entries, end));
                }
            }
        }
        Ok((entries, Ok(())))
    }

    fn process(&self, process: u64) -> Result<Process, Error> {
        let view = self.view();
        let _ = view.at(process, "proc.p_pid")?;
        let read = |paths: &str| view.get(process, paths).ok();
        let user = |own: &str, credentials: &str| {
            // Since 10.7 the process has a copy; before, and in 12, it is in its credentials.
            let value = read(own).or_else(|| view.get(read("proc.p_ucred")?, credentials).ok())?;
            u32::try_from(value & 0xffff_ffff).ok()
        };
        let start = view.at(process, "proc.p_start").ok().and_then(|at| {
            let seconds = view.get(at, "timeval.tv_sec").ok()? as i64;
            let fraction = view.get(at, "timeval.tv_usec").ok()? as i64;
            Some(Time(i128::from(seconds) * 1_000_000_000 + i128::from(fraction) * 1000))
        });
        let task = read("proc.task").filter(|task| *task != 0);
        Ok(Process {
            address: process,
            name: view.text_in(process, "proc.p_comm").unwrap_or_default(),
            pid: read("proc.p_pid").unwrap_or_default(),
            parent: read("proc.p_ppid"),
            threads: task.and_then(|task| view.get(task, "task.thread_count").ok()),
            user: user("proc.p_uid", "ucred.cr_posix.cr_uid|ucred.cr_uid"),
            group: user("proc.p_gid", "ucred.cr_posix.cr_rgid|ucred.cr_rgid"),
            state: read("proc.p_stat").and_then(|state| (state & 0xff == ZOMBIE).then_some("zombie")),
            dtb: task.and_then(|task| self.directory(task).ok()),
            started: start,
            ..Process::default()
        })
    }

    /// The physical address of a task's page tables.
    pub(crate) fn directory(&self, task: u64) -> Result<u64, Error> {
        let view = self.view();
        let map = view.get(task, "task.map")?;
        view.get(view.get(map, "_vm_map.pmap")?, "pmap.pm_cr3")
    }

    /// The kernel's extensions, the latest first.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not describe them.
    pub fn modules(&self) -> Result<Listing<Module>, Error> {
        let view = self.view();
        let first = view.pointer(self.symbol("kmod")?)?;
        let (entries, end) = self.chain(first, "kmod_info.next")?;
        let row = |entry: &u64| Module {
            address: *entry,
            name: view.text_in(*entry, "kmod_info.name").unwrap_or_default(),
            base: view.get(*entry, "kmod_info.address").unwrap_or_default(),
            size: view.get(*entry, "kmod_info.size").unwrap_or_default(),
            uses: view.get(*entry, "kmod_info.reference_count").ok(),
            ..Module::default()
        };
        Ok(Listing { rows: entries.iter().map(row).collect(), end })
    }

    /// Whether these page tables show the kernel's version at its address.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if the image lacks the data to decide.
    pub(crate) fn shares(&self, directory: u64) -> Result<bool, Error> {
        let at = self.symbol("version")?;
        let space = AddressSpace::new(self.memory, self.space.paging(), image::PhysicalAddress(directory));
        Ok(is_root(directory) && if_mapped(space.physical(at))? == Some(self.space.physical(at)?))
    }
}
