use std::path::Path;

use analyzer::{Guest, Layout};
use anyhow::{Context, bail};
use image::Image;

use crate::arguments::Global;
use crate::console::Console;
use crate::profiles;
use crate::triage;

/// A memory image and the profile of the kernel in it.
pub struct Subject {
    pub image: Image,
    pub layout: Layout,
    /// The image's file, as the user named it.
    pub source: String,
}

impl Subject {
    /// Opens the image, and the profile that the user names; without a name, the one that is detected.
    ///
    /// # Errors
    /// Where one is not named or cannot be read, or no profile fits.
    pub fn open(global: &Global, console: &Console) -> anyhow::Result<Self> {
        let Some(filename) = global.filename.as_deref() else { bail!("which image? name it with -f FILE") };
        let (image, source) = open_image(filename, console)?;
        let layout = match &global.profile {
            Some(name) => profiles::named(name, global, console)?,
            None => profiles::detected(&image, &source, global, console)?,
        };
        Ok(Self { image, layout, source })
    }

    /// Opens an image with the profile in a file.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub fn with_file(filename: &Path, profile: &Path, console: &Console) -> anyhow::Result<Self> {
        let (image, source) = open_image(filename, console)?;
        let layout = Layout::open(profile).with_context(|| profile.display().to_string())?;
        Ok(Self { image, layout, source })
    }

    /// Finds the kernel, and tells where.
    ///
    /// # Errors
    /// Where none that fits the profile is found.
    pub fn guest(&self, console: &Console) -> anyhow::Result<Guest<'_>> {
        let guest =
            Guest::find(&self.image, &self.layout, &console.search()).with_context(|| self.source.clone())?;
        for (name, fact) in guest.facts() {
            console.tell(format_args!("Found {name}: {fact}"));
        }
        Ok(guest)
    }
}

/// The image, with what could not be read of its container told.
pub fn open_image(filename: &Path, console: &Console) -> anyhow::Result<(Image, String)> {
    let source = filename.display().to_string();
    let image = Image::open(filename).with_context(|| source.clone())?;
    if let Some(what) = triage::without_memory(&image) {
        bail!("{source}: {what}");
    }
    console.tell(format_args!(
        "Autodetected physical address space {}: {} bytes",
        image.container(),
        image.size()
    ));
    for warning in image.report().warnings() {
        console.warn(format_args!("{source}: {warning}"));
    }
    for (kind, tally) in image.report().losses() {
        console.warn(format_args!("{source}: {kind}: {} ({})", tally.count, tally.examples.join(", ")));
    }
    Ok((image, source))
}
