use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use formats::WrongKind;
use pe::{PdbName, Pe, PeError};
use profile::{GuidAge, MappedFile, Progress};
use symbols::{Error, Fetcher, Found, Manifest, Wanted};

use super::Run;
use crate::console::{Console, Settings};
use crate::files::{self, Content, Files};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{General, Json, Symbols, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::fetch::{self as report, Status};

/// Fetch PDBs from symbol stores and servers.
///
/// A PDB is identified by its file name with GUID and age, by a PE file that names it, or by a manifest of many. The
/// symbol path gives the stores and servers. Each PDB is checked before it is kept: it must have the requested GUID.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The PDB's name followed by its GUID and age, or a PE file (.exe, .dll, .sys) that names it.
    #[arg(value_name = "NAME | FILE.exe")]
    pdb_filename: Option<PathBuf>,
    /// The GUID and age: 32 hexadecimal digits, then the age.
    #[arg(value_name = "GUIDAGE")]
    guid_age: Option<String>,
    /// The same as NAME or FILE.exe.
    #[arg(short, long, value_name = "NAME", conflicts_with = "pdb_filename")]
    filename: Option<PathBuf>,
    /// The same as GUIDAGE.
    #[arg(long, value_name = "GUIDAGE", conflicts_with = "guid_age")]
    guid: Option<String>,
    /// Fetch every PDB in this list.
    #[arg(long, value_name = "WANTED.json",
        conflicts_with_all = ["pdb_filename", "guid_age", "guid", "filename"])]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    unpacking: Unpacking,
    /// The folder for the PDB; with --manifest it becomes a symbol store.
    #[arg(short = 'D', long = "dump_dir", value_name = "DIR", default_value = ".", help_heading = OUTPUT)]
    dump_dir: PathBuf,
    /// Write a list of the PDBs that were not found, to fetch them on another machine.
    #[arg(long = "write-manifest", value_name = "FILE", help_heading = OUTPUT)]
    write_manifest: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    symbols: Symbols,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile fetch_pdb ntkrnlmp.pdb F8E2A8B5C9B74BF4A6E4A48F180099942
  rekall-profile fetch_pdb ntoskrnl.exe -D pdbs
  rekall-profile fetch_pdb --manifest wanted.json -D store";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        let is_named = self.guid_age.is_some() || self.guid.is_some();
        if self.manifest.is_some() {
            files.folder(&self.dump_dir);
        } else {
            files.access().write(&self.dump_dir);
        }
        self.symbols.list(files);
        if let Some(path) = self.name() {
            if !is_named {
                files.input("FILE.exe", path);
            } else if let Ok(name) = PdbName::from_user(&path.to_string_lossy()) {
                let path = self.dump_dir.join(name.as_str());
                // This also applies through a link with the PDB's name.
                files.access().write(&path);
                files.output_below("the PDB", &path, Content::Own)?;
            }
        }
        if let Some(path) = self.name().and_then(|path| path.file_name()) {
            files.access().write(self.dump_dir.join(path));
        }
        if let Some(path) = &self.manifest {
            files.input("--manifest", path);
        }
        match &self.write_manifest {
            Some(path) => files.output("--write-manifest", path, Content::Plain),
            None => Ok(()),
        }
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

impl Arguments {
    fn name(&self) -> Option<&PathBuf> {
        self.pdb_filename.as_ref().or(self.filename.as_ref())
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let plan = FetchPlan::new(arguments)?;
    let options = arguments.symbols.options(plan.store.as_deref(), console.threads())?;
    let fetcher = Fetcher::new(options);
    let teller = Teller { console, aloud: plan.wanted.len() == 1 };
    let results = fetcher.fetch_all(&plan.wanted, &teller);
    let mut report = Report::default();
    for (wanted, result) in plan.wanted.into_iter().zip(results) {
        let delivered = result.and_then(|found| match plan.store {
            Some(_) => Ok(found),
            None => deliver(found, &wanted, &plan.dump_dir),
        });
        report.items.push((wanted, delivered));
    }
    if let Some(path) = &plan.write_manifest {
        let missing = Manifest { wanted: report.missing() };
        files::write(path, |sink| missing.write(sink))?;
    }
    report.conclude(console)
}

/// The request, after checking the arguments.
struct FetchPlan {
    wanted: Vec<Wanted>,
    dump_dir: PathBuf,
    /// The folder as a store if a list is fetched, since many PDBs have the same name.
    store: Option<PathBuf>,
    write_manifest: Option<PathBuf>,
}

impl FetchPlan {
    fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let dump_dir = arguments.dump_dir.clone();
        let write_manifest = arguments.write_manifest.clone();
        if !dump_dir.is_dir() {
            bail!("--dump_dir {}: the folder does not exist", dump_dir.display());
        }
        if let Some(path) = &arguments.manifest {
            let manifest = Manifest::read_file(path).with_context(|| path.display().to_string())?;
            let store = Some(dump_dir.clone());
            return Ok(Self { wanted: manifest.wanted, dump_dir, store, write_manifest });
        }
        let guid_age = arguments.guid_age.as_ref().or(arguments.guid.as_ref());
        let Some(name) = arguments.name() else {
            match guid_age {
                Some(_) => {
                    bail!("a GUID needs the name of its PDB: fetch_pdb NAME GUIDAGE, or --filename NAME")
                }
                None => bail!("which PDB? fetch_pdb NAME GUIDAGE, fetch_pdb FILE.exe, or --manifest FILE"),
            }
        };
        let wanted = match guid_age {
            Some(guid_age) => {
                let guid_age: GuidAge = guid_age.parse()?;
                vec![Wanted::new(PdbName::from_user(&name.to_string_lossy())?, guid_age)]
            }
            None => named_by(name)?,
        };
        Ok(Self { wanted, dump_dir, store: None, write_manifest })
    }
}

