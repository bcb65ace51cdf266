//! One file per noun. A recogniser returns `None` for a file that is not of its kinds.

mod archives;
mod boot;
mod disks;
mod elf;
mod json;
mod mach;
mod memory;
mod named;
mod objects;
mod pdb;
mod pe;
mod signatures;
mod texts;

pub(crate) use named::by_name;

use crate::Identified;
use crate::look::Look;

type Recogniser = fn(&Look<'_>) -> Option<Identified>;

/// All recognisers, in the order in which they run: those that check more come before those that check less, and
/// names come last.
pub(crate) const ALL: &[Recogniser] = &[
    // Before PE, since a kernel can also be a firmware program.
    boot::recognise,
    pdb::recognise,
    elf::recognise,
    mach::recognise,
    pe::recognise,
    memory::recognise,
    archives::recognise,
    signatures::recognise,
    disks::recognise,
    objects::recognise,
    json::recognise,
    texts::recognise,
    named::recognise,
];
