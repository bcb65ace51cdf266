//! Known values at symbols' addresses.

use crate::table::Group::Anchors;
use crate::table::{row, rows};

rows! {
    NOTES = row(Anchors, &["notes between their symbols"])
        .names_the_build()
        .proves(
            "ELF notes fill the space between `__start_notes` and `__stop_notes`, and one of them is a \
            build-id.",
        )
        .skipped_if("the profile lacks one of the symbols")
        .reads(&["&__start_notes", "&__stop_notes"]);

    BANNER_TEXT = row(Anchors, &["linux_banner"])
        .names_the_build()
        .proves("The text at the symbol begins as every banner does.")
        .reads(&["&linux_banner"]);

    FIRST_TEXTS = row(Anchors, &["linux_proc_banner", "init_task: task_struct.comm", "init_uts_ns: uts_namespace.name.sysname"])
        .proves(
            "The texts at these symbols and members begin as in every kernel: `%s version %s`, `swapper` \
            and `Linux`.",
        )
        .reads(&[
            "new_utsname.sysname", "task_struct.comm", "uts_namespace.name", "&init_task", "&init_uts_ns",
            "&linux_proc_banner",
        ]);

    POINTERS = row(Anchors, &POINTER_NAMES)
        .proves("Each of the kernel's first objects points to the others, whose addresses the profile gives.")
        .skipped_if("the kernel was built without the object")
        .reads(&[
            "cred.group_info", "cred.ucounts", "cred.user", "cred.user_ns", "fdtable.close_on_exec",
            "fdtable.fd", "fdtable.open_fds", "files_struct.close_on_exec_init", "files_struct.fd_array",
            "files_struct.fdt", "files_struct.fdtab", "files_struct.open_fds_init", "mm_struct.pgd",
            "net.user_ns", "nsproxy.cgroup_ns", "nsproxy.ipc_ns", "nsproxy.net_ns",
            "nsproxy.pid_ns_for_children", "nsproxy.time_ns", "nsproxy.uts_ns", "pid_namespace.user_ns",
            "task_struct.cpus_mask", "task_struct.cpus_ptr", "task_struct.cred", "task_struct.files",
            "task_struct.fs", "task_struct.group_leader", "task_struct.nsproxy", "task_struct.parent",
            "task_struct.real_cred", "task_struct.real_parent", "task_struct.sighand", "task_struct.signal",
            "task_struct.stack", "task_struct.thread_pid", "uts_namespace.user_ns", "&init_cgroup_ns",
            "&init_cred", "&init_files", "&init_fs", "&init_groups", "&init_ipc_ns", "&init_mm", "&init_net",
            "&init_nsproxy", "&init_pid_ns", "&init_sighand", "&init_signals", "&init_stack",
            "&init_struct_pid", "&init_task", "&init_time_ns", "&init_top_pgt", "&init_ucounts",
            "&init_user_ns", "&init_uts_ns", "&root_user",
        ])
        .reads_elsewhere(&["&swapper_pg_dir"]);

    RELEASE = row(Anchors, &["init_uts_ns: uts_namespace.name.release"])
        .names_the_build()
        .proves("The release is the third word of the banner.")
        .reads(&["new_utsname.release", "uts_namespace.name", "&init_uts_ns", "&linux_banner"]);

    VERSION = row(Anchors, &["init_uts_ns: uts_namespace.name.version"])
        .names_the_build()
        .proves("The version, which begins with `#`, is a part of the banner.")
        .reads(&["new_utsname.version", "uts_namespace.name", "&init_uts_ns", "&linux_banner"]);

    MACHINE = row(Anchors, &["init_uts_ns: machine"])
        .proves("The machine is the processor that the profile is for.")
        .reads(&["new_utsname.machine", "uts_namespace.name", "&init_uts_ns"]);

    NODE = row(Anchors, &["init_uts_ns: node and domain"])
        .proves("The host's name and domain are printable.")
        .reads(&["new_utsname.domainname", "new_utsname.nodename", "uts_namespace.name", "&init_uts_ns"]);

    COMMAND_LINE = row(Anchors, &["saved_command_line"])
        .proves("The symbol holds a pointer to a printable text.")
        .reads(&["&saved_command_line"]);

    TEXT_ALIGNMENT = row(Anchors, &["_text"])
        .proves("The kernel's code is at a multiple of two megabytes in physical memory.")
        .skipped_if("the processor is not AMD64")
        .reads(&["&_text"]);

    PHYS_BASE = row(Anchors, &["phys_base"])
        .proves("The variable holds the kernel's shift in physical memory.")
        .reads(&["&phys_base"]);

    PAGE_OFFSET = row(Anchors, &["page_offset_base"])
        .proves(
            "The map of all memory, which begins at this variable's value, shows the banner's page at its \
            place.",
        )
        .reads(&["&page_offset_base"]);

    MAP_ORDER = row(Anchors, &["vmalloc_base, vmemmap_base"])
        .proves(
            "The three regions of the kernel's address map begin at multiples of a gigabyte, one after the \
            other.",
        )
        .reads(&["&page_offset_base", "&vmalloc_base", "&vmemmap_base"]);

    FRAMES = row(Anchors, &["vmemmap_base: frame of the banner"])
        .proves(
            "The `struct page` of the banner's page is mapped at the place that follows from the size of \
            the struct.",
        )
        .skipped_if("the kernel was built without `SPARSEMEM_VMEMMAP`")
        .reads(&["&vmemmap_base"]);

    SYSTEM_CALLS = row(Anchors, &["sys_call_table: entry 0", "sys_call_table: entry 39", "sys_call_table: entry 60"])
        .proves("The table of system calls leads to the functions for `read`, `getpid` and `exit`.")
        .skipped_if("the processor is not AMD64")
        .reads(&["&__x64_sys_exit", "&__x64_sys_getpid", "&__x64_sys_read", "&sys_call_table"]);

    NUMBERS = row(Anchors, &[
        "init_task: task_struct.pid", "init_task: task_struct.tgid", "init_task: task_struct.mm",
        "init_pid_ns: pid_namespace.level", "init_struct_pid: pid.level",
    ])
        .proves("These numbers are zero in every kernel's first objects.")
        .reads(&[
            "pid.level", "pid_namespace.level", "task_struct.mm", "task_struct.pid", "task_struct.tgid",
            "&init_pid_ns", "&init_struct_pid", "&init_task",
        ]);

    IDLE_MEMORY = row(Anchors, &["init_task: active_mm"])
        .proves("The idle task uses memory in the kernel's half of the address space.")
        .reads(&["task_struct.active_mm", "&init_task"]);

    REAPER = row(Anchors, &["init_pid_ns: child_reaper"])
        .proves("The task that adopts orphans is process 1.")
        .reads(&["pid_namespace.child_reaper", "task_struct.tgid", "&init_pid_ns"]);

    CRASH_NOTES = row(Anchors, &["vmcoreinfo_data"])
        .names_the_build()
        .proves("The symbol holds a pointer to a text that begins as VMCOREINFO does.")
        .reads(&["&vmcoreinfo_data"]);

    CRASH_NOTES_SIZE = row(Anchors, &["vmcoreinfo_size"])
        .proves("The variable holds the length of VMCOREINFO.")
        .reads(&["&vmcoreinfo_data", "&vmcoreinfo_size"]);

    CRASH_SYMBOLS = row(Anchors, &[
        "VMCOREINFO: _stext", "VMCOREINFO: init_uts_ns", "VMCOREINFO: swapper_pg_dir",
        "VMCOREINFO: init_top_pgt", "VMCOREINFO: node_online_map",
    ])
        .proves("These symbols have the addresses that VMCOREINFO gives.")
        .skipped_if("VMCOREINFO does not have the symbol")
        .reads(&["&_stext", "&init_top_pgt", "&init_uts_ns"])
        .reads_elsewhere(&["&swapper_pg_dir"]);

    CRASH_OFFSET = row(Anchors, &["VMCOREINFO: KERNELOFFSET"])
        .proves("The kernel's shift in virtual memory is the one that VMCOREINFO gives.")
        .skipped_if("VMCOREINFO does not have it");

    CRASH_MEMBERS = row(Anchors, &[
        "VMCOREINFO: list_head.next", "VMCOREINFO: list_head.prev", "VMCOREINFO: page.flags",
        "VMCOREINFO: page.lru", "VMCOREINFO: pglist_data.node_zones",
    ])
        .proves("These members have the offsets that VMCOREINFO gives.")
        .skipped_if("VMCOREINFO does not have the member")
        .reads(&["list_head.next", "list_head.prev", "page.flags", "page.lru", "pglist_data.node_zones"]);

    TYPE_TABLE = row(Anchors, &["__start_BTF, __stop_BTF"])
        .proves("BTF begins and ends at its symbols, and has the length that its header gives.")
        .skipped_if("the profile lacks one of the symbols")
        .reads(&["&__start_BTF", "&__stop_BTF"]);

    SCHEDULING_CLASSES = row(Anchors, &["rt_sched_class"])
        .proves("The scheduling class for realtime is halfway between those above and below it.")
        .skipped_if("the classes are linked (kernels before 5.10)")
        .reads(&["&dl_sched_class", "&fair_sched_class", "&rt_sched_class"]);

    NO_KERNEL = row(Anchors, &["kernel"])
        .without_kernel()
        .proves(
            "A kernel is where the profile's symbols lead. This check is made only if no kernel was found. \
            It fails if the image names a kernel.",
        )
        .skipped_if("the image names no kernel, or what leads to the profile's kernel is not in the image")
        .reads(&["&_stext", "&init_task", "&init_top_pgt", "&linux_banner"])
        .reads_elsewhere(&["&swapper_pg_dir"]);
}

