use std::collections::BTreeSet;

use super::shared::{listed, printable, same, short_list, through};
use super::{LinuxKernel, MOST};
use crate::Error;
use crate::linux::table::{anchors, tasks as table};
use crate::validate::{Checker, Finding};

/// Bits of `task_struct.flags`.
const PF_EXITING: u64 = 4;
const PF_KTHREAD: u64 = 0x0020_0000;

/// The mark at the end of every kernel stack, which shows overflows (`STACK_END_MAGIC`).
const STACK_END_MAGIC: u64 = 0x57ac_6e9d;

/// The tasks in the image, as far as its lists lead.
#[derive(Default)]
pub(super) struct Tasks {
    /// The leaders of the thread groups, without the idle task.
    pub(super) leaders: Vec<u64>,
    /// Whether the image lacks data that leads to other tasks.
    partial: bool,
    /// Those with memory.
    pub(super) users: Vec<u64>,
}

/// Structs of tasks that must agree with each other.
pub(super) fn examine(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) -> Tasks {
    let view = kernel.view();
    let (mut leaders, mut partial) = (Vec::new(), false);
    checker.check(&table::TASKS, "it closes, back pointers agree", || match kernel.tasks() {
        Ok(list) => {
            let count = list.entries.len();
            let disagreeing = list.disagreeing;
            (leaders, partial) = (list.entries, list.partial);
            match list.end {
                Ok(()) => Finding::judge(
                    count >= 2 && disagreeing * 10 <= count,
                    format!("{count} tasks, {disagreeing} back pointers disagree"),
                ),
                Err(error) => Finding::of(&error),
            }
        }
        Err(error) => Finding::of(&error),
    });
    leaders.truncate(MOST);
    if checker.has_just_failed() {
        // An entry behind a broken list is not checked.
        leaders.clear();
    }
    let users = leaders.iter().copied().filter(|task| {
        let kernel_thread = view.get(*task, "task_struct.flags").is_ok_and(|flags| flags & PF_KTHREAD != 0);
        !kernel_thread && view.get(*task, "task_struct.mm").is_ok_and(|memory| kernel.is_upper(memory))
    });
    let tasks = Tasks { users: users.collect(), leaders, partial };
    of_each(kernel, &tasks, checker);
    numbers(kernel, &tasks, checker);
    families(kernel, &tasks, checker);
    threads(kernel, &tasks, checker);
    scheduling(kernel, &tasks, checker);
    credentials(kernel, &tasks, checker);
    tasks
}

