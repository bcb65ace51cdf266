//! The program `rekall-profile`: reads its command line, runs one command, answers with an exit code.
//!
//! - [`options`] holds the argument types, nothing else.
//! - [`commands`] holds one file per command; each checks its arguments once, then runs.
//! - [`console`] is the only place that prints.
//! - [`files`] knows which files a command reads and writes, and writes them.
//! - [`configuration`] reads the user's settings.
//! - [`profiles`] finds, completes, describes and writes profiles; [`images`] opens memory images.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod commands;
mod configuration;
mod console;
#[cfg(test)]
mod documented_lines;
mod files;
mod images;
mod interrupt;
mod options;
mod outcome;
mod profiles;
mod sandbox;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    console::escape_panics();
    profile::report_shrunken_files();
    let arguments = options::with_command_name(std::env::args_os());
    let cli = match options::Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            console::explain::<options::Cli>(&error, &arguments);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    cli.global.apply();
    let console = console::Console::new(&cli.global);
    let checked = files::Files::of(&cli).and_then(|files| files.check());
    // Before any other thread runs.
    let restricted = checked.is_ok() && files::access::restrict(&cli, &console);
    interrupt::clean_up_when_told_to_stop();
    let code = match checked.and_then(|()| commands::run(cli, &console)) {
        Ok(outcome) => outcome.into(),
        Err(error) if outcome::is_closed_output(&error) => ExitCode::SUCCESS,
        Err(error) => {
            console.fail(&error);
            if restricted && outcome::is_refused(&error) {
                console.warn(files::access::ADVICE);
            }
            ExitCode::from(if outcome::is_not_found(&error) { 1 } else { 2 })
        }
    };
    sandbox::clean_up();
    code
}
