use analyzer::{Listing, Process};
use serde_json::{Value, json};

use crate::console::table::Table;
use crate::console::{Console, Lines};
use crate::images::subject::Subject;
use crate::options::Global;
use crate::outcome::Outcome;

/// Lists the processes of an image, in the order of the kernel's list.
///
/// # Errors
/// Where image or profile cannot be read, or no kernel that fits is found.
pub fn run(global: &Global, console: &Console) -> anyhow::Result<Outcome> {
    let subject = Subject::open(global, console)?;
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
