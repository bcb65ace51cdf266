//! The names that readers look up in profiles, by system.
//!
//! One table per system (`windows`, `linux`, `mac`) lists all names, with the programs that look them up and whether
//! they can work without. `check` uses these tables, `export --only` takes the names that LibVMI needs to start from
//! them, and docs/lookups.md is generated from them (the test `the_page_of_lookups_is_that_of_the_table`).
//!
//! A name is required only if every supported version of the consumer fails without it on every build that has it. A
//! name that only one plug-in needs, or that only some versions of a kernel have, is optional: a valid profile of a
//! current kernel never fails because of it.

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

/// The names that are looked up in the profile of a kernel of `system` for `arch`.
pub(crate) fn kernel_needs(system: System, arch: Arch) -> impl Iterator<Item = &'static Need> {
    table(system).iter().filter(move |need| need.exists_on(arch))
}

/// Whether a reader looks the struct up, or a member of it, in kernels of `system`.
pub(crate) fn uses_struct(system: System, name: &str) -> bool {
    let names = table(system).iter().flat_map(Need::names);
    names
        .into_iter()
        .any(|lookup| matches!(lookup, Lookup::Member(owner, _) | Lookup::Struct(owner) if owner == name))
}
