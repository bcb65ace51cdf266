//! What a run may do, derived from its command line before it reads anything: the rules of the sandbox.
//!
//! [`of`] asks the command; each command's arguments say what they name, in a method `access`. The functions here add
//! what the shared groups of options name. Whatever is wrong with an argument is not reported here: the command does
//! that. A command that reads or writes a new place has to say so in its `access`, or it is refused there.

use std::env;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use symbols::{Credentials, SymbolPath};

use crate::configuration::{Configuration, own_repository};
use crate::console::Console;
use crate::options::{Cli, Command, Global, Output, Symbols};
use crate::profiles;
use crate::sandbox::{self, Access, Network};

/// Variables that name files with certificates or credentials, for connections.
const CONNECTION: [&str; 4] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// What to do where the sandbox may be the reason for an error.
pub const ADVICE: &str = "The sandbox may be the reason: -v shows what it allows, --no-sandbox turns it off.";

/// Restricts this process to what the command line asks for, unless that is turned off, and says so with `-v`. Returns
/// whether anything is restricted.
pub fn restrict(cli: &Cli, console: &Console) -> bool {
    if cli.global.no_sandbox {
        console.tell("Sandbox: turned off by --no-sandbox");
        return false;
    }
    let sandbox = sandbox::enter(&of(cli));
    sandbox.lines().iter().for_each(|line| console.tell(line));
    sandbox.is_active()
}

/// What the command line asks for, and nothing else.
fn of(cli: &Cli) -> Access {
    let mut access = Access::default();
    let Cli { global, command } = cli;
    let Some(command) = command else {
        subject(global, &mut access);
        return access;
    };
    match command {
        Command::Validate | Command::Pslist | Command::Modules => subject(global, &mut access),
        Command::VersionModules(arguments) => arguments.access(global, &mut access),
        Command::Autodetect => {
            image(global.filename.as_deref(), &mut access);
            repositories(global, &mut access);
        }
        Command::GuessGuid(arguments) => arguments.access(global, &mut access),
        Command::BuildLocalProfile(arguments) => arguments.access(global, &mut access),
        Command::FetchPdb(arguments) => arguments.access(global, &mut access),
        Command::ParsePdb(arguments) => arguments.access(global, &mut access),
        Command::FetchDebug(arguments) => arguments.access(global, &mut access),
        Command::ParseDwarf(arguments) => arguments.access(global, &mut access),
        Command::ConvertProfile(arguments) => arguments.access(global, &mut access),
        Command::Peinfo(arguments) => arguments.access(&mut access),
        Command::VersionScan(arguments) => arguments.access(global, &mut access),
        Command::Inspect(arguments) => arguments.access(global, &mut access),
        Command::Check(arguments) => arguments.access(&mut access),
        Command::Export(arguments) => arguments.access(global, &mut access),
        Command::Serve(arguments) => arguments.access(&mut access),
        Command::BuildIndex(arguments) => arguments.access(global, &mut access),
        Command::ManageRepo(arguments) => arguments.access(global, &mut access),
        Command::Completions(_) => {}
        Command::Man(arguments) => arguments.access(&mut access),
    }
    access
}

/// A memory image: parts, states and tables of it lie beside it.
pub fn image(filename: Option<&Path>, access: &mut Access) {
    if let Some(filename) = filename {
        access.read_beside(filename);
    }
}

/// An image with the profile of its kernel. A profile that is not named is looked for, and made where none is found.
pub fn subject(global: &Global, access: &mut Access) {
    image(global.filename.as_deref(), access);
    match global.profile.as_deref() {
        Some(name) => match profiles::file(name) {
            Some(path) => {
                access.read(path);
            }
            None => repositories(global, access),
        },
        None => building(global, access),
    }
}

/// Repositories from which profiles are read.
pub fn repositories(global: &Global, access: &mut Access) {
    for place in places(global, access) {
        repository(&place, global.symbols.offline, access);
    }
}

/// The same, where profiles that are missing are made from PDBs and kept.
pub fn building(global: &Global, access: &mut Access) {
    repositories(global, access);
    let places = places(global, access);
    if let Some(folder) = places.iter().find(|place| !is_remote(place)) {
        match own_repository().filter(|own| own == Path::new(folder)) {
            Some(own) => access.fill_own(own),
            None => access.fill(folder),
        };
    }
    symbols(&global.symbols, access);
}

/// One repository: a folder or an address.
pub fn repository(place: &str, offline: bool, access: &mut Access) {
    client(access);
    if is_remote(place) {
        access.fill_own(cache_folder()).unpack();
        connect(offline, access);
    } else {
        access.read_store(place).read_store(Path::new(place).join("v1.0"));
    }
}

/// Where PDBs are looked for. A local store may hold pointers to files anywhere (`file.ptr`), so one that the user names
/// opens the file system to reading.
pub fn symbols(symbols: &Symbols, access: &mut Access) {
    client(access);
    access.fill_own(cache_folder()).unpack();
    let path = symbols.path().unwrap_or_else(|_| SymbolPath::standard());
    for store in path.stores() {
        access.fill(store).read_everything();
    }
    for folder in path.loose_folders() {
        access.read_store(folder).read_everything();
    }
    connect(symbols.offline, access);
}

