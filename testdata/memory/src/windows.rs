//! Windows memory images: a kernel in name only, as the loader, the memory manager and the process manager leave it.
//!
//! What documents fix is as they say: `_KUSER_SHARED_DATA` at its address, the debugger's block (`KDBG`), the entries
//! through which page tables see themselves, page table entries of every kind. Everything else is where this build's
//! own symbols say.

use std::collections::BTreeMap;

use crate::Image;
use crate::container::Header;
use crate::executable::Mapped;
use crate::layout::Layout;
use crate::memory::{Memory, PAGE};
use crate::paging::{Entry, Mode, Tables};
use crate::truth::{Module, Process, Record, Truth};

/// An image that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Windows 7, 64 bits: no KASLR, pages of 4 KiB.
    Win7X64,
    /// The same with a process whose page is from another moment, so that the list breaks off.
    Win7X64Torn,
    /// Windows 10, 64 bits: KASLR, kernel in a large page, tables that see themselves anywhere, encoded `KDBG`.
    Win10X64,
    /// Windows 7, 32 bits with PAE.
    Win7X86Pae,
    /// The same with memory above 4 GiB.
    Win7X86PaeHigh,
    /// Windows XP, 32 bits without PAE.
    XpX86,
}

impl Case {
    /// Every case.
    pub const ALL: [Self; 6] = [
        Self::Win7X64,
        Self::Win7X64Torn,
        Self::Win10X64,
        Self::Win7X86Pae,
        Self::Win7X86PaeHigh,
        Self::XpX86,
    ];

    /// Its name, on the command line and in the truth.
    pub fn name(self) -> &'static str {
        match self {
            Self::Win7X64 => "win7-x64",
            Self::Win7X64Torn => "win7-x64-torn",
            Self::Win10X64 => "win10-x64",
            Self::Win7X86Pae => "win7-x86-pae",
            Self::Win7X86PaeHigh => "win7-x86-pae-high",
            Self::XpX86 => "xp-x86",
        }
    }

    /// The PDB of its kernel, with the folder and the name it has in `testdata/memory/windows`.
    pub fn pdb(self) -> (&'static str, &'static str, &'static [u8]) {
        let files = self.files();
        (files.folder, files.pdb_name, files.pdb)
    }

    fn files(self) -> &'static Files {
        match self {
            Self::Win7X64 | Self::Win7X64Torn => &X64_7601,
            Self::Win10X64 => &X64_19041,
            Self::Win7X86Pae | Self::Win7X86PaeHigh => &X86_7601_PAE,
            Self::XpX86 => &X86_2600,
        }
    }

    fn plan(self) -> Plan {
        match self {
            Self::Win7X64 | Self::Win7X64Torn => Plan {
                mode: Mode::X64,
                kernel: 0xffff_f800_02a4_b000,
                physical: 0x44_b000,
                large: false,
                top: 0x18_7000,
                own_index: 0x1ed,
                hal: 0xffff_f800_0280_0000,
                drivers: 0xffff_f880_00e0_0000,
                pool: 0xffff_fa80_00c0_0000,
                paged_pool: 0xffff_f8a0_0000_0000,
                shared: SHARED_X64,
                peb: 0x7ff_fffd_7000,
                program: 0x1_3f00_0000,
                version: (6, 1, 7601),
                time: 129_446_784_000_000_000,
                highest: 0x7ff_fffe_ffff,
            },
            Self::Win10X64 => Plan {
                mode: Mode::X64,
                kernel: 0xffff_f803_56ac_0000,
                physical: 0x4c_0000,
                large: true,
                top: 0x1a_a000,
                own_index: 0x19b,
                hal: 0xffff_f803_56b4_0000,
                drivers: 0xffff_f803_5920_0000,
                pool: 0xffff_9a0c_4f20_0000,
                paged_pool: 0xffff_b180_6a00_0000,
                shared: SHARED_X64,
                peb: 0x51_a7f2_4000,
                program: 0x7ff6_a1d0_0000,
                version: (10, 0, 19041),
                time: 132_537_600_000_000_000,
                highest: 0x7fff_fffe_ffff,
            },
            Self::Win7X86Pae | Self::Win7X86PaeHigh => Plan {
                mode: Mode::Pae,
                kernel: 0x8264_6000,
                physical: 0x64_6000,
                large: false,
                top: 0x18_5000,
                own_index: 0,
                hal: 0x8260_f000,
                drivers: 0x8b00_0000,
                pool: 0x8420_0000,
                paged_pool: 0x9600_0000,
                shared: SHARED_X86,
                peb: 0x7ffd_f000,
                program: 0x40_0000,
                version: (6, 1, 7601),
                time: 129_446_784_000_000_000,
                highest: 0x7ffe_ffff,
            },
            Self::XpX86 => Plan {
                mode: Mode::X86,
                kernel: 0x804d_7000,
                physical: 0x4d_7000,
                large: false,
                top: 0x3_9000,
                own_index: 0,
                hal: 0x806d_0000,
                drivers: 0xf84c_0000,
                pool: 0x81f0_0000,
                paged_pool: 0xe100_0000,
                shared: SHARED_X86,
                peb: 0x7ffd_f000,
                program: 0x40_0000,
                version: (5, 1, 2600),
                time: 128_000_736_000_000_000,
                highest: 0x7ffe_ffff,
            },
        }
    }
}

