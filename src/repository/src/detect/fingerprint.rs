//! Kernels that do not say which build they are: told by what lies where in them.

use analyzer::linux::CarriedSymbols;
use analyzer::windows::Bare;
use image::{Image, Memory, PhysicalAddress, Plan};

use crate::index::{DataIndex, ExportIndex, Likeness, SymbolIndex};
use crate::{Error, ProfileName, Repositories};

/// What the indexes say of the kernel in an image.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    /// Where the kernel is, and how it was found.
    pub kernel: String,
    /// The profiles that are like it, best first.
    pub likely: Vec<Likeness>,
    /// Indexes that could not be used.
    pub problems: Vec<String>,
}

/// The names of indexes.
pub(crate) const DATA: &str = "nt/index";
const EXPORTS: &str = "nt/export_index";
const MAC: &str = "OSX/index";
const LINUX: &str = "Linux/index";

/// What the page `lowGlo` of macOS begins with: its mark and two zeros.
const CATFISH: &[u8] = b"Catfish \0\0";

/// Profiles less like the kernel than this are not proposed.
const LEAST: f64 = 0.3;
/// How many places of a mark are looked at.
const MOST_MARKS: usize = 64;
/// The largest index that is read, in bytes.
const LIMIT: u64 = 1 << 30;

impl Fingerprint {
    /// By how much the best is more like the kernel than the one behind it, from 0 to 1.
    pub fn margin(&self) -> f64 {
        let score = |at: usize| self.likely.get(at).map_or(0.0, Likeness::score);
        score(0) - score(1)
    }

    /// The profiles in order, each with what speaks for it.
    pub(super) fn names(&self) -> impl Iterator<Item = (ProfileName, String)> {
        self.likely.iter().enumerate().filter_map(|(rank, likeness)| {
            let next = self.likely.get(rank + 1).map_or(0.0, Likeness::score);
            let (score, ahead) = (likeness.score(), likeness.score() - next);
            let evidence = format!(
                "fingerprint of the kernel at {}: {} of {} points, score {score:.3}, {ahead:.3} before the next",
                self.kernel, likeness.agreed, likeness.seen
            );
            Some((likeness.profile.parse().ok()?, evidence))
        })
    }
}

/// Everything that indexes say of the kernels in an image: of Windows, then macOS, then Linux. An index that no
/// repository has costs nothing.
pub(super) fn fingerprints(image: &Image, repositories: &Repositories, plan: &Plan<'_>) -> Vec<Fingerprint> {
    let mut all = Vec::new();
    let indexes = Indexes { repositories, problems: Vec::new() };
    all.extend(windows(image, indexes, plan));
    let indexes = Indexes { repositories, problems: Vec::new() };
    all.extend(mac(image, indexes, plan));
    let indexes = Indexes { repositories, problems: Vec::new() };
    all.extend(linux(image, indexes));
    all.retain(|one| !one.likely.is_empty() || !one.problems.is_empty());
    all
}

/// Indexes by name, and what is wrong with them.
struct Indexes<'r> {
    repositories: &'r Repositories,
    problems: Vec<String>,
}

impl Indexes<'_> {
    /// The index of this name in every repository that has one.
    fn all<T>(&mut self, name: &str, parse: fn(&[u8], &str) -> Result<T, Error>) -> Vec<T> {
        let mut found = Vec::new();
        let Ok(name) = name.parse::<ProfileName>() else { return found };
        for storage in self.repositories.storages() {
            let place = storage.place_of(&name.key());
            match storage.read(&name.key(), LIMIT) {
                Ok(Some(object)) => match parse(&object.bytes, &place) {
                    Ok(index) => found.push(index),
                    Err(error) => self.problems.push(error.to_string()),
                },
                // A place that cannot be asked was told when profiles were asked for.
                Ok(None) | Err(_) => {}
            }
        }
        found
    }
}

fn windows(image: &Image, mut indexes: Indexes<'_>, plan: &Plan<'_>) -> Option<Fingerprint> {
    let exports = indexes.all(EXPORTS, ExportIndex::parse);
    let data = indexes.all(DATA, DataIndex::parse);
    if exports.is_empty() && data.is_empty() {
        return report(indexes, String::new(), Vec::new());
    }
    let kernel = Bare::find(image, image.hints(), plan)?;
    let place = format!("{:#x}, found by {}", kernel.base, kernel.found_by);
    plan.progress.tell(&format!("Found a kernel without a profile at {place}"));
    report(indexes, place, likely_of(&kernel, &exports, &data))
}

/// How like each profile of the indexes is to a Windows kernel or another module of it.
pub(crate) fn likely_of(kernel: &Bare<'_>, exports: &[ExportIndex], data: &[DataIndex]) -> Vec<Likeness> {
    let mut said = Vec::new();
    for index in exports {
        said.extend(index.rank(kernel.exports.symbols.iter().map(|(name, rva)| (name.as_str(), *rva))));
    }
    for index in data {
        said.extend(index.rank(&mut |offset, length| kernel.read(offset, length)));
    }
    Likeness::together(said)
}

fn report(indexes: Indexes<'_>, kernel: String, mut likely: Vec<Likeness>) -> Option<Fingerprint> {
    likely.retain(|one| one.score() >= LEAST);
    Some(Fingerprint { kernel, likely, problems: indexes.problems })
}

/// macOS: every mark of `lowGlo` in physical memory, and what lies around it.
fn mac(image: &Image, mut indexes: Indexes<'_>, plan: &Plan<'_>) -> Option<Fingerprint> {
    let data = indexes.all(MAC, DataIndex::parse);
    if data.is_empty() {
        return report(indexes, String::new(), Vec::new());
    }
    let plan = Plan { step: "Looking for lowGlo", ..*plan };
    let mut best: Option<(PhysicalAddress, Vec<Likeness>)> = None;
    for hit in image::find(image, &[CATFISH], &plan).found.iter().take(MOST_MARKS) {
        let mut read = |offset: i64, length: usize| {
            let mut bytes = vec![0; length];
            let at = PhysicalAddress(hit.at.0.checked_add_signed(offset)?);
            image.read(at, &mut bytes).ok().map(|()| bytes)
        };
        let likely = Likeness::together(data.iter().flat_map(|index| index.rank(&mut read)));
        let score = |likely: &[Likeness]| likely.first().map_or(0.0, Likeness::score);
        if best.as_ref().is_none_or(|(_, best)| score(&likely) > score(best)) {
            best = Some((hit.at, likely));
        }
    }
    let (at, likely) = best?;
    report(indexes, format!("lowGlo at physical {at}"), likely)
}

/// Linux: the kernel's own table of its symbols, where VMCOREINFO says where that is.
fn linux(image: &Image, mut indexes: Indexes<'_>) -> Option<Fingerprint> {
    let traits = indexes.all(LINUX, SymbolIndex::parse);
    if traits.is_empty() {
        return report(indexes, String::new(), Vec::new());
    }
    let carried = CarriedSymbols::find(image)?;
    let said = traits.iter().flat_map(|index| index.rank(&|name| carried.addresses(name)));
    let likely = Likeness::together(said);
    report(indexes, format!("its own table of {} symbols, {}", carried.len(), carried.found_by), likely)
}
