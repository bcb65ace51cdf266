//! Recognises kernels that do not identify their build, by the data at known addresses.

use std::collections::HashMap;

use analyzer::linux::CarriedSymbols;
use analyzer::windows::{Exports, UnprofiledWindows};
use image::{Image, Memory, PhysicalAddress, ScanPlan};
use profile::{Progress, Silent};

use crate::index::{DataIndex, ExportIndex, Likeness, StructIndex, SymbolIndex};
use crate::{Error, ProfileName, Repositories};

/// What the indexes say about the kernel in an image.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    /// The kernel's address, and how it was found.
    pub kernel: String,
    /// The most similar profiles, best first.
    pub likely: Vec<Likeness>,
    /// Indexes that could not be used.
    pub problems: Vec<String>,
}

/// The folder of Windows kernels.
const KERNELS: &str = "nt";
const MAC: &str = "OSX/index";
const LINUX: &str = "Linux/index";

/// The beginning of the page `lowGlo` of macOS: its mark and two zeros.
const CATFISH: &[u8] = b"Catfish \0\0";

/// The name of the first process, padded with zeros.
const SYSTEM: &[u8] = b"System\0\0\0\0\0\0\0\0\0";

/// Less similar profiles are not proposed.
const LEAST: f64 = 0.3;
/// How many places of a mark are examined.
const MOST_MARKS: usize = 64;
/// Without an index, at most this many profiles are compared with the kernel one by one.
const MOST_READ: usize = 64;
/// The largest index that is read, in bytes.
const LIMIT: u64 = 1 << 30;

impl Fingerprint {
    /// How much more similar the best profile is than the next, from 0 to 1.
    pub fn margin(&self) -> f64 {
        let score = |at: usize| self.likely.get(at).map_or(0.0, Likeness::score);
        score(0) - score(1)
    }

