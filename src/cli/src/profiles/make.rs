//! Makes a profile from a source, writes and judges it: the part that all such commands share.

use std::path::Path;

use anyhow::Context;
use converters::{FrontEnd, Options, Source};
use profile::{MappedFile, Profile, Scope};

use super::output::OutputPlan;
use super::verdict::Summary;
use crate::console::Console;
use crate::outcome::Outcome;
use crate::report::profile as report;

/// Opens the file in an option, if it is given.
///
/// # Errors
/// A file that cannot be opened.
pub fn open_input(path: Option<&Path>) -> anyhow::Result<Option<MappedFile>> {
    let open =
        |path: &Path| MappedFile::open(path).with_context(|| format!("cannot open {}", path.display()));
    path.map(open).transpose()
}

/// The release in the name of a symbol map (`System.map-6.1.0-13-arm64`).
pub fn release_of_map(path: Option<&Path>) -> Option<String> {
    maps::release_in_path(path?.to_str()?).map(str::to_owned)
}

/// The source and the destination of a profile.
pub struct Request<'a> {
    /// The front-end.
    pub front_end: &'a dyn FrontEnd,
    /// The options of the conversion.
    pub options: &'a Options,
    /// The destination and the format.
    pub plan: &'a OutputPlan,
    /// Changes the profile before it is written.
    pub complete: &'a dyn Fn(&mut Profile) -> anyhow::Result<()>,
}

impl Request<'_> {
    /// Makes the profile, writes it, and returns its verdict.
    ///
    /// # Errors
    /// An error if the source gives no profile, an option does not apply to it, or the output cannot be written.
    pub fn make(&self, source: Source, console: &Console) -> anyhow::Result<Outcome> {
        let place = source.place().to_owned();
        let made = converters::convert_with(self.front_end, source, self.options, console.progress());
        let converted = made.with_context(|| place.clone())?;
        let (mut profile, mut report) = (converted.profile, converted.report);
        (self.complete)(&mut profile)?;
        let threads = console.threads();
        let resolution = self.plan.settle(&mut profile, &mut report, threads);
        let scope = if self.options.concise { Scope::Types } else { Scope::Whole };
        let (written, health) = self.plan.write_judged(&profile, &resolution, &mut report, scope, threads)?;
        if let Some(path) = written {
            console.info(format_args!("wrote {}", path.display()));
        }
        Summary { source: &place, profile: &profile, resolution: &resolution, report: &report }
            .conclude(&health, console)
    }

    /// Writes exactly the text that Rekall itself would make of the source.
    ///
    /// # Errors
    /// An error if there is no such text for the source, or if the output cannot be written.
    pub fn write_rekall_text(&self, source: Source, console: &Console) -> anyhow::Result<Outcome> {
        let place = source.place().to_owned();
        let text = self.front_end.rekall_text(source).with_context(|| place.clone())?;
        self.plan.write_with(console.threads(), |sink| sink.write_all(&text))?;
        if console.json() {
            let compat = "rekall".to_owned();
            console.print_report(&report::Compatible { source: place, compat, text_bytes: text.len() })?;
        } else {
            console.info(format_args!("{place}: Rekall's own text, {} bytes", text.len()));
        }
        Ok(Outcome::Success)
    }
}
