//! Where bytes are read from.

use image::{AddressSpace, Fault, Memory, PhysicalAddress, VirtualAddress};

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
