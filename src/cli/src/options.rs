use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use symbols::{ClientOptions, LeastRate, NegativeCache, SymbolPath};

use crate::commands;
use crate::configuration::Configuration;
use crate::console::Console;
use crate::files::access;

/// Profiles for memory forensics: made from debug information, proved, kept and exported.
#[derive(Debug, Parser)]
#[command(name = "rekall-profile", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    /// Without one, and with -f IMAGE: prove the profile on the image, and sum up what is in it.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile fetch_pdb ntkrnlmp.pdb F8E2A8B5C9B74BF4A6E4A48F180099942
  rekall-profile parse_pdb ntkrnlmp.pdb --output nt.json.gz --win 6.1
  rekall-profile inspect nt.json.gz _EPROCESS
  rekall-profile -f memory.raw --profile nt.json.gz validate
  rekall-profile -f memory.raw --profile nt.json.gz pslist
  rekall-profile -f memory.raw pslist

Exit codes: 0 success; 1 a negative answer (failed verdict, not found, differences); 2 wrong usage,
unreadable input, or a failure to read or write.";

/// Options every command understands.
#[derive(Debug, Args)]
pub struct Global {
    /// The file to work on: the memory image, or the PDB of fetch_pdb and parse_pdb.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub filename: Option<PathBuf>,
    /// The profile of the kernel in the memory image: a file, or a name in a repository. Without it, it is detected.
    // Some commands have an argument of this name of their own.
    #[arg(id = "profile_of_image", long = "profile", global = true, value_name = "NAME_OR_FILE")]
    pub profile: Option<String>,
    /// A repository of profiles, a folder or an address; several are looked through in order. By default those of the
    /// configuration, else the user's own and the public one.
    #[arg(
        long = "profile_path",
        aliases = ["profile-path", "repository_path", "repository-path"],
        global = true,
        value_name = "DIR_OR_URL"
    )]
    pub profile_path: Vec<String>,
    #[command(flatten)]
    pub symbols: Symbols,
    /// Print the report as one JSON document on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// Tell the story: what was opened, tried and found.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// How many threads to use; by default as many as there are cores.
    #[arg(long, alias = "processes", global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: Color,
    /// Do not restrict what this run may read, write and connect to (Linux; -v shows the restrictions).
    #[arg(long = "no-sandbox", global = true)]
    pub no_sandbox: bool,
    /// Losses that are otherwise only counted make the result negative (exit code 1).
    #[arg(long, global = true)]
    pub strict: bool,
    /// Let packed input unpack to SIZE bytes (20G, 512M, ...), whatever the ratio. By default to 200 times its packed
    /// size and at most 16G, memory images to more.
    #[arg(long = "unpack-limit", alias = "unpack_limit", global = true, value_name = "SIZE", value_parser = size)]
    unpack_limit: Option<NonZeroU64>,
    /// Where the parts of a raw memory image belong, if file offsets are not physical addresses: hexadecimal
    /// START:LENGTH@FILE_OFFSET, several separated by commas.
    #[arg(long, global = true, value_name = "PARTS", value_delimiter = ',')]
    pub layout: Vec<image::Placed>,
    /// Go on with the profile of another build than the one that the memory image names.
    #[arg(long, global = true)]
    pub force: bool,
}

/// Parses a size in bytes: a number and, if wanted, K, M, G or T (powers of 1024; `KiB` and `KB` mean the same).
fn size(text: &str) -> Result<NonZeroU64, String> {
    let wrong = || format!("expected a size such as 20G or 512M, found '{text}'");
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.trim_end_matches(|character: char| !character.is_ascii_digit());
    let shift = match upper.get(digits.len()..).map(str::trim) {
        Some("" | "B") => 0,
        Some("K" | "KB" | "KIB") => 10,
        Some("M" | "MB" | "MIB") => 20,
        Some("G" | "GB" | "GIB") => 30,
        Some("T" | "TB" | "TIB") => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).and_then(NonZeroU64::new).ok_or_else(wrong)
}

