use std::path::Path;

use analyzer::Layout;
use anyhow::Context;
use image::Image;
use pe::PdbName;
use profile::{Report, Text};
use repository::detect::{self, Detection, NamedKernel, detect};
use repository::{Loaded, ProfileName, Repositories, local};
use symbols::{Fetcher, Web};

use super::any::text_in_bundle;
use super::outcome::outcome;
use super::{identity, of_image, verdict};
use crate::console::{Console, Listed, NoProfile, lines_of};
use crate::options::{Building, InBundle, subject};

/// The profile that the user names: a file, with or without its `.gz`, a build of a bundle, otherwise a name in a
/// repository.
///
/// # Errors
/// If there is none: what was searched, and how to get the profile of the image's kernel. If it cannot be read.
pub fn named(name: &str, image: &Image, options: &Building, console: &Console) -> anyhow::Result<Layout> {
    if let Some(path) = subject::file(name) {
        let layout = Layout::open(&path).with_context(|| path.display().to_string())?;
        console.debug(format_args!("Loaded profile {}", path.display()));
        return Ok(layout);
    }
    if let Some(build) = InBundle::of(Path::new(name)) {
        let connection = &options.symbols.connection;
        let client = build.is_remote().then(|| connection.client(Web::options())).transpose()?;
        let text = text_in_bundle(build, client.as_ref())?;
        console.debug(format_args!("Loaded profile {name}"));
        return Ok(Layout::from_text(Text::new(text.into_bytes()).with_context(|| name.to_owned())?));
    }
    let parsed: ProfileName =
        name.parse().with_context(|| format!("--profile {name}: there is no such file"))?;
    let repositories = options.open()?;
    let loaded = match repositories.load(&parsed, console.progress()) {
        Err(repository::Error::NotFound { name, tried }) => {
            let mut items: Vec<String> =
                tried.iter().map(|(place, answer)| format!("{place}: {answer}")).collect();
            let kernels = identity::advice(&detect::kernels(image, &console.search()));
            let made = parsed.guid_age().map(|_| format!("build_local_profile {parsed} makes it"));
            let named = (!kernels.is_empty()).then(|| "the image names".to_owned());
            let next: Vec<String> = made.into_iter().chain(named).collect();
            if !next.is_empty() {
                items.push(next.join("; "));
            }
            items.extend(kernels);
            let what = format!("unable to load profile {name} from any repository");
            return Err(NoProfile(Listed { what, items }).into());
        }
        loaded => loaded?,
    };
    log(&loaded, console);
    Ok(repositories.layout(loaded, console.progress())?)
}

fn log(loaded: &Loaded, console: &Console) {
    console.debug(format_args!("Loaded profile {} from {}", loaded.name, loaded.place));
    for (name, place) in loaded.way.iter().rev() {
        console.debug(format_args!("Loaded profile {name} from {place}"));
    }
}