fn of_each(kernel: &LinuxKernel<'_>, tasks: &Tasks, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let all = &tasks.leaders;
    let number = |path: &'static str| move |task| Ok(format!("{:#x}", view.get(task, path)?));
    checker.each(
        &table::COMM,
        "a name",
        all,
        |task| Ok(printable(&view.text_in(task, "task_struct.comm")?)),
        |task| view.text_in(task, "task_struct.comm"),
    );
    checker.each(
        &table::KERNEL_THREADS,
        "threads of the kernel have no memory, others do unless they end",
        all,
        |task| {
            let flags = view.get(task, "task_struct.flags")?;
            let memory = view.get(task, "task_struct.mm")?;
            Ok(if flags & PF_KTHREAD != 0 {
                memory == 0
            } else {
                kernel.is_upper(memory) || (memory == 0 && flags & PF_EXITING != 0)
            })
        },
        number("task_struct.flags"),
    );
    checker.each(
        &table::ACTIVE_MEMORY,
        "its own memory, where it has one",
        &tasks.users,
        |task| same(view.get(task, "task_struct.active_mm"), view.get(task, "task_struct.mm")),
        number("task_struct.active_mm"),
    );
    checker.each(
        &table::STACK,
        "a stack that ends with its mark",
        all,
        |task| {
            let stack = view.get(task, "task_struct.stack")?;
            // A zombie's stack is given back.
            Ok(stack == 0 || view.pointer(stack)? == STACK_END_MAGIC)
        },
        number("task_struct.stack"),
    );
    checker.each(
        &table::EXIT_STATE,
        "running, zombie or dead",
        all,
        |task| Ok(matches!(view.get(task, "task_struct.exit_state")?, 0 | 0x10 | 0x20)),
        number("task_struct.exit_state"),
    );
    let ended: Vec<u64> = all
        .iter()
        .copied()
        .filter(|task| view.get(*task, "task_struct.exit_state").is_ok_and(|state| state == 0x20))
        .collect();
    checker.each(
        &table::ZOMBIES,
        "they are ending, and have no memory",
        &ended,
        |task| {
            let flags = view.get(task, "task_struct.flags")?;
            Ok(flags & PF_EXITING != 0 && view.get(task, "task_struct.mm")? == 0)
        },
        number("task_struct.flags"),
    );
    checker.each(
        &table::ENDING,
        "zombies",
        &all.iter()
            .copied()
            .filter(|task| view.get(*task, "task_struct.flags").is_ok_and(|flags| flags & PF_EXITING != 0))
            .collect::<Vec<u64>>(),
        |task| {
            Ok(view.get(task, "task_struct.exit_state")? != 0
                || kernel.is_upper(view.get(task, "task_struct.mm")?))
        },
        number("task_struct.exit_state"),
    );
    checker.each(
        &table::STATE,
        "a state the kernel knows",
        all,
        |task| {
            let state = view.get(task, "task_struct.__state|task_struct.state")? & 0xffff_ffff;
            // One main state, with additional flags.
            Ok(state & !0xffff == 0 && (state & 0xff).count_ones() <= 2)
        },
        number("task_struct.__state|task_struct.state"),
    );
    checker.check(&table::WAITING_THREADS, "nearly all of them wait", || {
        let (mut waiting, mut all_of_them) = (0, 0);
        for task in all {
            if view.get(*task, "task_struct.flags").is_ok_and(|flags| flags & PF_KTHREAD != 0) {
                match view.get(*task, "task_struct.__state|task_struct.state") {
                    Ok(state) => {
                        all_of_them += 1;
                        waiting += u64::from(state & 3 != 0);
                    }
                    Err(error @ Error::Lacking { .. }) => return Finding::of(&error),
                    Err(_) => {}
                }
            }
        }
        if all_of_them == 0 {
            return Finding::nothing_to_check();
        }
        Finding::judge(waiting * 10 >= all_of_them * 7, format!("{waiting} of {all_of_them}"))
    });
    for member in ["task_struct.signal", "task_struct.sighand", "task_struct.cred", "task_struct.real_cred"] {
        checker.each_of(
            &table::TASK_POINTERS,
            member,
            "a pointer into the kernel's half",
            all,
            |task| {
                let pointer = view.get(task, member)?;
                let gone = member.ends_with("sighand") && pointer == 0;
                Ok(gone || (kernel.is_upper(pointer) && pointer % view.layout.address_size() == 0))
            },
            number(member),
        );
    }
    for (member, symbol) in [("task_struct.files", "init_files"), ("task_struct.fs", "init_fs")] {
        checker.each_of(
            &table::TASK_SHARED,
            member,
            "users have their own, but for process 1; threads of the kernel share one",
            all,
            |task| {
                let pointer = view.get(task, member)?;
                let user = view.get(task, "task_struct.mm")? != 0;
                let first = kernel.symbol(symbol)?;
                // Process 1 began as a kernel thread, and shares some of its data.
                let own = || Ok::<bool, Error>(pointer != first || view.get(task, "task_struct.tgid")? == 1);
                let upper = kernel.is_upper(pointer);
                Ok(if user { upper && own()? } else { pointer == 0 || upper })
            },
            number(member),
        );
    }
    checker.each(
        &table::NAMESPACES,
        "namespaces that count their users",
        &tasks.users,
        |task| {
            let spaces = view.get(task, "task_struct.nsproxy")?;
            Ok((1..1 << 20).contains(&view.get(spaces, "nsproxy.count")?))
        },
        number("task_struct.nsproxy"),
    );
    checker.each(
        &table::CGROUPS,
        "threads of the kernel are in the first set",
        &all.iter()
            .copied()
            .filter(|task| view.get(*task, "task_struct.mm").is_ok_and(|memory| memory == 0))
            .collect::<Vec<u64>>(),
        |task| same(view.get(task, "task_struct.cgroups"), kernel.symbol("init_css_set")),
        number("task_struct.cgroups"),
    );
}

