use std::path::PathBuf;

use anyhow::{Context, bail};
use dwarf_converter::{Beside, Language, Languages, Options};
use profile::{Arch, MappedFile, Resolution, Scope};

use crate::arguments;
use crate::console::Console;
use crate::outcome::Outcome;
use crate::output::Plan;
use crate::verdict::Summary;

/// A kernel's debug file, and what to make of it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A vmlinux or separate debug file, a module (.ko), a Mach-O kernel of a dSYM bundle, or the bundle.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The kernel's System.map, or its /proc/kallsyms: symbols are taken from there, not from the file.
    #[arg(long, alias = "system_map", alias = "kallsyms", value_name = "FILE")]
    system_map: Option<PathBuf>,
    /// Take this language's definitions too, next to those of C, C++ and assembly (rust, go, ..., all).
    #[arg(long = "lang", value_name = "LANGUAGE", value_delimiter = ',')]
    languages: Vec<Language>,
    /// Which slice of a file for several architectures: AMD64, ARM64, ...
    #[arg(long)]
    arch: Option<Arch>,
    #[command(flatten)]
    output: arguments::Output,
}

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
    let file = MappedFile::open(&path).with_context(|| format!("cannot open {source}"))?;
    console.tell(format_args!("opened {source}"));
    let map = match &arguments.system_map {
        Some(path) => {
            Some(MappedFile::open(path).with_context(|| format!("cannot open {}", path.display()))?)
        }
        None => None,
    };
    let options = Options {
        languages: Languages::with(&arguments.languages),
        symbol_map: map.as_deref(),
        arch: arguments.arch,
        threads: console.threads(),
    };
    let converted = dwarf_converter::convert(&file, &options, &Beside::new(&path), console.progress())
        .with_context(|| source.clone())?;
    let (mut profile, mut report) = (converted.profile, converted.report);
    let resolution = Resolution::new(&mut profile, &mut report);
    plan.write(&profile, &resolution, console.threads())?;
    let scope = Scope::Whole;
    Summary { source: &source, profile: &profile, resolution: &resolution, report: &report, scope }
        .conclude(console)
}
