use anyhow::bail;
use repository::detect::{Candidate, Fingerprint, Sighted, detect};

use super::Run;
use crate::console::{Console, Settings, Table};
use crate::files::Files;
use crate::images::{open_image, triage};
use crate::options::{
    Connection, General, Image, Json, NamedImage, Repositories, Threads, Unpacking, settings,
};
use crate::outcome::Outcome;
use crate::profiles::identity::how_to;
use crate::profiles::{self, likely};
use crate::report::image as report;

/// Tell which profile a memory image needs.
///
/// Looks for what the image says about its kernel: debug records, a banner, a build-id. Tries the profiles that the
/// repositories have for it, and proves each on the image. The first one that matches is the answer; without one the
/// exit code is 1, and the table shows how to bring the right profile.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    named: NamedImage,
    #[command(flatten)]
    image: Image,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    repositories: Repositories,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile autodetect memory.raw
  rekall-profile -f memory.raw --profile_path profiles --offline autodetect";

impl Arguments {
    fn image(&self) -> Image {
        self.image.or(&self.named)
    }
}

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.image().list(files);
        self.repositories.list(&self.connection, files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

/// How many of the profiles that are similar to a kernel are shown.
const MOST_LIKELY: usize = 5;

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let options = arguments.image();
    let image = open_image(&options, console)?;
    let source = options.required()?.display().to_string();
    if let Some(what) = triage::without_memory(&image) {
        bail!("{source}: {what}");
    }
    let repositories = arguments.repositories.open(&arguments.connection)?;
    let detection = detect(&image, &repositories, &console.search());
    let found = detection.found.as_ref().map(|(name, place, _)| (name.to_string(), place.clone()));
    if console.json() {
        console.print_report(&report::Detection {
            image: source,
            profile: found.as_ref().map(|(name, _)| name.clone()),
            place: found.as_ref().map(|(_, place)| place.clone()),
            kernels: detection.kernels.iter().map(sighted).collect(),
            fingerprints: detection.fingerprints.iter().map(fingerprint).collect(),
            tried: detection.tried.iter().map(candidate).collect(),
        })?;
    } else {
        let mut kernels = Table::new(&["Offset (P)", "Evidence", "Kernel", "Its profile"]);
        for sighted in &detection.kernels {
            kernels.row([
                format!("{:#x}", sighted.at.0),
                sighted.by.to_owned(),
                sighted.kernel.to_string(),
                how_to(&sighted.kernel),
            ]);
        }
        let mut tried = Table::new(&["Profile", "Place", "Result"]);
        for candidate in &detection.tried {
            // The requests to every repository are shown with -v.
            let result = profiles::outcome(candidate);
            let result = result.lines().next().unwrap_or_default().to_owned();
            tried.row([candidate.name.to_string(), candidate.place.clone(), result]);
        }
        let mut lines = kernels.lines();
        for fingerprint in &detection.fingerprints {
            for problem in &fingerprint.problems {
                console.warn(problem);
            }
            if fingerprint.likely.is_empty() {
                continue;
            }
            let likely = fingerprint.likely.iter().take(MOST_LIKELY);
            lines.line("");
            let (kernel, margin) = (&fingerprint.kernel, fingerprint.margin());
            lines.line(format_args!("The kernel at {kernel}; margin {margin:.3}"));
            lines.append(&likely::table("Like the kernel", likely));
        }
        lines.line("");
        lines.append(&tried.lines());
        console.print(&lines)?;
        match &found {
            Some((name, place)) => console.info(format_args!("profile: {name} from {place}")),
            None => match &detection.doubtful {
                Some((name, place, _)) => console.info(format_args!(
                    "profile: none is proved; everything that was read fits {name} from {place}, which is used with a \
                     warning if the one that the image names cannot be had"
                )),
                None => console.info("profile: none that fits; build_local_profile makes a Windows kernel's"),
            },
        }
    }
    Ok(Outcome::from_good(found.is_some()))
}

fn fingerprint(fingerprint: &Fingerprint) -> report::Fingerprint {
    report::Fingerprint {
        kernel: fingerprint.kernel.clone(),
        likely: report::likely(fingerprint.likely.iter().take(MOST_LIKELY)),
        margin: fingerprint.margin(),
        problems: fingerprint.problems.clone(),
    }
}

fn sighted(sighted: &Sighted) -> report::Sighting {
    report::Sighting {
        offset: sighted.at.0,
        evidence: sighted.by.to_owned(),
        kernel: sighted.kernel.to_string(),
    }
}

fn candidate(candidate: &Candidate) -> report::Candidate {
    let proof = candidate.proof.as_ref();
    report::Candidate {
        profile: candidate.name.to_string(),
        place: candidate.place.clone(),
        evidence: candidate.evidence.clone(),
        verdict: proof.ok().map(|proof| proof.verdict.name().to_owned()),
        reason: proof.map_or_else(Clone::clone, |proof| proof.reason.clone()),
        score: proof.ok().map(|_| candidate.score()),
    }
}