/// The PDBs that a PE file names.
fn named_by(path: &Path) -> anyhow::Result<Vec<Wanted>> {
    let source = path.display();
    let file = MappedFile::open(path).with_context(|| {
        format!("cannot open {source}; a PDB that is not at hand is named with its GUID and age: fetch_pdb NAME GUIDAGE")
    })?;
    let records = match Pe::parse(&file).and_then(|pe| pe.rsds()) {
        Err(error @ PeError::NoRsds { .. }) => {
            return Err(anyhow::Error::new(error).context(without_pdb(&file)).context(source.to_string()));
        }
        records => records.map_err(|error| error.named(path)).with_context(|| source.to_string())?,
    };
    if records.iter().all(|record| record.file_name().is_empty()) {
        return Err(anyhow::Error::new(without_pdb(&file)).context(source.to_string()));
    }
    let mut wanted: Vec<Wanted> = Vec::new();
    // A record without a name does not identify a PDB to fetch.
    for record in records.into_iter().filter(|record| !record.file_name().is_empty()) {
        let name: PdbName = record.file_name().parse().with_context(|| source.to_string())?;
        if let Some(other) = wanted.iter().find(|other| other.name == name) {
            bail!(
                "{source} names two builds of {name}, {} and {}: choose with fetch_pdb NAME GUIDAGE",
                other.guid_age,
                record.guid_age
            );
        }
        let seen = vec![source.to_string()];
        wanted.push(Wanted { name, guid_age: record.guid_age, seen });
    }
    Ok(wanted)
}

/// The error for an executable that does not name a PDB.
fn without_pdb(file: &[u8]) -> WrongKind {
    WrongKind::new("a Windows executable that names a PDB", formats::identify(&file, None))
}

/// Puts a PDB that was found into the folder under its name.
fn deliver(found: Found, wanted: &Wanted, folder: &Path) -> Result<Found, Error> {
    let path = folder.join(wanted.name.as_str());
    found.copy_to(&path).map_err(|source| Error::Store {
        wanted: wanted.clone(),
        folder: folder.to_owned(),
        source,
    })?;
    Ok(Found { path, ..found })
}

/// The progress of a single file is always shown, since the user waits for it; that of many files only with `-v`.
struct Teller<'a> {
    console: &'a Console,
    aloud: bool,
}

impl Progress for Teller<'_> {
    fn begin(&self, step: &str, total: Option<u64>) {
        self.console.progress().begin(step, total);
    }

    fn advance(&self, step: &str, done: u64) {
        self.console.progress().advance(step, done);
    }

    fn end(&self, step: &str) {
        self.console.progress().end(step);
    }

    fn debug(&self, line: &str) {
        if self.aloud {
            self.console.info(line);
        } else {
            self.console.debug(line);
        }
    }
}

/// The result for every PDB.
#[derive(Default)]
struct Report {
    items: Vec<(Wanted, Result<Found, Error>)>,
}

impl Report {
    /// The PDBs that were not found.
    fn missing(&self) -> Vec<Wanted> {
        let missing = self.items.iter().filter(|(_, result)| result.is_err());
        missing.map(|(wanted, _)| wanted.clone()).collect()
    }

    fn conclude(self, console: &Console) -> anyhow::Result<Outcome> {
        if console.json() {
            console.print_report(&self.to_report())?;
        }
        let count = self.items.len();
        let mut failed = 0;
        let mut broken = None;
        for (_, result) in self.items {
            match result {
                Ok(found) => console.info(format_args!("{} ({} bytes)", found.path.display(), found.size)),
                Err(error) => {
                    failed += 1;
                    match error {
                        Error::Missing { .. } | Error::Refused { .. } | Error::Unavailable { .. } => {
                            console.warn_error(&error);
                        }
                        // An error of this machine, not of the PDB.
                        error if broken.is_none() => broken = Some(error),
                        error => console.warn(error.with_causes()),
                    }
                }
            }
        }
        if let Some(error) = broken {
            return Err(error.into());
        }
        match failed {
            0 => console.info("All done, no errors."),
            _ => console.info(format_args!("{failed} of {count} not found.")),
        }
        Ok(Outcome::from_good(failed == 0))
    }

    fn to_report(&self) -> report::Pdbs {
        let not_found = report::Outcome::not_found;
        let item = |(wanted, result): &(Wanted, Result<Found, Error>)| report::Pdb {
            name: wanted.name.to_string(),
            guid_age: wanted.guid_age.to_string(),
            outcome: match result {
                Ok(found) => report::Outcome::found(&found.path, &found.from, found.size),
                Err(Error::Missing { tried, .. }) => not_found(Status::Missing, tried),
                Err(Error::Refused { tried, .. }) => not_found(Status::Refused, tried),
                Err(Error::Unavailable { tried, .. }) => not_found(Status::Unavailable, tried),
                Err(error) => report::Outcome::failed(error.with_causes()),
            },
        };
        report::Pdbs { results: self.items.iter().map(item).collect() }
    }
}
