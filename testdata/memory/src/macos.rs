//! macOS memory images: a kernel in name only, as `i386_init` and the process table leave it.
//!
//! What XNU's sources fix is as they say: kernel addresses whose lower 32 bits are the physical address, `lowGlo` with
//! its eight letters, lists and queues, page tables of four levels. Everything else is where this build's own symbols
//! say.

use crate::Image;
use crate::container::Header;
use crate::layout::Layout;
use crate::memory::{Memory, PAGE};
use crate::paging::{Entry, Mode, Tables};
use crate::truth::{Module, Process, Truth};

/// An image that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// As Mac OS X 10.6: the kernel where it was linked, its topmost table a variable of its own.
    Snow,
    /// As macOS 10.13: the kernel shifted, its topmost table behind a pointer, a second table for users.
    High,
}

impl Case {
    /// Every case.
    pub const ALL: [Self; 2] = [Self::Snow, Self::High];

    /// Its name, on the command line and in the truth.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snow => "macos-10.6",
            Self::High => "macos-10.13",
        }
    }

    /// The debug file of its kernel, with the folder it has in `testdata/memory/macos`.
    pub fn debug_file(self) -> (&'static str, &'static [u8]) {
        match self {
            Self::Snow => ("darwin10", include_bytes!("../macos/darwin10/kernel.dwarf")),
            Self::High => ("darwin17", include_bytes!("../macos/darwin17/kernel.dwarf")),
        }
    }

    fn kernel(self) -> (&'static [u8], &'static str) {
        match self {
            Self::Snow => {
                (include_bytes!("../macos/darwin10/kernel"), include_str!("../macos/darwin10/layout.txt"))
            }
            Self::High => {
                (include_bytes!("../macos/darwin17/kernel"), include_str!("../macos/darwin17/layout.txt"))
            }
        }
    }

    fn shift(self) -> u64 {
        match self {
            Self::Snow => 0,
            Self::High => 0xa0_0000,
        }
    }
}

/// Kernel addresses are this and the physical address, for the kernel's own image.
const KERNEL: u64 = 0xffff_ff80_0000_0000;
/// Where the zones begin from which the kernel takes its structs.
const ZONE: u64 = 0xffff_ff80_1200_0000;
/// 2017-12-17 09:00 and 2010-11-10 18:00, UTC.
const STARTED: [u64; 2] = [1_289_412_000, 1_513_501_200];

/// A process to make: number, parent, name, user, threads.
const PROCESSES: [(u64, u64, &str, u64, u64); 9] = [
    (0, 0, "kernel_task", 0, 4),
    (1, 0, "launchd", 0, 2),
    (11, 1, "kextd", 0, 1),
    (16, 1, "notifyd", 0, 1),
    (55, 1, "loginwindow", 501, 2),
    (89, 55, "Finder", 501, 3),
    (120, 1, "averylongprocessname", 4_000_000_000, 1),
    (131, 89, "bash", 501, 1),
    (140, 131, "sudo", 0, 1),
];

