//! The command line: the program's name, its commands, and what applies to all of them. No other module uses it.

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Args, FromArgMatches};

use crate::commands::*;
use crate::{command_line, version};

/// Build profiles for memory forensics, and prove them on memory images.
///
/// A profile holds the structs, enumerations and symbols of one kernel build. It is made from debug information (PDB,
/// DWARF, BTF, Volatility packs) and read by Rekall, Volatility 3, LibVMI and DRAKVUF. Without a command, and with -f IMAGE,
/// the profile of the image is found and proved, and the image is summed up.
#[derive(Debug, Args)]
#[command(name = "rekall-profile", version, long_version = version::LONG, max_term_width = 100, after_long_help = EXAMPLES)]
struct Top {
    #[command(flatten)]
    summary: summary::Arguments,
}

/// A command line, parsed.
#[derive(Debug)]
pub struct Cli {
    summary: summary::Arguments,
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile fetch_pdb ntkrnlmp.pdb F8E2A8B5C9B74BF4A6E4A48F180099942
  rekall-profile parse_pdb ntkrnlmp.pdb --output nt.json.gz --win 6.1
  rekall-profile -f memory.raw --profile nt.json.gz

Exit codes: 0 success; 1 a negative answer (failed verdict, not found, differences); 2 wrong usage,
unreadable input, or a failure to read or write.";

/// Defines the commands: the name of each, and the module with its arguments.
macro_rules! commands {
    ($($name:ident => $module:ident,)*) => {
        #[derive(Debug)]
        enum Command {
            $($name($module::Arguments),)*
        }

        /// The names of all commands.
        const NAMES: &[&str] = &[$(stringify!($module)),*];

        impl Command {
            /// Adds the definition of every command, or of `only` one, to that of the program.
            fn add_to(mut program: clap::Command, only: Option<&str>) -> clap::Command {
                $(
                    if only.is_none_or(|only| only == stringify!($module)) {
                        let command = clap::Command::new(stringify!($module));
                        program = program.subcommand($module::Arguments::augment_args(command));
                    }
                )*
                program
            }

            /// The command that was given, with its arguments.
            fn from_matches(name: &str, matches: &mut ArgMatches) -> Result<Option<Self>, clap::Error> {
                match name {
                    $(stringify!($module) => {
                        $module::Arguments::from_arg_matches_mut(matches).map(Self::$name).map(Some)
                    })*
                    _ => Ok(None),
                }
            }

            fn as_run(&self) -> &dyn Run {
                match self {
                    $(Self::$name(arguments) => arguments,)*
                }
            }

            fn as_run_mut(&mut self) -> &mut dyn Run {
                match self {
                    $(Self::$name(arguments) => arguments,)*
                }
            }
        }
    };
}

commands! {
    FetchPdb => fetch_pdb,
    Parse => parse,
    ParsePdb => parse_pdb,
    FetchDebug => fetch_debug,
    ParseDwarf => parse_dwarf,
    ParseBtf => parse_btf,
    ConvertProfile => convert_profile,
    Peinfo => peinfo,
    VersionScan => version_scan,
    Inspect => inspect,
    Check => check,
    Diff => diff,
    History => history,
    Bundle => bundle,
    Export => export,
    Report => report,
    Site => site,
    Validate => validate,
    Pslist => pslist,
    Modules => modules,
    Autodetect => autodetect,
    BuildLocalProfile => build_local_profile,
    VersionModules => version_modules,
    GuessGuid => guess_guid,
    Serve => serve,
    ManageRepo => manage_repo,
    BuildIndex => build_index,
    Completions => completions,
    Man => man,
}

impl Cli {
    /// Parses a command line in any order that Rekall or this program accepts ([`command_line::in_order`]).
    ///
    /// # Errors
    /// An error if the line is wrong; help and version are returned in the same way.
    pub fn parse_line(line: Vec<OsString>) -> Result<Self, clap::Error> {
        // Defining all commands takes as long as converting a small PDB, so only the one in the line is defined. The whole
        // explains what is wrong with a line.
        if let Some(name) = command_line::named(NAMES, &line)
            && let Ok(cli) = Self::parse_with(tree_of(Some(name)), line.clone())
        {
            return Ok(cli);
        }
        Self::parse_with(tree(), line)
    }

