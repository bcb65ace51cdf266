//! Page tables: their layouts on each processor, and walks through them.

mod fault;
mod form;
mod mapped;
mod space;

pub use fault::{Fault, Table};
pub use form::{Granule, Paging};
pub use mapped::{Mapped, Mapping};
pub use space::AddressSpace;
