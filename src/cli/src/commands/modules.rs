use analyzer::{Listing, Module};
use image::Image;

use super::Run;
use crate::console::{Console, Lines, Settings, Table};
use crate::files::Files;
use crate::images::{Subject, triage};
use crate::options::{self, General, Json, NamedImage, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::image as report;

/// List the modules of the kernel in a memory image.
///
/// The modules are listed in the order of the kernel's own list. The profile is found as in autodetect, unless
/// --profile names one. The modules in a Windows triage dump are shown without a profile.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    named: NamedImage,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    subject: options::Subject,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile modules memory.raw
  rekall-profile -f memory.raw --profile nt.json.gz modules --json";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.subject.with(&self.named).list(files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let options = arguments.subject.with(&arguments.named);
    // What cannot be opened is told below.
    let image = options.image.filename.as_ref().and_then(|filename| {
        // A packed file is unpacked below, once.
        let packed = image::needs_unpacking(filename);
        (!packed).then(|| Image::open(filename).ok()).flatten()
    });
    if let Some(triage) = image.as_ref().and_then(|image| image.hints().triage.as_ref()) {
        match console.json() {
            true => {
                let modules = triage::to_report(triage);
                console.print_report(&report::Modules::Triage { triage: true, modules })?;
            }
            false => console.print(&triage::table(triage))?,
        }
        return Ok(Outcome::Success);
    }
    let subject = Subject::open(&options, console)?;
    let guest = subject.guest(console)?;
    let Listing { rows, end } = guest.modules()?;
    if console.json() {
        console.print_report(&report::Modules::Kernel {
            image: subject.source.clone(),
            modules: rows.iter().map(to_report).collect(),
            problem: end.as_ref().err().map(ToString::to_string),
        })?;
    } else {
        console.print(&table(&rows))?;
    }
    if let Err(problem) = &end {
        console.warn(format_args!("{}: the list is not complete: {problem}", subject.source));
    }
    // A kernel may have no modules.
    Ok(Outcome::from_good(end.is_ok()))
}

fn table(rows: &[Module]) -> Lines {
    let mut table =
        Table::new(&["Offset (V)", "Name", "Base", ">Size", ">Uses", "State", "GUID/Age", "PDB", "File"]);
    for row in rows {
        let (guid_age, pdb) = match &row.pdb {
            Some((guid_age, pdb)) => (guid_age.to_string(), pdb.clone()),
            None => (String::new(), String::new()),
        };
        table.row([
            format!("{:#x}", row.address),
            row.name.clone(),
            format!("{:#x}", row.base),
            row.size.to_string(),
            row.uses.map(|uses| uses.to_string()).unwrap_or_default(),
            row.state.unwrap_or_default().to_owned(),
            guid_age,
            pdb,
            row.path.clone().unwrap_or_default(),
        ]);
    }
    table.lines()
}

fn to_report(row: &Module) -> report::Module {
    report::Module {
        offset: row.address,
        name: row.name.clone(),
        base: row.base,
        size: row.size,
        uses: row.uses,
        state: row.state.map(str::to_owned),
        guid_age: row.pdb.as_ref().map(|(guid_age, _)| guid_age.to_string()),
        pdb: row.pdb.as_ref().map(|(_, pdb)| pdb.clone()),
        file: row.path.clone(),
    }
}
