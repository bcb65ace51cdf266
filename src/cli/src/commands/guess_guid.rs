use analyzer::Guest;
use analyzer::windows::{Exports, Mapped, UnprofiledWindows};
use anyhow::{Context, bail};
use image::AddressSpace;
use profile::GuidAge;
use repository::detect::ModuleIndexes;
use repository::index::Likeness;
use repository::local;

use super::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::images::{Subject, open_image, triage};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{self, General, Image, Json, NamedImage, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::profiles::likely;
use crate::report::image as report;

/// Identify the build of a Windows module in a memory image by indexes.
///
/// The exports and code of the module are compared with the indexes in the repositories, so that a module is
/// recognised even if it does not name its PDB. The kernel (nt) is found without a profile; for other modules the
/// kernel's module list is read.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The module (nt, tcpip, win32k.sys).
    #[arg(value_name = "MODULE")]
    module: String,
    #[command(flatten)]
    named: NamedImage,
    /// How many profiles are shown.
    #[arg(long, value_name = "N", default_value = "10", help_heading = OUTPUT)]
    limit: usize,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    subject: options::Subject,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile guess_guid nt memory.raw
  rekall-profile -f memory.raw guess_guid tcpip --profile_path profiles";

impl Arguments {
    fn subject(&self) -> options::Subject {
        self.subject.with(&self.named)
    }
}

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        let options = self.subject();
        options.building.list_reading(files);
        match folder_of(&self.module).as_str() {
            KERNEL => options.image.list(files),
            _ => options.list(files),
        }
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

/// The folder of the kernel's profiles.
const KERNEL: &str = "nt";

/// The properties of a module in an image.
struct Shown {
    base: u64,
    /// The PDB that it names.
    pdb: Option<(GuidAge, String)>,
    likely: Vec<Likeness>,
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let options = arguments.subject();
    let module = arguments.module.as_str();
    let folder = folder_of(module);
    if let (KERNEL, Some(profile)) = (folder.as_str(), &options.profile) {
        bail!("--profile {profile}: nt is found without a profile; leave it out");
    }
    let repositories = options.building.open()?;
    let (indexes, problems) = ModuleIndexes::open(&folder, &repositories);
    for problem in problems {
        console.warn(problem);
    }
    if indexes.is_empty() {
        console.warn(format_args!(
            "no repository has an index of {folder}: neither {folder}/index nor {folder}/export_index; \
             manage_repo builds those that its configuration names, build_index any"
        ));
        return Ok(Outcome::Negative);
    }
    let shown = if folder == KERNEL {
        of_kernel(&indexes, &options.image, console)?
    } else {
        of_module(module, &indexes, &options, console)?
    };
    let score = |at: usize| shown.likely.get(at).map_or(0.0, Likeness::score);
    let margin = score(0) - score(1);
    let told = shown.likely.iter().take(arguments.limit);
    let pdb = shown.pdb.as_ref().map(|(guid_age, name)| (guid_age.to_string(), name.clone()));
    if console.json() {
        console.print_report(&report::Guess {
            module: module.to_owned(),
            base: shown.base,
            guid_age: pdb.as_ref().map(|(guid_age, _)| guid_age.clone()),
            pdb: pdb.as_ref().map(|(_, name)| name.clone()),
            likely: report::likely(told),
            margin,
        })?;
    } else {
        console.print(&likely::table("Profile", told))?;
        let says = match &pdb {
            Some((guid_age, name)) => format!("it says it is {name} {guid_age}"),
            None => "it does not say what it is".to_owned(),
        };
        console.info(format_args!("{module} at {:#x}: {says}; margin {margin:.3}", shown.base));
    }
    Ok(Outcome::from_good(!shown.likely.is_empty()))
}

/// The folder of a module's profiles, by the name of the module or of its PDB.
fn folder_of(module: &str) -> String {
    const KERNELS: [&str; 2] = ["nt", "ntoskrnl.exe"];
    if KERNELS.iter().any(|kernel| kernel.eq_ignore_ascii_case(module)) {
        return KERNEL.to_owned();
    }
    local::folder_of(module)
}

/// The kernel, which is found without a profile.
fn of_kernel(indexes: &ModuleIndexes, options: &Image, console: &Console) -> anyhow::Result<Shown> {
    let image = open_image(options, console)?;
    let source = options.required()?.display();
    if let Some(what) = triage::without_memory(&image) {
        bail!("{source}: {what}");
    }
    let kernel = UnprofiledWindows::find(&image, image.hints(), &console.search());
    let kernel = kernel.with_context(|| {
        format!("{source}: no page tables lead to KUSER_SHARED_DATA and a kernel: expected a Windows image")
    })?;
    console.debug(format_args!("Found kernel at {:#x} by {}", kernel.base, kernel.found_by));
    let likely = indexes.rank(&kernel.exports, &mut |offset, length| kernel.read(offset, length));
    Ok(Shown { base: kernel.base, pdb: kernel.pdb, likely })
}

/// Another module, which is found through the kernel's module list.
fn of_module(
    name: &str,
    indexes: &ModuleIndexes,
    options: &options::Subject,
    console: &Console,
) -> anyhow::Result<Shown> {
    let subject = Subject::open(options, console)?;
    let Guest::Windows(kernel) = subject.guest(console)? else {
        bail!("{}: expected a Windows image; modules of other systems have no builds", subject.source)
    };
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_ascii_lowercase();
    let modules = kernel.modules()?.rows;
    let found = modules.iter().find(|module| {
        stem(&module.name) == stem(name)
            || module.pdb.as_ref().is_some_and(|(_, pdb)| stem(pdb) == stem(name))
    });
    let found = found.with_context(|| {
        format!("{}: no loaded module is called '{name}'; modules lists them", subject.source)
    })?;
    let space = kernel.space;
    let mapped = Mapped::at(&space, found.base);
    let exports = mapped.as_ref().and_then(|mapped| mapped.exports(&space)).unwrap_or_default();
    let likely = rank(indexes, &exports, &space, found.base);
    Ok(Shown { base: found.base, pdb: mapped.and_then(|mapped| mapped.pdb(&space)), likely })
}

fn rank(indexes: &ModuleIndexes, exports: &Exports, space: &AddressSpace<'_>, base: u64) -> Vec<Likeness> {
    indexes.rank(exports, &mut |offset, length| {
        let mut bytes = vec![0; length];
        let at = base.checked_add_signed(offset)?;
        analyzer::Space::read(space, at, &mut bytes).ok().map(|()| bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::folder_of;

    #[test]
    fn modules_have_a_folder() {
        for name in ["nt", "ntoskrnl.exe", "ntkrnlmp.pdb", "NTKRPAMP.pdb"] {
            assert_eq!(folder_of(name), "nt", "{name}");
        }
        assert_eq!(folder_of("TcpIp.sys"), "tcpip");
        assert_eq!(folder_of("win32k"), "win32k");
    }
}