/// A task's number is in itself, in its `pid` and in its group's leader.
fn numbers(kernel: &LinuxKernel<'_>, tasks: &Tasks, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let all = &tasks.leaders;
    let pid = |task| Ok(format!("pid {}", view.get(task, "task_struct.pid")?));
    checker.check(&table::PID, "all different, 1 and 2 among them", || {
        if let Err(error) = kernel.layout.field("task_struct.pid") {
            return Finding::of(&error);
        }
        let (read, absent) = view.get_all(all, "task_struct.pid");
        if read.is_empty() {
            return Finding::nothing_to_check();
        }
        let seen: BTreeSet<u64> = read.iter().copied().collect();
        let different = seen.len() * 10 >= read.len() * 9;
        let sane = different && seen.iter().all(|pid| (1..1 << 22).contains(pid));
        let known = seen.contains(&1) && seen.contains(&2);
        let partial = sane && (tasks.partial || absent > 0);
        Finding::judge_part(sane && known, partial, format!("{} different of {}", seen.len(), read.len()))
    });
    checker.each(
        &table::TGID,
        "a leader's own number",
        all,
        |task| same(view.get(task, "task_struct.tgid"), view.get(task, "task_struct.pid")),
        pid,
    );
    checker.each(
        &table::GROUP_LEADER,
        "a leader itself",
        all,
        |task| Ok(view.get(task, "task_struct.group_leader")? == task),
        pid,
    );
    checker.each(
        &table::PID_NUMBERS,
        "the task's number in the first namespace",
        all,
        |task| {
            let struct_pid = view.get(task, "task_struct.thread_pid")?;
            let first = view.at(struct_pid, "pid.numbers")?;
            Ok(view.get(first, "upid.nr")? == view.get(task, "task_struct.pid")?)
        },
        pid,
    );
    checker.each(
        &table::PID_NAMESPACE,
        "the first namespace",
        all,
        |task| {
            let first = view.at(view.get(task, "task_struct.thread_pid")?, "pid.numbers")?;
            same(view.get(first, "upid.ns"), kernel.symbol("init_pid_ns"))
        },
        pid,
    );
    checker.each(
        &table::PID_TASKS,
        "the task's own link, and back",
        all,
        |task| {
            let links = view.at(task, "task_struct.pid_links")?;
            let head = view.at(view.get(task, "task_struct.thread_pid")?, "pid.tasks")?;
            Ok(view.get(head, "hlist_head.first")? == links && view.get(links, "hlist_node.pprev")? == head)
        },
        pid,
    );
    checker.each(
        &table::PID_LEVEL,
        "a namespace's depth",
        all,
        |task| {
            let level = through(&view, task, "task_struct.thread_pid", "pid.level")?;
            Ok(level <= 32)
        },
        pid,
    );
}

/// Parents list their children.
fn families(kernel: &LinuxKernel<'_>, tasks: &Tasks, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let all = &tasks.leaders;
    let known: BTreeSet<u64> = all.iter().copied().chain(kernel.symbol("init_task").ok()).collect();
    let name = |task| view.text_in(task, "task_struct.comm");
    for member in ["task_struct.real_parent", "task_struct.parent"] {
        checker.each_of(
            &table::PARENTS,
            member,
            "a task, and not itself",
            all,
            |task| {
                let parent = view.get(task, member)?;
                let leader = view.get(parent, "task_struct.group_leader")?;
                Ok(parent != task && listed(known.contains(&leader), tasks.partial, leader)?)
            },
            name,
        );
    }
    checker.each(
        &table::CHILDREN,
        "every task is in its parent's list",
        all,
        |task| {
            let parent = view.get(task, "task_struct.real_parent")?;
            let head = view.at(parent, "task_struct.children")?;
            Ok(short_list(&view, head, "task_struct.sibling")?
                .is_none_or(|children| children.contains(&task)))
        },
        name,
    );
}

