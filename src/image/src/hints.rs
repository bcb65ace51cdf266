use profile::Arch;

use crate::{PhysicalAddress, VirtualAddress};

/// What a container says of the machine besides its memory. Nothing here is proved: a container can be wrong, or lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hints {
    /// The processor.
    pub arch: Option<Arch>,
    /// Where the page tables in use begin: of a crash dump's system process, or of the first processor's current one.
    pub dtb: Option<PhysicalAddress>,
    /// The state of the processors, in their order.
    pub cpus: Vec<Cpu>,
    /// The text a Linux kernel leaves for its dump tools (`OSRELEASE=...`).
    pub vmcoreinfo: Option<String>,
    /// What the kernel's `uname` says, as a kdump header keeps it: system, node, release, version, machine.
    pub uname: Option<[String; 5]>,
    /// How far the kernel was moved in physical memory, as the dump tool found it (`phys_base`).
    pub phys_base: Option<i64>,
    /// What the header of a Windows crash dump says.
    pub crash_dump: Option<CrashDump>,
    /// What a triage dump holds instead of memory.
    pub triage: Option<Triage>,
}

/// The control registers of one processor, as far as its container tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cpu {
    /// The instruction it stood at.
    pub instruction: VirtualAddress,
    /// CR0: bit 31 says whether paging is on.
    pub cr0: u64,
    /// CR3: where the page tables begin, and more in its lower bits.
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
    /// Why the system stopped.
    pub bug_check: u32,
    /// The four parameters of the stop.
    pub bug_check_parameters: [u64; 4],
    /// When, in 100 ns since 1601; zero where not recorded.
    pub system_time: u64,
}

/// What a small crash dump (`TRIAGE_DUMP32`, `TRIAGE_DUMP64`) keeps of the system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Triage {
    /// The loaded modules, in the order of loading: the kernel first.
    pub modules: Vec<TriageModule>,
    /// The name of the process that ran, if it stands at one of its known places.
    pub process: Option<String>,
    /// That process's object (`_EPROCESS`), for who has its profile.
    pub process_object: Vec<u8>,
}

/// A module as a triage dump lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriageModule {
    /// The path it was loaded from.
    pub name: String,
    /// Where it was.
    pub base: VirtualAddress,
    /// How large its image is, in bytes.
    pub size: u32,
    /// When it was linked, as its PE header says: with the size, this names a PE in a symbol store.
    pub timestamp: u32,
}