impl Global {
    /// Sets what holds for the whole process.
    pub fn apply(&self) {
        if let Some(size) = self.unpack_limit {
            profile::UnpackLimits::allow(size);
        }
    }

    /// How many threads work may use.
    pub fn threads(&self) -> usize {
        match self.threads {
            Some(threads) => usize::from(threads),
            None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub enum Command {
    /// Bring PDBs from symbol stores and servers.
    #[command(alias = "fetch-pdb")]
    FetchPdb(commands::fetch_pdb::Arguments),
    /// Make a profile from a PDB.
    #[command(alias = "parse-pdb")]
    ParsePdb(commands::parse_pdb::Arguments),
    /// Bring the debug file of a Linux kernel or module from debuginfod servers, by its build-id.
    #[command(alias = "fetch-debug")]
    FetchDebug(commands::fetch_debug::Arguments),
    /// Make a profile from the DWARF of an ELF or Mach-O file: a Linux or macOS kernel, a module.
    #[command(aliases = ["parse-dwarf", "dwarfparser"])]
    ParseDwarf(commands::parse_dwarf::Arguments),
    /// Make a profile of a Volatility 2 pack or of vtypes, or profiles of a folder of packs.
    #[command(alias = "convert-profile")]
    ConvertProfile(commands::convert_profile::Arguments),
    /// Say what a PE file is: its headers, its PDB, its sections.
    Peinfo(commands::peinfo::Arguments),
    /// Find the records in any file that name a PDB by GUID and age.
    #[command(alias = "version-scan")]
    VersionScan(commands::version_scan::Arguments),
    /// Show what a profile holds: a summary; structs, members, enumerations and symbols by name.
    #[command(alias = "vtypes")]
    Inspect(commands::inspect::Arguments),
    /// Judge a profile: is it complete, what would its readers miss, does it agree with another.
    Check(commands::check::Arguments),
    /// Write a profile in the form another program reads: Volatility 3, LibVMI, DRAKVUF.
    Export(commands::export::Arguments),
    /// Prove a profile on a memory image (-f), check by check: match, mismatch or inconclusive.
    Validate,
    /// List the processes in a memory image (-f).
    Pslist,
    /// List the modules of the kernel in a memory image (-f).
    Modules,
    /// Tell which profile a memory image (-f) needs, from which repository, and by what evidence.
    Autodetect,
    /// Fetch a PDB, make its profile and store it: of the kernel in an image (-f), or by name (nt/GUID/...).
    #[command(alias = "build-local-profile")]
    BuildLocalProfile(commands::build_local_profile::Arguments),
    /// List the GUID, age and PDB of every module of the Windows kernel in a memory image (-f).
    #[command(alias = "version-modules")]
    VersionModules(commands::version_modules::Arguments),
    /// Tell which builds a module of the Windows system in a memory image (-f) may be of, by indexes.
    #[command(alias = "guess-guid")]
    GuessGuid(commands::guess_guid::Arguments),
    /// Serve a symbol store or a repository of profiles over HTTP, to read only.
    Serve(commands::serve::Arguments),
    /// Build a repository of profiles, and keep it: only what changed is made.
    #[command(alias = "manage-repo")]
    ManageRepo(commands::manage_repo::Arguments),
    /// Build an index over the profiles of a repository, by which a kernel is recognised that does not say what it is.
    #[command(alias = "build-index")]
    BuildIndex(commands::build_index::Arguments),
    /// Print the completions of a shell.
    Completions(commands::completions::Arguments),
    /// Write the manual pages into a folder.
    Man(commands::man::Arguments),
}

/// Where a profile goes and in which form, for every command that makes one.
#[derive(Clone, Debug, Args)]
pub struct Output {
    /// The file to write: gzip where its name ends in .gz, xz in .xz, plain text otherwise; - is standard output.
    #[arg(short, long, value_name = "FILE", alias = "output_filename")]
    pub output: Option<PathBuf>,
    /// Take the time to make the smallest file.
    #[arg(long)]
    pub best: bool,
    /// The program it is for: rekall, isf (Volatility 3) or libvmi (LibVMI and DRAKVUF).
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Write these structs, enumerations and symbols alone, with all that they hold.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// For libvmi: the lower 48 bits of addresses (for both programs), or all with their sign (for LibVMI alone).
    #[arg(long, value_enum)]
    pub addresses: Option<Addresses>,
    /// For isf: put the table where Volatility 3 looks for it below this folder (its own option is -s).
    #[arg(long = "symbols-dir", alias = "symbols_dir", value_name = "DIR", conflicts_with = "output")]
    pub symbols_dir: Option<PathBuf>,
}

impl Output {
    /// The form that is asked for, Rekall's if none is.
    pub fn format(&self) -> profile::Format {
        self.format.map_or_else(profile::Format::default, Into::into)
    }
}

/// A program's form.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// The canonical profile, as Rekall reads it.
    Rekall,
    /// The symbol table of Volatility 3.
    Isf,
    /// Rekall's form as LibVMI and DRAKVUF read it.
    Libvmi,
}

impl From<Format> for profile::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Rekall => Self::Rekall,
            Format::Isf => Self::Isf,
            Format::Libvmi => Self::LibVmi,
        }
    }
}

