//! The forms that other programs read.
//!
//! - A [`Form`] says which is wanted: Rekall's, ISF for Volatility 3 (`crate::isf`), Rekall's as LibVMI and DRAKVUF need
//!   it, BTF (`crate::btf`), or a C header (`c_header`). [`crate::write_form`] prints it.
//! - [`Outline`] is a profile as pages show it. `places` says where members lie, for it and for the header.
//! - [`Compat`] is what is said to please programs that look for it.
//! - [`Selection`] is the part of a profile that a slim one holds.
//! - [`add_well_known_types`] gives the kernel's best known variables their types, where the source has none.

mod c_header;
mod compat;
mod form;
mod outline;
mod places;
mod selection;
mod well_known;

pub(crate) use c_header::write as write_c_header;
pub use compat::Compat;
pub use form::{Addresses, Form, Format};

pub use outline::{Outline, Outlined, OutlinedSymbol};
pub use selection::Selection;
pub use well_known::{add_lost_names, add_well_known_types};
