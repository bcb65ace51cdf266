//! Windows memory images: a kernel in name only, as the loader, the memory manager and the process manager leave it.
//!
//! What documents fix is as they say: `_KUSER_SHARED_DATA` at its address, the debugger's block (`KDBG`), the entries
//! through which page tables see themselves, page table entries of every kind. Everything else is where this build's
//! own symbols say.

mod case;
mod module;
mod pool;
mod process;
mod setup;
mod table;

pub use case::Case;
pub use table::{Table, Variant};

use std::collections::BTreeMap;

use crate::Image;
use crate::container::Header;
use crate::executable::Mapped;
use crate::layout::Layout;
use crate::memory::{Memory, PAGE};
use crate::paging::{Entry, Mode, Tables};
use crate::truth::{Process, Record, Truth};

use case::Plan;
use process::SECOND;
use setup::{LARGE, Setup};

/// Lays out an image.
pub fn image(case: Case) -> Image {
    Builder::new(Setup::of_case(case)).build()
}

/// Lays out an image by the table of a real build.
pub fn image_of(table: &Table, variant: &Variant) -> Image {
    Builder::new(table.setup(variant)).build()
}

struct Builder {
    name: String,
    plan: Plan,
    layout: Layout,
    memory: Memory,
    tables: Tables,
    kernel: Mapped,
    hal: &'static [u8],
    tcpip: &'static [u8],
    torn: bool,
    isolated: bool,
    session: Option<u64>,
    /// Pages that only the processes of a session see.
    session_pages: Vec<(u64, u64)>,
    /// Free addresses in the pools.
    pool: u64,
    paged_pool: u64,
    /// What each mapped page of the pools lies in.
    frames: BTreeMap<u64, u64>,
    records: Vec<Record>,
}
impl Builder {
    fn new(setup: Setup) -> Self {
        let mut memory = Memory::new(&setup.ranges, setup.plan.time);
        memory.reserve(setup.own_tables());
        memory.reserve(setup.image());
        let Setup { name, plan, layout, kernel, hal, tcpip, torn, isolated, hidden, session, .. } = setup;
        let tables = Tables::new(&mut memory, plan.mode, plan.top).hiding(hidden);
        Self {
            name,
            layout,
            memory,
            tables,
            kernel,
            hal,
            tcpip,
            torn,
            isolated,
            session,
            session_pages: Vec::new(),
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
            if wanted.session.is_some() {
                for (page, frame) in &self.session_pages {
                    space.map(&mut self.memory, *page, Entry::Present(*frame));
                }
            }
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
            case: self.name,
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
            let end = (page + PAGE).min(self.kernel.bytes.len() as u64);
            let content = &self.kernel.bytes[page as usize..end as usize];
            // What nobody wrote is zero as well.
            if !out && content.iter().any(|byte| *byte != 0) {
                self.memory.write(physical + page, content);
            }
            if !self.plan.large {
                let entry =
                    if out { Entry::PagedOut(0x21 + page / PAGE) } else { Entry::Present(physical + page) };
                self.tables.map(&mut self.memory, base + page, entry);
            }
        }
        if self.plan.large {
            let (first, frames) = (base & !(LARGE - 1), physical & !(LARGE - 1));
            for page in (0..base + length - first).step_by(LARGE as usize) {
                self.tables.map_large(&mut self.memory, first + page, frames + page);
            }
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
            if let Some(address) = self.layout.symbol_if_any(symbol) {
                put(offset, self.plan.kernel + address);
            }
        }
        put(0x18, self.plan.kernel);
        put(0x138, PAGE);
        let (major, minor, _) = self.plan.version;
        if (major, minor) >= (6, 2) {
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

        // Since Windows 10 it is filled in only where a debugger listens; our own kernels have it always.
        if major == 10 && !self.own_build() {
            return;
        }
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
            Mode::X64Level5 => 0xff00_0000_0000_0000,
            Mode::X86 | Mode::Pae => 0x8000_0000,
        };
        for (name, value) in [
            ("PsInitialSystemProcess", system),
            ("PsIdleProcess", system),
            ("PsNtosImageBase", self.plan.kernel),
            ("MmSystemRangeStart", start),
            ("MmHighestUserAddress", self.plan.highest),
        ] {
            if let Some(address) = self.layout.symbol_if_any(name) {
                self.poke_pointer(self.plan.kernel + address, value);
            }
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
