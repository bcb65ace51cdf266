//! The profile that the user names: a file of any form, or a build of a bundle.

use std::path::Path;

use anyhow::{Context, bail};
use converters::{Options, Source};
use profile::{
    MappedFile, Profile, ReadError, Report, Resolution, Text, read_file_on, read_profile, read_text,
    write_text,
};
use symbols::ClientOptions;

use crate::console::Console;
use crate::options::InBundle;

/// The canonical text of what `named` selects: a build of a bundle, a profile or table in any form, or the profile that
/// is made of debug information.
///
/// # Errors
/// A file that cannot be read, and one of which no profile can be made.
pub fn canonical_text(named: &Path, console: &Console) -> anyhow::Result<String> {
    let name = || named.display().to_string();
    if let Some(build) = InBundle::of(named) {
        return text_in_bundle(build, None);
    }
    if named.is_dir() {
        return made(named, console);
    }
    let bytes = MappedFile::open(named).with_context(name)?;
    let mut report = Report::default();
    match read_profile(&bytes, &mut report) {
        Ok(profile) => printed(profile, report),
        Err(error @ ReadError::WrongKind(_)) => {
            drop(bytes);
            let source = Source::open(named)?;
            if converters::front_end_of(&source).is_err() {
                return Err(error).with_context(name);
            }
            made(named, console)
        }
        Err(error) => Err(error.in_file(named, &bytes)).with_context(name),
    }
}

/// The canonical text of a profile in a text of any form.
///
/// # Errors
/// A text that is not a profile.
pub fn canonical(text: Text) -> anyhow::Result<String> {
    let mut report = Report::default();
    let profile = text.profile(&mut report)?;
    printed(profile, report)
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

/// Reads the profile that `named` selects, on up to `threads` threads: a profile or table in a file, or a build of a
/// bundle.
///
/// # Errors
/// A file or bundle that cannot be read.
pub fn read(named: &Path, threads: usize, report: &mut Report) -> anyhow::Result<Profile> {
    let shown = || named.display().to_string();
    match InBundle::of(named) {
        Some(build) => read_text(text_in_bundle(build, None)?.as_bytes(), report).with_context(shown),
        None => in_file(read_file_on(named, threads, report), named),
    }
}

/// The text of the profile that `named` selects, for look-ups. `client` says how a server is contacted that has the
/// bundle; without it, only files are read.
///
/// # Errors
/// As for [`read`].
pub fn text(named: &Path, client: Option<&ClientOptions>) -> anyhow::Result<Text> {
    match InBundle::of(named) {
        Some(build) => in_file(Text::new(text_in_bundle(build, client)?.into_bytes()), named),
        None => in_file(Text::open(named), named),
    }
}

/// The result of reading a file, with its name in the error.
fn in_file<T>(read: Result<T, ReadError>, named: &Path) -> anyhow::Result<T> {
    let shown = || named.display().to_string();
    match read {
        // This error has the name in its text too.
        Err(ReadError::Io { source, .. }) => Err(source).with_context(shown),
        read => read.with_context(shown),
    }
}

/// The canonical text of a build of a bundle.
///
/// # Errors
/// A bundle that cannot be read, and one without such a build.
pub fn text_in_bundle(named: InBundle<'_>, client: Option<&ClientOptions>) -> anyhow::Result<String> {
    let InBundle { bundle: place, build } = named;
    if client.is_none() && named.is_remote() {
        bail!("{place}: this command reads bundles in files; fetch the bundle first, and name its file");
    }
    let client = client.cloned().unwrap_or_default();
    let bundle = repository::storage::open_bundle(place, &client)?;
    let text = bundle.find(build).and_then(|build| bundle.text(build));
    text.with_context(|| place.to_owned())
}
