use std::path::Path;

use analyzer::{Guest, Layout};
use anyhow::{Context, bail};
use image::Image;

use crate::console::Console;
use crate::identity;
use crate::triage;

/// A memory image and the profile of the kernel in it.
pub struct Subject {
    pub image: Image,
    pub layout: Layout,
    /// The image's file, as the user named it.
    pub source: String,
}

impl Subject {
    /// Opens both, and tells what they are.
    ///
    /// # Errors
    /// Where one is not named or cannot be read.
    pub fn open(filename: Option<&Path>, profile: Option<&Path>, console: &Console) -> anyhow::Result<Self> {
        let Some(filename) = filename else { bail!("which image? name it with -f FILE") };
        let source = filename.display().to_string();
        let image = Image::open(filename).with_context(|| source.clone())?;
        if let Some(what) = triage::without_memory(&image) {
            bail!("{source}: {what}");
        }
        let Some(profile) = profile else {
            bail!(
                "which profile? name that of the image's kernel with --profile FILE{}",
                match identity::of_image(&image, console) {
                    kernels if kernels.is_empty() => String::new(),
                    kernels => format!("; the image names{kernels}"),
                }
            )
        };
        console.tell(format_args!(
            "Autodetected physical address space {}: {} bytes",
            image.container(),
            image.size()
        ));
        for (kind, tally) in image.report().losses() {
            console.warn(format_args!("{source}: {kind}: {} ({})", tally.count, tally.examples.join(", ")));
        }
        let layout = Layout::open(profile).with_context(|| profile.display().to_string())?;
        console.tell(format_args!("Loaded profile {}", profile.display()));
        Ok(Self { image, layout, source })
    }

    /// Finds the kernel, and tells where.
    ///
    /// # Errors
    /// Where none that fits the profile is found.
    pub fn guest(&self, console: &Console) -> anyhow::Result<Guest<'_>> {
        let guest = Guest::find(&self.image, &self.layout).with_context(|| self.source.clone())?;
        for (name, fact) in guest.facts() {
            console.tell(format_args!("Found {name}: {fact}"));
        }
        Ok(guest)
    }
}