/// A profile that is written. `folder` is what relative names are relative to, where that is an option.
pub fn output(output: &Output, folder: Option<&Path>, access: &mut Access) {
    if let Some(path) = &output.output {
        if path.as_os_str() == "-" {
            return;
        }
        access.write(folder.map_or_else(|| path.clone(), |folder| folder.join(path)));
    }
    if let Some(folder) = &output.symbols_dir {
        access.fill(folder);
    }
}

/// Connections to servers, unless they are forbidden.
pub fn connect(offline: bool, access: &mut Access) {
    if offline {
        return;
    }
    access.network_as(Network::Connect);
    for path in CONNECTION.iter().filter_map(env::var_os) {
        access.read(path);
    }
}

/// Temporary files to unpack into, unless the input is a regular file that begins in one of these ways: then it is not
/// packed.
pub fn unpack_unless(path: &Path, beginnings: &[&[u8]], access: &mut Access) {
    let mut start = [0; 32];
    let regular = path.metadata().is_ok_and(|metadata| metadata.is_file());
    let seen = regular && File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok());
    if !seen || !beginnings.iter().any(|beginning| start.starts_with(beginning)) {
        access.unpack();
    }
}

/// What says how servers are asked: the configuration, and what is known about private servers.
pub fn client(access: &mut Access) {
    configuration(access);
    if let Some(path) = Credentials::netrc() {
        access.read(path);
    }
}

/// Whether a repository's place is an address.
pub fn is_remote(place: &str) -> bool {
    place.contains("://")
}

/// The folder for copies of what servers have.
pub fn cache_folder() -> PathBuf {
    match directories::ProjectDirs::from("", "", "rekall-profile") {
        Some(folders) => folders.cache_dir().to_owned(),
        // A system without a home folder for us.
        None => env::temp_dir().join("rekall-profile"),
    }
}

fn configuration(access: &mut Access) {
    Configuration::files().for_each(|file| {
        access.read(file);
    });
}

/// The repositories' places; none where the configuration cannot be understood.
fn places(global: &Global, access: &mut Access) -> Vec<String> {
    configuration(access);
    profiles::places(global).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::any::TypeId;

    use clap::{Arg, CommandFactory, Parser};

    use super::*;

    const PLACE: &str = "a-folder/a-place";

    fn names_a_path(argument: &Arg) -> bool {
        argument.get_value_parser().type_id() == TypeId::of::<PathBuf>()
    }

    /// A value that the argument takes.
    fn value(argument: &Arg) -> String {
        match argument.get_possible_values().first() {
            Some(value) => value.get_name().to_owned(),
            None => "1".to_owned(),
        }
    }

    fn given(argument: &Arg, value: &str) -> Vec<String> {
        match argument.get_long() {
            Some(long) => vec![format!("--{long}"), value.to_owned()],
            None => vec![value.to_owned()],
        }
    }

    /// A command that gets a new argument for a file has to say so, or the sandbox refuses the file.
    #[test]
    fn every_path_on_the_command_line_is_allowed() {
        let program = Cli::command();
        let mut tried = 0;
        for command in program.get_subcommands() {
            let own: Vec<&Arg> =
                command.get_arguments().filter(|argument| !argument.is_global_set()).collect();
            for argument in own.iter().filter(|argument| names_a_path(argument)) {
                let mut line = vec!["rekall-profile".to_owned(), command.get_name().to_owned()];
                for other in own.iter().filter(|other| other.get_id() != argument.get_id()) {
                    if other.is_required_set() {
                        line.extend(given(other, &value(other)));
                    }
                }
                line.extend(given(argument, PLACE));
                // A folder that outputs are relative to means nothing without one.
                if argument.get_long() == Some("dump_dir") && command.get_name() == "parse_pdb" {
                    line.extend(["--output".to_owned(), "a.json".to_owned()]);
                }
                let cli = Cli::try_parse_from(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
                let access = format!("{:?}", of(&cli));
                assert!(access.contains(PLACE), "{line:?}: {access}");
                tried += 1;
            }
        }
        assert!(tried > 20, "{tried} arguments");
    }

    fn network(line: &str) -> Network {
        of(&Cli::try_parse_from(line.split(' ')).unwrap()).network()
    }

    #[test]
    fn commands_that_fetch_connect_unless_they_are_offline() {
        for line in [
            "p fetch_pdb a.pdb F8E2A8B5C9B74BF4A6E4A48F180099942",
            "p fetch_debug 0123456789abcdef0123456789abcdef01234567",
            "p -f i.raw pslist",
            "p -f i.raw",
            "p -f i.raw --profile nt/GUID/A --profile_path https://h pslist",
            "p build_local_profile nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942",
            "p manage_repo build_all",
            "p manage_repo --path_to_repository s3://b/p seal",
            "p build_index s.yaml --root s3://b/p",
            "p inspect --across https://h S.m",
        ] {
            assert_eq!(network(line), Network::Connect, "{line}");
            assert_eq!(network(&format!("{line} --offline")), Network::None, "{line} --offline");
        }
        assert_eq!(network("p serve d"), Network::Listen);
        for line in [
            "p -f i.raw --profile_path d --profile nt/GUID/A pslist",
            "p manage_repo seal",
            "p inspect --across d S.m",
            "p build_index s.yaml --root d",
            "p parse_pdb a.pdb",
        ] {
            assert_eq!(network(line), Network::None, "{line}");
        }
    }
}