/// How addresses are written for LibVMI.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Addresses {
    /// The lower 48 bits.
    Masked,
    /// All 64 bits, with their sign.
    Signed,
}

impl From<Addresses> for profile::Addresses {
    fn from(addresses: Addresses) -> Self {
        match addresses {
            Addresses::Masked => Self::Masked,
            Addresses::Signed => Self::Signed,
        }
    }
}

/// Where PDBs are looked for, for every command that fetches them.
#[derive(Clone, Debug, Args)]
pub struct Symbols {
    /// Where PDBs are looked for, in the language of _NT_SYMBOL_PATH; by default that variable, else Microsoft's server.
    #[arg(long = "symbol-path", alias = "symbol_path", global = true, value_name = "PATH")]
    // A text: the parser's own message leaves passwords out, which clap's would repeat.
    symbol_path: Option<String>,
    /// Ask no server; look into local stores and repositories only.
    #[arg(long, global = true)]
    pub offline: bool,
    /// Ask servers also for what they did not have within the last day.
    #[arg(long, global = true, conflicts_with = "offline")]
    refresh: bool,
    /// Give a download up that brings fewer bytes per second than this; 0 accepts any rate [default: 1024].
    #[arg(long = "least-rate", alias = "least_rate", global = true, value_name = "BYTES")]
    least_rate: Option<u64>,
    /// For how many seconds a download may be slower than --least-rate [default: 30].
    #[arg(long = "least-rate-time", alias = "least_rate_time", global = true, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    least_rate_time: Option<u64>,
}

impl Symbols {
    /// The symbol path: the option's, else the environment's, else the configuration's, else Microsoft's server.
    ///
    /// # Errors
    /// A symbol path or a configuration that cannot be understood.
    pub fn path(&self) -> anyhow::Result<SymbolPath> {
        let configured = || Configuration::read().map(|configuration| configuration.symbol_path);
        let (text, origin) = match (&self.symbol_path, std::env::var("_NT_SYMBOL_PATH").ok()) {
            (Some(text), _) => (Some(text.clone()), "--symbol-path"),
            (None, Some(text)) => (Some(text), "_NT_SYMBOL_PATH"),
            (None, None) => (configured()?, "symbol_path of the configuration"),
        };
        match text.filter(|text| !text.trim().is_empty()) {
            Some(text) => text.parse().context(origin),
            None => Ok(SymbolPath::standard()),
        }
    }

