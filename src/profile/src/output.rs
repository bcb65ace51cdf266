//! Prints a profile in a requested form.

use std::io::{self, Write};

use crate::canonical::writer;
use crate::export::write_c_header;
use crate::{Form, Format, Profile, Report, Resolution, btf, isf};

/// Prints a profile in a form. Data that the form cannot express is counted in `report`.
///
/// # Errors
/// Any error from the sink; as for [`crate::write_text`], an error if two symbols have one name.
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
        Format::Btf => btf::write(profile, resolution, form, report, sink),
        Format::C => write_c_header(profile, resolution, form, report, sink),
    }
}
