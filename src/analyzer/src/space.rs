//! The address spaces from which bytes are read.

use image::{AddressSpace, Fault, Memory, PhysicalAddress, VirtualAddress};

use crate::Error;

/// Memory that is read by address: physical, or virtual through page tables.
pub trait Space {
    /// Fills `into` with the bytes from `address` on.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Error>;

    /// The physical address of `address`, whether the image contains it or not.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if nothing is mapped there, or the image lacks the data to decide.
    fn physical(&self, address: u64) -> Result<u64, Error>;
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

    fn physical(&self, address: u64) -> Result<u64, Error> {
        Ok(address)
    }
}

impl Space for AddressSpace<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Error> {
        let length = into.len() as u64;
        AddressSpace::read(self, VirtualAddress(address), into)
            .map_err(|fault| unreadable(address, length, &fault))
    }

    fn physical(&self, address: u64) -> Result<u64, Error> {
        let translated = self.translate(VirtualAddress(address));
        translated.map(|physical| physical.0).map_err(|fault| unreadable(address, 1, &fault))
    }
}

/// x86 and ARM64 have no more physical address bits (Intel SDM volume 3, 4.1.4; Arm ARM, D8.1.6).
const PHYSICAL_BITS: u32 = 52;

/// Whether a processor could use `root` as the address of page tables; if not, it leads nowhere, whatever the image
/// contains.
pub(crate) fn is_root(root: u64) -> bool {
    root != 0 && root >> PHYSICAL_BITS == 0
}

/// `None` if nothing is mapped there, which is a result, unlike missing memory.
pub(crate) fn if_mapped<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Err(Error::Unreadable { mapped: false, .. }) => Ok(None),
        read => read.map(Some),
    }
}

fn unreadable(address: u64, length: u64, fault: &Fault) -> Error {
    let mapped = matches!(fault, Fault::Table { .. } | Fault::Memory { .. });
    Error::Unreadable { address, length, mapped }
}