    /// The profiles that are similar enough, in order, each with its evidence.
    pub(super) fn names(&self) -> impl Iterator<Item = (ProfileName, String)> {
        let enough = self.likely.iter().take_while(|one| one.score() >= LEAST);
        enough.enumerate().filter_map(|(rank, likeness)| {
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

/// The results of the indexes for the kernels in an image: of Windows, then macOS, then Linux. An index that no
/// repository has is skipped.
pub(super) fn fingerprints(
    image: &Image,
    repositories: &Repositories,
    plan: &ScanPlan<'_>,
) -> Vec<Fingerprint> {
    let mut all = Vec::new();
    let indexes = Lookup { repositories, problems: Vec::new() };
    all.extend(windows(image, indexes, plan));
    let indexes = Lookup { repositories, problems: Vec::new() };
    all.extend(mac(image, indexes, plan));
    let indexes = Lookup { repositories, problems: Vec::new() };
    all.extend(linux(image, indexes, plan));
    all.retain(|one| !one.likely.is_empty() || !one.problems.is_empty());
    all
}

/// Finds indexes by name, and collects their problems.
struct Lookup<'r> {
    repositories: &'r Repositories,
    problems: Vec<String>,
}

impl Lookup<'_> {
    /// The index of this name in every repository that has one.
    fn all<T>(&mut self, name: &str, parse: fn(&[u8], &str) -> Result<T, Error>) -> Vec<T> {
        let mut found = Vec::new();
        let Ok(name) = name.parse::<ProfileName>() else { return found };
        for (place, object) in self.repositories.objects(&name, LIMIT) {
            match parse(&object.bytes, &place) {
                Ok(index) => found.push(index),
                Err(error) => self.problems.push(error.to_string()),
            }
        }
        found
    }
}

fn windows(image: &Image, mut indexes: Lookup<'_>, plan: &ScanPlan<'_>) -> Option<Fingerprint> {
    let loaded = ModuleIndexes::below(KERNELS, &mut indexes);
    // A repository with few profiles needs no index.
    let (few, _) = indexes.repositories.names(&format!("{KERNELS}/GUID"));
    if loaded.is_empty() && (few.is_empty() || few.len() > MOST_READ) {
        return report(indexes, String::new(), Vec::new());
    }
    let kernel = UnprofiledWindows::find(image, image.hints(), plan)?;
    let place = format!("{:#x}, found by {}", kernel.base, kernel.found_by);
    plan.progress.debug(&format!("Found a kernel without a profile at {place}"));
    let likely = if loaded.is_empty() {
        one_by_one(&kernel.exports, &few, indexes.repositories, plan.progress)
    } else {
        let mut said = loaded.rank(&kernel.exports, &mut |offset, length| kernel.read(offset, length));
        let structs = indexes.all(&format!("{KERNELS}/eprocess_index"), StructIndex::parse);
        if !structs.is_empty() {
            said.extend(by_first_process(image, &kernel, &structs, plan));
        }
        Likeness::together(said)
    };
    report(indexes, place, likely)
}

/// Compares each profile with the struct of the process System, wherever its name is found: page tables have to be as
/// far before it as the profile says.
fn by_first_process(
    image: &Image,
    kernel: &UnprofiledWindows<'_>,
    structs: &[StructIndex],
    plan: &ScanPlan<'_>,
) -> Vec<Likeness> {
    let plan = ScanPlan { step: "Looking for the first process", ..*plan };
    let hits = image::find(image, &[SYSTEM], MOST_MARKS, &plan).found;
    let width = usize::from(kernel.arch.address_size());
    let mut said = Vec::new();
    for (offsets, profiles) in structs.iter().flat_map(StructIndex::layouts) {
        let offset = |member: &str| offsets.get(member).copied();
        let (Some(name), Some(own), Some(tables)) = (
            offset("_EPROCESS.ImageFileName"),
            offset("_EPROCESS.Pcb"),
            offset("_KPROCESS.DirectoryTableBase"),
        ) else {
            continue;
        };
        let back = name.wrapping_sub(own).wrapping_sub(tables);
        let stands = hits.iter().take(MOST_MARKS * 16).any(|hit| {
            let mut root = [0; 8];
            let part = root.get_mut(..width);
            let at = hit.at.0.checked_add_signed(back.wrapping_neg());
            let read = at.zip(part).is_some_and(|(at, part)| image.read(PhysicalAddress(at), part).is_ok());
            read && kernel.is_root(u64::from_le_bytes(root))
        });
        said.extend(profiles.iter().map(|profile| Likeness::of_struct(profile, stands)));
    }
    said
}

/// Compares each of these profiles with a module that exports these symbols.
fn one_by_one(
    exports: &Exports,
    names: &[ProfileName],
    repositories: &Repositories,
    progress: &dyn Progress,
) -> Vec<Likeness> {
    let found: HashMap<&str, u64> = exports.symbols.iter().map(|(name, rva)| (name.as_str(), *rva)).collect();
    let likely = names.iter().filter_map(|name| {
        progress.debug(&format!("Comparing profile {name}"));
        let text = repositories.load(name, &Silent).ok()?.text;
        let mut rows = Vec::new();
        text.each_symbol(|symbol, address, _| {
            rows.extend(found.get(symbol).map(|rva| *rva == address));
        });
        Some(Likeness::of_exports(name.as_str(), rows.into_iter()))
    });
    Likeness::together(likely)
}

/// The indexes over the builds of one Windows module.
pub struct ModuleIndexes {
    exports: Vec<ExportIndex>,
    data: Vec<DataIndex>,
}

impl ModuleIndexes {
    fn below(folder: &str, indexes: &mut Lookup<'_>) -> Self {
        Self {
            exports: indexes.all(&format!("{folder}/export_index"), ExportIndex::parse),
            data: indexes.all(&format!("{folder}/index"), DataIndex::parse),
        }
    }

    /// The indexes that the repositories have in a folder (`nt`, `tcpip`), and their problems.
    pub fn open(folder: &str, repositories: &Repositories) -> (Self, Vec<String>) {
        let mut indexes = Lookup { repositories, problems: Vec::new() };
        (Self::below(folder, &mut indexes), indexes.problems)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.exports.is_empty() && self.data.is_empty()
    }

    /// Compares each profile with a module that exports these symbols and whose bytes `read` returns by RVA; best
    /// first.
    pub fn rank(
        &self,
        exports: &Exports,
        read: &mut dyn FnMut(i64, usize) -> Option<Vec<u8>>,
    ) -> Vec<Likeness> {
        let mut said = Vec::new();
        for index in &self.exports {
            said.extend(index.rank(exports.symbols.iter().map(|(name, rva)| (name.as_str(), *rva))));
        }
        for index in &self.data {
            said.extend(index.rank(read));
        }
        Likeness::together(said)
    }
}

fn report(indexes: Lookup<'_>, kernel: String, likely: Vec<Likeness>) -> Option<Fingerprint> {
    Some(Fingerprint { kernel, likely, problems: indexes.problems })
}

/// macOS: every mark of `lowGlo` in physical memory, and the data around it.
fn mac(image: &Image, mut indexes: Lookup<'_>, plan: &ScanPlan<'_>) -> Option<Fingerprint> {
    let data = indexes.all(MAC, DataIndex::parse);
    if data.is_empty() {
        return report(indexes, String::new(), Vec::new());
    }
    let plan = ScanPlan { step: "Looking for lowGlo", ..*plan };
    let mut best: Option<(PhysicalAddress, Vec<Likeness>)> = None;
    for hit in image::find(image, &[CATFISH], MOST_MARKS, &plan).found.iter().take(MOST_MARKS) {
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

/// Linux: the kernel's own table of its symbols.
fn linux(image: &Image, mut indexes: Lookup<'_>, plan: &ScanPlan<'_>) -> Option<Fingerprint> {
    let traits = indexes.all(LINUX, SymbolIndex::parse);
    if traits.is_empty() {
        return report(indexes, String::new(), Vec::new());
    }
    let carried = CarriedSymbols::find(image, plan)?;
    let said = traits.iter().flat_map(|index| index.rank(&|name| carried.addresses(name)));
    let likely = Likeness::together(said);
    report(indexes, format!("its own table of {} symbols, {}", carried.len(), carried.found_by), likely)
}
