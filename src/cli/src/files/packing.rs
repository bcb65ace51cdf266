use std::path::Path;

use anyhow::bail;

/// What is written to an output, which decides the endings that its name may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text that is packed as the ending says: gzip, xz, or not at all.
    Packable,
    /// Text that is never packed.
    Plain,
    /// What the command names itself.
    Own,
}

/// How a text is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Xz,
}

impl Packing {
    /// As the ending of a file's name says.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("gz") => Self::Gzip,
            Some(extension) if extension.eq_ignore_ascii_case("xz") => Self::Xz,
            _ => Self::Plain,
        }
    }
}

/// The endings of packed forms that are never written. A plain text under such a name would only look packed.
const NEVER_WRITTEN: [&str; 15] =
    ["zst", "zstd", "bz2", "zip", "7z", "lz4", "lzma", "lz", "br", "tgz", "txz", "tbz2", "z", "lzo", "rar"];

/// Whether a name ends as the names of packed files do, also of those that are never written.
pub fn has_packed_ending(path: &Path) -> bool {
    let never = |extension: &str| NEVER_WRITTEN.contains(&extension.to_ascii_lowercase().as_str());
    Packing::of(path) != Packing::Plain
        || path.extension().and_then(|extension| extension.to_str()).is_some_and(never)
}

/// Refuses endings that promise another form than is written.
pub fn check_ending(path: &Path, content: Content) -> anyhow::Result<()> {
    let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else { return Ok(()) };
    let extension = extension.to_ascii_lowercase();
    let packed = NEVER_WRITTEN.contains(&extension.as_str());
    match content {
        Content::Packable if packed => bail!(
            "nothing is written as .{extension}; expected a name in .gz (written as gzip), in .xz (written as xz), or any \
             other (written as plain text)"
        ),
        Content::Plain if packed || matches!(Packing::of(path), Packing::Gzip | Packing::Xz) => bail!(
            "nothing is written as .{extension} here, only plain text; expected a name such as {}",
            path.with_extension("").display()
        ),
        _ => Ok(()),
    }
}
