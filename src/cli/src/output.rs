use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use profile::{AtomicFile, Effort, GzipWriter, Profile, Resolution, write_text};

use crate::arguments;
use crate::console::Console;
use crate::outcome::StandardOutput;

/// Where a profile is to go, checked before any work begins.
#[derive(Debug)]
pub struct Plan {
    place: Place,
    effort: Effort,
}

#[derive(Debug)]
enum Place {
    StandardOutput,
    File { path: PathBuf, gzip: bool },
}

impl Plan {
    /// What the options ask for; without `--output` the text goes to standard output.
    ///
    /// # Errors
    /// Where both the report (`--json`) and the profile would go to standard output, or where the output's
    /// folder does not exist.
    pub fn new(output: &arguments::Output, folder: Option<&Path>, console: &Console) -> anyhow::Result<Self> {
        let effort = if output.best { Effort::Best } else { Effort::Default };
        let place = match &output.output {
            Some(path) if path.as_os_str() != "-" => {
                let path = folder.map_or_else(|| path.clone(), |folder| folder.join(path));
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                if let Some(parent) = parent
                    && !parent.is_dir()
                {
                    bail!("--output {}: the folder {} does not exist", path.display(), parent.display());
                }
                let gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
                Place::File { path, gzip }
            }
            _ if console.json() => bail!(
                "--json prints the report on standard output, so the profile needs another place: add --output FILE"
            ),
            _ => Place::StandardOutput,
        };
        Ok(Self { place, effort })
    }

    /// Writes the profile: a file whole or not at all.
    ///
    /// # Errors
    /// Whatever creating, writing or renaming gives.
    pub fn write(&self, profile: &Profile, resolution: &Resolution, threads: usize) -> anyhow::Result<()> {
        self.write_with(threads, |sink| write_text(profile, resolution, sink).map(drop))
    }

    /// Writes what `body` writes: a file whole or not at all.
    ///
    /// # Errors
    /// Whatever creating, writing or renaming gives.
    pub fn write_with(
        &self,
        threads: usize,
        body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        match &self.place {
            Place::StandardOutput => {
                let mut sink = io::stdout().lock();
                let written = body(&mut sink).and_then(|()| sink.flush());
                written.map_err(|error| StandardOutput(error).into())
            }
            Place::File { path, gzip } => self
                .write_file(path, *gzip, threads, body)
                .with_context(|| format!("cannot write {}", path.display())),
        }
    }

    fn write_file(
        &self,
        path: &Path,
        gzip: bool,
        threads: usize,
        body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let file = AtomicFile::create(path)?;
        let file = if gzip {
            let mut sink = GzipWriter::new(file, self.effort, threads);
            body(&mut sink)?;
            sink.finish()?
        } else {
            let mut sink = BufWriter::new(file);
            body(&mut sink)?;
            sink.into_inner().map_err(io::IntoInnerError::into_error)?
        };
        file.commit()
    }
}
