//! What the readers of profiles look up in them, by system.
//!
//! Sources: Rekall's profile classes and autodetection (docs/format.md lists them), LibVMI's
//! `json_profiles/rekall.c` and its Windows and Linux start-up, DRAKVUF's `win-offsets-map.h` and
//! `linux-offsets-map.h`, Volatility 3's `windows`, `linux` and `mac` frameworks.

use crate::System;

/// A program that reads profiles (or what is exported from them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Consumer {
    /// Rekall 1.6 and 1.7.
    Rekall,
    /// LibVMI 0.14 and later.
    LibVmi,
    /// DRAKVUF 1.0 and later.
    Drakvuf,
    /// Volatility 3 (2.x), through the ISF export.
    Volatility3,
}

impl Consumer {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Rekall => "Rekall",
            LibVmi => "LibVMI",
            Drakvuf => "DRAKVUF",
            Volatility3 => "Volatility 3",
        }
    }

    /// The versions whose sources were read for what is said of it.
    pub fn versions(self) -> &'static str {
        match self {
            Rekall => "1.6 and 1.7",
            LibVmi => "0.14 and 0.15",
            Drakvuf => "1.0",
            Volatility3 => "2.x",
        }
    }
}

/// One thing looked up: a member (`_EPROCESS.Pcb`), a symbol (`&init_task`) or a struct (`_MMPTE`); where
/// versions differ, alternatives of which one is enough, separated by `|`.
pub(crate) struct Need {
    pub(crate) any_of: &'static str,
    pub(crate) consumers: &'static [Consumer],
    /// Whether the consumer cannot work without it.
    pub(crate) required: bool,
}

impl Need {
    /// Whether any of the alternatives is a symbol.
    pub(crate) fn is_symbol(&self) -> bool {
        self.any_of.contains('&')
    }
}

const fn must(consumers: &'static [Consumer], any_of: &'static str) -> Need {
    Need { any_of, consumers, required: true }
}

const fn may(consumers: &'static [Consumer], any_of: &'static str) -> Need {
    Need { any_of, consumers, required: false }
}

use Consumer::{Drakvuf, LibVmi, Rekall, Volatility3};

/// Every consumer.
pub(crate) const ALL: &[Consumer] = &[Rekall, LibVmi, Drakvuf, Volatility3];
const VMI: &[Consumer] = &[LibVmi, Drakvuf];
const DRAKVUF: &[Consumer] = &[Drakvuf];
const LISTS: &[Consumer] = &[Rekall, Volatility3];

/// What is looked up in the kernel's profile of `system`.
pub(crate) fn kernel_needs(system: System) -> &'static [Need] {
    match system {
        System::Windows => WINDOWS,
        System::Linux => LINUX,
        System::Mac => MAC,
        System::Other => &[],
    }
}