/// Groups of threads.
fn threads(kernel: &LinuxKernel<'_>, tasks: &Tasks, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let all = &tasks.leaders;
    let name = |task| view.text_in(task, "task_struct.comm");
    let mut others = Vec::new();
    checker.each(
        &table::THREADS,
        "as many threads as are counted, the leader first",
        all,
        |task| {
            let signal = view.get(task, "task_struct.signal")?;
            let head = view.at(signal, "signal_struct.thread_head")?;
            let Some(threads) = short_list(&view, head, "task_struct.thread_node")? else { return Ok(true) };
            let count = view.get(signal, "signal_struct.nr_threads")?;
            let room = MOST.saturating_sub(others.len());
            others.extend(threads.iter().copied().filter(|thread| *thread != task).take(room));
            Ok(threads.contains(&task) && threads.len() as u64 == count)
        },
        name,
    );
    checker.each(
        &table::THREAD_GROUP,
        "as many threads as are counted",
        all,
        |task| {
            let signal = view.get(task, "task_struct.signal")?;
            let head = view.at(task, "task_struct.thread_group")?;
            let Some(others) = short_list(&view, head, "task_struct.thread_group")? else { return Ok(true) };
            Ok(others.len() as u64 + 1 == view.get(signal, "signal_struct.nr_threads")?)
        },
        name,
    );
    checker.each(
        &table::THREAD_MEMBERS,
        "those of their leader",
        &others,
        |thread| {
            let leader = view.get(thread, "task_struct.group_leader")?;
            let mut good = leader != thread && listed(all.contains(&leader), tasks.partial, leader)?;
            for member in ["task_struct.tgid", "task_struct.signal", "task_struct.mm", "task_struct.sighand"]
            {
                good &= view.get(thread, member)? == view.get(leader, member)?;
            }
            Ok(good)
        },
        name,
    );
    checker.each(
        &table::THREAD_PID,
        "not their leader's",
        &others,
        |thread| Ok(view.get(thread, "task_struct.pid")? != view.get(thread, "task_struct.tgid")?),
        name,
    );
}

/// The scheduler's data about a task: its class, policy and priorities must agree.
fn scheduling(kernel: &LinuxKernel<'_>, tasks: &Tasks, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let all = &tasks.leaders;
    let name = |task| view.text_in(task, "task_struct.comm");
    let urgent: Vec<u64> = all
        .iter()
        .copied()
        .filter(|task| view.get(*task, "task_struct.policy").is_ok_and(|policy| matches!(policy, 1 | 2)))
        .collect();
    let ordinary: Vec<u64> = all.iter().copied().filter(|task| !urgent.contains(task)).collect();
    checker.each(
        &table::STATIC_PRIORITY,
        "100 to 139",
        all,
        |task| Ok((100..140).contains(&view.get(task, "task_struct.static_prio")?)),
        name,
    );
    checker.each(
        &table::ORDINARY_PRIORITY,
        "priorities follow from the nice level",
        &ordinary,
        |task| {
            let priority = view.get(task, "task_struct.static_prio")?;
            Ok(matches!(view.get(task, "task_struct.policy")?, 0 | 3 | 5)
                && view.get(task, "task_struct.normal_prio")? == priority
                && view.get(task, "task_struct.prio")? == priority
                && view.get(task, "task_struct.rt_priority")? == 0)
        },
        name,
    );
    checker.each(
        &table::REALTIME_PRIORITY,
        "99 less the realtime priority",
        &urgent,
        |task| {
            let priority = 99u64.wrapping_sub(view.get(task, "task_struct.rt_priority")?) & 0xffff_ffff;
            Ok(view.get(task, "task_struct.normal_prio")? & 0xffff_ffff == priority
                && view.get(task, "task_struct.prio")? & 0xffff_ffff == priority)
        },
        name,
    );
    checker.each(
        &table::ORDINARY_CLASS,
        "fair_sched_class",
        &ordinary,
        |task| same(view.get(task, "task_struct.sched_class"), kernel.symbol("fair_sched_class")),
        name,
    );
    checker.each(
        &table::REALTIME_CLASS,
        "rt_sched_class or stop_sched_class",
        &urgent,
        |task| {
            let class = view.get(task, "task_struct.sched_class")?;
            Ok(class == kernel.symbol("rt_sched_class")? || class == kernel.symbol("stop_sched_class")?)
        },
        name,
    );
    checker.check(&anchors::SCHEDULING_CLASSES, "between dl_sched_class and fair_sched_class", || {
        // Since 5.10 they are adjacent, in the order of their rank; before, they are linked.
        if kernel.layout.has("sched_class.next") {
            return Finding::Skipped("in this kernel they are linked".to_owned());
        }
        let place = |name: &str| kernel.symbol(name);
        match (place("dl_sched_class"), place("rt_sched_class"), place("fair_sched_class")) {
            (Ok(above), Ok(rt), Ok(below)) => {
                let (up, down) = (rt.abs_diff(above), below.abs_diff(rt));
                Finding::judge(up == down && up != 0, format!("{up:#x} and {down:#x} bytes apart"))
            }
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => Finding::of(&error),
        }
    });
    checker.each(
        &table::CPUS,
        "its own cpus_mask",
        all,
        |task| same(view.get(task, "task_struct.cpus_ptr"), view.at(task, "task_struct.cpus_mask")),
        name,
    );
    checker.each(
        &table::CPU_COUNT,
        "at least one, at most as many as the mask has bits",
        all,
        |task| {
            let mask = view.at(task, "task_struct.cpus_mask")?;
            let size = kernel.layout.field("task_struct.cpus_mask")?;
            let size = kernel.layout.size_of(&size.kind).unwrap_or(8).min(1024);
            let mut bits = 0;
            for byte in 0..size {
                bits += u64::from(view.number(mask.wrapping_add(byte), 1)?.count_ones());
            }
            Ok((1..=bits).contains(&view.get(task, "task_struct.nr_cpus_allowed")?))
        },
        name,
    );
}

