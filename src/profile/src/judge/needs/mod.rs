//! What the readers of profiles look up in them, by system.
//!
//! One table per system (`windows`, `linux`, `mac`) names everything, with who looks it up and whether it can
//! work without. `check` reports from these tables, `export --only` takes from them what LibVMI needs to start, and
//! docs/lookups.md is printed from them (the test `the_page_of_lookups_is_that_of_the_table`).
//!
//! A name is required only if every supported version of the consumer fails without it on every build that has it.
//! What only one plug-in asks for, or only some versions of a kernel have, is optional: a right profile of a current
//! kernel is never judged as failed because of it.

mod linux;
mod mac;
mod need;
#[cfg(test)]
mod page;
mod windows;

pub use need::Consumer;
pub(crate) use need::{ALL, Lookup, Need};

use crate::{Arch, System};

/// The table of a system's kernels.
fn table(system: System) -> &'static [Need] {
    match system {
        System::Windows => windows::NEEDS,
        System::Linux => linux::NEEDS,
        System::Mac => mac::NEEDS,
        System::Other => &[],
    }
}

/// What is looked up in the profile of a kernel of `system` for `arch`.
pub(crate) fn kernel_needs(system: System, arch: Arch) -> impl Iterator<Item = &'static Need> {
    table(system).iter().filter(move |need| need.exists_on(arch))
}
