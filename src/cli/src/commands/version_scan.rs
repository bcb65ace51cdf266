use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use formats::Group;
use image::{Image, ScanPlan};
use pe::{CodeView, Sighting};
use profile::{MappedFile, Report};
use regex::Regex;
use symbols::{Manifest, Wanted};

use super::Run;
use crate::console::{Console, Lines, Settings};
use crate::files::{self, Content, Files};
use crate::images::{open_image, triage};
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{self, General, Json, Strict, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::profiles::verdict::say_losses;
use crate::report::executable::{Record, Records};
use crate::report::profile::losses;

/// Find the records in a file or memory image that name a PDB.
///
/// These RSDS records contain a PDB's name, GUID and age. Each GUID and age is listed once, with the offset of its
/// first record. Records without a name and older records (NB10: signature and age) are listed too. FILE is searched
/// as it is; with -f IMAGE the physical memory of the image is searched.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The file to search, of any kind.
    #[arg(value_name = "FILE", conflicts_with = "filename")]
    file: Option<PathBuf>,
    #[command(flatten)]
    image: options::Image,
    /// Show only records whose path matches this regular expression.
    #[arg(long = "name_regex", value_name = "REGEX")]
    name_regex: Option<Regex>,
    #[command(flatten)]
    unpacking: Unpacking,
    /// Write the PDBs as a list for fetch_pdb --manifest.
    #[arg(long = "write-manifest", value_name = "FILE", help_heading = OUTPUT)]
    write_manifest: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    strict: Strict,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile version_scan firmware.bin
  rekall-profile -f win7.elf version_scan --name_regex krnl
  rekall-profile version_scan -f memory.raw --write-manifest wanted.json";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.image.list(files);
        if let Some(path) = &self.file {
            files.input("FILE", path);
        }
        if let Some(path) = &self.write_manifest {
            files.output("--write-manifest", path, Content::Plain)?;
        }
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

/// The data to search.
enum Target {
    /// Physical memory.
    Image(Box<Image>),
    /// The bytes of a file.
    File(MappedFile),
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let (path, target) = match (&arguments.file, arguments.image.file().map(PathBuf::as_path)) {
        (None, Some(path)) => (path, Target::Image(Box::new(open_image(&arguments.image, console)?))),
        (Some(path), None) => {
            let file = MappedFile::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            (path.as_path(), Target::File(file))
        }
        (None, None) => bail!("expected a memory image with -f, or a FILE to search"),
        (Some(_), Some(_)) => bail!("expected one thing to search, found both -f and a FILE"),
    };
    let source = path.display().to_string();
    let mut report = Report::default();
    let mut found = match &target {
        Target::Image(image) => search(image, console, &mut report),
        Target::File(file) => {
            console.debug(format_args!("searching {} bytes of {source}", file.len()));
            CodeView::scan(file, console.threads())
        }
    };
    let all = found.len();
    if let Some(wanted) = &arguments.name_regex {
        found.retain(|sighting| wanted.is_match(sighting.record.path()));
    }
    if console.json() {
        let image = match &target {
            Target::Image(image) => Some(image),
            Target::File(_) => None,
        };
        console.print_report(&Records {
            source: source.clone(),
            records: found.iter().map(to_report).collect(),
            container: image.map(|image| image.container().to_string()),
            losses: image.map(|_| losses(&report)),
        })?;
    } else {
        console.print(&table(&found))?;
    }
    if let Some(path) = &arguments.write_manifest {
        let manifest = manifest(&found, &source);
        files::write(path, |sink| manifest.write(sink))?;
    }
    say_losses(&report, console);
    if found.is_empty() {
        let without_memory = match &target {
            Target::Image(image) => triage::without_memory(image),
            Target::File(_) => None,
        };
        console.info(match (without_memory, all) {
            (Some(what), _) => format!("{source}: {what}"),
            (None, 0) => format!("{source}: {}", without_records(&target, path)),
            (None, _) => format!("{source}: {all} records, none with a path that --name_regex finds"),
        });
    }
    let lossless = report.total() == 0 || !console.strict();
    Ok(Outcome::from_good(!found.is_empty() && lossless))
}

/// The message for a search without results, with advice if the file has to be unpacked first.
fn without_records(target: &Target, path: &Path) -> String {
    const NONE: &str = "no record that names a PDB (RSDS or NB10)";
    let Target::File(file) = target else { return NONE.to_owned() };
    let found = formats::identify(&&file[..], Some(path));
    let advice = match found.kind.group() {
        Group::Archive => format!("; {}", found.advice()),
        _ => String::new(),
    };
    format!("{found}, and {NONE} in it{advice}")
}

/// The records in physical memory, each GUID and age once.
pub fn search(image: &Image, console: &Console, report: &mut Report) -> Vec<Sighting> {
    let plan = ScanPlan {
        threads: console.threads(),
        overlap: CodeView::LONGEST - 1,
        progress: console.progress(),
        step: "Searching for records that name PDBs",
    };
    let scanned = image::scan(image, &plan, |window, found| {
        found.extend(
            CodeView::find(window.bytes)
                .take_while(|(at, _)| *at < window.own)
                .map(|(at, record)| Sighting { offset: window.start.0 + at as u64, record }),
        );
    });
    report.absorb(image.report().clone());
    report.absorb(scanned.report);
    let mut found = scanned.found;
    CodeView::keep_first(&mut found);
    found
}

/// The columns as in Rekall.
fn table(found: &[Sighting]) -> Lines {
    let mut lines = Lines::new();
    lines.line(format_args!("  Offset (P)   {:32} PDB", "GUID/Version"));
    lines.line(format_args!("{:-<14} {:-<32} {:-<30}", "", "", ""));
    for Sighting { offset, record } in found {
        let path = match record {
            CodeView::Unnamed(_) => "(names no PDB)",
            record => record.path(),
        };
        lines.line(format_args!("{offset:#014x} {:32} {path}", record.key()));
    }
    lines
}

fn to_report(sighting: &Sighting) -> Record {
    Record {
        offset: sighting.offset,
        guid_age: sighting.record.key(),
        name: sighting.record.file_name().to_owned(),
        path: sighting.record.path().to_owned(),
    }
}

fn manifest(found: &[Sighting], source: &str) -> Manifest {
    let mut manifest = Manifest::default();
    for Sighting { offset, record } in found {
        // A record without a GUID cannot be fetched by GUID and age.
        let CodeView::Pdb(rsds) = record else { continue };
        // A path whose last component cannot be a file name does not identify a PDB to fetch.
        if let Ok(name) = rsds.file_name().parse() {
            let seen = vec![format!("{source} at {offset:#x}")];
            manifest.add(Wanted { name, guid_age: rsds.guid_age, seen });
        }
    }
    manifest
}
