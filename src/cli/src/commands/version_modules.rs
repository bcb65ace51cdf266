use std::path::PathBuf;

use analyzer::Module;
use anyhow::{Context, bail};
use pe::CodeView;
use profile::{GuidAge, Report, Silent};
use repository::{ProfileName, local};
use symbols::{Fetcher, Manifest, Wanted};

use super::{Run, version_scan};
use crate::console::{Console, Settings, Table};
use crate::files::{self, Content, Files};
use crate::images::Subject;
use crate::options::heading::{OUTPUT, REPOSITORIES};
use crate::options::{self, Building, General, Json, NamedImage, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::image as report;

/// List the GUID, age and PDB of every Windows module in a memory image.
///
/// They are read from the headers of the modules, as far as these are in memory. With --fetch the profile of each
/// module is made and stored in the first writable repository.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    named: NamedImage,
    /// Write the PDBs as a list for fetch_pdb --manifest.
    #[arg(long = "write-manifest", value_name = "FILE", help_heading = OUTPUT)]
    write_manifest: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    subject: options::Subject,
    #[command(flatten)]
    unpacking: Unpacking,
    /// Make the profile of each module; =drakvuf: only of the modules for which DRAKVUF uses profiles.
    ///
    /// DRAKVUF also uses profiles of libraries in processes.
    #[arg(long, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "modules",
        hide_possible_values = true, help_heading = REPOSITORIES)]
    fetch: Option<Which>,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile version_modules memory.raw
  rekall-profile -f memory.raw version_modules --write-manifest wanted.json
  rekall-profile -f memory.raw version_modules --fetch=drakvuf --profile_path profiles";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.subject.with(&self.named).list(files);
        if self.fetch.is_some() {
            self.subject.building.list(files);
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

/// The modules whose profiles are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// The kernel's modules.
    Modules,
    /// The modules in DRAKVUF's options.
    Drakvuf,
}

/// The modules besides the kernel for which DRAKVUF uses profiles, by the PDB's stem; libraries of 32-bit processes
/// on a 64-bit system have a `w` before it.
const DRAKVUF: [&str; 20] = [
    "tcpip",
    "win32k",
    "ntdll",
    "sspicli",
    "kernel32",
    "kernelbase",
    "ole32",
    "combase",
    "iphlpapi",
    "mpr",
    "clr",
    "mscorwks",
    "hal",
    "fltMgr",
    "ndis",
    "netio",
    "ci",
    "fwpkclnt",
    "services",
    "win32kfull",
];

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let subject = Subject::open(&arguments.subject.with(&arguments.named), console)?;
    let guest = subject.guest(console)?;
    if !matches!(guest, analyzer::Guest::Windows(_)) {
        bail!("{}: expected a Windows image; modules of other systems do not name PDBs", subject.source);
    }
    let listing = guest.modules()?;
    let named: Vec<(&Module, &GuidAge, &str)> = listing
        .rows
        .iter()
        .filter_map(|module| module.pdb.as_ref().map(|(guid_age, pdb)| (module, guid_age, pdb.as_str())))
        .collect();
    if console.json() {
        let modules = named.iter().map(|(module, guid_age, pdb)| report::ModuleVersion {
            base: module.base,
            module: module.name.clone(),
            guid_age: guid_age.to_string(),
            pdb: (*pdb).to_owned(),
        });
        console.print_report(&report::ModuleVersions {
            image: subject.source.clone(),
            modules: modules.collect(),
            without: listing.rows.len() - named.len(),
        })?;
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
        console.print(&table.lines())?;
    }
    if let Some(path) = &arguments.write_manifest {
        let mut manifest = Manifest::default();
        for (module, guid_age, pdb) in &named {
            // A text that cannot be a file name does not identify a PDB to fetch.
            if let Ok(name) = pdb.parse() {
                let seen = vec![format!("{} at {:#x}", subject.source, module.base)];
                manifest.add(Wanted { name, guid_age: **guid_age, seen });
            }
        }
        files::write(path, |sink| manifest.write(sink))?;
    }
    let failed = match arguments.fetch {
        Some(which) => {
            let mut wanted: Vec<(String, GuidAge)> =
                named.iter().map(|(_, guid_age, pdb)| ((*pdb).to_owned(), **guid_age)).collect();
            if which == Which::Drakvuf {
                let found = version_scan::search(&subject.image, console, &mut Report::default());
                wanted.extend(found.iter().filter_map(|found| match &found.record {
                    CodeView::Pdb(rsds) => Some((rsds.file_name().to_owned(), rsds.guid_age)),
                    _ => None,
                }));
                wanted.retain(|(pdb, _)| is_drakvufs(pdb));
            }
            wanted.sort();
            wanted.dedup();
            fetch(&wanted, &arguments.subject.building, console)?
        }
        None => 0,
    };
    let without = listing.rows.len() - named.len();
    if without > 0 {
        console.info(format_args!(
            "{without} of {} modules name none: their headers are not in memory",
            listing.rows.len()
        ));
    }
    if let Err(problem) = &listing.end {
        console.warn(format_args!("{}: the list is not complete: {problem}", subject.source));
    }
    Ok(Outcome::from_good(listing.end.is_ok() && !named.is_empty() && failed == 0))
}

