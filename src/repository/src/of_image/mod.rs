//! Makes the profile of a Linux kernel that no repository has, from the memory image alone.

mod modules;

use std::io::{self, Write};

use analyzer::linux::{Blob, UnprofiledKernel};
use analyzer::{Layout, Scope, Validation, Verdict, validate};
use image::{Image, ScanPlan};
use maps::DebugPackage;
use profile::{
    Effort, GzipWriter, Health, Progress, Report, Resolution, Scope as Needs, Text, guarded, write_text,
};

use crate::{Condition, Error, ProfileName, Storage};

pub use modules::WithModules;

/// The maximum number of kernels of one image that are tried.
const MOST_KERNELS: usize = 4;
/// The maximum size of a stored profile, compressed.
const LARGEST: u64 = 1 << 30;

/// A profile that was made from an image and proved on it.
pub struct MadeOfImage {
    /// Its name: the kernel's build-id or, without one, a hash of its types.
    pub name: ProfileName,
    /// The profile.
    pub layout: Layout,
    /// Its canonical text, compressed.
    pub packed: Vec<u8>,
    /// The checks that proved it; those that are true by construction do not count.
    pub proof: Validation,
    /// What it lacks.
    pub health: Health,
    /// The losses.
    pub report: Report,
    /// How the kernel and its types were found, in words.
    pub evidence: Vec<String>,
    /// The same with the types and symbols of the loaded modules, if that was requested.
    pub modules: Option<WithModules>,
    /// The other candidates in the image that did not fit, in words.
    pub passed_over: Vec<String>,
}

/// What an image says about a kernel that gave no profile.
#[derive(Clone, Debug)]
pub struct Unmade {
    /// Its release or, if unknown, the place where it was found.
    pub kernel: String,
    /// Its build-id in lower-case hexadecimal digits.
    pub build_id: Option<String>,
    /// The package that holds its debug information.
    pub package: Option<DebugPackage>,
    /// The reasons, in words.
    pub problems: Vec<String>,
}

/// Makes the profile of the Linux kernel in an image from the kernel's own data, and proves it on the image. Of
/// several kernels and several descriptions of types, the proof decides. If a file of raw memory leaves out holes, its layout
/// is worked out as well.
///
/// # Errors
/// Every kernel that was found, with the reasons why it gave no profile; empty if no kernel was found.
pub fn make(image: &Image, with_modules: bool, plan: &ScanPlan<'_>) -> Result<MadeOfImage, Vec<Unmade>> {
    let unmade = match make_as_it_is(image, with_modules, plan) {
        Err(unmade) if image.is_flat() => unmade,
        result => return result,
    };
    make_displaced(image, with_modules, plan, unmade)
}

/// The same for a file whose offsets are not physical addresses: what the kernel carries of itself may still be in one
/// piece, and tells the layout of the file. `unmade` is what was found without that.
fn make_displaced(
    image: &Image,
    with_modules: bool,
    plan: &ScanPlan<'_>,
    mut unmade: Vec<Unmade>,
) -> Result<MadeOfImage, Vec<Unmade>> {
    let mut strangers = Vec::new();
    for kernel in UnprofiledKernel::find_unproved(image, plan).into_iter().take(MOST_KERNELS) {
        for blob in &kernel.types() {
            let Some(Ok(Printed { text, .. })) = guarded(|| printed(&kernel, blob, plan)) else { continue };
            let Ok(text) = Text::new(text) else { continue };
            let Some(found) = analyzer::relocate(image, &Layout::from_text(text), plan) else { continue };
            if let Ok(mut made) = make_as_it_is(&found.image, with_modules, plan) {
                made.evidence.push("file offsets are not physical addresses".to_owned());
                return Ok(made);
            }
        }
        strangers.push(kernel.name());
    }
    if unmade.is_empty() {
        let problem = "its symbols were found, but no page tables lead to them: file offsets may not be physical addresses";
        unmade.extend(strangers.into_iter().map(|kernel| Unmade {
            kernel,
            build_id: None,
            package: None,
            problems: vec![problem.to_owned()],
        }));
    }
    Err(unmade)
}

fn make_as_it_is(image: &Image, with_modules: bool, plan: &ScanPlan<'_>) -> Result<MadeOfImage, Vec<Unmade>> {
    let mut unmade = Vec::new();
    let mut passed_over = Vec::new();
    for kernel in UnprofiledKernel::find_all(image, plan).into_iter().take(MOST_KERNELS) {
        let mut problems = Vec::new();
        let blobs = kernel.types();
        if blobs.is_empty() {
            problems.push("it carries no description of its types (CONFIG_DEBUG_INFO_BTF is off)".to_owned());
        }
        for blob in &blobs {
            match of_types(image, &kernel, blob, plan) {
                Ok(mut made) => {
                    passed_over.extend(problems);
                    let others = blobs.iter().filter(|other| other.found_by != blob.found_by);
                    passed_over.extend(others.map(|other| format!("not used: {}", other.found_by)));
                    passed_over.dedup();
                    made.passed_over = passed_over;
                    made.modules = with_modules.then(|| modules::add(image, &made, blob, plan));
                    return Ok(made);
                }
                Err(problem) => problems.push(format!("{}: {problem}", blob.found_by)),
            }
        }
        passed_over.extend(problems.iter().map(|problem| format!("{}: {problem}", kernel.name())));
        unmade.push(Unmade {
            kernel: kernel.name(),
            build_id: kernel.build_id.clone(),
            package: kernel.banner.as_ref().and_then(DebugPackage::of),
            problems,
        });
    }
    Err(unmade)
}