const SHARED_X64: u64 = 0xffff_f780_0000_0000;
const SHARED_X86: u64 = 0xffdf_0000;
const SHARED_USER: u64 = 0x7ffe_0000;

struct Files {
    folder: &'static str,
    kernel: &'static [u8],
    hal: &'static [u8],
    tcpip: &'static [u8],
    layout: &'static str,
    pdb_name: &'static str,
    pdb: &'static [u8],
}

macro_rules! files {
    ($folder:literal, $pdb:literal) => {
        Files {
            folder: $folder,
            kernel: include_bytes!(concat!("../windows/", $folder, "/ntoskrnl.exe")),
            hal: include_bytes!(concat!("../windows/", $folder, "/hal.dll")),
            tcpip: include_bytes!(concat!("../windows/", $folder, "/tcpip.sys")),
            layout: include_str!(concat!("../windows/", $folder, "/layout.txt")),
            pdb_name: $pdb,
            pdb: include_bytes!(concat!("../windows/", $folder, "/", $pdb)),
        }
    };
}

static X64_7601: Files = files!("x64-7601", "ntkrnlmp.pdb");
static X64_19041: Files = files!("x64-19041", "ntkrnlmp.pdb");
static X86_7601_PAE: Files = files!("x86-7601-pae", "ntkrpamp.pdb");
static X86_2600: Files = files!("x86-2600", "ntoskrnl.pdb");

/// Where a case has things. Addresses are virtual but for `physical` (of the kernel) and `top` (of its tables).
struct Plan {
    mode: Mode,
    kernel: u64,
    physical: u64,
    large: bool,
    top: u64,
    own_index: u64,
    hal: u64,
    drivers: u64,
    pool: u64,
    paged_pool: u64,
    shared: u64,
    peb: u64,
    program: u64,
    version: (u32, u32, u32),
    time: u64,
    highest: u64,
}

/// A process to make.
struct Wanted {
    pid: u64,
    ppid: u64,
    name: &'static str,
    threads: u64,
    session: Option<usize>,
    fate: Fate,
}

/// What became of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Runs,
    /// Its own struct straddles two pages that are not neighbours in physical memory.
    Straddles,
    /// Its `_PEB` is in the paging file.
    PagedOut,
    /// Its struct's page is not mapped but still in memory.
    Transition,
    /// Ended, but something holds it, so that it is on the list.
    Exited,
    /// Ended and gone from the list; its memory was not used again yet.
    Stale,
    /// Its page in the dump is from another moment: all zeroes (in [`Case::Win7X64Torn`]; runs elsewhere).
    Torn,
}

const SECOND: u64 = 10_000_000;

fn wanted() -> Vec<Wanted> {
    let make = |pid, ppid, name, threads, session, fate| Wanted { pid, ppid, name, threads, session, fate };
    vec![
        make(4, 0, "System", 3, None, Fate::Runs),
        make(272, 4, "smss.exe", 2, None, Fate::Straddles),
        make(348, 340, "csrss.exe", 3, Some(0), Fate::Runs),
        make(400, 340, "wininit.exe", 1, Some(0), Fate::Runs),
        make(408, 392, "csrss.exe", 2, Some(1), Fate::Runs),
        make(456, 392, "winlogon.exe", 2, Some(1), Fate::Runs),
        make(500, 400, "services.exe", 2, Some(0), Fate::Runs),
        make(508, 400, "lsass.exe", 2, Some(0), Fate::Runs),
        make(620, 500, "svchost.exe", 3, Some(0), Fate::Torn),
        make(696, 500, "svchost.exe", 2, Some(0), Fate::PagedOut),
        make(1340, 1312, "explorer.exe", 3, Some(1), Fate::Transition),
        make(1720, 1340, "cmd.exe", 1, Some(1), Fate::Runs),
        make(1848, 1720, "averylongnamed.exe", 1, Some(1), Fate::Runs),
        make(1904, 1340, "notepad.exe", 0, Some(1), Fate::Exited),
        make(2012, 1340, "calc.exe", 0, Some(1), Fate::Stale),
        make(2360, 1720, "whoami.exe", 0, Some(1), Fate::Stale),
        make(4076, 500, "msdtc.exe", 2, Some(0), Fate::Runs),
    ]
}

/// Lays out an image.
pub fn image(case: Case) -> Image {
    Builder::new(case).build()
}

struct Builder {
    case: Case,
    plan: Plan,
    layout: Layout,
    memory: Memory,
    tables: Tables,
    kernel: Mapped,
    /// Free addresses in the pools.
    pool: u64,
    paged_pool: u64,
    /// What each mapped page of the pools lies in.
    frames: BTreeMap<u64, u64>,
    records: Vec<Record>,
}

