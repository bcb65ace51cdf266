use std::path::PathBuf;

use anyhow::bail;
use converters::{BTF, Options, Source};
use profile::Arch;

use super::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, Json, Output, Strict, Threads, settings};
use crate::outcome::Outcome;
use crate::profiles::make::{Request, open_input, release_of_map};
use crate::profiles::output::OutputPlan;

/// Make a profile from BTF, a Linux kernel's own description of its types.
///
/// The file is a BTF blob (/sys/kernel/btf/vmlinux), an ELF file with a .BTF section (a vmlinux or a module), or a kernel as it
/// is booted (vmlinuz, bzImage, Image, EFI zboot), also in its package. A blob has types only, so the symbols come from
/// --system-map; a kernel that is booted carries its own. Without --output the profile is printed on standard output.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// A BTF blob, an ELF file with a .BTF section, or a kernel as it is booted.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The same as FILE.
    #[arg(short, long, value_name = "FILE", conflicts_with = "file")]
    filename: Option<PathBuf>,
    /// The kernel's System.map or /proc/kallsyms, from which symbols are taken.
    #[arg(long, alias = "kallsyms", value_name = "FILE")]
    system_map: Option<PathBuf>,
    /// The kernel's BTF or vmlinux, for the BTF of a module.
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// The processor (AMD64, ARM64, ...), if neither the file nor its types show it.
    #[arg(long)]
    arch: Option<Arch>,
    #[command(flatten)]
    output: Output,
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
  rekall-profile parse_btf /sys/kernel/btf/vmlinux --kallsyms /proc/kallsyms -o linux.json.gz
  rekall-profile parse_btf vmlinuz-6.1.0-13-amd64 -o linux.json.gz
  rekall-profile parse_btf fuse.ko --base vmlinux -o fuse.json.gz";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.threads])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        if let Some(path) = self.path() {
            files.input("the BTF", path);
        }
        if let Some(path) = &self.system_map {
            files.input("--system-map", path);
        }
        if let Some(path) = &self.base {
            files.input("--base", path);
        }
        self.output.list(None, files)
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

impl Arguments {
    fn path(&self) -> Option<&PathBuf> {
        self.file.as_ref().or(self.filename.as_ref())
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let Some(path) = arguments.path() else {
        bail!("which file? parse_btf /sys/kernel/btf/vmlinux, or parse_btf vmlinux")
    };
    let plan = OutputPlan::new(&arguments.output, None, console)?;
    let opened = Source::open(path)?;
    console.debug(format_args!("opened {}", opened.place()));
    let options = Options {
        symbol_map: open_input(arguments.system_map.as_deref())?,
        symbol_map_release: release_of_map(arguments.system_map.as_deref()),
        base: open_input(arguments.base.as_deref())?,
        arch: arguments.arch,
        threads: console.threads(),
        ..Options::default()
    };
    // A kernel that is booted carries its symbols too, and has a front-end of its own.
    let own = converters::front_end_of(&opened).ok().filter(|front_end| front_end.command() == BTF.command());
    let front_end = own.unwrap_or(BTF);
    Request { front_end, options: &options, plan: &plan, complete: &|_| Ok(()) }.make(opened, console)
}
