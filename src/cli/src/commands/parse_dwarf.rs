use std::path::PathBuf;

use anyhow::bail;
use converters::{DWARF, Language, Options, Source};
use profile::Arch;

use super::Run;
use crate::console::{Console, Settings};
use crate::files::{Files, unpack_unless};
use crate::options::heading::INPUT;
use crate::options::{DebugFolders, General, Json, Output, Strict, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::profiles::make::{Request, open_input, release_of_map};
use crate::profiles::output::OutputPlan;

/// Make a profile from the DWARF of an ELF or Mach-O file.
///
/// The file is a Linux kernel (vmlinux), its separate debug file, a module, a macOS kernel or its dSYM bundle, or a
/// package that holds one. Parts that the file names (split DWARF, alternate files) and the debug
/// file of a stripped one are looked for beside it and in /usr/lib/debug. Without --output the profile is printed on standard output.
#[derive(Debug, clap::Args)]
#[command(alias = "dwarfparser", after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// An ELF or Mach-O file, a dSYM bundle, or a package (.deb, .ddeb, .rpm).
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The same as FILE.
    #[arg(short, long, value_name = "FILE", conflicts_with = "file")]
    filename: Option<PathBuf>,
    /// The kernel's System.map or /proc/kallsyms, from which symbols are taken.
    #[arg(long, alias = "kallsyms", value_name = "FILE")]
    system_map: Option<PathBuf>,
    /// Include definitions in these languages too (rust, go, ..., all).
    ///
    /// C, C++ and assembly are always included.
    #[arg(long = "lang", value_name = "LANGUAGE", value_delimiter = ',')]
    languages: Vec<Language>,
    /// The file in a package to read, by the end of its path; by default its vmlinux.
    #[arg(long, value_name = "PATH")]
    member: Option<String>,
    /// The slice of a fat file: AMD64, ARM64, ...
    #[arg(long)]
    arch: Option<Arch>,
    #[command(flatten)]
    debug_folders: DebugFolders,
    #[command(flatten)]
    unpacking: Unpacking,
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
  rekall-profile parse_dwarf vmlinux --output linux.json.gz
  rekall-profile parse_dwarf vmlinux --system-map System.map -o linux.json.gz
  rekall-profile parse_dwarf linux-image-dbg.deb --format isf -o linux.isf.json.xz";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        if let Some(path) = self.path() {
            files.input_beside("the debug file", path);
            if path.is_dir() {
                files.input_folder("the debug file", path, |_| true);
            }
            unpack_unless(path, &[b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"], files);
        }
        self.debug_folders.list(files);
        if let Some(path) = &self.system_map {
            files.input("--system-map", path);
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
        bail!("which file? parse_dwarf vmlinux, or parse_dwarf module.ko")
    };
    let plan = OutputPlan::new(&arguments.output, None, console)?;
    let opened = Source::open(path)?;
    console.debug(format_args!("opened {}", opened.place()));
    let options = Options {
        languages: arguments.languages.clone(),
        symbol_map: open_input(arguments.system_map.as_deref())?,
        symbol_map_release: release_of_map(arguments.system_map.as_deref()),
        member: arguments.member.clone(),
        arch: arguments.arch,
        debug_folders: arguments.debug_folders.folders.clone(),
        threads: console.threads(),
        ..Options::default()
    };
    Request { front_end: DWARF, options: &options, plan: &plan, complete: &|_| Ok(()) }.make(opened, console)
}
