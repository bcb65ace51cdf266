use std::path::Path;

use anyhow::bail;

/// The format of an output, which decides the endings that its name may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text that is compressed according to the ending: gzip, xz, or not at all.
    Packable,
    /// Text that is never compressed.
    Plain,
    /// A file that the command names itself.
    Own,
}

/// How a text is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Xz,
}

impl Packing {
    /// The compression for a file's name.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("gz") => Self::Gzip,
            Some(extension) if extension.eq_ignore_ascii_case("xz") => Self::Xz,
            _ => Self::Plain,
        }
    }
}

/// The endings of compressed formats that are never written. A plain text with such a name would only look
/// compressed.
const NEVER_WRITTEN: [&str; 15] =
    ["zst", "zstd", "bz2", "zip", "7z", "lz4", "lzma", "lz", "br", "tgz", "txz", "tbz2", "z", "lzo", "rar"];

/// Whether a name ends like that of a compressed file, including formats that are never written.
pub fn has_packed_ending(path: &Path) -> bool {
    let never = |extension: &str| NEVER_WRITTEN.contains(&extension.to_ascii_lowercase().as_str());
    Packing::of(path) != Packing::Plain
        || path.extension().and_then(|extension| extension.to_str()).is_some_and(never)
}

/// Refuses endings that suggest another format than the one that is written.
pub fn check_ending(path: &Path, content: Content) -> anyhow::Result<()> {
    let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else { return Ok(()) };
    let extension = extension.to_ascii_lowercase();
    let packed = NEVER_WRITTEN.contains(&extension.as_str());
    match content {
        Content::Packable if packed => bail!(
            ".{extension} files are not written; expected a name in .gz (written as gzip), in .xz (written as xz), or any \
             other (written as plain text)"
        ),
        Content::Plain if packed || matches!(Packing::of(path), Packing::Gzip | Packing::Xz) => bail!(
            ".{extension} files are not written here, only plain text; expected a name such as {}",
            path.with_extension("").display()
        ),
        _ => Ok(()),
    }
}
