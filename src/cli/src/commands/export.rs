use std::path::PathBuf;

use anyhow::{Context, bail};
use profile::{Report, Scope, read_file};

use crate::arguments;
use crate::console::Console;
use crate::outcome::Outcome;
use crate::output::Plan;
use crate::verdict::Summary;

/// A profile, and the form another program reads.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The profile, or a table of Volatility 3 (ISF): text, gzip, xz or zstd.
    profile: PathBuf,
    #[command(flatten)]
    output: arguments::Output,
}

/// Writes the profile in that form.
///
/// # Errors
/// Wrong usage, a file that is no readable profile, or an output that cannot be written.
pub fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    if arguments.output.format.is_none() {
        bail!("which form? --format isf (Volatility 3), --format libvmi (and DRAKVUF) or --format rekall");
    }
    let plan = Plan::new(&arguments.output, None, console)?;
    let source = arguments.profile.display().to_string();
    let mut report = Report::default();
    let mut profile = read_file(&arguments.profile, &mut report).with_context(|| source.clone())?;
    if profile.system == profile::System::Other {
        bail!("{source}: it is no operating system's profile, so no other program has a form for it");
    }
    let resolution = plan.settle(&mut profile, &mut report);
    if let Some(path) = plan.write(&profile, &resolution, &mut report, console.threads())? {
        console.say(format_args!("wrote {}", path.display()));
    }
    let scope = Scope::Whole;
    Summary { source: &source, profile: &profile, resolution: &resolution, report: &report, scope }
        .conclude(console)
}
