use anyhow::{Context, bail};
use image::Image;

use super::triage;
use crate::console::Console;
use crate::options;

/// Opens the memory image in the options, with a log line about it for `-v`.
///
/// # Errors
/// If there is no option for it, or the file cannot be read or is not a memory image.
pub fn open_image(options: &options::Image, console: &Console) -> anyhow::Result<Image> {
    let path = options.required()?;
    let image = match Image::open_watched(path, console.progress()).and_then(|image| options.lay_out(image)) {
        Ok(image) => image,
        // The error contains the file's name.
        Err(error @ image::Error::Io { .. }) => return Err(error).context("cannot open the image"),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let packing = image.packing().map(|packing| format!(" ({packing})")).unwrap_or_default();
    console.debug(format_args!(
        "{}: {}{packing}, {} bytes of memory",
        path.display(),
        image.container(),
        image.size()
    ));
    Ok(image)
}

/// The same for an image whose memory is searched, with a report of the parts of its container that could not be
/// read.
///
/// # Errors
/// As [`open_image`], and if the image holds no memory.
pub fn open_memory(options: &options::Image, console: &Console) -> anyhow::Result<(Image, String)> {
    let filename = options.required()?;
    let source = filename.display().to_string();
    let image = Image::open_watched(filename, console.progress());
    let image = image.and_then(|image| options.lay_out(image));
    let image = image.with_context(|| source.clone())?;
    if let Some(what) = triage::without_memory(&image) {
        bail!("{source}: {what}");
    }
    console.debug(format_args!(
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
