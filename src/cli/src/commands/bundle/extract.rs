use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bundle::Bundle;
use profile::{Effort, GzipWriter, XzWriter};

use super::work;
use crate::commands::Run;
use crate::console::{Console, Settings, product};
use crate::files::{self, Content, Files, Packing};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{General, Json, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::profiles::verdict::counted;
use crate::report::bundle as report;

/// Write builds of a bundle as profiles.
///
/// One build goes to --output or to standard output. With --folder, the builds that are named, by default all, become
/// NAME.json.gz below that folder. The text is the one that was put in, byte by byte.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The bundle.
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Builds by name, version, build-id, GUID and age, or banner.
    #[arg(value_name = "BUILD")]
    builds: Vec<String>,
    /// The file to write; by default standard output (-).
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    output: Option<PathBuf>,
    /// The folder for the profiles.
    #[arg(long, value_name = "DIR", conflicts_with = "output", help_heading = OUTPUT)]
    folder: Option<PathBuf>,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile bundle extract kernels.bundle 6.1.0-57 --output 6.1.0-57.json.gz
  rekall-profile bundle extract kernels.bundle --folder profiles";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        files.input("BUNDLE", &self.bundle);
        files.access().unpack();
        if let Some(folder) = &self.folder {
            files.folder(folder);
        }
        match self.file() {
            Some(path) => files.output("--output", path, Content::Packable),
            None => Ok(()),
        }
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let bundle = work::open(&self.bundle)?;
        let mut builds: Vec<usize> =
            self.builds.iter().map(|wanted| bundle.find(wanted)).collect::<Result<_, _>>()?;
        let mut written = Vec::new();
        if let Some(folder) = &self.folder {
            if builds.is_empty() {
                builds = (0..bundle.builds().len()).collect();
            }
            for build in builds {
                written.push(below(&bundle, build, folder, console)?);
            }
        } else {
            let [build] = *builds.as_slice() else {
                bail!(
                    "name one build, or a --folder for several; 'bundle list' names those of {}",
                    self.bundle.display()
                );
            };
            if self.file().is_none() && console.json() {
                bail!(
                    "--json prints the report on standard output; name a file for the profile with --output"
                );
            }
            let text = bundle.text(build)?;
            match self.file() {
                Some(path) => {
                    packed(path, &text, console)?;
                    written.push(path.display().to_string());
                }
                None => product(|sink| sink.write_all(text.as_bytes()))?,
            }
        }
        if console.json() {
            console.print_report(&report::Extracted {
                bundle: self.bundle.display().to_string(),
                files: written,
            })?;
        } else if !written.is_empty() {
            console.info(format_args!("wrote {}", counted(written.len(), "profile")));
        }
        Ok(Outcome::Success)
    }
}

impl Arguments {
    /// The file to write, if it is not standard output.
    fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| path.as_os_str() != "-")
    }
}

/// Writes a build below a folder, and returns the file's name.
fn below(bundle: &Bundle, build: usize, folder: &Path, console: &Console) -> anyhow::Result<String> {
    let name = bundle.builds().get(build).map(|build| build.name.as_str()).unwrap_or_default();
    let path = folder.join(format!("{name}.json.gz"));
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    packed(&path, &bundle.text(build)?, console)?;
    Ok(path.display().to_string())
}

/// Writes a text, packed as the name says.
fn packed(path: &Path, text: &str, console: &Console) -> anyhow::Result<()> {
    let (text, threads) = (text.as_bytes(), console.threads());
    files::write(path, |sink| match Packing::of(path) {
        Packing::Plain => sink.write_all(text),
        Packing::Gzip => {
            let mut writer = GzipWriter::new(sink, Effort::Default, threads);
            writer.write_all(text)?;
            writer.finish().map(drop)
        }
        Packing::Xz => {
            let mut writer = XzWriter::new(sink, Effort::Default, threads)?;
            writer.write_all(text)?;
            writer.finish().map(drop)
        }
    })
}
