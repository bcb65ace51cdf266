//! The profile of a Linux kernel that no repository has, made of the image alone.

use analyzer::Layout;
use image::Image;
use profile::System;
use repository::Repositories;
use repository::detect::Detection;
use repository::of_image::{self, MadeOfImage, Unmade};

use crate::console::Console;
use crate::profiles::verdict::counted;

/// What came of making a profile.
pub enum Outcome {
    /// It was made, and proved on the image.
    Made(Box<Layout>),
    /// There is a kernel, and why it gave none, in words.
    Unmade(Vec<String>),
    /// The image holds no Linux kernel.
    NoKernel,
}

/// Makes the profile of the Linux kernel in an image, and keeps it in the first repository that can be written to. A
/// profile that cannot be kept serves this run.
pub fn made(image: &Image, detection: &Detection, repositories: &Repositories, console: &Console) -> Outcome {
    let mut kernels = detection.kernels.iter().map(|sighted| sighted.kernel.system());
    // If no record names a kernel, there may be one all the same.
    if !detection.kernels.is_empty() && kernels.all(|system| system != System::Linux) {
        return Outcome::NoKernel;
    }
    let made = match of_image::make(image, false, &console.search()) {
        Ok(made) => made,
        Err(unmade) if unmade.is_empty() => return Outcome::NoKernel,
        Err(unmade) => return Outcome::Unmade(unmade.iter().flat_map(words).collect()),
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

/// Says how a profile was made, what proves it, and where it is kept.
pub fn say_made(made: &MadeOfImage, place: Option<&str>, console: &Console) {
    let kept = match place {
        Some(place) => format!("stored as {place}"),
        None => "not stored".to_owned(),
    };
    console.say(format_args!(
        "{}: made of the image alone, from the kernel's own types (BTF) and symbols (kallsyms); on the image: {} ({}); \
         {kept}",
        made.name,
        made.proof.verdict.name(),
        made.proof.reason
    ));
    for line in made.evidence.iter().chain(&made.passed_over) {
        console.tell(format_args!("{}: {line}", made.name));
    }
    if let Some(with) = &made.modules {
        console.say(format_args!(
            "{}: the same with the types and symbols of {}, for this boot alone",
            with.name,
            counted(with.modules.len(), "loaded module")
        ));
        for problem in &with.problems {
            console.warn(format_args!("{}: {problem}", with.name));
        }
    }
}

/// Why a kernel gave no profile, and what to do next, a line each.
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