const WINDOWS: &[Need] = &[
    must(ALL, "_EPROCESS.ActiveProcessLinks"),
    must(ALL, "_EPROCESS.UniqueProcessId"),
    must(ALL, "_EPROCESS.ImageFileName"),
    must(ALL, "_KPROCESS.DirectoryTableBase"),
    must(ALL, "&PsInitialSystemProcess|&PsActiveProcessHead"),
    must(VMI, "&PsInitialSystemProcess"),
    must(LISTS, "&PsActiveProcessHead"),
    must(LISTS, "_EPROCESS.InheritedFromUniqueProcessId"),
    must(LISTS, "_EPROCESS.ThreadListHead"),
    must(LISTS, "&PsLoadedModuleList"),
    must(LISTS, "_LDR_DATA_TABLE_ENTRY.DllBase"),
    must(LISTS, "_LDR_DATA_TABLE_ENTRY.BaseDllName"),
    may(LISTS, "_EPROCESS.Pcb"),
    may(LISTS, "_EPROCESS.CreateTime"),
    may(LISTS, "_EPROCESS.ExitTime"),
    may(LISTS, "_EPROCESS.ActiveThreads"),
    may(LISTS, "_EPROCESS.ObjectTable"),
    may(LISTS, "_OBJECT_HEADER"),
    may(LISTS, "_MMPTE"),
    may(LISTS, "&KdDebuggerDataBlock"),
    may(LISTS, "&NtBuildLab"),
    may(&[LibVmi], "&KdVersionBlock|_KPCR.KdVersionBlock"),
    may(&[LibVmi], "_DBGKD_GET_VERSION64.KernBase"),
    may(&[LibVmi], "&KiDivideErrorFault|&KiTrap00"),
    may(&[LibVmi], "_MMPTE_SOFTWARE.PageFileHigh"),
    may(&[LibVmi], "_MMPTE_SOFTWARE.Protection"),
    may(&[LibVmi], "_MMPTE_PROTOTYPE.ProtoAddress"),
    may(&[LibVmi], "_MMPTE_HARDWARE.PageFrameNumber"),
    may(&[LibVmi], "_MMPTE_TRANSITION.PageFrameNumber"),
    may(VMI, "&KiInitialPCR"),
    may(DRAKVUF, "_EPROCESS.SeAuditProcessCreationInfo"),
    may(DRAKVUF, "_EPROCESS.Peb"),
    may(DRAKVUF, "_EPROCESS.VadRoot"),
    may(DRAKVUF, "_EPROCESS.Wow64Process|_EPROCESS.WoW64Process"),
    may(DRAKVUF, "_RTL_AVL_TREE.Root|_MM_AVL_TABLE.BalancedRoot"),
    may(DRAKVUF, "_RTL_BALANCED_NODE.Left|_MMVAD.LeftChild|_MMADDRESS_NODE.LeftChild"),
    may(DRAKVUF, "_MMVAD_SHORT.StartingVpn|_MMVAD.StartingVpn"),
    may(DRAKVUF, "_MMVAD_SHORT.EndingVpn|_MMVAD.EndingVpn"),
    may(DRAKVUF, "_MMVAD.Subsection|_MMVAD.ControlArea"),
    may(DRAKVUF, "_SUBSECTION.ControlArea"),
    may(DRAKVUF, "_CONTROL_AREA.FilePointer"),
    may(DRAKVUF, "_KPROCESS.Header"),
    may(DRAKVUF, "_PEB.ImageBaseAddress"),
    may(DRAKVUF, "_PEB.Ldr"),
    may(DRAKVUF, "_PEB.ProcessParameters"),
    may(DRAKVUF, "_PEB.SessionId"),
    may(DRAKVUF, "_PEB_LDR_DATA.InLoadOrderModuleList"),
    may(DRAKVUF, "_LDR_DATA_TABLE_ENTRY.SizeOfImage"),
    may(DRAKVUF, "_LDR_DATA_TABLE_ENTRY.FullDllName"),
    may(DRAKVUF, "_HANDLE_TABLE.TableCode"),
    may(DRAKVUF, "_KPCR.Prcb|_KPCR.PrcbData"),
    may(DRAKVUF, "_KPRCB.CurrentThread"),
    may(DRAKVUF, "_KTHREAD.Process|_KTHREAD.ApcState"),
    may(DRAKVUF, "_KTHREAD.PreviousMode"),
    may(DRAKVUF, "_KTHREAD.Header"),
    may(DRAKVUF, "_KTHREAD.Teb"),
    may(DRAKVUF, "_KTHREAD.TrapFrame"),
    may(DRAKVUF, "_KTRAP_FRAME.Rbp|_KTRAP_FRAME.Ebp|_KTRAP_FRAME.Fp"),
    may(DRAKVUF, "_TEB.TlsSlots"),
    may(DRAKVUF, "_TEB.LastErrorValue"),
    may(DRAKVUF, "_ETHREAD.Cid"),
    may(DRAKVUF, "_ETHREAD.Tcb"),
    may(DRAKVUF, "_CLIENT_ID.UniqueThread"),
    may(DRAKVUF, "_OBJECT_HEADER.TypeIndex|_OBJECT_HEADER.Type"),
    may(DRAKVUF, "_OBJECT_HEADER.Body"),
    may(DRAKVUF, "_POOL_HEADER.BlockSize"),
    may(DRAKVUF, "_POOL_HEADER.PoolType"),
    may(DRAKVUF, "_POOL_HEADER.PoolTag"),
    may(DRAKVUF, "_DISPATCHER_HEADER.Type"),
    may(DRAKVUF, "_CM_KEY_BODY.KeyControlBlock"),
    may(DRAKVUF, "_CM_KEY_BODY.ProcessID"),
    may(DRAKVUF, "_CM_KEY_CONTROL_BLOCK.NameBlock"),
    may(DRAKVUF, "_CM_KEY_CONTROL_BLOCK.ParentKcb"),
    may(DRAKVUF, "_CM_NAME_CONTROL_BLOCK.Name"),
    may(DRAKVUF, "_CM_NAME_CONTROL_BLOCK.NameLength"),
    may(DRAKVUF, "_SE_AUDIT_PROCESS_CREATION_INFO.ImageFileName"),
    may(DRAKVUF, "_OBJECT_NAME_INFORMATION.Name"),
    may(DRAKVUF, "_FILE_OBJECT.FileName"),
    may(DRAKVUF, "_RTL_USER_PROCESS_PARAMETERS.CommandLine"),
];