/// The profile that an image needs: one that a repository has, else one that is made and kept, from a Windows kernel's PDB,
/// of what a Linux kernel in the image carries of itself, or of its debug file; always one that was proved on the image. If there
/// is none, a profile that everything in the image fits but for the record that names the build.
///
/// # Errors
/// If there is no such profile: what the image says about its kernel, what was tried, and how to get what is missing.
pub fn detected(
    image: &Image,
    source: &str,
    options: &Building,
    console: &Console,
) -> anyhow::Result<Layout> {
    let repositories = options.open()?;
    let detection = detect(image, &repositories, &console.search());
    if let Some((name, place, layout)) = detection.found {
        console.debug(format_args!("Detected profile {name} from {place}"));
        return Ok(layout);
    }
    let mut items = identity::advice(&detection.kernels);
    let named = if items.is_empty() { "" } else { "; the image names" };
    items.extend(tried(&detection));
    match built(image, &repositories, &detection, options, console) {
        Ok(Some((name, layout))) => {
            console.info(format_args!("made profile {name}"));
            return Ok(layout);
        }
        Ok(None) => {
            let unmade = match of_image::made(image, &detection, &repositories, console) {
                of_image::Outcome::Made(layout) => return Ok(*layout),
                of_image::Outcome::Unmade(unmade) => unmade,
                of_image::Outcome::NoKernel => Vec::new(),
            };
            match of_image::listed(image, &detection.kernels, &repositories, options, console) {
                Ok(layout) => return Ok(layout),
                Err(problems) => items.extend(problems),
            }
            let ids = of_image::build_ids(&detection.kernels, &unmade);
            match of_image::fetched(image, &ids, &repositories, options, console) {
                Ok(layout) => return Ok(layout),
                Err(problems) => {
                    items.extend(unmade.iter().flat_map(of_image::words));
                    items.extend(problems);
                }
            }
        }
        Err(error) => items.extend(lines_of("", &error).text().lines().map(str::to_owned)),
    }
    if let Some((name, place, layout)) = detection.doubtful {
        // What the kernel's record names could not be had. The command warns of it.
        console.debug(format_args!("Going on with profile {name} from {place}"));
        return Ok(layout);
    }
    let what = format!(
        "{source}: which profile? none that fits was found; name that of the image's kernel with --profile \
         NAME_OR_FILE{named}"
    );
    Err(NoProfile(Listed { what, items }).into())
}

/// The maximum number of kernels whose PDBs are fetched for one image.
const MOST_BUILT: usize = 4;
/// How many of the profiles that do not fit are listed.
const MOST_TOLD: usize = 8;

/// The profiles that do not fit, a line each; those that no repository has are listed only with `-v`.
fn tried(detection: &Detection) -> Vec<String> {
    let tried = detection.tried.iter().filter(|candidate| candidate.proof.is_ok()).take(MOST_TOLD);
    tried.map(|candidate| format!("{}: {}", candidate.name, outcome(candidate))).collect()
}

/// Makes and stores the profile of the first Windows kernel that the image names and that its PDB proves.
///
/// # Errors
/// If a PDB could not be fetched, or the profile cannot be stored.
fn built(
    image: &Image,
    repositories: &Repositories,
    detection: &Detection,
    options: &Building,
    console: &Console,
) -> anyhow::Result<Option<(ProfileName, Layout)>> {
    let kernels: Vec<_> = detection.kernels.iter().filter_map(windows_kernel).take(MOST_BUILT).collect();
    if kernels.is_empty() {
        return Ok(None);
    }
    let storage = repositories.writable().context("no repository is writable")?;
    let fetcher = Fetcher::new(options.symbols.options(None, console.threads())?);
    let mut failed = None;
    for (pdb, guid_age, evidence) in kernels {
        match local::build(&pdb, guid_age, &fetcher, storage, console.progress()) {
            Ok(built) => {
                let (candidate, layout) =
                    detect::prove(image, repositories, built.loaded, evidence, &console.search());
                if let (true, Some(layout)) = (candidate.matches(), layout) {
                    return Ok(Some((candidate.name, layout)));
                }
                failed.get_or_insert_with(|| anyhow::anyhow!("{}: {}", candidate.name, outcome(&candidate)));
            }
            Err(error) => {
                failed.get_or_insert(error.into());
            }
        }
    }
    failed.map_or(Ok(None), Err)
}

/// The PDB of a kernel that an image names, if it is a Windows kernel and has a valid PDB name.
pub fn windows_kernel(sighted: &detect::Sighted) -> Option<(PdbName, profile::GuidAge, String)> {
    match &sighted.kernel {
        NamedKernel::Windows { pdb, guid_age } => Some((pdb.parse().ok()?, *guid_age, sighted.to_string())),
        _ => None,
    }
}

/// The losses in making a profile, and its verdict.
pub fn say_built(built: &local::Built, console: &Console) {
    let losses: &Report = &built.report;
    verdict::say_losses(losses, console);
    verdict::say_verdict(&built.health, console);
}
