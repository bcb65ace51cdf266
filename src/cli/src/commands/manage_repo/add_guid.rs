use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail};
use profile::MappedFile;
use repository::ProfileName;
use repository::batch::{Binary, add_guids, link};
use repository::storage::Storage;

use super::options::{Indexes, Place, Retry, Target, Workshop};
use super::work::{build_of, conclude, read_plan, seal_all, select};
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, Json, Strict, Symbols, Threads, Unpacking, settings};
use crate::outcome::Outcome;

/// Add builds to the list of an entry, and make the missing profiles.
///
/// The entry is --target, by default nt/GUID. --binary takes the build from a PE file, whose version resource also gives
/// the profile its name in Rekall's older hierarchy.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The builds to add: NAME.pdb/GUID.
    #[arg(value_name = "BUILD", required_unless_present = "binary")]
    builds: Vec<String>,
    /// Take the build from this PE file (.exe, .dll, .sys); may be repeated.
    #[arg(long, value_name = "FILE")]
    binary: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    strict: Strict,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    indexes: Indexes,
    #[command(flatten)]
    symbols: Symbols,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile manage_repo nt/GUID add_guid ntkrnlmp.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942
  rekall-profile manage_repo add_guid --binary ntoskrnl.exe";

/// The entry to which builds are added by default.
const DEFAULT_TARGET: &str = "nt/GUID";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        for path in &self.binary {
            files.input("--binary", path);
        }
        self.place.list(&self.symbols.connection, files);
        self.symbols.list(files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let workshop = Workshop::open(&self.place, &self.symbols, self.retry.retry, false, console)?;
        let storage = workshop.storage.as_ref();
        let target = self.target.target.as_deref().unwrap_or(DEFAULT_TARGET);
        let mut builds = Vec::new();
        for word in &self.builds {
            match build_of(word)? {
                (Some(pdb), guid_age) => builds.push((pdb, guid_age)),
                (None, guid_age) => bail!("{guid_age}: of which PDB? expected NAME.pdb/{guid_age}"),
            }
        }
        let mut binaries = Vec::new();
        for path in &self.binary {
            let file = MappedFile::open(path).with_context(|| path.display().to_string())?;
            let binary = Binary::read(&path.display().to_string(), &file)?;
            builds.push((binary.pdb.clone(), binary.guid_age));
            binaries.push(binary);
        }
        let addition = add_guids(storage, target, &builds)?;
        for (pdb, guid_age) in &addition.added {
            console.info(format_args!("{}: added {pdb} {guid_age}", addition.list));
        }
        for (pdb, guid_age) in &addition.known {
            console.info(format_args!("{}: {pdb} {guid_age} was there already", addition.list));
        }
        let start = Instant::now();
        let mut plan = read_plan(storage, console)?;
        let selection = select(&mut plan, Some(target), &[], None)?;
        let summary = workshop.builder(console).build(&plan, &selection)?;
        drop(plan);
        for binary in &binaries {
            link_names(storage, target, binary, console)?;
        }
        let sealed = seal_all(storage, self.indexes.anew, console)?;
        conclude(&summary, Some(&sealed), &[], 0, start, console)
    }
}

/// Writes the names of a binary's profile in the older hierarchy, if the profile exists.
fn link_names(storage: &dyn Storage, target: &str, binary: &Binary, console: &Console) -> anyhow::Result<()> {
    let profile: ProfileName = format!("{target}/{}", binary.guid_age).parse()?;
    let linked = link(storage, &profile, &binary.names)?;
    for name in &binary.names {
        if linked {
            console.info(format_args!("{name} stands for {profile}"));
        } else {
            console.warn(format_args!(
                "{name}: not written, because {profile} is not there; run the same line again once its PDB can be had"
            ));
        }
    }
    Ok(())
}
