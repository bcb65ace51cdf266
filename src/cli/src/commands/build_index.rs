use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use profile::{Effort, MAX_TEXT, unpack};
use repository::index::{Specification, build_below, check_file, check_name};
use repository::storage::key_of;
use repository::{Condition, ProfileName, Storage};

use super::Run;
use crate::console::{Console, Settings};
use crate::files::{self, Content, Files, Packing};
use crate::options::heading::{INPUT, OUTPUT, REPOSITORIES};
use crate::options::repositories::{is_remote, list_repository};
use crate::options::{Connection, General, Json, Threads, settings};
use crate::outcome::Outcome;
use crate::profiles::output::write_packed;
use crate::report::batch as report;

/// Build an index over the profiles of a repository.
///
/// An index recognises a kernel or module that does not identify its build. SPEC lists the structs and symbols that
/// are compared (docs/indexes.md). The index is stored in the repository, unless --output names a file.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// A text in YAML that says what the index records about each profile.
    #[arg(value_name = "SPEC")]
    specification: PathBuf,
    /// The file to write the index to, instead of the repository.
    ///
    /// It is compressed with gzip if its name ends in .gz, with xz if it ends in .xz, and plain text otherwise.
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    output: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    /// The repository: a folder that holds v1.0/, that folder itself, or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "PATH", default_value = ".", help_heading = REPOSITORIES)]
    root: String,
    /// The index's name in the repository.
    ///
    /// By default it is index, eprocess_index or export_index, by the kind of index, in the folder that SPEC names. It may
    /// be new or that of an index, which is replaced.
    #[arg(long = "as", value_name = "NAME", conflicts_with = "output", help_heading = REPOSITORIES)]
    name: Option<ProfileName>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile build_index index.yaml --root profiles
  rekall-profile build_index index.yaml --root profiles --output index.json.gz";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        files.input("SPEC", &self.specification);
        list_repository(&self.root, &self.connection, files);
        match &self.output {
            Some(path) => files.output("--output", path, Content::Packable),
            None => {
                if !is_remote(&self.root) {
                    files.folder(Path::new(&self.root));
                }
                Ok(())
            }
        }
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

/// Where the index is written to.
enum Destination<'a> {
    File(&'a Path),
    Name(ProfileName),
}

impl Arguments {
    /// Where the index is written to, if it replaces nothing but an index there.
    fn destination(
        &self,
        specification: &Specification,
        storage: &dyn Storage,
    ) -> anyhow::Result<Destination<'_>> {
        if let Some(path) = &self.output {
            if let Some(key) = key_of(&self.root, path) {
                check_file(&key, storage).context("--output")?;
            }
            return Ok(Destination::File(path));
        }
        let name = match &self.name {
            Some(name) => name.clone(),
            None => specification.target()?,
        };
        check_name(&name, storage)?;
        Ok(Destination::Name(name))
    }
}

/// The longest specification, in bytes.
const LONGEST: u64 = 16 << 20;

/// The text of a specification.
fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        bail!("expected a specification of at most {LONGEST} bytes, found more");
    }
    Ok(text)
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let place = arguments.specification.display().to_string();
    let text = text(&arguments.specification).with_context(|| place.clone())?;
    let specification = Specification::parse(&text, &place)?;
    let client = arguments.connection.client(symbols::Web::options())?;
    let storage = repository::storage::open(&arguments.root, &client)?;
    let destination = arguments.destination(&specification, storage.as_ref())?;
    let built = build_below(&specification, storage.as_ref(), console.threads(), console.progress())?;
    let stored = match destination {
        Destination::File(path) => {
            write(path, &built.bytes, console.threads())?;
            path.display().to_string()
        }
        Destination::Name(name) => {
            storage.write(&name.key(), &built.bytes, &Condition::Always)?;
            storage.place_of(&name.key())
        }
    };
    for warning in &built.warnings {
        console.warn(format_args!("warning: {warning}"));
    }
    if console.json() {
        console.print_report(&report::Index {
            index: stored,
            profiles: built.profiles,
            read: built.read,
            bytes: built.bytes.len(),
            warnings: built.warnings,
        })?;
    } else {
        console.info(format_args!(
            "{stored}: index of {} profiles, {:.1} kB",
            built.profiles,
            built.bytes.len() as f64 / 1e3
        ));
    }
    Ok(Outcome::from_good(built.profiles > 0))
}

/// Writes the index to a file, compressed according to the file's name.
fn write(path: &Path, packed: &[u8], threads: usize) -> anyhow::Result<()> {
    let packing = Packing::of(path);
    if packing == Packing::Gzip {
        return files::write(path, |sink| sink.write_all(packed));
    }
    let text = unpack(packed, MAX_TEXT)?;
    files::write(path, |sink| {
        write_packed(packing, Effort::Default, threads, sink, |sink| sink.write_all(&text))
    })
}