/// A pointer in one of the kernel's first objects.
pub(crate) struct Pointer {
    /// The symbol of the object and the member with the pointer, as the check is called: `SYMBOL: MEMBER`.
    pub(crate) name: &'static str,
    /// The symbol that it points to.
    pub(crate) target: &'static str,
    /// The member of the target, if it does not point to the target's start.
    pub(crate) inner: Option<&'static str>,
}

const fn pointer(name: &'static str, target: &'static str, inner: Option<&'static str>) -> Pointer {
    Pointer { name, target, inner }
}

/// The pointers that [`POINTERS`] is about.
pub(crate) static FIRST_POINTERS: [Pointer; 31] = [
    pointer("init_task: task_struct.real_parent", "init_task", None),
    pointer("init_task: task_struct.parent", "init_task", None),
    pointer("init_task: task_struct.group_leader", "init_task", None),
    pointer("init_task: task_struct.stack", "init_stack|init_thread_union", None),
    pointer("init_task: task_struct.signal", "init_signals", None),
    pointer("init_task: task_struct.sighand", "init_sighand", None),
    pointer("init_task: task_struct.files", "init_files", None),
    pointer("init_task: task_struct.fs", "init_fs", None),
    pointer("init_task: task_struct.nsproxy", "init_nsproxy", None),
    pointer("init_task: task_struct.cred", "init_cred", None),
    pointer("init_task: task_struct.real_cred", "init_cred", None),
    pointer("init_task: task_struct.thread_pid", "init_struct_pid", None),
    pointer("init_task: task_struct.cpus_ptr", "init_task", Some("task_struct.cpus_mask")),
    pointer("init_cred: cred.user", "root_user", None),
    pointer("init_cred: cred.user_ns", "init_user_ns", None),
    pointer("init_cred: cred.group_info", "init_groups", None),
    pointer("init_cred: cred.ucounts", "init_ucounts", None),
    pointer("init_nsproxy: nsproxy.uts_ns", "init_uts_ns", None),
    pointer("init_nsproxy: nsproxy.ipc_ns", "init_ipc_ns", None),
    pointer("init_nsproxy: nsproxy.pid_ns_for_children|nsproxy.pid_ns", "init_pid_ns", None),
    pointer("init_nsproxy: nsproxy.net_ns", "init_net", None),
    pointer("init_nsproxy: nsproxy.time_ns", "init_time_ns", None),
    pointer("init_nsproxy: nsproxy.cgroup_ns", "init_cgroup_ns", None),
    pointer("init_uts_ns: uts_namespace.user_ns", "init_user_ns", None),
    pointer("init_pid_ns: pid_namespace.user_ns", "init_user_ns", None),
    pointer("init_net: net.user_ns", "init_user_ns", None),
    pointer("init_files: files_struct.fdt", "init_files", Some("files_struct.fdtab")),
    pointer("init_files: files_struct.fdtab.fd", "init_files", Some("files_struct.fd_array")),
    pointer("init_files: files_struct.fdtab.open_fds", "init_files", Some("files_struct.open_fds_init")),
    pointer(
        "init_files: files_struct.fdtab.close_on_exec",
        "init_files",
        Some("files_struct.close_on_exec_init"),
    ),
    pointer("init_mm: mm_struct.pgd", "init_top_pgt|init_level4_pgt|swapper_pg_dir", None),
];

static POINTER_NAMES: [&str; FIRST_POINTERS.len()] = {
    let mut names = [""; FIRST_POINTERS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = FIRST_POINTERS[index].name;
        index += 1;
    }
    names
};
