use profile::GuidAge;

use crate::validate::Difference;
use crate::{Guest, linux, mac, windows};

/// The comparison of the build in a profile with the build of the kernel in an image.
///
/// A listing with another build's profile looks plausible but is wrong, so every command with a profile checks this
/// first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Both have the same build, or one of them does not identify any.
    Same,
    /// The builds differ, but the kernel is, or may be, the profile's: the text gives the reason.
    Doubtful(String),
    /// The builds differ.
    Another {
        /// The build of the profile.
        profile: String,
        /// The build in the image.
        image: String,
    },
}

impl Guest<'_> {
    /// Compares the build of the kernel in memory with that of the profile: GUID and age on Windows, build-id and
    /// banner on Linux, UUID and version on macOS.
    pub fn identity(&self) -> Identity {
        match self {
            Guest::Linux(kernel) => of_linux(kernel),
            Guest::Windows(kernel) => of_windows(kernel),
            Guest::Mac(kernel) => of_mac(kernel),
        }
    }
}

fn of_windows(kernel: &windows::WindowsKernel<'_>) -> Identity {
    let wanted: Option<GuidAge> = kernel.layout.metadata("GUID_AGE").and_then(|text| text.parse().ok());
    let (Some(wanted), Some((found, name))) = (wanted, &kernel.pdb) else { return Identity::Same };
    let difference = Difference::of_builds(wanted, *found);
    if difference == Difference::None {
        return Identity::Same;
    }
    let exported = windows::checks::Exported::of(kernel);
    match difference {
        Difference::OneByte => Identity::Doubtful(format!(
            "the image names {name} {found}, one byte away from the profile's {wanted}: its record was changed"
        )),
        _ if exported.is_certain() => Identity::Doubtful(format!(
            "the image names {name} {found}, the profile {wanted}, yet all {} exported symbols agree: either the record \
             was changed, or the kernel is a neighbouring build, whose profile is nt/GUID/{found}",
            exported.all()
        )),
        _ if windows::checks::fits(kernel) => Identity::Doubtful(format!(
            "the image names {name} {found}, the profile {wanted}, yet everything else that could be read fits: either the \
             record was changed, or the kernel is a neighbouring build, whose profile is nt/GUID/{found}"
        )),
        _ => Identity::Another { profile: wanted.to_string(), image: format!("{name} {found}") },
    }
}

fn of_linux(kernel: &linux::LinuxKernel<'_>) -> Identity {
    let records = linux::checks::Records::of(kernel);
    let pairs = [&records.build_id, &records.banner];
    // The build-id is more precise than the banner, which several builds of one source may share.
    let Some((expected, found)) = pairs.into_iter().flatten().next() else { return Identity::Same };
    match Difference::between(expected.as_bytes(), found.as_bytes()) {
        Difference::None => Identity::Same,
        Difference::OneByte => Identity::Doubtful(format!(
            "the image names \"{found}\", one byte away from the profile's \"{expected}\": its record was changed"
        )),
        Difference::More => match linux::checks::agreement(kernel) {
            Some(proof) => Identity::Doubtful(format!(
                "the image names \"{found}\", the profile \"{expected}\", yet {proof}: either the record was changed, \
                 or the kernel is another build of the same symbols"
            )),
            None => Identity::Another { profile: expected.clone(), image: found.clone() },
        },
    }
}

fn of_mac(kernel: &mac::MacKernel<'_>) -> Identity {
    let uuid = kernel.layout.metadata("UUID").zip(kernel.uuid());
    let version = kernel.layout.metadata("Banner").zip(kernel.version());
    let Some((expected, found)) = uuid.or(version) else { return Identity::Same };
    let (expected, found) = (expected.trim_end().to_owned(), found.trim_end().to_owned());
    match Difference::between(expected.to_ascii_uppercase().as_bytes(), found.to_ascii_uppercase().as_bytes())
    {
        Difference::None => Identity::Same,
        Difference::OneByte => Identity::Doubtful(format!(
            "the image names \"{found}\", one byte away from the profile's \"{expected}\": its record was changed"
        )),
        Difference::More => Identity::Another { profile: expected, image: found },
    }
}
