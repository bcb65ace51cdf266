//! The program `rekall-profile`: reads its command line, runs one command, and returns an exit code.
//!
//! Each module uses only modules above it in this list:
//!
//! - [`report`] has what `--json` prints, [`version`] what `--version` prints;
//! - [`console`] is the only module that prints, and [`sandbox`] restricts what the process may do;
//! - [`memory`] says how threads share memory;
//! - [`outcome`] decides the exit code, and [`interrupt`] cleans up when the program is told to stop;
//! - [`configuration`] reads the user's settings;
//! - [`files`] lists the files that a command reads and writes, and writes outputs;
//! - [`options`] defines the groups of options that commands share;
//! - [`profiles`] finds, describes and writes profiles, and [`images`] opens memory images;
//! - [`commands`] has one file per command, with its arguments and its work;
//! - [`cli`] is the command line, which [`command_line`] brings into order.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod cli;
mod command_line;
mod commands;
mod configuration;
mod console;
#[cfg(test)]
mod documented_lines;
mod files;
#[cfg(test)]
mod help;
mod images;
mod interrupt;
mod memory;
mod options;
mod outcome;
mod profiles;
mod report;
mod sandbox;
mod version;

use std::process::ExitCode;

use crate::cli::Cli;
use crate::console::Console;

fn main() -> ExitCode {
    console::escape_panics();
    profile::report_shrunken_files();
    let line: Vec<_> = std::env::args_os().collect();
    let cli = match Cli::parse_line(line.clone()) {
        Ok(cli) => cli,
        Err(error) => {
            console::explain(&error, &line, Cli::parse_line);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let settings = cli.chosen().settings();
    let code = commands::execute(cli.chosen(), &settings, &Console::new(&settings));
    sandbox::clean_up();
    code
}