/// Lays out an image.
pub fn image(case: Case) -> Image {
    let (file, layout) = case.kernel();
    let layout = Layout::parse(layout);
    let mut memory = Memory::new(&[0x1000..0x9_f000, 0x10_0000..0x110_0000], 0x6d61_634f_5321 + case.shift());
    let kernel = MachO::parse(file);
    let length = kernel.end - kernel.start;
    let physical = (kernel.start + case.shift()) & 0xffff_ffff;
    // The kernel, then the tables that it made for itself.
    memory.reserve(physical..physical + length);
    let top = match case {
        Case::Snow => layout.symbol("IdlePML4") & 0xffff_ffff,
        Case::High => memory.reserve(physical + length..physical + length + PAGE),
    };
    for (address, content) in &kernel.segments {
        memory.write(physical + address - kernel.start, content);
    }
    memory.clear(top);
    let tables = Tables::new(&mut memory, Mode::X64, top);
    let mut builder = Builder { case, layout, memory, tables, zone: ZONE, mapped: ZONE };
    builder.map_kernel(physical, length);
    let (processes, stale) = builder.processes();
    let modules = builder.kexts();
    builder.variables(&processes);
    builder.decoys();
    let name = {
        let at = builder.physical(builder.symbol("version"));
        let text = builder.memory.read(at, 200);
        String::from_utf8_lossy(text.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
    };
    let truth = Truth {
        origin: "synthetic",
        case: case.name().to_owned(),
        dtb: top,
        kernel_base: kernel.start + case.shift(),
        shift: case.shift(),
        identity: kernel.uuid,
        name,
        processes,
        stale,
        modules,
        records: Vec::new(),
    };
    Image { memory: builder.memory, truth, header: Header::default() }
}

struct Builder {
    case: Case,
    layout: Layout,
    memory: Memory,
    tables: Tables,
    /// The next free address in the zones, and the first that is not mapped yet.
    zone: u64,
    mapped: u64,
}

impl Builder {
    fn map_kernel(&mut self, physical: u64, length: u64) {
        match self.case {
            // All of low memory, in large pages.
            Case::Snow => {
                for start in (0..0x120_0000).step_by(0x20_0000) {
                    self.tables.map_large(&mut self.memory, KERNEL + start, start);
                }
            }
            Case::High => {
                for page in (physical..physical + length + PAGE).step_by(PAGE as usize) {
                    self.tables.map(&mut self.memory, KERNEL + page, Entry::Present(page));
                }
            }
        }
    }

    /// The processes on the kernel's list, the newest first, and those that are on it no more.
    fn processes(&mut self) -> (Vec<Process>, Vec<Process>) {
        let made: Vec<_> = PROCESSES.iter().map(|wanted| self.process(*wanted, false)).collect();
        let ended = self.process((133, 131, "ls", 501, 0), true);
        let stale = vec![ended];
        let listed: Vec<_> = made.into_iter().rev().collect();
        let list = self.layout.offset("proc.p_list");
        let mut link = self.symbol("allproc");
        for process in &listed {
            self.poke(link, process.offset);
            self.poke(process.offset + list + 8, link);
            link = process.offset + list;
        }
        // The one that ended waits for its parent.
        let zombies = self.symbol("zombproc");
        self.poke(zombies, stale[0].offset);
        self.poke(stale[0].offset + list + 8, zombies);
        for process in &listed {
            if let Some(parent) = listed.iter().find(|parent| parent.pid == process.ppid) {
                self.poke(process.offset + self.layout.offset("proc.p_pptr"), parent.offset);
            }
        }
        // A queue's links lead to its elements, not to the links in them.
        let tasks: Vec<u64> = listed
            .iter()
            .rev()
            .map(|process| self.peek(process.offset + self.layout.offset("proc.task")))
            .collect();
        let (head, field) = (self.symbol("tasks"), self.layout.offset("task.tasks"));
        for (index, task) in tasks.iter().enumerate() {
            self.poke(task + field, tasks.get(index + 1).copied().unwrap_or(head));
            self.poke(task + field + 8, if index == 0 { head } else { tasks[index - 1] });
        }
        self.poke(head, tasks[0]);
        self.poke(head + 8, tasks[tasks.len() - 1]);
        (listed, stale)
    }

    fn process(
        &mut self,
        (pid, ppid, name, uid, threads): (u64, u64, &str, u64, u64),
        ended: bool,
    ) -> Process {
        let offset = self.allocate(self.layout.size("proc"));
        let member = |name: &str| self.layout.offset(name);
        let (comm, long, start) = (member("proc.p_comm"), member("proc.p_name"), member("proc.p_start"));
        let (number, parent, state) = (member("proc.p_pid"), member("proc.p_ppid"), member("proc.p_stat"));
        // 16 letters and a NUL; p_name holds 32.
        let short: String = name.chars().take(16).collect();
        self.write(offset + comm, short.as_bytes());
        self.write(offset + long, name.as_bytes());
        self.write(offset + number, &(pid as u32).to_le_bytes());
        self.write(offset + parent, &(ppid as u32).to_le_bytes());
        // Running, or a zombie.
        self.write(offset + state, &[if ended { 5 } else { 2 }]);
        let created = (STARTED[usize::from(self.case == Case::High)] + pid * 3) * 1_000_000 + 250_000;
        self.poke(offset + start, created / 1_000_000);
        self.write(offset + start + 8, &250_000_u32.to_le_bytes());
        if self.case == Case::High {
            for name in ["proc.p_uid", "proc.p_ruid"] {
                self.write(offset + self.layout.offset(name), &(uid as u32).to_le_bytes());
            }
        }
        let credentials = self.allocate(self.layout.size("ucred"));
        for number in 0..3 {
            self.write(
                credentials + self.layout.offset("ucred.cr_posix") + number * 4,
                &(uid as u32).to_le_bytes(),
            );
        }
        self.poke(offset + self.layout.offset("proc.p_ucred"), credentials);
        let mut dtb = 0;
        if !ended {
            dtb = self.task(offset, pid, threads);
        }
        Process {
            pid,
            ppid,
            name: short,
            offset,
            dtb,
            created,
            exited: 0,
            threads,
            handles: None,
            uid: Some(uid),
            forwards: true,
            backwards: true,
        }
    }

    /// The task of a process with its map; the address of its topmost table.
    fn task(&mut self, process: u64, pid: u64, threads: u64) -> u64 {
        let task = self.allocate(self.layout.size("task"));
        let map = self.allocate(self.layout.size("_vm_map"));
        let pmap =
            if pid == 0 { self.symbol("kernel_pmap_store") } else { self.allocate(self.layout.size("pmap")) };
        let dtb = if pid == 0 {
            self.tables.top
        } else {
            let top = self.memory.frame();
            let space = Tables::new(&mut self.memory, Mode::X64, top);
            // The kernel's part of the table is the same in all of them.
            let half = self.memory.read(self.tables.top + 0x800, 0x800);
            self.memory.write(top + 0x800, &half);
            let page = self.memory.frame();
            self.memory.write(page, &0xfeed_facf_u32.to_le_bytes());
            space.map(&mut self.memory, 0x1_0000_0000, Entry::Present(page));
            top
        };
        self.poke(pmap + self.layout.offset("pmap.pm_cr3"), dtb);
        self.poke(pmap + self.layout.offset("pmap.pm_pml4"), KERNEL + dtb);
        if self.case == Case::High && pid != 0 {
            let users = self.memory.frame();
            self.poke(pmap + self.layout.offset("pmap.pm_ucr3"), users);
        }
        self.poke(map + self.layout.offset("_vm_map.pmap"), pmap);
        self.poke(task + self.layout.offset("task.map"), map);
        self.poke(task + self.layout.offset("task.bsd_info"), process);
        self.write(task + self.layout.offset("task.thread_count"), &(threads as u32).to_le_bytes());
        self.write(task + self.layout.offset("task.active"), &1_u32.to_le_bytes());
        self.poke(process + self.layout.offset("proc.task"), task);
        if pid == 0 {
            self.poke(self.symbol("kernel_task"), task);
            self.poke(self.symbol("kernel_map"), map);
            self.poke(self.symbol("kernproc"), process);
        }
        if pid == 1 {
            self.poke(self.symbol("initproc"), process);
        }
        dtb
    }

    /// Loaded kernel extensions, the newest first.
    fn kexts(&mut self) -> Vec<Module> {
        let mut modules = Vec::new();
        let mut next = 0;
        for (number, (name, version, size)) in [
            ("com.apple.kpi.bsd", "10.6.0", 0),
            ("com.apple.iokit.IOPCIFamily", "2.6", 0xf000),
            ("com.apple.driver.AppleACPIPlatform", "1.3.5", 0x3_7000),
        ]
        .into_iter()
        .enumerate()
        {
            let at = self.allocate(self.layout.size("kmod_info"));
            let base = if size == 0 {
                0
            } else {
                0xffff_ff7f_8050_0000 + number as u64 * 0x10_0000 + self.case.shift()
            };
            self.poke(at + self.layout.offset("kmod_info.next"), next);
            self.write(at + self.layout.offset("kmod_info.id"), &(number as u32 + 1).to_le_bytes());
            self.write(at + self.layout.offset("kmod_info.name"), name.as_bytes());
            self.write(at + self.layout.offset("kmod_info.version"), version.as_bytes());
            self.poke(at + self.layout.offset("kmod_info.address"), base);
            self.poke(at + self.layout.offset("kmod_info.size"), size);
            next = at;
            modules.insert(
                0,
                Module { name: Some(name.to_owned()), path: None, base, size, offset: at, identity: None },
            );
        }
        self.poke(self.symbol("kmod"), next);
        modules
    }

    fn variables(&mut self, processes: &[Process]) {
        let shift = self.case.shift();
        let low = self.symbol("lowGlo");
        self.poke(low + self.layout.offset("lowglo.lgStext"), KERNEL + 0x20_0000 + shift);
        self.poke(low + self.layout.offset("lowglo.lgVersion"), self.symbol("version"));
        self.poke(low + self.layout.offset("lowglo.lgKmodptr"), self.symbol("kmod"));
        self.poke(self.symbol("kernel_pmap"), self.symbol("kernel_pmap_store"));
        self.poke(self.symbol("vm_kernel_slide"), shift);
        self.poke(self.symbol("vm_kernel_stext"), KERNEL + 0x20_0000 + shift);
        self.write(self.symbol("nprocs"), &(processes.len() as u32).to_le_bytes());
        self.write(self.symbol("tasks_count"), &(processes.len() as u32).to_le_bytes());
        if self.case == Case::High {
            self.poke(self.symbol("IdlePML4"), KERNEL + self.tables.top);
            self.boot_tables();
        }
    }

    /// The tables that the processor started with (`osfmk/x86_64/boot_pt.c`): the first GiB in large pages, at its own
    /// addresses and at the kernel's. They know nothing of what the kernel mapped later.
    fn boot_tables(&mut self) {
        let [top, middle, low] = ["BootPML4", "BootPDPT", "BootPTD"].map(|name| self.symbol(name));
        // Present, written to, used.
        let next = |table: u64| (table & 0xffff_ffff) | 0x23;
        self.poke(top, next(middle));
        self.poke(top + 511 * 8, next(middle));
        self.poke(middle, next(low));
        for index in 0..512 {
            self.poke(low + index * 8, index << 21 | 0xe3);
        }
    }

    /// What misleads whoever takes the first hit of a search.
    fn decoys(&mut self) {
        // A copy of the page as a crash reporter holds it, right at the start of a page, and below the real one.
        let (low, copy) = (self.physical(self.symbol("lowGlo")), self.memory.reserve(0x8_7000..0x8_8000));
        let page = self.memory.read(low, PAGE as usize);
        self.memory.write(copy, &page);
        let loose = self.memory.frame();
        self.memory.write(loose + 0x345, b"Catfish Darwin Kernel Version 9.8.0: and not this one");
    }

    /// Where a symbol is, shifted.
    fn symbol(&self, name: &str) -> u64 {
        self.layout.symbol(name) + self.case.shift()
    }

    /// A piece of a zone.
    fn allocate(&mut self, size: u64) -> u64 {
        let at = self.zone.next_multiple_of(16);
        self.zone = at + size;
        while self.mapped < self.zone {
            let frame = self.memory.frame();
            self.tables.map(&mut self.memory, self.mapped, Entry::Present(frame));
            self.mapped += PAGE;
        }
        at
    }

    fn physical(&self, address: u64) -> u64 {
        self.tables.physical(&self.memory, address).unwrap_or_else(|| panic!("{address:#x} is not mapped"))
    }

    fn peek(&self, address: u64) -> u64 {
        let bytes: Vec<u8> = (0..8).flat_map(|at| self.memory.read(self.physical(address + at), 1)).collect();
        u64::from_le_bytes(bytes.try_into().unwrap())
    }

    fn poke(&mut self, address: u64, value: u64) {
        self.write(address, &value.to_le_bytes());
    }

    fn write(&mut self, mut address: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let here = bytes.len().min((PAGE - address % PAGE) as usize);
            let physical = self.physical(address);
            self.memory.write(physical, &bytes[..here]);
            (address, bytes) = (address + here as u64, &bytes[here..]);
        }
    }
}

