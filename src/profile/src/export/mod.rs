//! The forms other programs read.
//!
//! - A [`Form`] says which is wanted: Rekall's, ISF for Volatility 3 (`crate::isf`), Rekall's as LibVMI and DRAKVUF need
//!   it (`libvmi`), or BTF (`crate::btf`). [`crate::write_form`] prints it.
//! - [`Compat`] is what is said to please programs that look for it.
//! - [`Selection`] is the part of a profile that a slim one holds.
//! - [`add_well_known_types`] gives the kernel's best known variables their types, where the source has none.

mod compat;
mod form;
mod libvmi;
mod selection;
mod well_known;

pub use compat::Compat;
pub use form::{Addresses, Form, Format};
pub(crate) use libvmi::{masked, symbols as libvmi_symbols};
pub use selection::Selection;
pub use well_known::add_well_known_types;
