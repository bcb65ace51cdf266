//! The kernel's clocks.

use crate::table::Group::Structure;
use crate::table::{row, rows};

rows! {
    REAL_OFFSET = row(Structure, &["timekeeper: offs_real"])
        .proves("The offset to real time is the negative of `wall_to_monotonic`, and not zero.")
        .reads(&[
            "timekeeper.offs_real", "timekeeper.wall_to_monotonic", "timespec64.tv_nsec",
            "timespec64.tv_sec", "tk_data.timekeeper", "&timekeeper_data", "&tk_core",
        ]);

    SECONDS = row(Structure, &["timekeeper: xtime_sec, ktime_sec, raw_sec"])
        .proves("The clocks differ by the offset to real time.")
        .reads(&[
            "timekeeper.ktime_sec", "timekeeper.offs_real", "timekeeper.raw_sec", "timekeeper.xtime_sec",
            "tk_data.timekeeper", "&timekeeper_data", "&tk_core",
        ]);

    BOOT_OFFSET = row(Structure, &["timekeeper: offs_boot"])
        .proves("The offset to the time since boot is `monotonic_to_boot`.")
        .reads(&[
            "timekeeper.monotonic_to_boot", "timekeeper.offs_boot", "timespec64.tv_nsec",
            "timespec64.tv_sec", "tk_data.timekeeper", "&timekeeper_data", "&tk_core",
        ]);

    ATOMIC_OFFSET = row(Structure, &["timekeeper: offs_tai"])
        .proves("The offset to atomic time is that to real time and the seconds between the two.")
        .reads(&[
            "timekeeper.offs_real", "timekeeper.offs_tai", "timekeeper.tai_offset", "tk_data.timekeeper",
            "&timekeeper_data", "&tk_core",
        ]);

    START_TIMES = row(Structure, &["task_struct.start_time", "task_struct.start_boottime|task_struct.real_start_time"])
        .proves("Eight in ten tasks began after the task before them in the list, and before now.")
        .reads(&[
            "task_struct.start_boottime", "task_struct.start_time", "timekeeper.ktime_sec",
            "tk_data.timekeeper", "&timekeeper_data", "&tk_core",
        ]);
}
