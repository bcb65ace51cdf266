use std::path::PathBuf;

use anyhow::bail;
use converters::{Options, PDB, Source};
use profile::Arch;

use super::Run;
use crate::console::{Console, Settings};
use crate::files::{Files, unpack_unless};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{General, Json, Output, Strict, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::profiles::make::Request;
use crate::profiles::output::OutputPlan;

/// Make a profile from a PDB.
///
/// The PDB may be compressed in a cabinet (.pd_) or in the compact form (MSFZ). Without --output the profile is
/// printed on standard output. A report of what was read and what was lost goes to standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The PDB, or a cabinet that contains it (.pd_).
    #[arg(value_name = "FILE.pdb")]
    pdb_filename: Option<PathBuf>,
    /// The same as FILE.pdb.
    #[arg(short, long, value_name = "FILE", conflicts_with = "pdb_filename")]
    filename: Option<PathBuf>,
    /// The architecture, if the PDB does not state it: AMD64, I386, ARM or ARM64.
    #[arg(long)]
    arch: Option<Arch>,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    output: Output,
    /// The folder that --output is relative to.
    #[arg(short = 'D', long = "dump_dir", value_name = "DIR", help_heading = OUTPUT)]
    dump_dir: Option<PathBuf>,
    /// The Windows version, for the profile's metadata: 6.1 or 6.1.7601.
    #[arg(long = "win", alias = "windows_version", value_name = "VERSION", help_heading = OUTPUT)]
    windows_version: Option<String>,
    /// The class with which Rekall loads the profile; by default it is derived from the PDB's name.
    #[arg(long = "profile_class", value_name = "CLASS", help_heading = OUTPUT)]
    profile_class: Option<String>,
    /// Leave out symbols and label-to-value tables: structs and enumerations only.
    #[arg(long, help_heading = OUTPUT)]
    concise: bool,
    /// Keep the linker's names of symbols.
    #[arg(long = "raw-names", help_heading = OUTPUT)]
    raw_names: bool,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    strict: Strict,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile parse_pdb ntkrnlmp.pdb --output nt.json.gz
  rekall-profile parse_pdb -f ntkrnlmp.pdb --output nt.json --win 6.1
  rekall-profile parse_pdb ntkrnlmp.pd_ --format isf --symbols-dir symbols";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        if let Some(path) = self.path() {
            files.input("the PDB", path);
            unpack_unless(path, &[b"Microsoft C/C++ MSF 7.00"], files);
        }
        self.output.list(self.dump_dir.as_deref(), files)
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

impl Arguments {
    fn path(&self) -> Option<&PathBuf> {
        self.pdb_filename.as_ref().or(self.filename.as_ref())
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let Some(path) = arguments.path() else {
        bail!("which PDB? parse_pdb FILE.pdb, or parse_pdb -f FILE.pdb")
    };
    let plan = OutputPlan::new(&arguments.output, arguments.dump_dir.as_deref(), console)?;
    let opened = Source::open(path)?;
    console.debug(format_args!("opened {}", opened.place()));
    let options = Options {
        windows_version: arguments.windows_version.clone(),
        profile_class: arguments.profile_class.clone(),
        concise: arguments.concise,
        raw_names: arguments.raw_names,
        arch: arguments.arch,
        threads: console.threads(),
        ..Options::default()
    };
    Request { front_end: PDB, options: &options, plan: &plan, complete: &|_| Ok(()) }.make(opened, console)
}
