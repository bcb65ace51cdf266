use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use profile::{Effort, MAX_TEXT, unpack};
use repository::index::{Specification, build_below};
use repository::{Condition, ProfileName};
use serde_json::json;

use crate::console::Console;
use crate::files::access;
use crate::files::{self, Content, Files, Packing, UsesFiles};
use crate::options::{self, Global};
use crate::outcome::Outcome;
use crate::profiles::output::write_packed;
use crate::sandbox::Access;

/// What is indexed.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What the index says of each profile: a text in YAML (docs/indexes.md).
    #[arg(value_name = "SPEC")]
    specification: PathBuf,
    /// The repository: the folder that holds v1.0/, that folder itself, or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "PATH", default_value = ".")]
    root: String,
    /// The index's name in the repository; without it index, eprocess_index or export_index in the
    /// folder that SPEC names, by its kind.
    #[arg(long = "as", value_name = "NAME", conflicts_with = "output")]
    name: Option<ProfileName>,
    /// Write it to this file instead: gzip where its name ends in .gz, xz in .xz, plain text otherwise.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Arguments {
    /// What a run may do.
    pub fn access(&self, global: &Global, access: &mut Access) {
        access.read(&self.specification);
        access::repository(&self.root, global.symbols.offline, access);
        match &self.output {
            Some(path) => {
                access.write(path);
            }
            None if !access::is_remote(&self.root) => {
                access.fill(&self.root);
            }
            None => {}
        }
    }
}

impl UsesFiles for Arguments {
    fn list_files(&self, _: &Global, files: &mut Files) -> anyhow::Result<()> {
        files.input("SPEC", &self.specification);
        match &self.output {
            Some(path) => files.output("--output", path, Content::Packable),
            None => Ok(()),
        }
    }
}

/// Builds an index over the profiles of a repository, and stores it there.
///
/// # Errors
/// A specification that cannot be read, or a repository that cannot be read or written.
pub fn run(arguments: &Arguments, symbols: &options::Symbols, console: &Console) -> anyhow::Result<Outcome> {
    let place = arguments.specification.display().to_string();
    let text = fs::read_to_string(&arguments.specification).with_context(|| place.clone())?;
    let specification = Specification::parse(&text, &place)?;
    let storage = repository::storage::open(&arguments.root, &symbols.client(symbols::Web::options())?)?;
    let built = build_below(&specification, storage.as_ref(), console.threads(), console.progress())?;
    let stored = match &arguments.output {
        Some(path) => {
            write(path, &built.bytes, console.threads())?;
            path.display().to_string()
        }
        None => {
            let name = match &arguments.name {
                Some(name) => name.clone(),
                None => specification.target()?,
            };
            storage.write(&name.key(), &built.bytes, &Condition::Always)?;
            storage.place_of(&name.key())
        }
    };
    for warning in &built.warnings {
        console.warn(format_args!("warning: {warning}"));
    }
    if console.json() {
        console.print_json(json!({"index": stored, "profiles": built.profiles, "read": built.read,
            "bytes": built.bytes.len(), "warnings": built.warnings}))?;
    } else {
        console.say(format_args!(
            "{stored}: index of {} profiles, {:.1} kB",
            built.profiles,
            built.bytes.len() as f64 / 1e3
        ));
    }
    Ok(Outcome::from_good(built.profiles > 0))
}

/// Writes the index to a file, packed as the file's name says.
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
