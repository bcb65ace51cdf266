//! Page tables: the processors' forms of them, and walks through them.

mod fault;
mod form;
mod mapped;
mod space;

pub use fault::{Fault, Table};
pub use form::{Granule, Paging};
pub use mapped::{Mapped, Mapping};
pub use space::AddressSpace;
