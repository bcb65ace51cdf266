use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use converters::DEBUG_FOLDER;
use image::LayoutPart;

use super::general::Sets;
use super::heading::INPUT;
use crate::console::Settings;
use crate::files::Files;

/// A memory image.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = INPUT)]
pub struct Image {
    /// The memory image.
    #[arg(short, long, value_name = "FILE")]
    pub filename: Option<PathBuf>,
    /// The places of the parts of a raw image, if file offsets are not physical addresses.
    ///
    /// Hexadecimal START:LENGTH@FILE_OFFSET for a part of the image, FILE@START for one in a file of its own; several are
    /// separated by commas. If all parts are files, -f is not needed.
    #[arg(long, value_name = "PARTS", value_delimiter = ',', hide_short_help = true)]
    pub layout: Vec<LayoutPart>,
}

impl Image {
    /// The image's file.
    ///
    /// # Errors
    /// If no image is given.
    pub fn required(&self) -> anyhow::Result<&PathBuf> {
        match self.file() {
            Some(filename) => Ok(filename),
            None => bail!("which image? name it with -f FILE"),
        }
    }

    /// The image's file: the one that -f names, else the first one of the layout.
    pub fn file(&self) -> Option<&PathBuf> {
        let first = || {
            self.layout.iter().find_map(|part| match part {
                LayoutPart::File { path, .. } => Some(path),
                _ => None,
            })
        };
        let all = self.layout.iter().all(|part| matches!(part, LayoutPart::File { .. }));
        self.filename.as_ref().or_else(|| first().filter(|_| all))
    }

    /// The same image, or the one that was named without `-f`.
    pub fn or(&self, named: &NamedImage) -> Self {
        let filename = self.filename.clone().or_else(|| named.path.clone());
        Self { filename, layout: self.layout.clone() }
    }

    /// Opens the image, with its parts at the places in `--layout` if that is given.
    ///
    /// # Errors
    /// [`image::Error::Layout`] if the image itself gives the places of its parts.
    pub fn lay_out(&self, image: image::Image) -> Result<image::Image, image::Error> {
        if self.layout.is_empty() { Ok(image) } else { image.laid_out_with(&self.layout) }
    }

    /// Adds the image with the files that belong to it.
    pub fn list(&self, files: &mut Files) {
        if let Some(filename) = &self.filename {
            files.image("-f", filename);
        }
        for part in &self.layout {
            if let LayoutPart::File { path, .. } = part {
                files.input("--layout", path);
            }
        }
    }
}

/// The memory image as an argument, for commands without another one.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = INPUT)]
pub struct NamedImage {
    /// The memory image; the same as -f.
    #[arg(id = "image_argument", value_name = "IMAGE", conflicts_with = "filename")]
    path: Option<PathBuf>,
}

/// For commands that read compressed files.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = INPUT)]
pub struct Unpacking {
    /// Let compressed input unpack to SIZE bytes (20G, 512M, ...), whatever the ratio.
    ///
    /// By default compressed input may unpack to 200 times its compressed size and at most 16G; memory images may
    /// unpack to more.
    #[arg(long = "unpack-limit", value_name = "SIZE", value_parser = size, hide_short_help = true)]
    unpack_limit: Option<NonZeroU64>,
}

impl Sets for Unpacking {
    fn set(&self, settings: &mut Settings) {
        settings.unpack_limit = self.unpack_limit;
    }
}

/// Where separate debug files are looked for.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = INPUT)]
pub struct DebugFolders {
    /// A folder for separate debug files, in place of /usr/lib/debug.
    ///
    /// As in GDB, several may be named. A debug file is found there by its build-id (.build-id/NN/NNN.debug) or by the
    /// name that .gnu_debuglink gives.
    #[arg(long = "debug-file-directory", value_name = "DIR", hide_short_help = true)]
    pub folders: Vec<PathBuf>,
}

impl DebugFolders {
    /// The folders that are named, else the usual one.
    pub fn or_usual(&self) -> Vec<PathBuf> {
        match self.folders.is_empty() {
            true => vec![PathBuf::from(DEBUG_FOLDER)],
            false => self.folders.clone(),
        }
    }

    /// Adds the folders, to be read. Alternate files are looked for in the usual one too.
    pub fn list(&self, files: &mut Files) {
        for folder in self.folders.iter().map(PathBuf::as_path).chain([Path::new(DEBUG_FOLDER)]) {
            files.access().read_store(folder);
        }
    }
}

/// Parses a size in bytes: a number and, if wanted, K, M, G or T (powers of 1024; `KiB` and `KB` mean the same).
fn size(text: &str) -> Result<NonZeroU64, String> {
    let wrong = || format!("expected a size such as 20G or 512M, found '{text}'");
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.trim_end_matches(|character: char| !character.is_ascii_digit());
    let shift = match upper.get(digits.len()..).map(str::trim) {
        Some("" | "B") => 0,
        Some("K" | "KB" | "KIB") => 10,
        Some("M" | "MB" | "MIB") => 20,
        Some("G" | "GB" | "GIB") => 30,
        Some("T" | "TB" | "TIB") => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).and_then(NonZeroU64::new).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_a_unit() {
        for (text, expected) in
            [("7", 7), ("512M", 512 << 20), ("20g", 20 << 30), ("1 TiB", 1 << 40), ("3KB", 3 << 10)]
        {
            assert_eq!(size(text).map(NonZeroU64::get), Ok(expected), "{text}");
        }
        for text in ["", "0", "G", "-1", "1.5G", "20P", "99999999999T", "1G1"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
