use analyzer::{Listing, Process};

use super::Run;
use crate::console::{Console, Lines, Settings, Table};
use crate::files::Files;
use crate::images::Subject;
use crate::options::{self, General, Json, NamedImage, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::image as report;

/// List the processes in a memory image.
///
/// The processes are listed in the order of the kernel's own list. The profile is found as in autodetect, unless
/// --profile names one. A profile of another build is refused.
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
  rekall-profile pslist memory.raw
  rekall-profile -f memory.raw --profile nt.json.gz pslist";

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
    let subject = Subject::open(&arguments.subject.with(&arguments.named), console)?;
    let guest = subject.guest(console)?;
    let Listing { rows, end } = guest.processes()?;
    if console.json() {
        console.print_report(&report::Processes {
            image: subject.source.clone(),
            processes: rows.iter().map(to_report).collect(),
            problem: end.as_ref().err().map(ToString::to_string),
        })?;
    } else {
        console.print(&table(&rows))?;
    }
    if let Err(problem) = &end {
        console.warn(format_args!("{}: the list is not complete: {problem}", subject.source));
    }
    Ok(Outcome::from_good(end.is_ok() && !rows.is_empty()))
}

fn table(rows: &[Process]) -> Lines {
    let mut table = Table::new(&[
        "Offset (V)",
        "Name",
        ">PID",
        ">PPID",
        ">Threads",
        ">Handles",
        ">UID",
        ">GID",
        "State",
        "DTB",
        "Start",
        "Exit",
    ]);
    for row in rows {
        let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        table.row([
            format!("{:#x}", row.address),
            row.name.clone(),
            row.pid.to_string(),
            number(row.parent),
            number(row.threads),
            number(row.handles),
            number(row.user.map(u64::from)),
            number(row.group.map(u64::from)),
            row.state.unwrap_or_default().to_owned(),
            row.dtb.map(|dtb| format!("{dtb:#x}")).unwrap_or_default(),
            row.started.map(|time| time.to_string()).unwrap_or_default(),
            row.ended.map(|time| time.to_string()).unwrap_or_default(),
        ]);
    }
    table.lines()
}

fn to_report(row: &Process) -> report::Process {
    report::Process {
        offset: row.address,
        name: row.name.clone(),
        pid: row.pid,
        ppid: row.parent,
        threads: row.threads,
        handles: row.handles,
        uid: row.user,
        gid: row.group,
        state: row.state.map(str::to_owned),
        dtb: row.dtb,
        nanoseconds_after_boot: row.after_boot,
        start: row.started.map(|time| time.to_string()),
        exit: row.ended.map(|time| time.to_string()),
    }
}
