use super::LinuxKernel;
use super::tasks::Tasks;
use crate::Error;
use crate::linux::table::time as table;
use crate::validate::{Checker, Finding};

/// The kernel's clock, and the start times of tasks.
pub(super) fn examine(kernel: &LinuxKernel<'_>, tasks: &Tasks, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let keeper = || kernel.timekeeper();
    checker.check(&table::REAL_OFFSET, "against wall_to_monotonic", || {
        let look = |keeper: u64| -> Result<Finding, Error> {
            let real = view.get(keeper, "timekeeper.offs_real")? as i64;
            let back = view.at(keeper, "timekeeper.wall_to_monotonic")?;
            let seconds = view.get(back, "timespec64.tv_sec")? as i64;
            let nanoseconds = view.get(back, "timespec64.tv_nsec")? as i64;
            let sum = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
            Ok(Finding::judge(sum == -i128::from(real) && real != 0, format!("{real}, {sum}")))
        };
        keeper().and_then(look).unwrap_or_else(|error| Finding::of(&error))
    });
    checker.check(&table::SECONDS, "apart by the offsets", || {
        let look = |keeper: u64| -> Result<Finding, Error> {
            let wall = view.get(keeper, "timekeeper.xtime_sec")?;
            let since = view.get(keeper, "timekeeper.ktime_sec")?;
            let raw = view.get(keeper, "timekeeper.raw_sec")?;
            let real = view.get(keeper, "timekeeper.offs_real")? / 1_000_000_000;
            let good = wall.abs_diff(since.wrapping_add(real)) <= 1 && raw.abs_diff(since) <= 2 + since / 100;
            Ok(Finding::judge(good && since < 1 << 32, format!("{wall}, {since}, {raw}")))
        };
        keeper().and_then(look).unwrap_or_else(|error| Finding::of(&error))
    });
    checker.check(&table::BOOT_OFFSET, "against monotonic_to_boot", || {
        let look = |keeper: u64| -> Result<Finding, Error> {
            let boot = view.get(keeper, "timekeeper.offs_boot")?;
            let forth = view.at(keeper, "timekeeper.monotonic_to_boot")?;
            let seconds = view.get(forth, "timespec64.tv_sec")?;
            let sum =
                seconds.wrapping_mul(1_000_000_000).wrapping_add(view.get(forth, "timespec64.tv_nsec")?);
            Ok(Finding::judge(sum == boot, format!("{boot}, {sum}")))
        };
        keeper().and_then(look).unwrap_or_else(|error| Finding::of(&error))
    });
    checker.check(&table::ATOMIC_OFFSET, "offs_real and tai_offset", || {
        let look = |keeper: u64| -> Result<Finding, Error> {
            let atomic = view.get(keeper, "timekeeper.offs_tai")?;
            let real = view.get(keeper, "timekeeper.offs_real")?;
            let seconds = view.get(keeper, "timekeeper.tai_offset")?;
            let sum = real.wrapping_add(seconds.wrapping_mul(1_000_000_000));
            Ok(Finding::judge(sum == atomic, format!("{atomic}, {sum}")))
        };
        keeper().and_then(look).unwrap_or_else(|error| Finding::of(&error))
    });
    for member in ["task_struct.start_time", "task_struct.start_boottime|task_struct.real_start_time"] {
        checker.check_of(
            &table::START_TIMES,
            member,
            "later tasks begin later, and none ahead of time",
            || {
                let now = keeper().and_then(|keeper| view.get(keeper, "timekeeper.ktime_sec"));
                let now =
                    now.map_or(u64::MAX, |seconds| seconds.saturating_add(60).saturating_mul(1_000_000_000));
                let (mut before, mut in_order, mut read) = (0, 0u64, 0u64);
                for task in &tasks.leaders {
                    match view.get(*task, member) {
                        Ok(time) => {
                            read += 1;
                            in_order += u64::from(before <= time && 0 < time && time < now);
                            before = time;
                        }
                        Err(error @ (Error::Lacking { .. } | Error::Kind { .. })) => {
                            return Finding::of(&error);
                        }
                        Err(_) => {}
                    }
                }
                match read {
                    0 => Finding::nothing_to_check(),
                    _ => Finding::judge(in_order * 10 >= read * 8, format!("{in_order} of {read}")),
                }
            },
        );
    }
}
