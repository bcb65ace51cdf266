use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use image::{Image, Plan};
use pe::{Rsds, Sighting};
use profile::{MappedFile, Report};
use regex::Regex;
use serde_json::{Value, json};
use symbols::{Manifest, Wanted};

use crate::console::{Console, Lines};
use crate::files::access;
use crate::files::input;
use crate::files::{self, Content, Files, UsesFiles};
use crate::images::triage;
use crate::options::Global;
use crate::outcome::Outcome;
use crate::profiles::verdict::{losses, say_losses};
use crate::sandbox::Access;

/// Which file, and which of its records.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file to search, of any kind; its bytes are searched as they are. A memory image is given with -f.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show only records whose path this regular expression finds.
    #[arg(long = "name_regex", value_name = "REGEX", default_value = ".")]
    name_regex: Regex,
    /// Write what was found as a list for fetch_pdb --manifest.
    #[arg(long = "write-manifest", value_name = "FILE")]
    write_manifest: Option<PathBuf>,
}

impl Arguments {
    /// What a run may do.
    pub fn access(&self, global: &Global, access: &mut Access) {
        if let Some(path) = &self.file {
            access.read(path);
        }
        access::image(global.filename.as_deref(), access);
        if let Some(path) = &self.write_manifest {
            access.write(path);
        }
    }
}

impl UsesFiles for Arguments {
    fn list_files(&self, global: &Global, files: &mut Files) -> anyhow::Result<()> {
        super::list_image(global, files);
        if let Some(path) = &self.file {
            files.input("FILE", path);
        }
        if let Some(path) = &self.write_manifest {
            files.output("--write-manifest", path, Content::Plain)?;
        }
        Ok(())
    }
}

/// What is searched.
enum Target {
    /// Physical memory.
    Image(Box<Image>),
    /// The bytes of a file.
    File(MappedFile),
}

/// Finds the RSDS records of a memory image or of a file: each GUID and age once, where it stands first.
///
/// # Errors
/// A file that cannot be read, or an output that cannot be written.
pub fn run(arguments: &Arguments, image: Option<&Path>, console: &Console) -> anyhow::Result<Outcome> {
    let (path, target) = match (&arguments.file, image) {
        (None, Some(path)) => (path, Target::Image(Box::new(input::open_image(path, console)?))),
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
            console.tell(format_args!("searching {} bytes of {source}", file.len()));
            Rsds::scan(file, console.threads())
        }
    };
    let all = found.len();
    found.retain(|sighting| arguments.name_regex.is_match(&sighting.rsds.path));
    if console.json() {
        let mut document = json!({"source": source, "records": found.iter().map(to_json).collect::<Value>()});
        if let (Some(document), Target::Image(image)) = (document.as_object_mut(), &target) {
            document.insert("container".to_owned(), image.container().to_string().into());
            document.insert("losses".to_owned(), losses(&report));
        }
        console.print_json(document)?;
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
        console.say(match (without_memory, all) {
            (Some(what), _) => format!("{source}: {what}"),
            (None, 0) => format!("{source}: no RSDS record that names a PDB"),
            (None, _) => format!("{source}: {all} RSDS records, none with a path that --name_regex finds"),
        });
    }
    let lossless = report.total() == 0 || !console.strict();
    Ok(Outcome::from_good(!found.is_empty() && lossless))
}

/// The records in physical memory, each GUID and age once.
pub fn search(image: &Image, console: &Console, report: &mut Report) -> Vec<Sighting> {
    let plan = Plan {
        threads: console.threads(),
        overlap: Rsds::LONGEST - 1,
        progress: console.progress(),
        step: "Searching for RSDS records",
    };
    let scanned = image::scan(image, &plan, |window, found| {
        found.extend(
            Rsds::find(window.bytes)
                .take_while(|(at, _)| *at < window.own)
                .map(|(at, rsds)| Sighting { offset: window.start.0 + at as u64, rsds }),
        );
    });
    report.absorb(image.report().clone());
    report.absorb(scanned.report);
    let mut found = scanned.found;
    Rsds::keep_first(&mut found);
    found
}

/// The columns as Rekall prints them.
fn table(found: &[Sighting]) -> Lines {
    let mut lines = Lines::new();
    lines.line(format_args!("  Offset (P)   {:32} PDB", "GUID/Version"));
    lines.line(format_args!("{:-<14} {:-<32} {:-<30}", "", "", ""));
    for Sighting { offset, rsds } in found {
        lines.line(format_args!("{offset:#014x} {:32} {}", rsds.guid_age.to_string(), rsds.path));
    }
    lines
}

fn to_json(sighting: &Sighting) -> Value {
    json!({
        "offset": sighting.offset,
        "guid_age": sighting.rsds.guid_age.to_string(),
        "name": sighting.rsds.file_name(),
        "path": sighting.rsds.path,
    })
}

fn manifest(found: &[Sighting], source: &str) -> Manifest {
    let mut manifest = Manifest::default();
    for Sighting { offset, rsds } in found {
        // A path whose last component is no file name names no PDB that could be fetched.
        if let Ok(name) = rsds.file_name().parse() {
            let seen = vec![format!("{source} at {offset:#x}")];
            manifest.add(Wanted { name, guid_age: rsds.guid_age, seen });
        }
    }
    manifest
}
