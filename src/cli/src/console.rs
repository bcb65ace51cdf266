use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::arguments::{Color, Global};
use crate::outcome::StandardOutput;
use crate::progress::Bar;

/// Where everything a command says goes: the product to standard output, all else to standard error.
pub struct Console {
    json: bool,
    quiet: bool,
    verbosity: u8,
    color: bool,
    strict: bool,
    threads: usize,
    layout: Vec<image::Placed>,
    bar: Bar,
}

impl Console {
    /// What the global options ask for.
    pub fn new(global: &Global) -> Self {
        let terminal = io::stderr().is_terminal();
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none(),
        };
        Self {
            json: global.json,
            quiet: global.quiet,
            verbosity: global.verbose,
            color,
            strict: global.strict,
            threads: global.threads(),
            layout: global.layout.clone(),
            bar: Bar::new(terminal && !global.quiet, global.verbose > 0),
        }
    }

    /// Whether the report is to be one JSON document on standard output.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether counted losses make a result negative.
    pub fn strict(&self) -> bool {
        self.strict
    }

    /// How often `-v` was given.
    pub fn verbosity(&self) -> u8 {
        self.verbosity
    }

    /// How many threads work may use.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The observer of long work.
    pub fn progress(&self) -> &Bar {
        &self.bar
    }

    /// The image with its parts where `--layout` puts them, if that is given.
    ///
    /// # Errors
    /// [`image::Error::Layout`] if the image says itself where its parts belong.
    pub fn lay_out(&self, image: image::Image) -> Result<image::Image, image::Error> {
        if self.layout.is_empty() { Ok(image) } else { image.laid_out(&self.layout) }
    }

    /// How an image is searched.
    pub fn search(&self) -> image::Plan<'_> {
        image::Plan { threads: self.threads, progress: &self.bar, ..image::Plan::default() }
    }

    /// A line for the user on standard error; `-q` silences it.
    pub fn say(&self, line: impl Display) {
        if !self.quiet {
            self.bar.line(&line.to_string());
        }
    }

    /// A line of the story, for `-v`.
    pub fn tell(&self, line: impl Display) {
        if self.verbosity > 0 {
            self.say(line);
        }
    }

    /// A line that `-q` does not silence: something failed, and the work went on.
    pub fn warn(&self, line: impl Display) {
        self.bar.line(&line.to_string());
    }

    /// A word in the colour of good or bad news, where colours are wanted.
    pub fn judged(&self, word: &str, good: bool) -> String {
        let code = if good { 32 } else { 31 };
        if self.color { format!("\u{1b}[1;{code}m{word}\u{1b}[0m") } else { word.to_owned() }
    }

    /// Text on standard output: what the command was asked for.
    ///
    /// # Errors
    /// [`StandardOutput`] where it cannot be written.
    pub fn print(&self, text: &str) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(StandardOutput)?;
        Ok(())
    }

    /// The report as the one JSON document on standard output; `"schema": 1` is added to it.
    ///
    /// # Errors
    /// [`StandardOutput`] where it cannot be written.
    pub fn print_json(&self, mut report: Value) -> anyhow::Result<()> {
        if let Some(entries) = report.as_object_mut() {
            entries.insert("schema".to_owned(), Value::from(1));
        }
        self.print(&format!("{report:#}\n"))
    }
}

/// Keeps the message of a panic off the terminal where a front-end guards a library that can panic on one
/// record: the record is counted as lost, and that is what the user is told. Any other panic speaks.
pub fn hush_guarded_panics() {
    let speak = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !profile::is_guarded() {
            speak(info);
        }
    }));
}
