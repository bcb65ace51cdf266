//! One file per command: its argument types, a plan checked once, and `run`.

pub mod autodetect;
pub mod build_index;
pub mod build_local_profile;
pub mod check;
pub mod completions;
pub mod convert_profile;
pub mod export;
pub mod fetch_debug;
pub mod fetch_pdb;
pub mod guess_guid;
pub mod inspect;
pub mod man;
pub mod manage_repo;
pub mod modules;
pub mod parse_dwarf;
pub mod parse_pdb;
pub mod peinfo;
pub mod pslist;
pub mod serve;
pub mod summary;
pub mod validate;
pub mod version_modules;
pub mod version_scan;

use anyhow::bail;

use crate::configuration::Configuration;
use crate::console::Console;
use crate::files::{Files, UsesFiles};
use crate::options::{Cli, Command, Global};
use crate::outcome::Outcome;
use crate::profiles;

/// Runs the command the arguments name.
///
/// # Errors
/// Wrong usage, unreadable input, or a failure to read or write: exit code 2.
pub fn run(cli: Cli, console: &Console) -> anyhow::Result<Outcome> {
    let Cli { global, command } = cli;
    let Some(command) = command else { return summary::run(&global, console) };
    let filename = global.filename.clone();
    if let Some(profile) = &global.profile
        && !takes_profile(&command)
    {
        bail!("--profile {profile}: this command takes no profile of an image's kernel");
    }
    match command {
        Command::Validate => validate::run(&global, console),
        Command::Pslist => pslist::run(&global, console),
        Command::Modules => modules::run(&global, console),
        Command::VersionModules(arguments) => version_modules::run(&arguments, &global, console),
        Command::Autodetect => autodetect::run(&global, console),
        Command::GuessGuid(arguments) => guess_guid::run(&arguments, &global, console),
        Command::BuildLocalProfile(arguments) => build_local_profile::run(&arguments, &global, console),
        Command::FetchPdb(arguments) => fetch_pdb::run(arguments, filename, &global.symbols, console),
        Command::ParsePdb(arguments) => parse_pdb::run(arguments, filename, console),
        Command::FetchDebug(arguments) => fetch_debug::run(arguments, filename, &global.symbols, console),
        Command::ParseDwarf(arguments) => parse_dwarf::run(arguments, filename, console),
        Command::ConvertProfile(arguments) => convert_profile::run(arguments, filename.as_deref(), console),
        Command::Peinfo(arguments) => {
            no_image(filename.as_deref())?;
            peinfo::run(&arguments, console)
        }
        Command::VersionScan(arguments) => version_scan::run(&arguments, filename.as_deref(), console),
        Command::Inspect(arguments) => {
            no_image(filename.as_deref())?;
            inspect::run(&arguments, &global.symbols, console)
        }
        Command::Check(arguments) => {
            no_image(filename.as_deref())?;
            check::run(&arguments, console)
        }
        Command::Export(arguments) => export::run(&arguments, &global, console),
        Command::Serve(arguments) => {
            no_image(filename.as_deref())?;
            serve::run(&arguments, console)
        }
        Command::BuildIndex(arguments) => {
            no_image(filename.as_deref())?;
            build_index::run(&arguments, &global.symbols, console)
        }
        Command::ManageRepo(arguments) => {
            no_image(filename.as_deref())?;
            manage_repo::run(&arguments, console)
        }
        Command::Completions(arguments) => {
            no_image(filename.as_deref())?;
            completions::run(&arguments)
        }
        Command::Man(arguments) => {
            no_image(filename.as_deref())?;
            man::run(&arguments, console)
        }
    }
}

/// Adds the files that a command line names.
///
/// # Errors
/// Arguments that contradict each other, or a file that cannot be looked at.
pub fn list_files(cli: &Cli, files: &mut Files) -> anyhow::Result<()> {
    let global = &cli.global;
    if let Some(path) = Configuration::place() {
        files.input("the configuration", &path);
    }
    let Some(command) = &cli.command else {
        list_image(global, files);
        return Ok(());
    };
    match command {
        Command::Validate | Command::Pslist | Command::Modules | Command::Autodetect => {
            list_image(global, files);
            Ok(())
        }
        Command::BuildLocalProfile(_) | Command::GuessGuid(_) => {
            list_image(global, files);
            Ok(())
        }
        Command::VersionModules(arguments) => arguments.list_files(global, files),
        Command::FetchPdb(arguments) => arguments.list_files(global, files),
        Command::ParsePdb(arguments) => arguments.list_files(global, files),
        Command::FetchDebug(arguments) => arguments.list_files(global, files),
        Command::ParseDwarf(arguments) => arguments.list_files(global, files),
        Command::ConvertProfile(arguments) => arguments.list_files(global, files),
        Command::Peinfo(arguments) => arguments.list_files(global, files),
        Command::VersionScan(arguments) => arguments.list_files(global, files),
        Command::Inspect(arguments) => arguments.list_files(global, files),
        Command::Check(arguments) => arguments.list_files(global, files),
        Command::Export(arguments) => arguments.list_files(global, files),
        Command::ManageRepo(arguments) => arguments.list_files(global, files),
        Command::BuildIndex(arguments) => arguments.list_files(global, files),
        Command::Man(arguments) => arguments.list_files(global, files),
        // Neither names a file.
        Command::Serve(_) | Command::Completions(_) => Ok(()),
    }
}

/// Adds the memory image and the profile of its kernel.
fn list_image(global: &Global, files: &mut Files) {
    if let Some(image) = &global.filename {
        files.image("-f", image);
    }
    if let Some(profile) = global.profile.as_deref().and_then(profiles::file) {
        files.input("--profile", &profile);
    }
}

/// Whether `--profile` says something to the command.
fn takes_profile(command: &Command) -> bool {
    matches!(
        command,
        Command::Validate
            | Command::Pslist
            | Command::Modules
            | Command::VersionModules(_)
            | Command::GuessGuid(_)
    )
}

/// Refuses `-f` where a command has no use for it.
fn no_image(filename: Option<&std::path::Path>) -> anyhow::Result<()> {
    match filename {
        Some(path) => bail!("-f {}: this command takes no image; name its file without -f", path.display()),
        None => Ok(()),
    }
}
