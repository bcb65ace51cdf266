//! Which profile an image needs: what the image says of its kernel, which profiles have that name, and which of them is
//! proved on the image.

mod identity;

use analyzer::{Layout, Scope, Validation, Verdict, validate};
use image::{Image, Plan};

pub use identity::{Kernel, Sighted, kernels};

use crate::{Error, Loaded, ProfileName, Repositories};

/// No more profiles are tried on one image.
const MOST_TRIED: usize = 64;

/// A profile that was tried on the image.
pub struct Candidate {
    /// Its name.
    pub name: ProfileName,
    /// Its object's address; empty where it could not be loaded.
    pub place: String,
    /// What in the image led to it.
    pub evidence: String,
    /// What the proof said; else why there was none.
    pub proof: Result<Validation, String>,
}

impl Candidate {
    /// Whether it was proved.
    pub fn matches(&self) -> bool {
        self.proof.as_ref().is_ok_and(|proof| proof.verdict == Verdict::Match)
    }

    /// How many checks it passed, less those it failed: the score by which profiles that are no match are ordered.
    pub fn score(&self) -> i64 {
        let Ok(proof) = &self.proof else { return i64::MIN };
        let count = |passage| proof.checks.iter().filter(|check| check.passage == passage).count() as i64;
        count(analyzer::Passage::Passed) - count(analyzer::Passage::Failed)
    }
}

/// What came of looking for the profile of an image.
pub struct Detection {
    /// What the image says of its kernel, what says most first.
    pub kernels: Vec<Sighted>,
    /// The profiles that were tried, in the order of trial; the search ends with the first that is proved.
    pub tried: Vec<Candidate>,
    /// The profile that was proved.
    pub found: Option<(ProfileName, String, Layout)>,
}

/// Finds the profile of an image: by what the image says of its kernel, then among all that could be it. Each is
/// proved before it is the answer.
pub fn detect(image: &Image, repositories: &Repositories, plan: &Plan<'_>) -> Detection {
    let progress = plan.progress;
    let kernels = kernels(image, plan);
    let mut detection = Detection { kernels, tried: Vec::new(), found: None };
    let mut names: Vec<(ProfileName, String)> = Vec::new();
    for sighted in &detection.kernels {
        for name in sighted.kernel.names(repositories) {
            if !names.iter().any(|(known, _)| *known == name) {
                names.push((name, sighted.to_string()));
            }
        }
    }
    names.truncate(MOST_TRIED);
    for (name, evidence) in names {
        progress.tell(&format!("Verifying profile {name}"));
        let loaded = match repositories.load(&name, progress) {
            Ok(loaded) => loaded,
            Err(error) => {
                let (place, proof) = (String::new(), Err(error.to_string()));
                detection.tried.push(Candidate { name, place, evidence, proof });
                continue;
            }
        };
        let (candidate, layout) = prove(image, repositories, loaded, evidence, plan);
        let matches = candidate.matches();
        if matches && let Some(layout) = layout {
            detection.found = Some((candidate.name.clone(), candidate.place.clone(), layout));
        }
        detection.tried.push(candidate);
        if matches {
            break;
        }
    }
    detection
}

/// Tries one profile on the image.
pub fn prove(
    image: &Image,
    repositories: &Repositories,
    loaded: Loaded,
    evidence: String,
    plan: &Plan<'_>,
) -> (Candidate, Option<Layout>) {
    let (name, place) = (loaded.name.clone(), loaded.place.clone());
    let layout: Result<Layout, Error> = repositories.layout(loaded, plan.progress);
    let layout = match layout {
        Ok(layout) => layout,
        Err(error) => return (Candidate { name, place, evidence, proof: Err(error.to_string()) }, None),
    };
    let proof = validate(image, &layout, Scope::Quick, plan).map_err(|error| error.to_string());
    (Candidate { name, place, evidence, proof }, Some(layout))
}
