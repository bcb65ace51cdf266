use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use image::Paging;
use profile::{Format, Report, Scope, System, read_file};
use serde_json::Value;

use crate::console::{Console, escaped};
use crate::files::access;
use crate::files::{Files, UsesFiles};
use crate::images::subject::Subject;
use crate::options::{self, Global};
use crate::outcome::Outcome;
use crate::profiles::banner;
use crate::profiles::output::Plan;
use crate::profiles::verdict::Summary;
use crate::sandbox::Access;

/// A profile, and the form another program reads.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The profile, or a table of Volatility 3 (ISF): text, gzip, xz or zstd.
    profile: PathBuf,
    #[command(flatten)]
    output: options::Output,
    #[command(flatten)]
    banner: banner::Arguments,
    /// Say what a program insists on, beyond the truth. volatility3: name dwarf2json as the producer of the table, as
    /// linux.hidden_modules wants it.
    #[arg(long, value_enum)]
    compat: Option<Compat>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Compat {
    /// Volatility 3, with --format isf.
    Volatility3,
}

impl Arguments {
    /// What a run may do.
    pub fn access(&self, global: &Global, access: &mut Access) {
        access.read(&self.profile);
        access::image(global.filename.as_deref(), access);
        access::output(&self.output, None, access);
    }
}

impl UsesFiles for Arguments {
    fn list_files(&self, global: &Global, files: &mut Files) -> anyhow::Result<()> {
        files.input("PROFILE", &self.profile);
        if let Some(path) = &global.filename {
            files.image("-f", path);
        }
        self.output.list_files(None, files)
    }
}

/// Writes the profile in that form. For LibVMI and an image (`-f`) it also prints what LibVMI's configuration needs to
/// say of that image.
///
/// # Errors
/// Wrong usage, a file that is no readable profile, or an output that cannot be written.
pub fn run(arguments: &Arguments, global: &Global, console: &Console) -> anyhow::Result<Outcome> {
    let image = global.filename.as_deref();
    if arguments.output.format.is_none() {
        bail!("which form? --format isf (Volatility 3), --format libvmi (and DRAKVUF) or --format rekall");
    }
    let format = arguments.output.format();
    if let Some(image) = image
        && format == Format::Rekall
    {
        bail!(
            "-f {}: an image serves --format libvmi (its configuration) and --format isf (the banner)",
            image.display()
        );
    }
    // For LibVMI the image is what the configuration is about.
    let pictured = image.filter(|_| format == Format::Isf);
    let compat = match arguments.compat {
        Some(Compat::Volatility3) if format != Format::Isf => {
            bail!("--compat volatility3: only its own tables can please it; add --format isf")
        }
        Some(Compat::Volatility3) => profile::Compat::Volatility3,
        None => profile::Compat::None,
    };
    let plan = Plan::new(&arguments.output, None, console)?.with_compat(compat);
    let source = arguments.profile.display().to_string();
    let mut report = Report::default();
    let mut profile = read_file(&arguments.profile, &mut report).with_context(|| source.clone())?;
    if profile.system == System::Other {
        bail!("{source}: it is no operating system's profile, so no other program has a form for it");
    }
    arguments.banner.complete(&mut profile, pictured, console)?;
    let resolution = plan.settle(&mut profile, &mut report);
    if let Some(path) = plan.write(&profile, &resolution, &mut report, console.threads())? {
        console.say(format_args!("wrote {}", path.display()));
    }
    let configuration = match image.filter(|_| pictured.is_none()) {
        Some(image) => Some(configuration(arguments, image, global, console)?),
        None => None,
    };
    let scope = Scope::Whole;
    let summary =
        Summary { source: &source, profile: &profile, resolution: &resolution, report: &report, scope };
    let more = configuration.as_ref().map(|text| ("libvmi_configuration", Value::from(text.as_str())));
    let outcome = summary.conclude_with(console, more)?;
    if let Some(text) = configuration.filter(|_| !console.json()) {
        // Standard output may hold the profile.
        match arguments.output.output.as_ref().is_some_and(|output| output.as_os_str() != "-") {
            true => console.print(&text.lines().collect())?,
            false => console.say_lines(&text.lines().collect()),
        }
    }
    Ok(outcome)
}

/// The stanza for LibVMI's configuration (`libvmi.conf`): without `kpgd` and `pagemode` it searches the image for the
/// kernel, and does not find one with page-table isolation by masked addresses.
fn configuration(
    arguments: &Arguments,
    image: &Path,
    global: &Global,
    console: &Console,
) -> anyhow::Result<String> {
    let subject = Subject::with_file(image, &arguments.profile, global, console)?;
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
