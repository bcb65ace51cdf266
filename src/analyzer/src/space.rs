//! Where bytes are read from.

use image::{AddressSpace, Fault, Hit, Memory, PhysicalAddress, Plan, VirtualAddress};
use memchr::memmem::Finder;

use crate::Error;

/// Memory that is read by address: physical, or virtual through page tables.
pub trait Space {
    /// Fills `into` with what stands at `address` and after it.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Error>;

    /// The physical address that `address` stands for; `None` where it stands for none.
    fn physical(&self, address: u64) -> Option<u64>;
}

/// Physical memory as a [`Space`].
#[derive(Clone, Copy)]
pub struct Physical<'a>(pub &'a dyn Memory);

impl Space for Physical<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Error> {
        let length = into.len() as u64;
        self.0.read(PhysicalAddress(address), into).map_err(|_| Error::Unreadable {
            address,
            length,
            mapped: true,
        })
    }

    fn physical(&self, address: u64) -> Option<u64> {
        Some(address)
    }
}

impl Space for AddressSpace<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Error> {
        let length = into.len() as u64;
        AddressSpace::read(self, VirtualAddress(address), into).map_err(|fault| {
            let mapped = matches!(fault, Fault::Table { .. } | Fault::Memory { .. });
            Error::Unreadable { address, length, mapped }
        })
    }

    fn physical(&self, address: u64) -> Option<u64> {
        self.translate(VirtualAddress(address)).ok().map(|physical| physical.0)
    }
}

/// Where `needles` stand in physical memory, in the order of addresses. Bounded: of an image that is full of one, the
/// first places in every window of the search.
pub(crate) fn sightings(memory: &dyn Memory, needles: &[&[u8]], plan: &Plan<'_>) -> Vec<Hit> {
    const MOST: usize = 64;
    let finders: Vec<Finder<'_>> = needles.iter().map(|needle| Finder::new(*needle)).collect();
    let longest = needles.iter().map(|needle| needle.len()).max().unwrap_or(0);
    let plan = Plan { overlap: longest.saturating_sub(1), ..*plan };
    let found = image::scan(memory, &plan, |window, found: &mut Vec<Hit>| {
        for (needle, finder) in finders.iter().enumerate() {
            let hits = finder.find_iter(window.bytes).take_while(|at| *at < window.own).take(MOST);
            found.extend(hits.map(|at| Hit { at: PhysicalAddress(window.start.0 + at as u64), needle }));
        }
    });
    let mut found = found.found;
    found.sort_unstable();
    found
}
