use profile::Arch;

use crate::{PhysicalAddress, VirtualAddress};

/// What a container says about the machine besides its memory. Nothing here is proved: a container can be wrong or
/// forged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hints {
    /// The processor.
    pub arch: Option<Arch>,
    /// The page tables in use: of a crash dump's system process, or the first processor's current ones.
    pub dtb: Option<PhysicalAddress>,
    /// The state of the processors, in their order.
    pub cpus: Vec<Cpu>,
    /// The text that a Linux kernel writes for its dump tools (`OSRELEASE=...`).
    pub vmcoreinfo: Option<String>,
    /// The kernel's `uname` in a kdump header: system, node, release, version, machine.
    pub uname: Option<[String; 5]>,
    /// How far the kernel was moved in physical memory, according to the dump tool (`phys_base`).
    pub phys_base: Option<i64>,
    /// The contents of the header of a Windows crash dump.
    pub crash_dump: Option<CrashDump>,
    /// The contents of a triage dump, which has no memory.
    pub triage: Option<Triage>,
    /// Whether the file is known not to be laid out by physical addresses, while what says how is missing: a `.vmem` of more
    /// than 3 GiB without its state file.
    pub unknown_layout: bool,
    /// Whether the places of the file's bytes in memory were worked out from the memory itself, so that parts of it may belong
    /// elsewhere.
    pub worked_out_layout: bool,
}

/// The control registers of one processor, as far as its container has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cpu {
    /// Its instruction pointer.
    pub instruction: VirtualAddress,
    /// CR0: bit 31 says whether paging is on.
    pub cr0: u64,
    /// CR3: the place of the page tables, with other data in its lower bits.
    pub cr3: u64,
    /// CR4: bit 5 is PAE, bit 12 five levels.
    pub cr4: u64,
}

/// The header of a Windows crash dump (`DUMP_HEADER`, `DUMP_HEADER64`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashDump {
    /// 15 for a free build, 12 for a checked one.
    pub major_version: u32,
    /// The build number of the system.
    pub minor_version: u32,
    /// The processor, as a PE header names it.
    pub machine: u16,
    /// How many processors there were.
    pub processors: u32,
    /// The database of page frames.
    pub pfn_database: VirtualAddress,
    /// The head of the list of loaded modules.
    pub ps_loaded_module_list: VirtualAddress,
    /// The head of the list of processes.
    pub ps_active_process_head: VirtualAddress,
    /// The debugger's data block; zero where there is none.
    pub kd_debugger_data_block: VirtualAddress,
    /// Whether PAE is on (32-bit systems).
    pub pae: bool,
    /// The stop code.
    pub bug_check: u32,
    /// The four parameters of the stop code.
    pub bug_check_parameters: [u64; 4],
    /// The time, in 100 ns since 1601; zero if not recorded.
    pub system_time: u64,
}

/// The contents of a small crash dump (`TRIAGE_DUMP32`, `TRIAGE_DUMP64`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Triage {
    /// The loaded modules, in loading order: the kernel first.
    pub modules: Vec<TriageModule>,
    /// The name of the running process, if it is at one of its known places.
    pub process: Option<String>,
    /// That process's object (`_EPROCESS`), usable only with a matching profile.
    pub process_object: Vec<u8>,
}

/// A module in a triage dump.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriageModule {
    /// The path it was loaded from.
    pub name: String,
    /// Its address.
    pub base: VirtualAddress,
    /// The size of its image in bytes.
    pub size: u32,
    /// The link time in its PE header: together with the size it identifies a PE file in a symbol store.
    pub timestamp: u32,
}
