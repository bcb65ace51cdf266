use std::path::{Path, PathBuf};

use anyhow::Context;
use converters::{Language, OptionName, Options, Source};
use profile::{Arch, Profile};

use super::Run;
use super::convert_profile::Compat;
use crate::console::{Console, Settings};
use crate::files::{Files, unpack_unless};
use crate::images::banner;
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{Banner, DebugFolders, General, Json, Output, Strict, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::profiles::make::{Request, open_input, release_of_map};
use crate::profiles::output::OutputPlan;

/// Make a profile from any kind of debug information.
///
/// The content of the source decides how it is read: a PDB, also in a cabinet (.pd_) or in the compact form (MSFZ);
/// an ELF or Mach-O file with DWARF, also in a package or a dSYM bundle; BTF; or a Volatility 2 pack. An option that
/// does not apply to the source is refused. Without --output the profile is printed on standard output.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// A file, a dSYM bundle or an unpacked pack; - is standard input.
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// The architecture of a PDB that does not state it, or the slice of a fat file.
    #[arg(long)]
    arch: Option<Arch>,
    /// The kernel's System.map or /proc/kallsyms, from which symbols are taken (DWARF, BTF).
    #[arg(long, alias = "kallsyms", value_name = "FILE")]
    system_map: Option<PathBuf>,
    /// The kernel's BTF or vmlinux, for the BTF of a module.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    base: Option<PathBuf>,
    /// Include definitions in these languages too: rust, go, ..., all (DWARF).
    #[arg(long = "lang", value_name = "LANGUAGE", value_delimiter = ',', hide_short_help = true)]
    languages: Vec<Language>,
    /// The file in a package to read, by the end of its path; by default its vmlinux.
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    member: Option<String>,
    #[command(flatten)]
    debug_folders: DebugFolders,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    banner: Banner,
    /// The Windows version, for the profile's metadata: 6.1 or 6.1.7601 (PDB).
    #[arg(long = "win", alias = "windows_version", value_name = "VERSION", help_heading = OUTPUT)]
    windows_version: Option<String>,
    /// The class with which Rekall loads the profile; by default it is derived from the source (PDB, packs).
    #[arg(long = "profile_class", value_name = "CLASS", help_heading = OUTPUT, hide_short_help = true)]
    profile_class: Option<String>,
    /// Leave out symbols and label-to-value tables: structs and enumerations only (PDB).
    #[arg(long, help_heading = OUTPUT, hide_short_help = true)]
    concise: bool,
    /// Keep the linker's names of symbols (PDB).
    #[arg(long = "raw-names", help_heading = OUTPUT, hide_short_help = true)]
    raw_names: bool,
    /// rekall: write exactly the text that Rekall itself would write, including its mistakes (packs).
    #[arg(long, value_enum, hide_possible_values = true, help_heading = OUTPUT, hide_short_help = true)]
    compat: Option<Compat>,
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
  rekall-profile parse ntkrnlmp.pdb --output nt.json.gz --win 6.1
  rekall-profile parse vmlinux --system-map System.map -o linux.json.gz
  rekall-profile parse Ubuntu1310.zip --format isf -o linux.isf.json.xz";

/// The first bytes of files that are read without unpacking.
const UNPACKED: [&[u8]; 4] =
    [b"Microsoft C/C++ MSF 7.00", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"];

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.banner.list(files);
        if self.source == Path::new("-") {
            files.input("SOURCE", &self.source);
            files.access().unpack();
        } else {
            files.input_beside("SOURCE", &self.source);
            if self.source.is_dir() {
                files.input_folder("SOURCE", &self.source, |_| true);
            }
            unpack_unless(&self.source, &UNPACKED, files);
        }
        self.debug_folders.list(files);
        for (said, path) in [("--system-map", &self.system_map), ("--base", &self.base)] {
            if let Some(path) = path {
                files.input(said, path);
            }
        }
        self.output.list(None, files)
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let plan = OutputPlan::new(&self.output, None, console)?;
        let source = Source::open(&self.source)?;
        let front_end = converters::front_end_of(&source).with_context(|| source.place().to_owned())?;
        console.debug(format_args!("opened {}: {}", source.place(), front_end.reads()));
        let options = self.options(console)?;
        options.check(front_end, &source)?;
        for (given, option) in
            [(self.banner.any(), OptionName::Banner), (self.compat.is_some(), OptionName::Compat)]
        {
            if given && !front_end.options().contains(&option) {
                return Err(converters::Error::unused(option, &source, front_end.reads()).into());
            }
        }
        let complete = |profile: &mut Profile| banner::complete(&self.banner, profile, console);
        let request = Request { front_end, options: &options, plan: &plan, complete: &complete };
        match self.compat {
            None => request.make(source, console),
            Some(compat) => {
                compat.check(self.profile_class.as_deref(), &self.output, &self.banner)?;
                request.write_rekall_text(source, console)
            }
        }
    }
}

impl Arguments {
    fn options(&self, console: &Console) -> anyhow::Result<Options> {
        Ok(Options {
            profile_class: self.profile_class.clone(),
            windows_version: self.windows_version.clone(),
            raw_names: self.raw_names,
            concise: self.concise,
            languages: self.languages.clone(),
            symbol_map: open_input(self.system_map.as_deref())?,
            symbol_map_release: release_of_map(self.system_map.as_deref()),
            base: open_input(self.base.as_deref())?,
            member: self.member.clone(),
            arch: self.arch,
            debug_folders: self.debug_folders.folders.clone(),
            threads: console.threads(),
        })
    }
}
