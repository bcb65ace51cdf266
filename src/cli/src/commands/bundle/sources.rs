use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bundle::{Bundle, Entry};
use profile::{MappedFile, Text};

use crate::console::Console;
use crate::files::Files;
use crate::profiles::any::canonical_text;

/// The endings that a profile's file in a folder has, longest first. The name of a build is the file's without it.
const ENDINGS: [&str; 5] = [".json.gz", ".json.xz", ".json", ".gz", ".xz"];

/// Folders are read this deep.
const MAX_DEPTH: usize = 16;

/// Adds the files of the sources.
pub fn list(sources: &[PathBuf], files: &mut Files) {
    for source in sources {
        if source.is_dir() {
            files.input_folder("SOURCE", source, is_profile);
        } else {
            files.input("SOURCE", source);
        }
    }
    files.access().unpack();
}

fn is_profile(name: &str) -> bool {
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// What goes into a bundle: bundles, and other files with the names of their builds.
pub struct Sources {
    bundles: Vec<Bundle>,
    files: Vec<(String, PathBuf)>,
}

impl Sources {
    /// Looks at the sources.
    ///
    /// # Errors
    /// A source that cannot be read, and a folder without profiles.
    pub fn open(sources: &[PathBuf], console: &Console) -> anyhow::Result<Self> {
        let mut found = Self { bundles: Vec::new(), files: Vec::new() };
        for source in sources {
            if source.is_dir() {
                found.open_folder(source, console)?;
                continue;
            }
            let bytes = MappedFile::open(source).with_context(|| source.display().to_string())?;
            if bundle::is_bundle(&bytes) {
                found.bundles.push(Bundle::open(source).with_context(|| source.display().to_string())?);
            } else {
                let name = source.file_name().unwrap_or_default().to_string_lossy();
                found.files.push((build_name(&name).to_owned(), source.clone()));
            }
        }
        Ok(found)
    }

    fn open_folder(&mut self, folder: &Path, console: &Console) -> anyhow::Result<()> {
        let mut files = Vec::new();
        walk(folder, "", 0, &mut files)
            .with_context(|| format!("cannot read the folder {}", folder.display()))?;
        files.sort();
        let before = self.files.len();
        for (name, path) in files {
            let text = Text::open(&path).with_context(|| path.display().to_string())?;
            // Indexes, inventories and links of a repository are not builds.
            if text.metadata().get("Type").and_then(|kind| kind.as_str()) != Some("Profile") {
                console.debug(format_args!("{}: not the profile of a build, left out", path.display()));
                continue;
            }
            self.files.push((name, path));
        }
        if self.files.len() == before {
            bail!("{} holds no profile: expected files in {}", folder.display(), ENDINGS.join(", "));
        }
        Ok(())
    }

    /// The entries for a bundle.
    ///
    /// # Errors
    /// None for bundles that could be opened.
    pub fn entries<'a>(&'a self, console: &'a Console) -> anyhow::Result<Vec<Entry<'a>>> {
        let mut entries = Vec::new();
        for bundle in &self.bundles {
            for build in 0..bundle.builds().len() {
                entries.push(bundle.entry(build)?);
            }
        }
        for (name, path) in &self.files {
            let load =
                || canonical_text(path, console).map_err(|error| bundle::Error::Load(format!("{error:#}")));
            entries.push(Entry::new(name.clone(), load));
        }
        Ok(entries)
    }
}

/// The name of the build in a file with this name.
fn build_name(name: &str) -> &str {
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
    stem.filter(|stem| !stem.is_empty()).unwrap_or(name)
}

fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<(String, PathBuf)>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        if path.is_dir() {
            if depth < MAX_DEPTH {
                walk(&path, &format!("{prefix}{name}/"), depth + 1, found)?;
            }
        } else if is_profile(&name) {
            found.push((format!("{prefix}{}", build_name(&name)), path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_named_by_its_file() {
        for (file, name) in
            [("6.1.0-56.json.gz", "6.1.0-56"), ("F8E21.gz", "F8E21"), ("a.json", "a"), ("vmlinux", "vmlinux")]
        {
            assert_eq!(build_name(file), name);
        }
    }
}
