//! One file per noun. A recogniser returns `None` for what is not of its kinds.

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

/// All of them, in the order in which they are asked: what is told by more comes before what is told by less, and
/// names come last.
pub(crate) const ALL: &[Recogniser] = &[
    // Before PE, since a kernel is a program of the firmware too.
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
