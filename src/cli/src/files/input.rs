use std::path::Path;

use anyhow::Context;
use image::Image;

use crate::console::Console;

/// The memory image at `path`, its story told.
///
/// # Errors
/// Where the file cannot be read, or is no memory image.
pub fn open_image(path: &Path, console: &Console) -> anyhow::Result<Image> {
    let image = match Image::open(path).and_then(|image| console.lay_out(image)) {
        Ok(image) => image,
        // It names the file itself.
        Err(error @ image::Error::Io { .. }) => return Err(error).context("cannot open the image"),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let packing = image.packing().map(|packing| format!(" ({packing})")).unwrap_or_default();
    console.tell(format_args!(
        "{}: {}{packing}, {} bytes of memory",
        path.display(),
        image.container(),
        image.size()
    ));
    Ok(image)
}