/// The credentials of a task.
fn credentials(kernel: &LinuxKernel<'_>, tasks: &Tasks, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let mut all: Vec<u64> = tasks
        .leaders
        .iter()
        .filter_map(|task| view.get(*task, "task_struct.cred|task_struct.real_cred").ok())
        .filter(|pointer| kernel.is_upper(*pointer))
        .collect();
    all.sort_unstable();
    all.dedup();
    let user = |cred| Ok(format!("user {}", view.get(cred, "cred.uid")?));
    checker.each_of(
        &table::TASK_POINTERS,
        "task_struct.real_cred",
        "the same as cred",
        &tasks.leaders,
        |task| same(view.get(task, "task_struct.real_cred"), view.get(task, "task_struct.cred")),
        |task| view.text_in(task, "task_struct.comm"),
    );
    checker.each_of(
        &table::CREDENTIAL_NUMBERS,
        "cred.uid",
        "the number of cred.user",
        &all,
        |cred| same(through(&view, cred, "cred.user", "user_struct.uid"), view.get(cred, "cred.uid")),
        user,
    );
    let numbers = [
        "cred.uid",
        "cred.gid",
        "cred.suid",
        "cred.sgid",
        "cred.euid",
        "cred.egid",
        "cred.fsuid",
        "cred.fsgid",
    ];
    for number in numbers {
        checker.each_of(
            &table::CREDENTIAL_NUMBERS,
            number,
            "a number that a user or group can have",
            &all,
            |cred| Ok(view.get(cred, number)? & 0xffff_ffff < 1 << 31),
            user,
        );
    }
    checker.each(
        &table::FILE_CREDENTIALS,
        "those files are opened with",
        &all,
        |cred| {
            Ok(view.get(cred, "cred.euid")? == view.get(cred, "cred.fsuid")?
                && view.get(cred, "cred.egid")? == view.get(cred, "cred.fsgid")?)
        },
        user,
    );
    checker.each(
        &table::CAPABILITIES,
        "what is in effect is permitted",
        &all,
        |cred| {
            let set = |member: &str| view.get(cred, member);
            let (effective, permitted) = (set("cred.cap_effective")?, set("cred.cap_permitted")?);
            let ambient = set("cred.cap_ambient")?;
            let root = view.get(cred, "cred.euid")? == 0;
            let bounding = set("cred.cap_bset")?;
            Ok(effective & !permitted == 0
                && ambient & !permitted == 0
                && bounding.count_ones() > 8
                && bounding >> 48 == 0
                && (root || permitted.count_ones() < bounding.count_ones()))
        },
        user,
    );
    checker.each(
        &table::GROUPS,
        "a list of at most 65536 groups that counts its users",
        &all,
        |cred| {
            let groups = view.get(cred, "cred.group_info")?;
            let users = view.get(groups, "group_info.usage")?;
            Ok(view.get(groups, "group_info.ngroups")? <= 65536 && (1..1 << 20).contains(&users))
        },
        user,
    );
    checker.each(
        &table::CREDENTIAL_USERS,
        "users that are counted",
        &all,
        |cred| Ok((1..1 << 24).contains(&view.get(cred, "cred.usage")?)),
        user,
    );
    checker.each(
        &table::USER_NAMESPACE,
        "the first namespace, or one of its kind",
        &all,
        |cred| Ok(view.get(view.get(cred, "cred.user_ns")?, "user_namespace.level")? <= 32),
        user,
    );
}
