//! The table of the checks of a Linux profile.

pub(super) mod anchors;
pub(super) mod files;
pub(super) mod identity;
pub(super) mod memory;
pub(super) mod modules;
pub(super) mod network;
pub(super) mod tasks;
pub(super) mod time;
pub(super) mod whole;

use crate::table::CheckTable;

/// The checks of a Linux profile. The kernel's own tables (kallsyms, BTF) are compared name by name, so what they cover is
/// not among what is read.
pub static CHECKS: CheckTable = CheckTable {
    parts: &[
        ("identity", identity::ROWS),
        ("anchors", anchors::ROWS),
        ("tasks", tasks::ROWS),
        ("memory", memory::ROWS),
        ("files", files::ROWS),
        ("modules", modules::ROWS),
        ("network", network::ROWS),
        ("time", time::ROWS),
        ("", whole::ROWS),
    ],
};
