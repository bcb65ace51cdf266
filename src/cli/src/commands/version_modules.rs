use std::path::PathBuf;

use analyzer::Module;
use anyhow::{Context, bail};
use profile::GuidAge;
use serde_json::{Value, json};
use symbols::{Manifest, Wanted};

use crate::arguments::Global;
use crate::console::Console;
use crate::outcome::Outcome;
use crate::subject::Subject;
use crate::table::Table;

/// What is done with what is found.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Write what was found as a list for fetch_pdb --manifest.
    #[arg(long = "write-manifest", value_name = "FILE")]
    write_manifest: Option<PathBuf>,
}

/// Lists what every loaded module names as its PDB, as far as its headers are in memory.
///
/// # Errors
/// Where image or profile cannot be read, no kernel that fits is found, or the output cannot be written.
pub fn run(arguments: &Arguments, global: &Global, console: &Console) -> anyhow::Result<Outcome> {
    let subject = Subject::open(global, console)?;
    let guest = subject.guest(console)?;
    if !matches!(guest, analyzer::Guest::Windows(_)) {
        bail!("{}: expected a Windows image; modules of other systems name no PDB", subject.source);
    }
    let listing = guest.modules()?;
    let named: Vec<(&Module, &GuidAge, &str)> = listing
        .rows
        .iter()
        .filter_map(|module| module.pdb.as_ref().map(|(guid_age, pdb)| (module, guid_age, pdb.as_str())))
        .collect();
    if console.json() {
        let row = |(module, guid_age, pdb): &(&Module, &GuidAge, &str)| json!({"base": module.base, "module": module.name, "guid_age": guid_age.to_string(), "pdb": pdb});
        let rows: Vec<Value> = named.iter().map(row).collect();
        console.print_json(json!({
            "image": subject.source,
            "modules": rows,
            "without": listing.rows.len() - named.len(),
        }))?;
    } else {
        let mut table = Table::new(&["Base", "GUID/Version", "PDB", "Module"]);
        for (module, guid_age, pdb) in &named {
            table.row([
                format!("{:#x}", module.base),
                guid_age.to_string(),
                (*pdb).to_owned(),
                module.name.clone(),
            ]);
        }
        console.print(&table.print())?;
    }
    if let Some(path) = &arguments.write_manifest {
        let mut manifest = Manifest::default();
        for (module, guid_age, pdb) in &named {
            // A text that is no file name names no PDB that could be fetched.
            if let Ok(name) = pdb.parse() {
                let seen = vec![format!("{} at {:#x}", subject.source, module.base)];
                manifest.add(Wanted { name, guid_age: **guid_age, seen });
            }
        }
        manifest.write_file(path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let without = listing.rows.len() - named.len();
    if without > 0 {
        console.say(format_args!(
            "{without} of {} modules name none: their headers are not in memory",
            listing.rows.len()
        ));
    }
    if let Err(problem) = &listing.end {
        console.warn(format_args!("{}: the list is not complete: {problem}", subject.source));
    }
    Ok(Outcome::from_good(listing.end.is_ok() && !named.is_empty()))
}
