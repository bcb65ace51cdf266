use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use profile::MappedFile;
use regex::Regex;
use serde_json::{Value, json};
use symbols::{Manifest, Rsds, Sighting, Wanted};

use crate::console::Console;
use crate::outcome::Outcome;

/// Which file, and which of its records.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file to search, of any kind; its bytes are searched as they are.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Show only records whose path this regular expression finds.
    #[arg(long = "name_regex", value_name = "REGEX", default_value = ".")]
    name_regex: Regex,
    /// Write what was found as a list for fetch_pdb --manifest.
    #[arg(long = "write-manifest", value_name = "FILE")]
    write_manifest: Option<PathBuf>,
}

/// Finds the RSDS records of a file: each GUID and age once, where it stands first.
///
/// # Errors
/// A file that cannot be read, or an output that cannot be written.
pub fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let source = arguments.file.display().to_string();
    let file = MappedFile::open(&arguments.file).with_context(|| format!("cannot open {source}"))?;
    console.tell(format_args!("searching {} bytes of {source}", file.len()));
    let mut found = Rsds::scan(&file, console.threads());
    let all = found.len();
    found.retain(|sighting| arguments.name_regex.is_match(&sighting.rsds.path));
    if console.json() {
        console
            .print_json(json!({"source": source, "records": found.iter().map(to_json).collect::<Value>()}))?;
    } else {
        console.print(&table(&found))?;
    }
    if let Some(path) = &arguments.write_manifest {
        let manifest = manifest(&found, &source);
        manifest.write_file(path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if found.is_empty() {
        console.say(match all {
            0 => format!("{source}: no RSDS record that names a PDB"),
            _ => format!("{source}: {all} RSDS records, none with a path that --name_regex finds"),
        });
    }
    Ok(Outcome::from_good(!found.is_empty()))
}

/// The columns as Rekall prints them.
fn table(found: &[Sighting]) -> String {
    let mut text = format!("  Offset (P)   {:32} PDB\n", "GUID/Version");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:-<14} {:-<32} {:-<30}", "", "", "");
    for Sighting { offset, rsds } in found {
        let _ = writeln!(text, "{offset:#014x} {:32} {}", rsds.guid_age.to_string(), rsds.path);
    }
    text
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
