use super::{LIST_HEAD, LinuxKernel};
use crate::layout::FieldKind;
use crate::process::{Process, Time};
use crate::typed_memory::{List, TypedMemory};
use crate::{Error, Listing, Space};

/// A kernel thread, without memory of its own (`PF_KTHREAD`).
const PF_KTHREAD: u64 = 0x0020_0000;

/// The clocks' offsets from the monotonic one, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clocks {
    pub(crate) real: i64,
    pub(crate) boot: i64,
}

impl LinuxKernel<'_> {
    /// The processes: the leader of every thread group, in the order of the kernel's list, including zombies.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not describe tasks.
    pub fn processes(&self) -> Result<Listing<Process>, Error> {
        let clocks = self.clocks().ok();
        let List { entries, end, .. } = self.tasks()?;
        let rows = entries.iter().map(|task| self.process(*task, clocks)).collect::<Result<_, _>>()?;
        Ok(Listing { rows, end })
    }

    /// The list of all group leaders except the idle task, whose link is the list's head.
    pub(crate) fn tasks(&self) -> Result<List, Error> {
        let view = self.view();
        let head = view.at(self.symbol("init_task")?, "task_struct.tasks")?;
        view.list(head, "task_struct.tasks", LIST_HEAD)
    }

    fn process(&self, task: u64, clocks: Option<Clocks>) -> Result<Process, Error> {
        let view = self.view();
        // Data that is missing in a damaged image is left out; a profile without the members that every list needs is
        // an error.
        let read = |paths: &str| view.get(task, paths).ok();
        let _ = (view.at(task, "task_struct.pid")?, view.at(task, "task_struct.comm")?);
        let parent = read("task_struct.real_parent|task_struct.parent");
        let credentials = read("task_struct.cred|task_struct.real_cred").filter(|pointer| *pointer != 0);
        let identity = |paths: &str, old: &str| {
            let value = match credentials {
                Some(credentials) => view.get(credentials, paths).ok(),
                // Before credentials were a struct of their own (2.6.29).
                None => read(old),
            };
            value.and_then(|value| u32::try_from(value & 0xffff_ffff).ok())
        };
        let memory = read("task_struct.mm").filter(|pointer| *pointer != 0);
        let directory = memory.and_then(|memory| view.get(memory, "mm_struct.pgd").ok());
        let after_boot = start(&view, task);
        let since = clocks.zip(after_boot).map(|(clocks, after_boot)| {
            Time(i128::from(after_boot) - i128::from(clocks.boot) + i128::from(clocks.real))
        });
        Ok(Process {
            address: task,
            name: view.text_in(task, "task_struct.comm").unwrap_or_default(),
            pid: read("task_struct.pid").unwrap_or_default(),
            parent: parent.and_then(|parent| view.get(parent, "task_struct.tgid|task_struct.pid").ok()),
            threads: read("task_struct.signal").and_then(|signal| {
                let paths = "signal_struct.nr_threads|signal_struct.count";
                view.get(signal, paths).ok()
            }),
            user: identity("cred.uid", "task_struct.uid"),
            group: identity("cred.gid", "task_struct.gid"),
            state: self.state(task),
            dtb: directory.and_then(|directory| self.space.physical(directory).ok()),
            after_boot,
            started: since,
            ..Process::default()
        })
    }

    /// The state of a task in one word, as in `ps`.
    fn state(&self, task: u64) -> Option<&'static str> {
        let view = self.view();
        match view.get(task, "task_struct.exit_state").ok()? & 0x30 {
            0x20 => return Some("zombie"),
            0x10 => return Some("dead"),
            // Before 4.14 two bits together had the meaning of one, and their order was reversed.
            0x30 => return Some("dead"),
            _ => {}
        }
        let state = view.get(task, "task_struct.__state|task_struct.state").ok()?;
        let kernel = view.get(task, "task_struct.flags").is_ok_and(|flags| flags & PF_KTHREAD != 0);
        Some(match state & 0xffff {
            0 => "running",
            state if state & 0x402 == 0x402 && kernel => "idle",
            state if state & 1 != 0 => "sleeping",
            state if state & 2 != 0 => "waiting",
            state if state & 4 != 0 => "stopped",
            state if state & 8 != 0 => "traced",
            state if state & 0x40 != 0 => "parked",
            _ => "other",
        })
    }

    /// The differences between the clocks.
    pub(crate) fn clocks(&self) -> Result<Clocks, Error> {
        let view = self.view();
        let keeper = self.timekeeper()?;
        let offset = |paths: &str| view.get(keeper, paths).map(|value| value as i64);
        Ok(Clocks {
            real: offset("timekeeper.offs_real")?,
            boot: offset("timekeeper.offs_boot").unwrap_or(0),
        })
    }

    /// The kernel's clock: the first entry of `timekeeper_data` since 6.17, `tk_core` since 3.17, else `timekeeper`.
    pub(crate) fn timekeeper(&self) -> Result<u64, Error> {
        match self.symbol("timekeeper_data|tk_core") {
            Ok(core) => {
                // A lock's sequence number, then the clock at its alignment; the struct had no name until 6.13.
                let within = self.layout.field("tk_data.timekeeper").map(|field| field.offset);
                let aligned = || self.layout.alignment(&FieldKind::Record("timekeeper".to_owned())).max(4);
                Ok(core.wrapping_add(within.unwrap_or_else(|_| aligned())))
            }
            Err(_) => self.symbol("timekeeper"),
        }
    }
}

/// The start time of a task, in nanoseconds after boot.
fn start(view: &TypedMemory<'_>, task: u64) -> Option<u64> {
    let paths = "task_struct.start_boottime|task_struct.real_start_time|task_struct.start_time";
    let field = view.layout.field(paths).ok()?;
    if let FieldKind::Record(name) = &field.kind {
        // A `timespec`, until 3.17.
        let at = task.wrapping_add(field.offset);
        let seconds = view.get(at, &format!("{name}.tv_sec")).ok()?;
        let nanoseconds = view.get(at, &format!("{name}.tv_nsec")).ok()?;
        return seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds);
    }
    view.get(task, paths).ok()
}
