use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bundle::{Bundle, is_bundle};
use pages::{Collection, Shard, write_site};
use profile::{MappedFile, Report, Resolution};

use super::{Run, report};
use crate::console::{Console, Settings};
use crate::files::{self, Files};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{General, InBundle, Unpacking, list_profile, settings};
use crate::outcome::Outcome;

/// Write pages to browse many builds.
///
/// The folder works on any web server that only hands out files, and from a disk. It has all that a report has, and for
/// each member its place in every build. Profiles are listed in the order in which they are given, the builds of a bundle
/// in the order of their versions.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// Bundles, or profiles, the oldest first.
    #[arg(value_name = "BUNDLE", required = true)]
    sources: Vec<PathBuf>,
    #[command(flatten)]
    unpacking: Unpacking,
    /// Leave out symbols. Of many builds they take most of the room: about 1 MB for each kernel.
    #[arg(long, help_heading = OUTPUT)]
    no_symbols: bool,
    /// The folder to write: a new or empty one, or an earlier site.
    #[arg(short, long, value_name = "DIR", help_heading = OUTPUT)]
    output: PathBuf,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile site linux.bundle --output site
  rekall-profile site thousand.bundle --no-symbols --output site
  rekall-profile site nt-19041.json.gz nt-22621.json.gz nt-26100.json.gz -o public/nt";

/// What is in the folder of a site, so that it may be written again.
const PARTS: [&str; 3] = ["app.js", "data", "index.html"];

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        for path in &self.sources {
            list_profile("BUNDLE", path, files);
        }
        files.folder(&self.output);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        check_folder(&self.output)?;
        let mut collection = match self.no_symbols {
            true => Collection::without_symbols(),
            false => Collection::default(),
        };
        let (mut count, mut size) = (0usize, 0usize);
        let mut write = |name: &str, bytes: &[u8]| -> anyhow::Result<()> {
            let path = self.output.join(name);
            let folder = path.parent().unwrap_or(&self.output);
            // Made for the first file, so that nothing is left of a run that could not read its input.
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            count += 1;
            size += bytes.len();
            files::write(&path, |sink| sink.write_all(bytes))
        };
        // Symbols are written as they are read: together they would be larger than all else.
        for path in &self.sources {
            add(&mut collection, path, |shard| write(&shard.file_name(), &shard.file()))?;
        }
        write_site(collection.finish().map(Ok::<Shard, anyhow::Error>), write)?;
        console.info(format_args!(
            "wrote {count} files ({} KiB) below {}; open {}",
            size / 1024,
            self.output.display(),
            self.output.join("index.html").display()
        ));
        Ok(Outcome::Success)
    }
}

/// Adds the builds of a bundle, or a profile, and gives the shard of each away.
fn add(
    collection: &mut Collection,
    path: &Path,
    mut write: impl FnMut(Shard) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let shown = || path.display().to_string();
    if InBundle::of(path).is_some() || !is_bundle(&MappedFile::open(path).with_context(shown)?) {
        return write(report::add(collection, path)?);
    }
    let bundle = Bundle::open(path).with_context(shown)?;
    for (number, build) in bundle.builds().iter().enumerate() {
        let mut report = Report::default();
        let mut profile = bundle.profile(number, &mut report).with_context(shown)?;
        let resolution = Resolution::new(&mut profile, &mut report);
        write(collection.add(&build.name, &profile, &resolution))?;
    }
    Ok(())
}

/// Refuses a folder with other things in it.
fn check_folder(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    if !folder.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).with_context(|| format!("--output {shown}"))? {
        let name = entry.with_context(|| format!("--output {shown}"))?.file_name();
        if !PARTS.iter().any(|part| *part == name) {
            bail!(
                "--output {shown}: the folder holds {}, which is not part of a site; name a new or an empty folder",
                name.display()
            );
        }
    }
    Ok(())
}
