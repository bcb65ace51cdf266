use std::path::PathBuf;

use anyhow::{Context, bail};
use converters::{Options, PDB, Source};
use profile::{Arch, Scope};

use crate::console::Console;
use crate::files::access;
use crate::files::{Files, UsesFiles};
use crate::options;
use crate::options::Global;
use crate::outcome::Outcome;
use crate::profiles::output::Plan;
use crate::profiles::verdict::Summary;
use crate::sandbox::Access;

/// A PDB, and what to make of it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The PDB, or a cabinet that holds it (.pd_); the same as -f.
    #[arg(value_name = "FILE.pdb")]
    pdb_filename: Option<PathBuf>,
    #[command(flatten)]
    output: options::Output,
    /// The folder that --output is relative to.
    #[arg(short = 'D', long = "dump_dir", value_name = "DIR")]
    dump_dir: Option<PathBuf>,
    /// The Windows version, for the profile's metadata: 6.1 or 6.1.7601.
    #[arg(long = "win", alias = "windows_version", value_name = "MAJOR.MINOR[.REV]")]
    windows_version: Option<String>,
    /// The class Rekall loads the profile with; by default it follows from the PDB's name.
    #[arg(long = "profile_class", value_name = "CLASS")]
    profile_class: Option<String>,
    /// Leave out symbols and label-to-value tables: structs and enumerations only.
    #[arg(long)]
    concise: bool,
    /// Keep symbols' names as the linker wrote them.
    #[arg(long = "raw-names")]
    raw_names: bool,
    /// The architecture, where the PDB does not tell: AMD64, I386, ARM or ARM64. One that contradicts the PDB
    /// is refused.
    #[arg(long)]
    arch: Option<Arch>,
}

impl Arguments {
    /// What a run may do.
    pub fn access(&self, global: &Global, access: &mut Access) {
        for path in self.pdb_filename.iter().chain(&global.filename) {
            access.read(path);
            access::unpack_unless(path, &[b"Microsoft C/C++ MSF 7.00"], access);
        }
        access::output(&self.output, self.dump_dir.as_deref(), access);
    }
}

impl UsesFiles for Arguments {
    fn list_files(&self, global: &Global, files: &mut Files) -> anyhow::Result<()> {
        for path in self.pdb_filename.iter().chain(&global.filename) {
            files.input("the PDB", path);
        }
        self.output.list_files(self.dump_dir.as_deref(), files)
    }
}

/// Makes the profile.
///
/// # Errors
/// Wrong usage, a file that is no readable PDB, or an output that cannot be written.
pub fn run(arguments: Arguments, filename: Option<PathBuf>, console: &Console) -> anyhow::Result<Outcome> {
    let path = match (arguments.pdb_filename, filename) {
        (Some(path), None) | (None, Some(path)) => path,
        (Some(_), Some(_)) => bail!("the PDB is named twice: once with -f, once without"),
        (None, None) => bail!("which PDB? parse_pdb FILE.pdb, or parse_pdb -f FILE.pdb"),
    };
    let plan = Plan::new(&arguments.output, arguments.dump_dir.as_deref(), console)?;
    let source = path.display().to_string();
    let opened = Source::open(&path)?;
    console.tell(format_args!("opened {source}"));
    let options = Options {
        windows_version: arguments.windows_version,
        profile_class: arguments.profile_class,
        concise: arguments.concise,
        raw_names: arguments.raw_names,
        arch: arguments.arch,
        threads: console.threads(),
        ..Options::default()
    };
    let converted = converters::convert_with(PDB, opened, &options, console.progress())
        .with_context(|| source.clone())?;
    let (mut profile, mut report) = (converted.profile, converted.report);
    let resolution = plan.settle(&mut profile, &mut report);
    if let Some(path) = plan.write(&profile, &resolution, &mut report, console.threads())? {
        console.say(format_args!("wrote {}", path.display()));
    }
    let scope = if arguments.concise { Scope::Types } else { Scope::Whole };
    Summary { source: &source, profile: &profile, resolution: &resolution, report: &report, scope }
        .conclude(console)
}
