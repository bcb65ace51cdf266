//! The names that are looked up in the profile of a macOS kernel.

use super::need::{ALL, LISTS, Need, VOLATILITY, may, must};

pub(super) const NEEDS: &[Need] = &[
    // Process lists.
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
    // Volatility 3: the kernel's place in memory.
    may(VOLATILITY, "&_version_major|&version_major"),
    may(VOLATILITY, "&_version_minor|&version_minor"),
    may(VOLATILITY, "&_stext|&_vm_kernel_stext"),
    may(VOLATILITY, "&_etext|&_vm_kernel_etext"),
    // Volatility 3: lists of processes (mac.pslist).
    may(VOLATILITY, "&_tasks|&tasks"),
    may(VOLATILITY, "&_pidhash|&pidhash"),
    may(VOLATILITY, "&_pidhashtbl|&pidhashtbl"),
    may(VOLATILITY, "&_pgrphash|&pgrphash"),
    may(VOLATILITY, "&_pgrphashtbl|&pgrphashtbl"),
    may(VOLATILITY, "&_sesshash|&sesshash"),
    may(VOLATILITY, "&_sesshashtbl|&sesshashtbl"),
    // Volatility 3: other plug-ins.
    may(VOLATILITY, "&_kmod|&kmod"),
    may(VOLATILITY, "kmod_info"),
    may(VOLATILITY, "&_mountlist|&mountlist"),
    may(VOLATILITY, "&_msgbufp|&msgbufp"),
    may(VOLATILITY, "&_sysent|&sysent"),
    may(VOLATILITY, "&_mach_trap_table|&mach_trap_table"),
    may(VOLATILITY, "&_sysctl__children|&sysctl__children"),
    may(VOLATILITY, "&_mac_policy_list|&mac_policy_list"),
    may(VOLATILITY, "&_ifnet_head|&_dlil_ifnet_head"),
    may(VOLATILITY, "&_sock_filter_head|&sock_filter_head"),
    may(VOLATILITY, "&_kauth_scopes|&kauth_scopes"),
    may(VOLATILITY, "&_real_ncpus|&real_ncpus"),
    may(VOLATILITY, "&_cpu_data_ptr|&cpu_data_ptr"),
    may(VOLATILITY, "&_watcher_table|&watcher_table"),
    may(VOLATILITY, "vnode"),
    may(VOLATILITY, "vm_map_entry"),
    may(VOLATILITY, "fileglob"),
    may(VOLATILITY, "socket"),
    may(VOLATILITY, "inpcb"),
    may(VOLATILITY, "ifnet"),
    may(VOLATILITY, "sysctl_oid"),
];
