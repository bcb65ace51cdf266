//! The checks that prove a macOS profile; docs/validation.md explains each of them.

use std::collections::BTreeSet;

use image::{Memory, ScanPlan};

use super::locate::VERSION;
use super::{MacKernel, table};
use crate::validate::{Checker, Finding, MOST, Validation};
use crate::{Error, Layout};

/// The kernel's half.
const UPPER_HALF: u64 = 0xffff_8000_0000_0000;

/// Proves a macOS profile on an image.
///
/// # Errors
/// [`Error::Unsupported`] and similar errors if nothing can be checked.
pub(crate) fn validate(
    memory: &dyn Memory,
    layout: &Layout,
    plan: &ScanPlan<'_>,
) -> Result<Validation, Error> {
    let mut checker = Checker::new(layout);
    match MacKernel::seek(memory, layout, plan)? {
        Ok(kernel) => {
            anchors(&kernel, &mut checker);
            processes(&kernel, &mut checker);
            extensions(&kernel, &mut checker);
            checker.layout_of(&table::LAYOUT, &table::CHECKS.reads());
            let facts = kernel.facts();
            Ok(checker.conclude(facts))
        }
        Err(missed) => {
            checker.check(&table::NO_KERNEL, "one at the profile's addresses", || {
                for name in ["version", "lowGlo", "IdlePML4"] {
                    let _ = super::linked(layout, name);
                }
                let reason = missed.tried.join("; ");
                if missed.another { Finding::Failed(reason) } else { Finding::Skipped(reason) }
            });
            Ok(checker.conclude(Vec::new()))
        }
    }
}

fn anchors(kernel: &MacKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let text = |name: &str| kernel.symbol(name).and_then(|at| view.text(at, 256));
    checker.check(&table::VERSION, VERSION, || match text("version") {
        Ok(text) => Finding::judge(text.starts_with(VERSION), text),
        Err(error) => Finding::of(&error),
    });
    checker.check(&table::LOW_GLOBALS, "Catfish", || match text("lowGlo") {
        Ok(text) => Finding::judge(text.starts_with("Catfish "), text),
        Err(error) => Finding::of(&error),
    });
    checker.check(&table::LOW_VERSION, "the address of version", || {
        let found = kernel.symbol("lowGlo").and_then(|at| view.get(at, "lowglo.lgVersion"));
        match (found, kernel.symbol("version")) {
            (found, Ok(version)) => Finding::equal(found, version),
            (_, Err(error)) => Finding::of(&error),
        }
    });
    checker.check(&table::OS_VERSION, "a build's name", || match text("osversion") {
        Ok(text) => {
            let name = text.chars().all(|character| character.is_ascii_alphanumeric());
            Finding::judge(name && text.starts_with(|first: char| first.is_ascii_digit()), text)
        }
        Err(error) => Finding::of(&error),
    });
    checker.check(&table::KERNEL_PROCESS, "process 0, kernel_task", || {
        let look = |at: u64| -> Result<Finding, Error> {
            let process = view.pointer(at)?;
            let (pid, name) = (view.get(process, "proc.p_pid")?, view.text_in(process, "proc.p_comm")?);
            let task = view.get(process, "proc.task")?;
            let own = view.pointer(kernel.symbol("kernel_task")?)?;
            Ok(Finding::judge(
                pid == 0 && name == "kernel_task" && task == own,
                format!("{name}, process {pid}"),
            ))
        };
        kernel.symbol("kernproc").and_then(look).unwrap_or_else(|error| Finding::of(&error))
    });
    checker.check(&table::KERNEL_PMAP, "the page tables in use", || {
        let root = kernel.symbol("kernel_pmap").and_then(|at| view.get(view.pointer(at)?, "pmap.pm_cr3"));
        match root.as_ref().map(|root| kernel.shares(*root)) {
            // If they are not in the image, others that lead to the kernel are used.
            Ok(Err(error)) if error.is_absence() => Finding::of(&error),
            _ => Finding::equal(root, kernel.space.dtb().0),
        }
    });
    checker.check(&table::KERNEL_MAP, "the map of kernel_task", || {
        let map = kernel.symbol("kernel_map").and_then(|at| view.pointer(at));
        let own = kernel.symbol("kernel_task").and_then(|at| view.get(view.pointer(at)?, "task.map"));
        match (map, own) {
            (map, Ok(own)) => Finding::equal(map, own),
            (_, Err(error)) => Finding::of(&error),
        }
    });
    checker.check(&table::MAP_PMAP, "kernel_pmap", || {
        let found = kernel.symbol("kernel_map").and_then(|at| view.get(view.pointer(at)?, "_vm_map.pmap"));
        match (found, kernel.symbol("kernel_pmap").and_then(|at| view.pointer(at))) {
            (found, Ok(expected)) => Finding::equal(found, expected),
            (_, Err(error)) => Finding::of(&error),
        }
    });
}

