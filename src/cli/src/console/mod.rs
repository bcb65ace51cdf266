//! The only module that prints.
//!
//! Reports, errors, progress and log lines (`-v`) can repeat untrusted text: names, paths, evidence, answers of
//! servers, arguments. Every function that prints escapes such text ([`escape`]), and takes either one line or
//! [`Lines`] of which each was escaped separately; colours are added here, around our own words. So nothing that a
//! command prints can begin a line or move the cursor unless the command intends it. Only [`product`] writes bytes
//! unchanged, for the program's products: profiles, which are ASCII, and completions.

#![allow(clippy::disallowed_methods, reason = "this is the module that prints")]

pub mod csv;
mod errors;
mod escape;
mod json;
mod lines;
mod progress;
mod settings;
mod table;
mod usage;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::Value;

pub use errors::{Listed, NoProfile, lines_of};
pub use escape::escaped;
pub use lines::Lines;
pub use progress::Bar;
pub use settings::Settings;
pub use table::Table;

use crate::report::Error;
pub use usage::explain;

/// The output of a command: the product goes to standard output, everything else to standard error.
pub struct Console {
    json: bool,
    quiet: bool,
    verbosity: u8,
    color: bool,
    strict: bool,
    threads: usize,
    /// Whether a document was printed.
    printed: AtomicBool,
    bar: Bar,
}

impl Console {
    /// Makes a console with these settings.
    pub fn new(settings: &Settings) -> Self {
        let terminal = io::stderr().is_terminal();
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            json: settings.json,
            quiet: settings.quiet,
            verbosity: settings.verbosity,
            color: settings.color.unwrap_or_else(|| terminal && std::env::var_os("NO_COLOR").is_none()),
            strict: settings.strict,
            threads: settings.threads.map_or_else(cores, usize::from),
            printed: AtomicBool::new(false),
            bar: Bar::new(terminal && !settings.quiet, settings.verbosity > 0),
        }
    }

    /// Whether the report is to be one JSON document on standard output.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether counted losses make the result negative.
    pub fn strict(&self) -> bool {
        self.strict
    }

    /// How often `-v` was given.
    pub fn verbosity(&self) -> u8 {
        self.verbosity
    }

    /// How many threads may be used.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The observer of long work.
    pub fn progress(&self) -> &Bar {
        &self.bar
    }

    /// How an image is searched.
    pub fn search(&self) -> image::ScanPlan<'_> {
        image::ScanPlan { threads: self.threads, progress: &self.bar, ..image::ScanPlan::default() }
    }

    /// A line for the user on standard error; `-q` silences it.
    pub fn info(&self, line: impl Display) {
        if !self.quiet {
            self.bar.line(&line.to_string());
        }
    }

    /// A log line, for `-v`.
    pub fn debug(&self, line: impl Display) {
        if self.verbosity > 0 {
            self.info(line);
        }
    }

    /// A line that is printed even with `-q`: something failed, and the work continued.
    pub fn warn(&self, line: impl Display) {
        self.bar.line(&line.to_string());
    }

    /// Lines for the user on standard error; `-q` silences them.
    pub fn say_lines(&self, lines: &Lines) {
        if !self.quiet {
            self.bar.lines(lines);
        }
    }

    /// A line with a word in the colour of good or bad news, if colours are enabled; `-q` silences it.
    pub fn say_judged(&self, before: impl Display, word: &str, good: bool, after: impl Display) {
        if !self.quiet {
            self.warn_judged(before, word, good, after);
        }
    }

    /// The same, even with `-q`.
    pub fn warn_judged(&self, before: impl Display, word: &str, good: bool, after: impl Display) {
        if self.color {
            let colour = if good { 32 } else { 31 };
            self.bar.coloured(&before.to_string(), word, colour, &after.to_string());
        } else {
            self.warn(format_args!("{before}{word}{after}"));
        }
    }

    /// An error after which the work continued, with a line for each item of its list.
    pub fn warn_error(&self, error: &(dyn std::error::Error + 'static)) {
        self.bar.lines(&errors::lines_of_error(error));
    }

    /// The error that ends a command: a line on standard error and, with `--json`, a document, unless one was already
    /// printed.
    pub fn fail(&self, error: &anyhow::Error, exit_code: u8) {
        self.bar.lines(&lines_of("rekall-profile: ", error));
        if self.json && !self.printed.load(Ordering::Relaxed) {
            let (error, items) = errors::parts(error);
            // Standard output may be what failed.
            let _ = self.print_report(&Error { error, items, exit_code });
        }
    }

    /// Lines on standard output: the result of the command.
    ///
    /// # Errors
    /// [`StandardOutput`] if it cannot be written.
    pub fn print(&self, lines: &Lines) -> anyhow::Result<()> {
        product(|out| out.write_all(lines.text().as_bytes()))
    }

    /// The report as the only JSON document on standard output; `"schema": 1` is added to it.
    ///
    /// # Errors
    /// [`StandardOutput`] if it cannot be written.
    pub fn print_report(&self, report: &impl Serialize) -> anyhow::Result<()> {
        self.print_text(&document(report)?)
    }

    /// A JSON document on standard output, unchanged.
    ///
    /// # Errors
    /// [`StandardOutput`] if it cannot be written.
    pub fn print_document(&self, document: &impl Serialize) -> anyhow::Result<()> {
        self.print_text(&json::to_text(document)?)
    }

    fn print_text(&self, text: &str) -> anyhow::Result<()> {
        self.printed.store(true, Ordering::Relaxed);
        product(|out| out.write_all(text.as_bytes()))
    }
}

/// The text of a report's document: `"schema": 1` is added to it.
fn document(report: &impl Serialize) -> serde_json::Result<String> {
    let mut report = serde_json::to_value(report)?;
    if let Some(entries) = report.as_object_mut() {
        entries.insert("schema".to_owned(), Value::from(1));
    }
    json::to_text(&report)
}

/// Marks a failure to write to standard output, which distinguishes a reader that stopped reading from a broken
/// connection.
#[derive(Debug, thiserror::Error)]
#[error("standard output: {0}")]
pub struct StandardOutput(#[source] pub io::Error);

/// The product on standard output, byte for byte.
///
/// # Errors
/// [`StandardOutput`] if it cannot be written.
pub fn product(body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    body(&mut out).and_then(|()| out.flush()).map_err(StandardOutput)?;
    Ok(())
}

/// Prints panics with escaped text. If a front-end guards a library that can panic on one record, nothing is printed:
/// the record is counted as lost, and the user is told that.
pub fn escape_panics() {
    std::panic::set_hook(Box::new(|info| {
        if profile::is_guarded() {
            return;
        }
        let message = format!("rekall-profile: this is a bug in the program, please report it: {info}");
        let mut stderr = io::stderr().lock();
        // If standard error is closed, nothing more can be done.
        let _ = writeln!(stderr, "{}", escaped(&message));
        let backtrace = std::backtrace::Backtrace::capture();
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            let lines: Lines = backtrace.to_string().lines().collect();
            let _ = stderr.write_all(lines.text().as_bytes());
        }
    }));
}
