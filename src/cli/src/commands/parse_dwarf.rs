use std::path::PathBuf;

use anyhow::{Context, bail};
use converters::{DWARF, Language, Options, Source};
use profile::{Arch, MappedFile, Scope};

use crate::console::Console;
use crate::files::access;
use crate::files::{Files, UsesFiles};
use crate::options;
use crate::options::Global;
use crate::outcome::Outcome;
use crate::profiles::output::Plan;
use crate::profiles::verdict::Summary;
use crate::sandbox::Access;

/// A kernel's debug file, and what to make of it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A vmlinux or separate debug file, a module (.ko), a Mach-O kernel of a dSYM bundle or the bundle; or a package
    /// that holds one (.deb, .ddeb, .rpm).
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The kernel's System.map, or its /proc/kallsyms: symbols are taken from there, not from the file.
    #[arg(long, alias = "system_map", alias = "kallsyms", value_name = "FILE")]
    system_map: Option<PathBuf>,
    /// Take this language's definitions too, next to those of C, C++ and assembly (rust, go, ..., all).
    #[arg(long = "lang", value_name = "LANGUAGE", value_delimiter = ',')]
    languages: Vec<Language>,
    /// Which file of a package to read, by the end of its path; by default its vmlinux.
    #[arg(long, value_name = "PATH")]
    member: Option<String>,
    /// Which slice of a file for several architectures: AMD64, ARM64, ...
    #[arg(long)]
    arch: Option<Arch>,
    #[command(flatten)]
    output: options::Output,
}

impl UsesFiles for Arguments {
    fn list_files(&self, global: &Global, files: &mut Files) -> anyhow::Result<()> {
        for path in self.file.iter().chain(&global.filename) {
            files.input("the debug file", path);
            if path.is_dir() {
                files.input_folder("the debug file", path, |_| true);
            }
        }
        if let Some(path) = &self.system_map {
            files.input("--system-map", path);
        }
        self.output.list_files(None, files)
    }
}

impl Arguments {
    /// What a run may do.
    pub fn access(&self, global: &Global, access: &mut Access) {
        for path in self.file.iter().chain(&global.filename) {
            access.read_beside(path);
            access::unpack_unless(path, &[b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"], access);
        }
        access.read_store(DEBUG_FOLDER);
        if let Some(path) = &self.system_map {
            access.read(path);
        }
        access::output(&self.output, None, access);
    }
}

/// Where distributions put separate debug files.
const DEBUG_FOLDER: &str = "/usr/lib/debug";

/// Makes the profile.
///
/// # Errors
/// Wrong usage, a file without readable debug information, symbols of another build, or an output that
/// cannot be written.
pub fn run(arguments: Arguments, filename: Option<PathBuf>, console: &Console) -> anyhow::Result<Outcome> {
    let path = match (arguments.file, filename) {
        (Some(path), None) | (None, Some(path)) => path,
        (Some(_), Some(_)) => bail!("the debug file is named twice: once with -f, once without"),
        (None, None) => bail!("which file? parse_dwarf vmlinux, or parse_dwarf module.ko"),
    };
    let plan = Plan::new(&arguments.output, None, console)?;
    let source = path.display().to_string();
    let opened = Source::open(&path)?;
    console.tell(format_args!("opened {source}"));
    let map = match &arguments.system_map {
        Some(path) => {
            Some(MappedFile::open(path).with_context(|| format!("cannot open {}", path.display()))?)
        }
        None => None,
    };
    let options = Options {
        languages: arguments.languages,
        symbol_map: map,
        member: arguments.member,
        arch: arguments.arch,
        threads: console.threads(),
        ..Options::default()
    };
    let converted = converters::convert_with(DWARF, opened, &options, console.progress())
        .with_context(|| source.clone())?;
    let (mut profile, mut report) = (converted.profile, converted.report);
    let resolution = plan.settle(&mut profile, &mut report);
    if let Some(path) = plan.write(&profile, &resolution, &mut report, console.threads())? {
        console.say(format_args!("wrote {}", path.display()));
    }
    let scope = Scope::Whole;
    Summary { source: &source, profile: &profile, resolution: &resolution, report: &report, scope }
        .conclude(console)
}
