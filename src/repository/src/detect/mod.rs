//! Finds the profile that an image needs: what the image says about its kernel, which profiles have that name, and
//! which of them is proved on the image.

mod fingerprint;
mod identity;

use analyzer::{Layout, Scope, Validation, Verdict, validate};
use image::{Container, Image, ScanPlan};
use profile::System;

pub use fingerprint::{Fingerprint, ModuleIndexes};
pub use identity::{NamedKernel, Sighted, kernels};

use crate::{Error, Loaded, ProfileName, Reach, Repositories};
use fingerprint::fingerprints;

/// The maximum number of profiles that are tried on one image.
const MOST_TRIED: usize = 64;
/// The maximum number of profiles proposed by a fingerprint that are tried: one that is far less similar than the
/// best is not the right one.
const MOST_LIKELY: usize = 8;

/// A profile that was tried on the image.
pub struct Candidate {
    /// Its name.
    pub name: ProfileName,
    /// Its object's address; empty where it could not be loaded.
    pub place: String,
    /// What in the image led to it.
    pub evidence: String,
    /// The result of the proof, or the reason why there is none.
    pub proof: Result<Validation, String>,
    /// Whether no repository that was searched has it.
    pub absent: bool,
}

impl Candidate {
    /// Whether it was proved.
    pub fn matches(&self) -> bool {
        self.proof.as_ref().is_ok_and(|proof| proof.verdict == Verdict::Match)
    }

    /// Whether everything that was read fits it, but for the record that names the kernel's build.
    pub fn is_doubtful(&self) -> bool {
        self.proof.as_ref().is_ok_and(|proof| {
            let doubtful = |check: &analyzer::Check| check.outcome == analyzer::CheckOutcome::Doubtful;
            let mut doubts = proof.checks.iter().filter(|check| doubtful(check)).peekable();
            proof.verdict == Verdict::Inconclusive
                && doubts.peek().is_some()
                && doubts.all(|check| check.group == analyzer::Group::Identity)
        })
    }

    /// The number of passed checks minus that of failed ones, by which profiles that do not match are ordered.
    pub fn score(&self) -> i64 {
        let Ok(proof) = &self.proof else { return i64::MIN };
        let count = |outcome| proof.checks.iter().filter(|check| check.outcome == outcome).count() as i64;
        count(analyzer::CheckOutcome::Passed) - count(analyzer::CheckOutcome::Failed)
    }
}

/// The result of searching for the profile of an image.
pub struct Detection {
    /// What the image says about its kernel, most complete first.
    pub kernels: Vec<Sighted>,
    /// What indexes say about its kernel; they are used if no name led to a proof.
    pub fingerprints: Vec<Fingerprint>,
    /// The profiles that were tried, in the order of trial; the search ends with the first that is proved.
    pub tried: Vec<Candidate>,
    /// The profile that was proved.
    pub found: Option<(ProfileName, String, Layout)>,
    /// The best, if there is no proved one, of those that fit everything that was read, although the record in the kernel names
    /// another build. Either that record was changed, or the profile is a neighbouring build's.
    pub doubtful: Option<(ProfileName, String, Layout)>,
}

impl Detection {
    /// The score of the best profile that is not proved and fits all the same.
    fn doubtful_score(&self) -> i64 {
        let best =
            self.doubtful.as_ref().and_then(|(name, ..)| self.tried.iter().find(|tried| tried.name == *name));
        best.map_or(i64::MIN, Candidate::score)
    }
}

/// Finds the profile of an image: first by what the image says about its kernel, then among all candidates, and
/// finally by the data at known addresses in the kernel. Each candidate is proved before it becomes the answer. The
/// repositories on this machine are searched for every name before any server.
pub fn detect(image: &Image, repositories: &Repositories, plan: &ScanPlan<'_>) -> Detection {
    let kernels = kernels(image, plan);
    let mut detection =
        Detection { kernels, fingerprints: Vec::new(), tried: Vec::new(), found: None, doubtful: None };
    let mut trial = Trial { image, repositories, plan, left: MOST_TRIED, relocations: MOST_RELOCATIONS };
    let reaches = [Reach::Local, Reach::Everywhere];
    for reach in reaches.into_iter().take(if repositories.has_remote() { 2 } else { 1 }) {
        let mut names: Vec<(ProfileName, String)> = Vec::new();
        for sighted in &detection.kernels {
            let known = sighted.kernel.names(repositories, reach).into_iter();
            names.extend(known.map(|name| (name, sighted.to_string())));
        }
        trial.run(names, reach, &mut detection);
        if detection.found.is_some() {
            return detection;
        }
    }
    detection.fingerprints = fingerprints(image, repositories, plan);
    for problem in detection.fingerprints.iter().flat_map(|one| &one.problems) {
        plan.progress.debug(problem);
    }
    let names: Vec<(ProfileName, String)> =
        detection.fingerprints.iter().flat_map(Fingerprint::names).collect();
    trial.left = MOST_LIKELY;
    trial.run(names, Reach::Everywhere, &mut detection);
    if detection.found.is_none() {
        trial.left = MOST_TRIED;
        trial.run(few_kernels(&detection.kernels, repositories), Reach::Everywhere, &mut detection);
    }
    detection
}

