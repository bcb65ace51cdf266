//! The table of the checks of a macOS profile. Unnamed structs have their names in the canonical profile.

use crate::table::Group::{Anchors, Profile, Structure};
use crate::table::{CheckTable, row, rows};

rows! {
    VERSION = row(Anchors, &["version"])
        .decisive()
        .proves("The text at the symbol begins as the version of every kernel does.")
        .reads(&["&_version"]);

    LOW_GLOBALS = row(Anchors, &["lowGlo"])
        .proves("The page at the symbol begins with `Catfish `.")
        .reads(&["&_lowGlo"]);

    LOW_VERSION = row(Anchors, &["lowGlo: version"])
        .proves("The page has the address of the version.")
        .reads(&["lowglo.lgVersion", "&_lowGlo", "&_version"]);

    OS_VERSION = row(Anchors, &["osversion"])
        .proves("The text at the symbol is the name of a build.")
        .reads(&["&_osversion"]);

    KERNEL_PROCESS = row(Anchors, &["kernproc"])
        .proves("The first process is called `kernel_task`, has number 0, and has the kernel's task.")
        .reads(&["proc.p_comm", "proc.p_pid", "proc.task", "&_kernel_task", "&_kernproc"]);

    KERNEL_PMAP = row(Anchors, &["kernel_pmap"])
        .proves("The kernel's map of physical memory has the page tables in use.")
        .skipped_if("those page tables are not in the image")
        .reads(&["pmap.pm_cr3", "&_kernel_pmap", "&_version"]);

    KERNEL_MAP = row(Anchors, &["kernel_map"])
        .proves("The kernel's map of virtual memory is that of its task.")
        .reads(&["task.map", "&_kernel_map", "&_kernel_task"]);

    MAP_PMAP = row(Anchors, &["kernel_map: pmap"])
        .proves("The kernel's map of virtual memory has its map of physical memory.")
        .reads(&["_vm_map.pmap", "&_kernel_map", "&_kernel_pmap"]);

    NO_KERNEL = row(Anchors, &["kernel"])
        .without_kernel()
        .proves(
            "A kernel is where the profile's symbols lead. This check is made only if no kernel was found. \
            It fails if the image has another kernel.",
        )
        .skipped_if("the image has no kernel")
        .reads(&["&_IdlePML4", "&_lowGlo", "&_version"]);

    PROCESSES = row(Structure, &["allproc"])
        .proves("The list of processes ends, and has more than one entry.")
        .reads(&["__unnamed_proc_p_sibling.le_next", "proc.p_list", "proclist.lh_first", "&_allproc"]);

    PROCESS_LINKS = row(Structure, &["proc.p_list"])
        .proves("The back pointer of a process leads to the link before it.")
        .reads(&["__unnamed_proc_p_sibling.le_prev", "proc.p_list"]);

    PROCESS_NAME = row(Structure, &["proc.p_comm"])
        .proves("A process has a name without control characters.")
        .reads(&["proc.p_comm"]);

    PROCESS_ID = row(Structure, &["proc.p_pid"])
        .proves("All process numbers are different, and 0 and 1 are among them.")
        .reads(&["proc.p_pid"]);

    PARENT = row(Structure, &["proc.p_pptr, p_ppid"])
        .proves("The parent of a process has the number that the process gives for it.")
        .reads(&["proc.p_pid", "proc.p_ppid", "proc.p_pptr"]);

    TASK = row(Structure, &["proc.task, task.bsd_info"])
        .proves("The task of a process leads back to it.")
        .reads(&["proc.task", "task.bsd_info"]);

    PAGE_TABLES = row(Structure, &["task.map, _vm_map.pmap, pmap.pm_cr3"])
        .proves("The page tables of a process lead to the kernel.")
        .reads(&["_vm_map.pmap", "pmap.pm_cr3", "proc.task", "task.map", "&_version"]);

    PROCESS_START = row(Structure, &["proc.p_start"])
        .proves("A process other than the kernel's began between 1990 and 2100.")
        .reads(&["proc.p_pid", "proc.p_start", "timeval.tv_sec", "timeval.tv_usec"]);

    PROCESS_STATE = row(Structure, &["proc.p_stat"])
        .proves("The state of a process is one of five.")
        .reads(&["proc.p_stat"]);

    PROCESS_USER = row(Structure, &["proc.p_uid"])
        .proves("The user of a process is that of its credentials.")
        .reads(&["__unnamed_ucred_cr_posix.cr_uid", "proc.p_ucred", "proc.p_uid", "ucred.cr_posix"]);

    TASKS = row(Structure, &["tasks"])
        .proves("The list of tasks returns to its head, and every process's task is in it.")
        .reads(&["proc.task", "queue_entry.next", "task.tasks", "&_tasks"]);

    EXTENSIONS = row(Structure, &["kmod"])
        .proves("The list of extensions ends.")
        .reads(&["kmod_info.next", "&_kmod"]);

    EXTENSION = row(Structure, &["kmod_info: name, address, size"])
        .proves("An extension has a name with a dot, and pages.")
        .reads(&["kmod_info.address", "kmod_info.name", "kmod_info.size"]);

    LAYOUT = row(Profile, &["layout of what is read"])
        .proves(
            "In the structs that are read, members are where a C compiler puts them: they are aligned, do \
            not overlap, and leave no gap that is larger than necessary.",
        )
        .skipped_if("the profile has none of the structs");
}

/// The checks of a macOS profile.
pub static CHECKS: CheckTable = CheckTable { parts: &[("", ROWS)] };