/// The segments of a Mach-O file.
struct MachO<'a> {
    /// From the first byte to the last page of what is mapped.
    start: u64,
    end: u64,
    /// Address and content of each.
    segments: Vec<(u64, &'a [u8])>,
    /// Upper-case digits with dashes.
    uuid: String,
}

impl<'a> MachO<'a> {
    fn parse(file: &'a [u8]) -> Self {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let long = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
        assert_eq!(word(0), 0xfeed_facf);
        let (mut at, mut segments, mut uuid, mut end) = (32, Vec::new(), String::new(), 0);
        for _ in 0..word(16) {
            match word(at) {
                // LC_SEGMENT_64, but neither what lies below the kernel nor what only linkers read.
                0x19 if !file[at + 8..].starts_with(b"__PAGEZERO")
                    && !file[at + 8..].starts_with(b"__LINKEDIT") =>
                {
                    let (address, size) = (long(at + 24), long(at + 32));
                    let (from, length) = (long(at + 40) as usize, long(at + 48) as usize);
                    segments.push((address, &file[from..from + length]));
                    end = (address + size).next_multiple_of(PAGE);
                }
                0x1b => {
                    for (index, byte) in file[at + 8..at + 24].iter().enumerate() {
                        if [4, 6, 8, 10].contains(&index) {
                            uuid.push('-');
                        }
                        uuid += &format!("{byte:02X}");
                    }
                }
                _ => {}
            }
            at += word(at + 4) as usize;
        }
        Self { start: segments[0].0, end, segments, uuid }
    }
}
