use clap::{ArgAction, Args, ValueEnum};

use super::heading::{GENERAL, OUTPUT};
use crate::console::Settings;

/// A group of options that affects the whole run.
pub trait Sets {
    /// Applies the options to the settings.
    fn set(&self, settings: &mut Settings);
}

/// The settings from these groups of options.
pub fn settings(groups: &[&dyn Sets]) -> Settings {
    let mut settings = Settings::default();
    groups.iter().for_each(|group| group.set(&mut settings));
    settings
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = GENERAL)]
pub struct General {
    /// Show what is opened, tried and found; -vv shows more.
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Print errors only.
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto", hide_short_help = true)]
    color: Color,
    /// Do not restrict what this run may read, write and connect to.
    ///
    /// On Linux the program denies itself all files and connections that are not on the command line; -v shows the
    /// restrictions.
    #[arg(long = "no-sandbox", hide_short_help = true)]
    no_sandbox: bool,
    /// Print help; -h prints the short form, --help all options.
    #[arg(id = "help", short, long, action = ArgAction::Help)]
    _help: Option<bool>,
    /// Print the version; --version adds the commit, the target and its features, -V does not.
    #[arg(id = "version", short = 'V', long, action = ArgAction::Version)]
    _version: Option<bool>,
}

impl Sets for General {
    fn set(&self, settings: &mut Settings) {
        settings.verbosity = self.verbose;
        settings.quiet = self.quiet;
        settings.sandbox = !self.no_sandbox;
        settings.color = match self.color {
            Color::Always => Some(true),
            Color::Never => Some(false),
            Color::Auto => None,
        };
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// For commands with a report.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = OUTPUT)]
pub struct Json {
    /// Print the report as one JSON document on standard output.
    #[arg(long)]
    json: bool,
}

impl Sets for Json {
    fn set(&self, settings: &mut Settings) {
        settings.json = self.json;
    }
}

/// For commands that use many threads.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = GENERAL)]
pub struct Threads {
    /// How many threads to use; by default one for each core.
    #[arg(long, alias = "processes", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

impl Sets for Threads {
    fn set(&self, settings: &mut Settings) {
        settings.threads = self.threads;
    }
}

/// For commands that count what they could not read.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = OUTPUT)]
pub struct Strict {
    /// Exit with 1 if anything was lost, instead of only counting it.
    #[arg(long)]
    strict: bool,
}

impl Sets for Strict {
    fn set(&self, settings: &mut Settings) {
        settings.strict = self.strict;
    }
}