impl Builder {
    fn new(case: Case) -> Self {
        let (files, plan) = (case.files(), case.plan());
        let mut ranges = vec![0x1000..0x9_f000, 0x10_0000..0x110_0000];
        if case == Case::Win7X86PaeHigh {
            ranges[1].end = 0x70_0000;
            ranges.push(0x1_0000_0000..0x1_0030_0000);
        }
        let mut memory = Memory::new(&ranges, plan.time);
        let tables_end = plan.top + if plan.mode == Mode::Pae { 5 * PAGE } else { PAGE };
        memory.reserve(plan.top..tables_end);
        let kernel = Mapped::load(files.kernel, plan.kernel);
        let image = if plan.large {
            plan.physical & !0x1f_ffff..(plan.physical & !0x1f_ffff) + 0x20_0000
        } else {
            plan.physical..plan.physical + kernel.bytes.len() as u64
        };
        memory.reserve(image);
        let tables = Tables::new(&mut memory, plan.mode, plan.top);
        Self {
            case,
            layout: Layout::parse(files.layout),
            memory,
            tables,
            kernel,
            pool: plan.pool,
            paged_pool: plan.paged_pool,
            plan,
            frames: BTreeMap::new(),
            records: Vec::new(),
        }
    }

    fn build(mut self) -> Image {
        self.map_kernel();
        let shared = self.shared_data();
        let (processes, stale, spaces) = self.processes();
        let modules = self.modules();
        self.debugger_block();
        self.decoys();
        self.globals(&processes);
        self.tables.see_itself(&mut self.memory, self.plan.own_index);
        for (space, wanted) in spaces {
            space.share_kernel(&mut self.memory, &self.tables, self.plan.own_index);
            self.user_half(&space, &wanted, shared);
        }
        let torn = processes.iter().position(|process| self.is_torn(process));
        if let Some(torn) = torn {
            let page = self.physical(processes[torn].offset);
            self.memory.clear(page / PAGE * PAGE);
        }
        let processes = processes
            .into_iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != torn)
            .map(|(index, process)| Process {
                forwards: torn.is_none_or(|torn| index < torn),
                backwards: torn.is_none_or(|torn| index > torn),
                ..process
            })
            .collect();
        let header = Header {
            wide: self.layout.pointer == 8,
            pae: self.plan.mode == Mode::Pae,
            build: self.plan.version.2,
            places: [
                self.plan.pool & !0xff_ffff,
                self.symbol("PsLoadedModuleList"),
                self.symbol("PsActiveProcessHead"),
                self.symbol("KdDebuggerDataBlock"),
            ],
            time: self.plan.time + 3600 * SECOND,
        };
        self.records.sort_by_key(|record| record.address);
        let (identity, name) = self.kernel.identity();
        let truth = Truth {
            origin: "synthetic",
            case: self.case.name().to_owned(),
            dtb: self.plan.top,
            kernel_base: self.plan.kernel,
            shift: 0,
            identity,
            name,
            processes,
            stale,
            modules,
            records: self.records,
        };
        Image { memory: self.memory, truth, header }
    }

    fn is_torn(&self, process: &Process) -> bool {
        self.case == Case::Win7X64Torn
            && wanted().iter().any(|wanted| wanted.pid == process.pid && wanted.fate == Fate::Torn)
    }

    /// Maps the kernel where its loader puts it: in one piece of physical memory. Discarded sections are gone, and a
    /// part of the pageable code is paged out.
    fn map_kernel(&mut self) {
        let (base, physical) = (self.plan.kernel, self.plan.physical);
        let length = (self.kernel.bytes.len() as u64).next_multiple_of(PAGE);
        let gone: Vec<u64> = (self.kernel.sections.iter())
            .filter(|section| section.discardable || section.name == "INIT" || section.name == "PAGE")
            .map(|section| u64::from(section.start))
            .collect();
        for page in (0..length).step_by(PAGE as usize) {
            let out = gone.contains(&page);
            if !out {
                let end = (page + PAGE).min(self.kernel.bytes.len() as u64);
                self.memory.write(physical + page, &self.kernel.bytes[page as usize..end as usize]);
            }
            if !self.plan.large {
                let entry =
                    if out { Entry::PagedOut(0x21 + page / PAGE) } else { Entry::Present(physical + page) };
                self.tables.map(&mut self.memory, base + page, entry);
            }
        }
        if self.plan.large {
            self.tables.map_large(&mut self.memory, base & !0x1f_ffff, physical & !0x1f_ffff);
        }
        let (identity, name) = self.kernel.identity();
        let address = physical + u64::from(self.kernel.debug.0);
        self.records.push(Record { address, identity, name, why: "the kernel" });
    }

    /// `_KUSER_SHARED_DATA`; its frame, which every process maps too.
    fn shared_data(&mut self) -> u64 {
        let frame = self.memory.frame();
        self.tables.map(&mut self.memory, self.plan.shared, Entry::Present(frame));
        let (major, minor, build) = self.plan.version;
        let now = self.plan.time + 3600 * SECOND;
        let mut put = |offset: u64, bytes: &[u8]| self.memory.write(frame + offset, bytes);
        for (offset, time) in [(0x8, 3600 * SECOND), (0x14, now)] {
            put(offset, &time.to_le_bytes());
            put(offset + 8, &((time >> 32) as u32).to_le_bytes());
        }
        put(0x2c, &(if self.layout.pointer == 8 { 0x8664_8664_u32 } else { 0x14c_014c }).to_le_bytes());
        put(0x30, &utf16("C:\\Windows"));
        put(0x260, &build.to_le_bytes());
        // A workstation, and that is valid.
        put(0x264, &1_u32.to_le_bytes());
        put(0x268, &[1]);
        put(0x26c, &major.to_le_bytes());
        put(0x270, &minor.to_le_bytes());
        frame
    }

    /// Every process, with the address spaces of those that have a user half.
    fn processes(&mut self) -> (Vec<Process>, Vec<Process>, Vec<(Tables, Wanted)>) {
        let sessions: Vec<u64> = (0..2_u32)
            .map(|number| {
                let session = self.allocate(self.layout.size("_MM_SESSION_SPACE"));
                self.poke(session, &1_u32.to_le_bytes());
                self.poke(session + self.layout.offset("_MM_SESSION_SPACE.SessionId"), &number.to_le_bytes());
                let list = session + self.layout.offset("_MM_SESSION_SPACE.ProcessList");
                self.link(list, &[]);
                session
            })
            .collect();
        let (mut listed, mut stale, mut spaces) = (Vec::new(), Vec::new(), Vec::new());
        let mut tables_of_handles = Vec::new();
        for (index, wanted) in wanted().into_iter().enumerate() {
            let process = self.process(index as u64, &wanted, &sessions, &mut tables_of_handles);
            let is_stale = wanted.fate == Fate::Stale;
            if !is_stale && wanted.pid != 4 && wanted.fate != Fate::Exited {
                spaces.push((Tables::new(&mut self.memory, self.plan.mode, process.dtb), wanted));
            }
            if is_stale { stale.push(process) } else { listed.push(process) }
        }
        let links = self.layout.offset("_EPROCESS.ActiveProcessLinks");
        let head = self.symbol("PsActiveProcessHead");
        // What left the list still points to its neighbours of that time.
        let (first, last) = (head, listed[listed.len() - 1].offset + links);
        for process in &stale {
            self.poke_pointer(process.offset + links, first);
            self.poke_pointer(process.offset + links + self.width(), last);
        }
        let entries: Vec<u64> = listed.iter().map(|process| process.offset + links).collect();
        self.link(head, &entries);
        self.link(self.symbol("HandleTableListHead"), &tables_of_handles);
        // Only now: what is unmapped cannot be written any more.
        for (process, wanted) in
            listed.iter().zip(wanted().iter().filter(|wanted| wanted.fate != Fate::Stale))
        {
            if wanted.fate == Fate::Transition {
                let page = process.offset / PAGE * PAGE;
                let frame = self.frames[&page];
                self.tables.map(&mut self.memory, page, Entry::Transition(frame));
            }
        }
        (listed, stale, spaces)
    }

    fn process(
        &mut self,
        index: u64,
        wanted: &Wanted,
        sessions: &[u64],
        handle_tables: &mut Vec<u64>,
    ) -> Process {
        let ended = matches!(wanted.fate, Fate::Exited | Fate::Stale);
        let dtb = match (wanted.pid, self.plan.mode) {
            (4, _) => self.plan.top,
            (_, Mode::Pae) => self.tables_above(5),
            _ => self.tables_above(1),
        };
        // The header of the pool's block and of the object stand before it.
        let before = 0x60;
        let size = before + self.layout.size("_EPROCESS");
        let block = match wanted.fate {
            Fate::Straddles => {
                self.pool = self.pool.next_multiple_of(PAGE) + PAGE - 0x100;
                self.allocate(size)
            }
            Fate::Transition | Fate::Torn => {
                self.pool = self.pool.next_multiple_of(PAGE);
                let block = self.allocate(size);
                self.pool = self.pool.next_multiple_of(PAGE);
                block
            }
            _ => self.allocate(size),
        };
        self.poke(block + 4, b"Pro\xe3");
        let at = block + before;
        let created =
            self.plan.time + if wanted.pid == 4 { 0 } else { (20 + index * 7) * SECOND + 1_234_567 };
        let created = if wanted.pid == 4 && self.plan.version.0 == 5 { 0 } else { created };
        let exited = if ended { created + 90 * SECOND } else { 0 };
        let threads = if ended { 0 } else { wanted.threads };
        // 14 letters and a NUL; XP keeps 15.
        let kept = if self.layout.number("build") == 2600 { 15 } else { 14 };
        let name: String = wanted.name.chars().take(kept).collect();
        let pointer = |value: u64, width: u64| value.to_le_bytes()[..width as usize].to_vec();
        let width = self.width();

        self.poke(at, &[3, 0, (self.layout.size("_KPROCESS") / 4) as u8, 0]);
        for (member, bytes) in [
            ("_KPROCESS.DirectoryTableBase", pointer(dtb, width)),
            ("_EPROCESS.UniqueProcessId", pointer(wanted.pid, width)),
            ("_EPROCESS.InheritedFromUniqueProcessId", pointer(wanted.ppid, width)),
            ("_EPROCESS.CreateTime", created.to_le_bytes().to_vec()),
            ("_EPROCESS.ExitTime", exited.to_le_bytes().to_vec()),
            ("_EPROCESS.ActiveThreads", (threads as u32).to_le_bytes().to_vec()),
            ("_EPROCESS.ImageFileName", name.clone().into_bytes()),
            ("_EPROCESS.ExitStatus", (if ended { 0_u32 } else { 0x103 }).to_le_bytes().to_vec()),
            ("_EPROCESS.Flags", (if ended { 0xd_u32 } else { 1 }).to_le_bytes().to_vec()),
        ] {
            self.poke(at + self.layout.offset(member), &bytes);
        }
        self.link(at + self.layout.offset("_KPROCESS.ProfileListHead"), &[]);
        self.link(at + 2 * 4, &[]);
        let members: Vec<u64> =
            (0..threads).map(|number| self.thread(at, wanted.pid, number, created)).collect();
        for (head, entry) in [
            ("_KPROCESS.ThreadListHead", "_KTHREAD.ThreadListEntry"),
            ("_EPROCESS.ThreadListHead", "_ETHREAD.ThreadListEntry"),
        ] {
            let entries: Vec<u64> = members.iter().map(|thread| thread + self.layout.offset(entry)).collect();
            self.link(at + self.layout.offset(head), &entries);
        }
        let token = self.allocate(0x40);
        self.poke_pointer(at + self.layout.offset("_EPROCESS.Token"), token | 5);
        if let Some(session) = wanted.session {
            self.poke_pointer(at + self.layout.offset("_EPROCESS.Session"), sessions[session]);
        }
        let mut handles = None;
        if !ended {
            let count = 10 + index * 13;
            let table = self.allocate(self.layout.size("_HANDLE_TABLE"));
            self.poke(table + self.layout.offset("_HANDLE_TABLE.HandleCount"), &(count as u32).to_le_bytes());
            self.poke_pointer(table + self.layout.offset("_HANDLE_TABLE.UniqueProcessId"), wanted.pid);
            self.poke_pointer(table + self.layout.offset("_HANDLE_TABLE.QuotaProcess"), at);
            self.poke_pointer(at + self.layout.offset("_EPROCESS.ObjectTable"), table);
            handle_tables.push(table + self.layout.offset("_HANDLE_TABLE.HandleTableList"));
            handles = Some(count);
        }
        if wanted.pid != 4 {
            self.poke_pointer(at + self.layout.offset("_EPROCESS.Peb"), self.plan.peb);
            self.poke_pointer(at + self.layout.offset("_EPROCESS.SectionBaseAddress"), self.plan.program);
            let path = format!("\\Device\\HarddiskVolume1\\Windows\\System32\\{}", wanted.name);
            let information = self.allocate(2 * self.width());
            self.text(information, &path, false);
            self.poke_pointer(at + self.layout.offset("_EPROCESS.SeAuditProcessCreationInfo"), information);
        }
        Process {
            pid: wanted.pid,
            ppid: wanted.ppid,
            name,
            offset: at,
            dtb,
            created,
            exited,
            threads,
            handles,
            uid: None,
            forwards: true,
            backwards: true,
        }
    }

    fn thread(&mut self, process: u64, pid: u64, number: u64, created: u64) -> u64 {
        let thread = self.allocate(self.layout.size("_ETHREAD"));
        self.poke(thread, &[6]);
        let cid = thread + self.layout.offset("_ETHREAD.Cid");
        self.poke_pointer(cid, pid);
        self.poke_pointer(cid + self.width(), pid + 4 * (number + 1));
        self.poke_pointer(thread + self.layout.offset("_KTHREAD.Process"), process);
        self.poke_pointer(thread + self.layout.offset("_ETHREAD.ThreadsProcess"), process);
        self.poke(thread + self.layout.offset("_KTHREAD.State"), &[5]);
        self.poke(thread + self.layout.offset("_ETHREAD.CreateTime"), &created.to_le_bytes());
        thread
    }

    /// What a process maps below the kernel: its `_PEB`, its parameters, its program's first page, and the shared data.
    fn user_half(&mut self, space: &Tables, wanted: &Wanted, shared: u64) {
        let [peb, parameters, program] = [self.plan.peb, 0x23_0000, self.plan.program];
        let frames = [self.memory.frame(), self.memory.frame(), self.memory.frame()];
        for (address, frame) in [peb, parameters, program].into_iter().zip(frames) {
            space.map(&mut self.memory, address, Entry::Present(frame));
        }
        space.map(&mut self.memory, SHARED_USER, Entry::Present(shared));
        let width = self.layout.pointer;
        let mut pointers = vec![
            (frames[0] + self.layout.offset("_PEB.ImageBaseAddress"), program),
            (frames[0] + self.layout.offset("_PEB.ProcessParameters"), parameters),
        ];
        for (free, member, text) in [
            (0x400, "ImagePathName", format!("C:\\Windows\\System32\\{}", wanted.name)),
            (0x600, "CommandLine", format!("\"{}\" -pid {}", wanted.name, wanted.pid)),
        ] {
            let bytes = utf16(&text);
            let at = frames[1] + self.layout.offset(&format!("_RTL_USER_PROCESS_PARAMETERS.{member}"));
            pointers.push((at + width as u64, parameters + free));
            self.memory.write(at, &[bytes.len() as u8 - 2, 0, bytes.len() as u8, 0]);
            self.memory.write(frames[1] + free, &bytes);
        }
        for (at, value) in pointers {
            self.memory.write(at, &value.to_le_bytes()[..width]);
        }
        let session = wanted.session.unwrap_or(0) as u32;
        self.memory.write(frames[0] + self.layout.offset("_PEB.SessionId"), &session.to_le_bytes());
        self.memory.write(frames[2], b"MZ\x90");
        if wanted.fate == Fate::PagedOut {
            space.map(&mut self.memory, peb, Entry::PagedOut(0x77));
            self.memory.clear(frames[0]);
        }
    }

    /// Every module: images and entries.
    fn modules(&mut self) -> Vec<Module> {
        let files = self.case.files();
        let mut modules = Vec::new();
        let kernel_size = self.kernel.bytes.len() as u64;
        let (kernel, _) = self.kernel.identity();
        modules.push((
            "ntoskrnl.exe",
            self.plan.kernel,
            kernel_size,
            u64::from(self.kernel.entry),
            Some(kernel),
        ));
        let mut next = self.plan.drivers;
        // The first page of one is shared memory. Entries without PAE count from where this system's paged pool begins,
        // which no document tells.
        let shared = if self.plan.mode == Mode::X86 { Entry::Present(0) } else { Entry::Prototype(0) };
        for (name, file, at, header) in [
            ("hal.dll", files.hal, Some(self.plan.hal), Entry::Present(0)),
            ("tcpip.sys", files.tcpip, None, Entry::Present(0)),
            ("win32k.sys", files.tcpip, None, shared),
            ("gone.sys", files.tcpip, None, Entry::PagedOut(0x99)),
            ("nameless.sys", files.tcpip, None, Entry::Transition(0)),
        ] {
            let base = at.unwrap_or(next);
            let image = Mapped::load(file, base);
            let size = (image.bytes.len() as u64).next_multiple_of(PAGE);
            if at.is_none() {
                next += size + 0x1_0000;
            }
            self.map_driver(&image, base, header);
            let identity = if matches!(header, Entry::PagedOut(_)) { None } else { Some(image.identity().0) };
            modules.push((name, base, size, u64::from(image.entry), identity));
        }
        let mut entries = Vec::new();
        let truth = modules
            .into_iter()
            .map(|(name, base, size, entry, identity)| {
                let at = self.allocate(self.layout.size("_LDR_DATA_TABLE_ENTRY"));
                let member = |name: &str| at + self.layout.offset(&format!("_LDR_DATA_TABLE_ENTRY.{name}"));
                let (full, short, count) =
                    (member("FullDllName"), member("BaseDllName"), member("LoadCount"));
                let (dll, start, length) = (member("DllBase"), member("EntryPoint"), member("SizeOfImage"));
                entries.push(member("InLoadOrderLinks"));
                self.poke_pointer(dll, base);
                self.poke_pointer(start, base + entry);
                self.poke(length, &(size as u32).to_le_bytes());
                self.poke(count, &1_u16.to_le_bytes());
                let path = format!("\\SystemRoot\\system32\\{name}");
                // The names of one are in the paging file, those of another in a page that is only not mapped.
                let (out, transition) = (name == "nameless.sys", name == "tcpip.sys");
                if out || transition {
                    self.paged_pool = self.paged_pool.next_multiple_of(PAGE);
                }
                let page = self.paged_pool / PAGE * PAGE;
                self.text(full, &path, true);
                self.text(short, name, true);
                if out || transition {
                    let frame = self.frames[&page];
                    let entry = if out { Entry::PagedOut(0x55) } else { Entry::Transition(frame) };
                    self.tables.map(&mut self.memory, page, entry);
                    if out {
                        self.memory.clear(frame);
                    }
                    self.paged_pool = self.paged_pool.next_multiple_of(PAGE);
                }
                let readable = |text: String| (!out).then_some(text);
                Module {
                    name: readable(name.to_owned()),
                    path: readable(path),
                    base,
                    size,
                    offset: at,
                    identity,
                }
            })
            .collect();
        self.link(self.symbol("PsLoadedModuleList"), &entries);
        truth
    }

    /// Maps a driver page by page, its first as `header` says.
    fn map_driver(&mut self, image: &Mapped, base: u64, header: Entry) {
        for (number, content) in image.bytes.chunks(PAGE as usize).enumerate() {
            let page = base + number as u64 * PAGE;
            if self.plan.large && base == self.plan.hal {
                // In the kernel's large page.
                let physical = self.physical(page);
                self.memory.write(physical, content);
            } else {
                let frame = self.memory.frame();
                self.memory.write(frame, content);
                let entry = match header {
                    _ if number > 0 => Entry::Present(frame),
                    Entry::Prototype(_) => {
                        // The entry that it leads to stands in the paged pool, and is valid.
                        let prototype = self.allocate_paged(8);
                        self.poke(prototype, &(frame | 0x121).to_le_bytes());
                        Entry::Prototype(prototype)
                    }
                    Entry::PagedOut(slot) => {
                        self.memory.clear(frame);
                        Entry::PagedOut(slot)
                    }
                    Entry::Transition(_) => Entry::Transition(frame),
                    Entry::Present(_) => Entry::Present(frame),
                };
                self.tables.map(&mut self.memory, page, entry);
            }
        }
        let at = base + u64::from(image.debug.0);
        let (identity, name) = image.identity();
        self.records.push(Record { address: self.physical(at), identity, name, why: "a module" });
    }

    /// `KDBG` and `KdVersionBlock`. From Windows 8 on the first is encoded while no debugger is attached.
    fn debugger_block(&mut self) {
        let block = self.symbol("KdDebuggerDataBlock");
        let mut bytes = vec![0_u8; 0x340];
        let mut put =
            |offset: usize, value: u64| bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
        put(0, block);
        put(8, block);
        put(0x10, u64::from(u32::from_le_bytes(*b"KDBG")) | 0x340 << 32);
        for (offset, symbol) in [
            (0x48, "PsLoadedModuleList"),
            (0x50, "PsActiveProcessHead"),
            (0x58, "PspCidTable"),
            (0xc0, "MmPfnDatabase"),
            (0x1c8, "MmHighestUserAddress"),
            (0x1d0, "MmSystemRangeStart"),
            (0x208, "NtBuildLab"),
            (0x268, "CmNtCSDVersion"),
        ] {
            put(offset, self.plan.kernel + self.layout.symbol(symbol));
        }
        put(0x18, self.plan.kernel);
        put(0x138, PAGE);
        if self.plan.version.0 == 10 {
            let [never, always] = [0x0f3b_91d2_4c6a_e817_u64, 0x5ac0_17e9_b2d8_4436];
            let place = self.symbol("KdpDataBlockEncoded");
            for word in bytes.chunks_exact_mut(8) {
                let value = u64::from_le_bytes(word.try_into().unwrap());
                let encoded =
                    ((value ^ always).swap_bytes() ^ place).rotate_right((never & 0xff) as u32) ^ never;
                word.copy_from_slice(&encoded.to_le_bytes());
            }
            self.poke(self.symbol("KiWaitNever"), &never.to_le_bytes());
            self.poke(self.symbol("KiWaitAlways"), &always.to_le_bytes());
            self.poke(place, &[1]);
        }
        self.poke(block, &bytes);

        let version = self.symbol("KdVersionBlock");
        let wide = self.layout.pointer == 8;
        // Addresses of 32 bits are sign-extended here.
        let extend = |address: u64| if wide { address } else { i64::from(address as u32 as i32) as u64 };
        let machine: u16 = if wide { 0x8664 } else { 0x14c };
        // A free build.
        self.poke(version, &0xf_u16.to_le_bytes());
        self.poke(version + 2, &(self.plan.version.2 as u16).to_le_bytes());
        self.poke(version + 4, &[6, 2]);
        self.poke(version + 8, &machine.to_le_bytes());
        for (offset, address) in
            [(0x10, self.plan.kernel), (0x18, self.symbol("PsLoadedModuleList")), (0x20, block)]
        {
            self.poke(version + offset, &extend(address).to_le_bytes());
        }
    }

    /// Records that mislead whoever takes the first.
    fn decoys(&mut self) {
        let (place, record) = self.kernel.debug.clone();
        let (identity, name) = self.kernel.identity();
        let page = u64::from(place) / PAGE * PAGE;
        // The kernel's file in the cache: header and record as on disk, in pages of their own.
        let (first, second) = (self.memory.frame(), self.memory.frame());
        let header = self.kernel.bytes[..PAGE as usize].to_vec();
        self.memory.write(first, &header);
        self.memory.write(second + u64::from(place) - page, &record);
        let address = second + u64::from(place) - page;
        self.records.push(Record {
            address,
            identity: identity.clone(),
            name: name.clone(),
            why: "a stale copy of the kernel's",
        });
        // Another build of the kernel, with its header right before it, as an update leaves it in the cache.
        let run = self.page_run(2);
        self.memory.write(run, &header);
        let mut other = record.clone();
        for byte in &mut other[4..20] {
            *byte = byte.wrapping_mul(7).wrapping_add(3);
        }
        self.memory.write(run + PAGE + 0x40, &other);
        self.records.push(Record {
            address: run + PAGE + 0x40,
            identity: spell(&other),
            name: name.clone(),
            why: "another build of the kernel",
        });
        // One that ends with the page: neither name nor NUL is whole.
        let cut = self.memory.frame();
        self.memory.write(cut + PAGE - 30, &record[..30]);
        // A word that only begins like one.
        let loose = self.memory.frame();
        self.memory.write(loose + 0x123, b"RSDS");
        // A block that only begins like the debugger's.
        let tag = self.memory.frame();
        self.memory.write(tag + 0x210, b"KDBG");
        self.memory.write(tag + 0x218, &(self.plan.kernel - 0x20_0000).to_le_bytes());
    }

    /// The kernel's variables.
    fn globals(&mut self, processes: &[Process]) {
        let system = processes[0].offset;
        let start = match self.plan.mode {
            Mode::X64 => 0xffff_8000_0000_0000_u64,
            Mode::X86 | Mode::Pae => 0x8000_0000,
        };
        for (name, value) in [
            ("PsInitialSystemProcess", system),
            ("PsIdleProcess", system),
            ("PsNtosImageBase", self.plan.kernel),
            ("MmSystemRangeStart", start),
            ("MmHighestUserAddress", self.plan.highest),
        ] {
            self.poke_pointer(self.symbol(name), value);
        }
    }

    fn width(&self) -> u64 {
        self.layout.pointer as u64
    }

    fn symbol(&self, name: &str) -> u64 {
        self.plan.kernel + self.layout.symbol(name)
    }

    /// Contiguous frames above the kernel's own tables, which are the first that the loader makes, and below 4 GiB, as
    /// the register that leads to them has 32 bits with PAE.
    fn tables_above(&mut self, pages: u64) -> u64 {
        loop {
            let start = self.page_run(pages);
            if start > self.plan.top && start < 1 << 32 {
                return start;
            }
        }
    }

    /// Contiguous frames.
    fn page_run(&mut self, pages: u64) -> u64 {
        loop {
            let start = self.memory.frame();
            let free = (1..pages).all(|page| self.memory.is_free(start + page * PAGE));
            if free {
                self.memory.reserve(start + PAGE..start + pages * PAGE);
                return start;
            }
        }
    }

    /// A piece of the nonpaged pool.
    fn allocate(&mut self, size: u64) -> u64 {
        let at = self.pool.next_multiple_of(16);
        self.pool = at + size;
        self.map_pool(at, size);
        at
    }

    /// A piece of the paged pool.
    fn allocate_paged(&mut self, size: u64) -> u64 {
        let at = self.paged_pool.next_multiple_of(16);
        self.paged_pool = at + size;
        self.map_pool(at, size);
        at
    }

    fn map_pool(&mut self, at: u64, size: u64) {
        for page in (at / PAGE..=(at + size - 1) / PAGE).map(|page| page * PAGE) {
            if !self.frames.contains_key(&page) {
                let frame = self.memory.frame();
                self.tables.map(&mut self.memory, page, Entry::Present(frame));
                self.frames.insert(page, frame);
            }
        }
    }

    fn physical(&self, address: u64) -> u64 {
        self.tables
            .physical(&self.memory, address)
            .or_else(|| self.frames.get(&(address / PAGE * PAGE)).map(|frame| frame + address % PAGE))
            .unwrap_or_else(|| panic!("{address:#x} is not mapped"))
    }

    /// Writes to a virtual address of the kernel.
    fn poke(&mut self, mut address: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let here = bytes.len().min((PAGE - address % PAGE) as usize);
            let physical = self.physical(address);
            self.memory.write(physical, &bytes[..here]);
            (address, bytes) = (address + here as u64, &bytes[here..]);
        }
    }

    fn poke_pointer(&mut self, address: u64, value: u64) {
        let width = self.layout.pointer;
        self.poke(address, &value.to_le_bytes()[..width]);
    }

    /// A `_UNICODE_STRING` and its text.
    fn text(&mut self, at: u64, text: &str, paged: bool) {
        let bytes = utf16(text);
        let buffer =
            if paged { self.allocate_paged(bytes.len() as u64) } else { self.allocate(bytes.len() as u64) };
        self.poke(buffer, &bytes);
        self.poke(at, &(bytes.len() as u16 - 2).to_le_bytes());
        self.poke(at + 2, &(bytes.len() as u16).to_le_bytes());
        self.poke_pointer(at + self.width(), buffer);
    }

    /// Links entries to a head, as `_LIST_ENTRY` does: in a circle, both ways.
    fn link(&mut self, head: u64, entries: &[u64]) {
        let circle: Vec<u64> = std::iter::once(head).chain(entries.iter().copied()).collect();
        for (index, &entry) in circle.iter().enumerate() {
            let next = circle[(index + 1) % circle.len()];
            let previous = circle[(index + circle.len() - 1) % circle.len()];
            self.poke_pointer(entry, next);
            self.poke_pointer(entry + self.width(), previous);
        }
    }
}

/// Two bytes a letter, and a NUL.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// GUID and age of a raw record.
fn spell(record: &[u8]) -> String {
    let word = |at: usize, bytes: usize| -> String {
        record[at..at + bytes].iter().rev().map(|byte| format!("{byte:02X}")).collect()
    };
    let rest: String = record[12..20].iter().map(|byte| format!("{byte:02X}")).collect();
    let age = u32::from_le_bytes(record[20..24].try_into().unwrap());
    format!("{}{}{}{rest}{age:X}", word(4, 4), word(8, 2), word(10, 2))
}
