//! The Python module `rekall_profile._native`: a thin layer over the library crate `rekall-profile`. The interface is
//! documented in `python/rekall_profile/_native.pyi`.

mod convert;
mod error;
mod image;
mod profile;
mod repository;
mod values;

use pyo3::prelude::*;

/// The module.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::convert::{Conversion, Difference, convert, diff};
    #[pymodule_export]
    use super::error::{Error, NotFound};
    #[pymodule_export]
    use super::image::{Check, Image, Module, PdbRecord, Process, Validation};
    #[pymodule_export]
    use super::profile::{Enumeration, Health, Member, Profile, Struct, Symbol};
    #[pymodule_export]
    use super::repository::Repository;

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
