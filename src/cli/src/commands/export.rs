use std::path::{Path, PathBuf};

use anyhow::bail;
use image::Paging;
use profile::{Format, Report, Scope, System};

use super::Run;
use crate::console::{Console, Settings, escaped};
use crate::files::Files;
use crate::images::{Subject, banner};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{
    Banner, General, Json, Output, Strict, TableCompat, Threads, Unpacking, list_profile, settings,
};
use crate::outcome::Outcome;
use crate::profiles::any;
use crate::profiles::output::OutputPlan;
use crate::profiles::verdict::Summary;
use crate::report::profile as report;

/// Write a profile in the form that another program reads.
///
/// The forms are those of Volatility 3 (isf), of LibVMI and DRAKVUF (libvmi), of Rekall (rekall), BTF (btf), which
/// bpftool, pahole and libbpf read, and a header (c) for C compilers, Ghidra, IDA and Binary Ninja. With --format libvmi
/// and an image (-f), the image's stanza for LibVMI's configuration is printed too.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The profile, or a table of Volatility 3 (ISF): text, gzip, xz or zstd.
    ///
    /// A build of a bundle is named as FILE.bundle:BUILD.
    #[arg(value_name = "PROFILE")]
    profile: PathBuf,
    #[command(flatten)]
    unpacking: Unpacking,
    /// Continue if the image belongs to another build than the profile.
    #[arg(long, requires = "filename", hide_short_help = true)]
    force: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    banner: Banner,
    /// volatility3: add what stock plug-ins of Volatility 3 insist on.
    ///
    /// The table names dwarf2json as its producer, which linux.hidden_modules requires, and has the symbol tk_core, which
    /// kernels have lost with 6.17.
    #[arg(long, value_enum, hide_possible_values = true, help_heading = OUTPUT)]
    compat: Option<TableCompat>,
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
  rekall-profile export nt.json.gz --format isf --symbols-dir symbols
  rekall-profile export nt.json.gz --format libvmi --output nt.json
  rekall-profile export nt.json.gz --format c --only _EPROCESS,_KTHREAD -o nt.h";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        list_profile("PROFILE", &self.profile, files);
        self.banner.list(files);
        self.output.list(None, files)
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let image = arguments.banner.image.file().map(PathBuf::as_path);
    if arguments.output.format.is_none() {
        bail!(
            "which form? --format isf (Volatility 3), --format libvmi (and DRAKVUF), --format btf, --format c (a C header) or --format rekall"
        );
    }
    let format = arguments.output.format();
    if let Some(image) = image
        && matches!(format, Format::Rekall | Format::Btf | Format::C)
    {
        bail!(
            "-f {}: an image serves --format libvmi (its configuration) and --format isf (the banner)",
            image.display()
        );
    }
    if arguments.force && (image.is_none() || format != Format::LibVmi) {
        bail!("--force: only --format libvmi with an image (-f) compares the profile with the image");
    }
    if arguments.compat.is_some() && format != Format::Isf {
        bail!("--compat volatility3: only its own tables can please it; add --format isf");
    }
    let compat = TableCompat::of(arguments.compat);
    let plan = OutputPlan::new(&arguments.output, None, console)?.with_compat(compat);
    let source = arguments.profile.display().to_string();
    let mut report = Report::default();
    let mut profile = any::read(&arguments.profile, console.threads(), &mut report)?;
    if profile.system == System::Other {
        bail!(
            "{source}: this profile does not belong to an operating system, so no other program has a form for it"
        );
    }
    match format {
        // For LibVMI the image is the subject of the configuration.
        Format::LibVmi => banner::complete(&arguments.banner.without_image(), &mut profile, console)?,
        _ => banner::complete(&arguments.banner, &mut profile, console)?,
    }
    // Before anything is written: the image may refuse the profile.
    let configuration = match image.filter(|_| format == Format::LibVmi) {
        Some(image) => Some(configuration(arguments, image, console)?),
        None => None,
    };
    let threads = console.threads();
    let resolution = plan.settle(&mut profile, &mut report, threads);
    let (written, health) = plan.write_judged(&profile, &resolution, &mut report, Scope::Whole, threads)?;
    if let Some(path) = written {
        console.info(format_args!("wrote {}", path.display()));
    }
    let summary = Summary { source: &source, profile: &profile, resolution: &resolution, report: &report };
    let complete = |made: &mut report::Made| made.libvmi_configuration = configuration.clone();
    let outcome = summary.conclude_with(&health, console, complete)?;
    if let Some(text) = configuration.filter(|_| !console.json()) {
        // Standard output may contain the profile.
        match arguments.output.output.as_ref().is_some_and(|output| output.as_os_str() != "-") {
            true => console.print(&text.lines().collect())?,
            false => console.say_lines(&text.lines().collect()),
        }
    }
    Ok(outcome)
}

/// The stanza for LibVMI's configuration (`libvmi.conf`): without `kpgd` and `pagemode` it searches the image for the
/// kernel, and does not find one with page-table isolation by masked addresses.
fn configuration(arguments: &Arguments, image: &Path, console: &Console) -> anyhow::Result<String> {
    let options = &arguments.banner.image;
    let subject = Subject::with_file(options, &arguments.profile, arguments.force, console)?;
    let (tables, paging) = subject.guest(console)?.page_tables();
    let mode = match paging {
        Paging::X86 => "VMI_PM_LEGACY",
        Paging::X86Pae => "VMI_PM_PAE",
        Paging::X64 => "VMI_PM_IA32E",
        Paging::Arm64 { .. } => "VMI_PM_AARCH64",
        _ => bail!("{}: LibVMI reads no image with {paging} page tables", image.display()),
    };
    let system = match subject.layout.system() {
        System::Linux => "Linux",
        System::Mac => "OSX",
        _ => "Windows",
    };
    let name = escaped(&image.file_name().unwrap_or(image.as_os_str()).to_string_lossy()).into_owned();
    let profile = match &arguments.output.output {
        Some(path) if path.as_os_str() != "-" => {
            escaped(&std::path::absolute(path)?.to_string_lossy()).into_owned()
        }
        _ => "PROFILE.json".to_owned(),
    };
    Ok(format!(
        "{name} {{\n  ostype = \"{system}\";\n  rekall_profile = \"{profile}\";\n  kpgd = {:#x};\n  pagemode = \"{mode}\";\n}}\n",
        tables.0
    ))
}