/// The kernels in repositories with few profiles of a system: if neither names nor indexes lead to the right one, all
/// are tried. A record that names the kernel may be damaged, so systems that no record names are tried last.
fn few_kernels(sighted: &[Sighted], repositories: &Repositories) -> Vec<(ProfileName, String)> {
    let mut folders = [(System::Windows, "nt/GUID"), (System::Linux, "Linux"), (System::Mac, "OSX")];
    folders.sort_by_key(|(system, _)| !sighted.iter().any(|one| one.kernel.system() == *system));
    let mut names = Vec::new();
    for (_, folder) in folders {
        let (listed, _) = repositories.names(folder);
        if listed.len() <= MOST_TRIED {
            let evidence = format!("one of {} profiles below {folder}", listed.len());
            names.extend(listed.into_iter().map(|name| (name, evidence.clone())));
        }
    }
    names
}

/// For how many profiles a file of raw memory is laid out anew.
const MOST_RELOCATIONS: usize = 2;

/// Profiles that are tried one after another.
struct Trial<'a> {
    image: &'a Image,
    repositories: &'a Repositories,
    plan: &'a ScanPlan<'a>,
    /// How many more may be tried.
    left: usize,
    /// For how many more the memory may be laid out anew, which takes long.
    relocations: usize,
}

impl Trial<'_> {
    /// Tries profiles, each once, until one is proved.
    fn run(&mut self, names: Vec<(ProfileName, String)>, reach: Reach, detection: &mut Detection) {
        let progress = self.plan.progress;
        for (name, evidence) in names {
            // A profile that is not on this machine may be on a server.
            let known = detection.tried.iter().position(|known| known.name == name);
            if known.and_then(|known| detection.tried.get(known)).is_some_and(|known| !known.absent) {
                continue;
            }
            match known {
                Some(known) => drop(detection.tried.remove(known)),
                None => {
                    let Some(left) = self.left.checked_sub(1) else { break };
                    self.left = left;
                    progress.debug(&format!("Verifying profile {name}"));
                }
            }
            let loaded = match self.repositories.load_within(&name, reach, progress) {
                Ok(loaded) => loaded,
                Err(error) => {
                    let absent = matches!(error, Error::NotFound { .. });
                    let (place, proof) = (String::new(), Err(error.to_string()));
                    detection.tried.push(Candidate { name, place, evidence, proof, absent });
                    continue;
                }
            };
            let (mut candidate, layout) = prove(self.image, self.repositories, loaded, evidence, self.plan);
            if let Some(layout) = &layout
                && !candidate.matches()
                && (self.image.container() == Container::Raw || !self.image.other_layouts().is_empty())
                && let Some(left) = self.relocations.checked_sub(1)
            {
                // In a file of raw memory the holes between ranges may be left out; of other files one header may be wrong.
                self.relocations = left;
                let proof = analyzer::prove(self.image, layout, Scope::Quick, self.plan);
                candidate.proof = proof.map(|proof| proof.validation).map_err(|error| error.to_string());
            }
            let matches = candidate.matches();
            if let Some(layout) = layout {
                let this = (candidate.name.clone(), candidate.place.clone(), layout);
                if matches {
                    (detection.found, detection.doubtful) = (Some(this), None);
                } else if candidate.is_doubtful() && candidate.score() > detection.doubtful_score() {
                    detection.doubtful = Some(this);
                }
            }
            detection.tried.push(candidate);
            if matches {
                break;
            }
        }
    }
}

/// Tries one profile on the image.
pub fn prove(
    image: &Image,
    repositories: &Repositories,
    loaded: Loaded,
    evidence: String,
    plan: &ScanPlan<'_>,
) -> (Candidate, Option<Layout>) {
    let (name, place) = (loaded.name.clone(), loaded.place.clone());
    let layout: Result<Layout, Error> = repositories.layout(loaded, plan.progress);
    let layout = match layout {
        Ok(layout) => layout,
        Err(error) => {
            let proof = Err(error.to_string());
            return (Candidate { name, place, evidence, proof, absent: false }, None);
        }
    };
    let proof = validate(image, &layout, Scope::Quick, plan).map_err(|error| error.to_string());
    (Candidate { name, place, evidence, proof, absent: false }, Some(layout))
}