const LINUX: &[Need] = &[
    must(ALL, "task_struct.tasks"),
    must(ALL, "task_struct.pid"),
    must(ALL, "task_struct.comm"),
    must(ALL, "task_struct.mm"),
    must(ALL, "mm_struct.pgd"),
    must(ALL, "&init_task"),
    must(&[Volatility3], "&linux_banner|&init_uts_ns"),
    may(&[Rekall], "&linux_proc_banner"),
    may(&[Rekall, LibVmi], "&init_level4_pgt|&init_top_pgt|&swapper_pg_dir"),
    may(&[LibVmi], "&startup_64|&startup_32|&stext|&_stext"),
    may(&[LibVmi], "&phys_startup_64|&phys_startup_32|&startup_64|&stext"),
    may(LISTS, "&_text|&_stext|&stext"),
    may(LISTS, "task_struct.tgid"),
    may(LISTS, "task_struct.parent|task_struct.real_parent"),
    may(LISTS, "task_struct.cred|task_struct.uid"),
    may(LISTS, "task_struct.start_time|task_struct.real_start_time|task_struct.start_boottime"),
    may(LISTS, "&modules"),
    may(LISTS, "module.list"),
    may(LISTS, "module.name"),
    may(DRAKVUF, "&current_task|&pcpu_hot"),
    may(DRAKVUF, "task_struct.real_parent"),
    may(DRAKVUF, "task_struct.active_mm"),
    may(DRAKVUF, "mm_struct.mmap|mm_struct.mm_mt"),
    may(DRAKVUF, "vm_area_struct.vm_file"),
    may(DRAKVUF, "vm_area_struct.vm_start"),
    may(DRAKVUF, "vm_area_struct.vm_end"),
    may(DRAKVUF, "vm_area_struct.vm_pgoff"),
    may(DRAKVUF, "vm_area_struct.vm_flags"),
    may(DRAKVUF, "file.f_path"),
    may(DRAKVUF, "path.dentry"),
    may(DRAKVUF, "dentry.d_name"),
    may(DRAKVUF, "qstr.name"),
    may(DRAKVUF, "cred.uid"),
    // It reads ELF files inside the guest.
    may(DRAKVUF, "elf64_hdr.e_phoff"),
    may(DRAKVUF, "elf64_hdr.e_phnum"),
    may(DRAKVUF, "elf64_hdr.e_phentsize"),
    may(DRAKVUF, "elf64_phdr.p_type"),
    may(DRAKVUF, "elf64_phdr.p_offset"),
    may(DRAKVUF, "elf64_phdr.p_vaddr"),
    may(DRAKVUF, "elf64_sym.st_name"),
    may(DRAKVUF, "elf64_sym.st_value"),
    may(DRAKVUF, "elf64_rela.r_offset"),
    may(DRAKVUF, "elf64_rela.r_info"),
    may(DRAKVUF, "elf64_rela.r_addend"),
];

const MAC: &[Need] = &[
    must(ALL, "proc.p_pid"),
    must(ALL, "proc.p_comm"),
    must(LISTS, "&_allproc|&allproc"),
    must(LISTS, "proc.p_list"),
    may(LISTS, "&_version|&version"),
    may(LISTS, "&_lowGlo|&lowGlo"),
    may(LISTS, "&_IdlePML4|&_BootPML4|&_IdlePDPT|&_kernel_pmap"),
    may(LISTS, "proc.p_ppid"),
    may(LISTS, "proc.task|proc.p_proc_ro"),
    may(LISTS, "task.map"),
    may(LISTS, "_vm_map.pmap"),
    may(LISTS, "pmap.pm_cr3|pmap.tte"),
];
