use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, bail};
use profile::{
    Compat, Consumer, Effort, Form, Format, GzipWriter, Health, Profile, Report, Resolution, Scope,
    Selection, XzWriter, add_lost_names, add_well_known_types, banner_symbol, table_path, write_form,
};

use crate::console::{self, Console};
use crate::files::{self, Packing};
use crate::options::Output;

/// The destination and format of a profile, checked before any work begins.
#[derive(Debug)]
pub struct OutputPlan {
    place: Place,
    effort: Effort,
    format: Format,
    addresses: profile::Addresses,
    only: Vec<String>,
    compat: Compat,
}

#[derive(Debug)]
enum Place {
    StandardOutput,
    File {
        path: PathBuf,
        packing: Packing,
    },
    /// The folder in which Volatility 3 looks for tables.
    Symbols(PathBuf),
}

impl OutputPlan {
    /// The destination in the options; without `--output` the text goes to standard output.
    ///
    /// # Errors
    /// If both the report (`--json`) and the profile would go to standard output, or options contradict each other.
    pub fn new(output: &Output, folder: Option<&Path>, console: &Console) -> anyhow::Result<Self> {
        let effort = if output.best { Effort::Best } else { Effort::Default };
        let format = output.format();
        if output.addresses.is_some() && format != Format::LibVmi {
            bail!("--addresses: only --format libvmi has a choice of them");
        }
        if output.symbols_dir.is_some() && format != Format::Isf {
            bail!("--symbols-dir: the folder is for tables of Volatility 3; add --format isf");
        }
        let place = match (&output.symbols_dir, output.file(folder)) {
            (Some(folder), _) => Place::Symbols(folder.clone()),
            (None, Some(path)) => {
                let packing = Packing::of(&path);
                if format == Format::LibVmi && packing != Packing::Plain {
                    bail!("--output {}: LibVMI and DRAKVUF read plain JSON alone", path.display());
                }
                if format == Format::Btf && packing != Packing::Plain {
                    bail!("--output {}: readers of BTF unpack nothing; name it .btf", path.display());
                }
                Place::File { path, packing }
            }
            _ if console.json() => bail!(
                "--json prints the report on standard output, so the profile needs another place: add --output FILE"
            ),
            _ => Place::StandardOutput,
        };
        let addresses = output.addresses.map_or_else(Default::default, Into::into);
        Ok(Self { place, effort, format, addresses, only: output.only.clone(), compat: Compat::None })
    }

    /// The same with additions that a program requires.
    pub fn with_compat(self, compat: Compat) -> Self {
        Self { compat, ..self }
    }

    /// Settles a profile's names, after adding what its format needs.
    pub fn settle(&self, profile: &mut Profile, report: &mut Report, threads: usize) -> Resolution {
        if self.format == Format::Isf {
            add_well_known_types(profile);
        }
        if self.compat == Compat::Volatility3 {
            add_lost_names(profile);
        }
        Resolution::on_threads(profile, report, threads)
    }

    /// Writes the profile; a file appears complete or not at all. Returns its path if the user did not name it.
    ///
    /// # Errors
    /// Any error from creating, writing or renaming; if nothing in `--only` exists; and if Volatility 3 could not
    /// find the table.
    pub fn write(
        &self,
        profile: &Profile,
        resolution: &Resolution,
        report: &mut Report,
        threads: usize,
    ) -> anyhow::Result<Option<PathBuf>> {
        let selection = match self.only.as_slice() {
            [] => None,
            wanted => {
                let mut selection = select(profile, resolution, wanted, report)?;
                if self.format == Format::LibVmi {
                    selection.add_needs(profile, resolution, Consumer::LibVmi);
                }
                Some(selection)
            }
        };
        let (format, addresses) = (self.format, self.addresses);
        let compat = self.compat;
        let form = Form { format, addresses, compat, only: selection.as_ref(), threads };
        let body = |sink: &mut dyn Write| write_form(profile, resolution, form, report, sink).map(drop);
        let Place::Symbols(folder) = &self.place else {
            self.write_with(threads, body)?;
            return Ok(None);
        };
        let below = table_path(profile).with_context(|| {
            let sought =
                "Volatility 3 finds a Windows table by GUID, age and PDB name, others by the kernel's banner";
            format!(
                "--symbols-dir: the profile does not say which build it is of ({sought}); name the banner with --banner TEXT, or the image with -f, or use --output"
            )
        })?;
        if let Some(symbol) = banner_symbol(profile.system)
            && !profile
                .names
                .find(symbol)
                .is_some_and(|name| profile.constants.iter().any(|(known, _)| *known == name))
        {
            bail!(
                "--symbols-dir: the profile has no symbol {symbol}, at which Volatility 3 looks for the banner, so it would never pick the table; use --output"
            );
        }
        let path = folder.join(below);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        self.write_file(&path, Packing::Xz, threads, body)?;
        Ok(Some(path))
    }

    /// Writes the profile as [`OutputPlan::write`] does, and judges the part of it in `scope` meanwhile if there are
    /// several threads.
    ///
    /// # Errors
    /// As [`OutputPlan::write`].
    pub fn write_judged(
        &self,
        profile: &Profile,
        resolution: &Resolution,
        report: &mut Report,
        scope: Scope,
        threads: usize,
    ) -> anyhow::Result<(Option<PathBuf>, Health)> {
        if threads < 2 {
            let written = self.write(profile, resolution, report, threads)?;
            return Ok((written, Health::of(profile, resolution, scope)));
        }
        thread::scope(|running| {
            let judged = running.spawn(|| Health::of(profile, resolution, scope));
            let written = self.write(profile, resolution, report, threads);
            let health = judged.join().unwrap_or_else(|panic| resume_unwind(panic));
            Ok((written?, health))
        })
    }

    /// Writes the output of `body`; a file appears complete or not at all.
    ///
    /// # Errors
    /// Any error from creating, writing or renaming.
    pub fn write_with(
        &self,
        threads: usize,
        body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        match &self.place {
            Place::StandardOutput => console::product(body),
            Place::File { path, packing } => self.write_file(path, *packing, threads, body),
            Place::Symbols(folder) => bail!("--symbols-dir {}: the output is not a table", folder.display()),
        }
    }

    fn write_file(
        &self,
        path: &Path,
        packing: Packing,
        threads: usize,
        body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        files::write(path, |sink| write_packed(packing, self.effort, threads, sink, body))
    }
}

/// Writes a text in its compressed form.
///
/// # Errors
/// Any error from writing.
pub fn write_packed(
    packing: Packing,
    effort: Effort,
    threads: usize,
    sink: &mut dyn Write,
    body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    match packing {
        Packing::Gzip => {
            let mut sink = GzipWriter::new(sink, effort, threads);
            body(&mut sink)?;
            sink.finish().map(drop)
        }
        Packing::Xz => {
            let mut sink = XzWriter::new(sink, effort, threads)?;
            body(&mut sink)?;
            sink.finish().map(drop)
        }
        Packing::Plain => body(sink),
    }
}

/// The part of the profile that `--only` selects; names that match nothing are counted.
fn select(
    profile: &Profile,
    resolution: &Resolution,
    wanted: &[String],
    report: &mut Report,
) -> anyhow::Result<Selection> {
    let (selection, missing) = Selection::new(profile, resolution, wanted);
    if missing.len() == wanted.len() {
        bail!("--only {}: no struct, enumeration or symbol of these names", wanted.join(","));
    }
    for name in missing {
        report.lose("names of --only that match nothing", || name.to_owned());
    }
    Ok(selection)
}
