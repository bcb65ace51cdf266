//! One file per command, with its arguments, a plan that is checked once, and [`Run`].

pub mod autodetect;
pub mod build_index;
pub mod build_local_profile;
pub mod bundle;
pub mod check;
pub mod completions;
pub mod convert_profile;
pub mod diff;
pub mod export;
pub mod fetch_debug;
pub mod fetch_pdb;
pub mod guess_guid;
pub mod history;
pub mod inspect;
pub mod man;
pub mod manage_repo;
pub mod modules;
pub mod parse;
pub mod parse_btf;
pub mod parse_dwarf;
pub mod parse_pdb;
pub mod peinfo;
pub mod pslist;
pub mod report;
pub mod serve;
pub mod site;
pub mod summary;
pub mod validate;
pub mod version_modules;
pub mod version_scan;

use std::process::ExitCode;

use crate::console::{Console, Settings};
use crate::files::Files;
use crate::interrupt;
use crate::outcome::{self, Outcome};
use crate::sandbox::{self, Access};

/// The whole command line, for commands that print it.
pub type Tree = fn() -> clap::Command;

/// A command with its arguments.
pub trait Run {
    /// The settings for the whole run.
    fn settings(&self) -> Settings;

    /// Adds the files that the command reads and writes, and its other needs.
    ///
    /// # Errors
    /// An error for arguments that contradict each other, or for a file whose metadata cannot be read.
    fn list(&self, files: &mut Files) -> anyhow::Result<()>;

    /// Does the command's work.
    ///
    /// # Errors
    /// Wrong usage, unreadable input, or a failure to read or write: exit code 2.
    fn run(&self, console: &Console) -> anyhow::Result<Outcome>;

    /// Passes the whole command line to a command that prints it.
    fn know(&mut self, _: Tree) {}
}

/// Advice to show if the sandbox may be the reason for an error.
const ADVICE: &str = "The sandbox may be the reason: -v shows what it allows, --no-sandbox turns it off.";

/// Runs a command: checks the files that it names, restricts the process to them, does the work, and reports an error.
pub fn execute(command: &dyn Run, settings: &Settings, console: &Console) -> ExitCode {
    if let Some(size) = settings.unpack_limit {
        profile::UnpackLimits::allow(size);
    }
    let mut files = Files::default();
    let checked = command.list(&mut files).and_then(|()| files.check());
    // Before any other thread starts.
    let restricted = checked.is_ok() && restrict(&files.into_access(), settings, console);
    interrupt::clean_up_when_told_to_stop();
    match checked.and_then(|()| command.run(console)) {
        Ok(outcome) => outcome.into(),
        Err(error) if outcome::is_closed_output(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if outcome::is_not_found(&error) { 1 } else { 2 };
            console.fail(&error, code);
            if restricted && outcome::is_refused(&error) {
                console.warn(ADVICE);
            }
            ExitCode::from(code)
        }
    }
}

/// Restricts this process to the files on the command line, unless that is turned off, and reports it with `-v`.
/// Returns whether anything is restricted.
fn restrict(access: &Access, settings: &Settings, console: &Console) -> bool {
    if !settings.sandbox {
        console.debug("Sandbox: turned off by --no-sandbox");
        return false;
    }
    let sandbox = sandbox::enter(access);
    sandbox.lines().iter().for_each(|line| console.debug(line));
    sandbox.is_active()
}