fn processes(kernel: &MacKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let (mut all, mut partial) = (Vec::new(), false);
    checker.check(&table::PROCESSES, "a list that ends", || {
        let list = kernel
            .symbol("allproc")
            .and_then(|head| kernel.chain(view.get(head, "proclist.lh_first")?, "proc.p_list.le_next"));
        match list {
            Ok((entries, end)) => {
                all = entries;
                match end {
                    Ok(()) => Finding::judge(all.len() > 1, format!("{} processes", all.len())),
                    Err(error) => {
                        partial = error.is_absence();
                        Finding::of(&error)
                    }
                }
            }
            Err(error) => Finding::of(&error),
        }
    });
    if checker.has_just_failed() {
        all.clear();
    }
    all.truncate(MOST);
    let name = |process| {
        kernel.layout.field("proc.p_list.le_next")?;
        view.text_in(process, "proc.p_comm")
    };
    checker.each(
        &table::PROCESS_LINKS,
        "back pointers agree",
        &all,
        |process| {
            let before = view.get(process, "proc.p_list.le_prev")?;
            Ok(view.pointer(before)? == process)
        },
        name,
    );
    checker.each(
        &table::PROCESS_NAME,
        "a name",
        &all,
        |process| {
            let text = view.text_in(process, "proc.p_comm")?;
            Ok(!text.is_empty() && !text.chars().any(char::is_control))
        },
        name,
    );
    checker.check(&table::PROCESS_ID, "all different, 0 and 1 among them", || {
        if let Err(error) = kernel.layout.field("proc.p_pid") {
            return Finding::of(&error);
        }
        let (ids, absent) = view.get_all(&all, "proc.p_pid");
        let different: BTreeSet<u64> = ids.iter().copied().collect();
        let sane = different.len() == ids.len() && ids.iter().all(|id| *id < 100_000);
        Finding::judge_part(
            sane && different.contains(&0) && different.contains(&1),
            sane && (partial || absent > 0 || all.is_empty()),
            format!("{} different of {}", different.len(), ids.len()),
        )
    });
    checker.each(
        &table::PARENT,
        "the parent's number",
        &all,
        |process| {
            let parent = view.get(process, "proc.p_pptr")?;
            let number = view.get(process, "proc.p_ppid")?;
            Ok(if parent == 0 { number == 0 } else { view.get(parent, "proc.p_pid")? == number })
        },
        name,
    );
    let living: Vec<u64> = all
        .iter()
        .copied()
        .filter(|process| view.get(*process, "proc.task").is_ok_and(|task| task != 0))
        .collect();
    checker.each(
        &table::TASK,
        "a task that leads back",
        &living,
        |process| {
            let task = view.get(process, "proc.task")?;
            Ok(task >= UPPER_HALF && view.get(task, "task.bsd_info")? == process)
        },
        name,
    );
    checker.each(
        &table::PAGE_TABLES,
        "page tables that lead to the kernel",
        &living,
        |process| kernel.shares(kernel.directory(view.get(process, "proc.task")?)?),
        name,
    );
    checker.each(
        &table::PROCESS_START,
        "a time since 1990, and a part of a second",
        &all,
        |process| {
            let at = view.at(process, "proc.p_start")?;
            let (seconds, fraction) = (view.get(at, "timeval.tv_sec")?, view.get(at, "timeval.tv_usec")?);
            let kernel_itself = view.get(process, "proc.p_pid")? == 0;
            Ok((kernel_itself || (631_152_000..4_102_444_800).contains(&seconds)) && fraction < 1_000_000)
        },
        name,
    );
    checker.each(
        &table::PROCESS_STATE,
        "one of the five states",
        &all,
        |process| Ok((1..=5).contains(&(view.get(process, "proc.p_stat")? & 0xff))),
        name,
    );
    let user = "ucred.cr_posix.cr_uid|ucred.cr_uid";
    checker.each(
        &table::PROCESS_USER,
        "that of its credentials",
        &all,
        |process| {
            let own = view.get(process, "proc.p_uid")?;
            Ok(own == view.get(view.get(process, "proc.p_ucred")?, user)?)
        },
        name,
    );
    checker.check(&table::TASKS, "a list that comes back to its head, with each process's task", || {
        let look = |head: u64| -> Result<Finding, Error> {
            // The kernel's queues link elements, not their link members.
            let mut known = BTreeSet::new();
            let mut at = view.get(head, "queue_entry.next")?;
            while at != head && known.len() < MOST && known.insert(at) {
                at = view.get(at, "task.tasks.next")?;
            }
            let tasks = living.iter().filter_map(|process| view.get(*process, "proc.task").ok());
            let missing = tasks.filter(|task| !known.contains(task)).count();
            let words = format!("{} tasks, {missing} processes without one", known.len());
            Ok(Finding::judge(missing == 0 && (at == head || known.len() == MOST), words))
        };
        kernel.symbol("tasks").and_then(look).unwrap_or_else(|error| Finding::of(&error))
    });
}

fn extensions(kernel: &MacKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let mut all = Vec::new();
    checker.check(&table::EXTENSIONS, "a list that ends", || {
        match kernel.symbol("kmod").and_then(|at| kernel.chain(view.pointer(at)?, "kmod_info.next")) {
            Ok((entries, end)) => {
                all = entries;
                match end {
                    Ok(()) => Finding::Passed(format!("{} extensions", all.len())),
                    Err(error) => Finding::of(&error),
                }
            }
            Err(error) => Finding::of(&error),
        }
    });
    all.truncate(MOST);
    checker.each(
        &table::EXTENSION,
        "a name, a page and a size",
        &all,
        |entry| {
            let name = view.text_in(entry, "kmod_info.name")?;
            let (base, size) = (view.get(entry, "kmod_info.address")?, view.get(entry, "kmod_info.size")?);
            Ok(name.contains('.') && base % 4096 == 0 && size < 1 << 30 && (base == 0) == (size == 0))
        },
        |entry| {
            // Where the list begins.
            kernel.symbol("kmod")?;
            view.text_in(entry, "kmod_info.name")
        },
    );
}
