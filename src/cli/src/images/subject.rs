use std::path::Path;

use analyzer::{Guest, Identity, Layout, Relocated, Validation};
use anyhow::Context;
use image::Image;
use profile::System;
use repository::detect;

use super::open_memory;
use crate::console::Console;
use crate::options::{self, InBundle};
use crate::outcome::AnotherKernel;
use crate::profiles::{self, any, identity};

/// A memory image and the profile of the kernel in it.
pub struct Subject {
    pub image: Image,
    pub layout: Layout,
    /// The image's file, as the user named it.
    pub source: String,
    /// Whether a profile of another build is used anyway.
    force: bool,
    /// What else to do about a profile of another build.
    advice: &'static str,
    /// Whether the user said how the ranges of memory lie in the file, or another layout was looked for.
    is_laid_out: bool,
}

impl Subject {
    /// Opens the image and the profile that the user names or, without a name, the detected one.
    ///
    /// # Errors
    /// If one is not given or cannot be read, or no profile fits.
    pub fn open(options: &options::Subject, console: &Console) -> anyhow::Result<Self> {
        let (image, source) = open_memory(&options.image, console)?;
        let layout = match &options.profile {
            Some(name) => profiles::named(name, &image, &options.building, console)?,
            None => profiles::detected(&image, &source, &options.building, console)?,
        };
        let advice = "without --profile the right one is looked for, and ";
        let is_laid_out = !options.image.layout.is_empty();
        let mut subject = Self { image, layout, source, force: options.force, advice, is_laid_out };
        if !is_laid_out {
            subject.find_displaced_memory(console);
        }
        Ok(subject)
    }

    /// If what is read of a file of raw memory does not fit together, works out how the ranges of memory lie in the file and
    /// goes on with that.
    fn find_displaced_memory(&mut self, console: &Console) {
        let in_doubt =
            self.image.container() == image::Container::Raw || !self.image.other_layouts().is_empty();
        if in_doubt && !self.fits_together(console) {
            self.relocate(console);
        }
    }

    /// Goes on with another layout of the file, if there is one that the profile proves.
    fn relocate(&mut self, console: &Console) {
        self.is_laid_out = true;
        if let Some(found) = analyzer::relocate(&self.image, &self.layout, &console.search()) {
            self.go_on_with(found, console);
        }
    }

    fn go_on_with(&mut self, found: Relocated, console: &Console) {
        let part = |part: &image::Placed| format!("{:x}:{:x}@{:x}", part.start, part.length, part.offset);
        let parts: Vec<String> = found.parts.iter().map(part).collect();
        let (source, parts) = (&self.source, parts.join(","));
        match self.image.other_layouts().is_empty() {
            true => console.warn(format_args!(
                "{source}: file offsets are not physical addresses; going on with --layout {parts}"
            )),
            false => console.warn(format_args!(
                "{source}: the headers contradict each other, so one of them was changed; going on with {parts}"
            )),
        }
        self.image = found.image;
    }

    /// Whether the kernel is found, and its list of processes closes.
    fn fits_together(&self, console: &Console) -> bool {
        if self.image.hints().unknown_layout {
            return false;
        }
        let guest = Guest::find(&self.image, &self.layout, &console.search());
        guest.is_ok_and(|guest| guest.processes().is_ok_and(|list| list.end.is_ok() && list.rows.len() > 1))
    }

    /// Proves the profile on the image with every check. If a file of raw memory is not proved by the checks, works out how
    /// the ranges of memory lie in it, and proves the profile on that.
    ///
    /// # Errors
    /// As [`analyzer::validate`].
    pub fn validate(&mut self, console: &Console) -> anyhow::Result<Validation> {
        let proof = analyzer::prove(&self.image, &self.layout, analyzer::Scope::Whole, &console.search())?;
        if let Some(found) = proof.relocated {
            self.go_on_with(found, console);
        }
        Ok(proof.validation)
    }