    /// How PDBs are fetched; where `store` is given, everything found is also put there.
    ///
    /// # Errors
    /// A symbol path or credentials that cannot be understood.
    pub fn options(&self, store: Option<&Path>, console: &Console) -> anyhow::Result<symbols::Options> {
        let mut path = self.path()?;
        if let Some(store) = store {
            path = path.behind(store);
        }
        let cache = access::cache_folder();
        let mut options = symbols::Options::new(path, cache.join("symbols"));
        options.negative_cache = Some(NegativeCache {
            folder: cache.join("missing"),
            expiry: if self.refresh { Duration::ZERO } else { NegativeCache::EXPIRY },
        });
        options.client = self.client(options.client)?;
        // Fetching is waiting, for the most part.
        options.workers = console.threads() * 2;
        Ok(options)
    }

    /// How servers are asked: the options of the command line and of the configuration, laid over `defaults`.
    ///
    /// # Errors
    /// A configuration or credentials that cannot be understood.
    pub fn client(&self, defaults: ClientOptions) -> anyhow::Result<ClientOptions> {
        let configured = Configuration::read()?;
        let standard = defaults.least_rate;
        let rate = self.least_rate.or(configured.least_rate);
        let seconds = self.least_rate_time.or(configured.least_rate_time);
        let least_rate = LeastRate {
            bytes_per_second: rate.unwrap_or(standard.bytes_per_second),
            during: seconds.map_or(standard.during, Duration::from_secs),
        };
        let credentials = symbols::Credentials::from_environment()?;
        Ok(ClientOptions { offline: self.offline, least_rate, credentials, ..defaults })
    }
}

/// The command line with the command's name put in where the program is called by a command's name
/// (`fetch_pdb`, `parse_pdb` and `convert_profile` may be links to it).
pub fn with_command_name(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let called = arguments.first().and_then(|program| Path::new(program).file_stem()?.to_str());
    if let Some(name @ ("fetch_pdb" | "parse_pdb" | "convert_profile")) = called {
        let name = OsString::from(name);
        arguments.insert(1, name);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(with_command_name(line.split_whitespace().map(OsString::from)))
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_articles_lines_parse() {
        parsed("rekall-profile parse_pdb -f ntkrnlmp.pdb --output F8E2.json --win 6.1").unwrap();
        parsed("rekall-profile -f OSX_image.dd --profile ./OSX_10.6.6_AMD.json").unwrap();
        parsed("rekall-profile -f memory_vm_10_7.dd.E01 --profile OSX/10.7.4_AMD -v pslist").unwrap();
    }

    #[test]
    fn sizes_are_numbers_with_a_unit() {
        for (text, expected) in
            [("7", 7), ("512M", 512 << 20), ("20g", 20 << 30), ("1 TiB", 1 << 40), ("3KB", 3 << 10)]
        {
            assert_eq!(size(text).map(NonZeroU64::get), Ok(expected), "{text}");
        }
        for text in ["", "0", "G", "-1", "1.5G", "20P", "99999999999T", "1G1"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_link_names_its_command() {
        assert!(matches!(parsed("/usr/bin/parse_pdb a.pdb").unwrap().command, Some(Command::ParsePdb(_))));
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
            assert!(matches!(parsed(line).unwrap().command, Some(Command::FetchPdb(_))), "{line}");
        }
    }

    #[test]
    fn wrong_lines_are_refused() {
        for line in [
            "rekall-profile parse_pdbb a.pdb",
            "rekall-profile parse_pdb a.pdb --threads 0",
            "rekall-profile parse_pdb a.pdb -q -v",
            "rekall-profile parse_pdb a.pdb b.pdb",
            "rekall-profile fetch_pdb a.pdb F8E2 --guid F8E2",
            "rekall-profile fetch_pdb a.pdb --manifest wanted.json",
            "rekall-profile fetch_pdb a.exe --offline --refresh",
            "rekall-profile version_scan a.bin --name_regex (",
            "rekall-profile convert_profile",
            "rekall-profile convert_profile a.zip a.json b.json",
            "rekall-profile convert_profile a.zip a.json --compat volatility",
            "rekall-profile export a.json --format volatility",
            "rekall-profile export a.json --format isf --symbols-dir s --output b.json",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
