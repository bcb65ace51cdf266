use analyzer::{Listing, Process};
use serde_json::{Value, json};

use super::Run;
use crate::console::{Console, Lines, Settings, Table};
use crate::files::Files;
use crate::images::Subject;
use crate::options::{self, General, Json, NamedImage, Threads, Unpacking, settings};
use crate::outcome::Outcome;

/// List the processes in a memory image.
///
/// The kernel's own list is followed, in its order. The profile is found as autodetect finds it, unless --profile names
/// one; a profile of another build is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    named: NamedImage,
    #[command(flatten)]
    subject: options::Subject,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
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
        let processes: Vec<Value> = rows.iter().map(to_json).collect();
        let problem = end.as_ref().err().map(ToString::to_string);
        console.print_json(json!({"image": subject.source, "processes": processes, "problem": problem}))?;
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

fn to_json(row: &Process) -> Value {
    json!({
        "offset": row.address,
        "name": row.name,
        "pid": row.pid,
        "ppid": row.parent,
        "threads": row.threads,
        "handles": row.handles,
        "uid": row.user,
        "gid": row.group,
        "state": row.state,
        "dtb": row.dtb,
        "nanoseconds_after_boot": row.after_boot,
        "start": row.started.map(|time| time.to_string()),
        "exit": row.ended.map(|time| time.to_string()),
    })
}
