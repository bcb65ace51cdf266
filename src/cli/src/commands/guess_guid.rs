use analyzer::Guest;
use analyzer::windows::{Bare, Exports, Mapped};
use anyhow::{Context, bail};
use image::AddressSpace;
use profile::GuidAge;
use repository::detect::ModuleIndexes;
use repository::index::Likeness;
use repository::local;
use serde_json::json;

use crate::console::Console;
use crate::files::access;
use crate::files::input::open_image;
use crate::images::subject::Subject;
use crate::images::triage;
use crate::options::Global;
use crate::outcome::Outcome;
use crate::profiles;
use crate::profiles::likely;
use crate::sandbox::Access;

/// Whose build is guessed.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The module (nt, tcpip, win32k.sys).
    #[arg(value_name = "MODULE")]
    module: String,
    /// How many of the profiles that are most like it are shown.
    #[arg(long, value_name = "N", default_value = "10")]
    limit: usize,
}

impl Arguments {
    /// What a run may do.
    pub fn access(&self, global: &Global, access: &mut Access) {
        access::repositories(global, access);
        match folder_of(&self.module).as_str() {
            KERNEL => access::image(global.filename.as_deref(), access),
            _ => access::subject(global, access),
        }
    }
}

/// The folder of the kernel's profiles.
const KERNEL: &str = "nt";

/// What an image shows of a module.
struct Shown {
    base: u64,
    /// What it names as its PDB.
    pdb: Option<(GuidAge, String)>,
    likely: Vec<Likeness>,
}

/// Tells which builds a module in an image may be of, by the indexes of the repositories: also where it does not say so
/// itself.
///
/// # Errors
/// An image that cannot be read, or that holds no such module.
pub fn run(arguments: &Arguments, global: &Global, console: &Console) -> anyhow::Result<Outcome> {
    let module = arguments.module.as_str();
    let folder = folder_of(module);
    if let (KERNEL, Some(profile)) = (folder.as_str(), &global.profile) {
        bail!("--profile {profile}: the kernel is found without one");
    }
    let repositories = profiles::repositories(global)?;
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
        of_kernel(&indexes, global, console)?
    } else {
        of_module(module, &indexes, global, console)?
    };
    let score = |at: usize| shown.likely.get(at).map_or(0.0, Likeness::score);
    let margin = score(0) - score(1);
    let told = shown.likely.iter().take(arguments.limit);
    let pdb = shown.pdb.as_ref().map(|(guid_age, name)| (guid_age.to_string(), name.clone()));
    if console.json() {
        console.print_json(json!({
            "module": module,
            "base": shown.base,
            "guid_age": pdb.as_ref().map(|(guid_age, _)| guid_age),
            "pdb": pdb.as_ref().map(|(_, name)| name),
            "likely": likely::to_json(told),
            "margin": margin,
        }))?;
    } else {
        console.print(&likely::table("Profile", told))?;
        let says = match &pdb {
            Some((guid_age, name)) => format!("it says it is {name} {guid_age}"),
            None => "it does not say what it is".to_owned(),
        };
        console.say(format_args!("{module} at {:#x}: {says}; margin {margin:.3}", shown.base));
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

/// The kernel: it is found without a profile.
fn of_kernel(indexes: &ModuleIndexes, global: &Global, console: &Console) -> anyhow::Result<Shown> {
    let Some(filename) = &global.filename else { bail!("which image? name it with -f FILE") };
    let image = open_image(filename, console)?;
    let source = filename.display();
    if let Some(what) = triage::without_memory(&image) {
        bail!("{source}: {what}");
    }
    let kernel = Bare::find(&image, image.hints(), &console.search());
    let kernel = kernel.with_context(|| {
        format!("{source}: no page tables lead to KUSER_SHARED_DATA and a kernel: expected a Windows image")
    })?;
    console.tell(format_args!("Found kernel at {:#x} by {}", kernel.base, kernel.found_by));
    let likely = indexes.rank(&kernel.exports, &mut |offset, length| kernel.read(offset, length));
    Ok(Shown { base: kernel.base, pdb: kernel.pdb, likely })
}

/// Another module: the kernel's list says where it is.
fn of_module(
    name: &str,
    indexes: &ModuleIndexes,
    global: &Global,
    console: &Console,
) -> anyhow::Result<Shown> {
    let subject = Subject::open(global, console)?;
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