/// Whether DRAKVUF uses a profile of the module with this PDB.
fn is_drakvufs(pdb: &str) -> bool {
    let stem = pdb.rsplit_once('.').map_or(pdb, |(stem, _)| stem);
    let narrow = stem.strip_prefix(['w', 'W']).unwrap_or(stem);
    let kernel = analyzer::windows::KERNELS.iter().any(|kernel| kernel.eq_ignore_ascii_case(pdb));
    kernel || DRAKVUF.iter().any(|name| name.eq_ignore_ascii_case(stem) || name.eq_ignore_ascii_case(narrow))
}

/// Makes the profiles that no repository has yet; returns how many could not be made.
fn fetch(wanted: &[(String, GuidAge)], building: &Building, console: &Console) -> anyhow::Result<usize> {
    let repositories = building.open()?;
    let storage =
        repositories.writable().context("no repository is writable; name one with --profile_path")?;
    let fetcher = Fetcher::new(building.symbols.options(None, console.threads())?);
    let (mut there, mut made, mut failed) = (0, 0, 0);
    for (pdb, guid_age) in wanted {
        let name = ProfileName::of_guid(&local::folder_of(pdb), *guid_age);
        let built = name.map_err(anyhow::Error::from).and_then(|name| {
            if repositories.load(&name, &Silent).is_ok() {
                return Ok(None);
            }
            Ok(Some(local::build(&pdb.parse()?, *guid_age, &fetcher, storage, console.progress())?))
        });
        match built {
            Ok(None) => there += 1,
            Ok(Some(built)) => {
                made += 1;
                console.info(format_args!("{}: {}", built.loaded.name, built.health.verdict.name()));
            }
            Err(error) => {
                failed += 1;
                let error = format!("{error:#}");
                let first = error.lines().next().unwrap_or_default();
                console.warn(format_args!("{}: {}", pdb, first));
            }
        }
    }
    console.info(format_args!("profiles: {made} made, {there} there already, {failed} failed"));
    Ok(failed)
}

#[cfg(test)]
mod tests {
    use super::is_drakvufs;

    #[test]
    fn drakvuf_also_uses_libraries_of_32_bit_processes() {
        for pdb in ["ntkrnlmp.pdb", "tcpip.pdb", "wntdll.pdb", "ntdll.pdb", "WKERNEL32.pdb", "fltmgr.pdb"] {
            assert!(is_drakvufs(pdb), "{pdb}");
        }
        for pdb in ["notepad.pdb", "usbhub.pdb", ""] {
            assert!(!is_drakvufs(pdb), "{pdb}");
        }
    }
}
