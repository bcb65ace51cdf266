use anyhow::{Context, bail};
use pe::PdbName;
use profile::{GuidAge, Verdict};
use repository::detect::{Sighted, kernels, prove};
use repository::{ProfileName, Repositories, local};
use symbols::Fetcher;

use super::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::images::{open_image, triage};
use crate::options::heading::INPUT;
use crate::options::{Building, General, Image, Json, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::profiles;
use crate::report::fetch::LocalProfile;

/// Make and store the profile of a Windows module or of an image's kernel.
///
/// The PDB of MODULE, or of the Windows kernel in the image that -f names, is fetched. A Linux kernel in the image carries
/// its own types and symbols, of which its profile is made; if it has no types (BTF), its debug file is fetched from
/// debuginfod servers (DEBUGINFOD_URLS). The profile goes to the first repository that can be written
/// to. If there is an image, the profile is proved on it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// A profile's name (nt/GUID/F8E2...), or a module's name (nt, tcpip, ntkrnlmp.pdb).
    #[arg(value_name = "MODULE")]
    module_name: Option<String>,
    /// The GUID and age, if MODULE does not contain them.
    #[arg(value_name = "GUIDAGE")]
    guid: Option<GuidAge>,
    /// For a Linux kernel in an image, also make a profile with the types and symbols of its loaded modules. It is
    /// valid for this boot only, and is stored under the kernel's name followed by -modules.
    #[arg(long)]
    modules: bool,
    #[command(flatten)]
    image: Image,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    building: Building,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile build_local_profile nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942
  rekall-profile build_local_profile tcpip 0E2C4DFA8E6D4B0A9F2C1D3E4F5061721
  rekall-profile -f memory.raw --profile_path profiles build_local_profile";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.image.list(files);
        self.building.list(files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let image = match arguments.image.file() {
        Some(_) => Some(open_image(&arguments.image, console)?),
        None => None,
    };
    if let (Some(image), Some(path)) = (&image, arguments.image.file())
        && let Some(what) = triage::without_memory(image)
    {
        bail!("{}: {what}", path.display());
    }
    if arguments.modules && arguments.module_name.is_some() {
        bail!("--modules needs the Linux kernel in an image: name the image with -f FILE");
    }
    let repositories = arguments.building.open()?;
    let wanted: Vec<(PdbName, GuidAge)> = match (&arguments.module_name, &image) {
        (Some(name), _) => by_name(name, arguments.guid)?,
        (None, Some(image)) => {
            let found = kernels(image, &console.search());
            let windows = found.iter().filter_map(profiles::windows_kernel);
            let wanted: Vec<_> = windows.map(|(pdb, guid_age, _)| (pdb, guid_age)).collect();
            if arguments.modules && !wanted.is_empty() {
                bail!("--modules is for the Linux kernel in an image, and this image names a Windows kernel");
            }
            if wanted.is_empty() {
                return of_image(image, &found, arguments, &repositories, console);
            }
            wanted
        }
        (None, None) => bail!("whose profile? name it (nt/GUID/...), or an image with -f FILE"),
    };
    let storage =
        repositories.writable().context("no repository is writable; name one with --profile_path")?;
    let fetcher = Fetcher::new(arguments.building.symbols.options(None, console.threads())?);
    let mut failed: Vec<repository::Error> = Vec::new();
    for (pdb, guid_age) in wanted {
        match local::build(&pdb, guid_age, &fetcher, storage, console.progress()) {
            Ok(built) => return conclude(built, image.as_ref(), &repositories, console),
            Err(error) => {
                console.debug(format_args!("{pdb} {guid_age} could not be made into a profile"));
                failed.push(error);
            }
        }
    }
    if console.json() {
        let problems: Vec<String> = failed.iter().map(ToString::to_string).collect();
        console.print_report(&LocalProfile::Failed { profile: (), problems })?;
    } else {
        for problem in &failed {
            console.warn_error(problem);
        }
    }
    Ok(Outcome::Negative)
}

/// Makes the profile of the Linux kernel in the image of what that carries of itself, else of its debug file.
fn of_image(
    image: &image::Image,
    found: &[Sighted],
    arguments: &Arguments,
    repositories: &Repositories,
    console: &Console,
) -> anyhow::Result<Outcome> {
    let made = repository::of_image::make(image, arguments.modules, &console.search());
    let mut fetching = Vec::new();
    if let (Err(unmade), Some(servers), Some(storage)) =
        (&made, arguments.building.debuginfod()?, repositories.writable())
    {
        for id in profiles::of_image::build_ids(found, unmade) {
            match local::build_linux(&id, &servers, storage, console.progress()) {
                Ok(built) => {
                    if arguments.modules {
                        console.warn(
                            "--modules: the kernel carries no types that those of its modules could continue; the \
                             profile is of the kernel alone",
                        );
                    }
                    return conclude(built, Some(image), repositories, console);
                }
                Err(error) => fetching.push(error.to_string()),
            }
        }
    }
    let made = match made {
        Ok(made) => made,
        Err(unmade) if unmade.is_empty() => bail!(
            "the image does not name a Windows kernel, and no Linux kernel was found in it by its symbol table \
             (kallsyms); a macOS kernel's profile is made by parse_dwarf"
        ),
        Err(unmade) => {
            let problems = unmade.iter().flat_map(profiles::of_image::words).chain(fetching);
            let problems: Vec<String> = problems.collect();
            if console.json() {
                console.print_report(&LocalProfile::Failed { profile: (), problems })?;
            } else {
                problems.iter().for_each(|problem| console.warn(format_args!("{problem}")));
            }
            return Ok(Outcome::Negative);
        }
    };
    let storage =
        repositories.writable().context("no repository is writable; name one with --profile_path")?;
    let place = made.store(storage, console.progress())?;
    if console.json() {
        let with = made.modules.as_ref();
        console.print_report(&LocalProfile::OfImage {
            profile: made.name.to_string(),
            place,
            from: made.evidence.join("; "),
            health: (&made.health).into(),
            on_image: format!("{} ({})", made.proof.verdict.name(), made.proof.reason),
            passed_over: made.passed_over,
            with_modules: with.map(|with| with.name.to_string()),
            modules: with.map(|with| with.modules.clone()).unwrap_or_default(),
            problems: with.map(|with| with.problems.clone()).unwrap_or_default(),
        })?;
    } else {
        profiles::of_image::say_made(&made, place.as_deref(), console);
        profiles::verdict::say_losses(&made.report, console);
        profiles::verdict::say_verdict(&made.health, console);
    }
    Ok(Outcome::from_good(made.health.verdict != Verdict::Failed))
}

/// The PDBs for a name: `nt` stands for any of the kernel's.
fn by_name(name: &str, guid: Option<GuidAge>) -> anyhow::Result<Vec<(PdbName, GuidAge)>> {
    let parsed: ProfileName = name.parse()?;
    let (module, guid_age) = match (parsed.guid_age(), guid) {
        (Some(_), Some(_)) => bail!("{name}: the GUID is named twice"),
        (Some(guid_age), None) => {
            (name.split('/').next().filter(|module| *module != "GUID").unwrap_or("nt"), guid_age)
        }
        (None, Some(guid_age)) => (name, guid_age),
        (None, None) => bail!("{name}: GUID not specified; build_local_profile {name} GUIDAGE"),
    };
    if module.eq_ignore_ascii_case("nt") {
        let kernels = analyzer::windows::KERNELS.iter();
        return kernels.map(|kernel| Ok((kernel.parse()?, guid_age))).collect();
    }
    Ok(vec![(PdbName::from_user(module)?, guid_age)])
}

fn conclude(
    built: local::Built,
    image: Option<&image::Image>,
    repositories: &Repositories,
    console: &Console,
) -> anyhow::Result<Outcome> {
    let name = built.loaded.name.clone();
    let place = built.loaded.place.clone();
    let sound = built.health.verdict != Verdict::Failed;
    if !console.json() {
        console.info(format_args!("{name}: made from {}, stored as {place}", built.from));
        profiles::say_built(&built, console);
    }
    let (from, health) = (built.from, &built.health);
    let health = health.into();
    let proved =
        image.map(|image| prove(image, repositories, built.loaded, String::new(), &console.search()).0);
    if let Some(candidate) = proved.as_ref().filter(|_| !console.json()) {
        console.info(format_args!("on the image: {}", profiles::outcome(candidate)));
    }
    if console.json() {
        console.print_report(&LocalProfile::Stored {
            profile: name.to_string(),
            place,
            from,
            health,
            on_image: proved.as_ref().map(profiles::outcome),
        })?;
    }
    Ok(Outcome::from_good(sound && proved.is_none_or(|candidate| candidate.matches())))
}
