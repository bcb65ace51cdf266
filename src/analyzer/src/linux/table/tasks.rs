//! Tasks, their threads, priorities and credentials.

use crate::table::Group::Structure;
use crate::table::{row, rows};

rows! {
    TASKS = row(Structure, &["list of tasks"])
        .proves("The list of tasks returns to its head, and the back pointers of nine in ten entries agree.")
        .reads(&["list_head.next", "list_head.prev", "task_struct.tasks", "&init_task"]);

    COMM = row(Structure, &["task_struct.comm"])
        .proves("The name of a task is printable.")
        .reads(&["task_struct.comm"]);

    KERNEL_THREADS = row(Structure, &["task_struct.flags and mm"])
        .proves("Kernel threads have no memory, and all others have some unless they are ending.")
        .reads(&["task_struct.flags", "task_struct.mm"]);

    ACTIVE_MEMORY = row(Structure, &["task_struct.active_mm"])
        .proves("A task with memory uses that memory.")
        .reads(&["task_struct.active_mm", "task_struct.mm"]);

    STACK = row(Structure, &["task_struct.stack"])
        .proves("The stack of a task ends with the kernel's mark for the end of a stack.")
        .reads(&["task_struct.stack"]);

    EXIT_STATE = row(Structure, &["task_struct.exit_state"])
        .proves("A task runs, is a zombie, or is dead.")
        .reads(&["task_struct.exit_state"]);

    ZOMBIES = row(Structure, &["zombies"])
        .proves("Zombies are marked as ending and have no memory.")
        .reads(&["task_struct.flags", "task_struct.mm"]);

    ENDING = row(Structure, &["ending tasks"])
        .proves("Tasks that are marked as ending are zombies, or still have memory.")
        .reads(&["task_struct.exit_state"]);

    STATE = row(Structure, &["task_struct.__state"])
        .proves("The state of a task has only bits that the kernel knows.")
        .reads(&["task_struct.__state"])
        .reads_elsewhere(&["task_struct.state"]);

    WAITING_THREADS = row(Structure, &["task_struct.__state: threads of the kernel"])
        .proves("Seven in ten kernel threads wait.")
        .reads(&["task_struct.__state", "task_struct.flags"])
        .reads_elsewhere(&["task_struct.state"]);

    TASK_POINTERS = row(Structure, &["task_struct.signal", "task_struct.sighand", "task_struct.cred", "task_struct.real_cred"])
        .proves(
            "These members are aligned pointers into the kernel's half of the address space. For \
            `real_cred`, it is also the same pointer as `cred`.",
        )
        .reads(&["task_struct.cred", "task_struct.real_cred", "task_struct.sighand", "task_struct.signal"]);

    TASK_SHARED = row(Structure, &["task_struct.files", "task_struct.fs"])
        .proves(
            "Processes other than process 1 have structs of their own; kernel threads may share those of \
            the idle task.",
        )
        .reads(&[
            "task_struct.files", "task_struct.fs", "task_struct.mm", "task_struct.tgid", "&init_files",
            "&init_fs",
        ]);

    NAMESPACES = row(Structure, &["task_struct.nsproxy"])
        .proves("The namespaces of a process count their users.")
        .reads(&["nsproxy.count", "task_struct.nsproxy"]);

    CGROUPS = row(Structure, &["task_struct.cgroups"])
        .proves("Tasks without memory are in the first set of control groups.")
        .reads(&["task_struct.cgroups", "&init_css_set"]);

    PID = row(Structure, &["task_struct.pid"])
        .proves("Nine in ten process IDs are different, and 1 and 2 are among them.")
        .reads(&["task_struct.pid"]);

    TGID = row(Structure, &["task_struct.tgid"])
        .proves("The leader of a thread group has the group's number.")
        .reads(&["task_struct.pid", "task_struct.tgid"]);

    GROUP_LEADER = row(Structure, &["task_struct.group_leader"])
        .proves("The leader of a thread group is its own leader.")
        .reads(&["task_struct.group_leader"]);

    PID_NUMBERS = row(Structure, &["pid.numbers"])
        .proves("The task's `struct pid` has the task's number in the first namespace.")
        .reads(&["pid.numbers", "task_struct.pid", "task_struct.thread_pid", "upid.nr"]);

    PID_NAMESPACE = row(Structure, &["upid.ns"])
        .proves("The number is one in the first namespace.")
        .reads(&["pid.numbers", "task_struct.thread_pid", "upid.ns", "&init_pid_ns"]);

    PID_TASKS = row(Structure, &["pid.tasks"])
        .proves("The task's `struct pid` leads to the task, and the task's link leads back.")
        .reads(&[
            "hlist_head.first", "hlist_node.pprev", "pid.tasks", "task_struct.pid_links",
            "task_struct.thread_pid",
        ]);

    PID_LEVEL = row(Structure, &["pid.level"])
        .proves("The task's namespace is at most 32 levels deep.")
        .reads(&["pid.level", "task_struct.thread_pid"]);

    PARENTS = row(Structure, &["task_struct.real_parent", "task_struct.parent"])
        .proves("The parent of a task is another task, whose leader is in the list.")
        .reads(&["task_struct.group_leader", "task_struct.parent", "task_struct.real_parent"]);

    CHILDREN = row(Structure, &["task_struct.children, sibling"])
        .proves("A task is in its parent's list of children.")
        .reads(&[
            "list_head.next", "list_head.prev", "task_struct.children", "task_struct.real_parent",
            "task_struct.sibling",
        ]);

    THREADS = row(Structure, &["signal_struct.thread_head, nr_threads"])
        .proves("The list of threads has as many entries as are counted, and the leader is one of them.")
        .reads(&[
            "list_head.next", "list_head.prev", "signal_struct.nr_threads", "signal_struct.thread_head",
            "task_struct.signal", "task_struct.thread_node",
        ]);

    THREAD_GROUP = row(Structure, &["task_struct.thread_group"])
        .proves("The older list of threads has as many entries as are counted.")
        .reads(&[
            "list_head.next", "list_head.prev", "signal_struct.nr_threads", "task_struct.signal",
            "task_struct.thread_group",
        ]);

    THREAD_MEMBERS = row(Structure, &["threads: task_struct.group_leader, tgid, signal, mm"])
        .proves("A thread has the number, the signals and the memory of its leader.")
        .reads(&[
            "task_struct.group_leader", "task_struct.mm", "task_struct.sighand", "task_struct.signal",
            "task_struct.tgid",
        ]);

    THREAD_PID = row(Structure, &["threads: task_struct.pid"])
        .proves("A thread other than the leader has a number of its own.")
        .reads(&["task_struct.pid", "task_struct.tgid"]);

    STATIC_PRIORITY = row(Structure, &["task_struct.static_prio"])
        .proves("The static priority is one of those that nice levels give, 100 to 139.")
        .reads(&["task_struct.static_prio"]);

    ORDINARY_PRIORITY = row(Structure, &["ordinary tasks: task_struct.policy, prio, normal_prio, rt_priority"])
        .proves(
            "The priorities of an ordinary task are its static priority, and it has no realtime priority.",
        )
        .reads(&[
            "task_struct.normal_prio", "task_struct.policy", "task_struct.prio", "task_struct.rt_priority",
            "task_struct.static_prio",
        ]);

    REALTIME_PRIORITY = row(Structure, &["realtime tasks: task_struct.prio, normal_prio, rt_priority"])
        .proves("The priorities of a realtime task are 99 minus its realtime priority.")
        .reads(&["task_struct.normal_prio", "task_struct.prio", "task_struct.rt_priority"]);

    ORDINARY_CLASS = row(Structure, &["ordinary tasks: task_struct.sched_class"])
        .proves("Ordinary tasks have the fair scheduling class.")
        .reads(&["task_struct.sched_class", "&fair_sched_class"]);

    REALTIME_CLASS = row(Structure, &["realtime tasks: task_struct.sched_class"])
        .proves("Realtime tasks have the realtime or the stop class.")
        .reads(&["task_struct.sched_class", "&rt_sched_class", "&stop_sched_class"]);

    CPUS = row(Structure, &["task_struct.cpus_ptr"])
        .proves("The task's pointer to its set of processors leads to its own mask.")
        .reads(&["task_struct.cpus_mask", "task_struct.cpus_ptr"]);

    CPU_COUNT = row(Structure, &["task_struct.nr_cpus_allowed"])
        .proves(
            "The number of processors that a task may use is at least one and at most the number of bits in \
            its mask.",
        )
        .reads(&["task_struct.cpus_mask", "task_struct.nr_cpus_allowed"]);

    CREDENTIAL_NUMBERS = row(Structure, &[
        "cred.uid", "cred.gid", "cred.suid", "cred.sgid", "cred.euid", "cred.egid", "cred.fsuid",
        "cred.fsgid",
    ])
        .proves(
            "These are numbers that a user or group can have. For `uid`, it is also the number in the \
            user's struct.",
        )
        .reads(&[
            "cred.egid", "cred.euid", "cred.fsgid", "cred.fsuid", "cred.gid", "cred.sgid", "cred.suid",
            "cred.uid", "cred.user", "user_struct.uid",
        ]);

    FILE_CREDENTIALS = row(Structure, &["cred.euid, egid"])
        .proves("The effective numbers are those that files are opened with.")
        .reads(&["cred.egid", "cred.euid", "cred.fsgid", "cred.fsuid"]);

    CAPABILITIES = row(Structure, &["cred.cap_effective, cap_permitted, cap_bset"])
        .proves("Capabilities that are in effect are permitted, and only root has all of the bounding set.")
        .reads(&["cred.cap_ambient", "cred.cap_bset", "cred.cap_effective", "cred.cap_permitted", "cred.euid"]);

    GROUPS = row(Structure, &["cred.group_info"])
        .proves("The list of groups has at most 65536 entries and counts its users.")
        .reads(&["cred.group_info", "group_info.ngroups", "group_info.usage"]);

    CREDENTIAL_USERS = row(Structure, &["cred.usage"])
        .proves("Credentials count their users.")
        .reads(&["cred.usage"]);

    USER_NAMESPACE = row(Structure, &["cred.user_ns"])
        .proves("The user namespace is at most 32 levels deep.")
        .reads(&["cred.user_ns", "user_namespace.level"]);
}