    /// Opens an image with the profile in a file or a bundle.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub fn with_file(
        image: &options::Image,
        profile: &Path,
        force: bool,
        console: &Console,
    ) -> anyhow::Result<Self> {
        let (image, source) = open_memory(image, console)?;
        let layout = match InBundle::of(profile) {
            Some(_) => Layout::from_text(any::text(profile, None)?),
            None => Layout::open(profile).with_context(|| profile.display().to_string())?,
        };
        Ok(Self { image, layout, source, force, advice: "", is_laid_out: true })
    }

    /// Finds the kernel, reports where, and checks that the profile belongs to its build.
    ///
    /// # Errors
    /// If no kernel that fits the profile is found; [`AnotherKernel`] if the image contains a kernel of another
    /// system or build, unless `--force` is given.
    pub fn guest(&self, console: &Console) -> anyhow::Result<Guest<'_>> {
        let guest = match self.force {
            true => Guest::find_forced(&self.image, &self.layout, &console.search()),
            false => Guest::find(&self.image, &self.layout, &console.search()),
        };
        let guest = guest.map_err(|error| self.not_found(error, console))?;
        for (name, fact) in guest.facts() {
            console.debug(format_args!("Found {name}: {fact}"));
        }
        match guest.identity() {
            Identity::Same => {}
            Identity::Doubtful(words) => console.warn(format_args!("{}: {words}", self.source)),
            Identity::Another { profile, image } if self.force => console.warn(format_args!(
                "{}: the image names {image}, the profile is of {profile}: what follows may be wrong",
                self.source
            )),
            Identity::Another { profile, image } => {
                return Err(self.of_another_build(&image, &profile).into());
            }
        }
        Ok(guest)
    }

    /// Why no kernel was found: the image may hold one of another build or system.
    fn not_found(&self, error: analyzer::Error, console: &Console) -> anyhow::Error {
        if let analyzer::Error::NoKernel { another: Some(image), .. } = &error {
            let profile = self.layout.metadata("GUID_AGE").unwrap_or_else(|| "none".to_owned());
            return self.of_another_build(image, &profile).into();
        }
        let kernels = detect::kernels(&self.image, &console.search());
        if let Some(found) = self.other_system(&kernels) {
            return AnotherKernel(format!("{}: {found}", self.source)).into();
        }
        match self.other_linux(&kernels) {
            Some((image, profile)) if !self.force => self.of_another_build(&image, &profile).into(),
            _ => anyhow::Error::from(error).context(self.source.clone()),
        }
    }

    /// If the profile is of a Linux kernel and the image names only others: the first of these, and the profile's. A kernel
    /// that cannot be compared, because one side names no build-id and no release, may be the profile's.
    fn other_linux(&self, kernels: &[detect::Sighted]) -> Option<(String, String)> {
        let (own_id, own_release) = (self.layout.metadata("BuildID"), self.layout.metadata("Release"));
        let mut first = None;
        for sighted in kernels {
            let detect::NamedKernel::Linux { release, build_id } = &sighted.kernel else { continue };
            let (image, profile) = match (build_id, &own_id, &own_release) {
                (Some(id), Some(own), _) => (id, own),
                (_, _, Some(own)) => (release, own),
                _ => return None,
            };
            if image.eq_ignore_ascii_case(profile) {
                return None;
            }
            first.get_or_insert_with(|| (image.clone(), profile.clone()));
        }
        first
    }

    fn of_another_build(&self, image: &str, profile: &str) -> AnotherKernel {
        AnotherKernel(format!(
            "{}: the profile is of another build: the image names {image}, the profile {profile}; {}--force goes on \
             with this one",
            self.source, self.advice
        ))
    }

    /// If the image names kernels of other systems than the profile's and none of its own, says so.
    pub fn of_another_system(&self, console: &Console) -> Option<String> {
        self.other_system(&detect::kernels(&self.image, &console.search()))
    }

    fn other_system(&self, kernels: &[detect::Sighted]) -> Option<String> {
        let own = self.layout.system();
        let another = !kernels.is_empty() && kernels.iter().all(|sighted| sighted.kernel.system() != own);
        another.then(|| {
            let system = match own {
                System::Linux => "a Linux kernel",
                System::Windows => "a Windows kernel",
                System::Mac => "a macOS kernel",
                System::Other => "no kernel",
            };
            format!(
                "the profile is of {system}, but the image names {}",
                identity::advice(kernels).join("; ")
            )
        })
    }
}
