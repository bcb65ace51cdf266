//! The profile of a Linux kernel that no repository has: made from the image alone or, otherwise, from the debug file on a
//! debuginfod server.

use analyzer::Layout;
use image::Image;
use profile::System;
use repository::batch::{TableVerdict, import_tables};
use repository::detect::{self, Detection, NamedKernel, Sighted};
use repository::of_image::{self, MadeOfImage, Unmade};
use repository::{Repositories, local};
use symbols::BuildId;

use super::outcome::outcome;
use crate::console::{Console, lines_of};
use crate::options::Building;
use crate::profiles::verdict::counted;

/// The result of making a profile.
pub enum Outcome {
    /// It was made, and proved on the image.
    Made(Box<Layout>),
    /// There are kernels, and none gave a profile.
    Unmade(Vec<Unmade>),
    /// The image holds no Linux kernel.
    NoKernel,
}

/// Makes the profile of the Linux kernel in an image, and stores it in the first writable repository. A profile that
/// cannot be stored is used for this run only.
pub fn made(image: &Image, detection: &Detection, repositories: &Repositories, console: &Console) -> Outcome {
    let mut kernels = detection.kernels.iter().map(|sighted| sighted.kernel.system());
    // Even if no record names a kernel, there may be one.
    if !detection.kernels.is_empty() && kernels.all(|system| system != System::Linux) {
        return Outcome::NoKernel;
    }
    let made = match of_image::make(image, false, &console.search()) {
        Ok(made) => made,
        Err(unmade) if unmade.is_empty() => return Outcome::NoKernel,
        Err(unmade) => return Outcome::Unmade(unmade),
    };
    let place = match repositories.writable().map(|storage| made.store(storage, console.progress())) {
        Some(Ok(place)) => place,
        Some(Err(error)) => {
            console.warn_error(&error);
            None
        }
        None => None,
    };
    say_made(&made, place.as_deref(), console);
    Outcome::Made(Box::new(made.layout))
}

/// No more kernels' debug files are fetched for one image: each may have half a gigabyte.
const MOST_FETCHED: usize = 4;

/// The build-ids of the Linux kernels that an image names, each once.
pub fn build_ids(kernels: &[Sighted], unmade: &[Unmade]) -> Vec<BuildId> {
    let sighted = kernels.iter().filter_map(|sighted| match &sighted.kernel {
        NamedKernel::Linux { build_id, .. } => build_id.as_ref(),
        _ => None,
    });
    let mut ids: Vec<BuildId> = Vec::new();
    for id in unmade.iter().filter_map(|unmade| unmade.build_id.as_ref()).chain(sighted) {
        if let Ok(id) = id.parse::<BuildId>()
            && !ids.contains(&id)
        {
            ids.push(id);
        }
    }
    ids.truncate(MOST_FETCHED);
    ids
}

/// Fetches the debug files of the kernels with these build-ids, unless no server may be asked. The first profile that is
/// proved on the image is the answer.
///
/// # Errors
/// Why there is none, a line for each kernel.
pub fn fetched(
    image: &Image,
    build_ids: &[BuildId],
    repositories: &Repositories,
    options: &Building,
    console: &Console,
) -> Result<Layout, Vec<String>> {
    let lines = |error: &anyhow::Error| lines_of("", error).text().lines().map(str::to_owned).collect();
    let servers = match options.debuginfod() {
        Ok(Some(servers)) if !build_ids.is_empty() => servers,
        Ok(_) => return Err(Vec::new()),
        Err(error) => return Err(lines(&error)),
    };
    let Some(storage) = repositories.writable() else {
        return Err(vec!["no repository can be written to; name one with --profile_path".to_owned()]);
    };
    let mut problems: Vec<String> = Vec::new();
    for id in build_ids {
        let built = match local::build_linux(id, &servers, storage, console.progress()) {
            Ok(built) => built,
            Err(error) => {
                problems.extend::<Vec<String>>(lines(&error.into()));
                continue;
            }
        };
        let from = built.from.clone();
        let (candidate, layout) =
            detect::prove(image, repositories, built.loaded, from.clone(), &console.search());
        if let (true, Some(layout)) = (candidate.matches(), layout) {
            console.info(format_args!("{}: made of the debug file from {from}", candidate.name));
            return Ok(layout);
        }
        problems.push(format!(
            "{}, made of the debug file from {from}: {}",
            candidate.name,
            outcome(&candidate)
        ));
    }
    Err(problems)
}