/// The profile of a kernel with one description of its types, if the image proves it.
fn of_types(
    image: &Image,
    kernel: &UnprofiledKernel<'_>,
    blob: &Blob,
    plan: &ScanPlan<'_>,
) -> Result<MadeOfImage, String> {
    // Hostile memory that makes the front-end fail affects only its own profile.
    let made = guarded(|| printed(kernel, blob, plan));
    let Printed { name, text, packed, health, report } =
        made.unwrap_or_else(|| Err("the front-end failed on it: please report the image".to_owned()))?;
    let layout = Layout::from_text(Text::new(text).map_err(|error| error.to_string())?);
    let proof = validate(image, &layout, Scope::Quick, plan).map_err(|error| error.to_string())?;
    if proof.verdict != Verdict::Match {
        let suspects: Vec<&str> = proof.suspects.iter().take(3).map(String::as_str).collect();
        let suspects = if suspects.is_empty() { String::new() } else { format!(": {}", suspects.join(", ")) };
        return Err(format!("{} ({}){suspects}", proof.verdict.name(), proof.reason));
    }
    let evidence = vec![kernel.found_by.clone(), blob.found_by.clone()];
    Ok(MadeOfImage {
        name,
        layout,
        packed,
        proof,
        health,
        report,
        evidence,
        modules: None,
        passed_over: Vec::new(),
    })
}

struct Printed {
    name: ProfileName,
    text: Vec<u8>,
    packed: Vec<u8>,
    health: Health,
    report: Report,
}

fn printed(kernel: &UnprofiledKernel<'_>, blob: &Blob, plan: &ScanPlan<'_>) -> Result<Printed, String> {
    let made = kernel.profile(blob, plan.progress).map_err(|error| error.to_string())?;
    let (mut profile, mut report) = (made.profile, made.report);
    let id = profile.metadata_text("BuildID").or_else(|| {
        let hash = profile.metadata_text("SourceSHA256")?;
        hash.get(..40)
    });
    let id = id.ok_or("nothing names its build")?;
    let name: ProfileName = format!("Linux/{id}").parse().map_err(|error: Error| error.to_string())?;
    let resolution = Resolution::new(&mut profile, &mut report);
    let health = Health::of(&profile, &resolution, Needs::Whole);
    let text = write_text(&profile, &resolution, Vec::new()).map_err(|error| error.to_string())?;
    drop((profile, resolution));
    let packed = pack(&text, plan).map_err(|error| error.to_string())?;
    Ok(Printed { name, text, packed, health, report })
}

fn pack(text: &[u8], plan: &ScanPlan<'_>) -> io::Result<Vec<u8>> {
    let mut packer = GzipWriter::new(Vec::new(), Effort::Default, plan.threads);
    packer.write_all(text)?;
    packer.finish()
}

impl MadeOfImage {
    /// Stores the profile, unless a profile from another source already has its name. Returns the address of its
    /// object.
    ///
    /// # Errors
    /// Any error of the storage.
    pub fn store(&self, storage: &dyn Storage, progress: &dyn Progress) -> Result<Option<String>, Error> {
        if let Some(WithModules { name, packed, .. }) = &self.modules {
            store(name, packed, storage, progress)?;
        }
        store(&self.name, &self.packed, storage, progress)
    }
}

fn store(
    name: &ProfileName,
    packed: &[u8],
    storage: &dyn Storage,
    progress: &dyn Progress,
) -> Result<Option<String>, Error> {
    let key = name.key();
    let place = storage.place_of(&key);
    if let Some(existing) = storage.read(&key, LARGEST)?
        && !is_made_of_an_image(&existing.bytes)
    {
        return Ok(None);
    }
    storage.write(&key, packed, &Condition::Always)?;
    progress.debug(&format!("Stored {place}"));
    Ok(Some(place))
}

/// Whether the stored profile was made from an image: such a profile is replaced by this version.
fn is_made_of_an_image(packed: &[u8]) -> bool {
    let text =
        profile::unpack(packed, profile::MAX_TEXT).ok().and_then(|text| Text::new(text.into_owned()).ok());
    text.is_some_and(|text| {
        let metadata = text.metadata();
        let made_from = metadata.get(kernel_converter::MADE_FROM).and_then(serde_json::Value::as_str);
        made_from == Some(kernel_converter::Origin::Image.words())
    })
}
