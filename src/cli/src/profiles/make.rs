//! A profile made from a source, written and judged: what all commands that make one have in common.

use std::path::Path;

use anyhow::Context;
use converters::{FrontEnd, Options, Source};
use profile::{MappedFile, Profile, Scope};

use super::output::Plan;
use super::verdict::Summary;
use crate::console::Console;
use crate::outcome::Outcome;
use crate::report::profile as report;

/// Opens a file that an option names, if it is given.
///
/// # Errors
/// A file that cannot be opened.
pub fn open_input(path: Option<&Path>) -> anyhow::Result<Option<MappedFile>> {
    let open =
        |path: &Path| MappedFile::open(path).with_context(|| format!("cannot open {}", path.display()));
    path.map(open).transpose()
}

/// What is made of a source, and where it goes.
pub struct Request<'a> {
    /// What makes it.
    pub front_end: &'a dyn FrontEnd,
    /// How.
    pub options: &'a Options,
    /// Where it goes, and in which form.
    pub plan: &'a Plan,
    /// Adds to the profile before it is written.
    pub complete: &'a dyn Fn(&mut Profile) -> anyhow::Result<()>,
}

impl Request<'_> {
    /// Makes the profile, writes it, and ends with its verdict.
    ///
    /// # Errors
    /// A source that gives no profile, options that mean nothing for it, or an output that cannot be written.
    pub fn make(&self, source: Source, console: &Console) -> anyhow::Result<Outcome> {
        let place = source.place().to_owned();
        let made = converters::convert_with(self.front_end, source, self.options, console.progress());
        let converted = made.with_context(|| place.clone())?;
        let (mut profile, mut report) = (converted.profile, converted.report);
        (self.complete)(&mut profile)?;
        let resolution = self.plan.settle(&mut profile, &mut report);
        if let Some(path) = self.plan.write(&profile, &resolution, &mut report, console.threads())? {
            console.say(format_args!("wrote {}", path.display()));
        }
        let scope = if self.options.concise { Scope::Types } else { Scope::Whole };
        Summary { source: &place, profile: &profile, resolution: &resolution, report: &report, scope }
            .conclude(console)
    }

    /// Writes the text that Rekall itself made of the source, byte for byte.
    ///
    /// # Errors
    /// A source of which there is no such text, or an output that cannot be written.
    pub fn write_rekall_text(&self, source: Source, console: &Console) -> anyhow::Result<Outcome> {
        let place = source.place().to_owned();
        let text = self.front_end.rekall_text(source).with_context(|| place.clone())?;
        self.plan.write_with(console.threads(), |sink| sink.write_all(&text))?;
        if console.json() {
            let compat = "rekall".to_owned();
            console.print_report(&report::Compatible { source: place, compat, text_bytes: text.len() })?;
        } else {
            console.say(format_args!("{place}: Rekall's own text, {} bytes", text.len()));
        }
        Ok(Outcome::Success)
    }
}