/// No more tables are fetched for one kernel: several builds may have its release.
const MOST_TABLES: usize = 8;

/// Asks the configuration's lists of symbol tables (`isf_path`) for the Linux kernels that an image names, by their
/// releases. The first table whose profile is proved on the image is the answer; its profile is kept.
///
/// # Errors
/// Why there is none, a line for each list and table.
pub fn listed(
    image: &Image,
    kernels: &[Sighted],
    repositories: &Repositories,
    options: &Building,
    console: &Console,
) -> Result<Layout, Vec<String>> {
    let lines = |error: &anyhow::Error| lines_of("", error).text().lines().map(str::to_owned).collect();
    let (lists, downloads) = match options.tables() {
        Ok(Some(tables)) => tables,
        Ok(None) => return Err(Vec::new()),
        Err(error) => return Err(lines(&error)),
    };
    let mut releases: Vec<&str> = kernels
        .iter()
        .filter_map(|sighted| match &sighted.kernel {
            // What is a pattern is not the release of a kernel.
            NamedKernel::Linux { release, .. } if !release.contains(['*', '?']) => Some(release.as_str()),
            _ => None,
        })
        .collect();
    releases.dedup();
    releases.truncate(MOST_FETCHED);
    let Some(storage) = repositories.writable().filter(|_| !releases.is_empty()) else {
        return Err(Vec::new());
    };
    let mut problems = Vec::new();
    for list in &lists {
        for release in &releases {
            let mut found = Vec::new();
            let mut each = |url: &str, verdict: &TableVerdict| match verdict {
                TableVerdict::Taken(imported) => found.push((imported.name.clone(), url.to_owned())),
                TableVerdict::Known(name) => found.push((name.clone(), url.to_owned())),
                TableVerdict::Failed(reason) => problems.push(format!("{url}: {reason}")),
                _ => {}
            };
            let wanted = [(*release).to_owned()];
            let asked =
                import_tables(storage, list, &wanted, MOST_TABLES, &downloads, console.progress(), &mut each);
            if let Err(error) = asked {
                problems.push(error.to_string());
            }
            for (name, url) in found {
                let loaded = match repositories.load(&name, console.progress()) {
                    Ok(loaded) => loaded,
                    Err(error) => {
                        problems.push(format!("{url}: {error}"));
                        continue;
                    }
                };
                let (candidate, layout) =
                    detect::prove(image, repositories, loaded, url.clone(), &console.search());
                if let (true, Some(layout)) = (candidate.matches(), layout) {
                    console.info(format_args!("{name}: made of the symbol table {url}"));
                    return Ok(layout);
                }
                problems.push(format!("{name}, made of the symbol table {url}: {}", outcome(&candidate)));
            }
        }
    }
    Err(problems)
}

/// Reports how a profile was made, what proves it, and where it is stored.
pub fn say_made(made: &MadeOfImage, place: Option<&str>, console: &Console) {
    let kept = match place {
        Some(place) => format!("stored as {place}"),
        None => "not stored".to_owned(),
    };
    console.info(format_args!(
        "{}: made from the image alone, from the kernel's own types (BTF) and symbols (kallsyms); on the image: {} ({}); \
         {kept}",
        made.name,
        made.proof.verdict.name(),
        made.proof.reason
    ));
    for line in made.evidence.iter().chain(&made.passed_over) {
        console.debug(format_args!("{}: {line}", made.name));
    }
    if let Some(with) = &made.modules {
        console.info(format_args!(
            "{}: the same with the symbols of {} and the types of {}, for this boot alone",
            with.name,
            counted(with.modules.len(), "loaded module"),
            if with.typed == with.modules.len() { "all of them".to_owned() } else { with.typed.to_string() }
        ));
        for problem in &with.problems {
            console.warn(format_args!("{}: {problem}", with.name));
        }
    }
}

/// The reasons why a kernel gave no profile, and the next steps, a line each.
pub fn words(unmade: &Unmade) -> Vec<String> {
    let mut words: Vec<String> =
        unmade.problems.iter().map(|problem| format!("{}: {problem}", unmade.kernel)).collect();
    let mut next = Vec::new();
    next.extend(unmade.package.as_ref().map(ToString::to_string));
    next.extend(
        unmade.build_id.as_ref().map(|id| format!("fetch_debug {id} asks debuginfod servers for it")),
    );
    if !next.is_empty() {
        words.push(format!("{}: {}; parse_dwarf makes a profile of it", unmade.kernel, next.join("; ")));
    }
    words
}
