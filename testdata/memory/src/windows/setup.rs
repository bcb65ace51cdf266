//! What an image is made of: a kernel, what is known of its structs, drivers, and where everything lies.

use std::ops::Range;

use super::case::{Case, Plan};
use crate::executable::Mapped;
use crate::layout::Layout;
use crate::memory::PAGE;
use crate::paging::Mode;

/// Everything that an image is made of.
pub(super) struct Setup {
    pub(super) name: String,
    pub(super) plan: Plan,
    pub(super) layout: Layout,
    pub(super) kernel: Mapped,
    pub(super) hal: &'static [u8],
    pub(super) tcpip: &'static [u8],
    /// The RAM.
    pub(super) ranges: Vec<Range<u64>>,
    /// Whether one process's page is from another moment.
    pub(super) torn: bool,
    /// Whether processes have two sets of page tables and the register of the first carries a number (page-table
    /// isolation).
    pub(super) isolated: bool,
    /// What frames of invalid entries are hidden with.
    pub(super) hidden: u64,
    /// Where drivers lie that only the processes of a session have mapped; without it, all see all drivers.
    pub(super) session: Option<u64>,
}

impl Setup {
    pub(super) fn of_case(case: Case) -> Self {
        let (files, plan) = (case.files(), case.plan());
        let mut ranges = vec![0x1000..0x9_f000, 0x10_0000..0x110_0000];
        if case.is_high() {
            ranges[1].end = 0x70_0000;
            ranges.push(0x1_0000_0000..0x1_0030_0000);
        }
        Self {
            name: case.name().to_owned(),
            layout: Layout::parse(files.layout),
            kernel: Mapped::load(files.kernel, plan.kernel),
            hal: files.hal,
            tcpip: files.tcpip,
            ranges,
            torn: case == Case::Win7X64Torn,
            isolated: false,
            hidden: 0,
            session: None,
            plan,
        }
    }

    /// The frames of the kernel's own tables.
    pub(super) fn own_tables(&self) -> Range<u64> {
        let top = self.plan.top;
        top..top + if self.plan.mode == Mode::Pae { 5 * PAGE } else { PAGE }
    }

    /// The physical memory that the kernel's image takes, large pages as a whole.
    pub(super) fn image(&self) -> Range<u64> {
        let (start, length) = (self.plan.physical, self.kernel.bytes.len() as u64);
        if self.plan.large {
            let first = start / LARGE * LARGE;
            first..(start + length).next_multiple_of(LARGE)
        } else {
            start..start + length
        }
    }
}

/// Bytes in a large page of 64-bit systems and of PAE.
pub(super) const LARGE: u64 = 0x20_0000;