    fn parse_with(tree: clap::Command, line: Vec<OsString>) -> Result<Self, clap::Error> {
        let mut tree = named_as_one(tree);
        let mut line = command_line::in_order(&tree, line);
        if line.len() < 2 {
            line.push("--help".into());
        }
        let mut matches = tree.try_get_matches_from_mut(line)?;
        let parsed = Self::from_matches(&mut matches);
        let mut cli = parsed.map_err(|error| error.format(&mut tree))?;
        if let Some(command) = &mut cli.command {
            command.as_run_mut().know(self::tree);
        }
        Ok(cli)
    }

    fn from_matches(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        let command = match matches.remove_subcommand() {
            Some((name, mut matches)) => Command::from_matches(&name, &mut matches)?,
            None => None,
        };
        let summary = Top::from_arg_matches_mut(matches)?.summary;
        Ok(Self { summary, command })
    }

    /// The command in the line or, if there is none, the summary of an image.
    pub fn chosen(&self) -> &dyn Run {
        self.command.as_ref().map_or(&self.summary, Command::as_run)
    }
}

/// The whole command line, with every spelling of names and the parts that all commands share.
pub fn tree() -> clap::Command {
    tree_of(None)
}

/// The command line with every command, or with `only` one.
fn tree_of(only: Option<&str>) -> clap::Command {
    let top = |argument: Arg| {
        let shown = ["filename", "profile", "help", "version"].contains(&argument.get_id().as_str());
        argument.hide_short_help(!shown)
    };
    let program = Top::augment_args(clap::Command::new("rekall-profile"));
    adapted(Command::add_to(program, only)).mut_args(top).propagate_version(true)
}

/// Gives all commands the program's name, which `--version` then prints. (Manual pages have their own names.)
fn named_as_one(command: clap::Command) -> clap::Command {
    command.display_name("rekall-profile").mut_subcommands(named_as_one)
}

/// Adds both spellings of names, `parse_pdb` and `parse-pdb`, to a command and those below it. The options `--help`
/// and `--version` are those of [`crate::options::General`].
fn adapted(command: clap::Command) -> clap::Command {
    let spelling = other_spelling(command.get_name());
    let command = command.disable_help_flag(true).disable_version_flag(true).aliases(spelling);
    command.mut_args(spelled_both_ways).mut_subcommands(adapted)
}

fn spelled_both_ways(argument: Arg) -> Arg {
    let names: Vec<&str> = argument
        .get_long_and_visible_aliases()
        .into_iter()
        .flatten()
        .chain(argument.get_all_aliases().into_iter().flatten())
        .collect();
    let mut others: Vec<String> = names.iter().filter_map(|name| other_spelling(name)).collect();
    others.sort_unstable();
    others.dedup();
    argument.aliases(others)
}

/// The other spelling of a name of several words, with underscores and hyphens exchanged; `None` for a single word.
fn other_spelling(name: &str) -> Option<String> {
    match (name.contains('_'), name.contains('-')) {
        (true, _) => Some(name.replace('_', "-")),
        (false, true) => Some(name.replace('-', "_")),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::any::TypeId;
    use std::path::PathBuf;

    use super::*;
    use crate::files::Files;
    use crate::sandbox::{Access, Network};

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        Cli::parse_line(line.split_whitespace().map(OsString::from).collect())
    }

    fn access(cli: &Cli) -> Access {
        let mut files = Files::default();
        // The folders do not exist, so errors about them are ignored.
        let _ = cli.chosen().list(&mut files);
        files.into_access()
    }

    #[test]
    fn the_definition_holds_together() {
        tree().debug_assert();
    }

    #[test]
    fn the_command_lines_of_rekalls_article_parse() {
        for line in [
            "rekall -f myimage.dd --profile Win7SP1x86 pslist",
            "rekall convert_profile ./profiles/Volatility/ ./OSX_10.6.6_AMD.json",
            "rekall -f OSX_image.dd --profile ./OSX_10.6.6_AMD.json",
            "rekall -f OSX_image.dd --profile ./OSX_10.6.6_AMD.json.gz",
            "rekall -f memory_vm_10_7.dd.E01 --profile OSX/10.7.4_AMD -v pslist",
            "rekall -f memory_vm_10_7.dd.E01 --profile_path full_path_to_rekall.profiles --profile OSX/10.7.4_AMD -v pslist",
            "rekall -f win7.elf version_scan --name_regex krnl",
            "rekall -f ~/images/win7.elf -v --profile GUID/F8E2A8B5C9B74BF4A6E4A48F180099942 pslist",
            "rekall fetch_pdb -D. --guid F8E2A8B5C9B74BF4A6E4A48F180099942 --filename ntkrnlmp.pdb",
            "rekall parse_pdb -f ntkrnlmp.pdb --output F8E2.json --win 6.1",
        ] {
            parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn a_link_names_its_command() {
        let named = parsed("/usr/bin/parse_pdb a.pdb").unwrap();
        assert!(matches!(named.command, Some(Command::ParsePdb(_))));
    }

    #[test]
    fn both_generations_of_fetch_pdb_are_understood() {
        for line in [
            "rekall-profile fetch_pdb ntkrnlmp.pdb F8E2A8B5C9B74BF4A6E4A48F180099942",
            "rekall-profile fetch_pdb -D. --guid F8E2A8B5C9B74BF4A6E4A48F180099942 --filename ntkrnlmp.pdb",
            "fetch_pdb -D DIR --guid G --filename F",
            "fetch_pdb ntoskrnl.exe --dump_dir DIR --symbol_path srv*",
            "fetch_pdb --manifest wanted.json --offline --write-manifest missing.json",
        ] {
            let cli = parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(matches!(cli.command, Some(Command::FetchPdb(_))), "{line}");
        }
    }

    #[test]
    fn wrong_lines_are_refused() {
        for line in [
            "rekall-profile parse_pdbb a.pdb",
            "rekall-profile parse_pdb a.pdb --threads 0",
            "rekall-profile parse_pdb a.pdb -q -v",
            "rekall-profile parse_pdb a.pdb b.pdb",
            "rekall-profile parse_pdb a.pdb -f b.pdb",
            "rekall-profile fetch_pdb a.pdb F8E2 --guid F8E2",
            "rekall-profile fetch_pdb a.pdb --manifest wanted.json",
            "rekall-profile fetch_pdb -f a.pdb --manifest wanted.json",
            "rekall-profile fetch_pdb a.exe --offline --refresh",
            "rekall-profile version_scan a.bin --name_regex (",
            "rekall-profile version_scan a.bin -f b.raw",
            "rekall-profile pslist a.raw -f b.raw",
            "rekall-profile convert_profile",
            "rekall-profile convert_profile a.zip a.json b.json",
            "rekall-profile convert_profile a.zip a.json --compat volatility",
            "rekall-profile export a.json --format volatility",
            "rekall-profile export a.json --format isf --symbols-dir s --output b.json",
            "rekall-profile export a.json --format libvmi --force",
            // Options that the command does not use.
            "rekall-profile check a.json --offline",
            "rekall-profile check a.json -f memory.raw",
            "rekall-profile --profile nt.json check a.json",
            "rekall-profile serve . --threads 2",
            "rekall-profile parse_pdb a.pdb --profile_path b",
            "rekall-profile completions bash --json",
            "rekall-profile manage_repo plan --retry",
            "rekall-profile manage_repo seal nt/GUID",
            "rekall-profile manage_repo --shards 3 seal",
            "rekall-profile manage_repo build_all ntkrnlmp.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942",
            "rekall-profile manage_repo nt/GUID import a.json",
            "rekall-profile manage_repo import",
            "rekall-profile manage_repo add_guid",
            "rekall-profile manage_repo buildall",
            "rekall-profile manage_repo nt/GUID bild",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn mistyped_names_are_answered_with_the_nearest() {
        for (line, nearest) in [
            ("p parse_pdbb a.pdb", "parse_pdb"),
            ("p pslst -f a.raw", "pslist"),
            ("p manage_repo buildall", "build_all"),
            ("p manage_repo nt/GUID add_gid a.pdb/F8E2", "add_guid"),
            ("p check a.json --agianst b.json", "--against"),
            ("p --profil a.json -f a.raw pslist", "--profile"),
            ("p manage_repo --force_build_indx seal", "--force_build_index"),
            ("p export a.json --format libmvi", "libvmi"),
        ] {
            let error = parsed(line).unwrap_err().to_string();
            assert!(error.contains("tip:") && error.contains(nearest), "{line}: {error}");
        }
    }

    #[test]
    fn commands_options_and_verbs_have_two_spellings() {
        for line in [
            "p parse-pdb a.pdb --dump-dir d -o a.json --profile-class Nt --raw_names",
            "p version-scan a.bin --name-regex x --write_manifest w.json",
            "p -f a.raw --profile-path d pslist",
            "p -f a.raw --repository-path d pslist --symbol_path s --least_rate 1",
            "p manage-repo --path-to-repository d add-guid a.pdb/F8E2 --force-build-index",
            "p build-index s.yaml",
            "p parse-dwarf vmlinux --system_map m --symbols_dir d",
            "p parse_dwarf vmlinux --kallsyms m",
            "p dwarfparser vmlinux",
            "p vtypes a.json --unpack_limit 1G",
        ] {
            parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    /// The verb and the words of a line of `manage_repo`.
    fn ordered(line: &str) -> String {
        let line = line.split_whitespace().map(OsString::from).collect();
        let ordered = command_line::in_order(&tree(), line);
        ordered.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_are_brought_into_order() {
        for (line, expected) in [
            ("p -f a.raw --profile=x -vq pslist --json", "p pslist -f a.raw --profile=x -vq --json"),
            ("p -fa.raw -vf b.raw modules", "p modules -fa.raw -vf b.raw"),
            ("p --json --threads 2 check a.json", "p check --json --threads 2 a.json"),
            // The value of an option is not a command.
            ("p -f check pslist", "p pslist -f check"),
            ("p --profile pslist -f a.raw", "p --profile pslist -f a.raw"),
            ("p version_modules --fetch -f a.raw", "p version_modules --fetch -f a.raw"),
            ("p --fetch version_modules -f a.raw", "p version_modules --fetch -f a.raw"),
            ("p -- pslist", "p -- pslist"),
            ("p --nonsense x pslist", "p --nonsense x pslist"),
            ("p -f a.raw pslst", "p pslst -f a.raw"),
            ("p manage_repo -v bild", "p manage_repo bild -v"),
            ("p manage_repo", "p manage_repo build_all"),
            ("p manage_repo --path_to_repository r", "p manage_repo build_all --path_to_repository r"),
            ("p manage_repo --path_to_repository r seal -v", "p manage_repo seal --path_to_repository r -v"),
            ("p --json bundle list a.bundle", "p bundle list --json a.bundle"),
            ("p bundle -v verify a.bundle", "p bundle verify -v a.bundle"),
            ("p --json manage_repo plan --shards 2", "p manage_repo plan --json --shards 2"),
            ("p manage_repo nt/GUID", "p manage_repo build_all --target nt/GUID"),
            ("p manage_repo nt/GUID -v", "p manage_repo build_all --target nt/GUID -v"),
            ("p manage_repo nt/GUID add_guid a/b c", "p manage_repo add_guid --target nt/GUID a/b c"),
            ("p manage_repo Linux missing -o m", "p manage_repo missing --target Linux -o m"),
            (
                "p manage_repo --path_to_repository r nt/GUID --retry build x",
                "p manage_repo build --path_to_repository r --target nt/GUID --retry x",
            ),
            ("p manage_repo nt/GUID bild x", "p manage_repo bild --target nt/GUID x"),
            ("p manage_repo verify nt/GUID/A", "p manage_repo verify nt/GUID/A"),
            ("p manage_repo -h", "p manage_repo -h"),
            ("p manage_repo bild", "p manage_repo bild"),
        ] {
            assert_eq!(ordered(line), expected, "{line}");
        }
    }

    /// Brings all options of a command and those below it to `use_it`.
    fn each_option(command: &clap::Command, use_it: &mut impl FnMut(&Arg)) {
        command.get_arguments().for_each(&mut *use_it);
        command.get_subcommands().for_each(|command| each_option(command, use_it));
    }

    /// Options are moved after their command before it is known which of them take a value.
    #[test]
    fn an_option_takes_a_value_in_all_commands_or_in_none() {
        let mut known = std::collections::BTreeMap::new();
        each_option(&tree(), &mut |option| {
            let takes = option.get_action().takes_values() && !option.is_require_equals_set();
            let short = option.get_short().map(|letter| letter.to_string());
            for name in option.get_long().map(str::to_owned).into_iter().chain(short) {
                assert_eq!(*known.entry(name.clone()).or_insert(takes), takes, "{name}");
            }
        });
        assert!(known.len() > 40);
    }

    const PLACE: &str = "a-folder/a-place";

    fn names_a_path(argument: &Arg) -> bool {
        argument.get_value_parser().type_id() == TypeId::of::<PathBuf>()
    }

    /// A value that the argument accepts.
    fn value(argument: &Arg) -> String {
        match argument.get_possible_values().first() {
            None if argument.get_long() == Some("base-url") => "https://example.org/".to_owned(),
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

    /// Tests every argument of a command that names a file, and returns their number.
    fn try_paths(command: &clap::Command, called: &[&str]) -> usize {
        let mut tried = 0;
        for below in command.get_subcommands().filter(|command| command.get_name() != "help") {
            tried += try_paths(below, &[called, &[below.get_name()]].concat());
        }
        for argument in command.get_arguments().filter(|argument| names_a_path(argument)) {
            let mut line: Vec<String> = called.iter().map(|word| (*word).to_owned()).collect();
            // In the order of the command's own definition, which is that of its words.
            for other in command.get_arguments() {
                if other.get_id() == argument.get_id() {
                    line.extend(given(argument, PLACE));
                } else if other.is_required_set() {
                    line.extend(given(other, &value(other)));
                }
            }
            // A folder for outputs with relative names has no effect without one.
            if argument.get_long() == Some("dump_dir") && called.ends_with(&["parse_pdb"]) {
                line.extend(["--output".to_owned(), "a.json".to_owned()]);
            }
            let cli = Cli::parse_line(line.iter().map(OsString::from).collect())
                .unwrap_or_else(|error| panic!("{line:?}: {error}"));
            let access = format!("{:?}", access(&cli));
            assert!(access.contains(PLACE), "{line:?}: {access}");
            tried += 1;
        }
        tried
    }

    /// A command with a new argument for a file has to list it, otherwise the sandbox refuses the file.
    #[test]
    fn every_path_on_the_command_line_is_allowed() {
        let tried = try_paths(&tree(), &["rekall-profile"]);
        assert!(tried > 30, "{tried} arguments");
    }

    fn network(line: &str) -> Network {
        access(&parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"))).network()
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
