//! The profile in a file of any form, as canonical text.

use std::path::Path;

use anyhow::{Context, bail};
use bundle::Bundle;
use converters::{Options, Source};
use profile::{MappedFile, Profile, ReadError, Report, Resolution, read_profile, write_text};

use crate::console::Console;

/// What separates a bundle from the name of a build in it.
const OF_BUNDLE: &str = ".bundle:";

/// The file and the build that `named` stands for: `kernels.bundle:6.1.0-56-cloud-amd64` is a build of a bundle, anything
/// else a file.
pub fn file_and_build(named: &Path) -> (&Path, Option<&str>) {
    let text = named.to_str().filter(|_| !named.exists());
    let found = text.and_then(|text| Some((text, text.find(OF_BUNDLE)?)));
    let parts = found.and_then(|(text, place)| {
        let (file, build) = text.split_at_checked(place + OF_BUNDLE.len() - 1)?;
        Some((Path::new(file), build.strip_prefix(':')?))
    });
    parts.map_or((named, None), |(file, build)| (file, Some(build)))
}

/// The canonical text of what `named` stands for: a build of a bundle, a profile or table in any form, or the profile that
/// is made of debug information.
///
/// # Errors
/// A file that cannot be read, and one of which no profile can be made.
pub fn canonical_text(named: &Path, console: &Console) -> anyhow::Result<String> {
    let name = || named.display().to_string();
    let (path, build) = file_and_build(named);
    if let Some(build) = build {
        let bundle = Bundle::open(path).with_context(|| path.display().to_string())?;
        let text = bundle.find(build).and_then(|build| bundle.text(build));
        return text.with_context(|| path.display().to_string());
    }
    if path.is_dir() {
        return made(path, console);
    }
    let bytes = MappedFile::open(path).with_context(name)?;
    if bundle::is_bundle(&bytes) {
        bail!("{}: it is a bundle of many builds; name one of them as {}:BUILD", name(), name());
    }
    let mut report = Report::default();
    match read_profile(&bytes, &mut report) {
        Ok(profile) => printed(profile, report),
        Err(error @ ReadError::WrongKind(_)) => {
            drop(bytes);
            let source = Source::open(path)?;
            if converters::front_end_of(&source).is_err() {
                return Err(error).with_context(name);
            }
            made(path, console)
        }
        Err(error) => Err(error.in_file(path, &bytes)).with_context(name),
    }
}

/// The text of the profile that is made of debug information.
fn made(path: &Path, console: &Console) -> anyhow::Result<String> {
    let source = Source::open(path)?;
    let place = source.place().to_owned();
    let front_end = converters::front_end_of(&source).with_context(|| place.clone())?;
    let options = Options { threads: console.threads(), ..Options::default() };
    let converted = converters::convert_with(front_end, source, &options, console.progress());
    let converted = converted.with_context(|| place)?;
    printed(converted.profile, converted.report)
}

fn printed(mut profile: Profile, mut report: Report) -> anyhow::Result<String> {
    let resolution = Resolution::new(&mut profile, &mut report);
    Ok(String::from_utf8(write_text(&profile, &resolution, Vec::new())?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_of_a_bundle_is_named_behind_it() {
        let parts = |text| file_and_build(Path::new(text));
        assert_eq!(parts("a/k.bundle:6.1.0"), (Path::new("a/k.bundle"), Some("6.1.0")));
        assert_eq!(parts("k.bundle:nt/GUID/ABC1"), (Path::new("k.bundle"), Some("nt/GUID/ABC1")));
        assert_eq!(parts("k.bundle"), (Path::new("k.bundle"), None));
        assert_eq!(parts("c:k.json"), (Path::new("c:k.json"), None));
    }
}
