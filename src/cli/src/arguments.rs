use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;

/// Profiles for memory forensics: made from debug information, proved, kept and exported.
#[derive(Debug, Parser)]
#[command(name = "rekall-profile", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile fetch_pdb ntkrnlmp.pdb F8E2A8B5C9B74BF4A6E4A48F180099942
  rekall-profile parse_pdb ntkrnlmp.pdb --output nt.json.gz --win 6.1
  rekall-profile inspect nt.json.gz _EPROCESS

Exit codes: 0 success; 1 a negative answer (failed verdict, not found, differences); 2 wrong usage,
unreadable input, or a failure to read or write.";

/// Options every command understands.
#[derive(Debug, Args)]
pub struct Global {
    /// The file to work on: the memory image, or the PDB of fetch_pdb and parse_pdb.
    #[arg(short, long, global = true, value_name = "FILE")]
    pub filename: Option<PathBuf>,
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
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: Color,
    /// Losses that are otherwise only counted make the result negative (exit code 1).
    #[arg(long, global = true)]
    pub strict: bool,
}

impl Global {
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
    /// Make a profile from a PDB.
    #[command(alias = "parse-pdb")]
    ParsePdb(commands::parse_pdb::Arguments),
    /// Make a profile from the DWARF of an ELF or Mach-O file: a Linux or macOS kernel, a module.
    #[command(aliases = ["parse-dwarf", "dwarfparser"])]
    ParseDwarf(commands::parse_dwarf::Arguments),
    /// Print the completions of a shell.
    Completions(commands::completions::Arguments),
    /// Write the manual pages into a folder.
    Man(commands::man::Arguments),
}

/// Where a profile goes, for every command that makes one.
#[derive(Debug, Args)]
pub struct Output {
    /// The file to write: gzip where its name ends in .gz, plain text otherwise; - is standard output.
    #[arg(short, long, value_name = "FILE", alias = "output_filename")]
    pub output: Option<PathBuf>,
    /// Take the time to make the smallest file.
    #[arg(long)]
    pub best: bool,
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
    }

    #[test]
    fn a_link_names_its_command() {
        assert!(matches!(parsed("/usr/bin/parse_pdb a.pdb").unwrap().command, Command::ParsePdb(_)));
    }

    #[test]
    fn wrong_lines_are_refused() {
        for line in [
            "rekall-profile",
            "rekall-profile parse_pdbb a.pdb",
            "rekall-profile parse_pdb a.pdb --threads 0",
            "rekall-profile parse_pdb a.pdb -q -v",
            "rekall-profile parse_pdb a.pdb b.pdb",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
