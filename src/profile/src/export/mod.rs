//! The forms other programs read.
//!
//! - [`write_form`] prints a profile in the [`Form`] asked for: Rekall's, ISF for Volatility 3 (`crate::isf`), or
//!   Rekall's as LibVMI and DRAKVUF need it (`libvmi`).
//! - [`Compat`] is what is said to please programs that look for it.
//! - [`Selection`] is the part of a profile that a slim one holds.
//! - [`add_well_known_types`] gives the kernel's best known variables their types, where the source has none.

mod compat;
mod libvmi;
mod selection;
mod well_known;

use std::io::{self, Write};

pub use compat::Compat;
pub(crate) use libvmi::{masked, symbols as libvmi_symbols};
pub use selection::Selection;
pub use well_known::add_well_known_types;

use crate::canonical::writer;
use crate::{Profile, Report, Resolution, isf};

/// A program's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// The canonical profile, as Rekall reads it.
    #[default]
    Rekall,
    /// Volatility 3's symbol table.
    Isf,
    /// Rekall's form as LibVMI and DRAKVUF read it.
    LibVmi,
}

/// How LibVMI's form holds the addresses of a 64-bit Linux or macOS kernel, which its reader takes for numbers
/// with a sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// The lower 48 bits: LibVMI and DRAKVUF both put the others back.
    #[default]
    Masked,
    /// As 64 bits with a sign: for LibVMI alone, which then also copes with page-table isolation.
    Signed,
}

/// How a profile is printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<'a> {
    /// The program it is for.
    pub format: Format,
    /// How addresses are held; for [`Format::LibVmi`].
    pub addresses: Addresses,
    /// What is said beyond the truth; for [`Format::Isf`].
    pub compat: Compat,
    /// The part to print; all of it where it is `None`.
    pub only: Option<&'a Selection>,
    /// How many threads may print: one, or two at most. The text is the same.
    pub threads: usize,
}

/// Prints a profile in a form. What the form cannot express is counted in `report`.
///
/// # Errors
/// What the sink gives; and, as for [`crate::write_text`], where two symbols bear one name.
pub fn write_form<W: Write>(
    profile: &Profile,
    resolution: &Resolution,
    form: Form<'_>,
    report: &mut Report,
    sink: W,
) -> io::Result<W> {
    match form.format {
        Format::Rekall | Format::LibVmi => writer::write(profile, resolution, form, sink),
        Format::Isf => isf::write(profile, resolution, form, report, sink),
    }
}
